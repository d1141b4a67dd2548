"""The listening process: one thread a channel and way in; a hanging or broken channel never holds up another."""

from __future__ import annotations

import logging
import os
import signal
import time
from dataclasses import dataclass
from threading import Event

from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from connectors.contract import Listens, Serves
from helpdesk.errors import ConfigError, Unavailable
from helpdesk.extensions import db
from helpdesk.models import Channel
from helpdesk.processes.door import LEASE_S, Door
from helpdesk.processes.heartbeat import Heartbeat, place
from helpdesk.services import channels, leases, listening
from helpdesk.unit_of_work import unit_of_work

log = logging.getLogger(__name__)

LOOK_S = 2.0
RENEW_S = 10.0
SILENCE_S = 900.0  # a listener without any sign of life for so long hangs; another takes its place
JOIN_S = 4.0

Way = tuple[int, str]  # channel id, "listen" or "serve"


@dataclass
class Known:
    """What a channel's connector can do, as of one version of its settings."""

    version: int
    ways: tuple[str, ...]


class Listeners:
    """Keeps the running doors equal to what the channels ask for."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.holder = f"{place()}:{os.urandom(3).hex()}"
        self.doors: dict[Way, Door] = {}
        self._known: dict[int, Known] = {}
        self._renewed = 0.0

    def look(self) -> None:
        """Start, stop and restart doors; renew their leases."""
        with self.app.app_context():
            try:
                wanted = self._wanted()
                self._close(wanted)
                self._open(wanted)
                self._forget_hanging()
                if time.monotonic() - self._renewed >= RENEW_S:
                    self._renew()
            except (SQLAlchemyError, Unavailable, OSError) as error:
                log.warning("channels cannot be looked at now error=%s", type(error).__name__)
            finally:
                db.session.remove()

    def _wanted(self) -> dict[Way, int]:
        rows = channels.every(db.session())
        return {(row.id, way): row.version for row in rows for way in self._ways(row)}

    def _ways(self, channel: Channel) -> tuple[str, ...]:
        known = self._known.get(channel.id)
        if known is None or known.version != channel.version:
            known = self._known[channel.id] = Known(channel.version, self._can(channel))
        return known.ways

    def _can(self, channel: Channel) -> tuple[str, ...]:
        try:
            connector = channels.connector_of(channel, db.session())
        except (ConfigError, KeyError, ValueError) as error:
            log.error("channel cannot be used channel=%s error=%s", channel.id, error)
            self._tell_failed(channel.id, f"The channel cannot be used: {error}")
            return ()
        ways = ["listen"] if isinstance(connector, Listens) else []
        if isinstance(connector, Serves) and connector.serving:
            ways.append("serve")
        return tuple(ways)

    def _tell_failed(self, channel_id: int, reason: str) -> None:
        with unit_of_work() as work:
            listening.failed(work, channel_id, reason)

    def _close(self, wanted: dict[Way, int]) -> None:
        for way, door in list(self.doors.items()):
            if wanted.get(way) != door.version:
                door.stop.set()
            if door.stop.is_set() and not door.is_alive():
                del self.doors[way]
            elif door.stop.is_set() and door.stuck:
                log.warning("listener does not end, left behind channel=%s way=%s", *way)
                del self.doors[way]

    def _open(self, wanted: dict[Way, int]) -> None:
        for way, version in wanted.items():
            if way not in self.doors:
                self.doors[way] = Door(self.app, *way, version=version, holder=self.holder)
                self.doors[way].start()

    def _forget_hanging(self) -> None:
        for way, door in list(self.doors.items()):
            if door.silent_s() > SILENCE_S and not door.stop.is_set():
                log.error("listener gives no sign of life, starting another channel=%s way=%s", *way)
                self._tell_failed(way[0], f"The listener gave no sign of life for {SILENCE_S / 60:.0f} minutes.")
                door.stop.set()
                del self.doors[way]

    def _renew(self) -> None:
        with unit_of_work(lasting=False) as work:
            for door in self.doors.values():
                if door.holds and not leases.hold(work, door.lease, self.holder, LEASE_S):
                    door.lost()
            listened = {c for (c, way), d in self.doors.items() if way == "listen" and not d.idle}
            for (channel_id, way), door in self.doors.items():
                if way == "serve" and door.open_for_s() > LOOK_S and channel_id not in listened:
                    listening.alive(work, channel_id)
        self._renewed = time.monotonic()

    def end(self) -> None:
        """Ask every door to close, wait a little, let go of the leases."""
        for door in self.doors.values():
            door.stop.set()
        deadline = time.monotonic() + JOIN_S
        for door in self.doors.values():
            door.join(timeout=max(0.0, deadline - time.monotonic()))
        with self.app.app_context():
            try:
                with unit_of_work() as work:
                    for door in self.doors.values():
                        leases.release(work, door.lease, self.holder)
            except (SQLAlchemyError, Unavailable, OSError) as error:
                log.warning("leases not released error=%s", type(error).__name__)


def serve(app: Flask) -> None:
    """Listen on every enabled channel until SIGTERM."""
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    listeners = Listeners(app)
    with Heartbeat(app, "listen"):
        while not stop.is_set():
            listeners.look()
            stop.wait(LOOK_S)
        listeners.end()
