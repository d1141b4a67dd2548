"""SPF, DKIM and DMARC as a host we trust has written them down; nobody else's word is a pass."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from connectors.email.headers import raw_text

METHODS = ("spf", "dkim", "dmarc")
UNKNOWN = "unknown"
FAILURES = frozenset({"fail", "softfail", "permerror", "temperror", "hardfail"})

_COMMENT = re.compile(r"\([^()]{0,500}\)")
_RESULT = re.compile(r"^\s*(spf|dkim|dmarc)(?:/\d)?\s*=\s*([a-z]+)", re.I)
# Headers that a receiving server writes beside its Authentication-Results.
_BESIDE = ("authentication-", "received-spf", "x-", "dkim-", "arc-", "return-path", "delivered-to", "envelope-to")


def read(headers: Sequence[tuple[str, bytes]], trusted_hosts: Iterable[str]) -> dict[str, str]:
    """`{"spf", "dkim", "dmarc"}`, each a result word or "unknown".

    Taken from the topmost Authentication-Results of a trusted host and those of the same host right beside it. Without
    one, the topmost of anybody may report a failure, which nobody has a reason to forge.
    """
    trusted = {host.strip().lower().rstrip(".") for host in trusted_hosts if host.strip()}
    result = dict.fromkeys(METHODS, UNKNOWN)
    first_seen = ""
    collecting = ""
    for name, value in headers:
        if name == "authentication-results":
            host, found = _parse(raw_text(value))
            if host in trusted and collecting in ("", host):
                collecting = host
                for method, word in found.items():
                    if result[method] == UNKNOWN:
                        result[method] = word
            elif not first_seen and not collecting:
                first_seen = raw_text(value)
        elif collecting and not name.startswith(_BESIDE):
            break
    if not collecting and first_seen:
        found = _parse(first_seen)[1]
        result.update({method: word for method, word in found.items() if word in FAILURES})
    return result


def _parse(value: str) -> tuple[str, dict[str, str]]:
    """The host that speaks, and a result for each method; of several signatures one that passes is enough."""
    for _ in range(3):
        value = _COMMENT.sub(" ", value)
    pieces = value.split(";")[:100]
    host = (pieces[0].split() or [""])[0].lower().rstrip(".")
    found: dict[str, str] = {}
    for piece in pieces[1:]:
        match = _RESULT.match(piece)
        if match:
            method, word = match[1].lower(), match[2].lower()
            if found.get(method) != "pass":
                found[method] = word
    return host, found
