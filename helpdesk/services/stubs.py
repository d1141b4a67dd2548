"""A message that could not be read, read once more: its ticket stays, what it says takes the place of the reason."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session, defer

from connectors.contract import InboundMessage, Unparseable
from helpdesk.events import MessageEdited, SubjectChanged
from helpdesk.models import Channel, Inbound, Message, Ticket
from helpdesk.services import files, identities, incoming, search
from helpdesk.services.courtesy import language_of
from helpdesk.services.intake import NO_SUBJECT, Outcome
from helpdesk.unit_of_work import UnitOfWork

# The list looks at the newest raws only: an index over all of them would cost every message, for a page seldom opened.
LOOKED_AT = 5000
SHOWN = 100


def odd(session: Session) -> list[tuple[Inbound, str, int | None]]:
    """Raws that were kept but not read (stubs), or came more than once: (raw, channel, ticket number), newest first."""
    newest = session.scalar(select(func.max(Inbound.id))) or 0
    rows = session.execute(
        select(Inbound, Channel.name, Ticket.number)
        .join(Channel, Channel.id == Inbound.channel_id)
        .outerjoin(Ticket, Ticket.id == Inbound.ticket_id)
        .where(Inbound.id > newest - LOOKED_AT, Inbound.state == "done")
        .where(or_(Inbound.outcome.in_(("stub", "duplicate")), Inbound.duplicates > 0))
        .order_by(Inbound.id.desc())
        .limit(SHOWN)
        .options(defer(Inbound.body))
    )
    return [(row, name, number) for row, name, number in rows]


def read_again(work: UnitOfWork, channel: Channel, raw: Inbound, parsed: Unparseable | Sequence[Any]) -> Outcome:
    """What became of a stub that somebody pressed *Retry* for; still one message in one ticket, whatever it says."""
    if isinstance(parsed, Unparseable):
        return Outcome("stub", raw.ticket_id, raw.message_id, str(parsed))
    found = next((thing for thing in parsed if isinstance(thing, InboundMessage)), None)
    message = work.session.get(Message, raw.message_id)
    if found is None or message is None:
        return Outcome("stub", raw.ticket_id, raw.message_id, "There is nothing for the desk in it.")
    found = incoming.cleaned(found)
    _fill(message, found)
    _sender(work, message, found)
    for file in found.files:
        files.attach(work.session, message.id, file, work.now)
    search.index_message(work.session, message)
    ticket = work.session.get_one(Ticket, message.ticket_id, with_for_update=True)
    if ticket.subject == NO_SUBJECT and found.subject:
        ticket.subject, ticket.updated_at = found.subject, work.now
        work.record(SubjectChanged(ticket_id=ticket.id, old=NO_SUBJECT, new=found.subject))
    work.record(MessageEdited(ticket_id=ticket.id, message_id=message.id, customer_id=message.customer_id))
    return Outcome("ticket", ticket.id, message.id, "It could be read at a second try.")


def _fill(message: Message, found: InboundMessage) -> None:
    message.subject, message.text, message.quoted_text = found.subject, found.reply_text, found.quoted_text
    message.html, message.auto, message.sent_at = found.html, found.auto, found.sent_at
    message.language = found.language or language_of(found.reply_text)
    message.rfc822_id = found.message_id or None
    message.meta = incoming.meta_of(found)


def _sender(work: UnitOfWork, message: Message, found: InboundMessage) -> None:
    """Who wrote it, when that was unknown: an address that is nobody's yet becomes theirs."""
    if not found.sender.value or message.customer_id is None:
        return
    identity = identities.join(work, message.customer_id, found.sender)
    if identity.customer_id == message.customer_id:
        message.identity_id = identity.id
