"""Signs of life: a row a process renews, from which /readyz and the health page know that it lives."""

from __future__ import annotations

import ctypes
import logging
import os
import socket
import sys
from contextlib import suppress
from itertools import count
from threading import Event, Thread
from typing import Any

from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from helpdesk.database import refusal
from helpdesk.errors import Unavailable
from helpdesk.extensions import db
from helpdesk.services import leases
from helpdesk.unit_of_work import unit_of_work

log = logging.getLogger(__name__)

BEAT_S = 10.0
TTL_S = 35.0
GIVE_BACK_EVERY = 6  # beats


def host() -> str:
    """This machine's name, and the process namespace in which its process ids mean something."""
    try:
        namespace = os.readlink("/proc/self/ns/pid").strip("pid:[]")
    except OSError:
        namespace = "0"
    return f"{socket.gethostname()[:30]}/{namespace}"


def place() -> str:
    """host:pid, short enough for a lease's name."""
    return f"{host()}:{os.getpid()}"


def lives(pid: int) -> bool:
    """Is there a process with this id in our namespace?"""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def give_back() -> None:
    """What a busy moment needed and nobody holds any more goes back to the system; glibc alone keeps most of it."""
    if sys.platform.startswith("linux"):
        with suppress(AttributeError):  # not glibc
            ctypes.CDLL(None).malloc_trim(0)


class Heartbeat:
    """`with Heartbeat(app, "worker:arrivals"):` — beats from a thread of its own, and says goodbye at the end."""

    def __init__(self, app: Flask, name: str) -> None:
        self.app = app
        self.name = f"{name}@{place()}"
        self.detail: dict[str, Any] = {"pid": os.getpid()}
        self._parent = os.getppid()
        self._stop = Event()
        self._thread = Thread(target=self._run, name="heartbeat", daemon=True)

    def start(self) -> Heartbeat:
        self._thread.start()
        return self

    def __enter__(self) -> Heartbeat:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(timeout=2)

    def _run(self) -> None:
        with self.app.app_context():
            self._bury()
            for beats in count():
                self._write(TTL_S)
                if beats % GIVE_BACK_EVERY == 0:
                    give_back()
                if self._stop.wait(BEAT_S):
                    break
                if os.getppid() != self._parent:
                    log.error("the parent process is gone, ending")
                    os._exit(1)
            self._write(0.0)

    def _bury(self) -> None:
        """Who was killed here before us should not be waited for."""
        try:
            with unit_of_work() as work:
                leases.bury(work, host(), lives)
        except (Unavailable, SQLAlchemyError, OSError) as error:
            log.warning("old leases not looked at error=%s", type(error).__name__)

    def _write(self, ttl_s: float) -> None:
        try:
            with unit_of_work(lasting=False) as work:
                leases.beat(work, self.name, ttl_s, self.detail)
        except (Unavailable, SQLAlchemyError, OSError) as error:
            log.warning("no sign of life could be written error=%s", refusal(error))
        finally:
            db.session.remove()
