"""SIGKILL at random while mails come in: as many messages as mails, no more, no less.

    python -m tests.tools.kill_mail --cycles 60 --mails 500

A real Dovecot, a real `helpdesk up` on a folder of its own. In each cycle some mails arrive and after a random moment the
listener, the worker that takes mails in, or both are killed; the supervisor starts them again. At the end every mail has
to be there once, whole, and nothing may wait or have failed.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from unittest import mock

from flask import Flask
from sqlalchemy import func, select

from helpdesk.app import create_app
from helpdesk.config import Network, Settings
from helpdesk.extensions import db
from helpdesk.models import Inbound, Message, OutboxRow, Ticket
from helpdesk.unit_of_work import unit_of_work
from tests.processes import running
from tests.processes.running import Running, alive, set_up
from tests.servers.dovecot import Dovecot

ADDRESS = "support@example.com"
VICTIMS = (("listen",), ("worker-arrivals",), ("listen", "worker-arrivals"))
PATIENCE_S = 240.0
# The real tree, which starts again at once what was killed, instead of more and more slowly.
IMPATIENT = [sys.executable, "-c", "from helpdesk.processes import supervisor as s; s.LONGEST_WAIT_S = 0.2; "
             "from helpdesk.cli import main; main()"]  # fmt: skip


@dataclass
class Outcome:
    """What happened. `lost` and `doubled` have to be empty."""

    mails: int
    messages: int
    tickets: int
    raws: int
    lost: list[str]
    doubled: list[str]
    cut: int  # stored shorter than they were
    failed: int
    kills: dict[str, int]
    repeats: int  # raws that came more than once and were recognised
    seconds: float
    seed: int

    @property
    def good(self) -> bool:
        return not (self.lost or self.doubled or self.cut or self.failed) and self.messages == self.mails


def run(cycles: int, mails: int, seed: int, folder: Path, *, hurry: bool = False) -> Outcome:
    """Needs Dovecot; raises `tests.servers.Missing` without it. `hurry`: the work of killed workers is taken from them
    at the end instead of waiting until it is free (45 s)."""
    dice = random.Random(seed)
    began = time.monotonic()
    kills: Counter[str] = Counter()
    (folder / "config.toml").write_text("[network]\nallow_private = ['127.0.0.0/8']\n")
    config = {"HELPDESK_CONFIG": str(folder / "config.toml")}
    with Dovecot() as dovecot:
        _prepare(folder, dovecot, config)
        bodies = [_mail(number, dice) for number in range(mails)]
        shares = _shares(mails, cycles)
        with mock.patch.object(running, "COMMAND", IMPATIENT), Running(folder, **config) as desk:
            waiting = iter(bodies)
            for share in shares:
                for _ in range(share):
                    dovecot.deliver(next(waiting))
                victims = dice.choice(VICTIMS)
                _wait_for(desk, victims)
                time.sleep(dice.uniform(0.0, 2.0))  # while it starts, looks, fetches, stores, or waits
                kills.update(victim for victim in victims if _kill(desk, victim))
            with inside(folder):
                _rest(mails, hurry)
                return _count(bodies, kills, time.monotonic() - began, seed)


def _shares(mails: int, cycles: int) -> list[int]:
    return [mails // cycles + (n < mails % cycles) for n in range(cycles)]


def _mail(number: int, dice: random.Random) -> bytes:
    body = f"number {number} " + "Xin chào bạn " * dice.randrange(5, 2500)
    return (
        f"From: Customer {number} <c{number}@customer.example>\r\nTo: {ADDRESS}\r\nSubject: Mail {number}\r\n"
        f"Date: Sat, 21 Nov 2026 08:10:00 +0700\r\nMessage-ID: <m{number}@customer.example>\r\n"
        f"Content-Type: text/plain; charset=utf-8\r\n\r\n{body}\r\n"
    ).encode()


def _prepare(folder: Path, dovecot: Dovecot, config: dict[str, str]) -> None:
    settings = {"address": ADDRESS, "imap_host": "127.0.0.1", "imap_port": dovecot.port, "imap_security": "none",
                "imap_user": dovecot.user, "import_from": "all"}  # fmt: skip
    given = [part for name, value in settings.items() for part in ("--set", f"{name}={value}")]
    set_up((("init", "--admin-email", "an@desk.example", "--admin-password-stdin"), "a good long password\n"),
           (("channel", "add", "email", "--name", "Support", *given, "--secret-stdin", "imap_password"),
            f"{dovecot.password}\n"), data=folder / "data", **config)  # fmt: skip


def _wait_for(desk: Running, names: tuple[str, ...]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not all(alive(desk.pids.get(name, 0)) for name in names):
        assert time.monotonic() < deadline, f"{names} were not started again"
        time.sleep(0.05)


def _kill(desk: Running, name: str) -> bool:
    pid = desk.pids[name]
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
        return True
    return False


@contextlib.contextmanager
def inside(folder: Path) -> Iterator[Flask]:
    """The same database, from this process."""
    app = create_app(Settings(data=folder / "data", network=Network(allow_private=("127.0.0.0/8",))))
    with app.app_context():
        yield app
        db.session.remove()
        db.engine.dispose()
        app.extensions["writers"].engine.dispose()


def _take_from_the_dead() -> None:
    with unit_of_work() as work:
        for row in work.session.scalars(select(OutboxRow).where(OutboxRow.lease_by.startswith("arrivals:"))):
            if not alive(int(row.lease_by.partition(":")[2])):
                row.lease_until = None


def _rest(mails: int, hurry: bool) -> None:
    """Until every raw is dealt with and nothing waits; what does not come in time is counted as lost."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        db.session.rollback()
        done = db.session.scalar(select(func.count()).select_from(Inbound).where(Inbound.state != "pending")) or 0
        due = OutboxRow.drain == "arrivals", OutboxRow.state == "due"
        if done >= mails and not db.session.scalar(select(func.count()).select_from(OutboxRow).where(*due)):
            return
        if hurry:
            _take_from_the_dead()
        time.sleep(0.2)


def _count(bodies: list[bytes], kills: Counter[str], seconds: float, seed: int) -> Outcome:
    db.session.rollback()
    told = Counter(db.session.scalars(select(Message.subject).where(Message.direction == "in")))
    expected = [f"Mail {number}" for number in range(len(bodies))]
    sizes = Counter(db.session.scalars(select(Inbound.size_bytes)))
    return Outcome(
        mails=len(bodies),
        messages=sum(told.values()),
        tickets=db.session.scalar(select(func.count()).select_from(Ticket)) or 0,
        raws=sum(sizes.values()),
        lost=[subject for subject in expected if not told[subject]],
        doubled=[subject for subject, count in told.items() if count > 1],
        cut=sum((Counter(len(body) for body in bodies) - sizes).values()),
        failed=db.session.scalar(select(func.count()).select_from(Inbound).where(Inbound.state == "failed")) or 0,
        kills=dict(kills),
        repeats=sum(db.session.scalars(select(Inbound.duplicates))),
        seconds=round(seconds, 1),
        seed=seed,
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cycles", type=int, default=60)
    parser.add_argument("--mails", type=int, default=500)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        outcome = run(given.cycles, given.mails, given.seed, Path(folder))
    print(json.dumps(asdict(outcome), indent=2))
    return 0 if outcome.good else 1


if __name__ == "__main__":
    raise SystemExit(main())
