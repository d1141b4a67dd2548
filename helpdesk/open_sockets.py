"""The sockets of one namespace connected to this process, and the one task that looks after them.

They belong to the application, not to the module: a second application in one process (a test's) must not hang up
the first one's sockets because its database does not know their sessions.
"""

from __future__ import annotations

import logging
import threading
from typing import Generic, TypeVar, cast

from flask import Flask, current_app, request
from flask_socketio import disconnect

from helpdesk.extensions import db, socketio

log = logging.getLogger(__name__)

Held = TypeVar("Held")


class OpenSockets(Generic[Held]):
    """By socket id, what this process holds of each. The task lives as long as a socket is open."""

    namespace = ""
    every_s = 15.0

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._held: dict[str, Held] = {}
        self._lock = threading.Lock()
        self._beating = False

    def add(self, sid: str, held: Held) -> None:
        with self._lock:
            self._held[sid] = held
            start, self._beating = not self._beating, True
        if start:
            socketio.start_background_task(self._beat)

    def get(self, sid: str) -> Held | None:
        return self._held.get(sid)

    def pop(self, sid: str) -> Held | None:
        return self._held.pop(sid, None)

    def all(self) -> dict[str, Held]:
        """As they are now; a copy, because sockets come and go meanwhile."""
        return dict(self._held)

    def hang_up(self, sid: str) -> None:
        """Tell the page to start anew and close its socket."""
        self.pop(sid)
        socketio.emit("reload", {}, to=sid, namespace=self.namespace)
        disconnect(sid, namespace=self.namespace)

    def beat(self, passes: int) -> None:
        """What is done every `every_s` seconds; `passes` counts from 1."""
        raise NotImplementedError

    def _beat(self) -> None:
        passes = 0
        while True:
            socketio.sleep(self.every_s)
            with self._lock:
                if not self._held:
                    self._beating = False
                    return
            passes += 1
            with self._app.app_context():
                try:
                    self.beat(passes)
                except Exception as error:  # the boundary of a loop that must not end
                    log.warning("heartbeat missed namespace=%s error=%s", self.namespace, type(error).__name__)
                finally:
                    db.session.remove()


def hold(app: Flask, kind: type[OpenSockets[Held]]) -> None:
    """Give the application its sockets of this namespace."""
    app.extensions[f"sockets:{kind.namespace}"] = kind(app)


def held(kind: type[OpenSockets[Held]]) -> OpenSockets[Held]:
    """The current application's."""
    return cast("OpenSockets[Held]", current_app.extensions[f"sockets:{kind.namespace}"])


def sid() -> str:
    """Of the socket whose message is handled."""
    return str(request.sid)  # type: ignore[attr-defined]
