"""The person who asks: one profile, many identities."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from helpdesk.models.base import Base, Id, Json, UtcDateTime, now


class Organization(Base):
    __tablename__ = "organizations"
    id: Mapped[Id]
    name: Mapped[str] = mapped_column(String(300))
    name_folded: Mapped[str] = mapped_column(String(300), index=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime(), default=now)


class Customer(Base):
    __tablename__ = "customers"
    __table_args__ = (Index(None, "merged_into_id", "last_contact_at", "id"),)
    id: Mapped[Id]
    name: Mapped[str] = mapped_column(String(300), default="")
    given_name: Mapped[str] = mapped_column(String(100), default="")
    salutation: Mapped[str] = mapped_column(String(40), default="")  # "chị", "anh", "Ms"
    name_folded: Mapped[str] = mapped_column(String(300), default="", index=True)
    locale: Mapped[str] = mapped_column(String(10), default="")
    timezone: Mapped[str] = mapped_column(String(60), default="")
    organization_id: Mapped[int | None] = mapped_column(ForeignKey("organizations.id"), index=True)
    preferred_channel_id: Mapped[int | None] = mapped_column(ForeignKey("channels.id"))
    vip: Mapped[bool] = mapped_column(default=False)
    notes: Mapped[str] = mapped_column(default="")
    blocked_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    survey_opt_out_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    data_consent: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    custom: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    # Merged customers keep their row (undo needs it) and point at the profile that took over.
    merged_into_id: Mapped[int | None] = mapped_column(ForeignKey("customers.id"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime(), default=now)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime(), default=now, onupdate=now)
    last_contact_at: Mapped[datetime] = mapped_column(UtcDateTime(), default=now)
    identities: Mapped[list[Identity]] = relationship(back_populates="customer", order_by="Identity.id", lazy="select")
    organization: Mapped[Organization | None] = relationship(lazy="select")

    @property
    def display_name(self) -> str:
        """The name, else the best known address, else a number."""
        if self.name:
            return self.name
        for identity in self.identities:
            if identity.kind != "widget":
                return identity.label
        return f"#{self.id}"


class Identity(Base):
    """One address of a customer, unique by kind, scope and value."""

    __tablename__ = "identities"
    __table_args__ = (UniqueConstraint("kind", "scope", "value"),)
    id: Mapped[Id]
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"), index=True)
    kind: Mapped[str] = mapped_column(String(20))
    scope: Mapped[str] = mapped_column(String(100), default="")
    value: Mapped[str] = mapped_column(String(320), index=True)
    name: Mapped[str] = mapped_column(String(300), default="")
    username: Mapped[str] = mapped_column(String(100), default="")
    verified_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    verified_how: Mapped[str] = mapped_column(String(40), default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime(), default=now)
    customer: Mapped[Customer] = relationship(back_populates="identities")

    @property
    def label(self) -> str:
        """How people see it: a visitor's random value is shortened, a site's own user id is shown."""
        if self.kind == "widget":
            how, _, value = self.value.partition(":")
            return value[:6] if how == "v" else value or self.value
        return f"@{self.username}" if self.username else self.value


class Reach(Base):
    """How an identity can be reached over one channel."""

    __tablename__ = "reaches"
    __table_args__ = (UniqueConstraint("identity_id", "channel_id"),)
    id: Mapped[Id]
    identity_id: Mapped[int] = mapped_column(ForeignKey("identities.id"))
    channel_id: Mapped[int] = mapped_column(ForeignKey("channels.id"), index=True)
    # verified, unverified, bounced_soft, bounced_hard, blocked
    state: Mapped[str] = mapped_column(String(20), default="unverified")
    reason: Mapped[str] = mapped_column(default="")
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime(), default=now)
    last_inbound_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    last_outbound_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    window_until: Mapped[datetime | None] = mapped_column(UtcDateTime())

    @property
    def open(self) -> bool:
        """May something be sent this way? A soft bounce only warns."""
        return self.state not in ("bounced_hard", "blocked")


class Merge(Base):
    """One entry of the merge ledger: what moved, what the fields were; undo puts it back."""

    __tablename__ = "merges"
    id: Mapped[Id]
    kind: Mapped[str] = mapped_column(String(20), default="customer")  # customer, ticket
    source_id: Mapped[int] = mapped_column(index=True)
    target_id: Mapped[int] = mapped_column(index=True)
    reason: Mapped[str] = mapped_column(default="")
    moves: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    before: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    agent_id: Mapped[int | None] = mapped_column(ForeignKey("agents.id"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime(), default=now)
    undone_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    undone_by_id: Mapped[int | None] = mapped_column(ForeignKey("agents.id"))
