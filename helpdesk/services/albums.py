"""Several pictures sent as one (a Telegram album) come as several messages: here they are one again."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from connectors.contract import InboundMessage
from helpdesk.events import MessageEdited
from helpdesk.models import Channel, Identity, Message, Ticket
from helpdesk.services import files, search
from helpdesk.unit_of_work import UnitOfWork

TOGETHER = timedelta(minutes=15)
MOST_FILES = 20


def join(work: UnitOfWork, channel: Channel, inbound: InboundMessage) -> Message | None:
    """The album's message, with this part in it; None when this part is the first, or belongs to no album."""
    first = _first(work, channel, inbound)
    if first is None:
        return None
    parts = [str(p) for p in first.meta.get("album_parts", [])]
    known = inbound.external_id.partition(":edit:")[0]
    if known in (first.external_id, *parts):
        return first
    for file in inbound.files[: max(0, MOST_FILES - len(first.attachments))]:
        files.attach(work.session, first.id, file, work.now)
    first.meta = {**first.meta, "album_parts": [*parts, known]}
    if inbound.reply_text.strip() and not first.text.strip():
        first.text = inbound.reply_text
        _retitle(work, first)
    search.index_message(work.session, first)
    work.record(MessageEdited(ticket_id=first.ticket_id, message_id=first.id, customer_id=first.customer_id))
    return first


def _first(work: UnitOfWork, channel: Channel, inbound: InboundMessage) -> Message | None:
    album = inbound.meta.get("album", "")
    if not album:
        return None
    statement = (
        select(Message)
        .join(Identity, Identity.id == Message.identity_id)
        .where(
            Message.channel_id == channel.id,
            Message.direction == "in",
            Message.created_at > work.now - TOGETHER,
            Message.meta["album"].as_string() == album,
            Identity.value == inbound.sender.value,
            Identity.scope == inbound.sender.scope,
        )
        .order_by(Message.id)
        .limit(1)
    )
    return work.session.scalar(statement)


def _retitle(work: UnitOfWork, message: Message) -> None:
    """The words came with a later part: the list shows them instead of a file's name."""
    ticket = work.session.get_one(Ticket, message.ticket_id)
    if ticket.last_message_id == message.id:
        ticket.preview = message.text[:300]
