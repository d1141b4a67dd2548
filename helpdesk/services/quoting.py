"""Which message an answer on a messenger points at, by the channel's own id of it."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from connectors.contract import InboundMessage
from helpdesk.folding import one_line
from helpdesk.models import Channel, Delivery, Message, SentPart, Ticket

MOST = 300


def answered(session: Session, channel: Channel, external_id: str) -> Message | None:
    """Theirs, ours, or the one of ours that became several. Ids of messages are the channel's own: two bots count the
    same customer's messages alike."""
    if not external_id:
        return None
    theirs = select(Message.id).where(Message.channel_id == channel.id, Message.external_id == external_id)
    ours = select(Delivery.message_id).where(Delivery.channel_id == channel.id, Delivery.external_id == external_id)
    part = (
        select(Delivery.message_id)
        .join(SentPart, SentPart.delivery_id == Delivery.id)
        .where(SentPart.channel_id == channel.id, SentPart.external_id == external_id)
    )
    for statement in (theirs, ours, part):
        found = session.scalar(statement.limit(1))
        if found is not None:
            return session.get(Message, found)
    return None


def words(session: Session, channel: Channel, inbound: InboundMessage, ticket: Ticket) -> str:
    """What the answer answers, to stand above it: as the channel says, else as we know it from the same ticket."""
    if inbound.quoted_text or not inbound.reply_to_external_id:
        return inbound.quoted_text
    message = answered(session, channel, inbound.reply_to_external_id)
    if message is None or message.ticket_id != ticket.id or not message.public:
        return ""
    return one_line(message.text, MOST) or next((a.filename for a in message.attachments), "")
