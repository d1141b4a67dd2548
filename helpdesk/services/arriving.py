"""A message that came in: whose it is, which ticket it belongs to, what it does there."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from sqlalchemy import select

from connectors.contract import (
    Address,
    Connector,
    InboundMessage,
)
from helpdesk.events import MessageEdited, MessageReceived
from helpdesk.folding import clean, one_line
from helpdesk.models import Agent, Channel, Identity, Inbound, Message, Ticket
from helpdesk.services import (
    albums,
    blocking,
    echoes,
    foresight,
    forwards,
    identities,
    incoming,
    live_calls,
    notice_chats,
    notice_mail,
    opening,
    repeats,
    search,
    turns,
)
from helpdesk.services.channels import connector_of
from helpdesk.services.courtesy import is_courtesy, language_of, meaningful_line
from helpdesk.services.outcomes import Kind, Outcome
from helpdesk.services.threading import Decision, decide
from helpdesk.unit_of_work import UnitOfWork


def take_in(
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
        return take_in(work, channel, connector_of(channel, work.session), first, None)
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
    return opening.open_ticket(
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


__all__ = ["take_in"]
