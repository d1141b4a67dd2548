"""SLA clocks of the sample, decided as services/sla.py decides them (tests/demo holds the two equal)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from helpdesk.events import SlaBreached
from helpdesk.models import SlaClock, Ticket
from helpdesk.models.ticket import UNSOLVED
from helpdesk.services.sla_clocks import RESPONSES, SOON, pauses_of
from helpdesk.services.sla_rules import Promise

PromisesOf = Callable[[Ticket], dict[str, Promise]]


@dataclass
class Kept:
    """The clocks of one ticket and the promise each follows."""

    clocks: list[SlaClock] = field(default_factory=list)
    promises: dict[int, Promise] = field(default_factory=dict)


class Clocks:
    """`desk` gives the time (`at`), rows, and calls back later."""

    def __init__(self, desk: Any, promises_of: PromisesOf) -> None:
        self.desk = desk
        self.promises_of = promises_of
        self.kept: dict[int, Kept] = {}

    # --- what happens to a ticket ------------------------------------------------------------------------------

    def opened(self, ticket: Ticket, *, by_us: bool) -> None:
        held = self.promises_of(ticket)
        for target in ("first_response", "resolution"):
            if target in held and not (target == "first_response" and by_us):
                self._start(ticket, held[target], ticket.created_at)
        self._refresh(ticket)

    def received(self, ticket: Ticket) -> None:
        """A customer's turn on a ticket that has clocks."""
        kept = self._of(ticket)
        if kept.clocks and not any(_waiting(c) for c in kept.clocks):
            promise = self.promises_of(ticket).get("next_response")
            if promise is not None:
                turn = 1 + max((c.turn for c in kept.clocks if c.target == "next_response"), default=0)
                self._start(ticket, promise, self.desk.at, turn)
                self._refresh(ticket)

    def answered(self, ticket: Ticket) -> None:
        for clock in self._of(ticket).clocks:
            if _waiting(clock):
                self._stop(ticket, clock)
        self._refresh(ticket)

    def status(self, ticket: Ticket, old: str, new: str) -> None:
        for clock in self._of(ticket).clocks:
            self._follow(ticket, clock, old, new)
        self._refresh(ticket)

    def changed(self, ticket: Ticket) -> None:
        """Another team or priority: undecided clocks follow the promise that holds now."""
        kept, held = self._of(ticket), self.promises_of(ticket)
        for clock in kept.clocks:
            if clock.state in ("running", "paused") and clock.target in held:
                promise = held[clock.target]
                clock.minutes, clock.policy_id, clock.reason = promise.minutes, promise.policy_id, promise.reason
                kept.promises[clock.id] = promise
                if clock.state == "running":
                    self._schedule(ticket, clock)
        self._refresh(ticket)

    def put_away(self, ticket: Ticket) -> None:
        for clock in self._of(ticket).clocks:
            self._cancel(clock, "Put away.")
        self._refresh(ticket)

    # --- one clock ---------------------------------------------------------------------------------------------

    def _of(self, ticket: Ticket) -> Kept:
        return self.kept.setdefault(ticket.id, Kept())

    def _start(self, ticket: Ticket, promise: Promise, at: datetime, turn: int = 0) -> None:
        clock = self.desk.rows.new(
            SlaClock,
            ticket_id=ticket.id,
            target=promise.target,
            turn=turn,
            policy_id=promise.policy_id,
            minutes=promise.minutes,
            started_at=at,
            reason=promise.reason,
        )
        kept = self._of(ticket)
        kept.clocks.append(clock)
        kept.promises[clock.id] = promise
        self._schedule(ticket, clock)
        if promise.target == "resolution" and ticket.status == "pending":
            self._pause(ticket, clock)

    def _schedule(self, ticket: Ticket, clock: SlaClock) -> None:
        calendar, pauses = self._of(ticket).promises[clock.id].calendar, pauses_of(clock)
        clock.due_at = calendar.add(clock.started_at, clock.minutes, pauses)
        clock.soon_at = calendar.add(clock.started_at, clock.minutes * SOON, pauses)
        self.desk.later(clock.due_at, self._due, ticket, clock, clock.due_at)

    def _due(self, ticket: Ticket, clock: SlaClock, due_at: datetime) -> None:
        """The clock chore's work, at the moment it is due."""
        if clock.state == "running" and clock.due_at == due_at:
            self._breach(ticket, clock)

    def _breach(self, ticket: Ticket, clock: SlaClock) -> None:
        clock.state, clock.breached_at = "breached", clock.due_at
        breached = SlaBreached(ticket_id=ticket.id, target=clock.target, clock_id=clock.id)
        self.desk.rows.event(breached, self.desk.at, "system", clock.reason)

    def _used(self, ticket: Ticket, clock: SlaClock) -> int:
        calendar = self._of(ticket).promises[clock.id].calendar
        return calendar.between(clock.started_at, self.desk.at, pauses_of(clock))

    def _pause(self, ticket: Ticket, clock: SlaClock) -> None:
        if clock.state != "running":
            return
        clock.used_s = self._used(ticket, clock)
        clock.pauses = [*clock.pauses, [self.desk.at.isoformat(), None]]
        clock.state, clock.due_at, clock.soon_at = "paused", None, None

    def _resume(self, ticket: Ticket, clock: SlaClock, since: datetime | None = None) -> None:
        if clock.state == "cancelled" and since is None:
            return
        clock.pauses = [[a, b or self.desk.at.isoformat()] for a, b in clock.pauses]
        if since is not None:
            clock.pauses = [*clock.pauses, [since.isoformat(), self.desk.at.isoformat()]]
        clock.stopped_at = None
        if clock.breached_at is not None:
            clock.state = "breached"
            return
        clock.state = "running"
        self._schedule(ticket, clock)

    def _stop(self, ticket: Ticket, clock: SlaClock) -> None:
        if clock.stopped_at is not None or clock.state in ("met", "cancelled"):
            return
        clock.used_s = self._used(ticket, clock)
        clock.pauses = [[a, b or self.desk.at.isoformat()] for a, b in clock.pauses]
        clock.stopped_at = self.desk.at
        if clock.state != "breached":
            clock.state = "met"

    def _cancel(self, clock: SlaClock, why: str) -> None:
        if clock.stopped_at is None and clock.state in ("running", "paused", "breached"):
            clock.state, clock.stopped_at = "cancelled", self.desk.at
            clock.reason = f"{clock.reason} {why}".strip()

    def _follow(self, ticket: Ticket, clock: SlaClock, old: str, new: str) -> None:
        solved = new not in UNSOLVED
        if clock.target in RESPONSES:
            if solved and clock.state == "running":
                self._cancel(clock, "Solved without a reply.")
            elif solved and _waiting(clock):
                self._stop(ticket, clock)
        elif solved and old in UNSOLVED:
            self._stop(ticket, clock)
        elif not solved and old not in UNSOLVED:
            self._resume(ticket, clock, clock.stopped_at)
            if new == "pending":
                self._pause(ticket, clock)
        elif new == "pending":
            self._pause(ticket, clock)
        elif old == "pending":
            self._resume(ticket, clock)

    def _refresh(self, ticket: Ticket) -> None:
        clocks = self._of(ticket).clocks
        waiting = [c for c in clocks if c.due_at and (c.state == "running" or _late(c))]
        first = min(waiting, key=lambda c: (c.due_at or self.desk.at, c.id), default=None)
        ticket.sla_due_at = first.due_at if first else None
        ticket.sla_soon_at = first.soon_at if first else None
        ticket.sla_target = first.target if first else ""


def _late(clock: SlaClock) -> bool:
    return clock.state == "breached" and clock.stopped_at is None


def _waiting(clock: SlaClock) -> bool:
    return clock.target in RESPONSES and (clock.state == "running" or _late(clock))
