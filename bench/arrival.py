"""A mail delivered into a mailbox to the agent's page hearing of it, against a bare IDLE client on the same mailbox."""

from __future__ import annotations

import imaplib
import random
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from bench import data
from bench.desk import COMMAND, Desk
from bench.doorbell import Bell
from bench.figures import percentile, summary
from bench.ingest import SHOP
from tests.servers.dovecot import Dovecot

MAILS = 30


def run() -> dict[str, object]:
    with tempfile.TemporaryDirectory() as folder, Dovecot() as dovecot:
        data.build(Path(folder) / "data", 1000)
        with Desk(Path(folder) / "data") as desk:
            _add(desk, dovecot)
            cookie = "; ".join(f"{k}={v}" for k, v in desk.agent().cookies.items())
            bell = Bell(desk.url, "event", namespace="/agents", headers={"Cookie": cookie})
            try:
                bare, ours = _series(dovecot, bell)
            finally:
                bell.client.disconnect()
    later = [o - b for b, o in zip(bare, ours, strict=True)]
    return {
        "bare_idle": summary(bare),
        "app": summary(ours),
        "later_than_idle_p50_ms": round(percentile(later, 0.5), 1),
        "later_than_idle_p95_ms": round(percentile(later, 0.95), 1),
        "goals": {"later_than_idle_p95_ms": 50},
    }


def _add(desk: Desk, dovecot: Dovecot) -> None:
    settings = {
        "address": SHOP,
        "imap_host": "127.0.0.1",
        "imap_port": dovecot.port,
        "imap_security": "none",
        "imap_user": SHOP,
    }
    words = [w for k, v in settings.items() for w in ("--set", f"{k}={v}")]
    command = [*COMMAND, "channel", "add", "email", "--name", "Mail", *words, "--secret-stdin", "imap_password"]
    environment = desk.environment | {"HELPDESK_DATA": str(desk.data)}
    subprocess.run(command, input="secret", text=True, env=environment, check=True, capture_output=True)


class _Idle:
    """A client that does nothing but IDLE; notes when EXISTS comes."""

    def __init__(self, port: int) -> None:
        self.client = imaplib.IMAP4("127.0.0.1", port)
        self.client.login(SHOP, "secret")
        self.client.select("INBOX", readonly=True)
        self.client.send(b"x1 IDLE\r\n")
        self.client.readline()
        self.at = 0.0
        self.came = threading.Event()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while line := self.client.readline():
            if b"EXISTS" in line:
                self.at = time.perf_counter()
                self.came.set()


def _series(dovecot: Dovecot, bell: Bell) -> tuple[list[float], list[float]]:
    """Milliseconds from the delivery to either."""
    idle, dice = _Idle(dovecot.port), random.Random(7)
    bare, ours = list[float](), list[float]()
    for n in range(MAILS + 3):
        time.sleep(dice.uniform(0.4, 1.2))
        idle.came.clear()
        bell.came.clear()
        raw = f"From: a{n}@b.example\r\nTo: {SHOP}\r\nMessage-ID: <l{n}@b>\r\nSubject: {n}\r\n\r\nWhere is {n}?\r\n"
        began = time.perf_counter()
        dovecot.deliver(raw.encode(), user=SHOP)
        if not (idle.came.wait(60) and bell.came.wait(60)):
            raise RuntimeError("a mail was not heard of in a minute")
        if n >= 3:  # the first ones warm up
            bare.append((idle.at - began) * 1000)
            ours.append((bell.at - began) * 1000)
    return bare, ours
