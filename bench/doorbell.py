"""A widget message to the doorbell at an agent, stored first, and to its words on the agent's screen (Chromium).

Against a bare Flask-SocketIO that stores and emits.
"""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import socketio

from bench import data
from bench.desk import Client, Desk
from bench.figures import percentile, summary

if TYPE_CHECKING:
    from playwright.sync_api import Page

MESSAGES, GAP_S = 150, 1 / 30
PAINTED, PAINT_GAP_S = 60, 1.0  # between two messages the page grows quiet again, as it does between people
CHROMIUM = tuple(
    f"/usr/bin/{name}" for name in ("chromium", "chromium-headless-shell", "chromium-browser", "google-chrome")
)

# Note when the words of message n stand in the conversation, after the frame that shows them.
WATCH = """() => {
  window.painted = {};
  new MutationObserver(() => {
    const text = document.querySelector('[role=log]')?.textContent ?? '';
    for (const [words] of text.matchAll(/message number \\d+\\./g)) {
      if (words in painted) continue;
      painted[words] = 0;
      requestAnimationFrame(() => setTimeout(() => { painted[words] = performance.timeOrigin + performance.now(); }));
    }
  }).observe(document.body, { subtree: true, childList: true, characterData: true });
}"""

SHOWN = """words => new Promise((shown, late) => {
  const look = () => (painted[words] ? shown(painted[words]) : setTimeout(look, 5));
  setTimeout(() => late(new Error(`${words} was not shown in ten seconds`)), 10_000);
  look();
})"""


def run() -> dict[str, object]:
    with tempfile.TemporaryDirectory() as folder:
        bare = _bare(Path(folder) / "bare.db")
        data.build(Path(folder) / "data", 10_000)
        with Desk(Path(folder) / "data") as desk:
            ours = _ours(desk)
            painted = _painted(desk)
    ratio = percentile(ours, 0.5) / percentile(bare, 0.5)
    return {
        "bare": summary(bare),
        "app": summary(ours),
        "ratio": round(ratio, 2),
        "painted": summary(painted) if painted else "no Chromium on this machine",
        "goals": {"ratio": 2, "p99_ms": 25, "painted_p50_ms": 25, "painted_p99_ms": 80},
    }


class Bell:
    """A Socket.IO client that notes when a wanted event came."""

    def __init__(self, url: str, event: str, *, namespace: str = "/", headers: dict[str, str] | None = None) -> None:
        self.came = threading.Event()
        self.at = 0.0
        self.client = socketio.Client()
        self.client.on(event, self._rang, namespace=namespace)
        self.client.connect(url, headers=headers or {}, transports=["websocket"], namespaces=[namespace])

    def _rang(self, payload: dict[str, object]) -> None:
        if payload.get("type", "message_received") == "message_received":
            self.at = time.perf_counter()
            self.came.set()

    def time(self, act: object) -> float:
        self.came.clear()
        began = time.perf_counter()
        act()  # type: ignore[operator]
        if not self.came.wait(10):
            raise RuntimeError("no doorbell in ten seconds")
        return (self.at - began) * 1000


def _bare(path: Path) -> list[float]:
    server = subprocess.Popen([sys.executable, "-m", "bench.bare_socket", str(path)], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    url = f"http://127.0.0.1:{server.stdout.readline().strip()}"
    try:
        bell, visitor = Bell(url, "message"), Client(url)
        return _series(
            bell, lambda n: visitor.post("/say", json.dumps({"text": f"message {n}"}), Content_Type="application/json")
        )
    finally:
        bell.client.disconnect()
        server.terminate()
        server.wait()


def _ours(desk: Desk) -> list[float]:
    agent = desk.agent()
    cookie = "; ".join(f"{k}={v}" for k, v in agent.cookies.items())
    bell = Bell(desk.url, "event", namespace="/agents", headers={"Cookie": cookie})
    say = _visitor(desk)
    try:
        return _series(bell, say)
    finally:
        bell.client.disconnect()


def _visitor(desk: Desk) -> Callable[[int], None]:
    """Somebody who chats; the call says message n."""
    visitor, mine = Client(desk.url), secrets.token_hex(4)
    plain = {"Content_Type": "application/json", "Origin": desk.url}
    session = visitor.post("/widget/channel1/session", "{}", **plain)
    token = str(session["token"])

    def say(n: int) -> None:
        body = json.dumps({"text": f"message number {n}.", "client_msg_id": f"bench-{mine}-{n:08d}"})
        visitor.post("/widget/channel1/messages", body, Authorization=f"Bearer {token}", **plain)

    return say


def _painted(desk: Desk) -> list[float]:
    """Milliseconds from sending to the words on the screen of an agent who has the ticket open; none without Chromium."""
    chromium = next((c for c in CHROMIUM if Path(c).exists()), None)
    if chromium is None:
        return []
    from playwright.sync_api import sync_playwright

    say, cookies = _visitor(desk), desk.agent().cookies
    say(0)
    with desk.database() as database:
        number = database.execute("select number from tickets order by id desc limit 1").fetchone()[0]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        page.context.add_cookies([{"name": k, "value": v, "url": desk.url} for k, v in cookies.items()])
        page.goto(f"{desk.url}/tickets/{number}")
        page.get_by_role("log").get_by_text("message number 0.").wait_for()
        page.evaluate(WATCH)
        found = [_one(page, say, n) for n in range(1, PAINTED + 6)][5:]
        browser.close()
    return found


def _one(page: Page, say: Callable[[int], None], n: int) -> float:
    time.sleep(PAINT_GAP_S)
    began = time.time() * 1000
    say(n)
    return float(page.evaluate(SHOWN, f"message number {n}.")) - began


def _series(bell: Bell, say: object) -> list[float]:
    for n in range(5):
        bell.time(lambda n=n: say(-n))  # type: ignore[operator]
    found = []
    for n in range(1, MESSAGES + 1):
        found.append(bell.time(lambda n=n: say(n)))  # type: ignore[operator]
        time.sleep(GAP_S)
    return found
