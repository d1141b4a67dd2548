"""A message came in: identity -> customer -> ticket -> message -> events, in one unit of work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import select

from connectors.contract import (
    Address,
    Connector,
    InboundBounce,
    InboundCall,
    InboundMessage,
    InboundMoved,
    InboundRating,
    InboundReach,
    InboundRemoval,
    InboundReport,
    Unparseable,
)
from connectors.contract import (
    Inbound as InboundThing,
)
from helpdesk.events import MessageEdited, MessageReceived
from helpdesk.folding import clean, one_line
from helpdesk.models import Agent, Channel, Identity, Inbound, Message, Ticket
from helpdesk.services import (
    albums,
    blocking,
    bounces,
    channel_news,
    echoes,
    foresight,
    forwards,
    identities,
    incoming,
    live_calls,
    marks,
    notice_chats,
    notice_mail,
    repeats,
    search,
    tickets,
    turns,
)
from helpdesk.services.channels import connector_of
from helpdesk.services.courtesy import is_courtesy, language_of, meaningful_line
from helpdesk.services.outcomes import Kind, Outcome
from helpdesk.services.threading import Decision, decide
from helpdesk.unit_of_work import UnitOfWork

NO_SUBJECT = "A message that could not be read"
# The channel's row is not written anew with each of its messages.
EVENT_EVERY = timedelta(seconds=5)


def receive(
    work: UnitOfWork,
    channel: Channel,
    thing: InboundThing,
    *,
    raw: Inbound | None = None,
    connector: Connector | None = None,
) -> Outcome:
    """Take in one parsed thing. The same external id twice is one message. Never raises for what is in it."""
    connector = connector or connector_of(channel, work.session)
    if channel.last_event_at is None or work.now - channel.last_event_at > EVENT_EVERY:
        channel.last_event_at = work.now
    if isinstance(thing, InboundMessage):
        return _message(work, channel, connector, thing, raw)
    if isinstance(thing, InboundBounce):
        return _bounce(work, channel, connector, thing, raw)
    if isinstance(thing, InboundRating):
        return channel_news.rating(work, channel, thing)
    if isinstance(thing, InboundReport):
        found = marks.report(work, channel, thing)
        return Outcome("report" if found else "ignored", reason="" if found else "It marks a message we do not know.")
    if isinstance(thing, InboundReach):
        return channel_news.reach(work, channel, thing)
    if isinstance(thing, InboundCall):
        live_calls.heard(work, channel, thing)
        return Outcome("report", reason="A phone system tells of a call.")
    if isinstance(thing, InboundRemoval):
        return channel_news.removal(work, channel, thing)
    if isinstance(thing, InboundMoved):
        moved = identities.move(work, thing.sender, thing.now)
        return Outcome("report" if moved else "ignored", reason="An address is another one from now on.")
    raise TypeError(f"not an inbound thing: {type(thing).__name__}")


# --- messages ------------------------------------------------------------------------------------------------


def _message(
    work: UnitOfWork, channel: Channel, connector: Connector, inbound: InboundMessage, raw: Inbound | None
) -> Outcome:
    known = repeats.known(work, channel, inbound, raw)
    if known is not None:
        if inbound.kind == "call" and known.message_id is not None:
            live_calls.repeated(work, inbound, work.session.get_one(Message, known.message_id))
        return known
    if inbound.kind == "message" and inbound.sender.value in connector.config.own_addresses:
        ours = echoes.said_by_us(work.session, inbound)
        if ours is not None:
            return Outcome("duplicate", ours[1], ours[0], "It is a copy of a message that we sent.")
    own = notice_chats.take(work, channel, inbound) if raw is None or not raw.history else ""
    if own:
        return Outcome("ignored", reason=own)
    if inbound.kind == "echo":
        return _echo(work, channel, connector, inbound, raw)
    if inbound.edits_external_id:
        return _edit(work, channel, inbound)
    inbound = incoming.cleaned(inbound)
    history = raw.history if raw is not None else False
    answer = notice_mail.take(work, channel, inbound) if not history else None
    if answer is not None:
        return Outcome("appended", answer.ticket_id, answer.id, "An agent answered a notice by mail.")
    agent = forwards.by_agent(work.session, connector, inbound)
    if agent is not None:
        inbound = forwards.as_written(inbound, agent)
    album = albums.join(work, channel, inbound)
    if album is not None:
        return Outcome("appended", album.ticket_id, album.id, "It belongs to the pictures before it.")
    return _take(work, channel, connector, inbound, raw, agent)


def _take(
    work: UnitOfWork,
    channel: Channel,
    connector: Connector,
    inbound: InboundMessage,
    raw: Inbound | None,
    agent: Agent | None,
) -> Outcome:
    """A new message: whose it is, which ticket it belongs to, what it does there. `agent`: who passed it on."""
    history = raw.history if raw is not None else False
    at = incoming.came_at(work, inbound, history)
    identity = _writer(work, channel, connector, inbound, at)
    decision = decide(work.session, channel, connector, inbound, identity)
    if agent is not None and decision.how == "new":
        decision = replace(decision, reason=forwards.REASON)
    if decision.owner_id is not None:
        identities.adopt(work, identity, decision.owner_id, reason=decision.reason)
    joined = decision.ticket if decision.how == "joins" else None
    opened = joined is None
    ticket = (
        _locked(work, joined) if joined else _open(work, channel, connector, inbound, identity, decision, history, at)
    )
    message = incoming.store(work, channel, inbound, identity, ticket, decision, raw, at)
    if opened:
        ticket.subject_final = bool(inbound.subject or meaningful_line(inbound.reply_text)) or not connector.bursts
        ticket.language = message.language
    message.courtesy = (
        not opened
        and inbound.auto == "no"
        and is_courtesy(inbound.reply_text or inbound.text, kind=inbound.kind, files=len(inbound.files))
    )
    waited = ticket.needs_reply and not opened
    turns.take(work, ticket, message, identity, channel, connector, history=history, opened=opened)
    if inbound.kind == "call":
        live_calls.took_in(work, channel, inbound, message, waited)
    _record(work, inbound, message, decision, history=history, opened=opened)
    look = foresight.of(work.session)
    if look is not None:
        look.now_known(message, opened=opened)
    if agent is not None:
        forwards.remark(work, ticket, agent, inbound)
    return Outcome(_kind(decision, inbound), ticket.id, message.id, decision.reason)


def _writer(
    work: UnitOfWork, channel: Channel, connector: Connector, inbound: InboundMessage, at: datetime
) -> Identity:
    """Whose it is; they were heard of by this channel."""
    identity = identities.find_or_create(
        work,
        inbound.sender,
        locale=inbound.language or language_of(inbound.text),
        seen_at=at,
        also=(*inbound.also, *inbound.opens),
    )
    identities.heard(work, identity, channel, connector, at, verified=inbound.sender_verified)
    for other in inbound.opens:
        _heard_also(work, other, identity, channel, connector, at)
    return identity


def _record(
    work: UnitOfWork, inbound: InboundMessage, message: Message, decision: Decision, *, history: bool, opened: bool
) -> None:
    work.record(
        MessageReceived(
            ticket_id=message.ticket_id,
            customer_id=message.customer_id,
            message_id=message.id,
            channel_id=message.channel_id,
            kind=message.kind,
            courtesy=message.courtesy,
            automatic=inbound.auto != "no",
            other_sender=decision.other_sender,
            history=history,
            opened=opened,
            auto_reply_allowed=inbound.auto_reply_allowed,
        ),
        actor=f"customer:{message.customer_id}",
        reason=decision.reason,
    )


def _locked(work: UnitOfWork, ticket: Ticket) -> Ticket:
    """The ticket with its row locked; in a batch, what an earlier message did to it has had its consequences."""
    look = foresight.of(work.session)
    if look is not None and ticket.id in look.touched:
        work.settle()
    if look is not None and ticket.id in look.locked:
        return ticket
    if work.session.get_bind().dialect.name == "sqlite":  # one writer at a time: it was read under the lock
        return ticket
    return work.session.get(Ticket, ticket.id, with_for_update=True) or ticket


def stands_alone(things: Sequence[InboundThing] | Unparseable | None) -> bool:
    """Only messages that come from their writers: nothing follows from them at once that the next one must wait for."""
    return not isinstance(things, Unparseable) and all(
        isinstance(t, InboundMessage)
        and t.kind == "message"
        and not (t.edits_external_id or t.forwarded or t.also or t.opens)
        for t in things or ()
    )


def _heard_also(
    work: UnitOfWork, address: Address, identity: Identity, channel: Channel, connector: Connector, at: datetime
) -> None:
    """Another way to the same person on this channel (a private answer to a public comment) is open now, too."""
    other = identities.find(work.session, address.kind, address.scope, address.value)
    if other is not None and other.kind == connector.identity_kind and other.customer_id == identity.customer_id:
        identities.heard(work, other, channel, connector, at, verified=False)


def _kind(decision: Decision, inbound: InboundMessage) -> Kind:
    if inbound.auto != "no":
        return "automatic"
    return {"new": "ticket", "joins": "appended", "follows": "follow_up"}[decision.how]  # type: ignore[return-value]


def _edit(work: UnitOfWork, channel: Channel, inbound: InboundMessage) -> Outcome:
    message = work.session.scalar(
        select(Message).where(Message.channel_id == channel.id, Message.external_id == inbound.edits_external_id)
    )
    if message is None:
        # It overtook the message it changes: that one is known already when it comes.
        first = replace(inbound, external_id=inbound.edits_external_id, edits_external_id="")
        return _message(work, channel, connector_of(channel, work.session), first, None)
    message.text = clean(inbound.reply_text or inbound.text)[: incoming.MAX_TEXT]
    message.html = clean(inbound.html)
    message.edited_at = work.now
    search.index_message(work.session, message)
    work.record(MessageEdited(ticket_id=message.ticket_id, message_id=message.id, customer_id=message.customer_id))
    return Outcome("edited", message.ticket_id, message.id, "The customer changed an earlier message.")


def _open(
    work: UnitOfWork,
    channel: Channel,
    connector: Connector,
    inbound: InboundMessage,
    identity: Identity,
    decision: Decision,
    history: bool,
    at: datetime,
) -> Ticket:
    subject = (
        inbound.subject
        or meaningful_line(inbound.reply_text)
        or one_line(inbound.reply_text, 90)
        or (inbound.files and inbound.files[0].filename)
        or ""
    )
    blocked = blocking.reason(work.session, identity)
    return tickets.open_ticket(
        work,
        customer=identity.customer,
        subject=subject or "–",
        channel_id=channel.id,
        identity_id=identity.id,
        team_id=channel.team_id,
        status="solved" if history else "new",
        history=history,
        follow_up_of=decision.ticket if decision.how == "follows" else None,
        shelf="spam" if blocked else "open",
        at=at,
        reason=blocked or decision.reason,
    )


def _echo(
    work: UnitOfWork, channel: Channel, connector: Connector, inbound: InboundMessage, raw: Inbound | None
) -> Outcome:
    heard = echoes.record(work, channel, connector, incoming.cleaned(inbound), raw)
    kind: Kind = {"recorded": "echo", "duplicate": "duplicate", "ours": "report"}.get(heard.kind, "ignored")  # type: ignore[assignment]
    message = heard.message
    return Outcome(kind, message.ticket_id if message else None, message.id if message else None, heard.reason)


# --- everything else -----------------------------------------------------------------------------------------


def _bounce(
    work: UnitOfWork, channel: Channel, connector: Connector, bounce: InboundBounce, raw: Inbound | None
) -> Outcome:
    told = bounces.record(work, channel, bounce)
    notice = bounce.message
    if told is None:
        if notice is None:
            return Outcome("bounce", reason="A bounce of a message we do not know.")
        outcome = _message(work, channel, connector, replace(notice, auto="bounce", auto_reply_allowed=False), raw)
        if outcome.kind == "duplicate":
            return outcome
        return replace(outcome, kind="bounce", reason="A bounce of a message we do not know.")
    message_id = None
    if notice is not None:
        known = repeats.known(work, channel, notice, raw)
        if known is not None:
            return known
        message_id = bounces.keep_notice(work, channel, told, incoming.cleaned(notice), raw)
    return Outcome("bounce", told.ticket_id, message_id, "It says that a message of ours did not arrive.")


def stub(work: UnitOfWork, channel: Channel, raw: Inbound, reason: str, partial: InboundMessage | None) -> Outcome:
    """A ticket for what could not be read: sender and subject as far as they were found, the raw one click away."""
    connector = connector_of(channel, work.session)
    unknown = Address(connector.identity_kind, f"unknown-{raw.id}", connector.identity_scope, name="")
    found = partial or InboundMessage(external_id=raw.external_id, sender=unknown, text="")
    if not found.sender.value:
        found = replace(found, sender=unknown)
    text = found.text or found.reply_text or reason
    found = replace(
        found,
        external_id=raw.external_id,
        text=text,
        reply_text=text,
        subject=found.subject or NO_SUBJECT,
        auto_reply_allowed=False,
        defects=(*found.defects, reason),
        meta={**found.meta, "stub": reason},
    )
    outcome = _message(work, channel, connector, found, raw)
    return outcome if outcome.kind == "duplicate" else replace(outcome, kind="stub", reason=reason)


__all__ = ["Outcome", "receive", "stands_alone", "stub"]
