"""The common loop of the simple drains: claim a batch, run each row's handler, finish or postpone it."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from typing import Any

from helpdesk.services import outbox
from helpdesk.unit_of_work import unit_of_work
from workers import stop

log = logging.getLogger(__name__)

MAX_ATTEMPTS = 8
Handler = Callable[[Mapping[str, Any]], None]


def drain(name: str, handlers: Mapping[str, Handler], *, batch: int = 50) -> int:
    """Until nothing is due. A handler opens its own unit of work; it may run twice and must not mind."""
    worked = 0
    while not stop.asked.is_set():
        with unit_of_work(lasting=False) as work:
            tasks = outbox.claim(work, name, batch, holder=f"{name}:{os.getpid()}")
        if not tasks:
            return worked
        for task in tasks:
            _one(task, handlers)
        worked += len(tasks)
    return worked


def _one(task: outbox.Task, handlers: Mapping[str, Handler]) -> None:
    try:
        if task.kind != "wake":
            handlers[task.kind](task.payload)
    except Exception as error:  # the job boundary: one bad row must not stop the others
        log.exception("task failed drain=%s kind=%s id=%s attempts=%s", task.drain, task.kind, task.id, task.attempts)
        reason = f"{type(error).__name__}: {error}"
        with unit_of_work() as work:
            if task.attempts >= MAX_ATTEMPTS or isinstance(error, KeyError) and task.kind not in handlers:
                outbox.fail(work, task.id, reason)
            else:
                outbox.postpone(work, task.id, work.now + outbox.backoff(task.attempts), reason)
        return
    with unit_of_work() as work:
        outbox.finish(work, task.id)
