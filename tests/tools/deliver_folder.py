"""Deliver every mail of given folders through the real door of a running instance, and check the sums.

    python -m tests.tools.deliver_folder FOLDER…

Starts `helpdesk up` on a fresh folder, opens an SMTP port on a mailbox channel, sends each file as one mail, waits until
the arrivals are drained, then prints how each ended. Exits 1 when a mail is missing, ended twice or raised. Meanwhile
the inbox page is asked for every half second; its slowest answer is printed.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import smtplib
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any

MAIL = {".eml", ".raw", ".txt", ".msg", ""}
ADDRESS = "support@desk.example"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    files = mails(parser.parse_args().folders)
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        return run(data, files)


def mails(folders: list[Path]) -> list[Path]:
    found = [p for f in folders for p in sorted(f.rglob("*")) if p.is_file() and p.suffix.lower() in MAIL]
    return [p for p in found if not re.search(r"licen[cs]e|\.commit|readme|\.git", p.name, re.I)]


def run(data: Path, files: list[Path]) -> int:
    port, smtp_port = free_port(), free_port()
    environment = {**os.environ, "HELPDESK_DATA": str(data)}
    command(
        "init",
        "--admin-email",
        "admin@desk.example",
        "--admin-password-stdin",
        env=environment,
        text="a long password 1",
    )
    command(
        *("channel", "add", "email", "--name", "Support", "--set", f"address={ADDRESS}"),
        *("--set", f"listen_port={smtp_port}"),
        env=environment,
    )
    ready = data.parent / "ready.json"
    tree = subprocess.Popen(
        [helpdesk(), "up", "--data", str(data), "--port", str(port), "--ready-file", str(ready)], env=environment
    )
    try:
        wait_for(lambda: ready.exists() and listening(smtp_port), 60, "the instance to be ready")
        stop, slowest = threading.Event(), [0.0]
        watcher = threading.Thread(target=watch, args=(f"http://127.0.0.1:{port}/login", stop, slowest))
        watcher.start()
        refused = send(files, smtp_port)
        rows = settled(data, len(files) - len(refused))
        stop.set()
        watcher.join()
        return tell(files, refused, rows, slowest[0])
    finally:
        tree.terminate()
        tree.wait(20)


def send(files: list[Path], port: int) -> dict[str, str]:
    """Each file as one mail; what the door refuses is told with its words."""
    refused = {}
    for path in files:
        with smtplib.SMTP("127.0.0.1", port, timeout=60) as client:
            try:
                client.sendmail("somebody@elsewhere.example", [ADDRESS], path.read_bytes())
            except smtplib.SMTPException as error:
                refused[str(path)] = str(error)[:200]
    return refused


def settled(data: Path, wanted: int) -> list[dict[str, Any]]:
    """Rows of the inbound store once none is pending."""
    database = sqlite3.connect(f"file:{data / 'helpdesk.db'}?mode=ro", uri=True)
    database.row_factory = sqlite3.Row

    def done() -> bool:
        stored, pending, again = database.execute(
            "select count(*), coalesce(sum(state = 'pending'), 0), coalesce(sum(duplicates), 0) from inbound"
        ).fetchone()
        return bool(stored + again >= wanted and pending == 0)

    wait_for(done, 300, "the arrivals to be drained")
    rows = database.execute(
        "select i.*, m.id as found, m.ticket_id as its_ticket from inbound i left join messages m on m.id = i.message_id"
    ).fetchall()
    return [dict(row) for row in rows]


def tell(files: list[Path], refused: dict[str, str], rows: list[dict[str, Any]], slowest: float) -> int:
    outcomes = Counter(row["outcome"] if row["state"] == "done" else row["state"] for row in rows)
    again = sum(row["duplicates"] for row in rows)
    nowhere = [
        r["id"] for r in rows if r["state"] == "done" and not r["found"] and r["outcome"] not in ("bounce", "ignored")
    ]
    total = sum(outcomes.values()) + again + len(refused)
    figures = {
        "mails": len(files),
        "outcomes": dict(outcomes),
        "same mail again": again,
        "refused at the door": refused,
        "sum": total,
        "without a message": nowhere,
        "failed": [(r["id"], r["reason"]) for r in rows if r["state"] != "done"],
        "slowest page while mails came (s)": round(slowest, 3),
    }
    print(json.dumps(figures, indent=2, ensure_ascii=False))
    return 0 if total == len(files) and not nowhere and not figures["failed"] and not refused else 1


# --- small helpers -------------------------------------------------------------------------------------------


def watch(url: str, stop: threading.Event, slowest: list[float]) -> None:
    while not stop.wait(0.5):
        began = time.monotonic()
        with urllib.request.urlopen(url, timeout=30) as answer:
            answer.read()
        slowest[0] = max(slowest[0], time.monotonic() - began)


def helpdesk() -> str:
    return str(Path(sys.executable).parent / "helpdesk")


def command(*words: str, env: dict[str, str], text: str = "") -> None:
    subprocess.run([helpdesk(), *words], env=env, input=text, text=True, check=True, stdout=subprocess.DEVNULL)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_for(true: Any, seconds: float, what: str) -> None:
    until = time.monotonic() + seconds
    while not true():
        if time.monotonic() > until:
            raise SystemExit(f"waited {seconds} s for {what}")
        time.sleep(0.2)


if __name__ == "__main__":
    sys.exit(main())
