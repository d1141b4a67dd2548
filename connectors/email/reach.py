"""Does a mail server answer at a place, encrypted, with a certificate for its name? Asked without logging in."""

from __future__ import annotations

import imaplib
import smtplib
import ssl
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

from imapclient.exceptions import IMAPClientError

from connectors.contract import ConnectorError, IPNetwork
from connectors.email import pinned
from connectors.email.providers import Server
from connectors.network import resolve

PATIENCE_S = 4.0
AT_ONCE = 8
USUAL = {"imap": ((993, "tls"), (143, "starttls")), "smtp": ((465, "tls"), (587, "starttls"))}


def first(kind: str, hosts: Sequence[str], allow_private: Iterable[IPNetwork]) -> Server | None:
    """The first of `hosts`, at the usual places of `kind` (imap, smtp), that answers as it should; all are tried at once."""
    places = [Server(host, port, security) for host in dict.fromkeys(hosts) for port, security in USUAL[kind]]
    allowed = tuple(allow_private)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(lambda place: answers_at(kind, place, allowed), places))
    return next((place for place, good in zip(places, answers, strict=True) if good), None)


def answers_at(kind: str, place: Server, allow_private: Iterable[IPNetwork]) -> bool:
    """A greeting, and an encrypted line with a valid certificate."""
    try:
        encrypt(kind, place, resolve(place.host, place.port, allow_private))
    except (ConnectorError, OSError, imaplib.IMAP4.error, IMAPClientError, smtplib.SMTPException, ValueError, EOFError):
        return False
    return True


def encrypt(kind: str, place: Server, address: str) -> str:
    """The version of TLS that was agreed on. Raises what the clients raise."""
    return _imap(place, address) if kind == "imap" else _smtp(place, address)


def _imap(place: Server, address: str) -> str:
    session = pinned.ImapSession(place.host, place.port, address, place.security, PATIENCE_S)
    try:
        if place.security == "starttls":
            session.starttls(pinned.tls_context())
        return _version(session.socket())
    finally:
        pinned.close_imap(session)


def _smtp(place: Server, address: str) -> str:
    session = pinned.SmtpSession(place.host, place.port, address, place.security, PATIENCE_S)
    try:
        session.ehlo_or_helo_if_needed()
        if place.security == "starttls":
            session.starttls(context=pinned.tls_context())
        return _version(session.sock)
    finally:
        pinned.close_smtp(session)


def _version(sock: object) -> str:
    return (sock.version() if isinstance(sock, ssl.SSLSocket) else None) or "TLS"
