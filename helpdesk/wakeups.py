"""Hints to the workers: an RQ job names a drain. Losing one costs seconds (the clock's sweep), never work."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

import redis
from flask import Flask, current_app

log = logging.getLogger(__name__)

TIMEOUT_S = 0.25
BREAK_S = 5.0
DRAINS = ("arrivals", "deliveries", "reactions", "surveys")


class Breaker:
    """After a failure, don't try again for BREAK_S seconds: a dead Redis must not slow every request."""

    def __init__(self) -> None:
        self.until = 0.0

    @property
    def open(self) -> bool:
        return time.monotonic() < self.until

    def trip(self) -> None:
        self.until = time.monotonic() + BREAK_S


class Wakeups:
    """Per process; connects at first use, so that nothing is shared across a fork."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.breaker = Breaker()
        self._queues: dict[str, Any] = {}
        self._lock = threading.Lock()

    def queue(self, name: str) -> Any:
        from rq import Queue
        from rq.serializers import JSONSerializer

        with self._lock:
            if name not in self._queues:
                connection = redis.Redis.from_url(self.url, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S)
                self._queues[name] = Queue(name, connection=connection, serializer=JSONSerializer)
            return self._queues[name]

    def wake(self, drain: str) -> bool:
        """Ask the drain's worker to look now. Never raises; False when the hint could not be given."""
        if not self.url or self.breaker.open:
            return False
        try:
            queue = self.queue(drain)
            if not queue.count:  # a hint that waits already will be followed after our commit: one is enough
                queue.enqueue("workers.jobs.drain", drain, job_timeout=-1, result_ttl=0, failure_ttl=60)
        except (redis.RedisError, OSError) as error:
            self.breaker.trip()
            log.warning("wake-up not given drain=%s error=%s", drain, type(error).__name__)
            return False
        return True


def init_app(app: Flask, url: str) -> None:
    app.extensions["wakeups"] = Wakeups(url)


def wake(drain: str) -> bool:
    wakeups: Wakeups = current_app.extensions["wakeups"]
    return wakeups.wake(drain)
