"""Where a ticket stands, reckoned anew from its messages: after one was moved away, came in or was called back."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from helpdesk.folding import one_line
from helpdesk.models import EventRow, Message, Ticket
from helpdesk.services.sla import SPOKE
from helpdesk.unit_of_work import UnitOfWork


def reckon(work: UnitOfWork, ticket: Ticket, *, undone_at: datetime | None = None) -> None:
    """Last message, preview, author, activity, newest number, the way to answer, and who waits since when.

    `undone_at`: what happened to the ticket from then on is being taken back.
    """
    work.session.flush()
    said = spoken(work.session, ticket.id)
    last = said[-1] if said else None
    ticket.last_message_id = last.id if last else None
    ticket.preview = one_line(last.text, 300) if last else ""
    ticket.last_author = "agent" if last is not None and (last.direction == "out" or _answers(last)) else "customer"
    ticket.last_activity_at = max((m.created_at for m in said), default=ticket.created_at)
    newest = select(func.max(Message.seq)).where(Message.ticket_id == ticket.id)
    ticket.seq = work.session.scalar(newest) or 0
    ticket.updated_at = work.now
    own = [m for m in said if m.kind == "reply" and m.customer_id == ticket.customer_id and m.channel_id is not None]
    if own:
        ticket.channel_id, ticket.identity_id = own[-1].channel_id, own[-1].identity_id
    settled = _settled_at(work.session, ticket, undone_at)
    since = _waiting(m for m in said if settled is None or m.created_at > settled)
    ticket.needs_reply = since is not None and ticket.unsolved
    ticket.waiting_since = since if ticket.needs_reply else None


def spoken(session: Session, ticket_id: int) -> list[Message]:
    """What customer and agents said to each other, oldest first: no notes, nothing automatic, nothing called back."""
    statement = select(Message).where(Message.ticket_id == ticket_id, Message.public, Message.automatic.is_(False))
    found = session.scalars(statement.where(Message.kind.in_(("reply", "call"))).order_by(Message.id))
    return [m for m in found if not (m.deliveries and m.deliveries[-1].state == "cancelled")]


def answered_after(session: Session, message: Message) -> bool:
    """Has somebody answered in its ticket since it came?"""
    return any(m.id > message.id and _answers(m) for m in spoken(session, message.ticket_id))


def _waiting(said: Iterable[Message]) -> datetime | None:
    """When the first message came that nobody has answered; thanks and automatic mail want no answer."""
    since: datetime | None = None
    for message in said:
        if _answers(message):
            since = None
        elif since is None and message.direction == "in" and message.auto == "no" and not message.courtesy:
            since = message.created_at
    return since


def _answers(message: Message) -> bool:
    """A written answer, or a call in which the customer heard from us."""
    return message.call.get("outcome") in SPOKE if message.kind == "call" else message.direction == "out"


def _settled_at(session: Session, ticket: Ticket, before: datetime | None) -> datetime | None:
    """When the ticket was last solved (or imported as such): nobody waits for an answer to what is older."""
    done = and_(EventRow.type == "status_changed", EventRow.data["new"].as_string().in_(("solved", "closed")))
    opened = EventRow.type == "ticket_opened"
    statement = select(func.max(EventRow.created_at)).where(
        EventRow.ticket_id == ticket.id, or_(done, opened) if ticket.history else done
    )
    return session.scalar(statement.where(EventRow.created_at < before) if before is not None else statement)


__all__ = ["answered_after", "reckon", "spoken"]
