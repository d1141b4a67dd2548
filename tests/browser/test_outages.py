"""Real processes are killed and stopped under open pages, a laptop sleeps, ten tabs are open: the page tells the truth
and is whole again by itself, and what was typed is kept."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, Page, Route, WebSocketRoute, expect
from sqlalchemy import func, select, update

from connectors.contract import Address
from helpdesk.app import COOKIE, create_app
from helpdesk.config import Settings
from helpdesk.extensions import db
from helpdesk.models import Lease
from helpdesk.services import sessions
from helpdesk.unit_of_work import unit_of_work
from tests.browser.test_lists import SignIn, listens, rows
from tests.browser.test_lists import shop as shop
from tests.factories import Make
from tests.processes.running import COMMAND, Running, environment, set_up, until
from tests.servers.browser import DESKTOP
from tests.servers.machine import PATIENCE_S

LAN = Address("widget", "v-lan", name="Nguyễn Lan Anh")


@contextmanager
def second_web(desk: Running) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """One more web process on the same data and queue, as behind a load balancer; its address."""
    queue = (desk.data / "run" / "valkey.path").read_text().strip()
    env = environment(HELPDESK_DATA=str(desk.data), HELPDESK_REDIS_URL=f"unix://{queue}")
    process = subprocess.Popen([*COMMAND, "web", "--port", "0"], env=env, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        url = process.stdout.readline().strip().removeprefix("Listening on ")
        until(lambda: _answers(url), what="the second web process")
        yield url, process
    finally:
        process.terminate()
        process.wait(PATIENCE_S)
        if process.stdout is not None:
            process.stdout.close()


def _answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/healthz", timeout=60).status_code == 200
    except requests.RequestException:
        return False


def beat() -> Any:
    """The newest sign of life of a worker."""
    db.session.rollback()
    return db.session.scalar(select(func.max(Lease.beat_at)).where(Lease.name.like("worker:%")))


def note(page: Page, text: str) -> None:
    """By keyboard, so that it goes whatever else is on the page."""
    page.keyboard.press("n")
    page.get_by_role("textbox", name="Note").fill(text)
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("log").get_by_text(text)).to_be_visible()
    page.keyboard.press("Escape")


@pytest.mark.slow
def test_web_processes_killed_and_workers_stopped_under_open_pages(tmp_path: Path, browser: Browser) -> None:
    set_up((("init", "--admin-email", "an@desk.example", "--admin-password-stdin"), "a good long password\n"),
           data=tmp_path / "data")  # fmt: skip
    with Running(tmp_path) as desk, second_web(desk) as (other_url, _other):
        app = create_app(Settings(data=desk.data))
        with app.app_context():
            make = Make(app)
            channel = make.channel("widget")
            make.inbound(channel, "The lid is cracked", sender=LAN)
            agents = [make.agent("agent", name=name) for name in ("Trần Linh", "Minh Hoàng")]
            with unit_of_work() as work:
                tokens = [sessions.start(work, agent) for agent in agents]
            pages = []
            for url, token in zip((desk.url, other_url), tokens, strict=True):
                context = browser.new_context(base_url=url, viewport=DESKTOP)
                context.add_cookies([{"name": COOKIE, "value": token, "url": url}])
                pages.append(context.new_page())
                pages[-1].goto("/tickets/1001")
            linh, minh = pages
            try:
                for page in pages:
                    listens(page)
                _presence_crosses(linh, minh)
                _killed(desk, linh, minh)
                _stopped(desk, linh, minh)
            finally:
                for page in pages:
                    page.context.close()
                db.session.remove()
                db.engine.dispose()
                app.extensions["writers"].engine.dispose()


def _presence_crosses(linh: Page, minh: Page) -> None:
    """Each is at another web process."""
    expect(linh.get_by_text(re.compile("(Minh|Hoàng) viewing"))).to_be_visible()
    minh.get_by_role("textbox", name="Reply").press_sequentially("Dear")
    expect(linh.get_by_text("Minh Hoàng is replying…")).to_be_visible()
    minh.get_by_role("textbox", name="Reply").fill("")
    minh.keyboard.press("Escape")


def _killed(desk: Running, linh: Page, minh: Page) -> None:
    """Linh's web process dies in the middle of her sentence; what Minh does meanwhile at his is not missed."""
    linh.get_by_role("textbox", name="Reply").fill("half a sentence")
    before = desk.pids["web"]
    os.kill(before, signal.SIGKILL)
    note(minh, "Said while it was down")
    expect(linh.get_by_role("log").get_by_text("Said while it was down")).to_be_visible()
    assert desk.pids["web"] != before
    expect(linh.locator("#live-bar")).to_be_hidden()
    expect(linh.get_by_role("textbox", name="Reply")).to_have_value("half a sentence")
    listens(linh)
    linh.get_by_role("textbox", name="Reply").press_sequentially("!")
    expect(minh.get_by_text("Trần Linh is replying…")).to_be_visible()


def _stopped(desk: Running, linh: Page, minh: Page) -> None:
    """No worker gives a sign of life (the clock is put forward instead of waiting for minutes), then they are back."""
    workers = [pid for name, pid in desk.pids.items() if name.startswith("worker")]
    assert workers
    for pid in workers:
        os.kill(pid, signal.SIGSTOP)
    try:
        with unit_of_work() as work:
            long_ago = work.now - timedelta(minutes=5)
            work.session.execute(update(Lease).where(Lease.name.like("worker:%")).values(beat_at=long_ago))
        note(minh, "Nobody sends now")
        expect(linh.get_by_text("the worker has stopped")).to_be_visible()
    finally:
        for pid in workers:
            os.kill(pid, signal.SIGCONT)
    until(lambda: beat() > long_ago + timedelta(minutes=1), what="a worker's sign of life")
    note(minh, "And again")
    expect(linh.get_by_text("the worker has stopped")).to_be_hidden()


def test_after_the_laptop_slept_the_page_is_whole(shop: Any, sign_in: SignIn) -> None:
    shop.fill(2)
    asleep, dead = [False], [False]

    def wire(socket: WebSocketRoute) -> None:
        """Until the lid is closed the first connection forwards both ways; then it is dead and neither side is told."""
        server, mine = socket.connect_to_server(), [True]

        def forward(to: Any, message: str | bytes) -> None:
            mine[0] = mine[0] and not asleep[0]
            dead[0] = dead[0] or not mine[0]
            if mine[0]:
                to.send(message)

        socket.on_message(lambda message: forward(server, message))
        server.on_message(lambda message: forward(socket, message))

    linh = sign_in(shop.linh, "about:blank")
    linh.route_web_socket(re.compile("/socket.io/"), wire)
    linh.clock.install()
    linh.goto("/tickets/1001?view=open")
    listens(linh)
    linh.get_by_role("textbox", name="Reply").fill("half a sentence")
    asleep[0] = True
    linh.clock.pause_at(time.time() + 10)  # sooner than the page gives its socket up by itself
    shop.says("While the lid was closed", "night")
    shop.says("And one more thing", "customer0")
    expect(rows(linh)).to_have_count(2)
    until(lambda: linh.evaluate("() => 1") and dead[0], what="a doorbell that is not heard")
    asleep[0] = False
    linh.clock.fast_forward("15:00")
    linh.clock.resume()
    expect(linh.get_by_role("log").get_by_text("And one more thing")).to_be_visible()
    expect(
        rows(linh).filter(has_text="While the lid was closed").or_(linh.locator("[data-newer]:visible"))
    ).to_have_count(1)
    expect(rows(sign_in(shop.linh, "/?view=open"))).to_have_count(3)
    expect(linh.get_by_role("textbox", name="Reply")).to_have_value("half a sentence")
    listens(linh)
    shop.says("Good morning", "customer0")
    expect(linh.get_by_role("log").get_by_text("Good morning")).to_be_visible()


def test_a_question_that_failed_is_asked_again_soon_though_doorbells_ring(shop: Any, sign_in: SignIn) -> None:
    shop.fill(1)
    linh = sign_in(shop.linh, "/tickets/1001")
    listens(linh)
    failed: list[int] = []

    def refuse_twice(route: Route) -> None:
        if len(failed) > 1:
            route.continue_()
        else:
            failed.append(1)
            route.abort()

    linh.route("**/inbox/changes*", refuse_twice)
    shop.says("Once is enough", "customer0")
    expect(linh.get_by_role("log").get_by_text("Once is enough")).to_be_visible()
    assert len(failed) == 2
    expect(linh.locator("#live-bar")).to_be_hidden()


def test_ten_tabs_of_one_agent_agree_and_count_once(shop: Any, sign_in: SignIn) -> None:
    shop.fill(2)
    first = sign_in(shop.linh, "/tickets/1001")
    tabs = [first] + [first.context.new_page() for _ in range(9)]
    for tab in tabs[1:]:
        tab.goto("/tickets/1001", wait_until="commit")
    for tab in tabs:
        listens(tab)
    minh = sign_in(shop.minh, "/tickets/1001")
    expect(minh.get_by_text(re.compile(r"^(Trần|Linh) viewing$"))).to_be_visible()  # one person, ten pages
    shop.says("Seen in all ten", "customer0")
    for tab in tabs:
        expect(tab.get_by_role("log").get_by_text("Seen in all ten")).to_be_visible()
    note(tabs[7], "From the eighth")
    for tab in (tabs[0], tabs[9], minh):
        expect(tab.get_by_role("log").get_by_text("From the eighth")).to_have_count(1)
    for tab in tabs[1:]:
        tab.close()
    first.get_by_role("textbox", name="Reply").press_sequentially("Still")
    expect(minh.get_by_text("Trần Linh is replying…")).to_be_visible()
