"""The customer's turn: what their message does to its ticket."""

from __future__ import annotations

from datetime import datetime, timedelta

from connectors.contract import Connector
from helpdesk.folding import one_line
from helpdesk.models import Channel, Identity, Message, Ticket
from helpdesk.services import tickets
from helpdesk.services.courtesy import meaningful_line
from helpdesk.unit_of_work import UnitOfWork

BURST = timedelta(minutes=3)


def take(
    work: UnitOfWork,
    ticket: Ticket,
    message: Message,
    identity: Identity,
    channel: Channel,
    connector: Connector,
    *,
    history: bool,
    opened: bool,
) -> None:
    """A customer's message came into its ticket (product.md)."""
    at = message.created_at
    ticket.last_message_id = message.id
    ticket.message_count += 1
    ticket.preview = one_line(message.text, 300)
    ticket.last_author = "customer"
    ticket.last_activity_at = max(at, ticket.last_activity_at) if not opened else at
    ticket.updated_at = work.now
    if identity.customer_id == ticket.customer_id:
        ticket.channel_id, ticket.identity_id = channel.id, identity.id
    identity.customer.last_contact_at = max(at, identity.customer.last_contact_at)
    _rename(ticket, message, connector, at)
    if not history:
        wants_answer(work, ticket, message)


def wants_answer(work: UnitOfWork, ticket: Ticket, message: Message) -> bool:
    """A message that is more than thanks brings its ticket back and waits for an answer; False: it is not one."""
    if message.auto != "no" or message.courtesy or ticket.shelf == "spam":
        return False
    at = message.created_at
    ticket.needs_reply = True
    ticket.waiting_since = ticket.waiting_since or at
    if ticket.shelf == "trash":
        tickets.move(work, None, ticket, "inbox", reason="The customer wrote again.")
    if ticket.status in ("pending", "solved"):
        tickets.set_status(work, None, ticket, "open", reason="The customer wrote again.")
        ticket.needs_reply = True
        ticket.waiting_since = ticket.waiting_since or at
    tickets.wake(work, ticket, reason="The customer wrote.")
    return True


def _rename(ticket: Ticket, message: Message, connector: Connector, at: datetime) -> None:
    """A chat that began with "Shop ơi" gets its subject from the first line of the burst that says something."""
    if ticket.subject_final or ticket.subject_edited or not connector.bursts:
        return
    line = meaningful_line(message.text)
    if at - ticket.created_at > BURST or line:
        ticket.subject_final = True
    if line:
        ticket.subject = line
