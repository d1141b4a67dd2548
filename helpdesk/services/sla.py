"""The clocks of a ticket: started, paused, met, breached. Each is a row; segments, not guesses, so a change recomputes.

First response and next response run until a person answers; resolution runs until solved, and rests while `pending`
(and while solved, when the ticket is reopened). What a clock says of itself (`reason`) is shown under "Why?".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from helpdesk.events import (
    MessageReceived,
    PriorityChanged,
    ReplySent,
    StatusChanged,
    TeamChanged,
    TicketMoved,
    TicketOpened,
    TicketsMerged,
)
from helpdesk.models import Message, SlaClock, Ticket
from helpdesk.services import foresight, sla_clocks
from helpdesk.services.desk_defaults import ensure_defaults
from helpdesk.services.sla_rules import Promise, promises
from helpdesk.unit_of_work import UnitOfWork

AWAY = ("spam", "trash", "merged")
SPOKE = ("answered", "voicemail")  # outcomes of a call after which the customer has heard from us


# --- listeners -----------------------------------------------------------------------------------------------


def on_opened(work: UnitOfWork, event: TicketOpened) -> None:
    ticket = _ticket(work, event.ticket_id)
    if not event.history and ticket.shelf not in AWAY:
        begin(work, ticket)


def on_received(work: UnitOfWork, event: MessageReceived) -> None:
    """A customer's turn: answered within the next response's promise, if there is one."""
    if event.history or event.automatic or event.courtesy or event.other_sender:
        return
    ticket = _ticket(work, event.ticket_id)
    if ticket.history or ticket.shelf in AWAY:
        return
    if not event.opened:  # what opened it has started the clocks
        turn(work, ticket)
    if _spoke(work.session, event.message_id):
        responded(work, ticket)


def on_sent(work: UnitOfWork, event: ReplySent) -> None:
    if event.automatic or (event.call and not _spoke(work.session, event.message_id)):
        return
    responded(work, _ticket(work, event.ticket_id))


def on_status(work: UnitOfWork, event: StatusChanged) -> None:
    ticket = _ticket(work, event.ticket_id)
    clocks = clocks_of(work.session, ticket.id)
    for clock in clocks:
        sla_clocks.follow_status(work, ticket, clock, event.old, event.new)
    refresh(work, ticket, clocks)


def on_moved(work: UnitOfWork, event: TicketMoved) -> None:
    """Spam and trash promise nothing; what comes back is owed what it was owed, less its absence."""
    ticket = _ticket(work, event.ticket_id)
    _away_or_back(work, ticket, away=event.new in AWAY, back=event.old in AWAY)


def on_merged(work: UnitOfWork, event: TicketsMerged) -> None:
    ticket = _ticket(work, event.ticket_id)
    _away_or_back(work, ticket, away=not event.undone, back=event.undone)


def on_changed(work: UnitOfWork, event: PriorityChanged | TeamChanged) -> None:
    recompute(work, _ticket(work, event.ticket_id))


# --- verbs ---------------------------------------------------------------------------------------------------


def begin(work: UnitOfWork, ticket: Ticket, *, at: datetime | None = None) -> None:
    """Start the clocks of a ticket: none for what a machine wrote; no first response where we wrote first."""
    held = promises(work.session, ticket)
    if not held:
        return
    look = foresight.of(work.session)
    fresh = look.first.get(ticket.id) if look is not None else None
    wrote = select(Message.auto, Message.direction).where(Message.ticket_id == ticket.id).order_by(Message.id).limit(1)
    first = fresh or work.session.execute(wrote).first()
    if at is None and first is not None and first.auto != "no":
        return
    ours = first is not None and first.direction == "out"
    started = [
        sla_clocks.start(work, ticket, held[target], at or ticket.created_at)
        for target in ("first_response", "resolution")
        if target in held and not (target == "first_response" and (ours or ticket.first_response_at))
    ]
    refresh(work, ticket, started if fresh is not None else None)


def responded(work: UnitOfWork, ticket: Ticket) -> None:
    """A person answered: the response clocks stop."""
    if ticket.first_response_at is None:
        ticket.first_response_at = work.now
    clocks = clocks_of(work.session, ticket.id)
    for clock in clocks:
        if sla_clocks.waiting(clock):
            sla_clocks.stop(work, ticket, clock)
    refresh(work, ticket, clocks)


def unanswered(work: UnitOfWork, ticket: Ticket, at: datetime) -> None:
    """The answer given at that time was called back: what it stopped runs on, what began after it never began."""
    if ticket.first_response_at == at:
        ticket.first_response_at = None
    for clock in clocks_of(work.session, ticket.id):
        if clock.target in sla_clocks.RESPONSES and clock.stopped_at == at and clock.state in ("met", "breached"):
            sla_clocks.rerun(work, ticket, clock)
        elif sla_clocks.waiting(clock) and clock.started_at > at:
            sla_clocks.cancel(work, ticket, clock, "The answer before it was called back.")
    refresh(work, ticket)


def nobody_waits(work: UnitOfWork, ticket: Ticket) -> None:
    """The message that wanted an answer went elsewhere."""
    for clock in clocks_of(work.session, ticket.id):
        if sla_clocks.waiting(clock):
            sla_clocks.cancel(work, ticket, clock, "The message was moved to another ticket.")
    refresh(work, ticket)


def turn(work: UnitOfWork, ticket: Ticket) -> None:
    """The customer waits: the next response is promised, unless one is awaited already."""
    if ticket.history or ticket.shelf in AWAY:
        return
    clocks = clocks_of(work.session, ticket.id)
    if not clocks:
        begin(work, ticket, at=work.now)
    elif not any(sla_clocks.waiting(c) for c in clocks):
        _next_turn(work, ticket, clocks)


def recompute(work: UnitOfWork, ticket: Ticket) -> None:
    """After a change of priority, team, policy or hours: undecided clocks follow the promise that holds now."""
    if ticket.history or ticket.shelf in AWAY:
        return
    held = promises(work.session, ticket)
    clocks = clocks_of(work.session, ticket.id)
    for clock in clocks:
        if clock.state in ("running", "paused"):
            promise = held.get(clock.target)
            if promise is None:
                sla_clocks.cancel(work, ticket, clock, "No promise holds for it any more.")
            else:
                sla_clocks.retarget(work, ticket, clock, promise)
    _begin_missing(work, ticket, clocks, held)
    refresh(work, ticket)


def recompute_all(work: UnitOfWork, after_id: int = 0, limit: int = 100) -> int | None:
    """A batch of tickets with undecided clocks, after a policy or its hours changed; the id to go on from, or None."""
    statement = (
        select(SlaClock.ticket_id)
        .where(SlaClock.state.in_(("running", "paused")), SlaClock.ticket_id > after_id)
        .distinct()
        .order_by(SlaClock.ticket_id)
        .limit(limit)
    )
    ids = list(work.session.scalars(statement))
    for ticket_id in ids:
        recompute(work, _ticket(work, ticket_id))
    return ids[-1] if len(ids) == limit else None


def policy_changed(work: UnitOfWork) -> None:
    """Call after changing a policy, a target or business hours: open promises are recomputed after the commit."""
    work.enqueue("reactions", "sla_recompute", {"after_id": 0})


def mark_breaches(work: UnitOfWork, limit: int = 200) -> int:
    """Clocks that ran out become `breached`, each exactly once, late ones too. Returns how many."""
    statement = (
        select(SlaClock)
        .where(SlaClock.state == "running", SlaClock.due_at <= work.now)
        .order_by(SlaClock.due_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    clocks = list(work.session.scalars(statement))
    for clock in clocks:
        sla_clocks.breach(work, clock)
    return len(clocks)


# --- reading -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Chip:
    """A clock as the inbox shows it. state: running, paused, met or breached; `late` and `soon` follow from the times.
    left_s: seconds of business time the promise has left, for a paused clock."""

    target: str
    state: str
    due_at: datetime | None
    soon_at: datetime | None
    left_s: int
    used_s: int
    reason: str


_SHOWN = (
    select(SlaClock)
    .where(SlaClock.ticket_id.in_(bindparam("ids", expanding=True)), SlaClock.state != "cancelled")
    .order_by(SlaClock.id)
)


def chips(session: Session, ticket_ids: Iterable[int], *, decided: bool = False) -> dict[int, list[Chip]]:
    """Chips of tickets, the most pressing first; `decided`: met and answered-late clocks too. One query."""
    ids = list(ticket_ids)
    if not ids:
        return {}
    found: dict[int, list[Chip]] = {}
    for clock in session.scalars(_SHOWN, {"ids": ids}):
        if decided or clock.state in ("running", "paused") or sla_clocks.late(clock):
            found.setdefault(clock.ticket_id, []).append(_chip(clock))
    for row in found.values():
        row.sort(key=lambda c: (c.state not in ("running", "breached"), c.due_at is None, c.due_at))
    return found


def _chip(clock: SlaClock) -> Chip:
    left = clock.minutes * 60 - clock.used_s
    return Chip(clock.target, clock.state, clock.due_at, clock.soon_at, left, clock.used_s, clock.reason)


def clocks_of(session: Session, ticket_id: int) -> list[SlaClock]:
    """The clocks of one ticket, their rows locked where rows can be locked."""
    return list(session.scalars(_OF_TICKET, {"ticket": ticket_id}))


_OF_TICKET = select(SlaClock).where(SlaClock.ticket_id == bindparam("ticket")).order_by(SlaClock.id).with_for_update()


def refresh(work: UnitOfWork, ticket: Ticket, clocks: Sequence[SlaClock] | None = None) -> None:
    """What lists sort and filter by: the earliest due time among running and late clocks. `clocks`: all it has."""
    if clocks is None:
        work.session.flush()
        clocks = clocks_of(work.session, ticket.id)
    open_ = [c for c in clocks if c.due_at and (c.state == "running" or sla_clocks.late(c))]
    first = min(open_, key=lambda c: c.due_at or work.now, default=None)  # of two the older one: they stand by age
    ticket.sla_due_at = first.due_at if first else None
    ticket.sla_soon_at = first.soon_at if first else None
    ticket.sla_target = first.target if first else ""


# --- parts ---------------------------------------------------------------------------------------------------


def _next_turn(work: UnitOfWork, ticket: Ticket, clocks: Sequence[SlaClock]) -> None:
    promise = promises(work.session, ticket).get("next_response")
    if promise is not None:
        turn = 1 + max((c.turn for c in clocks if c.target == "next_response"), default=0)
        sla_clocks.start(work, ticket, promise, work.now, turn)
        refresh(work, ticket)


def _begin_missing(work: UnitOfWork, ticket: Ticket, clocks: Sequence[SlaClock], held: dict[str, Promise]) -> None:
    """A promise that only now holds (another team's policy) counts from the beginning, as the customer does."""
    have = {c.target for c in clocks}
    if clocks and "resolution" in held and "resolution" not in have and ticket.unsolved:
        sla_clocks.start(work, ticket, held["resolution"], ticket.created_at)


def _away_or_back(work: UnitOfWork, ticket: Ticket, *, away: bool, back: bool) -> None:
    clocks = clocks_of(work.session, ticket.id)
    if away:
        for clock in clocks:
            sla_clocks.cancel(work, ticket, clock, "Put away.")
    elif back and not clocks and not ticket.history and ticket.unsolved:
        begin(work, ticket)
    elif back:
        for clock in clocks:
            if clock.state == "cancelled" and clock.reason.endswith("Put away.") and ticket.unsolved:
                clock.reason = clock.reason.removesuffix("Put away.").strip()
                sla_clocks.resume(work, ticket, clock, since=clock.stopped_at)
                if clock.target == "resolution" and ticket.status == "pending":
                    sla_clocks.pause(work, ticket, clock)
    refresh(work, ticket)


def _spoke(session: Session, message_id: int | None) -> bool:
    message = session.get(Message, message_id) if message_id else None
    return message is not None and message.kind == "call" and (message.call or {}).get("outcome") in SPOKE


def _ticket(work: UnitOfWork, ticket_id: int | None) -> Ticket:
    ticket = work.session.get(Ticket, ticket_id)
    if ticket is None:
        raise LookupError(f"ticket {ticket_id} of an event is not there")
    return ticket


__all__ = [
    "Chip", "begin", "chips", "clocks_of", "ensure_defaults", "mark_breaches", "on_changed", "on_merged", "on_moved",
    "on_opened", "on_received", "on_sent", "on_status", "policy_changed", "nobody_waits", "recompute",
    "recompute_all", "responded", "turn", "unanswered",
]  # fmt: skip
