"""The search index: what it is made of on each engine. Its rows hold folded words only, never the text itself.

SQLite: FTS5. `message_search` is contentless (rowid = message id): new rows are written by services/search_index.py,
changes and deletions of a message by triggers, which alone know the old words exactly. `hd_placed` is our own function
(helpdesk/database.py gives it to every connection). A migration that rebuilds `messages` runs MESSAGE_TRIGGERS again.
PostgreSQL: a tsvector each, made by us word by word (no parser, no dictionary), GIN without a pending list.
The words of messages are led by their block (helpdesk/blocks.py) on both.
"""

from __future__ import annotations

from sqlalchemy import DDL, event

from helpdesk.models.base import Base

FTS5 = "CREATE VIRTUAL TABLE IF NOT EXISTS {table} USING fts5(terms, {content}tokenize='ascii')"
TSVECTOR = "CREATE TABLE IF NOT EXISTS {table} (id bigint PRIMARY KEY, document tsvector NOT NULL)"
GIN = "CREATE INDEX IF NOT EXISTS ix_{table} ON {table} USING gin (document) WITH (fastupdate = off)"

# message_search: subject and text of a message · ticket_search: subjects changed by hand · customer_search: names,
# addresses and numbers
TABLES = ("message_search", "ticket_search", "customer_search")

_FORGET = (
    "INSERT INTO message_search(message_search, rowid, terms) "
    "VALUES ('delete', old.id, hd_placed(old.id, old.subject, old.text));"
)
_KEEP = "INSERT INTO message_search(rowid, terms) VALUES (new.id, hd_placed(new.id, new.subject, new.text));"
_INDEXED = "EXISTS (SELECT 1 FROM message_search_docsize WHERE id = old.id)"

MESSAGE_TRIGGERS = (
    "CREATE TRIGGER IF NOT EXISTS message_search_changed AFTER UPDATE OF subject, text ON messages "
    f"WHEN {_INDEXED} BEGIN {_FORGET} {_KEEP} END",
    f"CREATE TRIGGER IF NOT EXISTS message_search_deleted AFTER DELETE ON messages WHEN {_INDEXED} BEGIN {_FORGET} END",
)


def statements(dialect: str) -> list[str]:
    """The DDL of one engine, in order; for migrations."""
    if dialect == "sqlite":
        made = [FTS5.format(table=t, content="content='', " if t == "message_search" else "") for t in TABLES]
        return [*made, *MESSAGE_TRIGGERS]
    return [s.format(table=t) for t in TABLES for s in (TSVECTOR, GIN)]


for _dialect in ("sqlite", "postgresql"):
    for _statement in statements(_dialect):
        event.listen(Base.metadata, "after_create", DDL(_statement.replace("%", "%%")).execute_if(dialect=_dialect))
for _table in TABLES:
    event.listen(Base.metadata, "before_drop", DDL(f"DROP TABLE IF EXISTS {_table}"))
