"""What is shown of each ticket that was found: two or three statements however many they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from helpdesk.database import rows
from helpdesk.models import Agent, Channel, Customer, Identity, Message, Ticket
from helpdesk.services.search_query import Query
from helpdesk.services.snippets import Snippet, excerpt, mark, pattern


@dataclass(frozen=True)
class Hit:
    """A ticket in which something was found. `message_id` None: only its subject matched."""

    ticket_id: int
    number: int
    subject: Snippet
    status: str
    shelf: str
    customer: str
    channel: str
    assignee: str
    sla_due_at: datetime | None
    sla_soon_at: datetime | None
    message_id: int | None
    kind: str
    author: str
    at: datetime
    snippet: Snippet


# Made once, and columns instead of whole rows: a page of hits is read on every key.
_TICKETS = (
    select(
        Ticket.id, Ticket.number, Ticket.subject, Ticket.status, Ticket.shelf, Ticket.customer_id, Ticket.sla_due_at,
        Ticket.sla_soon_at, Ticket.last_activity_at, Ticket.preview, Customer.name, Channel.kind.label("channel"),
        Agent.name.label("assignee"),
    )
    .join(Customer, Customer.id == Ticket.customer_id)
    .outerjoin(Channel, Channel.id == Ticket.channel_id)
    .outerjoin(Agent, Agent.id == Ticket.assignee_id)
    .where(Ticket.id.in_(bindparam("tickets", expanding=True)))
)  # fmt: skip
_MESSAGES = select(Message.id, Message.kind, Message.author_type, Message.created_at, Message.text).where(
    Message.id.in_(bindparam("messages", expanding=True))
)
_NAMES = (
    select(Identity)
    .where(Identity.customer_id.in_(bindparam("customers", expanding=True)))
    .order_by(Identity.id.desc())
)


def hits(session: Session, query: Query, pairs: Sequence[tuple[int, int | None]]) -> tuple[Hit, ...]:
    """What is shown of (ticket, message), in the same order."""
    if not pairs:
        return ()
    tickets = {row.id: row for row in rows(session, _TICKETS, tickets=[t for t, _ in pairs])}
    wanted = [m for _, m in pairs if m is not None]
    messages = {row.id: row for row in rows(session, _MESSAGES, messages=wanted)} if wanted else {}
    names = _nameless(session, [row.customer_id for row in tickets.values() if not row.name])
    found = pattern(query.phrases, query.prefix)
    return tuple(_hit(tickets[t], messages.get(m) if m else None, names, found) for t, m in pairs)


def _nameless(session: Session, ids: Sequence[int]) -> dict[int, str]:
    if not ids:
        return {}
    return {i.customer_id: i.label for i in session.scalars(_NAMES, {"customers": ids})}


def _hit(row: Any, message: Any, names: dict[int, str], found: Any) -> Hit:
    return Hit(
        ticket_id=row.id,
        number=row.number,
        subject=mark(row.subject, found),
        status=row.status,
        shelf=row.shelf,
        customer=row.name or names.get(row.customer_id, f"#{row.customer_id}"),
        channel=row.channel or "",
        assignee=row.assignee or "",
        sla_due_at=row.sla_due_at,
        sla_soon_at=row.sla_soon_at,
        message_id=message.id if message else None,
        kind=message.kind if message else "",
        author=message.author_type if message else "",
        at=message.created_at if message else row.last_activity_at,
        snippet=excerpt(message.text if message else row.preview, found),
    )
