"""A served application and a headless Chromium; `sign_in` opens the pages of one agent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, Page, expect
from sqlalchemy import func, select

from helpdesk.app import COOKIE
from helpdesk.extensions import db
from helpdesk.models import Agent, Message, ReadMark
from helpdesk.services import sessions
from helpdesk.unit_of_work import unit_of_work
from tests.conftest import missing
from tests.live import serving
from tests.servers import Missing
from tests.servers.browser import DESKTOP, WAIT_MS, chromium

expect.set_options(timeout=WAIT_MS)


def has_read(agent: Agent) -> bool:
    """Has the agent everything that was said in view for a second, so that it counts as seen?"""
    db.session.rollback()
    read = db.session.scalar(select(ReadMark.seq).where(ReadMark.agent_id == agent.id)) or 0
    return read >= (db.session.scalar(select(func.max(Message.seq))) or 0)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One a module: while it is open, its event loop runs in this thread, and asyncio elsewhere would not."""
    try:
        with chromium() as found:
            yield found
    except Missing as error:
        missing(str(error))


@pytest.fixture
def live(app: Flask) -> Iterator[str]:
    """The address the application is served at, in a thread of this process."""
    with serving(app) as url:
        yield url


@pytest.fixture
def sign_in(live: str, browser: Browser) -> Iterator[Callable[..., Page]]:
    """sign_in(agent) -> a page of a browser of their own; console errors of the page fail the test at its end."""
    contexts: list[BrowserContext] = []
    errors: list[str] = []

    def _sign_in(agent: Agent, path: str = "/", **options: Any) -> Page:
        with unit_of_work() as work:
            token = sessions.start(work, agent)
        options.setdefault("viewport", DESKTOP)
        context = browser.new_context(base_url=live, **options)
        context.set_default_timeout(WAIT_MS)
        context.add_cookies([{"name": COOKIE, "value": token, "url": live}])
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda m: errors.append(m.text) if "Content Security Policy" in m.text else None)
        page.goto(path)
        return page

    yield _sign_in
    for context in contexts:
        context.close()
    assert not errors, errors
