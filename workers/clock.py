"""The clock: a small loop under a database lease. It writes due work as outbox rows and wakes drains with due rows.

It needs no Redis: rows are written and found whether or not a wake-up can be given.
"""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Iterable
from threading import Event

from flask import Flask, current_app
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from helpdesk import wakeups
from helpdesk.database import refusal, tidy
from helpdesk.errors import Unavailable
from helpdesk.extensions import db
from helpdesk.models import OutboxRow, now
from helpdesk.processes.heartbeat import Heartbeat, place
from helpdesk.services import leases, outbox
from helpdesk.unit_of_work import UnitOfWork, Writers, unit_of_work
from workers.schedule import SCHEDULE, Entry

log = logging.getLogger(__name__)

LEASE = "clock"
LEASE_S = 15.0
RENEW_S = 5.0
TICK_S = 1.0
TIDY_S = 5.0


class Clock:
    """One process's clock; only the one that holds the lease acts."""

    def __init__(self, schedule: Iterable[Entry] = SCHEDULE) -> None:
        self.schedule = tuple(schedule)
        self.holder = f"{place()}:{os.urandom(3).hex()}"
        self._written: dict[str, str] = {}
        self._held_until = 0.0
        self._renew_at = 0.0
        self._tidy_at = 0.0

    def tick(self) -> list[str]:
        """Write what became due, wake who has work; returns the kinds written. Call inside an app context."""
        try:
            written = self._write() if time.monotonic() >= self._renew_at or self._due() else []
            self._tidy()
            if time.monotonic() < self._held_until:
                for drain in outbox.due(db.session()):
                    wakeups.wake(drain)
            return written
        except (SQLAlchemyError, Unavailable, OSError) as error:
            log.warning("the clock waits for the database error=%s", refusal(error))
            return []
        finally:
            db.session.remove()

    def _tidy(self) -> None:
        if time.monotonic() >= self._tidy_at:
            self._tidy_at = time.monotonic() + TIDY_S
            writers: Writers = current_app.extensions["writers"]
            tidy(writers.engine)

    def _due(self) -> list[Entry]:
        if time.monotonic() >= self._held_until:
            return []
        at = now()
        return [e for e in self.schedule if self._written.get(e.kind) != e.slot(at).isoformat()]

    def _write(self) -> list[str]:
        """Renew the lease and write due rows in one transaction, so that a clock that lost it writes nothing."""
        with unit_of_work() as work:
            held = leases.hold(work, LEASE, self.holder, LEASE_S)
            self._renew_at = time.monotonic() + RENEW_S
            self._held_until = time.monotonic() + LEASE_S - RENEW_S if held else 0.0
            due = self._due()
            waiting = self._waiting(work, due)
            fresh = [e for e in due if e.kind not in waiting]
            for entry in fresh:
                work.enqueue(entry.drain, entry.kind, dedupe=f"{entry.kind}@{entry.slot(work.now).isoformat()}")
        for entry in due:
            self._written[entry.kind] = entry.slot(work.now).isoformat()
        return [e.kind for e in fresh]

    def _waiting(self, work: UnitOfWork, due: list[Entry]) -> set[str]:
        """Kinds whose last row is still to be done: another would find nothing."""
        if not due:
            return set()
        kinds = [e.kind for e in due]
        return set(
            work.session.scalars(select(OutboxRow.kind).where(OutboxRow.state == "due", OutboxRow.kind.in_(kinds)))
        )

    def let_go(self) -> None:
        """At the end: another clock may take over at once."""
        try:
            with unit_of_work() as work:
                leases.release(work, LEASE, self.holder)
        except (SQLAlchemyError, Unavailable, OSError) as error:
            log.warning("lease not released error=%s", type(error).__name__)


def serve(app: Flask) -> None:
    """Tick until SIGTERM."""
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    clock = Clock()
    with Heartbeat(app, "clock"):
        while not stop.is_set():
            with app.app_context():
                clock.tick()
            stop.wait(TICK_S)
        with app.app_context():
            clock.let_go()
