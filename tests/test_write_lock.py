"""One writer at a time, each in its turn; portions of long work end when somebody waits."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, event

from helpdesk import unit_of_work as room
from helpdesk.database import WriteLock
from helpdesk.models import Setting
from helpdesk.unit_of_work import unit_of_work
from tests.processes.running import until


def test_who_waits_comes_before_who_wants_it_again(tmp_path: Path) -> None:
    lock = WriteLock(tmp_path / "write.lock")
    order: list[str] = []

    def agent() -> None:
        with lock.held():
            order.append("agent")

    with lock.held():
        assert not lock.wanted()
        waiting = threading.Thread(target=agent)
        waiting.start()
        until(lock.wanted, what="the agent waits")
        order.append("batch")
    with lock.held():
        order.append("batch again")
    waiting.join(10)
    assert order == ["batch", "agent", "batch again"]
    with lock.held():
        assert not lock.wanted()


def test_without_a_path_nobody_waits() -> None:
    lock = WriteLock(None)
    with lock.held(), lock.held():
        assert not lock.wanted()


def test_a_turn_ends_when_somebody_waits_and_it_was_long_enough(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    with unit_of_work() as work:
        work.wanted = lambda: True
        monkeypatch.setattr(room, "TURN_S", 1000.0)
        assert not work.has_had_its_turn()
        monkeypatch.setattr(room, "TURN_S", 0.0)
        assert work.has_had_its_turn()
        work.wanted = lambda: False
        assert not work.has_had_its_turn()


def test_what_may_be_forgotten_does_not_wait_for_the_disk(app: Flask) -> None:
    said: list[str] = []

    def hear(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        said.append(statement)

    def written(lasting: bool) -> str:
        with unit_of_work(lasting=lasting) as work:
            work.session.add(Setting(key=f"k{len(said)}", value=1))
            asked = "synchronous" if app.extensions["settings"].sqlite else "synchronous_commit"
            word = "PRAGMA" if asked == "synchronous" else "SHOW"
            return str(work.session.connection().exec_driver_sql(f"{word} {asked}").scalar())

    event.listen(Engine, "before_cursor_execute", hear)
    try:
        found = [written(one) for one in (True, False, True, False)]
        # A server says how it is by itself; ours of the tests never waits.
        assert found == ["2", "1", "2", "1"] if app.extensions["settings"].sqlite else found[1::2] == ["off", "off"]
    finally:
        event.remove(Engine, "before_cursor_execute", hear)
