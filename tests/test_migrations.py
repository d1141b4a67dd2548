"""Migrations lead where the models are, on both databases, and back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine, inspect

from helpdesk.config import Database, Settings
from helpdesk.migrate import downgrade, state, upgrade
from helpdesk.models import Base
from helpdesk.models.search import TABLES
from tests.conftest import POSTGRESQL

pytestmark = pytest.mark.database


@pytest.fixture
def engine(tmp_path: Path, request: pytest.FixtureRequest) -> Any:
    if POSTGRESQL:
        url = request.getfixturevalue("postgres_server").create_database()
        engine = create_engine(Settings(database=Database(url=url)).database_url)
    else:
        from helpdesk.database import writer_engine

        engine = writer_engine(Settings(data=tmp_path))
    yield engine
    engine.dispose()


def differences(engine: Any) -> list[Any]:
    """What autogenerate would still do, leaving out the search index, which is no model."""

    def ours(_object: Any, name: str | None, kind: str, _reflected: bool, _compared: Any) -> bool:
        return not (kind == "table" and name is not None and name.startswith(TABLES))

    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "include_object": ours})
        return list(compare_metadata(context, Base.metadata))


def test_migrations_lead_to_the_models(engine: Any) -> None:
    upgrade(engine)
    current, head = state(engine)
    assert current == head
    assert differences(engine) == []


def test_a_second_upgrade_does_nothing(engine: Any) -> None:
    upgrade(engine)
    upgrade(engine)
    assert differences(engine) == []


def test_the_first_schema_can_be_taken_back(engine: Any) -> None:
    upgrade(engine)
    downgrade(engine, "base")
    left = [t for t in inspect(engine).get_table_names() if t != "alembic_version"]
    assert left == []


def test_migrations_carry_their_own_schema() -> None:
    """A migration that asks the models of today would change when they do."""
    for path in (Path(__file__).parent.parent / "migrations" / "versions").glob("*.py"):
        assert "helpdesk" not in path.read_text(encoding="utf-8"), path.name


def test_what_was_indexed_is_found_in_its_block_after_the_upgrade(engine: Any) -> None:
    """0010 makes the index of messages again: nothing more, nothing less, and back."""
    upgrade(engine, "0009")
    sqlite = engine.dialect.name == "sqlite"
    with engine.begin() as connection:
        if sqlite:
            for table in ("customers", "tickets"):
                _row(connection, table, {"id": 1, "customer_id": 1})
            for id_ in (5, 20_000, 20_001):
                _row(connection, "messages", {"id": id_, "ticket_id": 1, "text": "hoàn tiền, hoàn"})
            connection.exec_driver_sql(
                "INSERT INTO message_search(rowid, terms) SELECT id, hd_terms(subject, text) FROM messages WHERE id < 20001"
            )
        else:
            document = "'hoan':1,3 'tien':2"
            for id_ in (5, 20_000):
                connection.exec_driver_sql("INSERT INTO message_search VALUES (%s, %s::tsvector)", (id_, document))
    upgrade(engine)
    assert _found(engine, ["000hoan", "000tien"]) == [5]
    assert _found(engine, ["001tien", "001hoan"]) == [20_000]
    assert _found(engine, ["hoan"]) == []
    downgrade(engine, "0009")
    assert _found(engine, ["hoan", "tien"]) == [5, 20_000]


def _row(connection: Any, table: str, given: dict[str, Any]) -> None:
    """A row with plain values where a column must not be null."""
    columns = {c[1]: c for c in connection.exec_driver_sql(f"PRAGMA table_info({table})")}
    values = {
        n: 0 if "INT" in c[2] or "BOOL" in c[2] else "{}" if "JSON" in c[2] else "" for n, c in columns.items() if c[3]
    }
    values |= {n: v for n, v in given.items() if n in columns}
    marks = ", ".join("?" * len(values))
    statement = f"INSERT INTO {table} ({', '.join(values)}) VALUES ({marks})"  # noqa: S608 - our own names
    connection.exec_driver_sql(statement, tuple(values.values()))


def _found(engine: Any, words: list[str]) -> list[int]:
    """Messages that have the words one after the other."""
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            asked = "SELECT rowid FROM message_search WHERE message_search MATCH ? ORDER BY rowid"
            return list(connection.exec_driver_sql(asked, (f'"{" ".join(words)}"',)).scalars())
        asked = "SELECT id FROM message_search WHERE document @@ %s::tsquery ORDER BY id"
        return list(connection.exec_driver_sql(asked, (" <-> ".join(words),)).scalars())
