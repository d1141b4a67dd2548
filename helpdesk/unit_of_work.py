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
from sqlalchemy import Engine, Executable, bindparam, insert, select, text, update
from sqlalchemy import event as on
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from helpdesk import access, newcomers, realtime, wakeups
from helpdesk.config import Settings
from helpdesk.database import WriteLock, begin, rows, writer_engine
from helpdesk.errors import Unavailable
from helpdesk.events import Event
from helpdesk.extensions import db
from helpdesk.failpoints import failpoint
from helpdesk.models import EventRow, Grant, Message, OutboxRow, Ticket, now

log = logging.getLogger(__name__)

TURN_S = 0.02
EVENT_LOCK = 0x68656C70  # pg_advisory_xact_lock key: "help"

Now = Callable[["UnitOfWork", Event], None]
Listeners = Mapping[type[Event], tuple[tuple[Now, ...], tuple[str, ...]]]

# Events that add a message: its seq, and its ticket's, is the event's number.
_ADDS_MESSAGE = ("message_received", "reply_sent", "note_added", "survey_sent")

_EVENTS = EventRow.__table__
_ADD = insert(_EVENTS).returning(_EVENTS.c.seq)  # type: ignore[arg-type]
_ADD_IN_ORDER = insert(_EVENTS).returning(_EVENTS.c.seq, sort_by_parameter_order=True)  # type: ignore[arg-type]
_NUMBER_MESSAGE, _NUMBER_TICKET = (
    update(table).where(table.c.id == bindparam("row")).values(seq=bindparam("n"))  # type: ignore[arg-type]
    for table in (Message.__table__, Ticket.__table__)
)
_HEARING = (
    select(Ticket.id, Ticket.number, Ticket.visible_team_id, Ticket.assignee_id, Grant.agent_id)
    .outerjoin(Grant, Grant.ticket_id == Ticket.id)
    .where(Ticket.id.in_(bindparam("ids", expanding=True)))
)

_current: ContextVar[UnitOfWork | None] = ContextVar("unit_of_work", default=None)


@dataclass
class Recorded:
    event: Event
    actor: str
    reason: str
    at: datetime
    seq: int = 0


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
        self._about = self._who_hears()
        if self.recorded:
            self._write_events()

    def _write_outbox(self) -> None:
        plain = [row for row in self.outbox if row["dedupe"] is None]
        if plain:
            self.session.execute(insert(OutboxRow), plain)
        unique = [row for row in self.outbox if row["dedupe"] is not None]
        if unique:
            build = pg_insert if self.session.bind.dialect.name == "postgresql" else sqlite_insert  # type: ignore[union-attr]
            self.session.execute(build(OutboxRow).on_conflict_do_nothing(index_elements=["dedupe"]), unique)

    def _write_events(self) -> None:
        if self.session.bind.dialect.name == "postgresql":  # type: ignore[union-attr]
            self.session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": EVENT_LOCK})
        told = [
            {
                "type": entry.event.type,
                "ticket_id": entry.event.ticket_id,
                "customer_id": entry.event.customer_id,
                "message_id": entry.event.message_id,
                "actor": entry.actor,
                "data": entry.event.data(),
                "reason": entry.reason,
                "created_at": entry.at,
            }
            for entry in self.recorded
        ]
        postgresql = self.session.bind.dialect.name == "postgresql"  # type: ignore[union-attr]
        # SQLite numbers the rows of one statement in their order, so that sorting its answers is enough.
        adding = _ADD_IN_ORDER if postgresql else _ADD
        numbers = self.session.connection().execute(adding, told).scalars()  # rows alike, one statement
        for entry, seq in zip(self.recorded, sorted(numbers), strict=True):
            entry.seq = seq
        self._number_messages()

    def _number_messages(self) -> None:
        """seq of a message is that of the event that added it; of a ticket that of its newest message."""
        messages: dict[int, int] = {}
        newest: dict[int, int] = {}
        for entry in self.recorded:
            event = entry.event
            if event.type in _ADDS_MESSAGE and event.message_id is not None:
                messages[event.message_id] = entry.seq
                if event.ticket_id is not None:
                    newest[event.ticket_id] = entry.seq
        self._set(_NUMBER_MESSAGE, messages)
        self._set(_NUMBER_TICKET, newest)

    def _set(self, statement: Executable, numbers: dict[int, int]) -> None:
        if numbers:
            self.session.connection().execute(statement, [{"row": id_, "n": seq} for id_, seq in numbers.items()])

    def _who_hears(self) -> dict[int, tuple[int, list[str]]]:
        """Ticket id -> its number and the rooms that may know of it; one query whatever the number of events."""
        ids = {e.event.ticket_id for e in self.recorded if e.event.ticket_id is not None}
        if not ids:
            return {}
        known: dict[int, tuple[int, int]] = {}
        hear: dict[int, set[int]] = {}
        for ticket_id, number, team_id, assignee_id, granted_id in rows(self.session, _HEARING, ids=list(ids)):
            known[ticket_id] = number, team_id
            hear.setdefault(ticket_id, set()).update({assignee_id, granted_id} - {None})
        return {id_: (number, access.rooms_for(team_id, hear[id_])) for id_, (number, team_id) in known.items()}

    def doorbells(self) -> list[realtime.Doorbell]:
        return [self._doorbell(entry) for entry in self.recorded if entry.event.ticket_id in self._about]

    def _doorbell(self, entry: Recorded) -> realtime.Doorbell:
        event = entry.event
        number, rooms = self._about[event.ticket_id]  # type: ignore[index]
        old = getattr(event, "old", None)
        # Whoever just lost the ticket (another team, another assignee) must see it leave their list.
        if event.type == "team_changed":
            rooms = [*rooms, f"team:{old or 0}"]
        if event.type == "ticket_assigned" and old:
            rooms = [*rooms, f"agent:{old}"]
        ids = {k: v for k, v in (("message", event.message_id), ("customer", event.customer_id)) if v is not None}
        return realtime.Doorbell(entry.seq, event.type, number, tuple(dict.fromkeys(rooms)), ids)


def _flat(event: Event) -> dict[str, Any]:
    ids = {"ticket_id": event.ticket_id, "customer_id": event.customer_id, "message_id": event.message_id}
    return {**ids, **event.data()}


# --- entering one --------------------------------------------------------------------------------------------


class _Holding(Session):
    """A session that keeps what it read until it ends: the identity map alone forgets rows nobody holds, and every
    service that asks for the ticket by its id would read it again. What a batch brought is written with the rest."""

    def flush(self, objects: Any = None) -> None:
        batch = newcomers.of(self)
        if batch is not None:
            batch.write()
        super().flush()


@on.listens_for(_Holding, "detached_to_persistent")
@on.listens_for(_Holding, "loaded_as_persistent")
@on.listens_for(_Holding, "pending_to_persistent")
def _hold(session: Session, row: object) -> None:
    session.info.setdefault("held", []).append(row)


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
    with writers.lock.held(), _Holding(writers.engine, expire_on_commit=False) as session:
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


__all__ = ["UnitOfWork", "breathe", "init_app", "savepoint", "unit_of_work"]
