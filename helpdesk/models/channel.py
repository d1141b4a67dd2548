"""One configured account that messages come in and go out by, and the raws that came in."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, LargeBinary, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from helpdesk.models.base import Base, Id, Json, UtcDateTime, now


class Channel(Base):
    __tablename__ = "channels"
    id: Mapped[Id]
    key: Mapped[str] = mapped_column(String(40), unique=True)  # in addresses: /hooks/<key>, /widget/<key>.js
    kind: Mapped[str] = mapped_column(String(20), index=True)
    name: Mapped[str] = mapped_column(String(200))
    settings: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    secrets_sealed: Mapped[str] = mapped_column(default="")  # JSON of the secret settings, sealed
    enabled: Mapped[bool] = mapped_column(default=True)
    from_config: Mapped[bool] = mapped_column(default=False)  # declared in config.toml: read-only here
    receive_only: Mapped[bool] = mapped_column(default=False)
    team_id: Mapped[int | None] = mapped_column(ForeignKey("teams.id"))
    business_hours_id: Mapped[int | None] = mapped_column(ForeignKey("business_hours.id"))
    away_message: Mapped[str] = mapped_column(default="")
    acknowledge: Mapped[bool] = mapped_column(default=False)
    acknowledge_message: Mapped[str] = mapped_column(default="")
    signature: Mapped[str] = mapped_column(default="")
    plus_addressing: Mapped[bool] = mapped_column(default=False)  # proven by Test connection
    cursor: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    version: Mapped[int] = mapped_column(default=1)  # a listener restarts when it changes
    last_success_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    last_event_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    last_error: Mapped[str] = mapped_column(default="")
    last_error_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    created_at: Mapped[datetime] = mapped_column(UtcDateTime(), default=now)
    archived_at: Mapped[datetime | None] = mapped_column(UtcDateTime())

    @property
    def state(self) -> str:
        """off, failing, ok, or new (nothing heard yet)."""
        if not self.enabled:
            return "off"
        if self.last_error_at and (self.last_success_at is None or self.last_error_at > self.last_success_at):
            return "failing"
        return "ok" if self.last_success_at else "new"


class ChannelTokens(Base):
    """Tokens a channel renews by itself. Kept apart from its settings, so that a renewal and a form never overwrite
    each other; `seed` names the token in the settings that these grew from: another one there makes them void."""

    __tablename__ = "channel_tokens"
    channel_id: Mapped[int] = mapped_column(ForeignKey("channels.id"), primary_key=True)
    seed: Mapped[str] = mapped_column(String(64), default="")
    sealed: Mapped[str] = mapped_column(default="")  # JSON, sealed
    renewed_at: Mapped[datetime] = mapped_column(UtcDateTime(), default=now)


class Inbound(Base):
    """A raw as it came, stored before it was acknowledged. Unique by channel and external id."""

    __tablename__ = "inbound"
    __table_args__ = (
        UniqueConstraint("channel_id", "external_id"),
        Index(
            "ix_inbound_failed", "id", sqlite_where=text("state = 'failed'"), postgresql_where=text("state = 'failed'")
        ),
        Index("ix_inbound_stored", "sha256", sqlite_where=text("body IS NULL"), postgresql_where=text("body IS NULL")),
    )
    id: Mapped[Id]
    channel_id: Mapped[int] = mapped_column(ForeignKey("channels.id"))
    external_id: Mapped[str] = mapped_column(String(200))
    body: Mapped[bytes | None] = mapped_column(LargeBinary)  # up to 64 kB here, else in storage by sha256
    sha256: Mapped[str] = mapped_column(String(64), default="")
    size_bytes: Mapped[int] = mapped_column(default=0)
    content_type: Mapped[str] = mapped_column(String(100), default="")
    meta: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    history: Mapped[bool] = mapped_column(default=False)
    state: Mapped[str] = mapped_column(String(10), default="pending")  # pending, done, failed
    # ticket, follow_up, appended, bounce, automatic, stub, rating, report, ignored
    outcome: Mapped[str] = mapped_column(String(20), default="")
    reason: Mapped[str] = mapped_column(default="")
    duplicates: Mapped[int] = mapped_column(default=0)  # how often the same raw came again
    attempts: Mapped[int] = mapped_column(default=0)
    ticket_id: Mapped[int | None] = mapped_column(index=True)
    message_id: Mapped[int | None] = mapped_column(index=True)
    received_at: Mapped[datetime] = mapped_column(UtcDateTime(), default=now)
    processed_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
