"""What an agent wants to be told of, by which way, and when not: read from their preferences."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

KINDS = ("assigned", "mention", "reply", "sla_soon", "sla_late", "rating", "failed", "approval")
WAYS = ("app", "desktop", "sound", "push", "chat", "email")
EMAIL_AFTER = timedelta(minutes=2)  # who has seen it by then needs no mail

DEFAULTS: dict[str, tuple[str, ...]] = {
    "assigned": ("app", "desktop", "push", "chat"),
    "mention": ("app", "desktop", "sound", "push", "chat", "email"),
    "reply": ("app", "desktop"),
    "sla_soon": ("app", "desktop"),
    "sla_late": ("app", "desktop", "push", "chat"),
    "rating": ("app",),
    "failed": ("app", "desktop"),
    "approval": ("app", "desktop", "email"),
}


@dataclass(frozen=True)
class Choices:
    """`quiet`: minutes of the day in `zone` from which to which nothing makes a noise, or None. `digest`: the hour of
    a daily mail about what is unread, or None."""

    ways: Mapping[str, frozenset[str]] = field(default_factory=dict)
    quiet: tuple[int, int] | None = None
    zone: str = "UTC"
    digest: int | None = None

    def of(self, kind: str) -> frozenset[str]:
        return self.ways.get(kind, frozenset(DEFAULTS.get(kind, ())))

    def quiet_until(self, at: datetime) -> datetime | None:
        """When it may be heard again; None: now."""
        if self.quiet is None:
            return None
        start, end = self.quiet
        local = at.astimezone(ZoneInfo(self.zone))
        minute = local.hour * 60 + local.minute
        within = start <= minute < end if start < end else minute >= start or minute < end
        if not within:
            return None
        day = local.date() + timedelta(days=1 if minute >= end else 0)
        return datetime.combine(day, time(end // 60, end % 60), ZoneInfo(self.zone)).astimezone(UTC)


def read(preferences: Mapping[str, Any] | None, zone: str) -> Choices:
    """From an agent's preferences; what makes no sense there falls back to the default."""
    stored = (preferences or {}).get("notices") or {}
    ways = {
        kind: frozenset(w for w in chosen if w in WAYS)
        for kind, chosen in (stored.get("ways") or {}).items()
        if kind in KINDS and isinstance(chosen, list)
    }
    start, end = clock(stored.get("quiet_from")), clock(stored.get("quiet_until"))
    quiet = (start, end) if stored.get("quiet") and start is not None and end is not None and start != end else None
    hour = stored.get("digest")
    return Choices(ways, quiet, zone, hour if isinstance(hour, int) and 0 <= hour <= 23 else None)


def stored(
    ways: Mapping[str, Iterable[str]], *, quiet: bool, quiet_from: str, quiet_until: str, digest: str = ""
) -> dict[str, Any]:
    """As it is kept in the preferences. Times are "22:00"; KeyError-free: unknown kinds and ways are dropped."""
    return {
        "ways": {kind: [w for w in WAYS if w in set(ways.get(kind, ()))] for kind in KINDS},
        "quiet": quiet,
        "quiet_from": quiet_from,
        "quiet_until": quiet_until,
        "digest": int(digest) if digest.isdecimal() and int(digest) < 24 else None,
    }


def clock(text: Any) -> int | None:
    """Minutes of the day of "22:30", or None."""
    hour, colon, minute = str(text or "").partition(":")
    good = colon and hour.isdecimal() and minute.isdecimal() and len(minute) == 2
    return int(hour) * 60 + int(minute) if good and int(hour) < 24 and int(minute) < 60 else None
