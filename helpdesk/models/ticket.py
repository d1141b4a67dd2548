"""One matter of one customer. Status transitions live here."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from helpdesk.models.base import Base, Id, Json, UtcDateTime, now
from helpdesk.models.customer import Customer

STATUSES = ("new", "open", "pending", "on_hold", "solved", "closed")
UNSOLVED = ("new", "open", "pending", "on_hold")
PRIORITIES = ("low", "normal", "high", "urgent")
# Where a ticket lies; every list leads with it, so one composite index serves each view.
SHELVES = ("open", "snoozed", "solved", "closed", "spam", "trash", "merged")


# Snoozed until the customer writes again: no time of ours ever comes that far.
UNTIL_REPLY = datetime(9999, 1, 1, tzinfo=UTC)


class Ticket(Base):
    __tablename__ = "tickets"
    __table_args__ = (
        Index("ix_tickets_shelf", "shelf", "last_activity_at", "id"),
        Index("ix_tickets_assignee", "assignee_id", "shelf", "last_activity_at", "id"),
        Index("ix_tickets_needs_reply", "shelf", "needs_reply", "last_activity_at", "id"),
        Index("ix_tickets_due", "shelf", "sla_due_at", "id"),
        Index("ix_tickets_customer", "customer_id", "last_activity_at", "id"),
        Index("ix_tickets_team", "shelf", "visible_team_id", "last_activity_at", "id"),
        Index("ix_tickets_created", "created_at"),
        Index("ix_tickets_shelf_created", "shelf", "created_at", "id"),
        Index("ix_tickets_solved", "solved_at"),
        Index("ix_tickets_snoozed", "snoozed_until"),
        # Covers the counts of all views of unsolved tickets.
        Index(
            "ix_tickets_counts",
            "visible_team_id",
            "shelf",
            "needs_reply",
            "assignee_id",
            "sla_due_at",
            "sla_soon_at",
            sqlite_where=text("shelf IN ('open', 'snoozed')"),
            postgresql_where=text("shelf IN ('open', 'snoozed')"),
        ),
    )
    id: Mapped[Id]
    number: Mapped[int] = mapped_column(unique=True)
    subject: Mapped[str] = mapped_column(String(500), default="")
    subject_edited: Mapped[bool] = mapped_column(default=False)
    subject_final: Mapped[bool] = mapped_column(default=True)  # False: a chat's first lines may still name it
    status: Mapped[str] = mapped_column(String(10), default="new")
    priority: Mapped[str] = mapped_column(String(10), default="normal")
    shelf: Mapped[str] = mapped_column(String(10), default="open")
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"))
    channel_id: Mapped[int | None] = mapped_column(ForeignKey("channels.id"))  # of the last public message
    identity_id: Mapped[int | None] = mapped_column(ForeignKey("identities.id"))
    origin_channel_id: Mapped[int | None] = mapped_column(ForeignKey("channels.id"))  # where it began
    assignee_id: Mapped[int | None] = mapped_column(ForeignKey("agents.id"))
    team_id: Mapped[int | None] = mapped_column(ForeignKey("teams.id"))
    visible_team_id: Mapped[int] = mapped_column(default=0)  # team_id, 0 without a team: what lists filter by
    reason_id: Mapped[int | None] = mapped_column(ForeignKey("contact_reasons.id"))
    snoozed_until: Mapped[datetime | None] = mapped_column(UtcDateTime())
    needs_reply: Mapped[bool] = mapped_column(default=False)
    waiting_since: Mapped[datetime | None] = mapped_column(UtcDateTime())
    preview: Mapped[str] = mapped_column(String(300), default="")
    last_message_id: Mapped[int | None] = mapped_column()
    last_author: Mapped[str] = mapped_column(String(10), default="customer")
    message_count: Mapped[int] = mapped_column(default=0)
    language: Mapped[str] = mapped_column(String(10), default="")
    history: Mapped[bool] = mapped_column(default=False)  # imported: no SLA, no automatic answer, no survey
    seq: Mapped[int] = mapped_column(default=0)  # event number of its newest message
    # Earliest due time of its running SLA clocks, and when that becomes "soon"; maintained by services/sla.py.
    sla_due_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    sla_soon_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    sla_target: Mapped[str] = mapped_column(String(20), default="")
    merged_into_id: Mapped[int | None] = mapped_column(ForeignKey("tickets.id"))
    follow_up_of_id: Mapped[int | None] = mapped_column(ForeignKey("tickets.id"))
    custom: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime(), default=now)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime(), default=now)
    last_activity_at: Mapped[datetime] = mapped_column(UtcDateTime(), default=now)
    first_response_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    solved_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    solved_by_id: Mapped[int | None] = mapped_column(ForeignKey("agents.id"))
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    shelf_before: Mapped[str] = mapped_column(String(10), default="")  # where trash and spam came from
    customer: Mapped[Customer] = relationship(lazy="select")

    def set_team(self, team_id: int | None) -> None:
        self.team_id = team_id
        self.visible_team_id = team_id or 0

    def set_status(self, status: str, at: datetime, by_agent_id: int | None = None) -> str:
        """Change the status and what follows from it; returns the old one."""
        if status not in STATUSES:
            raise ValueError(f"unknown status {status!r}")
        old, self.status = self.status, status
        if status in ("solved", "closed"):
            if self.solved_at is None or old in UNSOLVED:
                self.solved_at, self.solved_by_id = at, by_agent_id
            self.closed_at = at if status == "closed" else None
            self.snoozed_until = None
            self.needs_reply, self.waiting_since = False, None
        else:
            self.solved_at = self.solved_by_id = self.closed_at = None
        self.updated_at = at
        self.reshelve()
        return old

    def reshelve(self) -> None:
        """Recompute the shelf from status and snooze; spam, trash and merged stay where they are."""
        if self.shelf in ("spam", "trash", "merged"):
            return
        if self.status in ("solved", "closed"):
            self.shelf = self.status
        else:
            self.shelf = "snoozed" if self.snoozed_until else "open"

    def put_away(self, shelf: str) -> None:
        """Into spam or trash (or merged)."""
        if shelf not in ("spam", "trash", "merged"):
            raise ValueError(f"{shelf!r} is not a place to put a ticket away")
        if self.shelf not in ("spam", "trash", "merged"):
            self.shelf_before = self.shelf
        self.shelf = shelf

    def take_back(self) -> None:
        """Out of spam, trash or merged, to where its status says."""
        self.shelf = "open"
        self.shelf_before = ""
        self.reshelve()

    @property
    def unsolved(self) -> bool:
        return self.status in UNSOLVED

    @property
    def snoozed_until_reply(self) -> bool:
        return self.snoozed_until == UNTIL_REPLY


class Tag(Base):
    __tablename__ = "tags"
    id: Mapped[Id]
    name: Mapped[str] = mapped_column(String(60))
    name_folded: Mapped[str] = mapped_column(String(60), unique=True)


class TicketTag(Base):
    __tablename__ = "ticket_tags"
    ticket_id: Mapped[int] = mapped_column(ForeignKey("tickets.id"), primary_key=True)
    tag_id: Mapped[int] = mapped_column(ForeignKey("tags.id"), primary_key=True, index=True)


class Grant(Base):
    """Why an agent sees a ticket outside their teams: mentioned, or follows it."""

    __tablename__ = "grants"
    __table_args__ = (UniqueConstraint("ticket_id", "agent_id", "why"), Index(None, "agent_id", "why", "ticket_id"))
    id: Mapped[Id]
    ticket_id: Mapped[int] = mapped_column(ForeignKey("tickets.id"))
    agent_id: Mapped[int] = mapped_column(ForeignKey("agents.id"))
    why: Mapped[str] = mapped_column(String(10))  # mention, follow
    unread: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime(), default=now)


class ReadMark(Base):
    """Up to which event number an agent has seen a ticket."""

    __tablename__ = "read_marks"
    agent_id: Mapped[int] = mapped_column(ForeignKey("agents.id"), primary_key=True)
    ticket_id: Mapped[int] = mapped_column(ForeignKey("tickets.id"), primary_key=True, index=True)
    seq: Mapped[int] = mapped_column(default=0)


class TicketLink(Base):
    """Two tickets that belong together: related, parent, duplicate."""

    __tablename__ = "ticket_links"
    ticket_id: Mapped[int] = mapped_column(ForeignKey("tickets.id"), primary_key=True)
    other_id: Mapped[int] = mapped_column(ForeignKey("tickets.id"), primary_key=True, index=True)
    kind: Mapped[str] = mapped_column(String(20), primary_key=True, default="related")


class Counter(Base):
    """Numbers handed out without gaps mattering: ticket numbers."""

    __tablename__ = "counters"
    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    value: Mapped[int] = mapped_column(default=0)
