"""What the far side says of messages of ours: delivered, read, failed. Late, early and repeated marks are harmless."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from connectors.contract import InboundReport
from helpdesk.models import Channel, Delivery, SentPart
from helpdesk.services import deliveries, identities
from helpdesk.unit_of_work import UnitOfWork


def report(work: UnitOfWork, channel: Channel, mark: InboundReport) -> bool:
    """A mark from the far side; late, early and repeated ones are harmless. False when we know no such message."""
    marked = _sent_until(work.session, channel, mark) if mark.up_to else _sent_as(work.session, channel, mark)
    for delivery in marked:
        _mark(work, delivery, mark)
    return bool(marked)


def _mark(work: UnitOfWork, delivery: Delivery, mark: InboundReport) -> None:
    if mark.state == "failed":
        if delivery.state in ("sending", "sent"):
            deliveries.change(work, delivery, "failed", mark.reason or "The channel reports that it failed.")
    elif delivery.state in ("unknown", "queued") and not mark.up_to:
        deliveries.proved(work, delivery)  # what nobody was sure of did arrive
        if delivery.advance(mark.state, work.now):
            deliveries.tell(work, delivery)
    elif delivery.advance(mark.state, work.now):
        deliveries.tell(work, delivery)


def _sent_as(session: Session, channel: Channel, mark: InboundReport) -> list[Delivery]:
    here, id_ = Delivery.channel_id == channel.id, mark.sent_external_id
    found = list(session.scalars(select(Delivery).where(here, Delivery.external_id == id_)))
    if not found:
        part = select(SentPart.delivery_id).where(SentPart.channel_id == channel.id, SentPart.external_id == id_)
        found = list(session.scalars(select(Delivery).where(Delivery.id.in_(part))))
    return found


def under_way(session: Session, channel: Channel) -> bool:
    """Is something being sent on this channel whose id is not known yet?"""
    statement = select(Delivery.id).where(
        Delivery.channel_id == channel.id, Delivery.state == "sending", Delivery.external_id.is_(None)
    )
    return session.scalar(statement.limit(1)) is not None


def _sent_until(session: Session, channel: Channel, mark: InboundReport) -> list[Delivery]:
    """What was under way to one person by a time of the far side's clock."""
    if mark.sender is None or mark.up_to is None:
        return []
    identity = identities.find(session, mark.sender.kind, mark.sender.scope, mark.sender.value)
    if identity is None:
        return []
    began = func.coalesce(Delivery.tried_at, Delivery.queued_at)
    statement = select(Delivery).where(
        Delivery.identity_id == identity.id,
        Delivery.channel_id == channel.id,
        Delivery.state.in_(("sent", "delivered")),
        began <= mark.up_to,
    )
    return list(session.scalars(statement.order_by(Delivery.id)))


def read_up_to(work: UnitOfWork, identity_id: int, channel_id: int, message_id: int) -> int:
    """The customer saw everything up to a message (widget); how many marks moved."""
    rows = work.session.scalars(
        select(Delivery).where(
            Delivery.identity_id == identity_id,
            Delivery.channel_id == channel_id,
            Delivery.message_id <= message_id,
            Delivery.state.in_(("sent", "delivered")),
        )
    ).all()
    for delivery in rows:
        delivery.advance("read", work.now)
        deliveries.tell(work, delivery)
    return len(rows)
