"""What the operators of a search mean: conditions on tickets and on messages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, false, func, select, true
from sqlalchemy.orm import Session

from helpdesk.access import Viewer
from helpdesk.folding import fold
from helpdesk.models import (
    Agent,
    Attachment,
    Channel,
    Customer,
    Delivery,
    Message,
    ReadMark,
    Recipient,
    Response,
    Tag,
    Team,
    Ticket,
    TicketTag,
    now,
)
from helpdesk.services.search_people import customer_ids
from helpdesk.services.search_query import Query, understand

PEOPLE = 200  # at most so many customers stand behind `from:`
HIDDEN = ("spam", "trash")  # found only by in:spam, in:trash
_STRICT = ("status:", "in:", "priority:", "has:", "is:")  # what cannot be understood finds nothing


def message_conditions(session: Session, viewer: Viewer, query: Query) -> list[ColumnElement[bool]]:
    found = ticket_conditions(session, viewer, query)
    if query.before is not None:
        found.append(Message.created_at < query.before)
    if query.after is not None:
        found.append(Message.created_at >= query.after)
    return found


def ticket_conditions(
    session: Session, viewer: Viewer, query: Query, *, days: bool = False
) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = [
        Ticket.shelf.in_(query.shelves) if query.shelves else Ticket.shelf.not_in(HIDDEN)
    ]
    understood = (query.statuses, query.shelves, query.priorities, query.has, query.states)
    if any(p.startswith(_STRICT) for p in query.problems) and not any(understood):
        found.append(false())
    if query.statuses:
        found.append(Ticket.status.in_(query.statuses))
    if query.priorities:
        found.append(Ticket.priority.in_(query.priorities))
    found += [_tagged(name) for name in query.tags]
    if query.channels:
        found.append(Ticket.channel_id.in_(_channels(session, query.channels)))
    found += [_from(_people(session, viewer, person)) for person in query.people]
    found += [_written_to(address) for address in query.written_to]
    found += [_assigned(session, viewer, name) for name in query.assignees]
    found += [_of_team(session, name) for name in query.teams]
    found += [_HAS[what]() for what in query.has]
    found += [_IS[what](viewer) for what in query.states]
    if days and query.before is not None:
        found.append(Ticket.last_activity_at < query.before)
    if days and query.after is not None:
        found.append(Ticket.last_activity_at >= query.after)
    return found


def _tagged(name: str) -> ColumnElement[bool]:
    return exists().where(
        TicketTag.ticket_id == Ticket.id,
        TicketTag.tag_id == select(Tag.id).where(Tag.name_folded == name).scalar_subquery(),
    )


def _channels(session: Session, wanted: Sequence[str]) -> list[int]:
    rows = session.execute(select(Channel.id, Channel.kind, Channel.name)).all()
    return [r.id for r in rows if any(w == r.kind or w in fold(r.name) for w in wanted)]


def _from(customers: list[int]) -> ColumnElement[bool]:
    """Nobody: nothing is looked at, however many messages have the words."""
    return Ticket.customer_id.in_(customers) if customers else false()


def _people(session: Session, viewer: Viewer, person: str) -> list[int]:
    query = understand(person)
    if not query.phrases:
        return []
    return customer_ids(session, viewer, query, PEOPLE)


def _written_to(address: str) -> ColumnElement[bool]:
    """An address a message of ours went to; its beginning is enough."""
    wanted = address.lower().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return exists().where(
        Message.ticket_id == Ticket.id,
        Delivery.message_id == Message.id,
        Recipient.delivery_id == Delivery.id,
        func.lower(Recipient.address).like(f"{wanted}%", escape="\\"),
    )


def _assigned(session: Session, viewer: Viewer, name: str) -> ColumnElement[bool]:
    if name in ("me", "toi"):
        return Ticket.assignee_id == viewer.agent_id
    if name in ("none", "nobody", "khong ai"):
        return Ticket.assignee_id.is_(None)
    agents = session.execute(select(Agent.id, Agent.name, Agent.email)).all()
    return Ticket.assignee_id.in_([a.id for a in agents if name in fold(a.name) or a.email.startswith(name)])


def _of_team(session: Session, name: str) -> ColumnElement[bool]:
    if name == "none":
        return Ticket.team_id.is_(None)
    teams = session.execute(select(Team.id, Team.name)).all()
    return Ticket.team_id.in_([t.id for t in teams if name in fold(t.name)])


def _said(*terms: Any) -> ColumnElement[bool]:
    return exists().where(Message.ticket_id == Ticket.id, *terms)


_HAS: dict[str, Callable[[], ColumnElement[bool]]] = {
    "attachment": lambda: exists().where(Message.ticket_id == Ticket.id, Attachment.message_id == Message.id),
    "picture": lambda: exists().where(
        Message.ticket_id == Ticket.id, Attachment.message_id == Message.id, Attachment.picture == true()
    ),
    "call": lambda: _said(Message.kind == "call"),
    "note": lambda: _said(Message.kind == "note"),
    "rating": lambda: exists().where(Response.ticket_id == Ticket.id),
}
_IS: dict[str, Callable[[Viewer], ColumnElement[bool]]] = {
    "unread": lambda viewer: and_(
        Ticket.last_author == "customer",
        ~exists().where(
            ReadMark.ticket_id == Ticket.id, ReadMark.agent_id == viewer.agent_id, ReadMark.seq >= Ticket.seq
        ),
    ),
    "unassigned": lambda _viewer: Ticket.assignee_id.is_(None),
    "mine": lambda viewer: Ticket.assignee_id == viewer.agent_id,
    "late": lambda _viewer: and_(Ticket.shelf == "open", Ticket.sla_due_at <= now()),
    "vip": lambda _viewer: Ticket.customer_id.in_(select(Customer.id).where(Customer.vip == true())),
}
