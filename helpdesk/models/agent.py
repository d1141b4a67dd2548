"""Who works: agents, their teams, sessions and tokens."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column, relationship

from helpdesk.models.base import Base, Id, Json, UtcDateTime, now

ROLES = ("agent", "supervisor", "admin")


class Team(Base):
    __tablename__ = "teams"
    id: Mapped[Id]
    name: Mapped[str] = mapped_column(String(200), unique=True)
    # After *Send*: pending (waiting for the customer) unless the team chooses otherwise.
    status_after_send: Mapped[str] = mapped_column(String(20), default="pending")
    close_after_days: Mapped[int] = mapped_column(default=14)
    business_hours_id: Mapped[int | None] = mapped_column(ForeignKey("business_hours.id"))
    sla_policy_id: Mapped[int | None] = mapped_column(ForeignKey("sla_policies.id"))
    archived_at: Mapped[datetime | None] = mapped_column(UtcDateTime())


class TeamMember(Base):
    __tablename__ = "team_members"
    team_id: Mapped[int] = mapped_column(ForeignKey("teams.id"), primary_key=True)
    agent_id: Mapped[int] = mapped_column(ForeignKey("agents.id"), primary_key=True, index=True)
    leads: Mapped[bool] = mapped_column(default=False)


class Agent(Base):
    __tablename__ = "agents"
    id: Mapped[Id]
    email: Mapped[str] = mapped_column(String(320), unique=True)  # lower case
    name: Mapped[str] = mapped_column(String(200))
    role: Mapped[str] = mapped_column(String(20), default="agent")
    password_hash: Mapped[str | None] = mapped_column(String(200))
    locale: Mapped[str] = mapped_column(String(10), default="en")
    timezone: Mapped[str] = mapped_column(String(60), default="Asia/Ho_Chi_Minh")
    signature: Mapped[str] = mapped_column(default="")
    theme: Mapped[str] = mapped_column(String(10), default="auto")
    available: Mapped[bool] = mapped_column(default=True)
    extension: Mapped[str | None] = mapped_column(String(40))  # their phone in the phone system: "101"
    disabled_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    totp_sealed: Mapped[str | None] = mapped_column()
    totp_last_step: Mapped[int | None] = mapped_column()  # a code works once
    recovery_hashes: Mapped[list[str]] = mapped_column(Json, default=list)  # each code works once
    last_login_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    preferences: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    needs_approval: Mapped[bool] = mapped_column(default=False, server_default=false())  # replies wait for a reviewer
    created_at: Mapped[datetime] = mapped_column(UtcDateTime(), default=now)
    memberships: Mapped[list[TeamMember]] = relationship(lazy="selectin", cascade="all, delete-orphan")

    @property
    def active(self) -> bool:
        return self.disabled_at is None

    @property
    def initials(self) -> str:
        words = self.name.split()
        return "".join(w[0] for w in (words[:1] + words[-1:] if len(words) > 1 else words)).upper() or "?"


class AgentSession(Base):
    """One signed-in browser. Revocable; the cookie holds a random token, the row its hash."""

    __tablename__ = "sessions"
    id: Mapped[Id]
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    agent_id: Mapped[int] = mapped_column(ForeignKey("agents.id"), index=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime(), default=now)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime())
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    address: Mapped[str] = mapped_column(String(64), default="")
    user_agent: Mapped[str] = mapped_column(String(300), default="")
    # False between the password and the second factor.
    complete: Mapped[bool] = mapped_column(default=True)


class ApiToken(Base):
    __tablename__ = "api_tokens"
    id: Mapped[Id]
    agent_id: Mapped[int] = mapped_column(ForeignKey("agents.id"), index=True)
    name: Mapped[str] = mapped_column(String(200))
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    scopes: Mapped[list[str]] = mapped_column(Json, default=list)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime(), default=now)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime())


class OneTimeLink(Base):
    """An invitation or password reset by mail: single use, expiring, hashed; a POST consumes it."""

    __tablename__ = "one_time_links"
    id: Mapped[Id]
    purpose: Mapped[str] = mapped_column(String(20))
    agent_id: Mapped[int] = mapped_column(ForeignKey("agents.id"), index=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime(), default=now)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime())
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime())


class Draft(Base):
    """What an agent is writing on a ticket, saved as they type. ticket_id 0: a new conversation."""

    __tablename__ = "drafts"
    __table_args__ = (UniqueConstraint("ticket_id", "agent_id", "kind"), Index(None, "agent_id"))
    id: Mapped[Id]
    agent_id: Mapped[int] = mapped_column(ForeignKey("agents.id"))
    ticket_id: Mapped[int] = mapped_column()
    kind: Mapped[str] = mapped_column(String(10), default="reply")
    text: Mapped[str] = mapped_column(default="")
    html: Mapped[str] = mapped_column(default="")
    data: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime(), default=now, onupdate=now)
