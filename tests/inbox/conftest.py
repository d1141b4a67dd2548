"""A desk with a chat channel, and tickets made the short way for lists."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, insert

from helpdesk.extensions import db
from helpdesk.models import Channel, Customer, Identity, Ticket
from helpdesk.unit_of_work import unit_of_work

START = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)


@pytest.fixture
def channel(make: Any) -> Channel:
    found: Channel = make.channel("widget")
    return found


@pytest.fixture
def many(app: Flask) -> Callable[..., list[int]]:
    """many(n, **values): n tickets a minute apart, oldest first; a value may be a function of the index. Their ids."""

    def _many(count: int, **values: Any) -> list[int]:
        with unit_of_work() as work:
            customer = Customer(name="Nguyễn Lan Anh", name_folded="nguyen lan anh")
            work.session.add(customer)
            work.session.flush()
            identity = Identity(customer_id=customer.id, kind="email", value=f"c{customer.id}@example.com")
            work.session.add(identity)
            work.session.flush()
            first = (work.session.query(Ticket.number).order_by(Ticket.number.desc()).limit(1).scalar() or 50_000) + 1
            rows = []
            for i in range(count):
                at = START + timedelta(minutes=i)
                row = {
                    "number": first + i, "subject": f"Matter {first + i}", "customer_id": customer.id,
                    "identity_id": identity.id, "status": "open", "shelf": "open", "last_activity_at": at,
                    "created_at": at, "updated_at": at, "visible_team_id": 0, "seq": 1,
                }  # fmt: skip
                row |= {k: v(i) if callable(v) else v for k, v in values.items()}
                if "team_id" in row:
                    row["visible_team_id"] = row["team_id"] or 0
                rows.append(row)
            return list(work.session.scalars(insert(Ticket).returning(Ticket.id, sort_by_parameter_order=True), rows))

    return _many


class Counted:
    def __init__(self) -> None:
        self.statements: list[tuple[str, Any]] = []

    def __len__(self) -> int:
        return len(self.statements)


@contextmanager
def counting() -> Iterator[Counted]:
    """The statements that the reader's engine runs meanwhile."""
    counted = Counted()

    def note(conn: Any, cursor: Any, statement: str, parameters: Any, context: Any, executemany: bool) -> None:
        if statement.startswith("SELECT") or "UNION" in statement:
            counted.statements.append((statement, parameters))

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        yield counted
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
