"""One mail handed to the SMTP server, and what became of it for each recipient."""

from __future__ import annotations

import re
import smtplib
from dataclasses import dataclass
from typing import Literal

from connectors.contract import (
    ChannelConfig,
    Outbound,
    OutcomeUnknown,
    PermanentFailure,
    Receipt,
    RecipientResult,
    TemporaryFailure,
)
from connectors.email import charsets, dkim, lines
from connectors.email.bounces import permanent
from connectors.email.compose import ascii_domain, compose
from connectors.email.pinned import SmtpSession, close_smtp, network_errors, smtp_place

# How long a server may think about a mail it has got whole. Past that nobody knows whether it took it.
DATA_TIMEOUT_S = 60.0
State = Literal["sent", "failed", "retry"]
_STATUS = re.compile(r"\b([245]\.\d{1,3}\.\d{1,3})\b")


@dataclass(frozen=True)
class _Reply:
    code: int
    words: str

    @property
    def ok(self) -> bool:
        return 200 <= self.code < 300

    @property
    def temporary(self) -> bool:
        return not self.ok and not 500 <= self.code < 600

    @property
    def address_dead(self) -> bool:
        """Does the server say that nobody lives there?"""
        found = _STATUS.search(self.words)
        return self.code >= 500 and permanent(found[1] if found else "", self.words)

    def __str__(self) -> str:
        return f"{self.code} {self.words}"


def _reply(answer: tuple[int, bytes | str]) -> _Reply:
    code, words = answer
    text = charsets.decode(words)[0] if isinstance(words, bytes) else words
    return _Reply(code, charsets.one_line(text)[:400])


def send(outbound: Outbound, config: ChannelConfig) -> Receipt:
    """Raises TemporaryFailure, PermanentFailure or OutcomeUnknown; a repeat carries the same Message-ID."""
    recipients = list(dict.fromkeys(_envelope(one.value) for one in (*outbound.to, *outbound.cc) if one.value))
    if not recipients:
        raise PermanentFailure("The message has no recipient.")
    content = dkim.sign(compose(outbound, config), config)
    host, port, _ = smtp_place(config)
    session, mails = lines.shared.take(config)
    try:
        with network_errors(f"{host}:{port}"):
            results = _transact(session, _envelope(str(config.get("address"))), recipients, content)
            _data(session, content)
    except BaseException:
        close_smtp(session)
        raise
    if session.sock is not None:
        session.sock.settimeout(session.timeout)
    session.command_encoding = "ascii"
    lines.shared.give_back(config, session, mails + 1)
    return Receipt(outbound.message_id, tuple(results))


def _envelope(address: str) -> str:
    """No line end or bracket can reach the command line."""
    plain = re.sub(r"[\s<>\x00-\x1f\x7f]", "", charsets.one_line(address))
    local, at, domain = plain.rpartition("@")
    return f"{local}{at}{ascii_domain(domain)}"


def _transact(session: SmtpSession, sender: str, recipients: list[str], content: bytes) -> list[RecipientResult]:
    """MAIL and RCPT. Raises when nobody is left to receive."""
    reply = _reply(session.mail(sender, _options(session, [sender, *recipients], content)))
    if not reply.ok:
        _fail(reply, "The mail server refused the sender: ")
    results, replies = [], []
    for recipient in recipients:
        reply = _reply(session.rcpt(recipient))
        if reply.code == 421:
            raise TemporaryFailure(f"The mail server takes no mail at the moment: {reply}.")
        replies.append(reply)
        state: State = "sent" if reply.ok else "retry" if reply.temporary else "failed"
        results.append(RecipientResult(recipient, state, "" if reply.ok else str(reply), reply.address_dead))
    if any(reply.ok for reply in replies):
        return results
    waiting = next((reply for reply in replies if reply.temporary), None)
    if waiting is not None:
        raise TemporaryFailure(f"The mail server will take the mail later: {waiting}")
    dead = all(reply.address_dead for reply in replies)
    raise PermanentFailure(f"The mail server refused the recipient: {replies[0]}", address_dead=dead)


def _options(session: SmtpSession, addresses: list[str], content: bytes) -> list[str]:
    options = []
    if session.has_extn("size"):
        limit = session.esmtp_features.get("size", "").strip()
        if limit.isdigit() and 0 < int(limit) < len(content):
            raise PermanentFailure(f"The mail is too large for the mail server ({int(limit) // 1_048_576} MB).")
        options.append(f"SIZE={len(content)}")
    if any(not address.isascii() for address in addresses):
        if not session.has_extn("smtputf8"):
            raise PermanentFailure("The mail server cannot send to an address with letters outside ASCII.")
        options.append("SMTPUTF8")
        session.command_encoding = "utf-8"
    if session.has_extn("8bitmime") and not content.isascii():
        options.append("BODY=8BITMIME")
    return options


def _data(session: SmtpSession, content: bytes) -> None:
    reply = _reply(session.docmd("DATA"))
    if reply.code != 354:
        _fail(reply, "The mail server refused the mail: ")
    lines = content if content.endswith(b"\r\n") else content + b"\r\n"
    session.send(re.sub(rb"(?m)^\.", b"..", lines) + b".\r\n")
    if session.sock is not None:
        session.sock.settimeout(DATA_TIMEOUT_S)
    try:
        reply = _reply(session.getreply())
    except (OSError, smtplib.SMTPException) as error:
        raise OutcomeUnknown("The connection broke before the mail server confirmed the mail.") from error
    if not reply.ok:
        _fail(reply, "The mail server refused the mail: ")


def _fail(reply: _Reply, prefix: str) -> None:
    if reply.temporary:
        raise TemporaryFailure(f"{prefix}{reply}")
    raise PermanentFailure(f"{prefix}{reply}")
