"""What the company said outside this product (the page's inbox, the OA app, a Sent folder), heard back as an *echo*.

It is recorded as ours in the ticket it answers: clocks stop, and nobody answers twice. An echo of something we sent
ourselves only proves that it arrived.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from connectors.contract import Connector, InboundMessage
from helpdesk.events import ReplySent
from helpdesk.folding import one_line
from helpdesk.models import Channel, Delivery, Identity, Inbound, Message, Recipient, SentPart, Team, Ticket
from helpdesk.services import deliveries, files, identities, search, tickets
from helpdesk.services.replies import answered
from helpdesk.services.threading import decide
from helpdesk.unit_of_work import UnitOfWork


@dataclass(frozen=True)
class Heard:
    """`ours`: we sent it ourselves. `recorded`: new in the ticket. `duplicate`: known. `nobody`: it answers no ticket."""

    kind: Literal["ours", "recorded", "duplicate", "nobody"]
    message: Message | None = None
    reason: str = ""


def record(
    work: UnitOfWork, channel: Channel, connector: Connector, echo: InboundMessage, raw: Inbound | None = None
) -> Heard:
    """Take in one echo (`echo.kind == "echo"`, cleaned).

    `echo.to` holds the people it went to, `echo.sender` the account or person of ours who wrote, `echo.sent_at` when.
    `echo.meta["delivery_id"]` is our own mark where the channel gives one back. `echo.auto` other than "no" (an away
    message of the page) is recorded, but answers nobody.
    """
    delivery = _ours(work.session, channel, echo)
    if delivery is not None:
        _arrived(work, delivery, echo)
        return Heard("ours", work.session.get(Message, delivery.message_id), "It was sent from here.")
    known = _known(work.session, channel, echo)
    if known is not None:
        return Heard("duplicate", known, "The same message was taken in before.")
    found = _whom(work.session, channel, connector, echo)
    if found is None:
        return Heard("nobody", reason="It was sent outside the helpdesk. It answers no ticket here.")
    identity, ticket = found
    ticket = work.session.get(Ticket, ticket.id, with_for_update=True) or ticket
    message = _store(work, channel, echo, identity, ticket, raw)
    _answer(work, channel, echo, identity, ticket, message)
    return Heard("recorded", message, message.reason)


# --- is it ours? ---------------------------------------------------------------------------------------------


def _ours(session: Session, channel: Channel, echo: InboundMessage) -> Delivery | None:
    here = Delivery.channel_id == channel.id
    by_id = session.scalar(select(Delivery).where(here, Delivery.external_id == echo.external_id).limit(1))
    part = select(SentPart.delivery_id).where(
        SentPart.channel_id == channel.id, SentPart.external_id == echo.external_id
    )
    by_id = by_id or session.scalar(select(Delivery).where(Delivery.id.in_(part)))
    if by_id is None and echo.message_id:
        same = select(Message.id).where(Message.rfc822_id == echo.message_id, Message.direction == "out")
        by_id = session.scalar(select(Delivery).where(Delivery.message_id.in_(same)).limit(1))
    if by_id is not None:
        # What was recorded as an echo has a delivery too, but it is not ours.
        return None if session.get_one(Message, by_id.message_id).meta.get("elsewhere") else by_id
    mark = echo.meta.get("delivery_id", "")
    if mark.isdigit():
        return session.scalar(select(Delivery).where(here, Delivery.id == int(mark)))
    return _in_flight(session, channel, echo)


def _in_flight(session: Session, channel: Channel, echo: InboundMessage) -> Delivery | None:
    """The echo may overtake the answer to our own request, or be the only answer there is."""
    values = [a.value for a in echo.to]
    statement = (
        select(Delivery)
        .join(Identity, Identity.id == Delivery.identity_id)
        .where(
            Delivery.channel_id == channel.id,
            Identity.value.in_(values),
            Delivery.attempts > 0,
            or_(Delivery.state.in_(("sending", "unknown")), Delivery.next_try_at.is_not(None)),
        )
        .order_by(Delivery.id)
    )
    said = one_line(echo.text)
    for delivery in session.scalars(statement):
        message = session.get_one(Message, delivery.message_id)
        same = one_line(message.text).startswith(said) if said else bool(echo.files and message.attachments)
        if same:
            return delivery
    return None


def _arrived(work: UnitOfWork, delivery: Delivery, echo: InboundMessage) -> None:
    """An attempt whose answer was lost did arrive: this is the answer. What is known already stays."""
    if delivery.external_id is None:
        delivery.external_id = echo.external_id[:200]
    elif delivery.external_id != echo.external_id:
        deliveries.keep_parts(work, delivery, (echo.external_id,))
    if delivery.state in ("unknown", "failed") or (delivery.state == "queued" and delivery.attempts):
        deliveries.proved(work, delivery)


def _known(session: Session, channel: Channel, echo: InboundMessage) -> Message | None:
    statement = select(Message).where(
        Message.channel_id == channel.id, Message.direction == "out", Message.external_id == echo.external_id
    )
    found = session.scalar(statement)
    if found is None and echo.message_id:
        same = select(Message).where(Message.rfc822_id == echo.message_id, Message.direction == "out")
        found = session.scalar(same.limit(1))
    return found


# --- whom does it answer? ------------------------------------------------------------------------------------


def _whom(
    session: Session, channel: Channel, connector: Connector, echo: InboundMessage
) -> tuple[Identity, Ticket] | None:
    """The first of its recipients whom a ticket belongs to. Nobody is made up for it."""
    for address in (*echo.to, *echo.cc):
        identity = identities.find(session, address.kind, address.scope, address.value)
        if identity is None:
            continue
        decision = decide(session, channel, connector, echo, identity)
        if decision.ticket is not None and decision.ticket.shelf not in ("spam", "trash"):
            return identity, decision.ticket
    return None


def _store(
    work: UnitOfWork, channel: Channel, echo: InboundMessage, identity: Identity, ticket: Ticket, raw: Inbound | None
) -> Message:
    sent_at = _when(work, echo)
    message = Message(
        ticket_id=ticket.id,
        kind="reply",
        direction="out",
        author_type="agent",
        customer_id=ticket.customer_id,
        channel_id=channel.id,
        identity_id=identity.id,
        subject=echo.subject,
        text=echo.reply_text or echo.text,
        quoted_text=echo.quoted_text,
        html=echo.html,
        external_id=echo.external_id[:200],
        rfc822_id=echo.message_id or None,
        inbound_id=raw.id if raw is not None else None,
        auto=echo.auto,
        automatic=echo.auto != "no",
        reason="It was sent outside the helpdesk.",
        meta={"elsewhere": one_line(echo.sender.name or channel.name, 200)},
        sent_at=sent_at,
        created_at=work.now,
    )
    work.session.add(message)
    work.session.flush()
    for file in echo.files:
        files.attach(work.session, message.id, file, work.now)
    delivery = Delivery(
        message_id=message.id, ticket_id=ticket.id, channel_id=channel.id, identity_id=identity.id, state="queued",
        queued_at=sent_at, external_id=message.external_id,
        recipients=[Recipient(role="to", address=identity.value, state="sent")],
    )  # fmt: skip
    delivery.advance("sent", sent_at)
    work.session.add(delivery)
    search.index_message(work.session, message)
    return message


def _when(work: UnitOfWork, echo: InboundMessage) -> datetime:
    return min(echo.sent_at or work.now, work.now)


# --- what it does --------------------------------------------------------------------------------------------


def _answer(
    work: UnitOfWork, channel: Channel, echo: InboundMessage, identity: Identity, ticket: Ticket, message: Message
) -> None:
    """As an agent's answer would, as far as the customer had asked by then."""
    later = _asked_since(work.session, ticket, message)
    counts = not message.automatic
    if counts and not later:
        answered(work, ticket, message, channel, identity)
        if ticket.unsolved and ticket.shelf != "merged":
            team = work.session.get(Team, ticket.team_id) if ticket.team_id else None
            tickets.set_status(work, None, ticket, team.status_after_send if team else "pending", reason=message.reason)
    else:
        ticket.message_count += 1
        ticket.updated_at = work.now
    if counts and later:  # it answered what came before; what came after still waits
        ticket.waiting_since = max(later, ticket.waiting_since or later)
    work.record(
        ReplySent(
            ticket_id=ticket.id,
            customer_id=ticket.customer_id,
            message_id=message.id,
            channel_id=channel.id,
            agent_id=None,
            automatic=not counts or bool(later),
        ),
        reason=message.reason,
    )


def _asked_since(session: Session, ticket: Ticket, message: Message) -> datetime | None:
    """When the customer asked again after this was written; a sender's clock that runs ahead does not count."""
    asked = session.scalars(
        select(Message).where(
            Message.ticket_id == ticket.id,
            Message.direction == "in",
            Message.public,
            Message.auto == "no",
            Message.courtesy.is_(False),
            Message.created_at > message.sent_at,
            func.coalesce(Message.sent_at, Message.created_at) > message.sent_at,
        )
    )
    return min((m.created_at for m in asked), default=None)


def said_by_us(session: Session, inbound: InboundMessage) -> tuple[int, int] | None:
    """Message and ticket of what we said (from here or elsewhere) under the same Message-ID: a copy sent to ourselves."""
    if not inbound.message_id:
        return None
    ours = select(Message.id, Message.ticket_id).where(
        Message.rfc822_id == inbound.message_id, Message.direction == "out", Message.public
    )
    found = session.execute(ours.limit(1)).first()
    return (found.id, found.ticket_id) if found is not None else None


__all__ = ["Heard", "record", "said_by_us"]
