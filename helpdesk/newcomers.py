"""Rows of a batch: each has its id at once, all are written together.

A mail makes a customer, an address, a ticket and a message, and each needs the id of the one before; written one after
another these rows cost more than everything else. In a batch (`open`) a row is given its id by the database's own
counting and waits in `bring`; whatever looks into the database through the session writes them first, as it does with
any other change, in the order their references ask for.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy import Executable, insert
from sqlalchemy import event as on
from sqlalchemy.orm import Session, make_transient_to_detached
from sqlalchemy.orm.attributes import set_committed_value

from helpdesk.models import Customer, Identity, Message, Reach, Ticket

KEY = "newcomers"
ORDER: tuple[type[Any], ...] = (Customer, Identity, Reach, Ticket, Message)
BLOCK = 20  # ids drawn at once where the database has sequences


class Newcomers:
    """What waits to be written in one session."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.waiting: dict[type[Any], list[Any]] = {model: [] for model in ORDER}
        self.later: list[tuple[Executable, dict[str, Any]]] = []
        self.number: int | None = None  # the last ticket's; the counter's row is locked once it is drawn
        self.made: set[tuple[type[Any], int]] = set()
        self._last: dict[type[Any], int] = {}
        self._drawn: dict[type[Any], list[int]] = {}

    def bring(self, row: Any) -> None:
        model: Any = type(row)
        row.id = self._draw(model)
        for name, default in _defaults(model):
            if name not in row.__dict__:
                set_committed_value(row, name, default())
        self.waiting[model].append(row)
        self.made.add((model, row.id))

    def write(self) -> None:
        for model, rows in self.waiting.items():
            if rows:
                self.waiting[model] = []
                self._insert(model, rows)
        if self.later:
            later, self.later = self.later, []
            for statement in dict.fromkeys(statement for statement, _ in later):
                self.session.connection().execute(statement, [values for which, values in later if which is statement])

    def forget(self) -> None:
        """What waits is not wanted any more."""
        for rows in self.waiting.values():
            self.made.difference_update((type(row), row.id) for row in rows)
            rows.clear()
        self.later.clear()

    def _insert(self, model: Any, rows: list[Any]) -> None:
        names = [name for name, _ in _defaults(model)]
        values = [{"id": row.id, **{name: row.__dict__[name] for name in names}} for row in rows]
        self.session.connection().execute(_insert_of(model), values)
        for row in rows:
            make_transient_to_detached(row)
            self.session.add(row)

    def _draw(self, model: type[Any]) -> int:
        table = model.__tablename__
        if self.session.get_bind().dialect.name == "sqlite":  # there is one writer, so nobody else counts on
            cursor = self.session.connection().connection.cursor()
            cursor.execute(f"SELECT max(id) FROM {table}")  # noqa: S608 - a name of ours
            self._last[model] = max((cursor.fetchone() or [0])[0] or 0, self._last.get(model, 0)) + 1
            cursor.close()
            return self._last[model]
        if not self._drawn.get(model):
            drawing = f"SELECT nextval(pg_get_serial_sequence('{table}', 'id')) FROM generate_series(1, {BLOCK})"  # noqa: S608
            drawn = self.session.connection().exec_driver_sql(drawing).scalars().all()
            self._drawn[model] = sorted(drawn, reverse=True)
        return self._drawn[model].pop()


@cache
def _insert_of(model: Any) -> Any:
    return insert(model.__table__)


@cache
def _defaults(model: Any) -> list[tuple[str, Any]]:
    """Every column but the id with what makes its default."""
    return [(column.key, _maker(column)) for column in model.__table__.columns if column.key != "id"]


def _maker(column: Any) -> Any:
    if column.default is None:
        return lambda: None
    if column.default.is_scalar:
        return lambda: column.default.arg
    return lambda: column.default.arg(None)


def open(session: Session) -> None:
    """From here on the session's new rows are written as a batch."""
    session.info[KEY] = Newcomers(session)


def of(session: Session) -> Newcomers | None:
    found: Newcomers | None = session.info.get(KEY)
    return found


def bring(session: Session, row: Any) -> None:
    """Add a row whose id is needed at once."""
    batch = of(session)
    if batch is not None:
        batch.bring(row)
    else:
        session.add(row)
        session.flush()


def is_new(session: Session, model: type[Any], id_: int | None) -> bool:
    """Was it made in this batch? Then nobody else has seen it."""
    batch = of(session)
    return batch is not None and (model, id_) in batch.made


class Holding(Session):
    """A session that keeps what it read until it ends: the identity map alone forgets rows nobody holds, and every
    service that asks for the ticket by its id would read it again. What a batch brought is written with the rest."""

    def flush(self, objects: Any = None) -> None:
        batch = of(self)
        if batch is not None:
            batch.write()
        super().flush()


@on.listens_for(Holding, "detached_to_persistent")
@on.listens_for(Holding, "loaded_as_persistent")
@on.listens_for(Holding, "pending_to_persistent")
def _hold(session: Session, row: object) -> None:
    session.info.setdefault("held", []).append(row)


__all__ = ["Holding", "Newcomers", "bring", "is_new", "of", "open"]
