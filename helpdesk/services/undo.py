"""Undo for a few seconds: a reply waits before it leaves, and can be called back until it does."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import delete, select, update

from connectors import registry
from helpdesk.access import Viewer, require_write
from helpdesk.errors import Conflict, Forbidden
from helpdesk.events import DeliveryChanged
from helpdesk.models import Attachment, Channel, Delivery, EventRow, Message, OutboxRow, Recipient, Ticket
from helpdesk.services import drafts, sla, standing, tickets
from helpdesk.services import settings as desk_settings
from helpdesk.unit_of_work import UnitOfWork


def hold_back(work: UnitOfWork, viewer: Viewer, message: Message) -> int:
    """Let the message just written wait where its channel allows that; the seconds it can be called back (0: none).

    The agent may have chosen how long; else the desk's setting holds.
    """
    delivery = _delivery(work, message)
    if delivery is None or delivery.state != "queued":
        return 0
    channel = work.session.get_one(Channel, delivery.channel_id)
    limit_s = registry.kind(channel.kind).limits.undo_s
    chosen = viewer.preferences.get("undo_seconds")
    wanted = desk_settings.get(work.session, "email.undo_seconds") if chosen is None else chosen
    undo_s = min(limit_s, int(wanted))
    for row in work.outbox:
        if undo_s and row["payload"].get("delivery_id") == delivery.id:
            row["run_at"] = work.now + timedelta(seconds=undo_s)
            return undo_s
    return 0


def call_back(work: UnitOfWork, viewer: Viewer, ticket: Ticket, message: Message) -> dict[str, Any]:
    """Keep it from leaving: it is the draft again, ticket and clocks as before. Answers that draft, as the composer
    takes it up. Raises Conflict when the message left."""
    require_write(viewer)
    if message.agent_id != viewer.agent_id:
        raise Forbidden("Only who wrote it can call it back.")
    found = _delivery(work, message)
    delivery = work.session.get(Delivery, found.id, with_for_update=True) if found is not None else None
    if delivery is None or delivery.state != "queued" or delivery.attempts:
        raise Conflict("It has left already.")
    delivery.state = "cancelled"
    payload = OutboxRow.payload["delivery_id"].as_integer() == delivery.id
    work.session.execute(delete(OutboxRow).where(OutboxRow.drain == "deliveries", OutboxRow.state == "due", payload))
    told = _as_draft(work, viewer, ticket, message, delivery)
    changed = DeliveryChanged(ticket_id=ticket.id, message_id=message.id, delivery_id=delivery.id, state="cancelled")
    work.record(changed, reason="Called back before it left.")
    work.session.flush()
    sla.unanswered(work, ticket, message.created_at)
    _status_back(work, viewer, ticket, message)
    standing.reckon(work, ticket, undone_at=message.created_at)
    return told


def _status_back(work: UnitOfWork, viewer: Viewer, ticket: Ticket, message: Message) -> None:
    """The status that this answer changed, unless it was changed again since."""
    changes = select(EventRow.data).where(
        EventRow.ticket_id == ticket.id,
        EventRow.type == "status_changed",
        EventRow.seq > message.seq,
        EventRow.created_at == message.created_at,
    )
    change = work.session.scalar(changes.order_by(EventRow.seq).limit(1))
    if change is not None and ticket.status == change["new"]:
        tickets.set_status(work, viewer, ticket, change["old"], reason="The answer was called back.")


def _delivery(work: UnitOfWork, message: Message) -> Delivery | None:
    statement = select(Delivery).where(Delivery.message_id == message.id).order_by(Delivery.id.desc()).limit(1)
    return work.session.scalar(statement)


def _as_draft(work: UnitOfWork, viewer: Viewer, ticket: Ticket, message: Message, delivery: Delivery) -> dict[str, Any]:
    tokens = [a.token for a in message.attachments]
    work.session.execute(
        update(Attachment).where(Attachment.message_id == message.id).values(message_id=None, uploaded_by=viewer.actor)
    )
    copies = select(Recipient.address).where(Recipient.delivery_id == delivery.id, Recipient.role == "cc")
    data = {
        "via": f"{message.channel_id}:{message.identity_id}",
        "cc": ", ".join(work.session.scalars(copies.order_by(Recipient.id))),
        "attachments": tokens,
    }
    draft = drafts.begin_again(work, viewer, ticket, message.text, message.html, data)
    return drafts.as_told(work.session, viewer, draft) if draft is not None else {"text": "", "html": ""}
