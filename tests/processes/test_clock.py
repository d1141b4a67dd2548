"""The clock: whatever goes wrong around it, each due time is written once."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from flask import Flask
from sqlalchemy import func, select, update

from helpdesk.config import Redis
from helpdesk.extensions import db
from helpdesk.models import Lease, OutboxRow
from helpdesk.services import outbox
from helpdesk.unit_of_work import unit_of_work
from helpdesk.wakeups import Wakeups
from workers import chores
from workers.clock import LEASE, Clock
from workers.jobs import DRAINS
from workers.reactions import REACTIONS
from workers.schedule import SCHEDULE, Entry

OFTEN = (Entry("chore.wake_snoozed", 60), Entry("chore.close_solved", 600))


def rows() -> int:
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(OutboxRow)) or 0


def take_lease_away() -> None:
    with unit_of_work() as work:
        work.session.execute(update(Lease).where(Lease.name == LEASE).values(until=work.now - timedelta(seconds=1)))


def do_everything() -> None:
    """As the workers would."""
    with unit_of_work() as work:
        outbox.finish(work, *(t.id for t in outbox.claim(work, "reactions")))


def test_only_one_of_two_clocks_acts(app: Flask) -> None:
    first, second = Clock(OFTEN), Clock(OFTEN)
    assert first.tick() == [e.kind for e in OFTEN]
    assert second.tick() == []
    assert rows() == 2


def test_a_clock_that_lost_its_lease_fires_nothing_twice(app: Flask) -> None:
    """The lease may fail (a frozen machine); the due time's name is the second lock."""
    first, second = Clock(OFTEN), Clock(OFTEN)
    first.tick()
    do_everything()
    take_lease_away()
    assert second.tick() == [e.kind for e in OFTEN]
    assert rows() == 2
    first._renew_at = 0.0
    assert first.tick() == []


def test_the_next_due_time_is_a_new_row(app: Flask) -> None:
    clock = Clock(OFTEN[:1])
    clock.tick()
    do_everything()
    clock.tick()
    assert rows() == 1
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=1)):
        clock._renew_at = clock._held_until = 0.0
        clock.tick()
    assert rows() == 2


def test_what_was_missed_for_an_hour_is_done_once(app: Flask) -> None:
    clock = Clock(OFTEN[:1])
    clock.tick()
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=1)):
        clock._renew_at = clock._held_until = 0.0
        assert clock.tick() == [], "the first is still to be done, another would find nothing"
        do_everything()
        assert rows() == 1


def test_it_writes_while_redis_is_away(app: Flask) -> None:
    app.extensions["wakeups"] = Wakeups("unix:///nowhere/valkey.sock")
    app.extensions["settings"] = replace(app.extensions["settings"], redis=Redis("unix:///nowhere/valkey.sock"))
    clock = Clock(OFTEN)
    assert len(clock.tick()) == 2
    assert outbox.due(db.session()) == ["reactions"]


def test_it_wakes_drains_with_due_rows(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    woken: list[str] = []
    clock = Clock(())
    clock.tick()
    with unit_of_work() as work:
        work.enqueue("surveys", "x", run_at=work.now - timedelta(seconds=1))
        work.enqueue("arrivals", "x", run_at=work.now + timedelta(hours=1))
    monkeypatch.setattr("workers.clock.wakeups.wake", woken.append)
    clock.tick()
    assert woken == ["surveys"]


def test_another_takes_over_at_once_from_a_clock_that_ended(app: Flask) -> None:
    first, second = Clock(()), Clock(OFTEN)
    first.tick()
    assert second.tick() == []
    first.let_go()
    second._renew_at = 0.0
    assert len(second.tick()) == 2


@pytest.mark.only("sqlite")
def test_what_sqlite_has_in_its_log_comes_into_the_file(app: Flask, tmp_path: Path) -> None:
    """So that no commit does it while a visitor waits."""
    data = app.extensions["settings"].data

    def in_the_file() -> int:
        """Without the log beside it."""
        alone = shutil.copy(data / "helpdesk.db", tmp_path / "alone.db")
        with closing(sqlite3.connect(alone)) as database:
            found: int = database.execute("select count(*) from outbox").fetchone()[0]
            return found

    with unit_of_work() as work:
        for number in range(3000):
            work.enqueue("surveys", "x", {"text": "x" * 2000, "number": number}, run_at=work.now + timedelta(hours=1))
    assert in_the_file() == 0  # more than the thousand pages after which SQLite would do it by itself
    Clock(()).tick()
    assert in_the_file() == 3000


def test_every_entry_has_a_handler() -> None:
    for entry in SCHEDULE:
        assert entry.drain in DRAINS
        assert entry.kind in REACTIONS or entry.drain != "reactions"
    assert set(chores.CHORES) <= set(REACTIONS)


def test_a_slot_is_the_newest_due_time() -> None:
    entry = Entry("x", 600)
    assert entry.slot(datetime(2026, 11, 22, 10, 29, 59, tzinfo=UTC)) == datetime(2026, 11, 22, 10, 20, tzinfo=UTC)
