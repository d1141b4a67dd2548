"""Pages and fragments: what they show, whom they show it to, and how many queries they need."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.contract import Address
from helpdesk.extensions import db
from helpdesk.inbox.snooze import snooze_time
from helpdesk.models import Agent, Message, Ticket, View
from helpdesk.unit_of_work import unit_of_work
from tests.inbox.conftest import counting

LAN = Address("widget", "v-lan", name="Nguyễn Lan Anh")
FRAGMENT = {"HX-Request": "true"}


def test_the_inbox_and_a_ticket_need_few_queries(make: Any, channel: Any, many: Callable[..., list[int]]) -> None:
    client = make.client(make.agent("agent", teams=[make.team(), make.team()]))
    many(60, needs_reply=True)
    for i in range(40):
        make.inbound(channel, f"Message {i}", sender=LAN)
    number = 1001
    for path, headers, most in (
        ("/", {}, 8),
        ("/inbox/list?view=open", FRAGMENT, 7),
        (f"/tickets/{number}", FRAGMENT, 7),
        (f"/tickets/{number}/earlier?before=35", FRAGMENT, 8),
    ):
        db.session.rollback()
        with counting() as counted:
            response = client.get(path, headers=headers)
        assert response.status_code == 200
        assert len(counted) <= most, (path, len(counted), [s for s, _ in counted.statements])


def test_the_number_of_queries_does_not_grow_with_the_thread(make: Any, channel: Any) -> None:
    client = make.client(make.agent("admin"))
    make.inbound(channel, "First", sender=LAN)
    with counting() as few:
        client.get("/tickets/1001", headers=FRAGMENT)
    for i in range(25):
        make.inbound(channel, f"More {i}", sender=LAN)
    with counting() as more:
        client.get("/tickets/1001", headers=FRAGMENT)
    assert len(more) == len(few)


def test_a_row_tells_what_matters(make: Any, channel: Any) -> None:
    agent = make.agent("admin", name="Trần Linh")
    client = make.client(agent)
    make.inbound(channel, "Ấm trà bị nứt", sender=LAN)
    with unit_of_work() as work:
        ticket = work.session.query(Ticket).one()
        ticket.sla_due_at, ticket.sla_soon_at = datetime.now(UTC) - timedelta(minutes=12), datetime.now(UTC)
        ticket.assignee_id = agent.id
    page = client.get("/").get_data(as_text=True)
    row = page[page.index('<li class="hd-row') :]
    for words in ("Nguyễn Lan Anh", "Ấm trà bị nứt", "late by 12 m", "Chat, unread", "Assigned to Trần Linh"):
        assert words in row, words


def test_the_thread_is_newest_first_loaded_and_earlier_by_keyset(make: Any, channel: Any) -> None:
    client = make.client(make.agent("admin"))
    for i in range(75):
        make.inbound(channel, f"Utterance {i:03d}", sender=LAN)
    page = client.get("/tickets/1001", headers=FRAGMENT).get_data(as_text=True)
    seen = re.findall(r"<p>(Utterance \d+)", page)
    while (earlier := re.search(r'data-earlier="([^"]+)"', page)) is not None:
        page = client.get(earlier[1], headers=FRAGMENT).get_data(as_text=True)
        seen = re.findall(r"<p>(Utterance \d+)", page) + seen
    assert seen == [f"Utterance {i:03d}" for i in range(75)]


def test_what_is_not_theirs_is_not_there(make: Any, channel: Any) -> None:
    team = make.team()
    client = make.client(make.agent("agent"))
    make.inbound(channel, "A secret matter", sender=LAN)
    with unit_of_work() as work:
        ticket = work.session.query(Ticket).one()
        ticket.set_team(team)
        message = work.session.query(Message).one().id
    assert "A secret matter" not in client.get("/?view=open").get_data(as_text=True)
    paths = [f"/tickets/1001{part}" for part in ("", "/side", "/earlier", "/suggest")]
    paths += [f"/messages/{message}/{part}" for part in ("html", "source", "text")]
    for path in [*paths, f"/m/{message}"]:
        assert client.get(path).status_code == 404, path
    for path in (
        "reply",
        "note",
        "status",
        "priority",
        "assignee",
        "team",
        "tags",
        "read",
        "draft",
        "move",
        "snooze",
        "asked",
    ):
        assert client.post(f"/tickets/1001/{path}", data={"text": "x", "status": "open"}).status_code == 404, path
    answer = client.get("/inbox/changes?after=0&view=open&ticket=1001").get_json()
    assert answer["events"] == [] and answer["rows"] == {} and answer["ticket"] == {"gone": True}
    assert client.get("/inbox/palette?q=secret").get_json()["tickets"] == []


def test_text_of_strangers_is_only_text(make: Any, channel: Any) -> None:
    client = make.client(make.agent("admin", name="<b>Eve</b>"))
    evil = (
        '<script>alert(1)</script> <img src=x onerror=alert(1)> "quoted" javascript:alert(1) https://example.com/"onx='
    )
    make.inbound(channel, evil, sender=Address("widget", "v-evil", name="<script>alert(2)</script>"))
    for path in ("/tickets/1001", "/tickets/1001/side"):
        page = client.get(path, headers=FRAGMENT).get_data(as_text=True)
        assert "<script>alert" not in page and "<img src=x" not in page and "<b>Eve" not in page


def test_times_follow_the_viewers_zone_and_language(make: Any, channel: Any, app: Any) -> None:
    make.inbound(channel, "Xin chào shop", sender=LAN)
    with unit_of_work() as work:
        message = work.session.query(Message).one()
        message.created_at = datetime(2026, 3, 5, 20, 30, tzinfo=UTC)
    here = make.client(make.agent("admin", timezone="Asia/Ho_Chi_Minh"))
    there = make.client(make.agent("admin", timezone="Europe/London"))
    assert ">03:30<" in here.get("/tickets/1001").get_data(as_text=True)  # 6 March there
    with app.app_context():
        assert ">20:30<" in there.get("/tickets/1001").get_data(as_text=True)


@pytest.mark.parametrize(
    ("choice", "local"),
    [("tomorrow", "2026-11-23T08:00"), ("monday", "2026-11-23T08:00"), ("2026-12-01T09:30", "2026-12-01T09:30")],
)
def test_snooze_times_are_the_viewers(choice: str, local: str, make: Any) -> None:
    viewer = make.viewer("agent", timezone="Asia/Ho_Chi_Minh")
    at = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)  # a Sunday afternoon in Vietnam
    found = snooze_time(choice, viewer, at)
    assert found is not None
    assert (found + timedelta(hours=7)).strftime("%Y-%m-%dT%H:%M") == local


def test_a_filter_becomes_a_view(make: Any, many: Callable[..., list[int]]) -> None:
    agent = make.agent("agent")
    client, other = make.client(agent), make.client(make.agent("agent"))
    many(2, priority="urgent")
    many(1)
    page = client.get("/?view=open&priority=urgent").get_data(as_text=True)
    assert "Priority is" in page and "Save as view" in page and page.count('<li class="hd-row') == 2
    response = client.post("/views", data={"name": "Urgent ones", "query": "view=open&priority=urgent"})
    key = response.headers["Location"].split("view=")[1]
    page = client.get(f"/?view={key}").get_data(as_text=True)
    assert "Urgent ones" in page and page.count('<li class="hd-row') == 2
    assert other.get(f"/?view={key}").status_code == 404
    assert client.post("/views", data={"name": "All", "shared": "1"}).status_code == 404
    view_id = db.session.query(View.id).scalar()
    assert other.post(f"/views/{view_id}/delete").status_code == 404
    assert client.post(f"/views/{view_id}/delete", headers={"X-Requested-With": "fetch"}).get_json()["ok"]


def test_without_scripts_a_reply_still_goes_and_comes_back(make: Any, channel: Any) -> None:
    client = make.client(make.agent("admin"))
    make.inbound(channel, "Hello?", sender=LAN)
    response = client.post("/tickets/1001/reply", data={"text": "Hello!"}, headers={"Accept": "text/html"})
    assert (response.status_code, response.headers["Location"]) == (303, "/tickets/1001")


def test_the_theme_is_the_agents(make: Any) -> None:
    dark = make.client(make.agent("admin", theme="dark"))
    assert '<html lang="en" data-bs-theme="dark">' in dark.get("/").get_data(as_text=True)
    auto = make.client(make.agent("admin"))
    assert '<html lang="en">' in auto.get("/").get_data(as_text=True)
    assert db.session.query(Agent).count() == 2


def test_a_visitor_without_a_name_is_no_row_of_hex(make: Any) -> None:
    """In the list, in the ticket and on the profile."""
    chat = make.channel("widget")
    outcome = make.inbound(chat, "Is it oven-proof?", sender=Address("widget", "v:5afc0ec400f9411d4f43fbc656fcd921"))
    ticket = db.session.get_one(Ticket, outcome.ticket_id)
    client = make.client(make.agent("admin"))
    for path in ("/", f"/tickets/{ticket.number}", f"/customers/{ticket.customer_id}", "/customers"):
        page = client.get(path).text
        assert f"Website visitor {ticket.customer_id}" in page, path
        assert "5afc0ec400f9411d" not in page, path
