"""IMAP and SMTP clients that connect to the address resolved and admitted before, and check TLS for the host's name."""

from __future__ import annotations

import contextlib
import imaplib
import smtplib
import socket
import ssl
from collections.abc import Callable, Iterator
from typing import Any

from imapclient import IMAPClient, exceptions

from connectors.contract import ChannelConfig, ConnectorError, PermanentFailure, TemporaryFailure
from connectors.email import oauth
from connectors.network import resolve

TIMEOUT_S = 30.0
SECURITIES = ("tls", "starttls", "none")


def tls_context() -> ssl.SSLContext:
    return ssl.create_default_context()


def _connect(address: str, port: int, timeout_s: float) -> socket.socket:
    """A connection that notices within a minute when the other side is gone."""
    sock = socket.create_connection((address, port), timeout_s)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, name):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return sock


class _Imap4(imaplib.IMAP4):
    def __init__(self, host: str, port: int, address: str, secure: bool, timeout_s: float) -> None:
        self._address, self._secure, self._timeout_s = address, secure, timeout_s
        super().__init__(host, port, timeout=timeout_s)

    def _create_socket(self, timeout: float | None = None) -> socket.socket:
        sock = _connect(self._address, self.port, timeout or self._timeout_s)
        return tls_context().wrap_socket(sock, server_hostname=self.host) if self._secure else sock


class ImapSession(IMAPClient):  # type: ignore[misc]
    """IMAPClient on a pinned address."""

    def __init__(self, host: str, port: int, address: str, security: str, timeout_s: float = TIMEOUT_S) -> None:
        self._pinned_address, self._timeout_s = address, timeout_s
        super().__init__(host, port, ssl=security == "tls", timeout=timeout_s)

    def _create_IMAP4(self) -> Any:
        return _Imap4(self.host, self.port, self._pinned_address, self.ssl, self._timeout_s)

    def told_already(self) -> list[Any]:
        """What came in one piece with the answer to IDLE: it is in our own buffer, where no poll of the socket sees it."""
        self._poll_socket = lambda _sock, _timeout=None: True
        try:
            return list(self.idle_check(timeout=0))
        finally:
            del self._poll_socket


class SmtpSession(smtplib.SMTP):
    """smtplib on a pinned address; `security` is tls, starttls or none."""

    def __init__(self, host: str, port: int, address: str, security: str, timeout_s: float = TIMEOUT_S) -> None:
        self._pinned_address, self._secure = address, security == "tls"
        super().__init__(host, port, timeout=timeout_s)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        sock = _connect(self._pinned_address, port, timeout)
        return tls_context().wrap_socket(sock, server_hostname=host) if self._secure else sock


def imap_place(config: ChannelConfig) -> tuple[str, int, str]:
    """(host, port, security) of the mailbox; PermanentFailure when there is no host."""
    return _place(config, "imap", {"tls": 993, "starttls": 143, "none": 143})


def smtp_place(config: ChannelConfig) -> tuple[str, int, str]:
    return _place(config, "smtp", {"tls": 465, "starttls": 587, "none": 25})


def _place(config: ChannelConfig, kind: str, ports: dict[str, int]) -> tuple[str, int, str]:
    host = str(config.get(f"{kind}_host")).strip()
    security = str(config.get(f"{kind}_security", "tls"))
    if not host:
        raise PermanentFailure(f"No {kind.upper()} server is set for this channel.")
    if security not in SECURITIES:
        raise PermanentFailure(f"{kind}_security must be tls, starttls or none.")
    return host, int(config.get(f"{kind}_port", 0) or ports[security]), security


@contextlib.contextmanager
def network_errors(what: str) -> Iterator[None]:
    """Whatever goes wrong between two sockets, as a sentence: `what` names the server."""
    try:
        yield
    except ConnectorError:
        raise
    except ssl.SSLCertVerificationError as error:
        raise PermanentFailure(f"The certificate of {what} is not valid: {error.verify_message}.") from error
    except ssl.SSLError as error:
        raise TemporaryFailure(f"{what} did not agree on an encrypted connection; is the port right?") from error
    except TimeoutError as error:
        raise TemporaryFailure(f"{what} did not answer in time.") from error
    except ConnectionRefusedError as error:
        raise TemporaryFailure(f"{what} refused the connection; is the port right?") from error
    except (OSError, imaplib.IMAP4.abort, EOFError) as error:
        if isinstance(error.__context__, TimeoutError):  # smtplib tells a timeout as a disconnection
            raise TemporaryFailure(f"{what} did not answer in time.") from error
        raise TemporaryFailure(f"The connection to {what} was lost.") from error
    except smtplib.SMTPNotSupportedError as error:
        raise PermanentFailure(f"{what} does not offer STARTTLS; choose TLS or another port.") from error
    except smtplib.SMTPException as error:
        raise TemporaryFailure(f"{what} gave an answer that makes no sense.") from error
    except (imaplib.IMAP4.error, exceptions.IMAPClientError, ValueError, IndexError, KeyError) as error:
        raise TemporaryFailure(f"{what} refused a command or gave an answer that makes no sense.") from error


def open_imap(config: ChannelConfig) -> ImapSession:
    """Connected and logged in. Raises TemporaryFailure or PermanentFailure."""
    host, port, security = imap_place(config)
    what = f"{host}:{port}"
    address = resolve(host, port, config.allow_private)
    with network_errors(what):
        session = ImapSession(host, port, address, security)
    try:
        with network_errors(what):
            if security == "starttls":
                session.starttls(tls_context())
            _login(session, config, host)
    except ConnectorError:
        close_imap(session)
        raise
    return session


def _login(session: ImapSession, config: ChannelConfig, host: str) -> None:
    user, password = str(config.get("imap_user") or config.get("address")), str(config.get("imap_password"))
    if oauth.provider_of(config) is not None:
        _with_token(config, host, lambda token: _xoauth2_imap(session, user, token))
        return
    try:
        if not (user + password).isascii() and session.has_capability("AUTH=PLAIN"):
            session.sasl_login("PLAIN", lambda _: f"\0{user}\0{password}".encode())
        else:
            session.login(user, password)
    except UnicodeError:
        raise PermanentFailure(f"{host} takes only letters of ASCII in user name and password.") from None
    except (exceptions.LoginError, imaplib.IMAP4.error) as error:
        if isinstance(error, imaplib.IMAP4.abort):
            raise
        _not_now(error, host)
        raise PermanentFailure(f"{host} refused the login of {user}: check the user name and the password.") from None


def _not_now(error: Exception, host: str) -> None:
    """Raises TemporaryFailure when the server says that it is not about the password."""
    said = str(error).strip("b'\"").upper()
    if any(code in said for code in ("[UNAVAILABLE]", "[INUSE]", "[LIMIT]", "[SERVERBUG]", "TOO MANY")):
        raise TemporaryFailure(f"{host} does not take a login at the moment.") from None


def _with_token(config: ChannelConfig, host: str, log_in: Callable[[str], bool]) -> None:
    """A token that is refused may have ended early: another is asked for, once."""
    token = oauth.access_token(config)
    if log_in(token) or log_in(oauth.access_token(config, refused=token)):
        return
    raise PermanentFailure(
        f"{host} refused the access that was given: is this the account that consented, and may it use IMAP and SMTP?"
    )


def _xoauth2_imap(session: ImapSession, user: str, token: str) -> bool:
    answer = oauth.xoauth2(user, token)
    try:
        # After a refusal the server asks once more, with its reason: the answer to that is nothing.
        session.sasl_login("XOAUTH2", lambda challenge: b"" if challenge else answer)
    except (exceptions.LoginError, imaplib.IMAP4.error) as error:
        if isinstance(error, imaplib.IMAP4.abort):
            raise
        _not_now(error, session.host)
        return False
    return True


def close_imap(session: ImapSession) -> None:
    """Leave without waiting for anybody."""
    with contextlib.suppress(OSError, imaplib.IMAP4.error, ValueError):
        session.socket().settimeout(2)
        session.shutdown()


def open_smtp(config: ChannelConfig, timeout_s: float = TIMEOUT_S) -> SmtpSession:
    """Connected, greeted and logged in where a user is set. Raises TemporaryFailure or PermanentFailure."""
    host, port, security = smtp_place(config)
    what = f"{host}:{port}"
    address = resolve(host, port, config.allow_private)
    with network_errors(what):
        try:
            session = SmtpSession(host, port, address, security, timeout_s)
        except smtplib.SMTPConnectError as error:
            raise TemporaryFailure(f"{what} does not take mail at the moment ({error.smtp_code}).") from None
    try:
        with network_errors(what):
            _greet(session, security, host)
            _authenticate(session, config, host)
    except ConnectorError:
        close_smtp(session)
        raise
    return session


def _greet(session: SmtpSession, security: str, host: str) -> None:
    session.ehlo_or_helo_if_needed()
    if security != "starttls":
        return
    try:
        session.starttls(context=tls_context())
    except smtplib.SMTPNotSupportedError:
        raise PermanentFailure(f"{host} does not offer STARTTLS; choose TLS or another port.") from None
    session.ehlo_or_helo_if_needed()


def _authenticate(session: SmtpSession, config: ChannelConfig, host: str) -> None:
    password, user = str(config.get("smtp_password")), str(config.get("smtp_user") or config.get("address"))
    if oauth.provider_of(config) is not None:
        _with_token(config, host, lambda token: _xoauth2_smtp(session, user, token, host))
        return
    if not password or not session.has_extn("auth"):
        return  # a relay that knows us by our address
    try:
        session.login(user, password)
    except UnicodeError:
        raise PermanentFailure(f"{host} takes only letters of ASCII in user name and password.") from None
    except smtplib.SMTPAuthenticationError as error:
        _not_now_smtp(error, host)
        raise PermanentFailure(
            f"{host} refused the login for sending ({error.smtp_code}): check the user name and the password."
        ) from None
    except smtplib.SMTPException as error:
        if isinstance(error, smtplib.SMTPServerDisconnected):
            raise
        raise PermanentFailure(f"{host} offers no way to log in that is supported.") from None


def _not_now_smtp(error: smtplib.SMTPAuthenticationError, host: str) -> None:
    if error.smtp_code < 500:
        raise TemporaryFailure(f"{host} does not take a login at the moment ({error.smtp_code}).") from None


def _xoauth2_smtp(session: SmtpSession, user: str, token: str, host: str) -> bool:
    if "XOAUTH2" not in session.esmtp_features.get("auth", "").upper().split():
        raise PermanentFailure(f"{host} does not offer XOAUTH2.")
    answer = oauth.xoauth2(user, token).decode()
    try:
        session.auth("XOAUTH2", lambda challenge=None: "" if challenge else answer)
    except smtplib.SMTPAuthenticationError as error:
        _not_now_smtp(error, host)
        return False
    return True


def close_smtp(session: SmtpSession) -> None:
    with contextlib.suppress(OSError, smtplib.SMTPException):
        if session.sock is not None:
            session.sock.settimeout(2)
        session.quit()
    session.close()
