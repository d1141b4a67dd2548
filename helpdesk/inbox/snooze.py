"""Times people choose: until when a ticket sleeps, at what hour a reply goes out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from flask_babel import gettext

from helpdesk.access import Viewer
from helpdesk.models.ticket import UNTIL_REPLY


def snooze_choices(viewer: Viewer) -> list[tuple[str, str]]:
    return [
        ("2h", gettext("In 2 hours")),
        ("tomorrow", gettext("Tomorrow, 08:00")),
        ("3d", gettext("In 3 days")),
        ("monday", gettext("Next Monday, 08:00")),
        ("reply", gettext("Until they reply")),
    ]


def send_laters() -> list[tuple[str, str]]:
    """Hours to send a reply at; keys as snooze_time reads them."""
    return [
        ("2h", gettext("In 2 hours")),
        ("tomorrow", gettext("Tomorrow, 08:00")),
        ("monday", gettext("Next Monday, 08:00")),
    ]


def snooze_time(choice: str, viewer: Viewer, at: datetime | None = None) -> datetime | None:
    """The moment behind a choice or a local time as the browser writes it; None wakes. Raises ValueError."""
    if not choice:
        return None
    if choice == "reply":
        return UNTIL_REPLY
    zone = ZoneInfo(viewer.timezone)
    local = (at or datetime.now(UTC)).astimezone(zone)
    morning = local.replace(hour=8, minute=0, second=0, microsecond=0)
    times = {
        "2h": local + timedelta(hours=2),
        "tomorrow": morning + timedelta(days=1),
        "3d": morning + timedelta(days=3),
        "monday": morning + timedelta(days=(7 - local.weekday())),
    }
    chosen = times.get(choice) or datetime.fromisoformat(choice)
    return (chosen if chosen.tzinfo else chosen.replace(tzinfo=zone)).astimezone(UTC)
