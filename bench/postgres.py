"""The seeded SQLite file once more in PostgreSQL, for benchmarks that run on both."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy import Boolean

from helpdesk.blocks import placed
from helpdesk.folding import terms
from helpdesk.models import Base
from helpdesk.models.search import GIN
from helpdesk.services.search_query import tsvector


def copy(path: Path, url: str) -> None:
    """Fill a migrated, empty database with what the file has, its search index as the product would write it."""
    with sqlite3.connect(path) as source, psycopg.connect(url.replace("+psycopg", "")) as target:
        source.row_factory = sqlite3.Row
        target.execute("SET session_replication_role = replica")  # no checks of references, row by row
        target.execute("SET timezone = 'UTC'")
        for table in Base.metadata.sorted_tables:
            target.execute(sql.SQL("TRUNCATE {} CASCADE").format(sql.Identifier(table.name)))
        for table in Base.metadata.sorted_tables:
            _table(source, target, table)
        said = ((r["id"], placed(r["id"], r["subject"], r["text"])) for r in source.execute("SELECT * FROM messages"))
        _index(target, "message_search", said)
        people = source.execute(
            "SELECT c.id, c.name, i.value FROM customers c JOIN identities i ON i.customer_id = c.id"
        )
        _index(target, "customer_search", ((r["id"], terms(r["name"], r["value"])) for r in people))
        target.commit()
        target.autocommit = True
        target.execute("VACUUM ANALYZE")


def _table(source: sqlite3.Connection, target: psycopg.Connection[Any], table: Any) -> None:
    names = [c.name for c in table.columns]
    truths = {i for i, c in enumerate(table.columns) if isinstance(c.type, Boolean)}
    columns = sql.SQL(", ").join(map(sql.Identifier, names))
    copying = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table.name), columns)
    quoted = ", ".join(f'"{name}"' for name in names)
    with target.cursor() as cursor, cursor.copy(copying) as out:
        for row in source.execute(f'SELECT {quoted} FROM "{table.name}"'):  # noqa: S608 - our own names
            out.write_row([None if v is None else bool(v) if i in truths else v for i, v in enumerate(row)])


def _index(target: psycopg.Connection[Any], name: str, rows: Iterator[tuple[int, str]]) -> None:
    target.execute(f"DROP INDEX ix_{name}")
    with target.cursor() as cursor, cursor.copy(f"COPY {name} (id, document) FROM STDIN") as out:
        for id_, words in rows:
            out.write_row([id_, tsvector(words)])
    target.execute(GIN.format(table=name))
