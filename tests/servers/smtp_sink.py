"""A mail server that keeps what it is given and answers as it is told."""

import asyncio
import base64
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default as modern
from typing import Any, Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.servers.certificates import Certificate
from tests.servers.machine import PATIENCE_S, free_port

PASSWORD = "secret"


@dataclass(frozen=True)
class Mail:
    """One accepted mail."""

    sender: str
    recipients: list[str]
    raw: bytes
    login: str | None = None

    @property
    def message(self) -> EmailMessage:
        return BytesParser(policy=modern).parsebytes(self.raw)  # type: ignore[return-value]


@dataclass
class Rule:
    verb: str  # MAIL, RCPT or DATA (the answer after the mail was sent)
    reply: str
    address: str | None  # of the recipient (MAIL: of the sender); None: any
    times: int | None  # None: always
    drop: bool = False

    def fits(self, verb: str, addresses: list[str]) -> bool:
        wanted = self.address is None or self.address in addresses
        return self.verb == verb and wanted and self.times != 0


@dataclass
class SmtpSink:
    """`with SmtpSink() as sink: …; mail = sink.wait(1)[0]`. Logging in is possible with the password "secret".

    With a certificate it offers STARTTLS, or speaks TLS from the first byte when `tls_first`.
    """

    delay_s: float = 0
    certificate: Certificate | None = None
    tls_first: bool = False
    mails: list[Mail] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)  # (verb, address)
    token_check: Callable[[str], bool] | None = None  # is this token good? None: XOAUTH2 is refused
    tokens: list[str] = field(default_factory=list)
    busy: int = 0  # mails being taken this moment, while there is a delay
    most: int = 0  # and the most there ever were

    host = "127.0.0.1"
    password = PASSWORD

    def __enter__(self) -> Self:
        self._rules: list[Rule] = []
        self._changed = threading.Condition()
        self.port = free_port()
        tls = self.certificate.server_context() if self.certificate else None
        self._controller = Controller(
            _Handler(self),
            hostname=self.host,
            port=self.port,
            ssl_context=tls if self.tls_first else None,
            tls_context=None if self.tls_first else tls,
            authenticator=_authenticate,
            auth_require_tls=False,
            auth_exclude_mechanism=None if self.token_check else ["XOAUTH2"],
        )
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()

    def answer(self, verb: str, reply: str, address: str | None = None, *, times: int | None = None) -> None:
        """From now on answer MAIL, RCPT or DATA so: sink.answer("RCPT", "550 5.1.1 unknown", "a@b")."""
        self._rules.insert(0, Rule(verb, reply, address, times))

    def drop_after_data(self, *, times: int | None = 1) -> None:
        """Take the mail, keep it, and cut the line without an answer: the sender cannot know."""
        self._rules.insert(0, Rule("DATA", "", None, times, drop=True))

    def behave(self) -> None:
        """Forget every rule and delay."""
        self._rules.clear()
        self.delay_s = 0

    def wait(self, count: int = 1, *, timeout_s: float = PATIENCE_S) -> list[Mail]:
        """The mails, once there are `count` of them. Raises TimeoutError."""
        return self._wait(lambda: len(self.mails) >= count, f"{count} mails", timeout_s)

    def wait_for(self, recipient: str, count: int = 1, *, timeout_s: float = PATIENCE_S) -> list[Mail]:
        """The mails to `recipient`, once there are `count` of them. Raises TimeoutError."""
        self._wait(lambda: len(self.to(recipient)) >= count, f"{count} mails to {recipient}", timeout_s)
        return self.to(recipient)

    def to(self, recipient: str) -> list[Mail]:
        return [mail for mail in self.mails if recipient in mail.recipients]

    def _wait(self, ready: Callable[[], bool], what: str, timeout_s: float) -> list[Mail]:
        with self._changed:
            if not self._changed.wait_for(ready, timeout_s):
                raise TimeoutError(f"{what}: there are {len(self.mails)} after {timeout_s} s")
            return list(self.mails)

    def _rule(self, verb: str, addresses: list[str]) -> Rule | None:
        rule = next((rule for rule in self._rules if rule.fits(verb, addresses)), None)
        if rule is not None and rule.times is not None:
            rule.times -= 1
        return rule

    def _keep(self, mail: Mail) -> None:
        with self._changed:
            self.mails.append(mail)
            self._changed.notify_all()


class _Handler:
    def __init__(self, sink: SmtpSink) -> None:
        self.sink = sink

    async def auth_XOAUTH2(self, server: SMTP, args: list[str]) -> AuthResult | None:
        """The initial response, checked; a wrong one gets the reason first, as Google gives it."""
        token = base64.b64decode(args[1]).decode().split("\x01")[1].removeprefix("auth=Bearer ")
        if self.sink.token_check is not None and self.sink.token_check(token):
            self.sink.tokens.append(token)
            return AuthResult(success=True, auth_data=LoginPassword(b"token", b""))
        await server.challenge_auth(b'{"status":"401"}')
        return AuthResult(success=False, handled=False)

    async def handle_MAIL(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Any) -> str:
        if rule := self.sink._rule("MAIL", [address]):
            self.sink.refused.append(("MAIL", address))
            return rule.reply
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 OK"

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Any) -> str:
        if rule := self.sink._rule("RCPT", [address]):
            self.sink.refused.append(("RCPT", address))
            return rule.reply
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.sink.delay_s:
            self.sink.busy += 1
            self.sink.most = max(self.sink.most, self.sink.busy)
            await asyncio.sleep(self.sink.delay_s)
            self.sink.busy -= 1
        rule = self.sink._rule("DATA", envelope.rcpt_tos)
        if rule and not rule.drop:
            self.sink.refused.append(("DATA", ", ".join(envelope.rcpt_tos)))
            return rule.reply
        login = session.auth_data.login.decode() if isinstance(session.auth_data, LoginPassword) else None
        content = envelope.original_content or b""
        self.sink._keep(Mail(envelope.mail_from or "", list(envelope.rcpt_tos), content, login))
        if rule:
            server.transport.abort()
        return f"250 2.0.0 kept {time.time_ns()}"


def _authenticate(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
    good = isinstance(data, LoginPassword) and data.password == PASSWORD.encode()
    return AuthResult(success=good, handled=good, auth_data=data)
