"""What became of one thing that came in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "ticket",
    "follow_up",
    "appended",
    "bounce",
    "automatic",
    "duplicate",
    "edited",
    "stub",
    "rating",
    "report",
    "echo",
    "ignored",
]


@dataclass(frozen=True)
class Outcome:
    """What became of it. Exactly one kind; ids where there are some; the reason in plain words."""

    kind: Kind
    ticket_id: int | None = None
    message_id: int | None = None
    reason: str = ""


__all__ = ["Kind", "Outcome"]
