"""A message that may belong elsewhere: an "other sender" is accepted or split off, any message is moved to its ticket.

Who an "other sender" is decides nothing by itself: the message wants an answer, but the ticket keeps its customer and
the address replies go to.
"""

from __future__ import annotations

from flask_babel import gettext as _
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from helpdesk import access
from helpdesk.access import Viewer, require_write
from helpdesk.errors import Conflict, Invalid
from helpdesk.events import MessageLeft, MessageMoved, SenderDecided
from helpdesk.folding import one_line
from helpdesk.models import Channel, EventRow, Identity, Inbound, Message, Ticket
from helpdesk.services import opening, sla, standing, ticket_links, tickets, turns
from helpdesk.services.courtesy import meaningful_line
from helpdesk.unit_of_work import UnitOfWork

SPLIT_OFF = "An agent split it off from ticket #"
OPENED_BY_SPLIT = "An agent split it off: it came into another ticket from a sender unknown there."


def accept(work: UnitOfWork, viewer: Viewer, message_id: int) -> Ticket:
    """The sender takes part from now on; the ticket. Twice is once. Raises NotFound, Conflict when it was split off."""
    message, ticket = _held(work, viewer, message_id)
    if not message.other_sender:
        _decided(work.session, message, accepted=True)
        return ticket
    message.other_sender = False
    work.session.flush()
    _wait_for(work, ticket, message)
    decided = SenderDecided(ticket_id=ticket.id, customer_id=message.customer_id, message_id=message.id, accepted=True)
    work.record(decided, reason="The sender now takes part in this ticket.")
    return ticket


def split(work: UnitOfWork, viewer: Viewer, message_id: int) -> Ticket:
    """The message begins a ticket of its own sender, as if it had come alone; that ticket. Twice is once.

    Of an "other sender" or of the ticket's own customer; the two tickets of one customer stay linked.
    Raises NotFound; Invalid for what is no customer's message; Conflict when the sender was accepted meanwhile.
    """
    message, old = _held(work, viewer, message_id)
    if not message.other_sender and _was_other(work.session, message):
        _decided(work.session, message, accepted=False)
        return old
    if not message.other_sender:
        return _split_off(work, viewer, message, old)
    if old.message_count <= 1:
        raise Conflict("It is the only message of this ticket. Move it to another ticket instead.")
    new = _open(work, message, old)
    _carry(work, message, old, new)
    message.other_sender = False
    message.reason = OPENED_BY_SPLIT
    standing.reckon(work, new)
    _left(work, old)
    decided = SenderDecided(ticket_id=old.id, customer_id=message.customer_id, message_id=message.id, accepted=False)
    work.record(decided, reason=f"It is now ticket #{new.number}.")
    work.record(_moved(message, old, new), reason=f"It was split off from ticket #{old.number}.")
    return new


def _split_off(work: UnitOfWork, viewer: Viewer, message: Message, old: Ticket) -> Ticket:
    """Another matter of the same customer."""
    if message.direction != "in" or message.kind != "reply" or message.identity_id is None:
        raise Invalid(fields={"message": _("Only a customer's message can become a ticket of its own.")})
    if old.message_count <= 1:
        if message.reason.startswith(SPLIT_OFF):
            return old
        raise Conflict(_("It is the only message of this ticket. Move it to another ticket instead."))
    new = _open(work, message, old, f"{SPLIT_OFF}{old.number}.")
    _carry(work, message, old, new)
    message.reason = f"{SPLIT_OFF}{old.number}."
    standing.reckon(work, new)
    _wait_for(work, new, message)
    _left(work, old)
    work.record(MessageLeft(ticket_id=old.id, message_id=message.id, to=new.number))
    work.record(_moved(message, old, new), reason=message.reason)
    ticket_links.link(work, viewer, new, old.number, "related")
    return new


def move_message(work: UnitOfWork, viewer: Viewer, message_id: int, to_number: int) -> Ticket:
    """A customer's message goes to another ticket the viewer may open; that ticket. Twice is once.

    A ticket that is left without any message goes to the trash. Raises NotFound, Invalid, Conflict.
    """
    message, old = _held(work, viewer, message_id)
    new = access.ticket_by_number(work.session, viewer, to_number)
    if new.id == old.id:
        return new
    if message.direction != "in" or message.kind != "reply":
        raise Invalid(fields={"number": "Only a customer's message can be moved."})
    for id_ in sorted((old.id, new.id)):  # always in this order, so that two moves cannot wait for each other
        access.ticket_by_id(work.session, viewer, id_, lock=True)
    if new.shelf == "merged" or new.status == "closed":
        raise Conflict(f"Ticket #{new.number} is closed.")
    _carry(work, message, old, new)
    message.other_sender = False
    message.reason = f"An agent moved it here from ticket #{old.number}."
    standing.reckon(work, new)
    _wait_for(work, new, message)
    _left(work, old)
    left = MessageLeft(ticket_id=old.id, message_id=message.id, to=new.number)
    work.record(left, reason=f"It went to ticket #{new.number}.")
    work.record(_moved(message, old, new), reason=message.reason)
    if not old.message_count:
        tickets.move(work, viewer, old, "trash", reason=f"Its only message went to ticket #{new.number}.")
    return new


# --- parts ---------------------------------------------------------------------------------------------------


def _held(work: UnitOfWork, viewer: Viewer, message_id: int) -> tuple[Message, Ticket]:
    """The message and its ticket, the ticket's row locked; where it is now, if somebody moved it while we waited."""
    require_write(viewer)
    message = access.message_by_id(work.session, viewer, message_id)
    for _again in range(5):
        ticket = access.ticket_by_id(work.session, viewer, message.ticket_id, lock=True)
        work.session.refresh(message)
        if message.ticket_id == ticket.id:
            return message, ticket
    raise Conflict()


def _decided(session: Session, message: Message, *, accepted: bool) -> None:
    """Fine when somebody decided the same before. Raises Conflict otherwise."""
    before = select(EventRow.data).where(EventRow.type == "sender_decided", EventRow.message_id == message.id)
    last = session.scalar(before.order_by(EventRow.seq.desc()).limit(1))
    if last is None or bool(last["accepted"]) != accepted:
        raise Conflict("Somebody decided about this sender meanwhile. Look again.")


def _was_other(session: Session, message: Message) -> bool:
    decided = select(EventRow.seq).where(EventRow.type == "sender_decided", EventRow.message_id == message.id)
    return session.scalar(decided.limit(1)) is not None


def _open(work: UnitOfWork, message: Message, old: Ticket, reason: str = OPENED_BY_SPLIT) -> Ticket:
    identity = work.session.get_one(Identity, message.identity_id)
    channel = work.session.get(Channel, message.channel_id) if message.channel_id else None
    raw = work.session.get(Inbound, message.inbound_id) if message.inbound_id else None
    history = raw is not None and raw.history
    new = opening.open_ticket(
        work,
        customer=identity.customer,
        subject=message.subject or meaningful_line(message.text) or one_line(message.text, 90) or old.subject,
        channel_id=message.channel_id,
        identity_id=identity.id,
        team_id=channel.team_id if channel is not None else old.team_id,
        status="solved" if history else "new",
        history=history,
        shelf="spam" if identity.customer.blocked_at is not None else "open",
        at=message.created_at,
        reason=reason,
    )
    new.language = message.language
    return new


def _carry(work: UnitOfWork, message: Message, old: Ticket, new: Ticket) -> None:
    """Its files and what it says follow by themselves; the raw is told."""
    message.ticket_id = new.id
    work.session.execute(update(Inbound).where(Inbound.message_id == message.id).values(ticket_id=new.id))
    old.message_count -= 1
    new.message_count += 1
    work.session.flush()


def _left(work: UnitOfWork, old: Ticket) -> None:
    waited = old.needs_reply
    standing.reckon(work, old)
    if waited and not old.needs_reply:
        sla.nobody_waits(work, old)


def _wait_for(work: UnitOfWork, ticket: Ticket, message: Message) -> None:
    """It counts like any message of the customer's, unless somebody answered after it."""
    if standing.answered_after(work.session, message):
        return
    if turns.wants_answer(work, ticket, message):
        sla.turn(work, ticket)


def _moved(message: Message, old: Ticket, new: Ticket) -> MessageMoved:
    return MessageMoved(ticket_id=new.id, customer_id=message.customer_id, message_id=message.id, old=old.id)


__all__ = ["accept", "move_message", "split"]
