"""What a batch of messages will ask the database, asked at once: who is known, what came before, what they answer.

It only holds answers to questions of which it knows the answer; anything else is asked as ever. What the batch itself
adds is told to it (`now_known`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session, joinedload

from connectors.contract import Connector, InboundMessage
from helpdesk import newcomers
from helpdesk.folding import one_line
from helpdesk.models import (
    BusinessHours,
    Channel,
    ChatContinuation,
    Grant,
    Identity,
    Inbound,
    Message,
    Reach,
    SlaPolicy,
    Ticket,
)

KEY = "foresight"
_IDS: Any = bindparam("ids", expanding=True)
_SAME = select(Message.external_id, Message.id, Message.ticket_id).where(
    Message.channel_id == bindparam("channel"), Message.external_id.in_(_IDS), Message.direction == "in"
)
_TWINS = (
    select(Inbound.external_id, Message.rfc822_id, Message.id, Message.ticket_id)
    .join(Inbound, Inbound.id == Message.inbound_id)
    .where(Message.rfc822_id.in_(_IDS), Inbound.channel_id != bindparam("channel"))
    .order_by(Message.id.desc())
)
_PEOPLE = (
    select(Identity)
    .options(joinedload(Identity.customer))
    .where(Identity.kind == bindparam("kind"), Identity.scope == bindparam("scope"), Identity.value.in_(_IDS))
)
_REACHES = select(Reach).where(Reach.identity_id.in_(_IDS), Reach.channel_id == bindparam("channel"))
_CONTINUED = select(ChatContinuation.identity_id).where(ChatContinuation.identity_id.in_(_IDS))
_NAMED = select(Message.rfc822_id, Message.ticket_id).where(Message.rfc822_id.in_(_IDS)).order_by(Message.id)
_FOLLOWERS = select(Grant.ticket_id, Grant.agent_id).where(Grant.ticket_id.in_(_IDS), Grant.why == "follow")
_TICKETS = select(Ticket).where(Ticket.id.in_(_IDS)).order_by(Ticket.id).with_for_update()

Found = tuple[int, int]  # message id, ticket id


@dataclass
class Foresight:
    """Keys stand here when they were asked for; None: there is nothing."""

    channel_id: int
    same: dict[str, Found | None] = field(default_factory=dict)
    twins: dict[tuple[str, str], Found | None] = field(default_factory=dict)
    people: dict[tuple[str, str, str], Identity | None] = field(default_factory=dict)
    reaches: dict[int, Reach | None] = field(default_factory=dict)
    named: dict[str, int | None] = field(default_factory=dict)
    continued: dict[int, bool] = field(default_factory=dict)
    only: dict[int, Identity] = field(default_factory=dict)  # of a customer made in this batch: their one identity
    followers: dict[int, list[int]] = field(default_factory=dict)
    first: dict[int, Message] = field(default_factory=dict)  # of a ticket opened in this batch
    policy: list[SlaPolicy | None] = field(default_factory=list)  # the default one, once somebody asked
    hours: list[BusinessHours | None] = field(default_factory=list)
    locked: set[int] = field(default_factory=set)
    touched: set[int] = field(default_factory=set)  # tickets that a message of this batch went into

    def now_known(self, message: Message, *, opened: bool) -> None:
        """A message was taken in; `opened`: into a ticket of its own."""
        if opened:
            self.first[message.ticket_id] = message
            self.followers[message.ticket_id] = []
        self.touched.add(message.ticket_id)
        self.locked.add(message.ticket_id)
        if message.external_id:
            self.same[message.external_id] = (message.id, message.ticket_id)
        if message.rfc822_id:
            self.named[message.rfc822_id] = message.ticket_id


def of(session: Session) -> Foresight | None:
    found: Foresight | None = session.info.get(KEY)
    return found


def prepare(session: Session, channel: Channel, connector: Connector, coming: Sequence[tuple[Any, Inbound]]) -> None:
    """Before a batch of (message, raw) is taken in: it is written as a batch, and knows what it will ask."""
    newcomers.open(session)
    session.info[KEY] = look = Foresight(channel.id)
    messages = [(m, raw) for m, raw in coming if isinstance(m, InboundMessage)]
    here = {"channel": channel.id}
    look.same = dict.fromkeys(m.external_id for m, _ in messages)
    for external_id, message_id, ticket_id in _ask(session, _SAME, look.same, here):
        look.same[external_id] = (message_id, ticket_id)
    look.twins = {(raw.external_id, one_line(m.message_id)): None for m, raw in messages if m.message_id}
    for external_id, rfc822_id, message_id, ticket_id in _ask(session, _TWINS, {k[1] for k in look.twins}, here):
        if (external_id, rfc822_id) in look.twins:
            look.twins[external_id, rfc822_id] = (message_id, ticket_id)
    _people(session, look, connector, [m for m, _ in messages])
    _tickets(session, look, [m for m, _ in messages])


def _people(session: Session, look: Foresight, connector: Connector, messages: Sequence[InboundMessage]) -> None:
    kind, scope = connector.identity_kind, connector.identity_scope
    values = {one_line(m.sender.value, 320) for m in messages if (m.sender.kind, m.sender.scope) == (kind, scope)}
    look.people = dict.fromkeys((kind, scope, value) for value in values)
    if values:
        found = session.scalars(_PEOPLE, {"kind": kind, "scope": scope, "ids": list(values)}).all()
        look.people |= {(kind, scope, identity.value): identity for identity in found}
        ids = [identity.id for identity in found]
        look.reaches = dict.fromkeys(ids)
        if ids:
            reaches = session.scalars(_REACHES, {"ids": ids, "channel": look.channel_id})
            look.reaches |= {reach.identity_id: reach for reach in reaches}
        look.continued = dict.fromkeys(ids, False) | {row[0]: True for row in _ask(session, _CONTINUED, ids)}


def _tickets(session: Session, look: Foresight, messages: Sequence[InboundMessage]) -> None:
    """What the messages say they answer, the tickets' rows locked, always in one order."""
    look.named = dict.fromkeys(id_ for m in messages for id_ in (*m.evidence.in_reply_to, *m.evidence.references[-20:]))
    for rfc822_id, ticket_id in _ask(session, _NAMED, look.named):
        look.named[rfc822_id] = ticket_id
    ids = {ticket_id for ticket_id in look.named.values() if ticket_id is not None}
    if ids:
        look.locked = {ticket.id for ticket in session.scalars(_TICKETS, {"ids": list(ids)})}
        look.followers = {id_: [] for id_ in look.locked}
        for ticket_id, agent_id in _ask(session, _FOLLOWERS, look.locked):
            look.followers[ticket_id].append(agent_id)


def _ask(session: Session, statement: Any, ids: Iterable[Any], values: dict[str, Any] | None = None) -> list[Any]:
    wanted = list(ids)
    if not wanted:
        return []
    return list(session.connection().execute(statement, {**(values or {}), "ids": wanted}))


__all__ = ["Foresight", "of", "prepare"]
