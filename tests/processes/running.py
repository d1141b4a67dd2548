"""A real `helpdesk up` on a folder of its own, for tests that kill parts of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import requests

from tests.servers.machine import PATIENCE_S

COMMAND = [sys.executable, "-c", "from helpdesk.cli import main; main()"]
PRIVATE = {"HELPDESK_CONFIG", "HELPDESK_DATA", "HELPDESK_DATABASE_URL", "HELPDESK_REDIS_URL", "HELPDESK_SECRET_KEY"}


def environment(**more: str) -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if k not in PRIVATE} | more


def helpdesk(*arguments: str, data: Path, stdin: str = "", **more: str) -> subprocess.CompletedProcess[str]:
    """One command, run to its end, in an empty working folder."""
    return subprocess.run(
        [*COMMAND, *arguments],
        env=environment(HELPDESK_DATA=str(data), **more),
        cwd=data.parent,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE_S,
        check=False,
    )


# Several commands in one process: a start costs more than most of them do.
SEVERAL = """
import io, json, sys
from helpdesk.cli import boundary, cli
for words, given in json.load(sys.stdin):
    sys.argv, sys.stdin = ["helpdesk", *words], io.StringIO(given)
    if code := boundary.run(cli):
        sys.exit(f"{words}: exit code {code}")
"""


def set_up(*commands: tuple[tuple[str, ...], str], data: Path, **more: str) -> str:
    """Run commands one after the other, each with what it is given to read; what they printed."""
    done = subprocess.run(
        [sys.executable, "-c", SEVERAL],
        env=environment(HELPDESK_DATA=str(data), **more),
        cwd=data.parent,
        input=json.dumps(commands),
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def until(found: Callable[[], Any], timeout_s: float = PATIENCE_S, what: str = "it") -> Any:
    """Poll until `found` gives something true."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        result = found()
        if result:
            return result
        time.sleep(0.1)
    raise AssertionError(f"{what} did not happen in {timeout_s} s")


class Running:
    """`with Running(tmp_path) as desk:` — `desk.url`, `desk.pids`; stopped at the end, its log kept in `desk.log`."""

    def __init__(self, place: Path, *arguments: str, command: str = "up", **more: str) -> None:
        self.data = place / "data"
        self.ready_file = place / "ready.json"
        self.log_file = place / "log.txt"
        self.arguments = [command, "--data", str(self.data), "--port", "0", "--ready-file", str(self.ready_file)]
        self.arguments += arguments
        self.environment = environment(HELPDESK_LOG="json", **more)

    def __enter__(self) -> Running:
        self.ready_file.unlink(missing_ok=True)
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                [*COMMAND, *self.arguments], env=self.environment, stdout=log, stderr=log, cwd=self.data.parent
            )
        until(lambda: self.ready_file.exists() or self.process.poll() is not None, what="readiness")
        assert self.process.poll() is None, self.log
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise
        if error is not None:
            print(self.log)

    @property
    def log(self) -> str:
        return self.log_file.read_text(errors="replace")

    @property
    def facts(self) -> dict[str, Any]:
        return dict(json.loads(self.ready_file.read_text()))

    @property
    def url(self) -> str:
        return str(self.facts["url"])

    @property
    def pids(self) -> dict[str, int]:
        return dict(self.facts["pids"])

    def get(self, path: str, **more: Any) -> requests.Response:
        return requests.get(self.url + path, timeout=15, allow_redirects=False, **more)

    def ready(self) -> bool:
        try:
            return self.get("/readyz").status_code == 200
        except requests.RequestException:
            return False


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
