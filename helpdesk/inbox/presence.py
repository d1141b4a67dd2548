"""Who is looking at a ticket now: forgotten after 30 seconds without a sign. In Redis when there is one."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import redis

from helpdesk.wakeups import TIMEOUT_S, Breaker

FORGET_S = 30
KEY = "helpdesk:presence"

Who = dict[str, Any]  # {"id", "name", "state": "viewing" | "replying"}


class Presence:
    """`set`, `of` and `everywhere` never raise: without Redis for a while, each process knows only its own."""

    def __init__(self, url: str = "") -> None:
        self.url = url
        self.breaker = Breaker()
        self._client: redis.Redis | None = None
        self._local: dict[str, tuple[str, float]] = {}
        self._lock = threading.Lock()

    def set(self, ticket: int, who: Who, page: str = "") -> None:
        """What one page of somebody shows; state "away" forgets it at once, their other pages stay."""
        field = f"{ticket}:{who['id']}:{page}"
        gone = who["state"] == "away"
        entry = json.dumps({"ticket": ticket, "who": who, "until": time.time() + FORGET_S})
        with self._lock:
            if gone:
                self._local.pop(field, None)
            else:
                self._local[field] = (entry, time.time() + FORGET_S)
        self._remote(lambda r: r.hdel(KEY, field) if gone else r.hset(KEY, field, entry))

    def of(self, ticket: int) -> list[Who]:
        return self.everywhere().get(ticket, [])

    def everywhere(self) -> dict[int, list[Who]]:
        """Ticket number -> who is there, in the order of their names; stale entries are dropped."""
        stored = self._remote(lambda r: r.hgetall(KEY))
        entries = dict(self._local_entries()) if stored is None else {k.decode(): v for k, v in stored.items()}
        found: dict[int, list[Who]] = {}
        stale = []
        for field, text in entries.items():
            entry = json.loads(text)
            if entry["until"] < time.time():
                stale.append(field)
            else:
                found.setdefault(entry["ticket"], []).append(entry["who"])
        self._forget(stale)
        return {ticket: _people(pages) for ticket, pages in found.items()}

    def _local_entries(self) -> list[tuple[str, str]]:
        with self._lock:
            return [(field, text) for field, (text, _) in self._local.items()]

    def _forget(self, fields: list[str]) -> None:
        if not fields:
            return
        with self._lock:
            for field in fields:
                self._local.pop(field, None)
        self._remote(lambda r: r.hdel(KEY, *fields))

    def _remote(self, act: Any) -> Any:
        if not self.url or self.breaker.open:
            return None
        try:
            if self._client is None:
                self._client = redis.Redis.from_url(
                    self.url, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S
                )
            return act(self._client)
        except (redis.RedisError, OSError):
            self.breaker.trip()
            return None


def _people(pages: list[Who]) -> list[Who]:
    """Everybody once, by name: replying when one of their pages is."""
    found: dict[Any, Who] = {}
    for who in pages:
        if who["state"] == "replying" or who["id"] not in found:
            found[who["id"]] = who
    return sorted(found.values(), key=lambda who: str(who["name"]))
