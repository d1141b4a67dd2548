"""Chats that go on elsewhere: unread answers are mailed, and what comes back is shown in the chat again.

Whose address it is, the visitor only claims. So a letter carries what the desk wrote and nothing else, and what comes
back is shown in the chat only while the address belongs to the same customer as the chat (a new address, or profiles
that an agent joined): nobody reads another person's mail by naming their address.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta

from flask_babel import force_locale
from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from connectors import registry
from connectors.contract import Address
from connectors.widget.connector import Widget
from helpdesk import realtime
from helpdesk.errors import Invalid
from helpdesk.events import MessageReceived, ReplySent
from helpdesk.models import (
    Channel,
    ChatContinuation,
    Delivery,
    Identity,
    Message,
    Ticket,
    VisitorSession,
)
from helpdesk.services import channels, chat_letters, customers, foresight, identities, outgoing, visitors, ways
from helpdesk.services.survey_words import locale_of
from helpdesk.services.threading import follow_merges
from helpdesk.services.visitors import About
from helpdesk.services.written import Written
from helpdesk.unit_of_work import UnitOfWork

# What was asked for by the visitor is not waited for long; what came meanwhile goes with it.
AT_ONCE = timedelta(seconds=30)
# Somebody who writes one answer after the other holds the letter back, but not for ever.
HOLD = 3
AWAY = ("spam", "trash", "merged")


@dataclass(frozen=True)
class Unread:
    """Answers the visitor has not seen, oldest first, and who they are for."""

    chat: Identity
    messages: tuple[Message, ...]
    visitor: VisitorSession | None
    goes_on: ChatContinuation | None


# --- listeners -----------------------------------------------------------------------------------------------


def on_sent(work: UnitOfWork, event: ReplySent) -> None:
    """An answer in the chat may stay unread; one by another channel may belong into the chat too."""
    message = work.session.get_one(Message, event.message_id)
    if event.automatic or event.agent_id is None or message.channel_id is None or message.identity_id is None:
        return
    if not _in_place(work.session, message.channel_id):
        mirror(work, message)
        return
    goes_on = _row(work.session, message.identity_id)
    pause = _pause(work.session, message.channel_id, goes_on)
    if pause is not None:
        work.enqueue("reactions", "chat_unread", {"message_id": message.id}, run_at=work.now + pause)


def on_received(work: UnitOfWork, event: MessageReceived) -> None:
    """What a customer answers to such a letter is shown in the chat too."""
    if event.other_sender or event.automatic or event.history or event.kind != "reply" or event.channel_id is None:
        return
    if _in_place(work.session, event.channel_id):
        return
    mirror(work, work.session.get_one(Message, event.message_id))


def mirror(work: UnitOfWork, message: Message) -> None:
    """Show a message of another channel in the chat it continues, if it does."""
    if message.identity_id is None or not message.public:
        return
    look = foresight.of(work.session)
    if look is not None and look.continued.get(message.identity_id) is False:
        return
    here = select(Message.id).where(
        Message.ticket_id == message.ticket_id, Message.identity_id == ChatContinuation.chat_identity_id
    )
    chat_id = work.session.scalar(
        select(ChatContinuation.chat_identity_id)
        .where(ChatContinuation.identity_id == message.identity_id, exists(here.correlate(ChatContinuation)))
        .order_by(ChatContinuation.id.desc())
        .limit(1)
    )
    if chat_id is None or not _same_person(work.session, chat_id, message.identity_id):
        return
    message.chat_identity_id = chat_id
    work.after_commit(lambda: realtime.ring_widget(chat_id, message.id))


def _same_person(session: Session, one: int, other: int) -> bool:
    found = session.scalars(select(Identity.customer_id).where(Identity.id.in_((one, other))))
    return len(set(found)) == 1


# --- by mail -------------------------------------------------------------------------------------------------


def ask_for_mail(work: UnitOfWork, visitor: VisitorSession, email: str, about: About) -> str:
    """The visitor wants answers by mail from now on; the address as it is written down. Raises Invalid."""
    address = customers.read_address(work.session, "email", email, field="email")
    visitors.describe(work, visitor, replace(about, contact=address.value))
    if visitor.identity_id is None:
        return address.value  # nothing was said yet: unread answers find the address in the visitor's own words
    goes_on = _begin(work, visitor.identity_id, address)
    goes_on.at_once = True
    last = work.session.scalar(
        select(Message.id)
        .where(Message.identity_id == visitor.identity_id, Message.direction == "out", Message.agent_id.is_not(None))
        .order_by(Message.id.desc())
        .limit(1)
    )
    if last is not None:
        work.enqueue("reactions", "chat_unread", {"message_id": last}, run_at=work.now + AT_ONCE)
    return address.value


def mail_unread(work: UnitOfWork, message_id: int) -> str:
    """Mail what the visitor has not seen of the conversation up to now: "mailed", or why not (yet)."""
    message = work.session.get(Message, message_id)
    if message is None or message.identity_id is None or message.channel_id is None:
        return "gone"
    ticket = follow_merges(work.session, work.session.get(Ticket, message.ticket_id))
    if ticket is None or ticket.shelf in AWAY:
        return "put away"
    ticket = work.session.get_one(Ticket, ticket.id, with_for_update=True)
    unread = _unread(work.session, message)
    pause = _pause(work.session, message.channel_id, unread.goes_on)
    if pause is None or not unread.messages or message.id not in {m.id for m in unread.messages}:
        return "read"
    oldest, newest = unread.messages[0], unread.messages[-1]
    if newest.id != message.id and work.now - newest.created_at < pause and work.now - oldest.created_at < HOLD * pause:
        return "more to come"
    goes_on = unread.goes_on or _claimed(work, unread)
    if goes_on is None:
        return "nobody to write to"
    return _mail(work, ticket, unread, goes_on)


def _unread(session: Session, message: Message) -> Unread:
    chat = session.get_one(Identity, message.identity_id)
    goes_on = _row(session, chat.id)
    found = session.scalars(
        select(Message)
        .join(Delivery, Delivery.message_id == Message.id)
        .where(
            Message.ticket_id == message.ticket_id,
            Delivery.identity_id == chat.id,
            Delivery.channel_id == message.channel_id,
            Delivery.state.in_(("sent", "delivered")),
            Message.kind == "reply",
            Message.automatic.is_(False),
            Message.id > (goes_on.sent_up_to if goes_on is not None else 0),
        )
        .order_by(Message.id)
    )
    visitor = session.scalar(
        select(VisitorSession)
        .where(VisitorSession.identity_id == chat.id)
        .order_by(VisitorSession.last_seen_at.desc(), VisitorSession.id.desc())
        .limit(1)
    )
    return Unread(chat, tuple(found), visitor, goes_on)


def _claimed(work: UnitOfWork, unread: Unread) -> ChatContinuation | None:
    """The address the visitor left in the chat; of a proven visitor also one we know already."""
    if unread.visitor is not None and "@" in unread.visitor.contact:
        with suppress(Invalid):  # nothing mail can be sent to
            return _begin(work, unread.chat.id, customers.read_address(work.session, "email", unread.visitor.contact))
    if unread.chat.verified_at is None:
        return None
    known = work.session.scalar(
        select(Identity)
        .where(Identity.customer_id == unread.chat.customer_id, Identity.kind == "email")
        .order_by(Identity.verified_at.is_(None), Identity.id)
        .limit(1)
    )
    return _begin(work, unread.chat.id, Address("email", known.value)) if known is not None else None


def _begin(work: UnitOfWork, chat_identity_id: int, address: Address) -> ChatContinuation:
    """The row for an address. An address nobody has yet becomes the chat's customer's own, unproven."""
    chat = work.session.get_one(Identity, chat_identity_id)
    identity = identities.join(work, chat.customer_id, address)
    values = {
        "chat_identity_id": chat_identity_id,
        "identity_id": identity.id,
        "at_once": False,
        "sent_up_to": 0,
        "created_at": work.now,
    }
    identities.insert_or_skip(work.session, ChatContinuation, values, ["chat_identity_id", "identity_id"])
    return work.session.scalars(
        select(ChatContinuation).where(
            ChatContinuation.chat_identity_id == chat_identity_id, ChatContinuation.identity_id == identity.id
        )
    ).one()


def _mail(work: UnitOfWork, ticket: Ticket, unread: Unread, goes_on: ChatContinuation) -> str:
    identity = work.session.get_one(Identity, goes_on.identity_id)
    way = next(
        (
            w
            for w in ways.of_customer(work.session, identity.customer_id)
            if w.identity_id == identity.id and w.ok and not _in_place(work.session, w.channel_id)
        ),
        None,
    )
    if way is None:
        return "no way to write there"
    channel = work.session.get_one(Channel, way.channel_id)
    with force_locale(_locale(work.session, ticket, unread)):
        text, html = chat_letters.unread(work.session, unread.messages)
        reason = chat_letters.why(at_once=goes_on.at_once)
    message = outgoing.make(work, ticket, channel, identity, text, html, agent=None, written=Written(text=text))
    message.reason, message.meta = reason, {"chat_letter": [m.id for m in unread.messages]}
    message.customer_id = identity.customer_id
    for file in (a for m in unread.messages for a in m.attachments if a.sha256):
        work.session.add(chat_letters.enclosed(file, message.id, work.now))
    outgoing.deliver(work, ticket, message, channel, channels.connector_of(channel, work.session), identity)
    ticket.message_count += 1
    goes_on.sent_up_to = unread.messages[-1].id
    work.record(
        ReplySent(
            ticket_id=ticket.id,
            customer_id=ticket.customer_id,
            message_id=message.id,
            channel_id=channel.id,
            agent_id=None,
            automatic=True,
        ),
        reason=reason,
    )
    return "mailed"


# --- small ---------------------------------------------------------------------------------------------------


def _row(session: Session, chat_identity_id: int) -> ChatContinuation | None:
    """Where this chat goes on: as asked for last."""
    return session.scalar(
        select(ChatContinuation)
        .where(ChatContinuation.chat_identity_id == chat_identity_id)
        .order_by(ChatContinuation.at_once.desc(), ChatContinuation.id.desc())
        .limit(1)
    )


def _in_place(session: Session, channel_id: int) -> bool:
    return bool(getattr(registry.kind(session.get_one(Channel, channel_id).kind), "in_place", False))


def _pause(session: Session, channel_id: int, goes_on: ChatContinuation | None) -> timedelta | None:
    """How long an answer may stay unread before it is mailed; None: for ever."""
    if goes_on is not None and goes_on.at_once:
        return AT_ONCE
    connector = channels.connector_of(session.get_one(Channel, channel_id), session)
    minutes = connector.unread_minutes if isinstance(connector, Widget) else 0
    return timedelta(minutes=minutes) if minutes > 0 else None


def _locale(session: Session, ticket: Ticket, unread: Unread) -> str:
    return (unread.visitor.locale if unread.visitor is not None else "") or locale_of(session, ticket, ticket.customer)


__all__ = ["ask_for_mail", "mail_unread", "mirror", "on_received", "on_sent"]
