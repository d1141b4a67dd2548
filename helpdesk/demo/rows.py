"""Rows made in memory and written in bulk: three months of a shop in seconds instead of minutes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import cache
from itertools import count
from typing import Any, TypeVar

from sqlalchemy import insert, text
from sqlalchemy.orm import Session

from helpdesk import models as m
from helpdesk.blocks import placed
from helpdesk.events import Event
from helpdesk.folding import terms
from helpdesk.models import Base

Row = TypeVar("Row", bound=Base)

# In the order in which they may be written: whoever is referred to comes first.
ORDER: tuple[type[Base], ...] = (
    m.Organization, m.Customer, m.Identity, m.Reach, m.Tag, m.Ticket, m.TicketTag, m.Message, m.Delivery, m.Recipient,
    m.Grant, m.ReadMark, m.SlaClock, m.Invitation, m.Response, m.FollowUpTask, m.EventRow, m.OutboxRow, m.Counter,
)  # fmt: skip


@cache
def _defaults(model: type[Base]) -> tuple[tuple[str, Any, bool], ...]:
    """(attribute, value or maker, is it a maker) of the columns with a default of their own."""
    found = []
    for column in model.__table__.columns:
        default: Any = column.default
        if default is not None and (default.is_scalar or default.is_callable):
            found.append((column.key, default.arg, bool(default.is_callable)))
    return tuple(found)


class Rows:
    """What will be written. Ids rise in the order of making, as a database would give them."""

    def __init__(self) -> None:
        self.of: dict[type[Base], list[Any]] = {model: [] for model in ORDER}
        self._ids: dict[type[Base], Any] = {}

    def new(self, model: type[Row], **values: Any) -> Row:
        """One row with the model's defaults; an id where it has one."""
        for key, default, makes in _defaults(model):
            if key not in values:
                values[key] = default(None) if makes else default
        if "id" in model.__table__.columns and "id" not in values:
            values["id"] = next(self._ids.setdefault(model, count(1)))
        row = model(**values)
        self.of[model].append(row)
        return row

    def event(self, event: Event, at: datetime, actor: str, reason: str = "") -> int:
        """A fact with the next number."""
        row = self.new(
            m.EventRow,
            seq=len(self.of[m.EventRow]) + 1 + self.first_seq,
            type=event.type,
            ticket_id=event.ticket_id,
            customer_id=event.customer_id,
            message_id=event.message_id,
            actor=actor,
            data=event.data(),
            reason=reason,
            created_at=at,
        )
        return row.seq

    first_seq = 0

    def write(self, session: Session) -> int:
        """Everything, a statement a table; how many rows."""
        total = 0
        for model in ORDER:
            keys = [(a.key, a.columns[0].key) for a in model.__mapper__.column_attrs]
            rows = [{column: getattr(row, key) for key, column in keys} for row in self.of[model]]
            if rows:
                session.execute(insert(model.__table__), rows)  # type: ignore[arg-type]
            total += len(rows)
        self._index(session)
        return total

    def _index(self, session: Session) -> None:
        """The search index, as services/search_index.py writes it on SQLite."""
        _put(session, "message_search", ((r.id, placed(r.id, r.subject, r.text)) for r in self.of[m.Message]))
        known: dict[int, list[str]] = {c.id: [c.name, c.given_name] for c in self.of[m.Customer]}
        for identity in self.of[m.Identity]:
            known[identity.customer_id] += [identity.value, identity.username, identity.name]
            if identity.value.startswith("+84"):
                known[identity.customer_id] += [f"0{identity.value[3:]}", identity.value[3:]]
        _put(session, "customer_search", ((id_, terms(*dict.fromkeys(v))) for id_, v in known.items()))


def _put(session: Session, table: str, found: Iterable[tuple[int, str]]) -> None:
    rows = [{"id": id_, "terms": words} for id_, words in found]
    if rows:
        session.execute(text(f"INSERT INTO {table}(rowid, terms) VALUES (:id, :terms)"), rows)  # noqa: S608
