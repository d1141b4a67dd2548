"""Fields that a desk adds to its tickets. The values lie in Ticket.custom, by the field's key."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from helpdesk.models.base import Base, Id, Json, UtcDateTime, now

FIELD_KINDS = ("text", "number", "date", "choice", "checkbox")


class TicketField(Base):
    """One typed field. An archived one is not asked for any more; tickets keep what they have."""

    __tablename__ = "ticket_fields"
    id: Mapped[Id]
    key: Mapped[str] = mapped_column(String(60), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    name_vi: Mapped[str] = mapped_column(String(200), default="")
    kind: Mapped[str] = mapped_column(String(10), default="text")
    choices: Mapped[list[str]] = mapped_column(Json, default=list)
    required: Mapped[bool] = mapped_column(default=False)  # before the ticket can be solved
    position: Mapped[int] = mapped_column(default=0)
    archived_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    created_at: Mapped[datetime] = mapped_column(UtcDateTime(), default=now)
