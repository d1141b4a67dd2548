"""In threading mode every socket holds a thread: past a cap the handshake gets 503, and the client polls instead.

`threads - 32` sockets in all; a quarter of them (at least 16) is kept for signed-in agents; 20 for each address of
visitors, and 20 for each agent (a whole office may share one address).
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable
from http.cookies import CookieError, SimpleCookie
from typing import Any

from flask import Flask

from helpdesk.extensions import db
from helpdesk.services import sessions

RESERVED_THREADS = 32
PATH = "/socket.io/"
COOKIE = "helpdesk_session"


class SocketCap:
    """WSGI middleware around the Socket.IO one: a handshake's call lasts as long as its socket."""

    def __init__(self, app: Flask, inner: Callable[..., Iterable[bytes]], threads: int, per_holder: int) -> None:
        self.app = app
        self.inner = inner
        self.total = max(threads - RESERVED_THREADS, 2)
        self.for_visitors = max(self.total - max(self.total // 4, min(16, self.total // 2)), 1)
        self.per_holder = per_holder
        self._lock = threading.Lock()
        self._agents = 0
        self._visitors = 0
        self._holders: Counter[str] = Counter()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if not environ.get("PATH_INFO", "").startswith(PATH):
            return self.inner(environ, start_response)
        agent = self._agent(environ)
        holder = f"agent:{agent}" if agent is not None else f"address:{environ.get('REMOTE_ADDR', '')}"
        if not self._enter(holder, agent is not None):
            body = b'{"message": "too many open connections; poll instead"}'
            headers = [("Content-Type", "application/json"), ("Retry-After", "30"), ("Content-Length", str(len(body)))]
            start_response("503 Service Unavailable", headers)
            return [body]
        try:
            return self.inner(environ, start_response)
        finally:
            self._leave(holder, agent is not None)

    def _agent(self, environ: dict[str, Any]) -> int | None:
        """Who the session cookie really belongs to: a made-up cookie takes nothing of the agents' share."""
        try:
            cookie = SimpleCookie(environ.get("HTTP_COOKIE", "")).get(COOKIE)
        except CookieError:
            return None
        if cookie is None or not cookie.value:
            return None
        with self.app.app_context():
            signed_in = sessions.find(db.session, cookie.value)
            return signed_in.viewer.agent_id if signed_in is not None and signed_in.complete else None

    def _enter(self, holder: str, agent: bool) -> bool:
        with self._lock:
            if self._holders[holder] >= self.per_holder or self._agents + self._visitors >= self.total:
                return False
            if not agent and self._visitors >= self.for_visitors:
                return False
            self._holders[holder] += 1
            if agent:
                self._agents += 1
            else:
                self._visitors += 1
            return True

    def _leave(self, holder: str, agent: bool) -> None:
        with self._lock:
            self._holders[holder] -= 1
            if self._holders[holder] <= 0:
                del self._holders[holder]
            if agent:
                self._agents -= 1
            else:
                self._visitors -= 1


def init_app(app: Flask) -> None:
    server = app.extensions["settings"].server
    if server.mode == "threading":
        cap = SocketCap(app, app.wsgi_app, server.threads, server.sockets_per_address)
        app.wsgi_app = cap  # type: ignore[method-assign]
        app.extensions["socket_cap"] = cap
