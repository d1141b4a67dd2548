"""A worker is asked to stop in the worst moments: it finishes what it has in hand, and ends."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest
import redis
from rq import Queue
from rq.serializers import JSONSerializer

from helpdesk.processes import worker
from tests.servers.valkey import Valkey
from workers import stop

pytestmark = pytest.mark.processes

finished: list[str] = []


def asks_to_stop() -> None:
    """What a hint leads to, and the signal comes in the middle of it."""
    os.kill(os.getpid(), signal.SIGTERM)
    finished.append("all of it")


@pytest.fixture
def valkey() -> Iterator[Valkey]:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    with Valkey() as server:
        yield server
    for number, handler in before.items():
        signal.signal(number, handler)
    stop.asked.clear()
    finished.clear()


def test_what_is_under_way_is_finished_before_it_ends(valkey: Valkey) -> None:
    with redis.Redis.from_url(valkey.url) as connection:
        Queue("arrivals", connection=connection, serializer=JSONSerializer).enqueue(f"{__name__}.asks_to_stop")
    worker._work(valkey.url, "arrivals")
    assert finished == ["all of it"] and stop.asked.is_set()


def test_asked_before_it_listens_it_does_not_begin(valkey: Valkey) -> None:
    with redis.Redis.from_url(valkey.url) as connection:
        Queue("arrivals", connection=connection, serializer=JSONSerializer).enqueue(f"{__name__}.asks_to_stop")
    stop.asked.set()
    worker._work(valkey.url, "arrivals")
    assert finished == []
