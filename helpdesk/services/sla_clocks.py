"""One clock: started, paused, resumed, stopped, breached, cancelled. Segments of pauses, never a guess."""

from __future__ import annotations

from datetime import datetime

from helpdesk.business_time import Calendar, Pause
from helpdesk.events import SlaBreached
from helpdesk.models import SlaClock, SlaPolicy, Ticket
from helpdesk.models.ticket import UNSOLVED
from helpdesk.services.sla_rules import Promise, calendar_of, hours_of
from helpdesk.unit_of_work import UnitOfWork

RESPONSES = ("first_response", "next_response")
SOON = 0.75  # of the promise used: amber


def start(work: UnitOfWork, ticket: Ticket, promise: Promise, at: datetime, turn: int = 0) -> SlaClock:
    clock = SlaClock(
        ticket_id=ticket.id,
        target=promise.target,
        turn=turn,
        policy_id=promise.policy_id,
        minutes=promise.minutes,
        state="running",
        started_at=at,
        used_s=0,
        pauses=[],
        reason=promise.reason,
    )
    _schedule(clock, promise.calendar)
    work.session.add(clock)
    if promise.target == "resolution" and ticket.status == "pending":
        pause(work, ticket, clock)
    return clock


def follow_status(work: UnitOfWork, ticket: Ticket, clock: SlaClock, old: str, new: str) -> None:
    solved = new not in UNSOLVED
    if clock.target in RESPONSES:
        if solved and clock.state == "running" and _on_time(work, clock):
            cancel(work, ticket, clock, "Solved without a reply.")
        elif solved and waiting(clock):
            stop(work, ticket, clock)
    elif solved and old in UNSOLVED:
        stop(work, ticket, clock)
    elif not solved and old not in UNSOLVED:
        resume(work, ticket, clock, since=clock.stopped_at)
        if new == "pending":
            pause(work, ticket, clock)
    elif new == "pending":
        pause(work, ticket, clock)
    elif old == "pending":
        resume(work, ticket, clock)


def pause(work: UnitOfWork, ticket: Ticket, clock: SlaClock) -> None:
    if clock.state != "running":
        return
    if not _on_time(work, clock):
        breach(work, clock)
        return
    clock.used_s = _calendar(work, ticket, clock).between(clock.started_at, work.now, pauses_of(clock))
    clock.pauses = [*clock.pauses, [work.now.isoformat(), None]]
    clock.state, clock.due_at, clock.soon_at = "paused", None, None


def resume(work: UnitOfWork, ticket: Ticket, clock: SlaClock, since: datetime | None = None) -> None:
    """Run on after a pause; `since`: it had been stopped (solved, thrown away) and that time counts as a pause."""
    if clock.state == "cancelled" and since is None:
        return
    pauses = [[a, b or work.now.isoformat()] for a, b in clock.pauses]
    if since is not None:
        pauses.append([since.isoformat(), work.now.isoformat()])
    clock.pauses, clock.stopped_at = pauses, None
    if clock.breached_at is not None:
        clock.state = "breached"
        return
    clock.state = "running"
    _schedule(clock, _calendar(work, ticket, clock))


def stop(work: UnitOfWork, ticket: Ticket, clock: SlaClock) -> None:
    """Kept, or kept too late: decided either way."""
    if clock.stopped_at is not None or clock.state in ("met", "cancelled"):
        return
    if clock.state == "running" and not _on_time(work, clock):
        breach(work, clock)
    clock.used_s = _calendar(work, ticket, clock).between(clock.started_at, work.now, pauses_of(clock))
    clock.pauses = [[a, b or work.now.isoformat()] for a, b in clock.pauses]
    clock.stopped_at = work.now
    if clock.state != "breached":
        clock.state = "met"


def rerun(work: UnitOfWork, ticket: Ticket, clock: SlaClock) -> None:
    """As if it had never been stopped: the answer that stopped it was called back."""
    clock.stopped_at, clock.used_s = None, 0
    clock.state = "breached" if clock.breached_at is not None else "running"
    if clock.state == "running":
        _schedule(clock, _calendar(work, ticket, clock))


def breach(work: UnitOfWork, clock: SlaClock) -> None:
    clock.state, clock.breached_at = "breached", clock.due_at
    work.record(SlaBreached(ticket_id=clock.ticket_id, target=clock.target, clock_id=clock.id), reason=clock.reason)


def cancel(work: UnitOfWork, ticket: Ticket, clock: SlaClock, why: str) -> None:
    if clock.stopped_at is None and clock.state in ("running", "paused", "breached"):
        clock.state, clock.stopped_at = "cancelled", work.now
        clock.reason = f"{clock.reason} {why}".strip()


def retarget(work: UnitOfWork, ticket: Ticket, clock: SlaClock, promise: Promise) -> None:
    clock.minutes, clock.policy_id, clock.reason = promise.minutes, promise.policy_id, promise.reason
    if clock.state == "running":
        _schedule(clock, promise.calendar)


def _schedule(clock: SlaClock, calendar: Calendar) -> None:
    pauses = pauses_of(clock)
    clock.due_at = calendar.add(clock.started_at, clock.minutes, pauses)
    clock.soon_at = calendar.add(clock.started_at, clock.minutes * SOON, pauses)


def _calendar(work: UnitOfWork, ticket: Ticket, clock: SlaClock) -> Calendar:
    policy = work.session.get(SlaPolicy, clock.policy_id) if clock.policy_id else None
    return calendar_of(hours_of(work.session, policy, ticket))


def pauses_of(clock: SlaClock) -> list[Pause]:
    return [(datetime.fromisoformat(a), datetime.fromisoformat(b) if b else None) for a, b in clock.pauses or []]


def _on_time(work: UnitOfWork, clock: SlaClock) -> bool:
    return clock.due_at is None or work.now <= clock.due_at


def late(clock: SlaClock) -> bool:
    return clock.state == "breached" and clock.stopped_at is None


def waiting(clock: SlaClock) -> bool:
    """Does somebody wait for an answer by this clock?"""
    return clock.target in RESPONSES and (clock.state == "running" or late(clock))
