"""Rows are painted once a minute for all who read them alike, and anew when anything about them changed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import time_machine

from helpdesk.inbox import painting
from helpdesk.models import Ticket
from helpdesk.unit_of_work import unit_of_work

Many = Callable[..., list[int]]


def misses() -> int:
    return painting._painted.cache_info().misses


def test_the_same_rows_are_painted_once_for_everybody_alike(make: Any, many: Many) -> None:
    mine, other = make.client(make.agent("admin")), make.client(make.agent("admin"))
    vietnamese = make.client(make.agent("admin", locale="vi"))
    many(5, preview="painted once")
    with time_machine.travel(datetime(2026, 11, 22, 9, 30, 10, tzinfo=UTC), tick=False):
        before = misses()
        page = mine.get("/?view=open").get_data(as_text=True)
        assert page.count("painted once") == 5 and misses() == before + 5
        assert other.get("/?view=open").get_data(as_text=True).count("painted once") == 5
        assert misses() == before + 5
        vietnamese.get("/?view=open")
        assert misses() == before + 10
        with unit_of_work() as work:
            work.session.query(Ticket).first().preview = "painted anew"
        page = mine.get("/?view=open").get_data(as_text=True)
        assert (page.count("painted anew"), page.count("painted once")) == (1, 4) and misses() == before + 11
    with time_machine.travel(datetime(2026, 11, 22, 9, 31, 1, tzinfo=UTC), tick=False):
        mine.get("/?view=open")
        assert misses() == before + 16, "ages are told anew"


def test_an_open_ticket_is_marked_for_its_reader_only(make: Any, many: Many) -> None:
    client = make.client(make.agent("admin"))
    many(2, last_activity_at=datetime.now(UTC) - timedelta(hours=1))
    number = 50_001
    assert client.get(f"/tickets/{number}?view=open").get_data(as_text=True).count('is-selected"') == 1
    assert "is-selected" not in client.get("/?view=open").get_data(as_text=True)
