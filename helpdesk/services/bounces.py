"""The far side says a message of ours did not arrive: mark it, mark the address, tell the author."""

from __future__ import annotations

import re

from flask import current_app
from sqlalchemy import func, select

from connectors.contract import BouncedRecipient, InboundBounce, InboundMessage
from helpdesk.events import DeliveryChanged, MessageReceived
from helpdesk.models import Channel, Delivery, Identity, Inbound, Message
from helpdesk.services import files, identities
from helpdesk.signing import SIGNATURE_LENGTH, Keyring
from helpdesk.unit_of_work import UnitOfWork

_OWN = re.compile(rf"^hd\.(\d+)\.(\d+)\.([a-z2-7]{{{SIGNATURE_LENGTH}}})@", re.IGNORECASE)


def record(work: UnitOfWork, channel: Channel, bounce: InboundBounce) -> Delivery | None:
    """The delivery it is about, marked; None when it is none of ours. Reaches are marked only for what we sent."""
    delivery = _delivery(work, bounce)
    if delivery is None:
        return None
    for failed in bounce.recipients:
        _mark(work, delivery, failed)
    states = {r.state for r in delivery.recipients}
    if not delivery.recipients or states <= {"failed", "retry"}:
        reason = (
            "; ".join(f"{r.email}: {r.reason or r.status}".strip(": ") for r in bounce.recipients) or "It came back."
        )
        delivery.state, delivery.error = "failed", reason[:1000]
    work.record(
        DeliveryChanged(
            ticket_id=delivery.ticket_id,
            message_id=delivery.message_id,
            delivery_id=delivery.id,
            state=delivery.state,
            error=delivery.error[:300],
        ),
        reason="A bounce came back for it.",
    )
    return delivery


def _delivery(work: UnitOfWork, bounce: InboundBounce) -> Delivery | None:
    keyring: Keyring = current_app.extensions["keyring"]
    own = _OWN.match(bounce.original_message_id)
    if not own or not keyring.verify("message-id", f"{own[1]}.{own[2]}", own[3]):
        return None
    return work.session.scalar(
        select(Delivery).where(Delivery.message_id == int(own[2])).order_by(Delivery.id.desc()).limit(1)
    )


def _mark(work: UnitOfWork, delivery: Delivery, failed: BouncedRecipient) -> None:
    address = failed.email.lower()
    reason = (failed.reason or failed.status or "It came back.")[:500]
    for recipient in delivery.recipients:
        if recipient.address.lower() == address or (len(delivery.recipients) == 1 and not address):
            recipient.state, recipient.reason = "failed", reason
    identity = work.session.scalar(
        select(Identity).where(Identity.kind == "email", func.lower(Identity.value) == address)
    )
    if identity is None:
        identity = work.session.get(Identity, delivery.identity_id) if len(delivery.recipients) <= 1 else None
    if identity is not None:
        row = identities.reach(work, identity.id, delivery.channel_id)
        identities.set_state(work, row, identity, "bounced_hard" if failed.permanent else "bounced_soft", reason)


def keep_notice(
    work: UnitOfWork, channel: Channel, delivery: Delivery, notice: InboundMessage, raw: Inbound | None
) -> int:
    """The notice itself, readable in the ticket, but no message of the customer: it changes nothing else."""
    original = work.session.get(Message, delivery.message_id)
    message = Message(
        ticket_id=delivery.ticket_id,
        kind="system",
        direction="in",
        public=False,
        author_type="system",
        customer_id=original.customer_id if original else None,
        channel_id=channel.id,
        subject=notice.subject,
        text=notice.reply_text,
        html=notice.html,
        external_id=notice.external_id,
        rfc822_id=notice.message_id or None,
        inbound_id=raw.id if raw else None,
        auto="bounce",
        reason="It is the bounce of a message we sent.",
        created_at=work.now,
    )
    work.session.add(message)
    work.session.flush()
    for file in notice.files:
        files.attach(work.session, message.id, file, work.now)
    came = MessageReceived(
        ticket_id=message.ticket_id,
        customer_id=message.customer_id,
        message_id=message.id,
        channel_id=channel.id,
        kind=message.kind,
        automatic=True,
        auto_reply_allowed=False,
    )
    work.record(came, reason=message.reason)
    return message.id


__all__ = ["keep_notice", "record"]
