"""Bring a database to the newest schema. Alembic is imported only here: it costs memory."""

from __future__ import annotations

from sqlalchemy import Connection, Engine, text

from helpdesk.paths import resource

UPGRADE_LOCK = 0x68656C71


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Run what is missing. Two processes at once: one waits. `engine` must write (not the screens' reader)."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": UPGRADE_LOCK})
        try:
            _run(engine, revision)
        finally:
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": UPGRADE_LOCK})


def _run(engine: Engine, revision: str) -> None:
    from alembic import command

    with engine.connect() as connection:
        command.upgrade(_config(connection), revision)
        connection.commit()


def downgrade(engine: Engine, revision: str) -> None:
    """Take migrations back; for tests and for developers. It deletes what they added."""
    from alembic import command

    with engine.connect() as connection:
        command.downgrade(_config(connection), revision)  # type: ignore[arg-type]
        connection.commit()


def _config(connection: Connection) -> object:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(resource("migrations")))
    config.attributes["connection"] = connection
    return config


def state(engine: Engine) -> tuple[str | None, str | None]:
    """(revision of the database, newest revision of this version)."""
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    with engine.connect() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
        head = ScriptDirectory.from_config(_config(connection)).get_current_head()  # type: ignore[arg-type]
        return current, head
