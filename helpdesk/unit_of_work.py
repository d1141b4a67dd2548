"""One transaction: state, events and outbox rows together; the world hears of it only after the commit.

    with unit_of_work(actor="agent:7") as work:
        ticket = access.ticket_by_number(work.session, viewer, 1001, lock=True)
        …
        work.record(StatusChanged(ticket_id=ticket.id, old="open", new="solved"))

Event numbers are drawn as the last act before the commit (on PostgreSQL under a transaction advisory lock), so their
order is the order of commits and a reader of `after=` misses nothing.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from flask import Flask, current_app
from sqlalchemy import Engine, insert
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from helpdesk import event_log, newcomers, realtime, wakeups
from helpdesk.config import Settings
from helpdesk.database import WriteLock, begin, writer_engine
from helpdesk.errors import Unavailable
from helpdesk.event_log import Recorded
from helpdesk.events import Event
from helpdesk.extensions import db
from helpdesk.failpoints import failpoint
from helpdesk.models import OutboxRow, now

log = logging.getLogger(__name__)

TURN_S = 0.02

Now = Callable[["UnitOfWork", Event], None]
Listeners = Mapping[type[Event], tuple[tuple[Now, ...], tuple[str, ...]]]

_WAITS = insert(OutboxRow.__table__)  # type: ignore[arg-type]
_WAITS_ONCE = {
    name: build(OutboxRow.__table__).on_conflict_do_nothing(index_elements=["dedupe"])
    for name, build in (("postgresql", pg_insert), ("sqlite", sqlite_insert))
}

_current: ContextVar[UnitOfWork | None] = ContextVar("unit_of_work", default=None)


@dataclass
class UnitOfWork:
    """What a service works with. `session` writes; `now` is one time for the whole transaction."""

    session: Session
    actor: str
    listeners: Listeners
    wanted: Callable[[], bool]  # does somebody else wait to write?
    now: datetime = field(default_factory=now)
    recorded: list[Recorded] = field(default_factory=list)
    outbox: list[dict[str, Any]] = field(default_factory=list)
    after: list[Callable[[], None]] = field(default_factory=list)
    _heard: int = 0
    _began: float = field(default_factory=time.monotonic)
    _covered: dict[str, int] = field(default_factory=dict)
    _about: dict[int, tuple[int, list[str]]] = field(default_factory=dict)

    def record(self, event: Event, *, reason: str = "", actor: str | None = None) -> None:
        """A fact that becomes true with this commit. Its immediate listeners run before the commit."""
        self.recorded.append(Recorded(event, actor or self.actor, reason, self.now))

    def enqueue(
        self,
        drain: str,
        kind: str,
        payload: Mapping[str, Any] | None = None,
        *,
        run_at: datetime | None = None,
        lane: str | None = None,
        batch: str | None = None,
        dedupe: str | None = None,
    ) -> None:
        """Work for after the commit. `dedupe`: a second row with the same text is dropped."""
        self.outbox.append(
            {
                "drain": drain,
                "kind": kind,
                "payload": dict(payload or {}),
                "lane": lane,
                "batch": batch,
                "dedupe": dedupe,
                "run_at": run_at or self.now,
                "created_at": self.now,
            }
        )

    def covers(self, key: str) -> bool:
        """For a listener that takes in everything recorded so far: False when it did so after the event it hears."""
        if self._covered.get(key, 0) >= self._heard:
            return False
        self._covered[key] = len(self.recorded)
        return True

    def has_had_its_turn(self) -> bool:
        """For work in portions: it holds up somebody who waits to write, and has for long enough."""
        return time.monotonic() - self._began > TURN_S and self.wanted()

    def after_commit(self, act: Callable[[], None]) -> None:
        """Run once the commit is done; must not raise for reasons of the network."""
        self.after.append(act)

    # --- the end of the transaction --------------------------------------------------------------------------

    def settle(self) -> None:
        """Run the immediate listeners (which may record more) and write the later ones to the outbox."""
        if self._heard < len(self.recorded):
            self.session.flush()  # what they are told of is there to be read
        while self._heard < len(self.recorded):
            entry = self.recorded[self._heard]
            self._heard += 1
            immediate, later = self.listeners.get(type(entry.event), ((), ()))
            for listener in immediate:
                listener(self, entry.event)
            for name in later:
                self.enqueue("reactions", name, {"event": entry.event.type, **_flat(entry.event)})

    def write(self) -> None:
        """Flush; then outbox rows; then, last of all, the numbered events."""
        self.session.flush()
        self._write_outbox()
        self._about = event_log.who_hears(self.session, self.recorded)
        if self.recorded:
            event_log.write(self.session, self.recorded)

    def _write_outbox(self) -> None:
        plain = [row for row in self.outbox if row["dedupe"] is None]
        if plain:
            self.session.connection().execute(_WAITS, plain)
        unique = [row for row in self.outbox if row["dedupe"] is not None]
        if unique:
            self.session.connection().execute(_WAITS_ONCE[self.session.get_bind().dialect.name], unique)

    def doorbells(self) -> list[realtime.Doorbell]:
        return [
            event_log.doorbell(e, *self._about[e.event.ticket_id])
            for e in self.recorded
            if e.event.ticket_id in self._about
        ]


def _flat(event: Event) -> dict[str, Any]:
    ids = {"ticket_id": event.ticket_id, "customer_id": event.customer_id, "message_id": event.message_id}
    return {**ids, **event.data()}


# --- entering one --------------------------------------------------------------------------------------------


class Writers:
    """The writer engine of one process; made at first use, so that no handle crosses a fork."""

    def __init__(self, settings: Settings, listeners: Listeners) -> None:
        self.settings = settings
        self.listeners = listeners
        self.lock = WriteLock(settings.data / "write.lock" if settings.sqlite else None)
        self._engine: Engine | None = None

    @property
    def engine(self) -> Engine:
        if self._engine is None:
            self._engine = writer_engine(self.settings)
        return self._engine

    def dispose(self) -> None:
        if self._engine is not None:
            self._engine.dispose(close=False)
            self._engine = None


def init_app(app: Flask, settings: Settings, listeners: Listeners) -> None:
    app.extensions["writers"] = Writers(settings, listeners)


@contextmanager
def unit_of_work(actor: str = "system", *, lasting: bool = True) -> Iterator[UnitOfWork]:
    """One write transaction. Rolls back on any exception; nothing was heard of it then. Not `lasting`: a power cut may
    forget it (leases and signs of life, worth nothing afterwards), so that nobody waits for the disk.

    Raises Unavailable when the database cannot be reached or stays locked.
    """
    if _current.get() is not None:
        raise RuntimeError("a unit of work is open already; pass it on instead of opening another")
    writers: Writers = current_app.extensions["writers"]
    with writers.lock.held(), newcomers.Holding(writers.engine, expire_on_commit=False) as session:
        work = UnitOfWork(session, actor, writers.listeners, writers.lock.wanted)
        begin(session, lasting=lasting)
        token = _current.set(work)
        try:
            yield work
            work.session.flush()
            work.settle()
            work.write()
            bells = work.doorbells()
            failpoint("before_commit")
            session.commit()
        except OperationalError as error:
            session.rollback()
            if _passing(error):
                raise Unavailable("The database is busy; please try again.") from error
            raise
        except BaseException:
            session.rollback()
            raise
        finally:
            _current.reset(token)
    failpoint("after_commit")
    _tell(work, bells)


def _tell(work: UnitOfWork, bells: list[realtime.Doorbell]) -> None:
    db.session.rollback()  # end the reader's snapshot, so that what follows in this request sees the commit
    for act in work.after:  # the customer's page first: it is one, the desk's are many
        act()
    realtime.ring(bells)
    for drain in dict.fromkeys(row["drain"] for row in work.outbox if row["run_at"] <= work.now):
        wakeups.wake(drain)


def _passing(error: OperationalError) -> bool:
    words = str(error.orig).lower()
    return error.connection_invalidated or any(
        w in words for w in ("locked", "busy", "deadlock", "could not connect", "server closed")
    )


@contextmanager
def savepoint(work: UnitOfWork) -> Iterator[None]:
    """A part that may fail alone: its rows, events and outbox entries are dropped together."""
    marks = len(work.recorded), len(work.outbox), len(work.after), work._heard
    try:
        with work.session.begin_nested():
            yield
            work.session.flush()
            work.settle()
    except BaseException:
        batch = newcomers.of(work.session)
        if batch is not None:
            batch.forget()
        work.recorded[marks[0] :] = []
        work.outbox[marks[1] :] = []
        work.after[marks[2] :] = []
        work._heard = marks[3]
        work._covered.clear()
        raise


def breathe() -> None:
    """Between batches of a long job: let somebody else write."""
    time.sleep(0.002)


__all__ = ["UnitOfWork", "Writers", "breathe", "init_app", "savepoint", "unit_of_work"]
