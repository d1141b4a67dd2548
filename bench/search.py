"""Search over many messages: what a query costs in the service, beside the bare index of the same file.

Words are drawn as in language: few of them make most of what is said. BENCH_MESSAGES (1,000,000) is the size;
BENCH_DATABASE=postgresql copies the same desk into a PostgreSQL and asks that. BENCH_FOLDER keeps what was built.
"""

from __future__ import annotations

import os
import random
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import accumulate
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import select

from bench import data, postgres
from bench.cpu import make
from bench.figures import percentile, timed
from helpdesk import blocks
from helpdesk.access import Viewer, viewer_of
from helpdesk.app import create_app
from helpdesk.blocks import placed
from helpdesk.config import Database, Settings
from helpdesk.database import writer_engine
from helpdesk.extensions import db
from helpdesk.folding import terms
from helpdesk.migrate import upgrade
from helpdesk.models import Agent
from helpdesk.services import search
from helpdesk.services.search_query import fts5
from tests.servers.postgres import Postgres

MESSAGES = int(os.environ.get("BENCH_MESSAGES", "1000000"))
COUNT = int(os.environ.get("BENCH_COUNT", "30"))
VOCABULARY = 30_000
_SYLLABLES = "an ba cho dau em giao hang ket lam mot nay phieu quy roi sao tra uong vang xin yen đổi ngày ấm gốm"
SYLLABLES = _SYLLABLES.split()

# By rank in the vocabulary: the commonest word stands in about every other message, the last in next to none.
QUERIES = {
    "a common word": "{0}",
    "two common words": "{0} {3}",
    "a common and a rare word": "{1} {20000}",
    "a word of the middle": "{300}",
    "a rare word": "{25000}",
    "words together": '"{0} {1}"',
    "the beginning of a word": "gi",
    "without its marks": "doi ngay",
    "with status: and channel:": "{2} status:open channel:widget",
    "with from: and before:": "{5} from:customer before:2027-01-01",
    "operators only": "status:open priority:normal",
    "nothing like it": "qwrtzpl",
}


def run() -> dict[str, object]:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(os.environ.get("BENCH_FOLDER") or folder) / "data"
        path, words = place / "helpdesk.db", vocabulary()
        began = time.monotonic()
        if not path.exists():
            _say(data.build(place, max(MESSAGES // 5, 1000)), words)
        built = round(time.monotonic() - began)
        if os.environ.get("BENCH_DATABASE") != "postgresql":
            found = _asked(make(place), words)
            return {"messages": MESSAGES, "built_s": built, **found, "bare_common_word": _bare(path, words)}
        with Postgres() as server:
            settings = Settings(data=place, database=Database(url=server.create_database()))
            upgrade(writer_engine(settings))
            postgres.copy(path, settings.database_url)
            return {"messages": MESSAGES, "built_s": built, **_asked(create_app(settings), words)}


def _asked(app: Flask, words: list[str]) -> dict[str, object]:
    with app.app_context():
        boss, agent = (viewer_of(a) for a in db.session.scalars(select(Agent).where(Agent.id.in_((1, 2)))))
        found = {
            name: {
                "admin": _one(boss, typed.format(*words)),
                "agent of one team": _one(agent, typed.format(*words)),
            }
            for name, typed in QUERIES.items()
        }
        db.session.remove()
        db.engine.dispose()
    every = [ms for one in found.values() for who in one.values() for ms in who.pop("all")]
    return {
        "all_queries": {"p50_ms": round(percentile(every, 0.5), 1), "p95_ms": round(percentile(every, 0.95), 1)},
        "queries": found,
    }


def vocabulary() -> list[str]:
    """Different made-up words of two to four syllables, the commonest first."""
    dice, seen = random.Random(3), dict.fromkeys(("đổi", "ngày"))
    while len(seen) < VOCABULARY:
        seen["".join(dice.choice(SYLLABLES) for _ in range(dice.randint(2, 4)))] = None
    return list(seen)


def _say(path: Path, words: list[str]) -> None:
    """Messages up to MESSAGES, spread over the tickets, in the search index like every message."""
    dice = random.Random(11)
    weights = list(accumulate(1 / (rank + 2) for rank in range(len(words))))
    with sqlite3.connect(path) as database:
        database.execute("pragma synchronous=off")
        database.create_function("hd_terms", 2, terms, deterministic=True)
        database.create_function("hd_placed", 3, placed, deterministic=True)
        (tickets, known) = database.execute("select (select count(*) from tickets), max(id) from messages").fetchone()

        def rows() -> Iterator[dict[str, Any]]:
            for id_ in range(known + 1, MESSAGES + 1):
                ticket = 1 + (id_ * 7919) % tickets
                yield {
                    "id": id_, "ticket_id": ticket, "seq": ticket, "kind": "reply", "direction": "in", "public": 1,
                    "author_type": "customer", "agent_id": None, "channel_id": 1 + ticket % data.CHANNELS,
                    "text": " ".join(dice.choices(words, cum_weights=weights, k=25)), "auto": "no",
                    "created_at": data.text(data.NOW),
                }  # fmt: skip

        if known < MESSAGES:
            data.fill(database, "messages", rows())
        database.execute(
            "insert into message_search(rowid, terms) select id, hd_placed(id, subject, text) from messages order by id"
        )
        database.execute(
            "insert into customer_search(rowid, terms) select c.id, hd_terms(c.name, i.value) "
            "from customers c join identities i on i.customer_id = c.id"
        )
        database.commit()
        database.execute("analyze")


def _one(viewer: Viewer, typed: str) -> dict[str, Any]:
    """The first page of hits, as the search page asks for it; milliseconds from asking to everything read."""

    def ask() -> int:
        db.session.rollback()
        db.session.expunge_all()
        return len(search.search(db.session(), viewer, typed).hits)

    hits = ask()
    spent = timed(ask, COUNT)
    return {"hits": hits, "p50_ms": round(percentile(spent, 0.5), 1), "p95_ms": round(percentile(spent, 0.95), 1),
            "all": spent}  # fmt: skip


def _bare(path: Path, words: list[str]) -> dict[str, float]:
    """The index alone: the newest 25 messages with the commonest word, their rows and their tickets, plain sqlite3."""
    leads = [blocks.name(block) for block in range(blocks.block_of(MESSAGES), -1, -1)]
    statement = (
        "select m.id, m.text, t.subject from message_search s join messages m on m.id = s.rowid "
        "join tickets t on t.id = m.ticket_id where message_search match ? order by s.rowid desc limit 25"
    )
    with sqlite3.connect(path) as database:
        asked = fts5([(terms(words[0]),)], False, leads)
        ask: Callable[[], object] = lambda: database.execute(statement, (asked,)).fetchall()  # noqa: E731
        spent = timed(ask, COUNT)
    return {"p50_ms": round(percentile(spent, 0.5), 2), "p95_ms": round(percentile(spent, 0.95), 2)}
