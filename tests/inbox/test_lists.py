"""Views, counts and pages of the list: exact, complete, in order, and served by an index."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask

from helpdesk.errors import Invalid
from helpdesk.extensions import db
from helpdesk.inbox import queries
from helpdesk.inbox.cursors import Cursor, read_cursor
from helpdesk.inbox.filters import read_filter
from helpdesk.inbox.queries import Asked
from helpdesk.inbox.shelves import BY_KEY, VIEWS
from helpdesk.models import Grant, Tag, Ticket, TicketTag
from helpdesk.unit_of_work import unit_of_work
from tests.inbox.conftest import START, counting

Many = Callable[..., list[int]]


def numbers(viewer: Any, key: str, **asked: Any) -> list[int]:
    page = queries.page(db.session, viewer, Asked(BY_KEY[key], **asked), limit=200)
    return [row.number for row in page.rows]


def whole(viewer: Any, asked: Asked, limit: int = 7) -> list[int]:
    """All ids of a list, page by page."""
    ids, cursor = [], None
    for _ in range(100):
        page = queries.page(db.session, viewer, asked, cursor, limit)
        ids += [row.id for row in page.rows]
        if not page.next_cursor:
            return ids
        cursor = read_cursor(page.next_cursor)
    raise AssertionError("the list never ends")


def test_views_hold_what_they_say_and_counts_are_exact(make: Any, many: Many) -> None:
    me = make.viewer("admin")
    now = datetime.now(UTC)
    many(3, needs_reply=True)
    many(2, assignee_id=me.agent_id)
    many(1, assignee_id=me.agent_id, sla_due_at=now - timedelta(minutes=5), sla_soon_at=now - timedelta(hours=1))
    many(1, sla_due_at=now + timedelta(minutes=5), sla_soon_at=now - timedelta(minutes=1))
    many(1, sla_due_at=now + timedelta(hours=5), sla_soon_at=now + timedelta(hours=4))
    many(4, shelf="snoozed")
    for shelf in ("solved", "closed", "spam", "trash", "merged"):
        many(2, shelf=shelf, status="solved")
    told = queries.counts(db.session, me)
    assert told == {
        "needs_reply": 3, "unassigned": 5, "open": 8, "late": 1, "soon": 1, "snoozed": 4, "mine": 3, "mentions": 0,
    }  # fmt: skip
    for view in VIEWS:
        found = numbers(me, view.key)
        assert len(found) == len(set(found))
        if view.counted:
            assert len(found) == told[view.key], view.key
    assert len(numbers(me, "trash")) == 2


@pytest.mark.parametrize("sort", ["activity", "oldest", "due"])
@pytest.mark.parametrize("role", ["admin", "agent"])
def test_pages_neither_repeat_nor_skip(sort: str, role: str, make: Any, many: Many) -> None:
    teams = [make.team() for _ in range(3)]
    me = make.viewer(role, teams=teams)
    same = lambda i: START + timedelta(minutes=i // 3)  # noqa: E731 - several tickets share a moment
    due = lambda i: START + timedelta(days=2, minutes=i % 5) if i % 3 else None  # noqa: E731
    every = many(23, last_activity_at=same, team_id=lambda i: [None, *teams][i % 4], sla_due_at=due)
    found = whole(me, Asked(BY_KEY["open"], sort=sort))
    assert sorted(found) == sorted(every)
    rows = {t.id: t for t in db.session.query(Ticket).all()}
    if sort == "due":
        order = [(rows[i].sla_due_at is None, rows[i].sla_due_at or START) for i in found]
        assert order == sorted(order)
    else:
        order = [(rows[i].last_activity_at, i) for i in found]
        assert order == sorted(order, reverse=sort == "activity")


def test_a_page_continues_after_its_last_row_whatever_arrived_meanwhile(make: Any, many: Many) -> None:
    me = make.viewer("admin")
    old = many(20)
    asked = Asked(BY_KEY["open"])
    first = queries.page(db.session, me, asked, None, 8)
    db.session.rollback()
    new = many(5, last_activity_at=lambda i: START + timedelta(days=1, minutes=i))
    db.session.rollback()
    rest, cursor = [], first.next_cursor
    while cursor:
        page = queries.page(db.session, me, asked, read_cursor(cursor), 8)
        rest += [r.id for r in page.rows]
        cursor = page.next_cursor
    assert [r.id for r in first.rows] + rest == old[::-1]
    assert not set(new) & set(rest)


def test_a_cursor_we_did_not_write_is_refused() -> None:
    assert read_cursor(str(Cursor("a", START, 7))) == Cursor("a", START, 7)
    for text in ("x", "YXxi", "bm90fGF8Y3Vyc29y", "é"):
        with pytest.raises(Invalid):
            read_cursor(text)


def test_agents_see_their_teams_mine_and_mentions(make: Any, many: Many) -> None:
    ours, theirs = make.team(), make.team()
    me = make.viewer("agent", teams=[ours])
    many(2, team_id=ours)
    many(3)
    hidden = many(4, team_id=theirs)
    many(1, team_id=theirs, assignee_id=me.agent_id)
    with unit_of_work() as work:
        work.session.add(Grant(ticket_id=hidden[0], agent_id=me.agent_id, why="mention", unread=True))
    assert len(numbers(me, "open")) == 5
    assert queries.counts(db.session, me)["open"] == 5
    assert len(numbers(me, "mine")) == 1
    assert len(numbers(me, "mentions")) == 1
    assert queries.counts(db.session, me)["mentions"] == 1
    assert set(queries.in_view(db.session, me, Asked(BY_KEY["open"]), hidden)) == set()


def test_filters_narrow_a_view(make: Any, many: Many) -> None:
    me = make.viewer("admin")
    urgent = many(2, priority="urgent")
    many(3)
    with unit_of_work() as work:
        tag = Tag(name="Hoàn tiền", name_folded="hoan tien")
        work.session.add(tag)
        work.session.flush()
        work.session.add(TicketTag(ticket_id=urgent[0], tag_id=tag.id))
        tag_id = tag.id
    assert len(numbers(me, "open", filter=read_filter({"priority": "urgent"}))) == 2
    assert len(numbers(me, "open", filter=read_filter({"priority": "urgent", "tag": str(tag_id)}))) == 1
    assert len(numbers(me, "open", filter=read_filter({"assignee": "none", "priority": "nonsense"}))) == 5
    assert queries.count_up_to(db.session, me, Asked(BY_KEY["open"]), most=3) == 4


@pytest.mark.only("sqlite")
@pytest.mark.parametrize("role", ["admin", "agent"])
@pytest.mark.parametrize("key", [v.key for v in VIEWS if v.key != "mentions"])
def test_lists_are_read_in_the_order_of_an_index(key: str, role: str, make: Any, many: Many, app: Flask) -> None:
    teams = [make.team() for _ in range(3)]
    me = make.viewer(role, teams=teams)
    many(400, team_id=lambda i: [None, *teams][i % 4], shelf=lambda i: "open" if i % 9 == 0 else "solved")
    with db.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA query_only=OFF")
        connection.exec_driver_sql("ANALYZE")
    with counting() as counted:
        queries.page(db.session, me, Asked(BY_KEY[key]), None, 30)
    plan = explain(*counted.statements[0])
    assert "TEMP B-TREE" not in plan, plan
    assert "SCAN tickets\n" not in plan, plan


@pytest.mark.only("sqlite")
@pytest.mark.parametrize("role", ["admin", "agent"])
@pytest.mark.parametrize("sort", queries.SORTS)
@pytest.mark.parametrize("key", ["open", "closed", "all"])
def test_every_order_is_that_of_an_index(key: str, sort: str, role: str, make: Any, many: Many, app: Flask) -> None:
    me = make.viewer(role, teams=[make.team(), make.team()])
    shelves = ["open", "snoozed", "solved", "closed"]
    many(200, shelf=lambda i: shelves[i % 4], team_id=lambda i: [None, *me.team_ids][i % 3])
    with counting() as counted:
        queries.page(db.session, me, Asked(BY_KEY[key], sort=sort), None, 30)
    for statement, parameters in counted.statements[: 2 if sort == "due" else 1]:
        plan = explain(statement, parameters)
        assert "USE TEMP B-TREE FOR ORDER BY" not in plan, plan
        assert "SCAN tickets\n" not in plan, plan


@pytest.mark.only("sqlite")
def test_counts_come_from_covering_indexes(make: Any, many: Many) -> None:
    me = make.viewer("agent", teams=[make.team()])
    many(50, shelf=lambda i: "open" if i % 2 else "solved")
    with counting() as counted:
        queries.counts(db.session, me)
    assert len(counted) == 1
    plan = explain(*counted.statements[0])
    assert plan.count("USING COVERING INDEX") == 2, plan
    assert "ix_tickets_counts" in plan, plan


def explain(statement: str, parameters: Any) -> str:
    connection = db.session.connection()
    rows = connection.exec_driver_sql("EXPLAIN QUERY PLAN " + statement, parameters).all()
    return "".join(f"{row[3]}\n" for row in rows)
