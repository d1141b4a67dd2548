"""The public address as the world sees it: called by name, through DNS, firewall and proxy, from where the desk runs."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

TIMEOUT_S = 5.0
SKEW_S = 30.0


def N_(text: str) -> str:  # noqa: N802 - the name translators' tools look for
    """Marks a sentence for translation."""
    return text


@dataclass(frozen=True)
class Seen:
    """state: ok, warn or fail. `told` and `advice` are English sentences; `values` fills what stands as %(name)s."""

    state: str
    told: str
    advice: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)


def look(url: str) -> Seen:
    """Ask `url` for its health. Uses the network for up to TIMEOUT_S: call it with no transaction open."""
    import httpx

    began = time.monotonic()
    try:
        answer = httpx.get(f"{url}/healthz", timeout=TIMEOUT_S, follow_redirects=False)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        told = N_("%(url)s does not answer (%(error)s).")
        advice = N_("Check DNS, the firewall and the proxy in front.")
        return Seen("fail", told, advice, {"url": url, "error": type(error).__name__})
    if answer.status_code != 200 or answer.text.strip() != "ok":
        told = N_("%(url)s/healthz answers %(status)s, but not like this product.")
        advice = N_("The proxy must pass this address on unchanged.")
        return Seen("fail", told, advice, {"url": url, "status": answer.status_code})
    skew = _skew_s(answer.headers)
    if skew > SKEW_S:
        return Seen("warn", N_("The clocks differ by %(s)d s."), N_("Run a time service (NTP)."), {"s": skew})
    took = {"url": url, "ms": (time.monotonic() - began) * 1000}
    return Seen("ok", N_("%(url)s answers in %(ms)d ms."), "", took)


def _skew_s(headers: Mapping[str, str]) -> float:
    try:
        there = parsedate_to_datetime(headers["Date"])
    except (KeyError, ValueError, TypeError):
        return 0.0
    return abs((datetime.now(UTC) - there).total_seconds())
