"""What the operators of a search mean: conditions on tickets and on messages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, FromClause, and_, exists, false, func, join, select, true
from sqlalchemy.orm import Session, aliased

from helpdesk import access
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
from helpdesk.services.search_index import matching
from helpdesk.services.search_query import Query, understand

FEW = 1000  # customers or tickets that are worth being listed; more of them are looked at as they come
HIDDEN = ("spam", "trash")  # found only by in:spam, in:trash
_Said = aliased(Message)
_STRICT = ("status:", "in:", "priority:", "has:", "is:")  # what cannot be understood finds nothing


def ticket_conditions(session: Session, viewer: Viewer, query: Query) -> list[ColumnElement[bool]]:
    """Of everything but `before:` and `after:`, which are about messages where words are searched."""
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
    found += [_from(session, person) for person in query.people]
    found += [_written_to(address) for address in query.written_to]
    found += [_assigned(session, viewer, name) for name in query.assignees]
    found += [_of_team(session, name) for name in query.teams]
    found += [_HAS[what]() for what in query.has]
    found += [_IS[what](viewer) for what in query.states]
    return found


def few_tickets(
    session: Session, viewer: Viewer, query: Query, conditions: Sequence[ColumnElement[bool]]
) -> list[int] | None:
    """All the tickets an operator that names somebody or something leaves, when they are few; else None."""
    if not (query.people or query.tags or query.assignees or "mine" in query.states):
        return None
    ids = list(session.scalars(select(Ticket.id).where(access.seen(viewer), *conditions).limit(FEW + 1)))
    return ids if len(ids) <= FEW else None


def _tagged(name: str) -> ColumnElement[bool]:
    tag = select(Tag.id).where(Tag.name_folded == name).scalar_subquery()
    return Ticket.id.in_(select(TicketTag.ticket_id).where(TicketTag.tag_id == tag))


def _channels(session: Session, wanted: Sequence[str]) -> list[int]:
    rows = session.execute(select(Channel.id, Channel.kind, Channel.name)).all()
    return [r.id for r in rows if any(w == r.kind or w in fold(r.name) for w in wanted)]


def _from(session: Session, person: str) -> ColumnElement[bool]:
    """Nobody: nothing is looked at, however many messages have the words."""
    query = understand(person)
    if not query.phrases:
        return false()
    index, key, matches = matching(session, "customer_search", query, digits=True)
    found = select(key).select_from(index).where(matches)
    customers = list(session.scalars(found.limit(FEW + 1)))
    if len(customers) > FEW:
        return Ticket.customer_id.in_(found)
    return Ticket.customer_id.in_(customers) if customers else false()


def _written_to(address: str) -> ColumnElement[bool]:
    """An address a message of ours went to; its beginning is enough."""
    wanted = address.lower().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    sent = join(_Said, Delivery, Delivery.message_id == _Said.id).join(Recipient, Recipient.delivery_id == Delivery.id)
    return _said(func.lower(Recipient.address).like(f"{wanted}%", escape="\\"), of=sent)


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


def _said(*terms: Any, of: FromClause | None = None) -> ColumnElement[bool]:
    """Any message of the ticket, not only the one that has the words; `of`: what it is joined with."""
    return exists().select_from(_Said if of is None else of).where(_Said.ticket_id == Ticket.id, *terms)


_HAS: dict[str, Callable[[], ColumnElement[bool]]] = {
    "attachment": lambda: _said(of=join(_Said, Attachment, Attachment.message_id == _Said.id)),
    "picture": lambda: _said(
        Attachment.picture == true(), of=join(_Said, Attachment, Attachment.message_id == _Said.id)
    ),
    "call": lambda: _said(_Said.kind == "call"),
    "note": lambda: _said(_Said.kind == "note"),
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
