"""Alembic: one connection, foreign keys off while SQLite tables are rebuilt and checked after."""

from alembic import context
from sqlalchemy import text

from helpdesk.models import Base

config = context.config
connection = config.attributes["connection"]
sqlite = connection.dialect.name == "sqlite"

context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    render_as_batch=sqlite,
    compare_type=True,
    transaction_per_migration=True,
)
if sqlite:
    connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
with context.begin_transaction():
    context.run_migrations()
if sqlite:
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
    if broken:
        raise RuntimeError(f"the migration broke references: {broken[:5]}")
    connection.exec_driver_sql("PRAGMA foreign_keys=ON")
    connection.execute(text("SELECT 1"))
