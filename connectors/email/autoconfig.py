"""What a mail provider publishes for mail programs (the "autoconfig" format of Thunderbird and others)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote
from xml.etree import ElementTree

from connectors.contract import ConnectorError, IPNetwork
from connectors.email.providers import Found, Server
from connectors.web import Web

ANSWER_S = 4.0
MAX_BYTES = 64 * 1024
_SECURITY = {"SSL": "tls", "STARTTLS": "starttls"}
_HOST = re.compile(r"(?=.{1,253}$)[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})*")


def ask(domain: str, address: str, allow_private: Iterable[IPNetwork]) -> Found | None:
    """From the domain itself, encrypted, or nothing: nobody else is told which address is asked for."""
    allowed = tuple(allow_private)
    for base, path in (
        (f"https://autoconfig.{domain}", f"mail/config-v1.1.xml?emailaddress={quote(address)}"),
        (f"https://{domain}", ".well-known/autoconfig/mail/config-v1.1.xml"),
    ):
        try:
            with Web("the domain", base, allowed) as web:
                got = web.request("GET", path, answer_s=ANSWER_S, limit_bytes=MAX_BYTES)
        except ConnectorError:
            continue
        found = read(got[1], domain, address) if got and got[0] == 200 else None
        if found is not None:
            return found
    return None


def read(document: bytes, domain: str, address: str) -> Found | None:
    """None for anything that is no such document, or names no encrypted server."""
    if b"<!DOCTYPE" in document or b"<!ENTITY" in document:
        return None
    try:
        root = ElementTree.fromstring(document)  # noqa: S314 - bounded, and without entities
    except (ElementTree.ParseError, ValueError, LookupError):
        return None
    names = {"%EMAILDOMAIN%": domain, "%EMAILADDRESS%": address, "%EMAILLOCALPART%": address.rpartition("@")[0]}
    imap = _server(root.iter("incomingServer"), "imap", names)
    smtp = _server(root.iter("outgoingServer"), "smtp", names)
    return Found(imap, smtp, "what the domain publishes (autoconfig)") if imap or smtp else None


def _server(entries: Iterable[ElementTree.Element], kind: str, names: dict[str, str]) -> Server | None:
    """The first encrypted one: they stand in the provider's order."""
    for entry in entries:
        host = (entry.findtext("hostname") or "").strip().lower()
        for name, value in names.items():
            host = host.replace(name.lower(), value)
        security = _SECURITY.get((entry.findtext("socketType") or "").strip().upper())
        port = (entry.findtext("port") or "").strip()
        fits = entry.get("type") == kind and _HOST.fullmatch(host) and port.isascii() and port.isdigit()
        if fits and security and 0 < int(port) < 65_536:
            return Server(host, int(port), security)
    return None
