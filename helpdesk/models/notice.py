"""What an agent was told of, and the browsers that may be woken for it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from helpdesk.models.base import Base, Id, Json, UtcDateTime, now

_UNREAD = text("read_at IS NULL")


class Notice(Base):
    """One thing told to one agent. `listed`: it is in the centre and counts there; else only other ways carry it."""

    __tablename__ = "notices"
    __table_args__ = (
        Index("ix_notices_agent", "agent_id", "id"),
        Index("ix_notices_unread", "agent_id", "ticket_id", sqlite_where=_UNREAD, postgresql_where=_UNREAD),
        Index("ix_notices_ticket", "ticket_id", "kind"),
        Index("ix_notices_created", "created_at"),
    )
    id: Mapped[Id]
    agent_id: Mapped[int] = mapped_column(ForeignKey("agents.id"))
    kind: Mapped[str] = mapped_column(String(20))
    ticket_id: Mapped[int | None] = mapped_column(ForeignKey("tickets.id"))
    message_id: Mapped[int | None] = mapped_column()
    actor: Mapped[str] = mapped_column(String(40), default="")  # "agent:7", "customer:3", "" for a machine
    data: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    listed: Mapped[bool] = mapped_column(default=True)
    dedupe: Mapped[str | None] = mapped_column(String(120), unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime(), default=now)
    read_at: Mapped[datetime | None] = mapped_column(UtcDateTime())


class PushSubscription(Base):
    """A browser that let itself be woken. `sealed` holds its address and keys; it ends with the session."""

    __tablename__ = "push_subscriptions"
    id: Mapped[Id]
    agent_id: Mapped[int] = mapped_column(ForeignKey("agents.id"), index=True)
    session_id: Mapped[int] = mapped_column(index=True)
    endpoint_hash: Mapped[str] = mapped_column(String(64), unique=True)
    sealed: Mapped[str] = mapped_column()
    created_at: Mapped[datetime] = mapped_column(UtcDateTime(), default=now)


class NoticeChat(Base):
    """The agent's own chat with one of our accounts, which notices go to; without `value` only a code waits for it."""

    __tablename__ = "notice_chats"
    __table_args__ = (UniqueConstraint("kind", "scope", "value"),)
    id: Mapped[Id]
    agent_id: Mapped[int] = mapped_column(ForeignKey("agents.id"), unique=True)
    channel_id: Mapped[int | None] = mapped_column(ForeignKey("channels.id"))
    kind: Mapped[str | None] = mapped_column(String(20))
    scope: Mapped[str] = mapped_column(String(100), default="")
    value: Mapped[str | None] = mapped_column(String(320))
    name: Mapped[str] = mapped_column(String(200), default="")
    code_hash: Mapped[str | None] = mapped_column(String(64), unique=True)
    code_until: Mapped[datetime | None] = mapped_column(UtcDateTime())
    heard_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    problem: Mapped[str] = mapped_column(String(300), default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime(), default=now)
