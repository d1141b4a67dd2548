"""CPU time and SQL statements of taking mail in, in this process: from the stored raw to events, files and search.

`ingest` says how long it takes with everything around it; CPU time of one thread says what a mail costs also on a machine
that does other work. Parsing is the work of another process and counts as "parser".
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

from flask import Flask
from sqlalchemy import Engine, event

from bench import data
from bench.ingest import MAILS, SHOP, mails
from connectors.contract import Raw
from connectors.email.identity import external_id
from helpdesk.app import create_app
from helpdesk.config import Network, Settings
from helpdesk.services import channels, listening
from helpdesk.unit_of_work import unit_of_work
from workers import arrivals

TICKETS = tuple(int(n) for n in os.environ.get("BENCH_TICKETS", "1000,100000").split(","))
ROUNDS = int(os.environ.get("BENCH_COUNT", "5"))


def run() -> dict[str, object]:
    """{tickets in the database: {cpu mails per second, statements a mail}}, and the ratio of the largest to the least."""
    with tempfile.TemporaryDirectory() as folder:
        desks = {}
        for tickets in TICKETS:
            data.build(Path(folder) / str(tickets), tickets)
            desks[tickets] = Desk(
                create_app(Settings(data=Path(folder) / str(tickets), network=Network(("127.0.0.0/8",))))
            )
        found: dict[int, list[dict[str, float]]] = {tickets: [] for tickets in desks}
        for seed in range(ROUNDS):  # alternating, so that a busy minute spoils both alike
            for tickets, desk in desks.items():
                found[tickets].append(desk.take(mails(seed)))
        figures = {str(tickets): _best(rounds) for tickets, rounds in found.items()}
        first, last = figures[str(min(TICKETS))], figures[str(max(TICKETS))]
        return {"mails": MAILS, **figures, "ratio": round(last["per_cpu_second"] / first["per_cpu_second"], 2)}


def _best(rounds: list[dict[str, float]]) -> dict[str, float]:
    """The middle of the rounds after the first, which warms up."""
    rounds = sorted(rounds[1:] or rounds, key=lambda r: r["per_cpu_second"])
    return rounds[len(rounds) // 2]


class Desk:
    """An application with one mailbox, whose drain is run here."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        with app.app_context(), unit_of_work() as work:
            channel = channels.create(work, "email", "Mail", {"address": SHOP, "smtp_host": "127.0.0.1"})
            self.channel_id = channel.id

    def take(self, raws: list[bytes]) -> dict[str, float]:
        """One round: mails with fresh Message-IDs, stored and drained."""
        mark = os.urandom(4).hex().encode()
        stored = [
            Raw(external_id(r), r, "message/rfc822")
            for r in (raw.replace(b"<mail-", b"<mail-%s-" % mark) for raw in raws)
        ]
        statements = 0

        def count(*_: object) -> None:
            nonlocal statements
            statements += 1

        with self.app.app_context():
            listening.keep(stored)
            for start in range(0, len(stored), 50):
                with unit_of_work() as work:
                    listening.store(work, self.channel_id, stored[start : start + 50], cursor={})
            event.listen(Engine, "before_cursor_execute", count)
            cpu, began = time.process_time(), time.monotonic()
            try:
                arrivals.drain()
            finally:
                event.remove(Engine, "before_cursor_execute", count)
            cpu, spent = time.process_time() - cpu, time.monotonic() - began
        return {
            "per_cpu_second": round(len(raws) / cpu, 1),
            "per_second": round(len(raws) / spent, 1),
            "statements": round(statements / len(raws), 2),
        }
