"""Calls while they go on: who rings, who took it, and what stays of it when it ends.

A phone system tells of ringing, answer and end; the agents' pages hear a doorbell and fetch a card with the customer. The
entry in the ticket is the message the end of the call makes, or the note an agent saved before that: one of both.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from connectors.contract import InboundCall, InboundMessage
from helpdesk import access, realtime
from helpdesk.access import Viewer
from helpdesk.errors import NotFound
from helpdesk.events import MessageEdited, TaskChanged
from helpdesk.folding import clean, one_line
from helpdesk.models import Agent, Channel, Customer, FollowUpTask, LiveCall, Message, Ticket, now
from helpdesk.services import call_lookup, calls, identities, recordings, search, tickets
from helpdesk.services.sla import SPOKE
from helpdesk.unit_of_work import UnitOfWork

RINGS = timedelta(minutes=3)  # a phone system that tells no end must not leave a card for ever
TALKS = timedelta(hours=3)
NOTES = timedelta(minutes=10)  # how long after its end a call waits for its note
CALL_BACK_WITHIN = timedelta(minutes=30)
UNWRITTEN = "unwritten"  # in Message.meta: the entry holds no agent's words yet


@dataclass(frozen=True)
class Card:
    """What an agent sees of a call: whose it is as far as they may know, and what waits."""

    call: LiveCall
    channel: str
    pretty: str
    where: str
    customer: Customer | None
    tickets: tuple[Ticket, ...]
    other_team: bool = False


# --- news of a call ------------------------------------------------------------------------------------------


def heard(work: UnitOfWork, channel: Channel, news: InboundCall) -> LiveCall:
    """One piece of news; late, early and repeated ones are harmless."""
    values = {
        "channel_id": channel.id,
        "call_id": news.external_id[:150],
        "direction": news.direction,
        "number": news.sender.value[:320],
        "state": news.state,
        "started_at": work.now,
    }
    made = identities.insert_or_skip(work.session, LiveCall, values, ["channel_id", "call_id"])
    row = of(work.session, channel.id, news.external_id, lock=True)
    if row is None:
        raise RuntimeError("a call vanished while it was told of")
    moved = row.advance(news.state, work.now) or made
    if made and news.state != "ringing":
        row.answered_at, row.ended_at = (work.now, None) if news.state == "answered" else (None, work.now)
    agent_id = _agent_of(work.session, news.extension)
    if agent_id is not None and row.agent_id is None:
        row.agent_id, moved = agent_id, True
    identity = identities.find(work.session, news.sender.kind, news.sender.scope, news.sender.value)
    row.customer_id = identity.customer_id if identity is not None else row.customer_id
    message = entry(work.session, channel.id, news.external_id)
    row.message_id = message.id if message is not None else row.message_id
    recordings.told(work, row, message, news.recording_url)
    if moved:
        _ring(work, channel, row)
    return row


def of(session: Session, channel_id: int, call_id: str, *, lock: bool = False) -> LiveCall | None:
    statement = select(LiveCall).where(LiveCall.channel_id == channel_id, LiveCall.call_id == call_id[:150])
    return session.scalar(statement.with_for_update() if lock else statement)


def _agent_of(session: Session, extension: str) -> int | None:
    if not extension:
        return None
    mine = select(Agent.id).where(Agent.extension == extension[:40], Agent.disabled_at.is_(None)).limit(2)
    found = session.scalars(mine).all()
    return found[0] if len(found) == 1 else None


def _ring(work: UnitOfWork, channel: Channel, row: LiveCall) -> None:
    rooms = access.rooms_for(channel.team_id or 0, {row.agent_id} if row.agent_id else set())
    told = {"call": row.id, "state": row.state}
    work.after_commit(lambda: realtime.emit("call", told, rooms=rooms))


def entry(session: Session, channel_id: int, call_id: str) -> Message | None:
    """The message a call became."""
    return session.scalar(select(Message).where(Message.channel_id == channel_id, Message.external_id == call_id))


# --- the end of a call ---------------------------------------------------------------------------------------


def took_in(work: UnitOfWork, channel: Channel, told: InboundMessage, message: Message, waited: bool) -> None:
    """A phone system's call was stored: who spoke need not be answered, who was missed is called back.

    `waited`: did the ticket wait for an answer before?
    """
    ticket = work.session.get_one(Ticket, message.ticket_id)
    message.meta = {**message.meta, UNWRITTEN: True}
    row = of(work.session, channel.id, told.external_id)
    agent_id = row.agent_id if row is not None else _agent_of(work.session, str(told.call.get("extension", "")))
    message.agent_id = agent_id
    spoke, ours = told.call.get("outcome") in SPOKE, told.call.get("direction") == "out"
    if spoke or (ours and not waited):
        ticket.needs_reply, ticket.waiting_since = False, None
    if spoke and agent_id is not None and ticket.assignee_id is None:
        tickets.assign(work, None, ticket, agent_id, reason="They spoke with the customer.")
    if not spoke and not ours:
        _call_back(work, ticket, str(told.call.get("number") or ""))


def _call_back(work: UnitOfWork, ticket: Ticket, number: str) -> None:
    """One open promise a ticket, however often they ring."""
    waiting = select(FollowUpTask.id).where(
        FollowUpTask.ticket_id == ticket.id, FollowUpTask.kind == "callback", FollowUpTask.done_at.is_(None)
    )
    if work.session.scalar(waiting.limit(1)) is not None:
        return
    task = FollowUpTask(
        kind="callback",
        ticket_id=ticket.id,
        agent_id=ticket.assignee_id,
        due_at=work.now + CALL_BACK_WITHIN,
        note=number[:40],
        reason="A missed call.",
        created_at=work.now,
    )
    work.session.add(task)
    work.session.flush()
    work.record(TaskChanged(ticket_id=ticket.id, customer_id=ticket.customer_id, task_id=task.id, kind=task.kind))


def repeated(work: UnitOfWork, told: InboundMessage, message: Message) -> None:
    """The system's end of a call whose note is written already: its facts join the note."""
    if message.kind != "call":
        return
    facts = {k: v for k, v in told.call.items() if v not in ("", 0, None)}
    kept = {k: v for k, v in message.call.items() if v not in ("", 0, None)}
    message.call = {**message.call, **facts, **{k: kept[k] for k in ("outcome", "direction", "number") if k in kept}}
    work.record(MessageEdited(ticket_id=message.ticket_id, message_id=message.id, customer_id=message.customer_id))


# --- what agents see -----------------------------------------------------------------------------------------


def cards(session: Session, viewer: Viewer) -> list[Card]:
    """Calls that ring at the viewer's teams, and those that are the viewer's: going on, or waiting for their note."""
    moment = now()
    mine = LiveCall.agent_id == viewer.agent_id
    rings = (LiveCall.state == "ringing") & (LiveCall.started_at > moment - RINGS)
    talks = (LiveCall.state == "answered") & (LiveCall.started_at > moment - TALKS) & mine
    over = (LiveCall.state == "ended") & (LiveCall.ended_at > moment - NOTES) & mine & LiveCall.answered_at.is_not(None)
    inward = LiveCall.direction == "in"
    statement = (
        select(LiveCall, Channel)
        .join(Channel, Channel.id == LiveCall.channel_id)
        .where(inward, or_(rings, talks, over))
        .order_by(LiveCall.id.desc())
        .limit(5)
    )
    found = [(row, channel) for row, channel in session.execute(statement) if _may_see(viewer, row, channel)]
    return [_card(session, viewer, row, channel) for row, channel in found if not _written(session, row)]


def _may_see(viewer: Viewer, row: LiveCall, channel: Channel) -> bool:
    if row.agent_id is not None:
        return row.agent_id == viewer.agent_id
    return viewer.sees_all or (channel.team_id or 0) in viewer.visible_teams


def _written(session: Session, row: LiveCall) -> bool:
    message = session.get(Message, row.message_id) if row.message_id else None
    return message is not None and not message.meta.get(UNWRITTEN)


def _card(session: Session, viewer: Viewer, row: LiveCall, channel: Channel) -> Card:
    pretty, where = call_lookup.describe(row.number, viewer.locale)
    hidden = row.number.startswith("hidden:")
    card = Card(row, channel.name, "" if hidden else pretty, where, None, ())
    if row.customer_id is None:
        return card
    try:
        customer = access.customer_by_id(session, viewer, row.customer_id)
    except NotFound:
        return Card(row, channel.name, pretty, where, None, (), other_team=True)
    return Card(row, channel.name, pretty, where, customer, call_lookup.unsolved(session, viewer, customer.id, 3))


def one(session: Session, viewer: Viewer, live_id: int) -> LiveCall:
    """A call the viewer may take. Raises NotFound."""
    row = session.get(LiveCall, live_id)
    if row is None or not _may_see(viewer, row, session.get_one(Channel, row.channel_id)):
        raise NotFound
    return row


def take(work: UnitOfWork, viewer: Viewer, live_id: int) -> LiveCall:
    """It is the viewer's call, unless somebody has it already."""
    access.require_write(viewer)
    row = one(work.session, viewer, live_id)
    if row.agent_id is None:
        row.agent_id = viewer.agent_id
        row.answered_at = row.answered_at or work.now
        if row.state == "ringing":
            row.state = "answered"
        _ring(work, work.session.get_one(Channel, row.channel_id), row)
    return row


def write_down(work: UnitOfWork, viewer: Viewer, live_id: int, call: calls.Call) -> tuple[Ticket, Message]:
    """The agent's note of a call. Before its end it is the call's entry; after it, it joins the entry that was made.

    Raises what calls.log raises.
    """
    row = take(work, viewer, live_id)
    message = entry(work.session, row.channel_id, row.call_id)
    if message is None or not message.meta.get(UNWRITTEN):
        logged = replace(call, channel_id=row.channel_id, external_id=row.call_id)
        ticket, message = calls.log(work, viewer, logged)
    else:
        ticket = _join(work, viewer, message, call)
    row.message_id = message.id
    _ring(work, work.session.get_one(Channel, row.channel_id), row)
    return ticket, message


def _join(work: UnitOfWork, viewer: Viewer, message: Message, call: calls.Call) -> Ticket:
    ticket = access.ticket_by_id(work.session, viewer, message.ticket_id, lock=True)
    _channel, connector = calls.line(work.session, message.channel_id)
    said = calls.read(connector, call.form)
    message.text, message.agent_id = clean(said.text), viewer.agent_id
    message.call = {**message.call, "outcome": said.call["outcome"]}
    message.meta = {k: v for k, v in message.meta.items() if k != UNWRITTEN}
    ticket.preview = one_line(message.text, 300) if ticket.last_message_id == message.id else ticket.preview
    search.index_message(work.session, message)
    work.record(MessageEdited(ticket_id=ticket.id, message_id=message.id, customer_id=message.customer_id))
    calls.afterwards(work, viewer, ticket, message, call)
    return ticket
