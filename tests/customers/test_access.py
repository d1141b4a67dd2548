"""Who gets what: every route of these screens × every kind of person, by a written table. Unknown is 404."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event, select

from connectors.contract import Address
from helpdesk.extensions import db
from helpdesk.models import Identity, Merge, Ticket
from helpdesk.services import merging, search
from helpdesk.unit_of_work import unit_of_work

OK, AWAY, MISSING, WRONG, LOGIN = 200, 303, 404, 422, 302

# (method, path, form): what the agent of another team gets, what the owner's team, a supervisor of it and an admin get.
TABLE = [
    ("GET", "/customers/{theirs}", {}, MISSING, OK),
    ("GET", "/customers/{theirs}?show=messages", {}, MISSING, OK),
    ("GET", "/customers/{theirs}/edit", {}, MISSING, OK),
    ("POST", "/customers/{theirs}/edit", {"name": "X"}, MISSING, AWAY),
    ("POST", "/customers/{theirs}/block", {"blocked": "0"}, MISSING, AWAY),
    ("GET", "/customers/{theirs}/identities", {}, MISSING, OK),
    ("POST", "/customers/{theirs}/identities", {"kind": "email", "value": "n@example.com"}, MISSING, AWAY),
    ("GET", "/customers/{theirs}/merge", {}, MISSING, OK),
    ("GET", "/customers/{theirs}/merge?with={known}", {}, MISSING, OK),
    ("GET", "/customers/{known}/merge?with={theirs}", {}, MISSING, OK),
    ("POST", "/customers/{known}/merge", {"with": "{theirs}"}, MISSING, AWAY),
    ("POST", "/customers/merges/{merge}/undo", {}, MISSING, AWAY),
    ("GET", "/tickets/{ticket}/call-form", {}, MISSING, OK),
    ("POST", "/tickets/{ticket}/call", {"number": "0912345678", "notes": "x"}, MISSING, AWAY),
    ("GET", "/new/call?customer={theirs}", {}, MISSING, OK),
    ("GET", "/new/call/match?number=0912&customer={theirs}", {}, MISSING, OK),
    ("POST", "/new/call", {"number": "0912345678", "notes": "x", "ticket": "{ticket}"}, MISSING, AWAY),
    ("POST", "/new/call", {"number": "0912000111", "notes": "x", "customer": "{theirs}"}, MISSING, AWAY),
    ("POST", "/new/message", {"who": "b@example.com", "text": "x", "way": "1:"}, WRONG, AWAY),
    ("GET", "/customers/999", {}, MISSING, MISSING),
    ("POST", "/customers/merges/999/undo", {}, MISSING, MISSING),
]


@pytest.fixture
def world(make: Any) -> dict[str, Any]:
    """Two teams; a customer of the other one, with a ticket and a merged profile; one without tickets, known to all."""
    mine, other = make.team("Mine"), make.team("Other")
    channel = make.channel("widget", team_id=other)
    make.channel("phone", team_id=other)
    outcome = make.inbound(channel, "bí mật của đội khác", sender=Address("widget", "v:b", name="Bình Bí Mật"))
    ticket = db.session.get_one(Ticket, outcome.ticket_id)
    known = make.customer("Known To All")
    boss = make.viewer("admin")
    with unit_of_work(actor=boss.actor) as work:
        work.session.add(Identity(customer_id=ticket.customer_id, kind="email", value="b@example.com"))
        row = merging.merge(work, boss, ticket.customer_id, make_inside(work))
    ids = {"theirs": ticket.customer_id, "known": known.id, "merge": row.id, "ticket": ticket.number}
    return {"ids": ids, "mine": mine, "other": other, "make": make}


def make_inside(work: Any) -> int:
    from helpdesk.models import Customer

    row = Customer(name="Twin")
    work.session.add(row)
    work.session.flush()
    return row.id


def ask(client: Any, world: dict[str, Any], method: str, path: str, form: dict[str, str]) -> int:
    data = {k: v.format(**world["ids"]) for k, v in form.items()}
    answer = client.open(path.format(**world["ids"]), method=method, data=data if method == "POST" else None)
    assert "Bí Mật" not in answer.get_data(as_text=True) or answer.status_code == 200
    return answer.status_code


def test_the_other_team_s_agent_and_a_stranger_learn_nothing(world: dict[str, Any], client: Any) -> None:
    stranger = client
    for method, path, form, _away, _in in TABLE:
        world["make"].app.config["WTF_CSRF_ENABLED"] = False
        assert ask(stranger, world, method, path, form) == LOGIN, path
    agent = world["make"].client(world["make"].agent("agent", teams=[world["mine"]]))
    for method, path, form, away, _in in TABLE:
        assert ask(agent, world, method, path, form) == away, (method, path)
    for path in (
        "/customers",
        "/search?q=bi+mat",
        "/search?q=bi+mat&fragment=1",
        "/customers?q=binh",
        "/new/message/who?who=binh",
    ):
        page = agent.get(path).get_data(as_text=True)
        assert "Bình Bí Mật" not in page, path
        assert "đội khác" not in page, path
    assert "another team" in agent.get("/new/message/who?who=b@example.com").get_data(as_text=True)


@pytest.mark.parametrize("role", ["agent", "supervisor", "admin"])
def test_those_who_may_get_what_they_asked_for(world: dict[str, Any], role: str) -> None:
    make = world["make"]
    person = (
        make.agent(role, leads=[world["other"]]) if role == "supervisor" else make.agent(role, teams=[world["other"]])
    )
    client = make.client(person)
    order = sorted(TABLE, key=lambda row: "merge" in row[1] and row[0] == "POST")  # what changes people comes last
    for method, path, form, _away, given in order:
        assert ask(client, world, method, path, form) == given, (method, path)


def test_a_profile_lists_only_the_tickets_one_may_see(make: Any) -> None:
    mine, other = make.team(), make.team()
    sender = Address("widget", "v:c", name="Chung")
    make.inbound(make.channel("widget", team_id=mine), "chuyện của đội mình đây", sender=sender)
    customer_id = db.session.scalars(select(Ticket.customer_id)).one()
    with unit_of_work() as work:
        identity = Identity(customer_id=customer_id, kind="phone", value="+84912345678")
        work.session.add(identity)
    make.inbound(
        make.channel("phone", team_id=other), "chuyện riêng của đội khác", sender=Address("phone", "+84912345678")
    )
    client = make.client(make.agent("agent", teams=[mine]))
    page = client.get(f"/customers/{customer_id}").get_data(as_text=True)
    assert "chuyện của đội mình" in page
    assert "chuyện riêng" not in page
    assert "#1002" not in page
    assert "1 / 0" in page


@pytest.mark.only("sqlite")
def test_the_list_and_the_profile_read_no_table_from_end_to_end(make: Any, person: Any) -> None:
    """EXPLAIN on SQLite, for an admin and for an agent of one team."""
    from helpdesk.customers import listing, profile, timeline
    from helpdesk.models import Customer

    lan = person("Lan", email="lan@example.com")
    make.inbound(make.channel("widget"), "xin chào shop nhé", sender=Address("widget", "v:1"))
    seen: list[tuple[str, Any]] = []

    def listen(conn: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        seen.append((statement, parameters))

    viewers = make.viewer("admin"), make.viewer("agent", teams=[make.team()])
    customer = db.session.get_one(Customer, lan.id)
    event.listen(db.engine, "before_cursor_execute", listen)
    with make.app.test_request_context():
        for viewer in viewers:
            listing.page(db.session, viewer, "")
            listing.page(db.session, viewer, "lan")
            listing.page(db.session, viewer, "", "2999-01-01T00:00:00+00:00_5")
            profile.facts_of(db.session, viewer, customer)
            timeline.load(db.session, viewer, customer, before=10**9)
            search.customers(db.session, viewer, "lan")
    event.remove(db.engine, "before_cursor_execute", listen)
    assert len(seen) > 20
    for statement, parameters in seen:
        for row in db.session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters):
            detail = row[-1]
            whole = "VIRTUAL TABLE" in detail or "CONSTANT" in detail or detail == "SCAN settings"  # few, asked at once
            assert not detail.startswith("SCAN") or whole, (
                detail,
                statement,
            )


def test_a_merge_holds_until_it_is_undone(world: dict[str, Any]) -> None:
    assert db.session.get_one(Merge, world["ids"]["merge"]).undone_at is None
