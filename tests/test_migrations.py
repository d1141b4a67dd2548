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
