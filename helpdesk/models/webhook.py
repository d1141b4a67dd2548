"""Addresses of other programs that are told what happens here."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from helpdesk.models.base import Base, Id, Json, UtcDateTime, now


class Webhook(Base):
    """One subscription. `seq`: the event up to which it was told, so that whatever failed is told later, in order."""

    __tablename__ = "webhooks"
    id: Mapped[Id]
    url: Mapped[str] = mapped_column(String(2000))
    name: Mapped[str] = mapped_column(String(200), default="")
    events: Mapped[list[str]] = mapped_column(Json, default=list)  # types; empty: all
    secret_sealed: Mapped[str] = mapped_column(default="")
    agent_id: Mapped[int] = mapped_column(ForeignKey("agents.id"))  # whose rights it has: what they see, it is told
    seq: Mapped[int] = mapped_column(default=0)
    active: Mapped[bool] = mapped_column(default=True)
    stopped_why: Mapped[str] = mapped_column(default="")  # why it was switched off by itself
    failures: Mapped[int] = mapped_column(default=0)  # in a row
    last_success_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    last_error: Mapped[str] = mapped_column(default="")
    last_error_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    created_at: Mapped[datetime] = mapped_column(UtcDateTime(), default=now)
