"""What is logged: one event is one line whatever comes from outside, and nothing secret is in it."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from helpdesk import logs
from tests.services.mails import mailbox

__all__ = ["mailbox"]  # a fixture

FORGED = 'Hi\r\n2026-01-01 [error] all deleted\n\x1b[2J\x1b]0;owned\x07 \u202egnp.exe\u2028{"level": "info"}\x00\x9b31m'
SECRETS = (
    "8110000001:AAFs4mP1ech8qVb0CwS4mP1ech8qVb0CwSx",
    "ya29.a0AfH6SMBx-secret-access",
    "hunter2-hunter2",
    "AGFkbWluAGh1bnRlcjI=",
)


@pytest.fixture
def written(app: Any) -> Iterator[Any]:
    """Configures the real log in a format; gives the lines it wrote."""
    root = logging.getLogger()
    before, level = root.handlers, root.level
    out = io.StringIO()

    def lines(format: str | None = None) -> list[str]:
        if format is not None:
            settings = app.extensions["settings"]
            logs.configure(replace(settings, log=replace(settings.log, format=format, level="INFO")))
            root.handlers[0].setStream(out)  # type: ignore[attr-defined]
        return out.getvalue().splitlines()

    yield lines
    root.handlers = before
    root.setLevel(level)


@pytest.mark.parametrize("format", ["json", "console"])
def test_one_event_is_one_line_and_moves_no_cursor(written: Any, format: str) -> None:
    written(format)
    logging.getLogger("helpdesk.tests").warning("mail refused subject=%s", FORGED)
    (line,) = written()
    assert not any(ord(c) < 32 or 127 <= ord(c) < 160 or c in "\u2028\u2029\u202e" for c in line)
    assert "all deleted" in line and "gnp.exe" in line  # nothing is hidden either
    if format == "json":
        assert json.loads(line)["level"] == "warning"


@pytest.mark.parametrize("format", ["json", "console"])
def test_a_traceback_keeps_its_lines_but_forges_none(written: Any, format: str) -> None:
    written(format)
    try:
        raise ValueError(FORGED)
    except ValueError:
        logging.getLogger("helpdesk.tests").exception("could not be read")
    lines = written()
    first, *others = lines
    assert "could not be read" in first
    assert all(line.startswith(" ") for line in others if line != "Traceback (most recent call last):")
    assert not any("\x1b" in line or "\u202e" in line or "\x9b" in line for line in lines)
    if format == "json":
        assert others == [] and "ValueError" in json.loads(first)["exception"]


@pytest.mark.parametrize("format", ["json", "console"])
def test_nothing_secret_is_written(written: Any, format: str) -> None:
    written(format)
    log = logging.getLogger("helpdesk.tests")
    token, access, password, plain = SECRETS
    log.warning("POST https://api.example/bot%s/getMe", token)
    log.warning("Authorization: Bearer %s", access)
    log.warning("refresh answered {'access_token': '%s', \"refresh_token\": \"%s\"}", access, access)
    log.warning("login failed password=%s", password)
    log.warning("AUTH PLAIN %s", plain)
    try:
        raise RuntimeError(f"GET https://graph.example/me?access_token={access}")
    except RuntimeError:
        log.exception("page not read")
    text = "\n".join(written())
    assert not [secret for secret in SECRETS if secret in text]
    assert text.count("***") >= 6


def test_what_a_request_says_of_itself_is_no_line_of_the_log(written: Any, make: Any) -> None:
    written("json")
    client = make.client(make.agent("admin"))
    hostile = {
        "User-Agent": "x\x1b[2J' level=error",
        "CF-Connecting-IP": '1.1.1.1" forged',
        "X-Request-Id": "a\tb forged",
    }
    answer = client.get("/tickets/999999?subject=%0d%0aforged%1b%5b2J", headers=hostile)
    assert answer.status_code == 404
    assert "forged" not in answer.headers["X-Request-Id"]
    for line in written():
        assert json.loads(line)["request"] == answer.headers["X-Request-Id"]
        assert "\x1b" not in line


def test_a_mail_writes_none_of_its_text_into_the_log(written: Any, mailbox: Any) -> None:
    written("json")
    for body in (b"ONLY-FOR-EYES", b"ONLY-FOR-EYES\n\x00\xff"):
        mailbox.take(b"From: a@khach.example\nMessage-ID: <" + body[:20].hex().encode() + b"@x>\nSubject: " + body)
    assert "ONLY-FOR-EYES" not in "\n".join(written())
