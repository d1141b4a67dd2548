"""What happened, and what must follow: the event log and the outbox."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from helpdesk.models.base import Base, BigId, Id, Json, UtcDateTime, now


class EventRow(Base):
    """One immutable fact. `seq` rises in the order of commits."""

    __tablename__ = "events"
    __table_args__ = (
        Index("ix_events_ticket", "ticket_id", "seq"),
        Index("ix_events_customer", "customer_id", "seq"),
        {"sqlite_autoincrement": True},
    )
    seq: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    type: Mapped[str] = mapped_column(String(40))
    ticket_id: Mapped[int | None] = mapped_column()
    customer_id: Mapped[int | None] = mapped_column()
    message_id: Mapped[int | None] = mapped_column()
    actor: Mapped[str] = mapped_column(String(40), default="system")  # "agent:7", "customer:3", "system", "rule:2"
    data: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    reason: Mapped[str] = mapped_column(default="")  # why a machine decided so, in plain words
    created_at: Mapped[datetime] = mapped_column(UtcDateTime(), default=now)


class OutboxRow(Base):
    """Work that must happen after a commit, written in the same transaction. Drains claim due rows by lease."""

    __tablename__ = "outbox"
    __table_args__ = (
        Index(
            "ix_outbox_due",
            "drain",
            "run_at",
            "id",
            sqlite_where=text("state = 'due'"),
            postgresql_where=text("state = 'due'"),
        ),
        Index(
            "ix_outbox_lane", "lane", "id", sqlite_where=text("state = 'due'"), postgresql_where=text("state = 'due'")
        ),
        Index("ix_outbox_state", "state", "id"),
    )
    id: Mapped[Id]
    drain: Mapped[str] = mapped_column(String(20))
    kind: Mapped[str] = mapped_column(String(40))
    payload: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    # Rows of one lane run one at a time, in order (messages to one identity).
    lane: Mapped[str | None] = mapped_column(String(60))
    # At most so many of one group run at once (deliveries of one channel).
    batch: Mapped[str | None] = mapped_column(String(60))
    dedupe: Mapped[str | None] = mapped_column(String(120), unique=True)
    state: Mapped[str] = mapped_column(String(10), default="due")  # due, failed, done
    run_at: Mapped[datetime] = mapped_column(UtcDateTime(), default=now)
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime())
    lease_by: Mapped[str] = mapped_column(String(60), default="")
    attempts: Mapped[int] = mapped_column(default=0)
    last_error: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime(), default=now)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime())


class Lease(Base):
    """Who alone may do something now (the clock, one mailbox's listener), and signs of life of processes."""

    __tablename__ = "leases"
    name: Mapped[str] = mapped_column(String(80), primary_key=True)
    holder: Mapped[str] = mapped_column(String(80), default="")
    until: Mapped[datetime] = mapped_column(UtcDateTime())
    beat_at: Mapped[datetime] = mapped_column(UtcDateTime(), default=now)
    detail: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)


class IdempotencyKey(Base):
    """A repeated API POST with the same key gets the first answer."""

    __tablename__ = "idempotency_keys"
    key: Mapped[str] = mapped_column(String(200), primary_key=True)
    owner: Mapped[str] = mapped_column(String(40), primary_key=True)
    request_hash: Mapped[str] = mapped_column(String(64))
    status: Mapped[int] = mapped_column(default=0)
    response: Mapped[Any] = mapped_column(Json, default=dict)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime(), default=now, index=True)
