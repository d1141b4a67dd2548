"""One utterance in a ticket, its files, and the sending of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from helpdesk.models.base import Base, Id, Json, UtcDateTime, now


class Message(Base):
    __tablename__ = "messages"
    __table_args__ = (
        Index("ix_messages_ticket", "ticket_id", "id"),
        # Only mails: on a desk of chats nearly all would be null, and a planner that counts them scans instead.
        Index(
            "ix_messages_rfc822",
            "rfc822_id",
            sqlite_where=text("rfc822_id IS NOT NULL"),
            postgresql_where=text("rfc822_id IS NOT NULL"),
        ),
        Index("ix_messages_created", "created_at"),
        UniqueConstraint("channel_id", "external_id", "direction"),
        UniqueConstraint("author_key", "client_msg_id"),
    )
    id: Mapped[Id]
    ticket_id: Mapped[int] = mapped_column(ForeignKey("tickets.id"))
    seq: Mapped[int] = mapped_column(default=0, index=True)  # number of the event that added it
    kind: Mapped[str] = mapped_column(String(10), default="reply")  # reply, note, call, survey, system
    direction: Mapped[str] = mapped_column(String(3), default="in")  # in, out
    public: Mapped[bool] = mapped_column(default=True)
    author_type: Mapped[str] = mapped_column(String(10), default="customer")  # customer, agent, bot, system
    agent_id: Mapped[int | None] = mapped_column(ForeignKey("agents.id"))
    customer_id: Mapped[int | None] = mapped_column(ForeignKey("customers.id"), index=True)
    channel_id: Mapped[int | None] = mapped_column(ForeignKey("channels.id"))
    identity_id: Mapped[int | None] = mapped_column(ForeignKey("identities.id"), index=True)
    # The visitor's identity whose chat shows this message too, though it came or went by another channel.
    chat_identity_id: Mapped[int | None] = mapped_column(index=True)
    subject: Mapped[str] = mapped_column(String(500), default="")
    text: Mapped[str] = mapped_column(default="")  # what is new in it: quote and signature are in quoted_text
    quoted_text: Mapped[str] = mapped_column(default="")
    html: Mapped[str] = mapped_column(default="")  # sanitised, whole
    language: Mapped[str] = mapped_column(String(10), default="")
    external_id: Mapped[str | None] = mapped_column(String(200))
    rfc822_id: Mapped[str | None] = mapped_column(String(500))  # Message-ID without brackets; not unique
    client_msg_id: Mapped[str | None] = mapped_column(String(100))
    author_key: Mapped[str | None] = mapped_column(String(40))  # "agent:7", "identity:12": whose client_msg_id
    inbound_id: Mapped[int | None] = mapped_column(ForeignKey("inbound.id"))
    auto: Mapped[str] = mapped_column(String(10), default="no")
    automatic: Mapped[bool] = mapped_column(default=False)  # ours, sent by no person
    courtesy: Mapped[bool] = mapped_column(default=False)
    other_sender: Mapped[bool] = mapped_column(default=False)  # not the ticket's customer; an agent decides
    reason: Mapped[str] = mapped_column(default="")  # why it is in this ticket, in plain words
    call: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    meta: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime())  # as the sender says
    created_at: Mapped[datetime] = mapped_column(UtcDateTime(), default=now)
    edited_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    attachments: Mapped[list[Attachment]] = relationship(order_by="Attachment.id", lazy="select")
    deliveries: Mapped[list[Delivery]] = relationship(order_by="Delivery.id", lazy="select", back_populates="message")


class Attachment(Base):
    """A file, or the note why one is missing. `token` is its unguessable address."""

    __tablename__ = "attachments"
    id: Mapped[Id]
    token: Mapped[str] = mapped_column(String(50), unique=True)
    message_id: Mapped[int | None] = mapped_column(
        ForeignKey("messages.id"), index=True
    )  # null: uploaded, not sent yet
    uploaded_by: Mapped[str] = mapped_column(String(40), default="")  # "agent:7", "identity:12"
    filename: Mapped[str] = mapped_column(String(255), default="")
    content_type: Mapped[str] = mapped_column(String(120), default="application/octet-stream")
    size_bytes: Mapped[int] = mapped_column(default=0)
    sha256: Mapped[str] = mapped_column(String(64), default="", index=True)
    inline: Mapped[bool] = mapped_column(default=False)
    content_id: Mapped[str] = mapped_column(String(300), default="")
    picture: Mapped[bool] = mapped_column(default=False)  # a raster image we decoded: may be shown inline
    problem: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime(), default=now)


# A delivery's state never goes backwards along this order; failed and unknown are left only by Retry.
PROGRESS = ("queued", "sending", "sent", "delivered", "read")


class Delivery(Base):
    """One attempt-tracked sending of one outbound message over one channel."""

    __tablename__ = "deliveries"
    __table_args__ = (
        Index("ix_deliveries_external", "channel_id", "external_id"),
        Index(
            "ix_deliveries_failed",
            "id",
            sqlite_where=text("state in ('failed', 'unknown')"),
            postgresql_where=text("state in ('failed', 'unknown')"),
        ),
    )
    id: Mapped[Id]
    message_id: Mapped[int] = mapped_column(ForeignKey("messages.id"), index=True)
    ticket_id: Mapped[int] = mapped_column(ForeignKey("tickets.id"))
    channel_id: Mapped[int] = mapped_column(ForeignKey("channels.id"))
    identity_id: Mapped[int] = mapped_column(ForeignKey("identities.id"))
    state: Mapped[str] = mapped_column(String(10), default="queued")  # PROGRESS, failed, unknown, cancelled
    attempts: Mapped[int] = mapped_column(default=0)
    next_try_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    error: Mapped[str] = mapped_column(default="")
    external_id: Mapped[str | None] = mapped_column(String(200))
    queued_at: Mapped[datetime] = mapped_column(UtcDateTime(), default=now)
    tried_at: Mapped[datetime | None] = mapped_column(UtcDateTime())  # when the last attempt began
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    delivered_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    read_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    message: Mapped[Message] = relationship(back_populates="deliveries")
    recipients: Mapped[list[Recipient]] = relationship(order_by="Recipient.id", lazy="selectin")

    def advance(self, state: str, at: datetime) -> bool:
        """Move forward along PROGRESS; late and repeated marks change nothing. True when it moved."""
        if self.state not in PROGRESS or PROGRESS.index(state) <= PROGRESS.index(self.state):
            return False
        self.state = state
        if state in ("sent", "delivered", "read"):
            self.sent_at = self.sent_at or at
            self.error = ""
        if state in ("delivered", "read"):
            self.delivered_at = self.delivered_at or at
        if state == "read":
            self.read_at = at
        return True


class SentPart(Base):
    """An id the far side gave to a part of a delivery, when one message became several there (text, then files)."""

    __tablename__ = "sent_parts"
    __table_args__ = (UniqueConstraint("channel_id", "external_id"),)
    id: Mapped[Id]
    delivery_id: Mapped[int] = mapped_column(ForeignKey("deliveries.id"), index=True)
    channel_id: Mapped[int] = mapped_column(ForeignKey("channels.id"))
    external_id: Mapped[str] = mapped_column(String(200))


class Recipient(Base):
    """One address of a delivery (to, cc), with its own state."""

    __tablename__ = "recipients"
    id: Mapped[Id]
    delivery_id: Mapped[int] = mapped_column(ForeignKey("deliveries.id"), index=True)
    role: Mapped[str] = mapped_column(String(3), default="to")
    address: Mapped[str] = mapped_column(String(320))
    state: Mapped[str] = mapped_column(String(10), default="queued")
    reason: Mapped[str] = mapped_column(default="")
