"""What agents do: each POST, its refusals, and that a repeat does no harm."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from connectors.contract import Address
from helpdesk.extensions import db
from helpdesk.models import Delivery, Draft, Grant, Identity, Message, OutboxRow, ReadMark, Tag, Ticket, TicketTag
from helpdesk.unit_of_work import unit_of_work

LAN = Address("widget", "v-lan", name="Nguyễn Lan Anh")
FETCH = {"X-Requested-With": "fetch", "Accept": "application/json"}


@pytest.fixture
def me(make: Any) -> Any:
    return make.agent("agent", name="Trần Linh")


@pytest.fixture
def client(make: Any, me: Any, channel: Any) -> Any:
    make.inbound(channel, "Is the date fixed?", sender=LAN)
    return make.client(me)


def ticket() -> Ticket:
    db.session.rollback()
    return db.session.scalars(select(Ticket).where(Ticket.number == 1001)).one()


def post(client: Any, what: str, **data: Any) -> Any:
    return client.post(f"/tickets/1001/{what}", data=data, headers=FETCH)


def test_properties_change(client: Any, me: Any, make: Any) -> None:
    team = make.team("Orders")
    assert post(client, "status", status="on_hold").get_json() == {"ok": True}
    post(client, "priority", priority="urgent")
    post(client, "assignee", assignee="me")
    post(client, "subject", subject="  Ngày giao  hàng ")
    post(client, "tags", add=["Giao hàng", "vip"])
    post(client, "tags", remove="giao hang")
    found = ticket()
    assert (found.status, found.priority, found.assignee_id, found.subject) == (
        "on_hold",
        "urgent",
        me.id,
        "Ngày giao hàng",
    )
    names = db.session.scalars(select(Tag.name).join(TicketTag, TicketTag.tag_id == Tag.id)).all()
    assert names == ["vip"]
    post(client, "team", team=team)
    assert ticket().team_id == team
    post(client, "assignee", assignee="")
    assert ticket().assignee_id is None


@pytest.mark.parametrize(
    ("what", "data"),
    [
        ("status", {"status": "nonsense"}),
        ("priority", {"priority": ""}),
        ("assignee", {"assignee": "9999"}),
        ("assignee", {"assignee": "x"}),
        ("team", {"team": "9999"}),
        ("subject", {"subject": " "}),
        ("snooze", {"until": "yesterday"}),
        ("snooze", {"until": "2020-01-01T00:00"}),
        ("move", {"move": "nowhere"}),
        ("reply", {"text": " "}),
        ("draft", {"kind": "call"}),
    ],
)
def test_what_makes_no_sense_is_told(what: str, data: dict[str, str], client: Any) -> None:
    response = post(client, what, **data)
    assert response.status_code == 422
    assert response.get_json()["detail"]


def test_snooze_wakes_and_trash_comes_back(client: Any) -> None:
    post(client, "snooze", snooze="tomorrow")
    assert ticket().shelf == "snoozed"
    post(client, "snooze", snooze="")
    assert ticket().shelf == "open"
    for place in ("spam", "trash"):
        post(client, "move", move=place)
        assert ticket().shelf == place
    post(client, "move", move="inbox")
    assert ticket().shelf == "open"


def test_a_reply_with_the_same_id_is_one_message(client: Any) -> None:
    first = post(client, "reply", text="Tuesday.", client_msg_id="c-1").get_json()
    again = post(client, "reply", text="Tuesday.", client_msg_id="c-1").get_json()
    assert first["message"] == again["message"]
    assert post(client, "reply", text="Wednesday.", client_msg_id="c-1").status_code == 422
    assert db.session.scalar(select(func.count(Message.id)).where(Message.direction == "out")) == 1


def test_a_reply_stops_if_and_only_if_somebody_else_wrote(client: Any, make: Any, channel: Any) -> None:
    seen = ticket().seq
    make.inbound(channel, "Sorry, not on Tuesday.", sender=LAN)
    stopped = post(client, "reply", text="Tuesday.", seen_seq=seen)
    assert stopped.status_code == 409
    told = stopped.get_json()
    assert "Sorry, not on Tuesday." in told["html"] and "Nguyễn Lan Anh wrote while you were typing" in told["html"]
    assert ticket().status == "new"
    assert post(client, "reply", text="Tuesday.", seen_seq=told["seq"]).status_code == 200
    assert post(client, "reply", text="And one thing more.", seen_seq=told["seq"]).status_code == 200  # one's own


def test_of_two_names_that_begin_alike_only_the_one_written_is_mentioned(client: Any, make: Any) -> None:
    make.agent("agent", name="Linh")
    chi = make.agent("agent", name="Linh Chi")
    post(client, "note", text="@Linh Chi please look")
    granted = db.session.scalars(select(Grant.agent_id).where(Grant.why == "mention")).all()
    assert granted == [chi.id]
    page = client.get("/tickets/1001").get_data(as_text=True)
    assert '<span class="hd-mention">@Linh Chi</span>' in page


def test_a_note_mentions_by_name_with_or_without_marks(client: Any, make: Any) -> None:
    minh = make.agent("agent", name="Minh Hoàng", teams=[])
    post(client, "note", text="@minh hoang two sets are left, @Nobody knows")
    grant = db.session.scalars(select(Grant)).one()
    assert (grant.agent_id, grant.why, grant.unread) == (minh.id, "mention", True)
    other = make.client(minh)
    other.post("/tickets/1001/read", data={"seq": 10**9}, headers=FETCH)
    db.session.rollback()
    assert db.session.scalars(select(Grant.unread)).one() is False
    mark = db.session.scalars(select(ReadMark).where(ReadMark.agent_id == minh.id)).one()
    assert mark.seq == ticket().seq  # never beyond what is there


@pytest.mark.parametrize("later", [False, True], ids=["sent", "held"])
def test_a_draft_that_comes_after_its_message_is_none(client: Any, later: bool) -> None:
    send_at = f"{datetime.now() + timedelta(days=2):%Y-%m-%dT09:00}" if later else ""
    answer = post(client, "reply", text="We are on it.", client_msg_id="one", send_at=send_at)
    assert answer.status_code == 200, answer.text
    post(client, "draft", kind="reply", text="We are on it.", client_msg_id="one")  # it was overtaken on its way
    db.session.rollback()
    assert db.session.scalars(select(Draft)).all() == []
    post(client, "draft", kind="reply", text="And", client_msg_id="two")
    db.session.rollback()
    assert [d.text for d in db.session.scalars(select(Draft))] == ["And"]


def test_drafts_are_kept_replaced_and_forgotten(client: Any) -> None:
    post(client, "draft", kind="reply", text="Half", via="1:1")
    post(client, "draft", kind="reply", text="Half a sentence")
    post(client, "draft", kind="note", text="For us")
    assert sorted(db.session.scalars(select(Draft.text))) == ["For us", "Half a sentence"]
    post(client, "draft", kind="note", text="")
    post(client, "reply", text="A whole sentence.")
    db.session.rollback()
    assert db.session.scalar(select(func.count(Draft.id))) == 0


def test_a_draft_that_comes_after_a_merge_goes_along(client: Any, make: Any, channel: Any) -> None:
    make.inbound(channel, "The same matter", sender=Address("widget", "v-2", name="An"))
    assert client.post("/tickets/1001/merge", data={"number": "1002"}, headers=FETCH).status_code == 200
    post(client, "draft", kind="reply", text="Half a sentence")
    post(client, "draft", kind="reply", text="Of before")  # there is one at the other ticket, which is newer
    db.session.rollback()
    where = select(Ticket.number, Draft.text).join(Ticket, Ticket.id == Draft.ticket_id).order_by(Ticket.number)
    assert db.session.execute(where).all() == [(1001, "Of before"), (1002, "Half a sentence")]


def test_bulk_does_what_it_may(client: Any, make: Any, channel: Any) -> None:
    make.inbound(channel, "Another", sender=Address("widget", "v-2", name="An"))
    make.inbound(channel, "Hidden", sender=Address("widget", "v-3", name="Bình"))
    with unit_of_work() as work:
        work.session.query(Ticket).filter(Ticket.number == 1003).one().set_team(make_team(work))
    answer = client.post("/tickets/bulk", data={"do": "solve", "number": [1001, 1002, 1003, 99]}, headers=FETCH)
    assert answer.get_json()["count"] == 2
    db.session.rollback()
    statuses = dict(db.session.execute(select(Ticket.number, Ticket.status)).all())
    assert statuses == {1001: "solved", 1002: "solved", 1003: "new"}
    assert client.post("/tickets/bulk", data={"do": "explode"}, headers=FETCH).status_code == 422


def make_team(work: Any) -> int:
    from helpdesk.models import Team

    team = Team(name="Elsewhere")
    work.session.add(team)
    work.session.flush()
    return int(team.id)


def test_undo_calls_a_mail_back_before_it_leaves(client: Any, make: Any) -> None:
    mail = make.channel(
        "email", config={"address": "shop@example.com", "smtp_host": "127.0.0.1", "smtp_security": "none"}
    )
    with unit_of_work() as work:
        found = work.session.query(Ticket).one()
        identity = Identity(customer_id=found.customer_id, kind="email", value="lan@example.com")
        work.session.add(identity)
        work.session.flush()
        via = f"{mail.id}:{identity.id}"
    sent = post(client, "reply", text="Too early", via=via, undo="1").get_json()
    assert sent["undo_s"] > 0
    row = db.session.scalars(select(OutboxRow).where(OutboxRow.drain == "deliveries")).one()
    assert row.run_at > row.created_at
    back = client.post(f"/messages/{sent['message']}/undo", headers=FETCH).get_json()
    assert back["text"] == "Too early"
    db.session.rollback()
    assert db.session.scalars(select(Delivery.state)).one() == "cancelled"
    assert db.session.scalar(select(func.count(OutboxRow.id)).where(OutboxRow.drain == "deliveries")) == 0
    assert db.session.scalars(select(Draft.text)).one() == "Too early"
    assert ticket().needs_reply
    assert client.post(f"/messages/{sent['message']}/undo", headers=FETCH).status_code == 409


def test_what_is_in_the_chat_already_cannot_be_called_back(client: Any) -> None:
    sent = post(client, "reply", text="It is there at once", undo="1").get_json()
    assert sent["undo_s"] == 0
    assert client.post(f"/messages/{sent['message']}/undo", headers=FETCH).status_code == 409


def test_retry_only_of_what_failed_and_is_theirs(client: Any, make: Any) -> None:
    post(client, "reply", text="Hello")
    delivery = db.session.scalars(select(Delivery)).one().id
    assert client.post(f"/deliveries/{delivery}/retry", headers=FETCH).status_code == 409
    with unit_of_work() as work:
        work.session.get_one(Delivery, delivery).state = "failed"
    page = client.get("/tickets/1001").get_data(as_text=True)
    assert "Not delivered." in page and f"/deliveries/{delivery}/retry" in page
    assert client.post(f"/deliveries/{delivery}/retry", headers=FETCH).get_json() == {"ok": True}
    assert client.post("/deliveries/999/retry", headers=FETCH).status_code == 404


def test_posts_need_the_csrf_token(client: Any, app: Any) -> None:
    app.config["WTF_CSRF_ENABLED"] = True
    assert post(client, "status", status="solved").status_code == 400
    assert ticket().status == "new"
