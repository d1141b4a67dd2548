"""The spine: one transaction for state, events and outbox; exact event numbers; work that survives everything."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select, update
from sqlalchemy.exc import DBAPIError

from helpdesk import events, realtime, wakeups
from helpdesk.extensions import db
from helpdesk.models import Channel, Counter, EventRow, OutboxRow, Setting, now
from helpdesk.services import channels, health, outbox, settings
from helpdesk.unit_of_work import savepoint, unit_of_work
from workers import tasks

pytestmark = pytest.mark.processes


def test_what_fails_leaves_nothing(app: Flask) -> None:
    with pytest.raises(ZeroDivisionError), unit_of_work() as work:
        work.session.add(Setting(key="x", value=1))
        work.record(events.SettingChanged(key="x"))
        work.enqueue("reactions", "wake")
        1 / 0  # noqa: B018
    for model in (Setting, EventRow, OutboxRow):
        assert db.session.scalar(select(func.count()).select_from(model)) == 0


def test_a_savepoint_drops_its_part_only(app: Flask) -> None:
    with unit_of_work() as work:
        work.record(events.SettingChanged(key="kept"))
        with pytest.raises(ZeroDivisionError), savepoint(work):
            work.session.add(Setting(key="dropped", value=1))
            work.record(events.SettingChanged(key="dropped"))
            work.enqueue("reactions", "dropped")
            1 / 0  # noqa: B018
    assert [r.data["key"] for r in db.session.scalars(select(EventRow))] == ["kept"]
    assert db.session.scalars(select(OutboxRow)).all() == []
    assert db.session.get(Setting, "dropped") is None


def test_what_one_transaction_asked_is_never_older_than_what_it_wrote(app: Flask) -> None:
    with unit_of_work() as work:
        assert settings.get(work.session, "brand.name") == "Helpdesk"
        settings.put(work, "brand.name", "Sen")
        assert settings.get(work.session, "brand.name") == "Sen"
        with pytest.raises(ZeroDivisionError), savepoint(work):
            settings.put(work, "brand.name", "Tre")
            assert settings.get(work.session, "brand.name") == "Tre"
            1 / 0  # noqa: B018
        assert settings.get(work.session, "brand.name") == "Sen"
    assert settings.get(db.session(), "brand.name") == "Sen"
    with unit_of_work() as work:
        settings.put(work, "brand.name", "Trúc")
    assert settings.get(db.session(), "brand.name") == "Trúc"


def test_a_connector_is_made_once_a_transaction_and_anew_after_a_change(app: Flask, make: Any) -> None:
    channel_id = make.channel("widget").id
    with unit_of_work() as work:
        channel = work.session.get_one(Channel, channel_id)
        first = channels.connector_of(channel)
        assert channels.connector_of(channel) is first
        channels.update(work, channel, {"hotline": "1900 1234"})
        assert channels.connector_of(channel).config.get("hotline") == "1900 1234"
        settings.put(work, "public_url", "https://desk.example")
        assert channels.connector_of(channel).config.public_url == "https://desk.example"


def test_units_of_work_do_not_nest(app: Flask) -> None:
    with unit_of_work(), pytest.raises(RuntimeError, match="open already"), unit_of_work():
        pass


def test_screens_cannot_write(app: Flask) -> None:
    db.session.add(Setting(key="x", value=1))
    with pytest.raises(DBAPIError):
        db.session.commit()
    db.session.rollback()


def test_doorbells_ring_only_after_the_commit(app: Flask, make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    rung: list[tuple[str, bool]] = []

    def ring(bells: Any) -> None:
        for bell in bells:
            committed = db.session.get(EventRow, bell.seq) is not None
            rung.append((bell.type, committed))
            assert set(vars(bell)) == {"seq", "type", "ticket", "rooms", "ids"}  # ids only, no text of people

    monkeypatch.setattr(realtime, "ring", ring)
    make.inbound(make.channel("widget"), "Where is my order, please?")
    assert ("message_received", True) in rung
    assert all(committed for _type, committed in rung)


def test_a_dead_queue_never_fails_or_slows_a_commit(app: Flask, make: Any) -> None:
    app.extensions["wakeups"] = wakeups.Wakeups("redis://127.0.0.1:1/0")
    channel = make.channel("widget")
    for n in range(3):
        make.inbound(channel, f"message number {n} about the order")
    with unit_of_work() as work:
        work.enqueue("reactions", "wake")
    assert app.extensions["wakeups"].breaker.open
    assert db.session.scalar(select(func.count()).select_from(OutboxRow)) >= 1


def test_event_numbers_rise_in_the_order_of_commits(app: Flask) -> None:
    """Writers commit at once while a reader follows with `after=`: it misses nothing."""
    writers, each = 4, 40
    seen: list[int] = []
    stop = threading.Event()

    def write(name: int) -> None:
        with app.app_context():
            for n in range(each):
                with unit_of_work() as work:
                    work.record(events.SettingChanged(key=f"{name}-{n}"))
                db.session.remove()

    def follow() -> None:
        with app.app_context():
            after = 0
            while True:
                last = stop.is_set()
                rows = db.session.scalars(select(EventRow.seq).where(EventRow.seq > after).order_by(EventRow.seq)).all()
                db.session.rollback()
                if rows:
                    seen.extend(rows)
                    after = rows[-1]
                elif last:
                    break
            db.session.remove()

    reader = threading.Thread(target=follow)
    threads = [threading.Thread(target=write, args=(i,)) for i in range(writers)]
    reader.start()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stop.set()
    reader.join()
    assert len(seen) == writers * each
    assert seen == sorted(set(seen))


def test_concurrent_writers_lose_no_update(app: Flask) -> None:
    with unit_of_work() as work:
        work.session.add(Counter(name="n", value=0))

    def add() -> None:
        with app.app_context():
            for _ in range(25):
                with unit_of_work() as work:
                    row = work.session.get_one(Counter, "n", with_for_update=True)
                    row.value = row.value + 1
                db.session.remove()

    threads = [threading.Thread(target=add) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert db.session.get_one(Counter, "n").value == 150


# --- the outbox ----------------------------------------------------------------------------------------------


def fill(count: int = 1, **values: Any) -> None:
    with unit_of_work() as work:
        for n in range(count):
            work.enqueue("reactions", "job", {"n": n}, **values)


def claim(limit: int = 50, **values: Any) -> list[outbox.Task]:
    with unit_of_work() as work:
        return outbox.claim(work, "reactions", limit, holder="me", **values)


def test_a_claimed_row_is_nobody_elses_until_its_lease_ends(app: Flask) -> None:
    fill(2)
    assert len(claim()) == 2
    assert claim() == []
    with unit_of_work() as work:  # the worker died: its lease runs out
        work.session.execute(update(OutboxRow).values(lease_until=work.now - timedelta(seconds=1)))
    again = claim()
    assert [t.attempts for t in again] == [2, 2]


def test_a_lane_runs_one_at_a_time_in_order(app: Flask) -> None:
    fill(3, lane="identity:1")
    fill(1, lane="identity:2")
    first = claim()
    assert [(t.lane, t.payload["n"]) for t in first] == [("identity:1", 0), ("identity:2", 0)]
    with unit_of_work() as work:  # even when the first has to wait, the second may not overtake it
        outbox.postpone(work, first[0].id, work.now + timedelta(hours=1))
        outbox.finish(work, first[1].id)
    assert claim() == []
    # Rightly so: an hour later nobody calls the desk unwell for it, and no worker is woken in vain.
    db.session.rollback()
    assert health.outbox_of(db.session(), now() + timedelta(minutes=50))["reactions"]["due"] == 0
    assert outbox.due(db.session()) == []
    with unit_of_work() as work:
        outbox.finish(work, first[0].id)
    assert [t.payload["n"] for t in claim()] == [1]


def test_at_most_so_many_of_a_batch_run_at_once(app: Flask) -> None:
    fill(5, batch="channel:1")
    fill(1, batch="channel:2")
    got = claim(per_batch=2)
    assert sorted(t.batch or "" for t in got) == ["channel:1", "channel:1", "channel:2"]
    assert claim(per_batch=2) == []


def test_the_same_due_work_is_written_once(app: Flask) -> None:
    fill(1, dedupe="sla@2026-11-22T10:00")
    fill(1, dedupe="sla@2026-11-22T10:00")
    tasks_ = claim()
    assert len(tasks_) == 1
    with unit_of_work() as work:
        outbox.finish(work, tasks_[0].id)
    fill(1, dedupe="sla@2026-11-22T10:00")  # done rows still keep the second away
    assert claim() == []


def test_a_bad_row_is_retried_then_shown_and_stops_nobody(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[int] = []

    def job(payload: Any) -> None:
        if payload["n"] == 0:
            raise ValueError("no luck")
        done.append(payload["n"])

    monkeypatch.setattr(tasks, "MAX_ATTEMPTS", 2)
    fill(3)
    tasks.drain("reactions", {"job": job})
    assert done == [1, 2]
    with unit_of_work() as work:
        work.session.execute(update(OutboxRow).values(run_at=work.now))
    tasks.drain("reactions", {"job": job})
    row = db.session.scalars(select(OutboxRow)).one()
    assert (row.state, row.attempts, row.last_error) == ("failed", 2, "ValueError: no luck")
    with unit_of_work() as work:
        assert outbox.retry(work, row.id)


def test_every_job_is_named_by_a_string_that_resolves(app: Flask) -> None:
    from workers import jobs

    assert set(jobs.DRAINS) == set(wakeups.DRAINS)
    assert all(callable(drain) for drain in jobs.DRAINS.values())


def test_every_later_listener_has_a_reaction(app: Flask) -> None:
    from helpdesk.listeners import LISTENERS
    from workers.reactions import REACTIONS

    named = {name for _now, later in LISTENERS.values() for name in later}
    assert named <= set(REACTIONS)


def test_drained_queue_is_empty(app: Flask, drain: Callable[..., int]) -> None:
    with unit_of_work() as work:
        work.enqueue("reactions", "wake")
        work.enqueue("surveys", "wake")
    assert drain() == 2
    assert db.session.scalar(select(func.count()).select_from(OutboxRow)) == 0
