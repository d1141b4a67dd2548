"""The customer panel's part about the ticket: the desk's fields, linked tickets, who follows, who gets a copy."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from flask_babel import format_date
from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from helpdesk.access import Viewer
from helpdesk.database import rows
from helpdesk.models import Agent, Delivery, Grant, Message, Recipient, Ticket
from helpdesk.services import fields, ticket_links
from helpdesk.services.fields import Value


@dataclass(frozen=True)
class Field:
    """One field with the ticket's value. `missing`: it has to be filled before solving."""

    key: str
    label: str
    kind: str
    choices: list[str]
    value: Value
    required: bool

    @property
    def missing(self) -> bool:
        return self.required and self.value in (None, "", False)

    @property
    def words(self) -> str:
        """As a print shows it."""
        if self.kind == "date" and self.value:
            return str(format_date(date.fromisoformat(str(self.value)), "medium"))
        return "" if self.value is None or self.value is False else "✓" if self.value is True else str(self.value)


@dataclass
class Details:
    fields: list[Field] = field(default_factory=list)
    links: list[ticket_links.Link] = field(default_factory=list)
    followers: list[tuple[int, str]] = field(default_factory=list)  # agent id, name
    copies: list[str] = field(default_factory=list)  # addresses
    colleagues: list[tuple[int, str]] = field(default_factory=list)  # who may be asked to follow


def load(session: Session, viewer: Viewer, ticket: Ticket) -> Details:
    followers = followers_of(session, ticket.id)
    return Details(
        fields=fields_of(session, viewer, ticket),
        links=ticket_links.of(session, viewer, ticket.id),
        followers=followers,
        copies=copies_of(session, ticket.id),
        colleagues=_colleagues(session, {id_ for id_, _name in followers}),
    )


def fields_of(session: Session, viewer: Viewer, ticket: Ticket) -> list[Field]:
    """Those in use, and archived ones that the ticket has a value of."""
    custom = ticket.custom or {}
    rows = [f for f in fields.every(session, archived=True) if f.archived_at is None or f.key in custom]
    return [
        Field(f.key, fields.label(f, viewer.locale), f.kind, list(f.choices), custom.get(f.key),
              f.required and f.archived_at is None)
        for f in rows
    ]  # fmt: skip


def followers_of(session: Session, ticket_id: int) -> list[tuple[int, str]]:
    return [(id_, name) for id_, name in rows(session, _FOLLOWERS, ticket=ticket_id)]


_WORKING = select(Agent.id, Agent.name).where(Agent.disabled_at.is_(None)).order_by(Agent.name)
_FOLLOWERS = _WORKING.join(Grant, Grant.agent_id == Agent.id).where(
    Grant.ticket_id == bindparam("ticket"), Grant.why == "follow"
)
_NEWEST = (
    select(Message.id, Message.meta, Message.direction)
    .where(Message.ticket_id == bindparam("ticket"), Message.public, Message.kind == "reply")
    .order_by(Message.id.desc())
    .limit(5)
)
_COPIED = (
    select(Delivery.message_id, Recipient.address)
    .join(Recipient, Recipient.delivery_id == Delivery.id)
    .where(Delivery.message_id.in_(bindparam("ids", expanding=True)), Recipient.role == "cc")
)


def _colleagues(session: Session, without: set[int]) -> list[tuple[int, str]]:
    return [(id_, name) for id_, name in rows(session, _WORKING) if id_ not in without]


def copies_of(session: Session, ticket_id: int) -> list[str]:
    """Addresses beside the customer's own in the newest public message that had any: whom a copy would go to."""
    newest = rows(session, _NEWEST, ticket=ticket_id).all()
    ours = [id_ for id_, _meta, direction in newest if direction == "out"]
    copied: dict[int, list[str]] = {}
    for id_, address in rows(session, _COPIED, ids=ours) if ours else ():
        copied.setdefault(id_, []).append(address)
    for id_, meta, direction in newest:
        theirs = (meta or {}).get("cc", []) if direction == "in" else ()
        found = [str(one.get("address", "")) for one in theirs] or copied.get(id_, [])
        if any(found):
            return [a for a in dict.fromkeys(found) if a]
    return []
