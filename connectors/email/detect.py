"""The servers of an address, found without asking a person: known providers, DNS, what the domain publishes, trying."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import dns.exception
import dns.resolver

from connectors.contract import IPNetwork
from connectors.email import autoconfig, providers, reach
from connectors.email.identity import normalise
from connectors.email.providers import Found, Server

PATIENCE_S = 4.0
SERVICES = {"imap": (("_imaps._tcp", "tls"), ("_imap._tcp", "starttls")),
            "smtp": (("_submissions._tcp", "tls"), ("_submission._tcp", "starttls"))}  # fmt: skip


def detect(address: str, allow_private: Iterable[IPNetwork], resolver: dns.resolver.Resolver | None = None) -> Found:
    """The best that is known; parts that nobody knows are None. Raises ValueError for what is no address.

    Uses the network (DNS, the domain's own web server, its mail servers), through the same guard as everything else.
    """
    address = normalise(address)
    domain = address.rpartition("@")[2]
    known = providers.by_domain(domain)
    if known is not None:
        return known
    names = _Names(resolver)
    found = _by_services(domain, names)
    if found.imap and found.smtp:
        return found
    exchangers = names.exchangers(domain)
    for better in (providers.by_exchangers(exchangers), autoconfig.ask(domain, address, allow_private)):
        if better is not None:
            return _joined(found, better)
    return _joined(found, _by_trying(domain, exchangers, allow_private))


def _joined(one: Found, other: Found) -> Found:
    """What a domain says of itself first."""
    source = one.source if one.imap or one.smtp else other.source
    return Found(one.imap or other.imap, one.smtp or other.smtp, source, other.sign_in)


def _by_services(domain: str, names: _Names) -> Found:
    """SRV records (RFC 6186 and 8314)."""
    found: dict[str, Server | None] = {"imap": None, "smtp": None}
    for kind, services in SERVICES.items():
        for service, security in services:
            place = found[kind] or names.service(f"{service}.{domain}")
            found[kind] = place if isinstance(place, Server) else Server(*place, security) if place else None
    return Found(found["imap"], found["smtp"], "the domain's DNS (SRV)")


def _by_trying(domain: str, exchangers: list[str], allow_private: Iterable[IPNetwork]) -> Found:
    """The names that servers usually have; shared hosting often knows only the server that takes the mail."""
    allowed, best = tuple(allow_private), exchangers[:2]
    imap = reach.first("imap", [f"imap.{domain}", f"mail.{domain}", *best, domain], allowed)
    same = [imap.host] if imap else []
    smtp = reach.first("smtp", [f"smtp.{domain}", *same, f"mail.{domain}", *best, domain], allowed)
    return Found(imap, smtp, "trying the usual names")


class _Names:
    """DNS, where no answer is an answer."""

    def __init__(self, resolver: dns.resolver.Resolver | None) -> None:
        self._resolver = resolver

    def service(self, name: str) -> tuple[str, int] | None:
        rows = sorted(self._ask(name, "SRV"), key=lambda row: (row.priority, -row.weight))
        good = [(_host(row.target), int(row.port)) for row in rows if _host(row.target)]  # "." means: not offered
        return good[0] if good else None

    def exchangers(self, domain: str) -> list[str]:
        rows = sorted(self._ask(domain, "MX"), key=lambda row: row.preference)
        return [_host(row.exchange) for row in rows if _host(row.exchange)]

    def _ask(self, name: str, kind: str) -> list[Any]:
        try:
            self._resolver = self._resolver or dns.resolver.Resolver()
            return list(self._resolver.resolve(name, kind, lifetime=PATIENCE_S))
        except (dns.exception.DNSException, OSError, ValueError):
            return []


def _host(name: Any) -> str:
    return str(name).rstrip(".").lower()
