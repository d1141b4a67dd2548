"""A call as an agent writes it down."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from connectors.contract import Address, InboundMessage
from connectors.phone.numbers import e164

DIRECTIONS = (("in", "They called"), ("out", "We called"))
OUTCOMES = (
    ("answered", "Answered"),
    ("missed", "Missed"),
    ("no_answer", "No answer"),
    ("busy", "Busy"),
    ("voicemail", "Voicemail"),
    ("rejected", "Rejected"),
    ("abandoned", "Hung up while waiting"),
    ("failed", "Did not connect"),
)
MAX_DURATION_S = 24 * 3600
MAX_NOTES = 20_000


def read(form: Mapping[str, Any], region: str) -> InboundMessage:
    """Fields: direction, number, outcome, duration_s (seconds, m:ss or h:mm:ss), notes, and optional name,
    follow_up (ISO 8601), started_at (ISO 8601), client_msg_id. Raises ValueError(field, sentence)."""
    direction = _choice(form, "direction", DIRECTIONS, "in")
    outcome = _choice(form, "outcome", OUTCOMES, "answered")
    number = _number(form, region)
    duration_s = _duration(form) if outcome in ("answered", "voicemail") else 0
    notes = str(form.get("notes") or "").replace("\x00", " ").strip()
    if outcome == "answered" and not notes:
        raise ValueError("notes", "Write what the call was about.")
    if len(notes) > MAX_NOTES:
        raise ValueError("notes", f"The notes are longer than {MAX_NOTES} characters.")
    started_at = _time(form, "started_at")
    follow_up = _time(form, "follow_up")
    call = {
        "direction": direction,
        "number": number,
        "outcome": outcome,
        "duration_s": duration_s,
        "follow_up_at": follow_up.isoformat() if follow_up else "",
        "source": "manual",
    }
    name = " ".join(str(form.get("name") or "").split())[:200]
    return InboundMessage(
        external_id=f"call:{form.get('client_msg_id') or uuid4()}",
        sender=Address("phone", number, name=name),
        text=notes or summary(direction, outcome),
        reply_text=notes or summary(direction, outcome),
        sent_at=started_at,
        kind="call",
        call=call,
    )


def summary(direction: str, outcome: str) -> str:
    """The text of a call nobody wrote notes about."""
    return f"{dict(DIRECTIONS)[direction]}: {dict(OUTCOMES)[outcome].lower()}"


SUMMARIES = tuple(summary(direction, outcome) for direction, _ in DIRECTIONS for outcome, _ in OUTCOMES)


def _choice(form: Mapping[str, Any], field: str, choices: tuple[tuple[str, str], ...], default: str) -> str:
    value = str(form.get(field) or default)
    if value not in dict(choices):
        raise ValueError(field, "Choose one of the list.")
    return value


def _number(form: Mapping[str, Any], region: str) -> str:
    written = str(form.get("number") or "")
    if not written.strip():
        raise ValueError("number", "Enter the customer's phone number.")
    try:
        return e164(written, region)
    except ValueError as error:
        raise ValueError("number", str(error)) from None


def _duration(form: Mapping[str, Any]) -> int:
    written = str(form.get("duration_s") or "0").strip()
    if not re.fullmatch(r"\d{1,6}|\d{1,3}:[0-5]\d|\d{1,2}:[0-5]\d:[0-5]\d", written, re.ASCII):
        raise ValueError("duration_s", "Write the duration in seconds or like 3:25.")
    seconds = 0
    for part in written.split(":"):
        seconds = seconds * 60 + int(part)
    if seconds > MAX_DURATION_S:
        raise ValueError("duration_s", "A call is not longer than a day.")
    return seconds


def _time(form: Mapping[str, Any], field: str) -> datetime | None:
    value = form.get(field)
    if not value:
        return None
    try:
        found = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError:
        raise ValueError(field, "Write the date and time like 2026-11-22 09:30.") from None
    if found.tzinfo is None:
        found = found.replace(tzinfo=UTC)
    if field == "started_at" and found > datetime.now(UTC) + timedelta(minutes=5):
        raise ValueError(field, "A call cannot have begun in the future.")
    return found.astimezone(UTC)
