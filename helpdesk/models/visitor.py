"""A visitor of a web site who chats: a random token in the browser, its hash here. No cookie, no address kept."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from helpdesk.models.base import Base, Id, Json, UtcDateTime, now


class VisitorSession(Base):
    """One browser on one widget channel. The identity appears with the first message, or with a proven name."""

    __tablename__ = "visitor_sessions"
    id: Mapped[Id]
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    channel_id: Mapped[int] = mapped_column(ForeignKey("channels.id"), index=True)
    identity_id: Mapped[int | None] = mapped_column(ForeignKey("identities.id"), index=True)
    # The identity this browser wrote under before it proved who it is: still readable, no longer written under.
    earlier_identity_id: Mapped[int | None] = mapped_column(ForeignKey("identities.id"))
    value: Mapped[str] = mapped_column(String(320))  # the identity's value: "v:<random>" or "user:<id>"
    verified: Mapped[bool] = mapped_column(default=False)
    # What the visitor says of themselves; shown to agents as unproven, never used to find somebody.
    name: Mapped[str] = mapped_column(String(200), default="")
    contact: Mapped[str] = mapped_column(String(320), default="")
    consent: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)  # {"at", "text", "locale"}
    attributes: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    locale: Mapped[str] = mapped_column(String(10), default="")
    page: Mapped[str] = mapped_column(String(500), default="")
    referrer: Mapped[str] = mapped_column(String(500), default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime(), default=now)
    last_seen_at: Mapped[datetime] = mapped_column(UtcDateTime(), default=now)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime())

    @property
    def identity_ids(self) -> tuple[int, ...]:
        """Identities whose conversations this browser may read."""
        return tuple(i for i in (self.identity_id, self.earlier_identity_id) if i is not None)


class ChatContinuation(Base):
    """Where a chat goes on besides the chat: the visitor's identity in the chat, and an address of another channel.

    Answers that stay unread are mailed there; what comes back from there is shown in the chat again.
    """

    __tablename__ = "chat_continuations"
    __table_args__ = (UniqueConstraint("chat_identity_id", "identity_id"),)
    id: Mapped[Id]
    chat_identity_id: Mapped[int] = mapped_column(ForeignKey("identities.id"))
    identity_id: Mapped[int] = mapped_column(ForeignKey("identities.id"), index=True)
    at_once: Mapped[bool] = mapped_column(default=False)  # the visitor asked for it: no waiting for them to come back
    sent_up_to: Mapped[int] = mapped_column(default=0)  # message id: answers up to it were sent there
    created_at: Mapped[datetime] = mapped_column(UtcDateTime(), default=now)
