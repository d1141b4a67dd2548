"""What the desk answers by itself when a customer writes: "we have it", or "we are away".

Off by default, capped per address, ticket and whole desk in an hour, never to machines, never quoting the subject.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from flask_babel import force_locale
from flask_babel import gettext as _
from sqlalchemy import func, select, true
from sqlalchemy.orm import Session

from helpdesk.events import MessageReceived
from helpdesk.models import BusinessHours, Channel, Message, Ticket
from helpdesk.services import channels, replies
from helpdesk.services import settings as desk_settings
from helpdesk.services.sla_rules import calendar_of
from helpdesk.services.survey_words import locale_of
from helpdesk.unit_of_work import UnitOfWork

log = logging.getLogger(__name__)

# One "we are away" in so long for one conversation.
AWAY_AGAIN = timedelta(hours=8)
# What comes back sooner than this was hardly written by a person; a repetition is looked for this far back.
TOO_QUICK = timedelta(minutes=2)
LOOP_MEMORY = timedelta(days=1)


def on_received(work: UnitOfWork, event: MessageReceived) -> None:
    """Queue an answer when one may be due; whether it is, is decided when it is sent."""
    machine = event.automatic or not event.auto_reply_allowed
    if machine or event.history or event.courtesy or event.other_sender or event.channel_id is None:
        return
    channel = work.session.get_one(Channel, event.channel_id)
    if (channel.acknowledge and event.opened) or channel.away_message:
        work.enqueue("reactions", "auto_answer", {"message_id": event.message_id}, dedupe=f"auto:{event.message_id}")


def answer(work: UnitOfWork, message_id: int) -> str:
    """Send what is due for a customer's message: "away", "acknowledged", or why nothing was sent."""
    message = work.session.get(Message, message_id)
    ticket = work.session.get(Ticket, message.ticket_id, with_for_update=True) if message else None
    if message is None or ticket is None or message.channel_id is None:
        return "gone"
    channel = work.session.get_one(Channel, message.channel_id)
    if ticket.shelf in ("spam", "trash", "merged"):
        return "put away"
    if _answered_since(work.session, ticket, message):
        return "somebody answered"
    if _capped(work.session, message, work):
        return "capped"
    if not channels.connector_of(channel, work.session).continuous and _machine_answers(work.session, message):
        return "a machine answers"
    away = bool(channel.away_message) and not _open(work, channel)
    if away and _away_lately(work, ticket):
        return "told lately"
    if not away and not (channel.acknowledge and _first(work.session, ticket, message)):
        return "not wanted"
    with force_locale(locale_of(work.session, ticket, ticket.customer)):
        text = channel.away_message if away else channel.acknowledge_message or _acknowledgement(ticket)
        subject = _("We have received your message [#%(number)s]", number=ticket.number)
    sent = replies.automatic(
        work,
        ticket,
        text,
        channel_id=channel.id,
        identity_id=message.identity_id,
        subject=subject,
        meta={"auto": "away" if away else "acknowledge"},
        reason="Outside business hours." if away else "This channel acknowledges new tickets.",
    )
    return "no way to answer" if sent is None else "away" if away else "acknowledged"


def _acknowledgement(ticket: Ticket) -> str:
    text: str = _(
        "Thank you for writing. We have received your message and will answer as soon as we can. "
        "Its number is #%(number)s.",
        number=ticket.number,
    )
    return text


def _open(work: UnitOfWork, channel: Channel) -> bool:
    hours = work.session.get(BusinessHours, channel.business_hours_id) if channel.business_hours_id else None
    return hours is None or calendar_of(hours).is_open(work.now)


def _answered_since(session: Session, ticket: Ticket, message: Message) -> bool:
    later = select(Message.id).where(
        Message.ticket_id == ticket.id, Message.id > message.id, Message.direction == "out", Message.public
    )
    return session.scalar(later.limit(1)) is not None


def _first(session: Session, ticket: Ticket, message: Message) -> bool:
    earlier = select(Message.id).where(Message.ticket_id == ticket.id, Message.id < message.id, Message.public)
    return session.scalar(earlier.limit(1)) is None


def _away_lately(work: UnitOfWork, ticket: Ticket) -> bool:
    rows = work.session.scalars(
        select(Message).where(
            Message.ticket_id == ticket.id, Message.automatic, Message.created_at > work.now - AWAY_AGAIN
        )
    )
    return any(row.meta.get("auto") == "away" for row in rows)


def _machine_answers(session: Session, message: Message) -> bool:
    """Does it look as if a machine answers our automatic answers, though no header says so? What comes back within
    two minutes of one, or says the same as an earlier message of that address, ends the loop after one round."""
    ours = (
        select(Message.created_at)
        .where(Message.identity_id == message.identity_id, Message.automatic, Message.id < message.id)
        .order_by(Message.id.desc())
        .limit(1)
    )
    last = session.scalar(ours)
    if last is None or message.created_at - last > LOOP_MEMORY:
        return False
    if message.created_at - last < TOO_QUICK:
        return True
    same = select(Message.id).where(
        Message.identity_id == message.identity_id,
        Message.direction == "in",
        Message.id < message.id,
        Message.created_at > message.created_at - LOOP_MEMORY,
        Message.text == message.text,
    )
    return session.scalar(same.limit(1)) is not None


def _capped(session: Session, message: Message, work: UnitOfWork) -> str:
    """Which cap is reached: "address", "ticket", "desk", or none. A mail bomb in somebody's name must not become a flood
    to them, whatever tickets it makes; one in many names must not make the desk a sender of junk."""
    keys = {name: f"acknowledge.per_{name}_hour" for name in ("address", "ticket", "desk")}
    most = desk_settings.many(session, *keys.values())
    within = {
        "address": Message.identity_id == message.identity_id,
        "ticket": Message.ticket_id == message.ticket_id,
        "desk": true(),
    }
    for name, where in within.items():
        sent = session.scalar(
            select(func.count())
            .select_from(Message)
            .where(
                where, Message.automatic, Message.kind == "reply", Message.created_at > work.now - timedelta(hours=1)
            )
        )
        if (sent or 0) >= int(most[keys[name]]):
            log.warning("automatic answers capped by=%s ticket=%s", name, message.ticket_id)
            return name
    return ""
