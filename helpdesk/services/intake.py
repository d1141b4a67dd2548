"""A message came in: identity -> customer -> ticket -> message -> events, in one unit of work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

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
from helpdesk.models import Channel, Inbound
from helpdesk.services import (
    arriving,
    bounces,
    channel_news,
    identities,
    incoming,
    live_calls,
    marks,
    repeats,
)
from helpdesk.services.channels import connector_of
from helpdesk.services.outcomes import Outcome
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
        return arriving.take_in(work, channel, connector, thing, raw)
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


def stands_alone(things: Sequence[InboundThing] | Unparseable | None) -> bool:
    """Only messages that come from their writers: nothing follows from them at once that the next one must wait for."""
    return not isinstance(things, Unparseable) and all(
        isinstance(t, InboundMessage)
        and t.kind == "message"
        and not (t.edits_external_id or t.forwarded or t.also or t.opens)
        for t in things or ()
    )


def _bounce(
    work: UnitOfWork, channel: Channel, connector: Connector, bounce: InboundBounce, raw: Inbound | None
) -> Outcome:
    told = bounces.record(work, channel, bounce)
    notice = bounce.message
    if told is None:
        if notice is None:
            return Outcome("bounce", reason="A bounce of a message we do not know.")
        outcome = arriving.take_in(
            work, channel, connector, replace(notice, auto="bounce", auto_reply_allowed=False), raw
        )
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
    outcome = arriving.take_in(work, channel, connector, found, raw)
    return outcome if outcome.kind == "duplicate" else replace(outcome, kind="stub", reason=reason)


__all__ = ["Outcome", "receive", "stands_alone", "stub"]
