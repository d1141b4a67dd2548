"""A reply that is written and waits: for its hour, or for somebody's approval."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from helpdesk.models.base import Base, Id, Json, UtcDateTime, now

HELD_STATES = ("waiting", "returned", "stopped", "sent", "dropped")
# Still to be looked at by somebody: shown in the ticket.
HELD_OPEN = ("waiting", "returned", "stopped")


class HeldReply(Base):
    """`why` it waits: later (until `send_at`) or review. `returned`: the reviewer's `note` says what to change;
    `stopped`: it could not go at its hour, `note` says why."""

    __tablename__ = "held_replies"
    __table_args__ = (Index(None, "ticket_id", "state"), Index(None, "state", "why", "id"))
    id: Mapped[Id]
    ticket_id: Mapped[int] = mapped_column(ForeignKey("tickets.id"))
    agent_id: Mapped[int] = mapped_column(ForeignKey("agents.id"))
    why: Mapped[str] = mapped_column(String(10), default="later")
    state: Mapped[str] = mapped_column(String(10), default="waiting")
    text: Mapped[str] = mapped_column(default="")
    html: Mapped[str] = mapped_column(default="")
    data: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)  # channel, identity, cc, attachments, then
    seen_seq: Mapped[int] = mapped_column(default=0)
    send_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    note: Mapped[str] = mapped_column(default="")
    decided_by_id: Mapped[int | None] = mapped_column(ForeignKey("agents.id"))
    message_id: Mapped[int | None] = mapped_column(ForeignKey("messages.id"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime(), default=now)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime(), default=now)
