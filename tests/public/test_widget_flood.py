"""One visitor floods the chat: they are slowed, and everybody else goes on working."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from statistics import quantiles
from threading import Event, Thread
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from helpdesk.app import create_app
from helpdesk.config import Limits, Settings
from helpdesk.extensions import db
from helpdesk.models import Channel, Message
from tests.factories import Make
from tests.public.test_widget import Visitor

pytestmark = pytest.mark.processes

ALLOWED = 5
FLOODERS = 4
MESSAGES, VISITORS = 1000, 300


@pytest.fixture
def busy(settings: Settings) -> Iterator[Flask]:
    """The desk with the limits of a real one."""
    app = create_app(replace(settings, limits=Limits(widget_messages_per_minute=ALLOWED)), serving=True)
    app.testing = True
    with app.app_context():
        yield app
        db.session.remove()
        db.engine.dispose()
        app.extensions["writers"].engine.dispose()


class Flood:
    """Threads that write as fast as they can until told to stop, and what they were answered."""

    def __init__(self, app: Flask, channel: Channel) -> None:
        self.app, self.channel = app, channel
        self.loud = Visitor(app, channel)
        assert self.loud.begin().status_code == 200
        self.said: Counter[int] = Counter()
        self.begun: Counter[int] = Counter()
        self.stop, self.slowed = Event(), Event()
        self.threads = [Thread(target=self._say, args=(n,)) for n in range(FLOODERS)] + [Thread(target=self._begin)]

    def __enter__(self) -> Flood:
        self.began = time.monotonic()
        for thread in self.threads:
            thread.start()
        assert self.slowed.wait(60), "nobody was slowed"
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        for thread in self.threads:
            thread.join(120)
        self.minutes = 1 + int((time.monotonic() - self.began) // 60)

    def _say(self, number: int) -> None:
        with self.app.app_context():
            n = 0
            while not self.stop.is_set() or self.said.total() < MESSAGES:
                n += 1
                code = self.loud.say(f"flood {number} {n}", f"flood-{number}-{n:06}").status_code
                self.said[code] += 1
                if code == 429:
                    self.slowed.set()

    def _begin(self) -> None:
        with self.app.app_context():
            while not self.stop.is_set() or self.begun.total() < VISITORS:
                self.begun[Visitor(self.app, self.channel).begin().status_code] += 1


def test_agents_and_other_visitors_go_on_while_one_floods(busy: Flask) -> None:
    """Case 38: a thousand messages of one visitor, new visitors without end from one address."""
    make = Make(busy)
    channel = make.channel("widget", name="Shop chat")
    agent = make.client(make.agent("admin"))
    other = Visitor(busy, channel)
    other.client.environ_base["REMOTE_ADDR"] = "203.0.113.9"
    other.begin()

    def looks(times: int) -> float:
        """What of twenty looks at the inbox the slowest but one takes."""
        return quantiles([_timed(lambda: agent.get("/inbox/list").status_code) for _ in range(times)], n=20)[-1]

    calm = looks(20)
    with Flood(busy, channel) as flood:
        flooded = looks(40)
        assert other.say("May I ask something?").status_code == 201
    assert flood.said.total() >= MESSAGES and set(flood.said) == {201, 429}
    assert flood.said[201] <= ALLOWED * flood.minutes
    assert set(flood.begun) == {200, 429} and flood.begun[200] <= 3 * ALLOWED * flood.minutes
    assert db.session.scalar(select(func.count(Message.id))) == flood.said[201] + 1
    # Within a second; on a machine that is slow for everybody, not slower than a few who share one processor are.
    assert flooded < max(1.0, 3 * (FLOODERS + 1) * calm)


def _timed(call: Any) -> float:
    began = time.perf_counter()
    assert call() == 200
    return time.perf_counter() - began
