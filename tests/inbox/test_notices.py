"""The notice centre over HTTP: one's own only, nothing of tickets one may not see any more, and the choices page."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import select

from connectors.contract import Address
from helpdesk.extensions import db
from helpdesk.models import Agent, Notice, PushSubscription, Ticket
from helpdesk.services import tickets
from helpdesk.unit_of_work import unit_of_work
from tests.services.test_notices import Browser

LAN = Address("widget", "v-lan", name="Nguyễn Lan Anh")


@pytest.fixture
def minh(make: Any) -> Agent:
    agent: Agent = make.agent("agent", name="Minh Hoàng")
    return agent


def give(make: Any, channel: Any, agent: Agent, text: str = "Where is my parcel?") -> None:
    outcome = make.inbound(channel, text, sender=LAN)
    with unit_of_work() as work:
        tickets.assign(work, None, work.session.get_one(Ticket, outcome.ticket_id), agent.id)


def new(client: Any, after: int) -> Any:
    db.session.rollback()
    return client.get("/notices/new", query_string={"after": after}).get_json()


def test_what_is_new_is_told_with_its_ways_and_only_to_whom_it_concerns(make: Any, channel: Any, minh: Agent) -> None:
    client, other = make.client(minh), make.client(make.agent("admin"))
    give(make, channel, minh)
    first = new(client, 0)
    assert (first["unread"], first["items"]) == (1, [])  # a page that opens is told the number, not the past
    with unit_of_work() as work:
        tickets.assign(work, None, work.session.query(Ticket).one(), None)
        tickets.assign(work, None, work.session.query(Ticket).one(), minh.id)
    told = new(client, first["newest"])
    assert [i["title"] for i in told["items"]] == ["A ticket was given to you"]
    assert told["items"][0]["number"] == 1001 and told["items"][0]["ways"] == ["app", "chat", "desktop", "push"]
    assert new(other, 1)["items"] == [] and new(other, 0)["unread"] == 0
    assert "Where is my parcel?" in client.get("/notices").get_data(as_text=True)
    assert "Where is my parcel?" not in other.get("/notices/list").get_data(as_text=True)


def test_only_ones_own_are_marked_read(make: Any, channel: Any, minh: Agent) -> None:
    client, other = make.client(minh), make.client(make.agent("admin"))
    give(make, channel, minh)
    id_ = db.session.scalars(select(Notice.id)).one()
    fetch = {"X-Requested-With": "fetch"}
    other.post("/notices/read", data={"id": id_}, headers=fetch)
    other.post("/notices/read", data={"up_to": 10**6}, headers=fetch)
    assert new(client, 0)["unread"] == 1
    assert client.post("/notices/read", data={"id": id_}, headers=fetch).get_json()["unread"] == 0
    assert client.post("/notices/read", data={"up_to": id_}).status_code == 303


def test_a_ticket_that_went_out_of_sight_is_told_no_more(make: Any, channel: Any, minh: Agent) -> None:
    client, hidden = make.client(minh), make.team()
    give(make, channel, minh)
    with unit_of_work() as work:
        ticket = work.session.query(Ticket).one()
        tickets.assign(work, None, ticket, None)
        tickets.set_team(work, None, ticket, hidden)
    assert "parcel" not in client.get("/notices").get_data(as_text=True)
    assert new(client, 0)["newest"] > 0 and new(client, 1)["items"] == []


def test_older_ones_come_page_by_page(make: Any, channel: Any, minh: Agent) -> None:
    client = make.client(minh)
    with unit_of_work() as work:
        work.session.add_all(Notice(agent_id=minh.id, kind="rating", data={"score": n % 5 + 1}) for n in range(70))
    seen, address = 0, "/notices/list"
    for _ in range(5):
        page = client.get(address).get_data(as_text=True)
        seen += page.count("data-notice=")
        if "data-notices-more" not in page:
            break
        address = page.split('data-notices-more="')[1].split('"')[0]
    assert seen == 70


def test_choices_are_kept_and_checked(make: Any, minh: Agent) -> None:
    client = make.client(minh)
    data = {"mention": ["app", "email", "pigeon"], "quiet": "1", "quiet_from": "22:15", "quiet_until": "6:45"}
    assert client.post("/me/notices", data=data).status_code == 303
    db.session.rollback()
    kept = db.session.get_one(Agent, minh.id).preferences["notices"]
    assert kept["ways"]["mention"] == ["app", "email"] and kept["ways"]["reply"] == []
    assert (kept["quiet"], kept["quiet_from"], kept["quiet_until"], kept["digest"]) == (True, "22:15", "6:45", None)
    page = client.post("/me/notices", data={**data, "quiet_from": "late"})
    assert page.status_code == 422 and "Write a time like 21:00." in page.get_data(as_text=True)


def test_a_browser_is_remembered_and_forgotten(make: Any, minh: Agent) -> None:
    client, other = make.client(minh), make.client(make.agent("agent"))
    key = client.post("/me/push/key").get_json()["key"]
    assert key == other.post("/me/push/key").get_json()["key"]
    subscription = Browser("https://push.example/abc").subscription
    client.post("/me/push", data={"subscription": json.dumps(subscription)})
    assert client.post("/me/push", data={"subscription": "nonsense"}).status_code == 422
    db.session.rollback()
    row = db.session.scalars(select(PushSubscription)).one()
    assert row.agent_id == minh.id and "push.example" not in row.sealed
    other.post("/me/push/forget", data={"endpoint": subscription["endpoint"]})
    db.session.rollback()
    assert db.session.scalars(select(PushSubscription)).all() == [row]
    client.post("/me/push/forget", data={"endpoint": subscription["endpoint"]})
    db.session.rollback()
    assert db.session.scalars(select(PushSubscription)).all() == []


def test_the_palette_finds_settings_of_ones_own_role(make: Any, minh: Agent) -> None:
    find = lambda client, typed: client.get(f"/inbox/palette?q={typed}").get_json()["settings"]  # noqa: E731
    assert [s["label"] for s in find(make.client(make.agent("admin")), "chann")] == ["Channels"]
    assert find(make.client(minh), "chann") == []
    assert [s["url"] for s in find(make.client(minh), "notic")] == ["/me/notices"]


def test_the_app_is_the_same_for_everybody_and_holds_nothing(client: Any, app: Any) -> None:
    worker = client.get("/sw.js")
    assert worker.headers["Cache-Control"] == "no-cache" and worker.get_data(as_text=True).startswith("self.HD=")
    icon = client.get("/app-icon-512.png")
    assert icon.mimetype == "image/png" and icon.get_data()[:4] == b"\x89PNG"
    assert client.get("/app-icon-77.png").status_code == 404
    assert client.get("/manifest.webmanifest").get_json()["name"] == "Helpdesk"
