"""The filter language, saved views, and one deed on many tickets."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from connectors.contract import Address
from helpdesk.extensions import db
from helpdesk.inbox import queries
from helpdesk.inbox.filter_words import LABELS, chips
from helpdesk.inbox.filters import KEYS, read_filter
from helpdesk.inbox.queries import Asked
from helpdesk.inbox.shelves import BY_KEY
from helpdesk.models import (
    Grant,
    Organization,
    ReadMark,
    Response,
    Tag,
    Ticket,
    TicketField,
    TicketTag,
    View,
)
from helpdesk.services import search_index
from helpdesk.unit_of_work import unit_of_work

Many = Callable[..., list[int]]
LAN = Address("widget", "v-lan", name="Nguyễn Lan Anh")


def found(viewer: Any, key: str = "all", **values: Any) -> list[int]:
    db.session.rollback()
    filter_ = read_filter({k.replace("__", "."): v for k, v in values.items()})
    assert filter_, values
    page = queries.page(db.session, viewer, Asked(BY_KEY[key], filter_), limit=200)
    assert queries.count_up_to(db.session, viewer, Asked(BY_KEY[key], filter_)) == len(page.rows)
    return sorted(row.id for row in page.rows)


def add(*rows: Any) -> list[int]:
    with unit_of_work() as work:
        work.session.add_all(rows)
        work.session.flush()
        return [getattr(r, "id", 0) for r in rows]


# --- the language --------------------------------------------------------------------------------------------


def test_several_values_fit_and_a_minus_turns_it_round(make: Any, many: Many) -> None:
    me = make.viewer("admin")
    low, high = many(1, priority="low"), many(1, priority="high")
    [normal] = many(1)
    assert found(me, priority="low,high") == sorted(low + high)
    assert found(me, priority="-low,high") == [normal]
    assert read_filter({"priority": "-low,nonsense"}).data() == {"priority": "-low"}
    assert read_filter({"priority": ["x"], "status": "nope", "team": "abc"}).data() == {}


def test_people_and_teams(make: Any, many: Many) -> None:
    ours, theirs = make.team(), make.team()
    me = make.viewer("admin", teams=[ours])
    mine, free = many(2, assignee_id=me.agent_id), many(3)
    team, other = many(1, team_id=ours, assignee_id=make.agent().id), many(1, team_id=theirs)
    assert found(me, assignee="me") == mine
    assert found(me, assignee="none") == sorted(free + other)
    assert found(me, assignee="-me") == sorted(free + team + other)
    assert found(me, team="mine") == team
    assert found(me, team=f"none,{theirs}") == sorted(mine + free + other)


def test_tags_ratings_mentions_unread_and_following(make: Any, many: Many) -> None:
    me = make.viewer("admin")
    a, b, c, d = many(4, last_author="customer", seq=5)
    [tag] = add(Tag(name="Hoàn tiền", name_folded="hoan tien"))
    ticket = db.session.get_one(Ticket, a)
    add(
        TicketTag(ticket_id=a, tag_id=tag),
        Response(ticket_id=b, customer_id=ticket.customer_id, score=2),
        Grant(ticket_id=c, agent_id=me.agent_id, why="mention"),
        Grant(ticket_id=d, agent_id=me.agent_id, why="follow"),
        ReadMark(agent_id=me.agent_id, ticket_id=a, seq=5),
        ReadMark(agent_id=me.agent_id, ticket_id=b, seq=4),
    )
    assert found(me, tag=str(tag)) == [a]
    assert found(me, tag=f"-{tag}") == [b, c, d]
    assert found(me, tag="none") == [b, c, d]
    assert found(me, rating="1,2") == [b]
    assert found(me, rating="none") == [a, c, d]
    assert found(me, mentions="1") == [c]
    assert found(me, following="1") == [d]
    assert found(me, unread="1") == [b, c, d]


def test_promises_dates_language_and_waiting(make: Any, many: Many) -> None:
    me = make.viewer("admin", timezone="Asia/Ho_Chi_Minh")
    now = datetime.now(UTC)
    [late] = many(1, sla_due_at=now - timedelta(hours=1), sla_soon_at=now - timedelta(hours=2))
    [soon] = many(1, sla_due_at=now + timedelta(hours=1), sla_soon_at=now - timedelta(hours=2))
    [calm] = many(1, sla_due_at=now + timedelta(hours=9), sla_soon_at=now + timedelta(hours=8), language="vi")
    [none] = many(1, needs_reply=True, created_at=now - timedelta(days=10))
    midnight = datetime(2026, 3, 4, 17, 30, tzinfo=UTC)  # half past midnight of 5 March in Vietnam
    [march] = many(1, created_at=midnight)
    assert found(me, sla="late") == [late]
    assert found(me, sla="soon") == [soon]
    assert found(me, sla="running") == [soon, calm]
    assert found(me, sla="none") == [none, march]
    assert found(me, language="vi") == [calm]
    assert found(me, waiting="1") == [none]
    assert none in found(me, created="30d") and none not in found(me, created="7d")
    assert none in found(me, created="-7d")
    assert found(me, created="2026-03-05..2026-03-05") == [march]
    assert march not in found(me, created="2026-03-06..")
    assert read_filter({"created": "yesterday-ish", "activity": ".."}).data() == {}


def test_customers_organizations_words_and_own_fields(make: Any, channel: Any, many: Many) -> None:
    me = make.viewer("admin")
    [org] = add(Organization(name="Gốm Việt", name_folded="gom viet"))
    first = make.inbound(channel, "Ấm trà bị nứt nắp", sender=LAN).ticket_id
    second = make.inbound(channel, "Where is it?", sender=Address("widget", "v-2", name="Emma")).ticket_id
    add(TicketField(key="colour", name="Colour", kind="choice", choices=["red", "blue"]))
    with unit_of_work() as work:
        ticket = work.session.get_one(Ticket, first)
        ticket.customer.organization_id, ticket.customer.vip, ticket.custom = org, True, {"colour": "red", "gift": True}
        search_index.index_customer(work.session, ticket.customer_id)
        customer = ticket.customer_id
    assert found(me, customer="lan anh") == [first]
    assert found(me, customer=str(customer)) == [first]
    assert found(me, organization=str(org)) == [first]
    assert found(me, organization="none") == [second]
    assert found(me, text="am tra") == [first]
    assert found(me, text="-am tra") == [second]
    assert found(me, vip="1") == [first]
    assert found(me, kind=channel.kind) == sorted([first, second])
    assert found(me, field__colour="red") == [first]
    assert found(me, field__colour="-red") == [second]
    assert found(me, field__gift="true") == [first]


def test_every_condition_has_words_and_can_be_built(make: Any, many: Many) -> None:
    me = make.viewer("admin")
    many(1)
    assert set(LABELS) == set(KEYS)
    samples = {
        "status": "open", "priority": "low", "assignee": "me", "team": "none", "tag": "none", "channel": "1",
        "kind": "email", "customer": "x", "organization": "none", "vip": "1", "sla": "late", "reason": "none",
        "created": "7d", "activity": "2026-01-01..", "text": "x", "unread": "1", "mentions": "1", "following": "1",
        "waiting": "1", "language": "vi", "rating": "5",
    }  # fmt: skip
    assert set(samples) == set(KEYS)
    for key, value in samples.items():
        [chip] = chips(me, read_filter({key: value}))
        assert chip.word
    client = make.client(make.agent("admin", locale="vi"))
    page = client.get("/inbox/filters", query_string={"view": "all", **samples}).get_data(as_text=True)
    for key in KEYS:
        if key not in ("channel", "kind"):
            assert f'name="{key}"' in page, key


def test_access_holds_whatever_is_filtered(make: Any, many: Many) -> None:
    ours, theirs = make.team(), make.team()
    me = make.viewer("agent", teams=[ours])
    seen, _hidden = many(2, team_id=ours, priority="urgent"), many(2, team_id=theirs, priority="urgent")
    shelved = many(1, team_id=ours, priority="urgent", shelf="solved", status="solved")
    assert found(me, priority="urgent") == sorted(seen + shelved)
    assert found(me, team=f"{ours},{theirs}") == sorted(seen + shelved)


@pytest.mark.parametrize("role", ["admin", "agent"])
def test_newest_ticket_first_and_all_shelves_page_without_gaps(role: str, make: Any, many: Many) -> None:
    from tests.inbox.test_lists import whole

    me = make.viewer(role, teams=[make.team(), make.team()])
    shelves = ["open", "snoozed", "solved", "closed"]
    every = many(21, shelf=lambda i: shelves[i % 4], created_at=lambda i: datetime(2026, 1, 1 + i % 5, tzinfo=UTC))
    for sort in ("created", "activity", "oldest", "due"):
        assert sorted(whole(me, Asked(BY_KEY["all"], sort=sort))) == sorted(every), sort
    ids = whole(me, Asked(BY_KEY["all"], sort="created"))
    rows = {t.id: t.created_at for t in db.session.scalars(select(Ticket))}
    assert [(rows[i], i) for i in ids] == sorted(((rows[i], i) for i in ids), reverse=True)


# --- saved views ---------------------------------------------------------------------------------------------


def save(client: Any, name: str, query: str, **values: str) -> int:
    where = client.post("/views", data={"name": name, "query": query, **values}).headers["Location"]
    return int(where.split("view=v")[1])


def test_a_view_is_changed_shared_arranged_and_deleted(make: Any, many: Many) -> None:
    team = make.team("Orders")
    lead = make.agent("supervisor", leads=[team])
    client, mate = make.client(lead), make.client(make.agent("agent", teams=[team]))
    stranger = make.client(make.agent("agent"))
    many(1, priority="urgent", team_id=team)
    first = save(client, "Urgent", "view=open&priority=urgent")
    second = save(client, "Team's", "view=all&status=open,new", scope=f"t{team}")
    assert mate.get(f"/?view=v{first}").status_code == 404
    assert mate.get(f"/?view=v{second}").status_code == 200
    assert stranger.get(f"/?view=v{second}").status_code == 404
    assert mate.post(f"/views/{second}", data={"name": "Mine now"}).status_code == 404

    client.post(f"/views/{first}", data={"name": "Very urgent", "scope": "all"})
    client.post(f"/views/{first}", data={"query": "view=open&priority=urgent,high&sort=oldest"})
    view = db.session.get_one(View, first)
    db.session.refresh(view)
    assert (view.name, view.owner_id, view.team_id, view.sort) == ("Very urgent", None, None, "oldest")
    assert view.filter == {"view": "open", "priority": "urgent,high"}
    assert stranger.get(f"/?view=v{first}").status_code == 200

    page = client.get("/?view=open").get_data(as_text=True)
    assert page.index("Very urgent") < page.index("Team&#39;s")
    client.post(f"/views/{first}/move", data={"by": "down"})
    page = client.get("/?view=open").get_data(as_text=True)
    assert page.index("Team&#39;s") < page.index("Very urgent")
    theirs = mate.get("/?view=open").get_data(as_text=True)
    assert theirs.index("Very urgent") < theirs.index("Team&#39;s"), "everybody has their own order"

    client.post(f"/views/{first}/delete", data={"back": "1"})
    assert client.get(f"/?view=v{first}").status_code == 404


def test_a_saved_views_conditions_can_be_changed_on_the_page(make: Any, many: Many) -> None:
    client = make.client(make.agent("agent"))
    many(1, priority="urgent")
    key = save(client, "Urgent", "view=open&priority=urgent")
    page = client.get(f"/?view=v{key}").get_data(as_text=True)
    assert "Priority is" in page and f"saved=v{key}" in page and "Save changes" not in page
    page = client.get(f"/?view=open&priority=high&saved=v{key}").get_data(as_text=True)
    assert "Save changes to Urgent" in page


# --- bulk ----------------------------------------------------------------------------------------------------


def test_many_are_changed_and_taken_back_each_to_what_it_was(make: Any, many: Many) -> None:
    me, other = make.agent("admin"), make.agent("admin")
    client = make.client(me)
    many(2)
    many(1, assignee_id=other.id)
    many(1, assignee_id=me.id)
    numbers = list(db.session.scalars(select(Ticket.number).order_by(Ticket.id)))
    told = client.post("/tickets/bulk", data={"do": "assignee", "value": "me", "number": numbers}).get_json()
    assert told["count"] == 4
    assert told["undo"] == [
        {"do": "assignee", "value": "", "number": numbers[:2]},
        {"do": "assignee", "value": str(other.id), "number": [numbers[2]]},
    ]
    for group in told["undo"]:
        client.post("/tickets/bulk", data=group)
    db.session.rollback()
    assert list(db.session.scalars(select(Ticket.assignee_id).order_by(Ticket.id))) == [None, None, other.id, me.id]


@pytest.mark.parametrize(
    ("deed", "value", "back"),
    [
        ("status", "solved", {"do": "status", "value": "open"}),
        ("priority", "urgent", {"do": "priority", "value": "normal"}),
        ("move", "trash", {"do": "move", "value": "inbox"}),
        ("tag", "vip", {"do": "untag", "value": "vip"}),
        ("snooze", "2h", {"do": "snooze", "value": ""}),
    ],
)
def test_what_undoes_each_deed(deed: str, value: str, back: dict[str, str], make: Any, many: Many) -> None:
    client = make.client(make.agent("admin"))
    many(1)
    number = db.session.scalars(select(Ticket.number)).one()
    data = {"do": deed, "value": value, "number": number}
    assert client.post("/tickets/bulk", data=data).get_json()["undo"] == [{**back, "number": [number]}]
    assert client.post("/tickets/bulk", data={**back, "number": number}).get_json()["count"] == 1
    db.session.rollback()
    ticket = db.session.scalars(select(Ticket)).one()
    assert (ticket.shelf, ticket.status, ticket.priority) == ("open", "open", "normal")


def test_what_one_refuses_does_not_stop_the_others(make: Any, many: Many) -> None:
    client = make.client(make.agent("admin"))
    many(2)
    many(1, shelf="merged", status="closed")
    numbers = list(db.session.scalars(select(Ticket.number).order_by(Ticket.id)))
    told = client.post("/tickets/bulk", data={"do": "status", "value": "solved", "number": numbers}).get_json()
    assert told["count"] == 2
    assert [r["number"] for r in told["refused"]] == [[numbers[2]]]
    assert (
        client.post("/tickets/bulk", data={"do": "status", "value": "nope", "number": numbers}).get_json()["count"] == 0
    )
    assert client.post("/tickets/bulk", data={"do": "explode", "number": numbers}).status_code == 422
