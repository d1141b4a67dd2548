"""CPU time and SQL statements of the inbox's requests, in this process and without a server.

CPU time of one thread says what a request costs also on a machine that does other work; `pages` and `doorbell` say what
a person waits.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, event

from bench import bare, data
from helpdesk.app import create_app
from helpdesk.config import Limits, Network, Settings
from helpdesk.services.sessions import COOKIE
from helpdesk.signing import hash_token

TICKETS = int(os.environ.get("BENCH_TICKETS", "10000").split(",")[0])
COUNT = int(os.environ.get("BENCH_COUNT", "40"))

Ask = Callable[[int], tuple[str, str, dict[str, Any]]]  # number of the request -> method, path, arguments


def run() -> dict[str, object]:
    with tempfile.TemporaryDirectory() as folder:
        data.build(Path(folder) / "data", TICKETS)
        return measure(make(Path(folder) / "data"), TICKETS)


def make(folder: Path) -> Flask:
    limits = Limits(api_per_minute=10**6, widget_messages_per_minute=10**6)
    return create_app(Settings(data=folder, limits=limits, network=Network(("127.0.0.0/8",))))


def measure(app: Flask, tickets: int) -> dict[str, object]:
    """CPU milliseconds of each request, its SQL statements and the size of its answer.

    The least of all times is what it costs when nothing else disturbs the caches; compare that on a busy machine.."""
    agent, headers = signed_in(app)
    settings: Settings = app.extensions["settings"]
    plain = bare.make(str(settings.data / "helpdesk.db"))
    return {
        f"bare {path}": _one(plain, plain.test_client(), lambda _, p=path: ("GET", p, {}), COUNT)  # type: ignore[misc]
        for path in ("/", f"/ticket/{1000 + tickets}")
    } | {
        name: _one(app, agent if name not in VISITORS else app.test_client(), ask, COUNT)
        for name, ask in requests(app, tickets, headers).items()
    }


VISITORS = ("POST widget message",)


def requests(app: Flask, tickets: int, csrf: dict[str, str]) -> dict[str, Ask]:
    """What is measured, by name. They run in this order."""
    newest, mine = 1000 + tickets, secrets.token_hex(4)
    visitor = _visitor(app)
    rows = ",".join(
        str(i)
        for i in _column(app, "select id from tickets where shelf = 'open' order by last_activity_at desc limit 30")
    )
    partly = {"HX-Request": "true"}

    def say(n: int) -> tuple[str, str, dict[str, Any]]:
        body = {"text": f"message number {n}.", "client_msg_id": f"bench-{mine}-{n:08d}"}
        return "POST", "/widget/channel1/messages", {"json": body, "headers": visitor}

    def reply(n: int) -> tuple[str, str, dict[str, Any]]:
        form = {"text": f"Answer {n}.", "client_msg_id": f"reply-{mine}-{n:08d}", "seen_seq": "999999999"}
        return "POST", f"/tickets/{chat}/reply", {"data": form, "headers": {**csrf, "Accept": "application/json"}}

    def get(path: str, **headers: str) -> Ask:
        return lambda n: ("GET", path, {"headers": headers})

    chat = _scalar(app, "select max(number) from tickets")

    def changes(open_ticket: int) -> Ask:
        """What a page asks for after the newest message's doorbell."""

        def ask(n: int) -> tuple[str, str, dict[str, Any]]:
            after = _scalar(app, "select max(seq) - 1 from events where type = 'message_received'")
            return "GET", f"/inbox/changes?after={after}&view=open&rows={rows}&ticket={open_ticket}", {}

        return ask

    return {
        "GET / (inbox)": get("/?view=open"),
        "GET /tickets/N fragment": lambda n: ("GET", f"/tickets/{newest}?view=open", {"headers": partly}),
        "GET /tickets/N page": get(f"/tickets/{newest}?view=open"),
        "GET /tickets/N/side": lambda n: ("GET", f"/tickets/{newest}/side", {"headers": partly}),
        "GET /inbox/list (next page)": get("/inbox/list?view=closed"),
        "GET /search": get("/search?q=teapot+glaze"),
        "POST widget message": say,
        "GET /inbox/changes, a message in another ticket": changes(newest),
        "GET /inbox/changes, a message in the open ticket": changes(chat),
        "GET /inbox/changes, nothing new": get("/inbox/changes?after=999999999999&view=open"),
        "POST reply": reply,
    }


def _one(app: Flask, client: FlaskClient, ask: Ask, count: int) -> dict[str, object]:
    counted = Statements()
    size = 0
    spent = []
    for n in range(count + 3):
        method, path, values = ask(n)
        with counted:
            began = time.thread_time()
            answer = client.open(path, method=method, **values)
            spent.append((time.thread_time() - began) * 1000)
        if answer.status_code >= 400:
            raise RuntimeError(f"{path}: {answer.status_code} {answer.data[:300]!r}")
        size = len(answer.data)
        answer.close()
    spent = spent[3:]
    return {
        "least_ms": round(min(spent), 1),
        "median_ms": round(statistics.median(spent), 1),
        "statements": counted.last,
        "bytes": size,
    }


class Statements:
    """How many SQL statements ran inside the last `with`."""

    last = 0

    def _seen(self, *_: Any) -> None:
        self.last += 1

    def __enter__(self) -> None:
        self.last = 0
        event.listen(Engine, "before_cursor_execute", self._seen)

    def __exit__(self, *_: Any) -> None:
        event.remove(Engine, "before_cursor_execute", self._seen)


def signed_in(app: Flask, agent_id: int = 1) -> tuple[FlaskClient, dict[str, str]]:
    """A client with an agent's session, and the headers of its forms."""
    token = secrets.token_urlsafe(32)
    with _database(app) as database:
        database.execute(
            "insert into sessions (token_hash, agent_id, created_at, expires_at, address, user_agent, complete)"
            " values (?, ?, ?, ?, '', 'bench', 1)",
            (hash_token(token), agent_id, data.text(data.NOW), data.text(data.NOW + timedelta(days=1))),
        )
    client = app.test_client()
    client.set_cookie(COOKIE, token)
    page = client.get("/?view=open").text
    found = re.search(r'name="csrf-token" content="([^"]+)"', page)
    return client, {"X-CSRFToken": found[1] if found else ""}


def _visitor(app: Flask) -> dict[str, str]:
    """Somebody who has begun a chat."""
    client = app.test_client()
    token = client.post("/widget/channel1/session", json={}).get_json()["token"]
    headers = {"Authorization": f"Bearer {token}"}
    body = {"text": "Hello.", "client_msg_id": f"bench-{secrets.token_hex(8)}"}
    answer = client.post("/widget/channel1/messages", json=body, headers=headers)
    if answer.status_code != 201:
        raise RuntimeError(json.dumps(answer.get_json()))
    return headers


def _database(app: Flask) -> sqlite3.Connection:
    settings: Settings = app.extensions["settings"]
    return sqlite3.connect(settings.data / "helpdesk.db", timeout=30)


def _column(app: Flask, query: str) -> list[int]:
    with _database(app) as database:
        return [row[0] for row in database.execute(query)]


def _scalar(app: Flask, query: str) -> int:
    return _column(app, query)[0]
