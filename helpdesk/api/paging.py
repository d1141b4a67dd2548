"""Keyset paging: a cursor is the sort key of the last row, so that nothing repeats or is skipped while rows come in."""

from __future__ import annotations

import base64
import binascii
import json
from datetime import datetime
from typing import Any

from helpdesk.errors import Invalid


def encode(*values: Any) -> str:
    plain = [v.isoformat() if isinstance(v, datetime) else v for v in values]
    return base64.urlsafe_b64encode(json.dumps(plain).encode()).decode().rstrip("=")


def decode(cursor: str, *kinds: type) -> tuple[Any, ...] | None:
    """The values of a cursor we gave, or None for none. Raises Invalid."""
    if not cursor:
        return None
    try:
        found = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        return tuple(_read(kind, value) for kind, value in zip(kinds, found, strict=True))
    except (ValueError, TypeError, binascii.Error, UnicodeDecodeError):
        raise Invalid(fields={"cursor": "This cursor is not one of ours, or of another list."}) from None


def _read(kind: type, value: Any) -> Any:
    if kind is datetime:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            raise ValueError(value)
        return moment
    if not isinstance(value, kind) or isinstance(value, bool):
        raise ValueError(value)
    return value


def cut(rows: list[Any], limit: int) -> tuple[list[Any], bool]:
    """The page, and whether there is more: ask for one row too many."""
    return rows[:limit], len(rows) > limit


def number(text: str | None, field: str) -> int | None:
    """An id as the database has it; None for none."""
    if text in (None, ""):
        return None
    if not str(text).isascii() or not str(text).isdigit() or len(str(text)) > 18:
        raise Invalid(fields={field: "This is not an id."})
    return int(str(text))
