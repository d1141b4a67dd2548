"""500 generated mails from a real Dovecot to tickets with everything done: alone, then while an agent saves notes.

The reference reads the same mails over IMAP, parses them and commits one row each: the bare pipeline.
"""

from __future__ import annotations

import email
import imaplib
import os
import random
import sqlite3
import subprocess
import tempfile
import threading
import time
from contextlib import nullcontext
from email.message import EmailMessage
from pathlib import Path
from typing import ClassVar

from bench import data
from bench.desk import COMMAND, Desk
from bench.figures import percentile
from tests.servers.dovecot import Dovecot

MAILS, REPLIES, WITH_FILE = 500, 0.35, 0.25
SHOP, BUSY = "shop@desk.example", "busy@desk.example"
TICKETS = max(1000, int(os.environ.get("BENCH_TICKETS", "1000").split(",")[-1]))


def run() -> dict[str, object]:
    raws = mails()
    with tempfile.TemporaryDirectory() as folder, Dovecot() as dovecot:
        for user in (SHOP, BUSY):
            for raw in raws:
                dovecot.deliver(raw, user=user)
        data.build(Path(folder) / "data", TICKETS)
        with Desk(Path(folder) / "data") as desk:
            first = _bare(dovecot, Path(folder) / "bare1.db")
            quiet = _ours(desk, dovecot, SHOP)
            second = _bare(dovecot, Path(folder) / "bare2.db")
            busy = _ours(desk, dovecot, BUSY, _Agent(desk))
        bare = (first + second) / 2
        return {
            "mails": MAILS,
            "tickets": TICKETS,
            "bare_per_s": round(bare),
            "app_per_s": round(quiet),
            "ratio": round(quiet / bare, 2),
            "app_per_s_while_an_agent_writes": round(busy),
            "ratio_while_an_agent_writes": round(busy / bare, 2),
            **_Agent.told,
            "goals": {"ratio": 0.3, "ratio_while_an_agent_writes": 0.25, "reply_p99_ms": 50},
        }


def mails(seed: int = 7) -> list[bytes]:
    """About 10 kB each: text and HTML, a quarter with a file, a third answering an earlier one."""
    dice = random.Random(seed)
    found: list[bytes] = []
    words = [w * 3 for w in data.WORDS]
    for n in range(MAILS):
        mail = EmailMessage()
        mail["From"], mail["To"] = f"Customer {n} <c{n % 300}@elsewhere.example>", SHOP
        mail["Message-ID"] = f"<mail-{n}@elsewhere.example>"
        mail["Subject"] = f"{dice.choice(data.WORDS)} number {n}"
        if n and dice.random() < REPLIES:
            earlier = dice.randrange(n)
            mail["In-Reply-To"] = f"<mail-{earlier}@elsewhere.example>"
            mail.replace_header("From", f"Customer <c{earlier % 300}@elsewhere.example>")
        text = " ".join(dice.choice(words) for _ in range(250))
        mail.set_content(text)
        mail.add_alternative(f"<p>{text}</p>" * 2, subtype="html")
        if dice.random() < WITH_FILE:
            blob = dice.randbytes(dice.randint(4000, 24000))
            mail.add_attachment(blob, maintype="application", subtype="pdf", filename=f"file{n}.pdf")
        found.append(mail.as_bytes())
    return found


def _bare(dovecot: Dovecot, path: Path) -> float:
    database = sqlite3.connect(path)
    database.execute("pragma journal_mode=wal")
    database.execute("create table m (id integer primary key, message_id text, subject text, body text)")
    client = imaplib.IMAP4("127.0.0.1", dovecot.port)
    client.login(SHOP, "secret")
    client.select("INBOX", readonly=True)
    began = time.monotonic()
    for start in range(1, MAILS + 1, 50):
        _, rows = client.fetch(f"{start}:{start + 49}", "(BODY.PEEK[])")
        for row in rows:
            if isinstance(row, tuple):
                mail = email.message_from_bytes(row[1])
                bodies = [p.get_payload(decode=True) for p in mail.walk() if not p.is_multipart()]
                with database:
                    database.execute(
                        "insert into m (message_id, subject, body) values (?, ?, ?)",
                        (mail["message-id"], mail["subject"], bodies[0]),
                    )
    seconds = time.monotonic() - began
    client.logout()
    return MAILS / seconds


def _ours(desk: Desk, dovecot: Dovecot, user: str, agent: _Agent | None = None) -> float:
    """Mails per second from the first one that is done to the last, the mailbox being added meanwhile."""
    settings = {
        "address": user,
        "imap_host": "127.0.0.1",
        "imap_port": dovecot.port,
        "imap_security": "none",
        "imap_user": user,
        "import_from": "all",
    }
    words = [w for k, v in settings.items() for w in ("--set", f"{k}={v}")]
    adding = subprocess.Popen(  # mail comes in before the command has ended
        [*COMMAND, "channel", "add", "email", "--name", user, *words, "--secret-stdin", "imap_password"],
        stdin=subprocess.PIPE,
        text=True,
        env=desk.environment | {"HELPDESK_DATA": str(desk.data)},
        stdout=subprocess.DEVNULL,
    )
    if adding.stdin is not None:
        adding.stdin.write("secret")
        adding.stdin.close()
    with agent or nullcontext():
        rate = _watch(desk)
    if adding.wait():
        raise RuntimeError("the mailbox could not be added")
    return rate


def _watch(desk: Desk) -> float:
    database = desk.database()
    query = "select count(*) from inbound where state = 'done'"
    done = before = int(database.execute(query).fetchone()[0])
    end, began = before + MAILS, time.monotonic()
    first, seen = 0.0, 0
    while done < end:
        done = database.execute(query).fetchone()[0]
        if done > before and not first:
            first, seen = time.monotonic(), done
        if time.monotonic() - began > 240:
            raise RuntimeError(f"only {done - before} of {MAILS} mails after four minutes")
        time.sleep(0.02)
    if seen >= end:
        raise RuntimeError("the mail came in before anybody looked")
    return (end - seen) / (time.monotonic() - first)


class _Agent:
    """Somebody who saves a note each 20 ms: the write an agent waits for."""

    told: ClassVar[dict[str, object]] = {}

    def __init__(self, desk: Desk) -> None:
        self.client = desk.agent()
        page = self.client.get("/tickets/2000").decode()
        self.csrf = page.split('name="csrf-token" content="')[-1].split('"')[0] if "csrf-token" in page else ""
        self.stop, self.waits = threading.Event(), list[float]()
        self.thread = threading.Thread(target=self._write)

    def __enter__(self) -> None:
        self.thread.start()

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self.thread.join()
        figures = {f"reply_p{p}_ms": round(percentile(self.waits, p / 100), 1) for p in (50, 99)}
        _Agent.told = {**figures, "replies": len(self.waits)}

    def _write(self) -> None:
        headers = {"X_CSRFToken": self.csrf, "Accept": "application/json"}
        while not self.stop.wait(0.02):
            began = time.perf_counter()
            self.client.post(
                "/tickets/2000/note",
                "text=Checking+this+now.",
                Content_Type="application/x-www-form-urlencoded",
                **headers,
            )
            self.waits.append((time.perf_counter() - began) * 1000)
