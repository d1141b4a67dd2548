"""Reply windows as data: until when something may be said to somebody, on what terms, and what is possible after that."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from connectors.contract import Limits
from helpdesk.models import Reach, now


@dataclass(frozen=True)
class OpenWindow:
    """The window that holds now: `hours` long, closing at `closes_at`, with the connector's terms (English, or "")."""

    hours: int
    closes_at: datetime
    terms: str = ""
    automatic: bool = True

    @property
    def left_s(self) -> float:
        """Seconds until it closes."""
        return max(0.0, (self.closes_at - now()).total_seconds())


def closed(limits: Limits, reach: Reach | None, at: datetime) -> bool:
    """May nothing ordinary be sent any more? Never for channels without a window."""
    if reach is None or not limits.reply_window_hours:
        return False
    if reach.window_until is None or reach.window_until < at:
        return True
    # The window of the account as it is configured now, which may be shorter than when they wrote.
    since = reach.last_inbound_at
    return since is not None and since + timedelta(hours=limits.reply_window_hours) < at


def current(limits: Limits, reach: Reach | None, at: datetime) -> OpenWindow | None:
    """The shortest window that is still open; None without one, or when all are closed."""
    if reach is None or reach.last_inbound_at is None or closed(limits, reach, at):
        return None
    for window in limits.windows:
        closes_at = reach.last_inbound_at + timedelta(hours=window.hours)
        if closes_at >= at:
            return OpenWindow(window.hours, closes_at, window.terms, window.automatic)
    return None
