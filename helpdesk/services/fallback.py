"""When a delivery fails: the customer's next channel, offered to the agent, or taken by itself where the desk says so.

The message stays the same message; it gets one more delivery and belongs to the channel it went by. The answer finds the
ticket by what that channel carries: the signed Message-ID and reply address of a mail, the conversation of a chat.
"""

from __future__ import annotations

from flask import current_app
from sqlalchemy import select
from sqlalchemy.orm import Session

from helpdesk.access import Viewer, require_write
from helpdesk.errors import Conflict, Invalid, NotFound
from helpdesk.events import DeliveryChanged
from helpdesk.models import Channel, Delivery, Identity, Message, Ticket
from helpdesk.services import channels, outgoing, preferred, ways
from helpdesk.services import settings as desk_settings
from helpdesk.services.threading import message_id
from helpdesk.services.ways import Option
from helpdesk.unit_of_work import UnitOfWork

AUTOMATIC = "fallback.automatic"
FAILED = ("failed", "unknown")


def next_way(session: Session, delivery: Delivery) -> Option | None:
    """Where the message could go instead: the preferred channel first, and nowhere it was tried already."""
    message = session.get_one(Message, delivery.message_id)
    ticket = session.get_one(Ticket, delivery.ticket_id)
    tries = session.execute(
        select(Delivery.id, Delivery.channel_id, Delivery.identity_id).where(Delivery.message_id == message.id)
    ).all()
    if message.kind != "reply" or not message.public or delivery.id != max(t.id for t in tries):
        return None
    tried = {(t.channel_id, t.identity_id) for t in tries}
    liked = preferred.of(session, ticket.customer)
    possible = [
        o
        for o in ways.of_customer(session, ticket.customer_id)
        if o.ok and not o.templates and (o.channel_id, o.identity_id) not in tried and _carries(o, message)
    ]
    return min(possible, key=lambda o: liked is None or o.channel_id != liked.channel_id, default=None)


def _carries(way: Option, message: Message) -> bool:
    if way.max_length is not None and len(message.text) > way.max_length:
        return False
    return "files" in way.formats or not message.attachments


def send(
    work: UnitOfWork,
    viewer: Viewer | None,
    delivery_id: int,
    channel_id: int | None = None,
    identity_id: int | None = None,
) -> Delivery:
    """Send what failed by another way: the named one, else the next. Raises Conflict, Invalid, NotFound."""
    if viewer is not None:
        require_write(viewer)
    failed = work.session.get(Delivery, delivery_id, with_for_update=True)
    if failed is None:
        raise NotFound()
    if failed.state not in FAILED:
        raise Conflict("It is on its way already.")
    way = next_way(work.session, failed)
    if way is None or (channel_id, identity_id) not in ((None, None), (way.channel_id, way.identity_id)):
        raise Invalid(fields={"channel": "This customer cannot be reached that way."})
    message = work.session.get_one(Message, failed.message_id)
    ticket = work.session.get_one(Ticket, failed.ticket_id, with_for_update=True)
    channel, identity = work.session.get_one(Channel, way.channel_id), work.session.get_one(Identity, way.identity_id)
    connector = channels.connector_of(channel, work.session)
    message.channel_id, message.identity_id = channel.id, identity.id
    if connector.message_host and not message.rfc822_id:
        keyring = current_app.extensions["keyring"]
        message.rfc822_id = message_id(keyring, ticket.id, message.id, connector.message_host)
    if ticket.channel_id == failed.channel_id and ticket.identity_id == failed.identity_id:
        ticket.channel_id, ticket.identity_id = channel.id, identity.id
    again = outgoing.deliver(work, ticket, message, channel, connector, identity)
    work.record(
        DeliveryChanged(ticket_id=ticket.id, message_id=message.id, delivery_id=again.id, state=again.state),
        reason="The delivery before it failed.",
    )
    return again


# --- by itself -----------------------------------------------------------------------------------------------


def on_delivery(work: UnitOfWork, event: DeliveryChanged) -> None:
    """Queue the next channel for an agent's reply that failed, where the desk wants that."""
    if event.state == "failed" and desk_settings.get(work.session, AUTOMATIC):
        told = {"delivery_id": event.delivery_id}
        work.enqueue("reactions", "fall_back", told, dedupe=f"fallback:{event.delivery_id}")


def automatically(work: UnitOfWork, delivery_id: int) -> Delivery | None:
    """None when there is nothing to do any more, or no other way."""
    delivery = work.session.get(Delivery, delivery_id)
    if delivery is None or delivery.state != "failed":
        return None
    message = work.session.get_one(Message, delivery.message_id)
    if message.automatic or next_way(work.session, delivery) is None:
        return None
    return send(work, None, delivery_id)


def offered(session: Session, delivery_id: int) -> Option | None:
    """What the thread shows beside *Retry*."""
    delivery = session.get(Delivery, delivery_id)
    return next_way(session, delivery) if delivery is not None and delivery.state in FAILED else None
