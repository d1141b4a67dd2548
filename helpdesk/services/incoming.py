"""What somebody wrote to us as a row: cleaned, with its people, its files and its place in the search."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from connectors.contract import InboundMessage
from helpdesk import newcomers
from helpdesk.folding import clean, one_line
from helpdesk.models import Channel, Identity, Inbound, Message, Ticket
from helpdesk.services import files, quoting, search
from helpdesk.services.courtesy import language_of
from helpdesk.services.threading import Decision
from helpdesk.unit_of_work import UnitOfWork

MAX_TEXT = 200_000


def cleaned(inbound: InboundMessage) -> InboundMessage:
    """Text a database takes; a text field is never empty while there is something to read."""
    text = clean(inbound.text)[:MAX_TEXT]
    reply = clean(inbound.reply_text)[:MAX_TEXT] or text
    return replace(
        inbound,
        text=text,
        reply_text=reply,
        quoted_text=clean(inbound.quoted_text)[:MAX_TEXT],
        html=clean(inbound.html),
        subject=one_line(inbound.subject),
        message_id=one_line(inbound.message_id),
    )


def came_at(work: UnitOfWork, inbound: InboundMessage, history: bool) -> datetime:
    """When it counts as come in: now; for history the sender's own date, when that makes sense."""
    if history and inbound.sent_at is not None and inbound.sent_at < work.now:
        return inbound.sent_at
    return work.now


def store(
    work: UnitOfWork,
    channel: Channel,
    inbound: InboundMessage,
    identity: Identity,
    ticket: Ticket,
    decision: Decision,
    raw: Inbound | None,
    at: datetime,
) -> Message:
    """The message with its files, findable; what it does to its ticket comes after."""
    message = Message(
        ticket_id=ticket.id,
        kind="call" if inbound.kind == "call" else "reply",
        direction="in",
        author_type="customer",
        customer_id=identity.customer_id,
        channel_id=channel.id,
        identity_id=identity.id,
        subject=inbound.subject,
        text=inbound.reply_text,
        quoted_text=quoting.words(work.session, channel, inbound, ticket),
        html=inbound.html,
        language=inbound.language or language_of(inbound.reply_text),
        external_id=inbound.external_id,
        rfc822_id=inbound.message_id or None,
        client_msg_id=inbound.meta.get("client_msg_id") or None,
        author_key=f"identity:{identity.id}" if inbound.meta.get("client_msg_id") else None,
        inbound_id=raw.id if raw is not None else None,
        auto=inbound.auto,
        other_sender=decision.other_sender,
        reason=decision.reason,
        call=dict(inbound.call),
        meta=meta_of(inbound),
        sent_at=inbound.sent_at,
        created_at=at,
    )
    newcomers.bring(work.session, message)
    for file in inbound.files:
        files.attach(work.session, message.id, file, at)
    search.index_message(work.session, message, new=True)
    return message


def meta_of(inbound: InboundMessage) -> dict[str, object]:
    """What is worth knowing of a message beside its text, of sane size."""
    meta: dict[str, object] = {k: clean(str(v))[:2000] for k, v in inbound.meta.items() if k != "client_msg_id"}
    people = {
        name: [{"name": one_line(a.name, 200), "address": one_line(a.value, 320)} for a in found[:50]]
        for name, found in (("to", inbound.to), ("cc", inbound.cc), ("reply_to", inbound.reply_to))
        if found
    }
    if inbound.authentication:
        meta["authentication"] = dict(inbound.authentication)
    if inbound.defects:
        meta["defects"] = [clean(d)[:300] for d in inbound.defects[:50]]
    if inbound.kind == "sticker":
        meta["sticker"] = True
    if inbound.reply_to_external_id:
        meta["answers"] = True
    return meta | people
