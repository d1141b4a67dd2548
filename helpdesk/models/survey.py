"""Asking how it was: contact reasons and touchpoints, surveys, invitations, responses."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from helpdesk.models.base import Base, Id, Json, UtcDateTime, now


class Touchpoint(Base):
    """A moment the customer met the business, within a stage of the journey."""

    __tablename__ = "touchpoints"
    id: Mapped[Id]
    name: Mapped[str] = mapped_column(String(200), unique=True)
    name_vi: Mapped[str] = mapped_column(String(200), default="")
    stage: Mapped[str] = mapped_column(String(20), default="get_help")  # discover, buy, use, get_help, renew
    position: Mapped[int] = mapped_column(default=0)


class ContactReason(Base):
    """Why the customer came; asked on solving; mapped to a touchpoint from the first day."""

    __tablename__ = "contact_reasons"
    id: Mapped[Id]
    name: Mapped[str] = mapped_column(String(200), unique=True)
    name_vi: Mapped[str] = mapped_column(String(200), default="")
    touchpoint_id: Mapped[int] = mapped_column(ForeignKey("touchpoints.id"))
    position: Mapped[int] = mapped_column(default=0)
    archived_at: Mapped[datetime | None] = mapped_column(UtcDateTime())


class Survey(Base):
    __tablename__ = "surveys"
    id: Mapped[Id]
    kind: Mapped[str] = mapped_column(String(10), default="csat")  # csat, nps, ces
    name: Mapped[str] = mapped_column(String(200))
    active: Mapped[bool] = mapped_column(default=True)
    question: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)  # {"en": …, "vi": …}; empty: built in
    created_at: Mapped[datetime] = mapped_column(UtcDateTime(), default=now)


class Invitation(Base):
    """One signed invitation to one customer after one solution. `token` is random; it is the address /s/<token>."""

    __tablename__ = "invitations"
    __table_args__ = (Index(None, "customer_id", "sent_at"), Index(None, "ticket_id"))
    id: Mapped[Id]
    token: Mapped[str] = mapped_column(String(50), unique=True)
    survey_id: Mapped[int] = mapped_column(ForeignKey("surveys.id"))
    ticket_id: Mapped[int] = mapped_column(ForeignKey("tickets.id"))
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"))
    channel_id: Mapped[int | None] = mapped_column(ForeignKey("channels.id"))
    identity_id: Mapped[int | None] = mapped_column(ForeignKey("identities.id"))
    message_id: Mapped[int | None] = mapped_column(ForeignKey("messages.id"))
    # Who is credited: frozen when the ticket was solved.
    agent_id: Mapped[int | None] = mapped_column(ForeignKey("agents.id"))
    team_id: Mapped[int | None] = mapped_column(ForeignKey("teams.id"))
    # scheduled, sent, asked (an agent asks on the phone), answered, skipped, cancelled, failed, expired
    state: Mapped[str] = mapped_column(String(10), default="scheduled")
    reason: Mapped[str] = mapped_column(default="")
    solved_at: Mapped[datetime] = mapped_column(UtcDateTime(), default=now)
    due_at: Mapped[datetime] = mapped_column(UtcDateTime(), default=now)
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime())


class Response(Base):
    """One recorded answer; unique by invitation. Facts for reports are copied in, so that later changes do not move them."""

    __tablename__ = "responses"
    __table_args__ = (
        UniqueConstraint("invitation_id"),
        Index(None, "created_at"),
        Index(None, "ticket_id"),
        Index(None, "customer_id"),
    )
    id: Mapped[Id]
    invitation_id: Mapped[int | None] = mapped_column(ForeignKey("invitations.id"))
    survey_kind: Mapped[str] = mapped_column(String(10), default="csat")
    ticket_id: Mapped[int] = mapped_column(ForeignKey("tickets.id"))
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"))
    channel_id: Mapped[int | None] = mapped_column(ForeignKey("channels.id"))
    agent_id: Mapped[int | None] = mapped_column(ForeignKey("agents.id"))
    team_id: Mapped[int | None] = mapped_column(ForeignKey("teams.id"))
    score: Mapped[int] = mapped_column()
    reason_code: Mapped[str] = mapped_column(
        String(60), default=""
    )  # of slow, attitude, not_solved, price: "slow,price"
    comment: Mapped[str] = mapped_column(default="")
    via: Mapped[str] = mapped_column(String(20), default="")  # page, telegram, widget, agent
    created_at: Mapped[datetime] = mapped_column(UtcDateTime(), default=now)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime(), default=now)


class FollowUpTask(Base):
    """Something promised: a recovery call after a low rating, a call back. Has an owner and a time."""

    __tablename__ = "tasks"
    __table_args__ = (Index(None, "ticket_id"), Index(None, "agent_id", "done_at", "due_at"))
    id: Mapped[Id]
    kind: Mapped[str] = mapped_column(String(20), default="recovery")  # recovery, callback, follow_up
    ticket_id: Mapped[int] = mapped_column(ForeignKey("tickets.id"))
    response_id: Mapped[int | None] = mapped_column(ForeignKey("responses.id"), index=True)  # the low rating behind it
    agent_id: Mapped[int | None] = mapped_column(ForeignKey("agents.id"))
    due_at: Mapped[datetime] = mapped_column(UtcDateTime())
    note: Mapped[str] = mapped_column(default="")
    reason: Mapped[str] = mapped_column(default="")
    done_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    done_by_id: Mapped[int | None] = mapped_column(ForeignKey("agents.id"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime(), default=now)
