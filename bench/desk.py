"""A running desk on a prepared folder, and an HTTP client with an agent's session."""

from __future__ import annotations

import http.client
import json
import os
import secrets
import signal
import sqlite3
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from urllib.parse import urlsplit

from bench.data import NOW, text
from helpdesk.services.sessions import COOKIE
from helpdesk.signing import hash_token

COMMAND = [sys.executable, "-c", "from helpdesk.cli import main; main()"]


class Desk:
    """`helpdesk up` on DATA; `seconds` is the time from the start to the first answered page."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.ready = data.parent / "ready.json"

    def __enter__(self) -> Desk:
        config = self.data.parent / "config.toml"
        config.write_text('[network]\nallow_private = ["127.0.0.0/8"]\n[limits]\nwidget_messages_per_minute = 100000\n')
        environment = {k: v for k, v in os.environ.items() if not k.startswith("HELPDESK_")}
        environment |= {"HELPDESK_CONFIG": str(config), "HELPDESK_LOG": "json"}
        self.environment = environment
        began = time.monotonic()
        self.process = subprocess.Popen(
            [*COMMAND, "up", "--data", str(self.data), "--port", "0", "--ready-file", str(self.ready)],
            env=environment,
            stderr=(self.data.parent / "log.txt").open("wb"),
        )
        while not self.ready.exists():
            if self.process.poll() is not None or time.monotonic() - began > 60:
                raise RuntimeError((self.data.parent / "log.txt").read_text()[-2000:])
            time.sleep(0.02)
        facts = json.loads(self.ready.read_text())
        self.url, self.pids = facts["url"], facts["pids"]
        Client(self.url).get("/login")
        self.seconds = time.monotonic() - began
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)

    def database(self) -> sqlite3.Connection:
        return sqlite3.connect(self.data / "helpdesk.db", timeout=30)

    def agent(self, agent_id: int = 1) -> Client:
        """A client signed in as an agent."""
        token = secrets.token_urlsafe(32)
        with self.database() as database:
            database.execute(
                "insert into sessions (token_hash, agent_id, created_at, expires_at, address, user_agent, complete)"
                " values (?, ?, ?, ?, '', 'bench', 1)",
                (hash_token(token), agent_id, text(NOW), text(NOW + timedelta(days=1))),
            )
        return Client(self.url, {COOKIE: token})


class Client:
    """One keep-alive connection that keeps cookies."""

    def __init__(self, url: str, cookies: dict[str, str] | None = None) -> None:
        parts = urlsplit(url)
        self.connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
        self.cookies = cookies or {}

    def get(self, path: str, **headers: str) -> bytes:
        return self._send("GET", path, None, headers)

    def post(self, path: str, body: str, **headers: str) -> dict[str, object]:
        return dict(json.loads(self._send("POST", path, body, headers) or b"{}"))

    def _send(self, method: str, path: str, body: str | None, headers: dict[str, str]) -> bytes:
        sent = {k.replace("_", "-"): v for k, v in headers.items()}
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{k}={v}" for k, v in self.cookies.items())
        self.connection.request(method, path, body, sent)
        answer = self.connection.getresponse()
        got = answer.read()
        for cookie in answer.headers.get_all("Set-Cookie") or []:
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value
        if answer.status >= 400:
            raise RuntimeError(f"{path}: {answer.status} {got[:300]!r}")
        return got
