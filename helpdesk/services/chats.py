"""What a visitor does in the chat: write, upload, read, rate. Stored in one unit of work before it is acknowledged."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from flask_babel import gettext as _
from sqlalchemy import bindparam, select

from connectors.contract import Address, File, InboundMessage
from connectors.widget.connector import Widget
from helpdesk.errors import Invalid, NotFound
from helpdesk.events import DeliveryChanged
from helpdesk.folding import clean
from helpdesk.models import Attachment, Channel, Customer, Delivery, Invitation, Message, VisitorSession
from helpdesk.models.message import PROGRESS
from helpdesk.services import files, intake, visitors
from helpdesk.services.visitors import About
from helpdesk.unit_of_work import UnitOfWork

MAX_READ_AT_ONCE = 100
MAX_WAITING_UPLOADS = 30


@dataclass(frozen=True)
class Words:
    """One message from the browser. `client_msg_id` is the browser's own id: the same one twice is one message."""

    client_msg_id: str
    text: str = ""
    attachments: tuple[str, ...] = ()


def say(
    work: UnitOfWork, channel: Channel, connector: Widget, visitor: VisitorSession, words: Words, about: About
) -> tuple[Message, bool]:
    """Store a visitor's message; returns it and whether it is new.

    Raises Invalid: nothing in it, too long, too many files, or an id that was used for another text.
    """
    _check(connector, words)
    external_id = _external_id(visitor, words.client_msg_id)
    if words.attachments:  # those of a message that is here already are nobody's to send any more
        known = _known(work, channel, external_id)
        if known is not None:
            return _same(known, words), False
    known_before = _claims(visitor) if visitor.identity_id is not None else {}
    visitors.describe(work, visitor, about)
    uploads = _uploads(work, visitor, words.attachments)
    inbound = _inbound(connector, visitor, words, external_id, uploads, known_before)
    if channel.last_success_at is None or work.now - channel.last_success_at > visitors.SEEN_EVERY:
        channel.last_success_at = work.now
    outcome = intake.receive(work, channel, inbound, connector=connector)
    message = work.session.get_one(Message, outcome.message_id)
    if outcome.kind == "duplicate":
        return _same(message, words), False
    for upload in uploads:
        work.session.delete(upload)
    visitor.identity_id = message.identity_id
    if message.customer_id is not None:
        visitors.remember(work, visitor, work.session.get_one(Customer, message.customer_id))
    return message, True


def _same(known: Message, words: Words) -> Message:
    """The message an id was used for. Raises Invalid when it said something else."""
    if known.text != clean(words.text):
        raise Invalid(fields={"client_msg_id": _("This id was used for another message.")})
    return known


def _check(connector: Widget, words: Words) -> None:
    limits = connector.limits
    if not 8 <= len(words.client_msg_id) <= 100:
        raise Invalid(fields={"client_msg_id": _("Give each message an id of 8 to 100 characters.")})
    if not words.text.strip() and not words.attachments:
        raise Invalid(fields={"text": _("There is nothing in this message.")})
    if limits.max_length is not None and len(words.text) > limits.max_length:
        raise Invalid(fields={"text": _("A message may have up to %(n)s characters.", n=limits.max_length)})
    if limits.max_files is not None and len(words.attachments) > limits.max_files:
        raise Invalid(fields={"attachments": _("A message may have up to %(n)s files.", n=limits.max_files)})


def _external_id(visitor: VisitorSession, client_msg_id: str) -> str:
    """Unique in the channel and bound to the visitor: nobody can use up another visitor's ids."""
    return hashlib.sha256(f"{visitor.value}\n{client_msg_id}".encode("utf-8", "replace")).hexdigest()


def _known(work: UnitOfWork, channel: Channel, external_id: str) -> Message | None:
    return work.session.scalar(_SAME, {"channel": channel.id, "external_id": external_id})


_SAME = select(Message).where(
    Message.channel_id == bindparam("channel"),
    Message.external_id == bindparam("external_id"),
    Message.direction == "in",
)


def _uploads(work: UnitOfWork, visitor: VisitorSession, tokens: tuple[str, ...]) -> list[Attachment]:
    found = []
    for token in dict.fromkeys(tokens):
        row = work.session.scalar(select(Attachment).where(Attachment.token == token))
        if row is None or row.uploaded_by != owner(visitor) or row.message_id is not None:
            raise Invalid(fields={"attachments": _("One of the files is no longer there; attach it again.")})
        found.append(row)
    return found


def _claims(visitor: VisitorSession) -> dict[str, str]:
    told = {"page": visitor.page, "referrer": visitor.referrer, "language": visitor.locale, "contact": visitor.contact}
    return {name: value for name, value in told.items() if value}


def _inbound(
    connector: Widget,
    visitor: VisitorSession,
    words: Words,
    external_id: str,
    uploads: list[Attachment],
    known_before: dict[str, str],
) -> InboundMessage:
    """With the message stands what is new about the visitor: a page once, not under every line."""
    news = {name: value for name, value in _claims(visitor).items() if known_before.get(name) != value}
    return InboundMessage(
        external_id=external_id,
        sender=Address("widget", visitor.value, connector.identity_scope, name=visitor.name),
        text=words.text,
        reply_text=words.text,
        sender_verified=visitor.verified,
        language=visitor.locale,
        files=tuple(
            File(a.filename, a.content_type, a.size_bytes, data=files.storage().read(a.sha256)) for a in uploads
        ),
        meta={"client_msg_id": words.client_msg_id, **news},
    )


def owner(visitor: VisitorSession) -> str:
    """Whose an uploaded file is until it is sent."""
    return f"visitor:{visitor.id}"


def upload(work: UnitOfWork, connector: Widget, visitor: VisitorSession, file: File) -> Attachment:
    """Keep a file for the next message. Raises Invalid when it is empty, too large, or too many wait already."""
    limit = connector.limits.max_file_bytes
    if not file.data:
        raise Invalid(fields={"file": _("This file is empty.")})
    if limit is not None and len(file.data) > limit:
        raise Invalid(fields={"file": _("A file may have up to %(n)s MB.", n=limit // 1024 // 1024)})
    waiting = select(Attachment.id).where(Attachment.uploaded_by == owner(visitor), Attachment.message_id.is_(None))
    if len(work.session.scalars(waiting.limit(MAX_WAITING_UPLOADS)).all()) >= MAX_WAITING_UPLOADS:
        raise Invalid(fields={"file": _("Send the files you attached first.")})
    row = files.attach(work.session, None, file, work.now, uploaded_by=owner(visitor))
    work.session.flush()
    return row


def mark_read(work: UnitOfWork, visitor: VisitorSession, message_id: int) -> int:
    """The visitor saw everything of theirs up to a message; returns how many deliveries that moved."""
    unread = (
        select(Delivery)
        .where(
            Delivery.identity_id.in_(visitor.identity_ids),
            Delivery.message_id <= message_id,
            Delivery.state.in_(PROGRESS[:-1]),
        )
        .order_by(Delivery.id.desc())
        .limit(MAX_READ_AT_ONCE)
    )
    moved = 0
    for delivery in work.session.scalars(unread.with_for_update()):
        if delivery.advance("read", work.now):
            moved += 1
            work.record(
                DeliveryChanged(
                    ticket_id=delivery.ticket_id, message_id=delivery.message_id, delivery_id=delivery.id, state="read"
                )
            )
    return moved


def invitation_of(work: UnitOfWork, visitor: VisitorSession, message_id: int) -> Invitation:
    """The survey a message of theirs asks. Raises NotFound."""
    found = work.session.scalar(
        select(Invitation)
        .join(Message, Message.id == Invitation.message_id)
        .where(Invitation.message_id == message_id, Message.identity_id.in_(visitor.identity_ids))
    )
    if found is None:
        raise NotFound()
    return found


__all__ = ["Words", "invitation_of", "mark_read", "owner", "say", "upload"]
