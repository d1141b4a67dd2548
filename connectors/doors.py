"""What stands at a door before it is read: raws, webhook calls, what a listener found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Raw:
    """Bytes as they came, to be stored before they are acknowledged.

    `external_id` is unique in the channel: a second Raw with the same one is a duplicate.
    `history`: older than the agreed import start; it starts no SLA, no automatic answer, no survey.
    `trusted`: False when the door cannot vouch for the sender (direct SMTP).
    """

    external_id: str
    body: bytes
    content_type: str = "application/octet-stream"
    received_at: datetime | None = None
    history: bool = False
    meta: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class WebRequest:
    """A webhook call without any framework around it. Header names are lower case."""

    method: str
    headers: Mapping[str, str]
    body: bytes
    query: Mapping[str, str] = field(default_factory=dict)
    remote_addr: str = ""


@dataclass(frozen=True)
class Accepted:
    """Verified webhook content and what to answer once it is stored."""

    raws: tuple[Raw, ...] = ()
    body: str = ""
    content_type: str = "text/plain"


@dataclass(frozen=True)
class Batch:
    """What a listener found. The caller commits raws and cursor together, then resumes the generator,
    which is the moment to confirm to the far side (\\Seen, move, next offset)."""

    raws: tuple[Raw, ...]
    cursor: Mapping[str, Any]
