"""A message of ours on its way: its row, its delivery, and what an answer does to the ticket's facts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import current_app
from sqlalchemy import select

from connectors.contract import Connector, InPlace
from helpdesk import realtime
from helpdesk.folding import one_line
from helpdesk.models import Agent, Channel, Delivery, Identity, Message, Reach, Recipient, Ticket
from helpdesk.services import channels, search
from helpdesk.services.threading import message_id
from helpdesk.services.written import Written
from helpdesk.unit_of_work import UnitOfWork


def make(
    work: UnitOfWork,
    ticket: Ticket,
    channel: Channel,
    identity: Identity,
    text: str,
    html: str,
    *,
    agent: Agent | None,
    written: Written,
    kind: str = "reply",
    meta: dict[str, Any] | None = None,
) -> Message:
    """The stored message, with its Message-ID; nothing is queued yet. Without an agent it is automatic."""
    message = Message(
        ticket_id=ticket.id,
        kind=kind,
        direction="out",
        author_type="agent" if agent else "bot",
        agent_id=agent.id if agent else None,
        customer_id=ticket.customer_id,
        channel_id=channel.id,
        identity_id=identity.id,
        subject=one_line(written.subject),
        text=text,
        html=html,
        automatic=agent is None,
        client_msg_id=written.client_msg_id or None,
        author_key=f"agent:{agent.id}" if agent and written.client_msg_id else None,
        meta=meta or {},
        created_at=work.now,
    )
    work.session.add(message)
    work.session.flush()
    host = channels.connector_of(channel, work.session).message_host
    if host:
        message.rfc822_id = message_id(current_app.extensions["keyring"], ticket.id, message.id, host)
    search.index_message(work.session, message, new=True)
    return message


def deliver(
    work: UnitOfWork,
    ticket: Ticket,
    message: Message,
    channel: Channel,
    connector: Connector,
    identity: Identity,
    *,
    cc: Sequence[str] = (),
) -> Delivery:
    """Queue the sending; where the customer reads from our own database, stored is sent."""
    delivery = Delivery(
        message_id=message.id,
        ticket_id=ticket.id,
        channel_id=channel.id,
        identity_id=identity.id,
        state="queued",
        queued_at=work.now,
    )
    delivery.recipients = [Recipient(role="to", address=identity.value)]
    delivery.recipients += [Recipient(role="cc", address=one_line(a, 320)) for a in dict.fromkeys(cc) if a.strip()]
    work.session.add(delivery)
    if isinstance(connector, InPlace):
        delivery.advance("sent", work.now)
        work.session.flush()
        work.after_commit(lambda: realtime.ring_widget(identity.id, message.id))
        return delivery
    work.session.flush()
    work.enqueue(
        "deliveries",
        "deliver",
        {"delivery_id": delivery.id},
        lane=f"identity:{identity.id}",
        batch=f"channel:{channel.id}",
    )
    return delivery


def answered(work: UnitOfWork, ticket: Ticket, message: Message, channel: Channel, identity: Identity) -> None:
    """What a person's public answer does to the ticket's facts."""
    if ticket.first_response_at is None and ticket.last_author == "customer" and ticket.message_count:
        ticket.first_response_at = work.now
    ticket.last_message_id, ticket.last_author = message.id, "agent"
    ticket.message_count += 1
    ticket.preview = one_line(message.text, 300)
    ticket.last_activity_at = ticket.updated_at = work.now
    ticket.needs_reply, ticket.waiting_since = False, None
    ticket.channel_id, ticket.identity_id = channel.id, identity.id
    row = work.session.scalar(select(Reach).where(Reach.identity_id == identity.id, Reach.channel_id == channel.id))
    if row is not None:
        row.last_outbound_at = work.now
