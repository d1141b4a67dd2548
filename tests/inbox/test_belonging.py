"""The bar on an "other sender" entry and *Move this message to…*: with and without a script, and who may."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.contract import Address, Evidence
from helpdesk.extensions import db
from helpdesk.models import Message, Ticket
from helpdesk.services.threading import reply_token
from helpdesk.unit_of_work import unit_of_work

FETCH = {"X-Requested-With": "fetch", "Accept": "application/json"}
LAN = Address("email", "lan@example.com", name="Lan Anh")
BINH = Address("email", "binh@example.com", name="Bình <b>")
VERBS = (("accept", {}), ("split", {}), ("move", {"number": "#1002"}))


@pytest.fixture
def other(make: Any, app: Any) -> int:
    """A message of Bình's in Lan's ticket 1001; 1002 is another one of Lan's."""
    channel = make.channel("email", config={"address": "support@shop.example"})
    first = make.inbound(channel, "Where is my order?", sender=LAN, subject="Order")
    make.inbound(channel, "Something else", sender=LAN, subject="Else")
    token = reply_token(app.extensions["keyring"], first.ticket_id)
    evidence = Evidence(addressed_to=(f"support+{token}@shop.example",))
    return int(make.inbound(channel, "Me too", sender=BINH, subject="Re", evidence=evidence).message_id)


def message(id_: int) -> Message:
    db.session.rollback()
    return db.session.get_one(Message, id_)


def test_the_bar_names_the_sender_and_goes_when_decided(make: Any, other: int) -> None:
    client = make.client(make.agent("agent"))
    page = client.get("/tickets/1001").text
    assert "Other sender:" in page and "<b>Bình &lt;b&gt;</b> &lt;binh@example.com&gt;" in page
    for what in ("accept", "split", "move"):
        assert f'action="/messages/{other}/{what}"' in page
    answer = client.post(f"/messages/{other}/accept")
    assert (answer.status_code, answer.location) == (303, "/tickets/1001")
    page = client.get("/tickets/1001").text
    assert "Other sender:" not in page and "Other sender accepted" in page


def test_the_bar_in_vietnamese(make: Any, other: int) -> None:
    page = make.client(make.agent("agent", locale="vi")).get("/tickets/1001").text
    assert "Người gửi khác:" in page and "Tách thành phiếu riêng" in page and "Chuyển tin nhắn này sang…" in page


def test_split_goes_to_the_new_ticket_once(make: Any, other: int) -> None:
    client = make.client(make.agent("agent"))
    assert client.post(f"/messages/{other}/split").location == "/tickets/1003"
    assert client.post(f"/messages/{other}/split", headers=FETCH).get_json() == {"ok": True, "ticket": 1003}
    assert "Me too" in client.get("/tickets/1003").text
    old = client.get("/tickets/1001").text
    assert f'id="m-{other}"' not in old and "Other sender split off" in old
    assert client.post(f"/messages/{other}/accept", headers=FETCH).status_code == 409


def test_open_pages_hear_that_a_message_left_and_came(make: Any, other: int) -> None:
    client = make.client(make.agent("agent"))
    after = client.get("/inbox/changes?after=0").get_json()["cursor"]
    client.post(f"/messages/{other}/move", data={"number": "#1002"}, headers=FETCH)
    left, came = (client.get(f"/inbox/changes?after={after}&ticket={n}").get_json()["ticket"] for n in (1001, 1002))
    first = message(other).id - 2
    assert left["from"] == first and "Me too" not in left["tail"] and "went to ticket #1002" in left["tail"]
    assert came["from"] == first + 1 and "Me too" in came["tail"] and "Something else" in came["tail"]


@pytest.mark.parametrize("number", ["", "x", "1002; 1003", "٣", "-1", "99999999999999999999"])
def test_a_number_that_is_none(make: Any, other: int, number: str) -> None:
    client = make.client(make.agent("agent"))
    assert client.post(f"/messages/{other}/move", data={"number": number}, headers=FETCH).status_code == 422
    assert message(other).other_sender


def test_nobody_else_may(make: Any, other: int, app: Any) -> None:
    team = make.team("Orders")
    with unit_of_work() as work:
        work.session.get_one(Ticket, message(other).ticket_id).set_team(team)
    outsider, mate = make.client(make.agent("agent")), make.client(make.agent("agent", teams=[team]))
    for what, data in VERBS:
        assert outsider.post(f"/messages/{other}/{what}", data=data, headers=FETCH).status_code == 404
        assert mate.post(f"/messages/999999/{what}", data=data, headers=FETCH).status_code == 404
        assert mate.get(f"/messages/{other}/{what}").status_code == 405
        assert app.test_client().post(f"/messages/{other}/{what}", data=data, headers=FETCH).status_code == 401
    with unit_of_work() as work:
        target = work.session.query(Ticket).filter_by(number=1002).one()
        target.set_team(make_team(work))
    assert mate.post(f"/messages/{other}/move", data={"number": "1002"}, headers=FETCH).status_code == 404
    assert message(other).other_sender
    assert mate.post(f"/messages/{other}/accept", headers=FETCH).status_code == 200


def make_team(work: Any) -> int:
    from helpdesk.models import Team

    team = Team(name="Elsewhere")
    work.session.add(team)
    work.session.flush()
    return int(team.id)


def test_forms_carry_a_token(make: Any, other: int) -> None:
    agent = make.agent("agent")
    client = make.client(agent)
    client.application.config["WTF_CSRF_ENABLED"] = True
    assert client.post(f"/messages/{other}/accept").status_code in (400, 403)
    assert message(other).other_sender
