"""Many open pages on gevent, PostgreSQL and Valkey: doorbells both ways, memory a socket, and coming back after a restart.

`BENCH_SOCKETS` (2000), `BENCH_A_SECOND` (20), `BENCH_SECONDS` (30). One socket in twenty is an agent's page (all of one
administrator), the others are chats. The clients are one light process, this one.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlencode

from bench.desk import COMMAND, Client
from bench.figures import percentile, summary
from bench.light_socket import LightSocket
from tests.servers.postgres import Postgres
from tests.servers.valkey import Valkey

SOCKETS = int(os.environ.get("BENCH_SOCKETS", "2000"))
TALKING = 40  # chats that say something, and are answered
A_SECOND, SECONDS = int(os.environ.get("BENCH_A_SECOND", "20")), int(os.environ.get("BENCH_SECONDS", "30"))
FIRST = 1001  # the number of the first ticket
JSON = "application/json"
EMAIL, PASSWORD = "an@desk.example", "a good long password"  # noqa: S105 - of a desk that lives for a minute


def run() -> dict[str, object]:
    with Postgres() as postgres, Valkey() as valkey, tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        config = place / "config.toml"
        config.write_text(
            f'[server]\nmode = "gevent"\n[database]\nurl = "{postgres.create_database()}"\n'
            f'[redis]\nurl = "{valkey.url}"\n[limits]\nwidget_messages_per_minute = 100000\napi_per_minute = 100000\n'
        )
        environment = {k: v for k, v in os.environ.items() if not k.startswith("HELPDESK_")}
        environment |= {"HELPDESK_CONFIG": str(config), "HELPDESK_DATA": str(place / "data"), "HELPDESK_LOG": "json"}
        key, token = _set_up(environment)
        with Up(place, environment) as desk:
            return asyncio.run(_measure(desk, key, token))


def _set_up(environment: dict[str, str]) -> tuple[str, str]:
    """The widget's key and an API token."""

    def helpdesk(*words: str, given: str = "") -> str:
        done = subprocess.run(
            [*COMMAND, *words], env=environment, input=given, capture_output=True, text=True, check=True
        )
        return done.stdout

    helpdesk("db", "upgrade")
    helpdesk("init", "--admin-email", EMAIL, "--admin-password-stdin", given=PASSWORD)
    helpdesk("channel", "add", "widget", "--name", "Shop chat")
    key = json.loads(helpdesk("channel", "list", "--json"))[0]["key"]
    token = re.search(
        r"hd_\S+", helpdesk("token", "create", "--agent", EMAIL, "--name", "bench", "--scopes", "read,write")
    )
    return str(key), token[0] if token else ""


class Up:
    """`helpdesk up`; `pid` is the web process of now."""

    def __init__(self, place: Path, environment: dict[str, str]) -> None:
        self.place, self.environment, self.ready = place, environment, place / "ready.json"

    def __enter__(self) -> Up:
        command = [*COMMAND, "up", "--port", "0", "--ready-file", str(self.ready)]
        self.process = subprocess.Popen(command, env=self.environment, stderr=(self.place / "log.txt").open("wb"))
        until = time.monotonic() + 90
        while not self.ready.exists():
            if self.process.poll() is not None or time.monotonic() > until:
                raise RuntimeError((self.place / "log.txt").read_text()[-2000:])
            time.sleep(0.05)
        self.url = json.loads(self.ready.read_text())["url"]
        return self

    def __exit__(self, *_: object) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)

    @property
    def pid(self) -> int:
        return int(json.loads(self.ready.read_text())["pids"]["web"])

    @property
    def web(self) -> list[int]:
        """gunicorn and its worker."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return [self.pid, *map(int, children)]

    @property
    def kilobytes(self) -> int:
        """What the web processes hold."""
        found = 0
        for pid in self.web:
            lines = Path(f"/proc/{pid}/status").read_text().splitlines()
            found += next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))
        return found


class Bells:
    """When which message was heard of, by everybody who heard."""

    def __init__(self) -> None:
        self.moments: dict[str, list[float]] = {}

    def heard(self, event: str, payload: dict[str, object], at: float) -> None:
        if event == "message":
            self.moments.setdefault(str(payload.get("id")), []).append(at)
        elif event == "event" and payload.get("type") == "message_received":
            self.moments.setdefault(str(payload.get("message")), []).append(at)


async def _measure(desk: Up, key: str, token: str) -> dict[str, object]:
    agents = max(SOCKETS // 20, 1)
    tell("visitors come")
    chats = [await asyncio.to_thread(_visitor, desk.url, key, n < TALKING) for n in range(SOCKETS - agents)]
    cookie = await asyncio.to_thread(_signed_in, desk.url)
    before, bells_in, bells_out = desk.kilobytes, Bells(), Bells()
    pages = [LightSocket(desk.url, "/agents", bells_in.heard, auth={}, cookie=cookie) for _ in range(agents)]
    pages += [
        LightSocket(desk.url, "/widget", bells_out.heard, auth={"key": key, "token": chat["token"]}) for chat in chats
    ]
    tell("pages open")
    lives = [asyncio.create_task(page.live()) for page in pages]
    try:
        connected_s = await _all_in(pages, 1)
        tell(f"all are in after {connected_s:.1f} s; messages")
        each_kb = (desk.kilobytes - before) / len(pages)
        inward = await _series(bells_in, agents, lambda n: asyncio.to_thread(_said, desk.url, chats[n % TALKING], n))
        outward = await _series(
            bells_out, 1, lambda n: asyncio.to_thread(_answered, desk.url, token, FIRST + n % TALKING)
        )
        tell("the web process is killed")
        back_s = await _restart(desk, pages)
        lost = await _series(
            bells_in, agents, lambda n: asyncio.to_thread(_said, desk.url, chats[n % TALKING], n), times=20
        )
    finally:
        for life in lives:
            life.cancel()
        await asyncio.gather(*lives, return_exceptions=True)
    return {
        "sockets": len(pages), "agents": agents, "a_second": A_SECOND, "connected_s": round(connected_s, 1),
        "widget_to_agent": summary(inward), "agent_to_widget": summary(outward), "kb_a_socket": round(each_kb),
        "all_back_s": round(back_s, 1), "after_the_restart_p50_ms": round(percentile(lost, 0.5), 1),
        "load": os.getloadavg()[0],
        "goals": {"p99_ms": 25, "kb_a_socket": 110, "all_back_s": 10},
    }  # fmt: skip


def tell(what: str) -> None:
    print(f"sockets: {what}", file=sys.stderr, flush=True)


async def _all_in(pages: list[LightSocket], times: int) -> float:
    began = time.perf_counter()
    while not all(page.opened >= times and page.inside for page in pages):
        if time.perf_counter() - began > 180:
            raise RuntimeError(f"only {sum(p.inside for p in pages)} of {len(pages)} sockets are open")
        await asyncio.sleep(0.05)
    return time.perf_counter() - began


async def _restart(desk: Up, pages: list[LightSocket]) -> float:
    """The web process is killed; the seconds until every page is back."""
    killed_at = time.perf_counter()
    for pid in desk.web:
        os.kill(pid, signal.SIGKILL)
    await _all_in(pages, 2)
    return max(page.opened_at for page in pages) - killed_at


async def _series(
    bells: Bells, hearers: int, act: Callable[[int], Awaitable[tuple[str, float]]], times: int = A_SECOND * SECONDS
) -> list[float]:
    """Milliseconds from asking to each doorbell, so many a second; every one must be heard by everybody meant."""
    sent: list[tuple[str, float]] = []
    tasks = []
    for n in range(times):
        tasks.append(asyncio.create_task(_note(act(n), sent)))
        await asyncio.sleep(1 / A_SECOND)
    await asyncio.gather(*tasks)
    until = time.perf_counter() + 20
    while any(len(bells.moments.get(i, ())) < hearers for i, _ in sent) and time.perf_counter() < until:
        await asyncio.sleep(0.05)
    short = [i for i, _ in sent if len(bells.moments.get(i, ())) < hearers]
    if short:
        raise RuntimeError(f"{len(short)} of {len(sent)} messages were not heard of by everybody")
    return [(at - began) * 1000 for i, began in sent for at in bells.moments[i]]


async def _note(act: Awaitable[tuple[str, float]], sent: list[tuple[str, float]]) -> None:
    sent.append(await act)


# --- what people do ------------------------------------------------------------------------------------------


def _visitor(url: str, key: str, talks: bool) -> dict[str, str]:
    client = Client(url)
    token = str(client.post(f"/widget/{key}/session", "{}", Content_Type=JSON, Origin=url)["token"])
    chat = {"key": key, "token": token}
    if talks:
        _said(url, chat, 0)
    client.connection.close()
    return chat


def _said(url: str, chat: dict[str, str], n: int) -> tuple[str, float]:
    """The id of the message, and when it was begun to be sent."""
    client, body = Client(url), json.dumps({"text": f"message {n}", "client_msg_id": f"bench-{secrets.token_hex(8)}"})
    given = {"Content_Type": JSON, "Origin": url, "Authorization": f"Bearer {chat['token']}"}
    client.connection.connect()
    began = time.perf_counter()
    try:
        return str(client.post(f"/widget/{chat['key']}/messages", body, **given)["id"]), began
    finally:
        client.connection.close()


def _answered(url: str, token: str, number: int) -> tuple[str, float]:
    client, body = Client(url), json.dumps({"kind": "reply", "text": "An answer."})
    client.connection.connect()
    began = time.perf_counter()
    try:
        path = f"/api/v1/tickets/{number}/messages"
        return str(client.post(path, body, Content_Type=JSON, Authorization=f"Bearer {token}")["id"]), began
    finally:
        client.connection.close()


def _signed_in(url: str) -> str:
    """The cookies of the administrator's browser."""
    browser = Client(url)
    found = re.search(r'name="csrf_token" value="([^"]+)"', browser.get("/login").decode())
    form = urlencode({"email": EMAIL, "password": PASSWORD, "csrf_token": found[1] if found else ""})
    with suppress(ValueError):  # what it answers is a page, not JSON
        browser.post("/login", form, Content_Type="application/x-www-form-urlencoded", Origin=url)
    return "; ".join(f"{k}={v}" for k, v in browser.cookies.items())
