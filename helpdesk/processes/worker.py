"""A worker process: one RQ queue, whose jobs only say "look now"; the drain finds the work in the database."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Iterable
from importlib import import_module
from threading import Event
from types import FrameType

import redis
from flask import Flask
from rq import Queue, SimpleWorker
from rq.job import Job
from rq.serializers import JSONSerializer

from helpdesk.config import Settings
from helpdesk.errors import ConfigError
from helpdesk.processes.heartbeat import Heartbeat, place
from helpdesk.wakeups import DRAINS

log = logging.getLogger(__name__)

MAINTENANCE_S = 30
WORKER_TTL_S = 45  # it looks up from waiting at least that often
RETRY_S = 2.0


class DrainWorker(SimpleWorker):
    """RQ's worker, for one queue, without a thread for remote commands, and quick to come back to a returned Redis."""

    draining = False
    exponential_backoff_factor = 1.5
    max_connection_wait_time = 5.0

    def subscribe(self) -> None:
        """Nobody sends our workers commands."""

    def unsubscribe(self) -> None:
        """Nothing to unsubscribe from."""

    def execute_job(self, job: Job, queue: Queue) -> None:
        """A job is a hint and nothing else: it is forgotten before it is followed. RQ's own way writes down how each job
        goes, eighteen times to the queue and back where this is once, while a mail waits to be taken in."""
        with self.connection.pipeline() as together:
            self.heartbeat(self.get_heartbeat_ttl(job), pipeline=together)
            together.lrem(queue.intermediate_queue_key, 1, job.id)
            together.delete(job.key)
            together.execute()
        self.draining = True
        try:
            job.func(*job.args)
        except Exception:  # the job boundary: what it left undone stays in the outbox
            log.exception("drain broke job=%s", job.description)
        finally:
            self.draining = False

    def _install_signal_handlers(self) -> None:
        super()._install_signal_handlers()
        self._stop_requested = bool(
            import_module("workers.stop").asked.is_set()
        )  # asked a moment ago: nobody asks twice

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        """Let the drain that runs end early, too. RQ leaves by an exception, from wherever the signal found it: not out
        of a drain, which finishes what it has in hand, and not in vain where somebody catches it."""
        import_module("workers.stop").asked.set()
        self._stop_requested = True
        if not self.draining:
            super().request_stop(signum, frame)

    def procline(self, message: str) -> None:
        """Process titles stay as they are."""


def check(settings: Settings, drains: Iterable[str]) -> None:
    """Raises ConfigError when no worker could run like this."""
    for drain in drains:
        if drain not in DRAINS:
            raise ConfigError(f"There is no queue {drain}; choose one of {', '.join(DRAINS)}.")
    if not settings.redis.url:
        raise ConfigError("There is no queue: set `redis.url`, or run `helpdesk up`, which brings one.")


def serve(app: Flask, drain: str) -> None:
    """Work until SIGTERM; what is under way is finished first."""
    settings: Settings = app.extensions["settings"]
    import_module("workers.jobs").use(app)
    logging.getLogger("rq.worker").addFilter(_without_away)
    asked = import_module("workers.stop").asked
    with Heartbeat(app, f"worker:{drain}"):
        while not asked.is_set():
            _listen_for_stop(asked)
            try:
                _work(settings.redis.url, drain)  # comes back when asked to stop, or when RQ gave up
            except (redis.RedisError, OSError) as error:
                log.warning("the queue is away, trying again drain=%s error=%s", drain, type(error).__name__)
            asked.wait(RETRY_S)


def _without_away(record: logging.LogRecord) -> bool:
    """RQ tells every lost connection as an unhandled exception, with three tracebacks; one line of ours is enough."""
    return not (record.exc_info and isinstance(record.exc_info[1], redis.RedisError))


def _listen_for_stop(asked: Event) -> None:
    """RQ takes these signals while it works; before and between it is us."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: asked.set())


def _work(url: str, drain: str) -> None:
    connection = redis.Redis.from_url(url, socket_connect_timeout=2)
    worker = DrainWorker(
        [drain],
        name=f"{drain}@{place()}@{os.urandom(4).hex()}",
        connection=connection,
        serializer=JSONSerializer,
        maintenance_interval=MAINTENANCE_S,
        worker_ttl=WORKER_TTL_S,
        job_monitoring_interval=WORKER_TTL_S,
        log_job_description=False,
    )
    worker.work(logging_level="WARNING")
