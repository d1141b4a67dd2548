"""Two engines on one database: readers for screens, one writer for the unit of work.

SQLite: WAL, synchronous=FULL; readers are `query_only` and begin deferred; writers begin IMMEDIATE under an OS
lock, so that an agent's write waits its turn instead of starving behind a busy handler.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import CursorResult, Engine, Executable, create_engine, event
from sqlalchemy.orm import Session, SessionTransaction, object_session

from helpdesk.blocks import placed
from helpdesk.config import Settings
from helpdesk.folding import terms

BUSY_TIMEOUT_S = 15
# Of SQLite: each connection has a cache of its own, so that many kept from one busy moment would hold memory for ever.
KEPT_OPEN = 4
CACHE_KB = 8000
# What readers see of the file in place of copies of its pages; the system's own cache of the file, not memory of ours.
# Looking up thousands of scattered rows (search with operators in a large database) takes half the time or less.
MAPPED_BYTES = 2**31 - 65536
# A commit brings the log into the database file itself only when nobody did so for so many pages (`tidy`).
LOG_PAGES = 8000


KEPT = "kept"

Found = CursorResult[*tuple[Any, ...]]
Answer = TypeVar("Answer")


def rows(session: Any, statement: Executable, **values: Any) -> Found:
    """Rows of a statement that was made once, its values given as `bindparam`s: for what every request asks.

    Making a statement and passing it through the session's ORM costs several times what SQLite needs to answer it. What
    was changed in the session is written first, as with its own `execute`; the rows are plain columns.
    """
    if session.autoflush:
        session.flush()
    return session.connection().execute(statement, values)  # type: ignore[no-any-return]


def kept(session: Session, key: object, ask: Callable[[], Answer]) -> Answer:
    """What one transaction asks again and again, asked once: the answer is forgotten when the transaction ends, and when
    a row it may come from is written (`keeps`)."""
    if session.autoflush:
        session.flush()
    known: dict[object, Answer] = session.info.setdefault(KEPT, {})
    if key not in known:
        known[key] = ask()
    return known[key]


def keeps(model: type[Any]) -> None:
    """Answers of `kept` come from these rows: a change of one makes its session ask again."""
    for what in ("after_insert", "after_update", "after_delete"):
        event.listen(model, what, _written)


def _written(_mapper: Any, _connection: Any, row: object) -> None:
    session = object_session(row)
    if session is not None:
        session.info.pop(KEPT, None)


@event.listens_for(Session, "after_transaction_end")
def _forget(session: Session, transaction: SessionTransaction) -> None:
    if transaction.parent is None or transaction.nested:  # not the end of a mere flush
        session.info.pop(KEPT, None)


def engine_options(settings: Settings) -> dict[str, Any]:
    if settings.sqlite:
        connect = {"timeout": BUSY_TIMEOUT_S, "check_same_thread": False}
        return {"connect_args": connect, "pool_size": KEPT_OPEN, "max_overflow": -1}
    return {"pool_pre_ping": True, "pool_size": settings.database.pool_size, "max_overflow": 16, "pool_recycle": 1800}


def prepare_reader(engine: Engine) -> Engine:
    """Make an engine refuse writes."""
    if engine.dialect.name == "sqlite":
        _sqlite(engine, "BEGIN", query_only=True)
    else:

        @event.listens_for(engine, "connect")
        def _read_only(connection: Any, _record: Any) -> None:
            connection.read_only = True

    return engine


def writer_engine(settings: Settings) -> Engine:
    engine = create_engine(settings.database_url, **engine_options(settings))
    if settings.sqlite:
        _sqlite(engine, "BEGIN IMMEDIATE", query_only=False)
    return engine


def _sqlite(engine: Engine, words: str, *, query_only: bool) -> None:
    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        # Triggers of the search index call these; the first only while a database of an older version is upgraded.
        connection.create_function("hd_terms", 2, terms, deterministic=True)
        connection.create_function("hd_placed", 3, placed, deterministic=True)
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute(f"PRAGMA cache_size=-{CACHE_KB}")
        cursor.execute(f"PRAGMA wal_autocheckpoint={LOG_PAGES}")
        if query_only:
            cursor.execute("PRAGMA query_only=ON")
            cursor.execute(f"PRAGMA mmap_size={MAPPED_BYTES}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        wanted = "FULL" if connection.get_execution_options().get("lasting", True) else "NORMAL"
        if connection.info.get("synchronous", "FULL") != wanted:  # SQLite takes it between transactions only
            connection.exec_driver_sql(f"PRAGMA synchronous={wanted}")
            connection.info["synchronous"] = wanted
        connection.exec_driver_sql(words)


def tidy(engine: Engine) -> None:
    """Bring what SQLite has in its log into the database file, so that no commit has to while somebody waits for it.
    Writers go on meanwhile; what readers still need of the old pages stays for the next time."""
    if engine.dialect.name != "sqlite":
        return
    connection = engine.raw_connection()  # outside of any transaction
    try:
        connection.cursor().execute("PRAGMA wal_checkpoint(PASSIVE)").close()
    finally:
        connection.close()


def begin(session: Any, *, lasting: bool) -> None:
    """Begin the session's transaction. Not `lasting`: it ends without waiting for the disk, and a power cut may forget
    it; the next one that waits brings it there, too."""
    connection = session.connection(execution_options={"lasting": lasting})
    if not lasting and connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL synchronous_commit TO off")


class WriteLock:
    """One writer at a time over all processes, each in its turn. Without a path there is nothing to lock.

    Whoever waits for the lock holds the place next to it meanwhile: so who gives it back and wants it again at once comes
    after them, and who has it can see that it is wanted.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path

    @contextmanager
    def held(self) -> Iterator[None]:
        if self.path is None:
            yield
            return
        lock = _open(self.path)
        try:
            with self._next() as next_:
                fcntl.flock(next_, fcntl.LOCK_EX)
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def wanted(self) -> bool:
        """For who holds it: does somebody else wait?"""
        if self.path is None:
            return False
        with self._next() as next_:
            try:
                fcntl.flock(next_, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    @contextmanager
    def _next(self) -> Iterator[int]:
        place = _open(f"{self.path}.next")
        try:
            yield place
        finally:
            os.close(place)


def _open(path: Path | str) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def refusal(error: Exception) -> str:
    """Why the database did not do it, in its own words; never the statement, which holds what people wrote."""
    told = str(getattr(error, "orig", None) or "").strip().splitlines()
    return told[0] if told else type(error).__name__
