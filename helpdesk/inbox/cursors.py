"""Where a page of a list ended: opaque to the browser, exact to us."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime

from helpdesk.errors import Invalid


@dataclass(frozen=True)
class Cursor:
    """The sort key of the last row of a page. `part`: "a" by activity, "o" oldest first, "d" by due time, "c" newest ticket first."""

    part: str
    at: datetime
    id: int

    def __str__(self) -> str:
        return base64.urlsafe_b64encode(f"{self.part}|{self.at.isoformat()}|{self.id}".encode()).decode().rstrip("=")


def read_cursor(text: str) -> Cursor | None:
    """Raises Invalid for anything we did not write."""
    if not text:
        return None
    try:
        part, at, id_ = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode().split("|")
        moment = datetime.fromisoformat(at)
        if part not in ("a", "o", "d", "c") or moment.tzinfo is None:
            raise ValueError(part)
        return Cursor(part, moment, int(id_))
    except (ValueError, binascii.Error, UnicodeDecodeError):
        raise Invalid("This list cannot be continued from there; reload it.") from None
