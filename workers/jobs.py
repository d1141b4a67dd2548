"""What RQ calls. A job is only a wake-up: it names a drain, which works until nothing is due."""

from __future__ import annotations

import logging
import os
import secrets
from collections.abc import Callable

import structlog
from flask import Flask, has_app_context

from workers import arrivals, delivery, reactions, surveys

log = logging.getLogger(__name__)

DRAINS: dict[str, Callable[[], int]] = {
    "arrivals": arrivals.drain,
    "deliveries": delivery.drain,
    "reactions": reactions.drain,
    "surveys": surveys.drain,
}

_app: Flask | None = None


def use(app: Flask) -> None:
    """The application this worker process works in."""
    global _app
    _app = app


def run(name: str) -> int:
    """Drain inside the current app context; how many rows were worked on."""
    return DRAINS[name]()


def drain(name: str) -> int:
    """RQ's entry point."""
    with structlog.contextvars.bound_contextvars(job=f"{name}-{secrets.token_hex(4)}"):
        if has_app_context():
            return run(name)
        with _application().app_context():
            return run(name)


def _application() -> Flask:
    global _app
    if _app is None:
        from helpdesk.app import create_app
        from helpdesk.config import load

        _app = create_app(load())
        log.info("worker entered the app pid=%s", os.getpid())
    return _app
