"""Structured logs: a sentence, then key=value; the request or job id on every line; no texts of people."""

from __future__ import annotations

import logging
import re
import secrets
import sys
from typing import Any

import structlog
from flask import Flask, g, request

from helpdesk.config import Settings

# One event is one line, and shows what it is: no line ends, no terminal sequences, no text turned round.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")
_SECRETS = (
    re.compile(r"\d{6,12}:[A-Za-z0-9_-]{30,}"),  # bot tokens, which HTTP clients put in addresses
    re.compile(r"""(?i)(bearer|password|passwd|token|secret)["']?(\s*[=:]\s*|\s+)["']?[^\s,;&"']{6,}"""),
    re.compile(
        r"(?i)\b(xoauth2|auth plain|auth login|authorization:? basic)\s+[A-Za-z0-9+/=_-]{8,}"
    ),  # what a mail server is told
)


def redact(text: str) -> str:
    for pattern in _SECRETS:
        text = pattern.sub("***", text)
    return text


def printable(text: str) -> str:
    """What comes from outside cannot begin a line of its own or move the cursor of who reads the log."""
    return _UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def _tidy_event(_logger: Any, _name: str, event: dict[str, Any]) -> dict[str, Any]:
    for key, value in event.items():
        if key == "exception" and isinstance(value, str):  # a traceback keeps its lines, set in from the margin
            event[key] = "\n    ".join(printable(line) for line in redact(value).split("\n"))
        elif isinstance(value, str):
            event[key] = printable(redact(value))
    return event


def configure(settings: Settings, process: str = "") -> None:
    """Route every logger through structlog to stderr; `process` (web, worker…) stands on each line."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    render: Any = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if settings.log.format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            _tidy_event,
            render,
        ],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.log.level)
    for noisy in (
        "httpx",
        "httpcore",
        "telegram",
        "engineio",
        "socketio",
        "werkzeug",
        "rq.worker",
        "mail.log",
        "geventwebsocket",
        "alembic",
    ):
        logging.getLogger(noisy).setLevel("WARNING")
    structlog.contextvars.clear_contextvars()
    if process:
        structlog.contextvars.bind_contextvars(process=process)


def init_app(app: Flask, settings: Settings) -> None:
    @app.before_request
    def _name_request() -> None:
        given = request.headers.get("X-Request-Id", "")
        g.request_id = given if re.fullmatch(r"[A-Za-z0-9-]{8,64}", given) else secrets.token_hex(8)
        structlog.contextvars.bind_contextvars(request=g.request_id)

    @app.after_request
    def _show_request_id(response: Any) -> Any:
        response.headers["X-Request-Id"] = getattr(g, "request_id", "")
        return response
