"""A calendar invitation (RFC 5545) in a few words: what, when, where. Only its first event, and no recurrence."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from connectors.email import charsets
from connectors.email.attachments import MailFile

MAX_BYTES = 256 * 1024
_WHEN = re.compile(r"^(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)(\d\d)?(Z)?)?$")
_ESCAPED = re.compile(r"\\([nN,;\\])")
# Outlook names zones its own way; these are those of our neighbours.
_ZONES = {
    "SE Asia Standard Time": "Asia/Bangkok",
    "Singapore Standard Time": "Asia/Singapore",
    "China Standard Time": "Asia/Shanghai",
    "Tokyo Standard Time": "Asia/Tokyo",
    "Korea Standard Time": "Asia/Seoul",
    "UTC": "UTC",
    "GMT Standard Time": "Europe/London",
    "W. Europe Standard Time": "Europe/Berlin",
    "Romance Standard Time": "Europe/Paris",
    "Eastern Standard Time": "America/New_York",
    "Pacific Standard Time": "America/Los_Angeles",
}


def read(files: Iterable[MailFile]) -> dict[str, str]:
    """`invite` (the summary), `invite_start`, `invite_end` (RFC 3339, or a bare date), `invite_place`, `invite_method`;
    empty without an invitation."""
    for file in files:
        if file.content_type == "text/calendar" and 0 < len(file.data) <= MAX_BYTES:
            found = _event(charsets.decode(file.data, "utf-8")[0])
            if found:
                return found
    return {}


def _event(text: str) -> dict[str, str]:
    lines = re.sub(r"\r?\n[ \t]", "", text).splitlines()[:5000]
    fields: dict[str, tuple[str, str]] = {}  # name -> (parameters, value), of the calendar and its first event
    depth: list[str] = []
    for line in lines:
        head, colon, value = line.partition(":")
        if not colon:
            continue
        name, _, params = head.partition(";")
        name = name.upper()
        if name == "BEGIN":
            depth.append(value.strip().upper())
        elif name == "END":
            if depth and depth.pop() == "VEVENT":
                break
        elif depth in (["VCALENDAR"], ["VCALENDAR", "VEVENT"]):
            fields.setdefault(name, (params, value.strip()))
    if "DTSTART" not in fields:
        return {}
    start, end = _moment(*fields["DTSTART"]), _moment(*fields.get("DTEND", ("", "")))
    found = {
        "invite": _words(fields.get("SUMMARY", ("", ""))[1], 300),
        "invite_start": start,
        "invite_end": end,
        "invite_place": _words(fields.get("LOCATION", ("", ""))[1], 300),
        "invite_method": fields.get("METHOD", ("", "REQUEST"))[1].upper()[:20],
    }
    return {key: value for key, value in found.items() if value} if start else {}


def _words(value: str, limit: int) -> str:
    return charsets.one_line(_ESCAPED.sub(lambda m: " " if m[1] in "nN" else m[1], value))[:limit]


def _moment(params: str, value: str) -> str:
    """Aware UTC where the zone is known, a local time without a zone where it is not, a date for a whole day."""
    match = _WHEN.match(value)
    if not match:
        return ""
    try:
        day = datetime(int(match[1]), int(match[2]), int(match[3]))  # noqa: DTZ001 - the zone follows
        if match[4] is None:
            return day.date().isoformat()
        local = day + timedelta(hours=int(match[4]), minutes=int(match[5]), seconds=int(match[6] or 0))
    except (ValueError, OverflowError):
        return ""
    zone = UTC if match[7] else _zone(params)
    if zone is None:
        return local.isoformat()
    return local.replace(tzinfo=zone).astimezone(UTC).isoformat().replace("+00:00", "Z")


def _zone(params: str) -> ZoneInfo | None:
    named = re.search(r"TZID=\"?([^\";:]{1,60})", params, re.I)
    if not named:
        return None
    try:
        return ZoneInfo(_ZONES.get(named[1], named[1]))
    except (KeyError, ValueError, OSError):
        return None
