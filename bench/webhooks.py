"""Webhooks of a channel: from the call to the answer, which says that it is stored, while the workers take them in."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

from bench import data
from bench.desk import COMMAND, Client, Desk
from bench.figures import summary

CALLS = int(os.environ.get("BENCH_COUNT", "300"))
A_SECOND = float(os.environ.get("BENCH_A_SECOND", "20"))
SECRET = "a secret of the bench"  # noqa: S105


def run() -> dict[str, object]:
    with tempfile.TemporaryDirectory() as folder:
        data.build(Path(folder) / "data", 1000)
        with Desk(Path(folder) / "data") as desk:
            path = f"/hooks/{_channel(desk)}"
            caller = Client(desk.url)
            for number in range(10):
                _call(caller, path, f"warm{number}")
            taken = []
            for number in range(CALLS):
                began = time.perf_counter()
                _call(caller, path, f"call{number}")
                taken.append((time.perf_counter() - began) * 1000)
                time.sleep(max(0.0, 1 / A_SECOND - (time.perf_counter() - began)))
            stored = desk.database().execute("select count(*) from inbound").fetchone()[0]
    if stored < CALLS:
        raise RuntimeError(f"{CALLS} calls were answered, {stored} are stored")
    return {"calls": CALLS, "a_second": A_SECOND, "app": summary(taken), "goals": {"p95_ms": 50}}


def _channel(desk: Desk) -> str:
    """A phone channel; its key."""
    words = ["channel", "add", "phone", "--name", "Hotline", "--set", "number=+842439260158", "--set"]
    words += ["provider=generic", "--secret-stdin", "webhook_secret", "--json"]
    environment = desk.environment | {"HELPDESK_DATA": str(desk.data)}
    made = subprocess.run([*COMMAND, *words], input=SECRET, text=True, env=environment, check=True, capture_output=True)
    return str(json.loads(made.stdout)["key"])


def _call(caller: Client, path: str, call: str) -> None:
    """The end of a missed call: it becomes a ticket."""
    told = {"event": "hangup", "from": "+84912345678", "to": "+842439260158", "direction": "in", "callId": call}
    headers = {"Content_Type": "application/json", "X_Webhook_Secret": SECRET}
    caller._send("POST", path, json.dumps(told | {"cause": "no-answer"}), headers)
