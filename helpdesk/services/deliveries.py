"""Sending: what goes out, and what became of it. The network is used only between two units of work."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from connectors.contract import (
    Address,
    OutcomeUnknown,
    PermanentFailure,
    Receipt,
    TemporaryFailure,
)
from helpdesk.access import Viewer, require_write
from helpdesk.errors import Conflict, NotFound
from helpdesk.events import DeliveryChanged
from helpdesk.models import Channel, Delivery, Identity, Message, SentPart, Ticket
from helpdesk.services import channels, identities, outbox
from helpdesk.services.composing import compose
from helpdesk.unit_of_work import UnitOfWork

GIVE_UP_AFTER = timedelta(hours=48)


def begin(work: UnitOfWork, delivery_id: int) -> str:
    """Before an attempt: mark it. "send", "skip" (nothing to do any more) or "unknown" (an attempt ended without a word
    and a repeat would not be recognised)."""
    delivery = work.session.get(Delivery, delivery_id, with_for_update=True)
    if delivery is None or delivery.state not in ("queued", "sending"):
        return "skip"
    channel = work.session.get_one(Channel, delivery.channel_id)
    if delivery.state == "sending" and not channels.connector_of(channel, work.session).repeat_safe:
        change(work, delivery, "unknown", "A process ended while this was being sent; check whether it arrived.")
        return "unknown"
    why_not = channels.may_send(work.session, channel)
    if why_not:
        change(work, delivery, "failed", why_not)
        return "skip"
    delivery.state, delivery.attempts, delivery.tried_at = "sending", delivery.attempts + 1, work.now
    return "send"


# --- what became of it ---------------------------------------------------------------------------------------


def succeeded(work: UnitOfWork, task: outbox.Task, receipt: Receipt) -> None:
    """The far side took it, perhaps not for every recipient."""
    delivery = work.session.get_one(Delivery, int(task.payload["delivery_id"]), with_for_update=True)
    told = {r.address.lower(): r for r in receipt.recipients}
    for recipient in delivery.recipients:
        result = told.get(recipient.address.lower())
        if recipient.state in ("queued", "retry"):
            recipient.state = result.state if result else "sent"
            recipient.reason = result.reason[:500] if result else ""
    channel = work.session.get_one(Channel, delivery.channel_id)
    channels.went_well(work, channel)
    _reached(work, delivery, receipt.reached)
    if receipt.moved_to is not None:
        used = work.session.get_one(Identity, delivery.identity_id)
        identities.move(work, Address(used.kind, used.value, used.scope), receipt.moved_to)
    delivery.external_id = receipt.external_id[:200] or delivery.external_id
    keep_parts(work, delivery, receipt.external_ids)
    states = {r.state for r in delivery.recipients}
    if "retry" in states and not _too_old(work, delivery):
        error = next((r.reason for r in delivery.recipients if r.state == "retry"), "")
        _wait(work, delivery, task, error, None)
        return
    if states <= {"failed", "retry"} and states:
        change(work, delivery, "failed", "; ".join(r.reason for r in delivery.recipients if r.reason))
    else:
        delivery.state = "sending"
        delivery.advance("sent", work.now)
        partly = [f"{r.address}: {r.reason}" for r in delivery.recipients if r.state == "failed"]
        delivery.error = "; ".join(partly)[:1000]
        tell(work, delivery)
    outbox.finish(work, task.id)


def _reached(work: UnitOfWork, delivery: Delivery, address: Address | None) -> None:
    """It led to another address of theirs (a comment answered in private): that is where they answer from."""
    if address is None:
        return
    used = work.session.get_one(Identity, delivery.identity_id)
    identity = identities.join(work, used.customer_id, address)
    ticket = work.session.get_one(Ticket, delivery.ticket_id, with_for_update=True)
    message = work.session.get_one(Message, delivery.message_id)
    delivery.identity_id = message.identity_id = identity.id
    if ticket.identity_id == used.id:
        ticket.identity_id = identity.id


def keep_parts(work: UnitOfWork, delivery: Delivery, external_ids: Sequence[str]) -> None:
    """Remember the ids of the parts a message became, so that marks and echoes of each are recognised."""
    for external_id in dict.fromkeys(e[:200] for e in external_ids if e and e != delivery.external_id):
        values = {"delivery_id": delivery.id, "channel_id": delivery.channel_id, "external_id": external_id}
        identities.insert_or_skip(work.session, SentPart, values, ["channel_id", "external_id"])


def proved(work: UnitOfWork, delivery: Delivery) -> None:
    """The far side shows that it has it: whatever we believed of the attempt, it was sent."""
    delivery.state, delivery.next_try_at, delivery.error = "sending", None, ""
    for recipient in delivery.recipients:
        recipient.state, recipient.reason = "sent", ""
    delivery.advance("sent", work.now)
    tell(work, delivery)


def failed(work: UnitOfWork, task: outbox.Task, error: TemporaryFailure | PermanentFailure | OutcomeUnknown) -> None:
    """The attempt ended badly: wait and repeat, give up, or say that nobody knows."""
    delivery = work.session.get_one(Delivery, int(task.payload["delivery_id"]), with_for_update=True)
    channel = work.session.get_one(Channel, delivery.channel_id)
    safe = channels.connector_of(channel, work.session).repeat_safe
    if isinstance(error, TemporaryFailure) or (isinstance(error, OutcomeUnknown) and safe):
        if not _too_old(work, delivery):
            _wait(work, delivery, task, str(error), getattr(error, "retry_after", None))
            return
        change(work, delivery, "failed", f"{error} Tried for two days.")
    elif isinstance(error, OutcomeUnknown):
        change(work, delivery, "unknown", str(error))
    else:
        _give_up(work, delivery, error)
    outbox.finish(work, task.id)


def _give_up(work: UnitOfWork, delivery: Delivery, error: PermanentFailure) -> None:
    for recipient in delivery.recipients:
        if recipient.state in ("queued", "retry"):
            recipient.state, recipient.reason = "failed", str(error)[:500]
    change(work, delivery, "failed", str(error))
    if error.account:
        channels.went_wrong(work, work.session.get_one(Channel, delivery.channel_id), str(error))
    if error.address_dead or error.blocked:
        identity = work.session.get_one(Identity, delivery.identity_id)
        row = identities.reach(work, delivery.identity_id, delivery.channel_id)
        identities.set_state(work, row, identity, "blocked" if error.blocked else "bounced_hard", str(error))


def _too_old(work: UnitOfWork, delivery: Delivery) -> bool:
    return work.now - delivery.queued_at > GIVE_UP_AFTER


def _wait(work: UnitOfWork, delivery: Delivery, task: outbox.Task, error: str, retry_after: float | None) -> None:
    wait = timedelta(seconds=retry_after) if retry_after is not None else outbox.backoff(task.attempts)
    delivery.state, delivery.error, delivery.next_try_at = "queued", error[:1000], work.now + wait
    outbox.postpone(work, task.id, delivery.next_try_at, error)
    tell(work, delivery)


def change(work: UnitOfWork, delivery: Delivery, state: str, error: str) -> None:
    delivery.state, delivery.error, delivery.next_try_at = state, error[:1000], None
    tell(work, delivery)


def tell(work: UnitOfWork, delivery: Delivery) -> None:
    work.record(
        DeliveryChanged(
            ticket_id=delivery.ticket_id,
            message_id=delivery.message_id,
            delivery_id=delivery.id,
            state=delivery.state,
            error=delivery.error[:300],
        )
    )


def retry(work: UnitOfWork, viewer: Viewer, delivery_id: int) -> Delivery:
    """Send again what failed or whose outcome is unknown."""
    require_write(viewer)
    delivery = work.session.get(Delivery, delivery_id, with_for_update=True)
    if delivery is None:
        raise NotFound()
    if delivery.state == "queued":
        raise Conflict("It is on its way already.")
    if delivery.state not in ("failed", "unknown", "cancelled"):
        raise Conflict("It was sent already.")
    delivery.state, delivery.error, delivery.next_try_at, delivery.queued_at = "queued", "", None, work.now
    for recipient in delivery.recipients:
        if recipient.state != "sent":
            recipient.state, recipient.reason = "queued", ""
    work.enqueue(
        "deliveries",
        "deliver",
        {"delivery_id": delivery.id},
        lane=f"identity:{delivery.identity_id}",
        batch=f"channel:{delivery.channel_id}",
    )
    tell(work, delivery)
    return delivery


__all__ = ["begin", "change", "compose", "failed", "keep_parts", "proved", "retry", "succeeded", "tell"]
