"""One channel's way in: a thread that listens (or serves), stores what comes, and starts again after failures."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from threading import Event, Thread
from typing import Any

import structlog
from flask import Flask
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from connectors.contract import ConnectorError, PermanentFailure, Raw, TemporaryFailure
from helpdesk.errors import ConfigError, Unavailable
from helpdesk.extensions import db
from helpdesk.models import Channel
from helpdesk.services import channels, leases, listening
from helpdesk.unit_of_work import UnitOfWork, unit_of_work

log = logging.getLogger(__name__)

LEASE_S = 30.0
ASK_AGAIN_S = 3.0
# First and longest wait after a failure that may pass, and after one that a person must mend.
PASSING_S = (2.0, 60.0)
LASTING_S = (30.0, 600.0)
STUCK_S = 20.0


class Superseded(Exception):
    """This thread may store nothing any more: the lease or the channel's version moved on."""


class Door(Thread):
    """`stop` ends it; `lease` names what makes it the only one over all processes."""

    def __init__(self, app: Flask, channel_id: int, way: str, *, version: int, holder: str) -> None:
        super().__init__(name=f"{way}-{channel_id}", daemon=True)
        self.app = app
        self.channel_id = channel_id
        self.way = way
        self.version = version
        self.holder = holder
        self.lease = f"{way}:{channel_id}"
        self.stop = Event()
        self.holds = False
        self.idle = False  # the channel's settings ask for no listening
        self._life = time.monotonic()
        self._opened: float | None = None
        self._failures = 0
        self._written: datetime | None = None
        self._asked: float | None = None

    # --- what the process asks ---------------------------------------------------------------------------------

    def silent_s(self) -> float:
        """How long there was no sign of life; doors that wait for others to come are never silent."""
        quiet = self.idle or not self.holds or self._opened is not None
        return 0.0 if quiet else time.monotonic() - self._life

    def open_for_s(self) -> float:
        return 0.0 if self._opened is None else time.monotonic() - self._opened

    @property
    def stuck(self) -> bool:
        """Asked to end long ago and still running: it may store nothing, so it can be left behind."""
        self._asked = self._asked or time.monotonic()
        return time.monotonic() - self._asked > STUCK_S

    def lost(self) -> None:
        """Somebody else holds the lease."""
        self.holds = False
        self.stop.set()

    # --- the thread --------------------------------------------------------------------------------------------

    def run(self) -> None:
        with structlog.contextvars.bound_contextvars(channel=self.channel_id):
            while not self.stop.is_set():
                with self.app.app_context():
                    try:
                        wait_s = self._once()
                    finally:
                        db.session.remove()
                self.stop.wait(wait_s)

    def _once(self) -> float:
        """One life of the connector; seconds to wait before the next."""
        try:
            if not self._take_lease():
                return ASK_AGAIN_S
            self._life = time.monotonic()
            self._work()
        except Superseded:
            self.stop.set()
            return 0.0
        except ConnectorError as error:
            return self._failed(str(error), error)
        except (Unavailable, SQLAlchemyError, OSError) as error:
            log.warning("listener interrupted error=%s", type(error).__name__)
            return self._pause(PASSING_S)
        except ConfigError as error:
            return self._failed(str(error), PermanentFailure(str(error)))
        except Exception as error:  # the listener boundary: one broken connector must not end the others
            log.exception("listener broke")
            return self._failed(f"The listener broke ({type(error).__name__}).", error)
        finally:
            self._opened = None
        self.idle = not self.stop.is_set()
        return 3600.0 if self.idle else 0.0

    def _take_lease(self) -> bool:
        with unit_of_work() as work:
            self.holds = leases.hold(work, self.lease, self.holder, LEASE_S)
        return self.holds

    def _work(self) -> None:
        channel = db.session.get_one(Channel, self.channel_id)
        connector: Any = channels.connector_of(channel, db.session())
        cursor = dict(channel.cursor or {})
        self._written = channel.last_success_at if channel.state == "ok" else None
        db.session.rollback()  # nothing is open while the network is used
        if self.way == "serve":
            self._opened = time.monotonic()
            connector.serve(self._store_one, self.stop)
            return
        batches = connector.listen(cursor, self.stop)
        try:
            for batch in batches:
                self._life = time.monotonic()
                self._take(batch.raws, cursor, batch.cursor)
                cursor = dict(batch.cursor)
                self._failures = 0
        finally:
            batches.close()

    def _take(self, raws: Sequence[Raw], old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
        now = datetime.now(UTC)
        if not raws and dict(new) == old and not listening.worth_writing(self._written, self._failures > 0, now):
            return
        listening.keep(raws)
        with unit_of_work(actor="system") as work:
            self._still_mine(work)
            listening.store(work, self.channel_id, raws, new)
        self._written = now

    def _store_one(self, raw: Raw) -> None:
        """For a serving connector, from whatever thread; returns once the raw is committed."""
        with self.app.app_context():
            try:
                listening.keep([raw])
                with unit_of_work(actor="system") as work:
                    self._still_mine(work)
                    listening.store(work, self.channel_id, [raw])
            finally:
                db.session.remove()

    def _still_mine(self, work: UnitOfWork) -> None:
        version = work.session.scalar(select(Channel.version).where(Channel.id == self.channel_id))
        if self.stop.is_set() or version != self.version or not leases.hold(work, self.lease, self.holder, LEASE_S):
            raise Superseded

    # --- failures ----------------------------------------------------------------------------------------------

    def _failed(self, reason: str, error: Exception) -> float:
        log.warning("listener failed way=%s reason=%s", self.way, reason)
        try:
            with unit_of_work() as work:
                listening.failed(work, self.channel_id, reason)
        except (Unavailable, SQLAlchemyError, OSError) as broken:
            log.warning("failure not written error=%s", type(broken).__name__)
        wait_s = self._pause(LASTING_S if isinstance(error, PermanentFailure) else PASSING_S)
        named = error.retry_after if isinstance(error, TemporaryFailure) else None
        return max(wait_s, named or 0.0)

    def _pause(self, range_s: tuple[float, float]) -> float:
        """Doubling from the first to the longest, with jitter, so that many channels do not return at one moment."""
        first, longest = range_s
        wait_s = min(longest, first * 2 ** min(self._failures, 10))
        self._failures += 1
        return wait_s * random.uniform(0.7, 1.3)  # noqa: S311 - no secret
