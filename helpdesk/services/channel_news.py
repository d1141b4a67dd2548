"""What a channel tells that is no message: a rating, an address that opened or closed, a message taken back."""

from __future__ import annotations

from sqlalchemy import select

from connectors.contract import InboundRating, InboundReach, InboundRemoval
from helpdesk.events import MessageEdited
from helpdesk.models import Channel, Message, Ticket
from helpdesk.services import identities, search
from helpdesk.services.outcomes import Outcome
from helpdesk.unit_of_work import UnitOfWork


def rating(work: UnitOfWork, channel: Channel, given: InboundRating) -> Outcome:
    from helpdesk.services import surveys

    response = surveys.record_rating(work, given, channel)
    if response is None:
        return Outcome("ignored", reason="A rating for a survey we do not know, or that ended.")
    return Outcome("rating", response.ticket_id, reason="The customer rated.")


def reach(work: UnitOfWork, channel: Channel, change: InboundReach) -> Outcome:
    identity = identities.find(work.session, change.sender.kind, change.sender.scope, change.sender.value)
    if identity is None:
        return Outcome("ignored", reason="It concerns somebody we do not know.")
    row = identities.reach(work, identity.id, channel.id)
    identities.set_state(work, row, identity, change.state, change.reason)
    return Outcome("report", reason=change.reason or f"This address is now {change.state}.")


def removal(work: UnitOfWork, channel: Channel, taken: InboundRemoval) -> Outcome:
    """The channel demands that what a customer took back is gone here as well; that something was said stays."""
    message = work.session.scalar(
        select(Message).where(
            Message.channel_id == channel.id,
            Message.external_id == taken.removes_external_id,
            Message.direction == "in",
        )
    )
    if message is None:
        return Outcome("ignored", reason="It takes back a message we do not know.")
    message.text = message.html = message.quoted_text = ""
    message.meta = {**message.meta, "removed": True}
    message.edited_at = work.now
    for attachment in list(message.attachments):
        attachment.message_id = None
    search.index_message(work.session, message)
    ticket = work.session.get_one(Ticket, message.ticket_id, with_for_update=True)
    if ticket.last_message_id == message.id:
        ticket.preview = ""
    work.record(MessageEdited(ticket_id=ticket.id, message_id=message.id, customer_id=message.customer_id))
    return Outcome("edited", message.ticket_id, message.id, "The customer took the message back.")


__all__ = ["rating", "reach", "removal"]
