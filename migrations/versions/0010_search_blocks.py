"""Each word of the index of messages is led by the block its message lies in; the index is made again.

Revision: 0010, after 0009
"""

import sqlalchemy as sa
import structlog
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

ROWS = 16_384  # messages a block, and indexed at once
TOLD = 4  # blocks between two lines of the log
log = structlog.get_logger()

# SQLite. The functions are given to every connection; they fold a message's words.
PLAIN, PLACED = "hd_terms({row}subject, {row}text)", "hd_placed({row}id, {row}subject, {row}text)"
INDEXED = "EXISTS (SELECT 1 FROM message_search_docsize WHERE id = old.id)"

# PostgreSQL. What a document holds is known from itself: its words get or lose their lead.
DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
LEAD = " || ".join(f"substr('{DIGITS}', ((s.id / {ROWS} / {36**n}) % 36)::int + 1, 1)" for n in (2, 1, 0))
WITH_LEAD, WITHOUT = f"{LEAD} || w.lexeme", "substr(w.lexeme, 4)"
# One holds 1 MB: of a longer one its first words are kept.
DOCUMENT = """
    (SELECT coalesce(string_agg(quote_literal(w.word) || ':' || array_to_string(w.positions, ','), ' '), '')::tsvector
     FROM (SELECT {word} AS word, w.positions,
                  sum(octet_length(w.lexeme) + 8) OVER (ORDER BY w.positions[1], w.lexeme) AS size
           FROM unnest(s.document) w) w
     WHERE w.size < 1000000)"""


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        on_sqlite(PLACED)
    else:
        on_postgresql(WITH_LEAD)


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        on_sqlite(PLAIN)
    else:
        on_postgresql(WITHOUT)


def on_sqlite(words: str) -> None:
    """What was indexed is indexed again, in this migration's transaction: the index is whole, or as it was."""
    connection = op.get_bind()
    run = connection.exec_driver_sql
    run("CREATE TEMPORARY TABLE indexed (id INTEGER PRIMARY KEY)")
    run("INSERT INTO indexed SELECT id FROM message_search_docsize")
    for name in ("message_search_changed", "message_search_deleted"):
        run(f"DROP TRIGGER IF EXISTS {name}")
    run("DROP TABLE message_search")
    run("CREATE VIRTUAL TABLE message_search USING fts5(terms, content='', tokenize='ascii')")
    in_blocks(
        "indexed",
        f"INSERT INTO message_search(rowid, terms) SELECT m.id, {words.format(row='m.')} "
        "FROM indexed i JOIN messages m ON m.id = i.id WHERE i.id >= :first AND i.id < :last ORDER BY i.id",
    )
    run("DROP TABLE indexed")
    old, new = words.format(row="old."), words.format(row="new.")
    forget = f"INSERT INTO message_search(message_search, rowid, terms) VALUES ('delete', old.id, {old});"
    keep = f"INSERT INTO message_search(rowid, terms) VALUES (new.id, {new});"
    run(
        "CREATE TRIGGER message_search_changed AFTER UPDATE OF subject, text ON messages "
        f"WHEN {INDEXED} BEGIN {forget} {keep} END"
    )
    run(f"CREATE TRIGGER message_search_deleted AFTER DELETE ON messages WHEN {INDEXED} BEGIN {forget} END")


def on_postgresql(word: str) -> None:
    run = op.get_bind().exec_driver_sql
    run("ALTER TABLE message_search RENAME TO message_search_before")
    run("ALTER INDEX message_search_pkey RENAME TO message_search_before_pkey")
    run("DROP INDEX ix_message_search")
    run("CREATE TABLE message_search (id bigint PRIMARY KEY, document tsvector NOT NULL)")
    in_blocks(
        "message_search_before",
        f"INSERT INTO message_search SELECT s.id, {DOCUMENT.format(word=word)} "
        "FROM message_search_before s WHERE s.id >= :first AND s.id < :last",
    )
    run("DROP TABLE message_search_before")
    run("CREATE INDEX ix_message_search ON message_search USING gin (document) WITH (fastupdate = off)")


def in_blocks(source: str, statement: str) -> None:
    """Block by block, telling how far it is."""
    connection = op.get_bind()
    newest = connection.scalar(sa.text(f"SELECT max(id) FROM {source}"))
    blocks = 0 if newest is None else newest // ROWS + 1
    put = sa.text(statement.replace(" ':' ", r" '\:' ").replace("::", r"\:\:"))
    for block in range(blocks):
        connection.execute(put, {"first": block * ROWS, "last": (block + 1) * ROWS})
        if (block + 1) % TOLD == 0:
            log.info("search_index_rebuilding", messages=(block + 1) * ROWS, of=newest)
