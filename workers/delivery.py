"""Deliveries: a pool of threads, at most two a channel, one at a time per identity; a hung server holds up nobody else."""

from __future__ import annotations

import logging
import os
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from flask import Flask, current_app

from connectors.contract import ConnectorError, OutcomeUnknown, PermanentFailure, Receipt, Sends, TemporaryFailure
from helpdesk.extensions import db
from helpdesk.failpoints import failpoint
from helpdesk.services import deliveries, outbox
from helpdesk.services.webhooks import TASK as TOLD
from helpdesk.unit_of_work import UnitOfWork, unit_of_work
from workers import stop, webhooks

log = logging.getLogger(__name__)

THREADS = 8
PER_CHANNEL = 2
LOOK_AGAIN_S = 0.2
RENEW_S = 15.0


def drain() -> int:
    """Until nothing is due and nothing is being sent; how many deliveries were tried."""
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    running: dict[Future[None], int] = {}
    tried, renewed = 0, time.monotonic()
    with ThreadPoolExecutor(THREADS, thread_name_prefix="delivery") as pool:
        while True:
            for task in _claim(THREADS - len(running)):
                running[pool.submit(_in_app, app, task)] = task.id
                tried += 1
            if not running:
                return tried
            done, _ = wait(running, timeout=LOOK_AGAIN_S, return_when=FIRST_COMPLETED)
            for future in done:
                running.pop(future)
                future.result()
            if running and time.monotonic() - renewed > RENEW_S:
                renewed = time.monotonic()
                with unit_of_work() as work:
                    outbox.renew(work, list(running.values()))


def _claim(free: int) -> list[outbox.Task]:
    """Lease due deliveries and mark them as being sent, in one unit of work."""
    if free <= 0 or stop.asked.is_set():
        return []
    send = []
    with unit_of_work() as work:
        for task in outbox.claim(work, "deliveries", free, holder=f"deliveries:{os.getpid()}", per_batch=PER_CHANNEL):
            if _ready(work, task):
                send.append(task)
            else:
                outbox.finish(work, task.id)
    failpoint("delivery.claimed")
    return send


def _ready(work: UnitOfWork, task: outbox.Task) -> bool:
    if task.kind == TOLD:
        return True
    return task.kind == "deliver" and deliveries.begin(work, int(task.payload["delivery_id"])) == "send"


def _in_app(app: Flask, task: outbox.Task) -> None:
    with app.app_context():
        try:
            if task.kind == TOLD:
                _tell(task)
            else:
                _send(task)
        finally:
            db.session.remove()


def _tell(task: outbox.Task) -> None:
    try:
        webhooks.post(task)
    except Exception as error:  # the job boundary: one bad subscription must not stop the deliveries
        log.exception("webhook broke task=%s", task.id)
        with unit_of_work() as work:
            outbox.postpone(work, task.id, work.now + outbox.backoff(task.attempts), type(error).__name__)


def _send(task: outbox.Task) -> None:
    delivery_id = int(task.payload["delivery_id"])
    try:
        result: Receipt | ConnectorError = _attempt(delivery_id)
    except Exception as error:  # the job boundary: our own fault must be visible on the message, not only in a log
        log.exception("delivery broke delivery=%s", delivery_id)
        result = PermanentFailure(f"It could not be prepared for sending ({type(error).__name__}).")
    failpoint("delivery.sent")
    with unit_of_work() as work:
        if isinstance(result, Receipt):
            deliveries.succeeded(work, task, result)
        else:
            deliveries.failed(work, task, result)  # type: ignore[arg-type]


def _attempt(delivery_id: int) -> Receipt | ConnectorError:
    connector, outbound = deliveries.compose(db.session(), delivery_id)
    db.session.rollback()  # nothing is open while the network is used
    if not isinstance(connector, Sends):
        return PermanentFailure("This channel cannot send.")
    try:
        return connector.send(outbound)
    except (TemporaryFailure, PermanentFailure, OutcomeUnknown) as error:
        return error


__all__ = ["drain"]
