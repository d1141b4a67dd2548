"""What people call the states of things and lengths of time; every screen says the same words."""

from __future__ import annotations

from flask_babel import gettext, lazy_gettext

STATUS_WORDS = {
    "new": lazy_gettext("New"),
    "open": lazy_gettext("Open"),
    "pending": lazy_gettext("Pending"),
    "on_hold": lazy_gettext("On hold"),
    "solved": lazy_gettext("Solved"),
    "closed": lazy_gettext("Closed"),
}
PRIORITY_WORDS = {
    "low": lazy_gettext("Low"),
    "normal": lazy_gettext("Normal"),
    "high": lazy_gettext("High"),
    "urgent": lazy_gettext("Urgent"),
}
TARGET_WORDS = {
    "first_response": lazy_gettext("First reply"),
    "next_response": lazy_gettext("Next reply"),
    "resolution": lazy_gettext("Resolution"),
}
# What another ticket is to this one.
LINK_WORDS = {
    "related": lazy_gettext("Related"),
    "parent": lazy_gettext("Part of"),
    "child": lazy_gettext("Has part"),
    "duplicate": lazy_gettext("Duplicate of"),
    "duplicated": lazy_gettext("Duplicated by"),
}
SCORE_WORDS = {
    1: lazy_gettext("Very poor"),
    2: lazy_gettext("Poor"),
    3: lazy_gettext("All right"),
    4: lazy_gettext("Good"),
    5: lazy_gettext("Very good"),
}


def span(seconds: float) -> str:
    """A length of time in its two largest units: "2 h 10 m"."""
    minutes = int(abs(seconds) // 60)
    days, hours, minutes = minutes // 1440, minutes % 1440 // 60, minutes % 60
    if days:
        return gettext("%(d)s d %(h)s h", d=days, h=hours) if hours else gettext("%(d)s d", d=days)
    if hours:
        return gettext("%(h)s h %(m)s m", h=hours, m=minutes) if minutes else gettext("%(n)s h", n=hours)
    return gettext("%(n)s m", n=minutes)
