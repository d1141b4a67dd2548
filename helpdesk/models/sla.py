"""Promised times: business hours, policies with targets, and the clocks of a ticket."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from helpdesk.models.base import Base, Id, Json, UtcDateTime, now

TARGETS = ("first_response", "next_response", "resolution")


class BusinessHours(Base):
    """A weekly plan: {"mon": [["08:00", "12:00"], ["13:30", "17:30"]], …}, holidays by country and by date."""

    __tablename__ = "business_hours"
    id: Mapped[Id]
    name: Mapped[str] = mapped_column(String(200))
    timezone: Mapped[str] = mapped_column(String(60), default="Asia/Ho_Chi_Minh")
    week: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    holiday_country: Mapped[str] = mapped_column(String(2), default="")
    holidays: Mapped[list[Any]] = mapped_column(Json, default=list)  # extra days off: ["2027-02-04", …]
    workdays: Mapped[list[Any]] = mapped_column(Json, default=list)  # holidays that are worked after all
    is_default: Mapped[bool] = mapped_column(default=False)


class SlaPolicy(Base):
    __tablename__ = "sla_policies"
    id: Mapped[Id]
    name: Mapped[str] = mapped_column(String(200))
    business_hours_id: Mapped[int | None] = mapped_column(ForeignKey("business_hours.id"))
    is_default: Mapped[bool] = mapped_column(default=False)
    active: Mapped[bool] = mapped_column(default=True)
    targets: Mapped[list[SlaTarget]] = relationship(cascade="all, delete-orphan", lazy="selectin")


class SlaTarget(Base):
    """Minutes of business time for one target; the most specific row (channel kind, priority) wins."""

    __tablename__ = "sla_targets"
    __table_args__ = (UniqueConstraint("policy_id", "target", "channel_kind", "priority"),)
    id: Mapped[Id]
    policy_id: Mapped[int] = mapped_column(ForeignKey("sla_policies.id"))
    target: Mapped[str] = mapped_column(String(20))
    channel_kind: Mapped[str] = mapped_column(String(20), default="")  # empty: any
    priority: Mapped[str] = mapped_column(String(10), default="")  # empty: any
    minutes: Mapped[int] = mapped_column()


class SlaClock(Base):
    """One clock per target per ticket (next_response: one per turn)."""

    __tablename__ = "sla_clocks"
    __table_args__ = (
        UniqueConstraint("ticket_id", "target", "turn"),
        Index("ix_sla_clocks_due", "state", "due_at"),
        Index("ix_sla_clocks_started", "target", "started_at"),
    )
    id: Mapped[Id]
    ticket_id: Mapped[int] = mapped_column(ForeignKey("tickets.id"))
    target: Mapped[str] = mapped_column(String(20))
    turn: Mapped[int] = mapped_column(default=0)
    policy_id: Mapped[int | None] = mapped_column(ForeignKey("sla_policies.id"))
    minutes: Mapped[int] = mapped_column()
    state: Mapped[str] = mapped_column(String(10), default="running")  # running, paused, met, breached, cancelled
    started_at: Mapped[datetime] = mapped_column(UtcDateTime(), default=now)
    due_at: Mapped[datetime | None] = mapped_column(UtcDateTime())  # while running or decided
    soon_at: Mapped[datetime | None] = mapped_column(UtcDateTime())  # a quarter of the promise is left
    breached_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    stopped_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    used_s: Mapped[int] = mapped_column(default=0)  # business seconds used when it stopped or paused
    pauses: Mapped[list[Any]] = mapped_column(Json, default=list)  # [[from, to|null], …] RFC 3339
    reason: Mapped[str] = mapped_column(default="")  # which policy and target, in plain words
