"""Saved filters and saved replies."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from helpdesk.models.base import Base, Id, Json, UtcDateTime, now


class View(Base):
    """A saved filter over tickets. Personal (owner), of a team, or shared with all (neither)."""

    __tablename__ = "views"
    id: Mapped[Id]
    name: Mapped[str] = mapped_column(String(200))
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("agents.id"), index=True)
    team_id: Mapped[int | None] = mapped_column(ForeignKey("teams.id"))
    filter: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    sort: Mapped[str] = mapped_column(String(30), default="activity")
    position: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime(), default=now)


class Macro(Base):
    """A saved reply and/or actions, with placeholders from an allow-list."""

    __tablename__ = "macros"
    id: Mapped[Id]
    name: Mapped[str] = mapped_column(String(200))
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("agents.id"), index=True)
    team_id: Mapped[int | None] = mapped_column(ForeignKey("teams.id"))
    text: Mapped[str] = mapped_column(default="")
    text_vi: Mapped[str] = mapped_column(default="", server_default="")  # for customers who speak Vietnamese
    actions: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    used: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime(), default=now)
