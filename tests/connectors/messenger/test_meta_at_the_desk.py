"""Customers on Messenger, below posts and on WhatsApp, and an agent at the desk: door, worker, outbox, marks, echoes."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

import connectors
from helpdesk.errors import Invalid
from helpdesk.extensions import db
from helpdesk.models import Channel, Customer, Delivery, Identity, Inbound, Message, OutboxRow, Reach, Ticket
from helpdesk.services import replies
from helpdesk.unit_of_work import unit_of_work
from tests.servers.graph import PAGE, PERSON, FakeGraph, signed

pytestmark = pytest.mark.processes

EXAMPLES = Path(connectors.__file__).parent


def example(kind: str, name: str) -> dict[str, Any]:
    return dict(json.loads((EXAMPLES / kind / "examples" / f"{name}.json").read_text(encoding="utf-8")))


@pytest.fixture
def graph() -> Any:
    with FakeGraph() as fake:
        yield fake


@pytest.fixture
def desk(client: Any, make: Any, drain: Any, graph: FakeGraph) -> Any:
    return Desk(client, make, drain, graph)


class Desk:
    def __init__(self, client: Any, make: Any, drain: Any, graph: FakeGraph) -> None:
        self.client, self.make, self.drain, self.graph = client, make, drain, graph
        self.agent = make.agent("admin")
        self.viewer = make.viewer("admin")

    def channel(self, kind: str, **more: Any) -> Channel:
        found: Channel = self.make.channel(kind, config=getattr(self.graph, kind)(**more))
        return found

    def hear(self, channel: Channel, *calls: dict[str, Any]) -> None:
        for call in calls:
            body, headers = signed(call)
            assert self.client.post(f"/hooks/{channel.key}", data=body, headers=headers).status_code == 200
        self.drain("arrivals")
        db.session.rollback()

    def reply(self, text: str, **more: Any) -> Delivery:
        with unit_of_work(actor=self.viewer.actor) as work:
            ticket = work.session.scalars(select(Ticket)).one()
            replies.reply(work, self.viewer, ticket, replies.Written(text=text, **more))
        self.drain("deliveries")
        return self.all(Delivery)[-1]  # type: ignore[no-any-return]

    def ways(self) -> dict[str, Any]:
        values = {i.id: i.value for i in self.all(Identity)}
        return {values[w.identity_id]: w for w in replies.options(db.session(), self.all(Ticket)[0])}

    def all(self, model: Any) -> list[Any]:
        db.session.rollback()
        return list(db.session.scalars(select(model).order_by(model.id)))


def mark(kind: str, at: datetime, mids: tuple[str, ...] = ()) -> dict[str, Any]:
    told = {"watermark": int(at.timestamp() * 1000), **({"mids": list(mids)} if mids else {})}
    event = {"sender": {"id": PERSON}, "recipient": {"id": PAGE}, "timestamp": 1, kind: told}
    return {"object": "page", "entry": [{"id": PAGE, "time": 1, "messaging": [event]}]}


def test_messenger_there_and_back_with_marks_out_of_order(desk: Desk) -> None:
    channel = desk.channel("messenger")
    desk.hear(channel, example("messenger", "text"), example("messenger", "text"))
    assert len(desk.all(Message)) == 1 and desk.all(Inbound)[0].duplicates == 1
    assert desk.all(Customer)[0].name == "Lan Trần"
    delivery = desk.reply("Đơn đang giao ạ")
    assert delivery.state == "sent" and delivery.tried_at is not None
    earlier, later = delivery.tried_at - timedelta(seconds=5), datetime.now(UTC) + timedelta(seconds=5)
    desk.hear(channel, mark("read", earlier))
    assert desk.all(Delivery)[0].state == "sent", "a mark from before it was sent says nothing of it"
    desk.hear(channel, mark("read", later), mark("delivery", later), mark("delivery", later, ("m_out1",)))
    assert desk.all(Delivery)[0].state == "read"


def test_the_page_inbox_answers_and_our_own_echo_is_not_doubled(desk: Desk) -> None:
    channel = desk.channel("messenger")
    desk.hear(channel, example("messenger", "text"))
    desk.hear(channel, example("messenger", "echo_page_inbox"))
    (ticket,) = desk.all(Ticket)
    assert not ticket.needs_reply and ticket.status == "pending"
    delivery = desk.reply("Đơn đang giao ạ")
    own = example("messenger", "echo_own")
    own["entry"][0]["messaging"][0]["message"] |= {"mid": "m_other", "metadata": f"hd-{channel.key}-{delivery.id}"}
    desk.hear(channel, own)
    assert len(desk.all(Message)) == 3


def test_a_lost_answer_is_settled_by_the_echo(desk: Desk) -> None:
    channel = desk.channel("messenger")
    desk.hear(channel, example("messenger", "text"))
    desk.graph.drop(f"/v25.0/{PAGE}/messages")
    delivery = desk.reply("Đơn đang giao ạ")
    assert delivery.state == "unknown"
    own = example("messenger", "echo_own")
    own["entry"][0]["messaging"][0]["message"] |= {"mid": "m_late", "metadata": f"hd-{channel.key}-{delivery.id}"}
    desk.hear(channel, own)
    assert (desk.all(Delivery)[0].state, desk.all(Delivery)[0].external_id) == ("sent", "m_late")


def test_a_public_comment_is_answered_in_public_then_in_private(desk: Desk) -> None:
    channel = desk.channel("messenger")
    desk.hear(channel, example("messenger", "comment"))
    (message,), (ticket,) = desk.all(Message), desk.all(Ticket)
    assert message.meta["post_text"] == "Ấm đất Bát Tràng đã về" and ticket.needs_reply
    ways = desk.ways()
    assert ways["comment:5550001_7001"].identity_label == "public comment"
    assert ways["6700000000000009"].identity_label == "Hương Nguyễn"
    assert ways["comment:5550001_7001"].preselected and ways["private:5550001_7001"].ok
    assert not ways["6700000000000009"].ok, "they have not written in private yet"
    assert desk.reply("Dạ còn ạ").external_id.startswith("5550001_9")
    private = ways["private:5550001_7001"]
    desk.reply("Shop nhắn riêng ạ", identity_id=private.identity_id, channel_id=private.channel_id)
    person = next(i for i in desk.all(Identity) if i.value == PERSON)
    assert person.customer_id == ticket.customer_id
    desk.hear(channel, example("messenger", "text"))  # they answer in private
    assert len(desk.all(Ticket)) == 1 and desk.all(Message)[-1].identity_id == person.id


def test_a_comment_is_hidden_and_shown_on_the_page(desk: Desk) -> None:
    channel = desk.channel("messenger")
    desk.hear(channel, example("messenger", "comment"))
    browser, message_id = desk.make.client(desk.agent), desk.all(Message)[0].id
    page = browser.get("/tickets/1001").text
    assert "Ấm đất Bát Tràng đã về" in page and f"/messages/{message_id}/hide" in page
    assert browser.post(f"/messages/{message_id}/hide", headers={"Accept": "application/json"}).status_code == 200
    assert "Being hidden" in browser.get("/tickets/1001").text
    desk.drain("reactions")
    assert desk.graph.hidden == {"5550001_7001": True}
    page = browser.get("/tickets/1001").text
    assert "Hidden from others" in page and f"/messages/{message_id}/unhide" in page


def test_what_is_no_comment_cannot_be_hidden(desk: Desk) -> None:
    desk.hear(desk.channel("messenger"), example("messenger", "text"))
    browser, message_id = desk.make.client(desk.agent), desk.all(Message)[0].id
    answer = browser.post(f"/messages/{message_id}/hide", headers={"Accept": "application/json"})
    assert answer.status_code == 409


def test_what_a_customer_takes_back_is_gone(desk: Desk) -> None:
    channel = desk.channel("instagram")
    desk.hear(channel, example("instagram", "text"))
    desk.hear(channel, example("instagram", "deleted"))
    (message,) = desk.all(Message)
    assert (message.text, message.meta["removed"], desk.all(Ticket)[0].preview) == ("", True, "")
    assert "took this message back" in desk.make.client(desk.agent).get("/tickets/1001").text


def test_an_edit_changes_the_message_where_it_stands(desk: Desk) -> None:
    channel = desk.channel("messenger")
    desk.hear(channel, example("messenger", "text"), example("messenger", "edited"))
    assert [m.text for m in desk.all(Message)] == ["Đơn 20932 của tôi chưa giao"]


def test_a_number_on_whatsapp_is_the_customer_who_called(desk: Desk, make: Any) -> None:
    customer = make.customer("Lan", phone="+84901234567")
    desk.hear(desk.channel("whatsapp"), example("whatsapp", "text"))
    assert desk.all(Ticket)[0].customer_id == customer.id
    assert {i.kind for i in desk.all(Identity)} == {"phone", "whatsapp"}


def test_marks_of_whatsapp_never_go_back(desk: Desk) -> None:
    channel = desk.channel("whatsapp")
    desk.hear(channel, example("whatsapp", "text"))
    assert desk.reply("Dạ").external_id == "wamid.OUT1"

    def status(name: str) -> dict[str, Any]:
        call = example("whatsapp", name)
        call["entry"][0]["changes"][0]["value"]["statuses"][0]["id"] = "wamid.OUT1"
        return call

    desk.hear(channel, status("read"), status("delivered"), status("delivered"), status("failed"))
    assert desk.all(Delivery)[0].state == "read"


def test_outside_the_window_only_a_template_goes(desk: Desk) -> None:
    line = "ticket_update|vi|Chào {{customer}}, về yêu cầu #{{ticket}}: {{text}}"
    channel = desk.channel("whatsapp", templates=line)
    desk.hear(channel, example("whatsapp", "text"))
    browser = desk.make.client(desk.agent)
    assert "24 h window closes in 23 h 59 m" in browser.get("/tickets/1001/side").text
    with unit_of_work() as work:
        reach = work.session.scalars(select(Reach).where(Reach.channel_id == channel.id)).one()
        reach.last_inbound_at = work.now - timedelta(hours=25)
        reach.window_until = work.now - timedelta(hours=1)
    page = browser.get("/tickets/1001/side").text
    assert "ticket_update|vi" in page and "Only a template" in page
    with pytest.raises(Invalid):
        desk.reply("Đơn đang giao")
    with unit_of_work() as work:
        ticket = work.session.scalars(select(Ticket)).one()
        assert replies.automatic(work, ticket, "We have it.") is None, "a template is not for machines"
    desk.reply("Đơn đang giao", template="ticket_update|vi")
    assert desk.all(Message)[-1].text == "Chào Lan Trần, về yêu cầu #1001: Đơn đang giao"
    template = desk.graph.sent()[0]["template"]
    assert [p["text"] for p in template["components"][0]["parameters"]] == ["Lan Trần", "1001", "Đơn đang giao"]


def test_without_a_template_a_closed_window_names_what_is_left(desk: Desk) -> None:
    channel = desk.channel("messenger")
    desk.hear(channel, example("messenger", "text"))
    with unit_of_work() as work:
        work.session.scalars(select(Reach)).one().last_inbound_at = work.now - timedelta(hours=25)
    (way,) = desk.ways().values()
    assert not way.ok and "another channel" in way.reason


def test_the_challenge_is_answered_by_the_door_and_changes_nothing(desk: Desk) -> None:
    channel = desk.channel("messenger")
    query = {"hub.mode": "subscribe", "hub.verify_token": "verify-canary-1", "hub.challenge": "1158201444"}
    answer = desk.client.get(f"/hooks/{channel.key}", query_string=query)
    assert (answer.status_code, answer.text) == (200, "1158201444")
    wrong = desk.client.get(f"/hooks/{channel.key}", query_string={**query, "hub.verify_token": "x"})
    assert wrong.status_code == 403 and desk.all(Inbound) == []


def test_a_mark_that_overtakes_the_answer_to_our_request_is_not_lost(desk: Desk) -> None:
    channel = desk.channel("whatsapp")
    desk.hear(channel, example("whatsapp", "text"))
    delivery = desk.reply("Dạ")
    with unit_of_work() as work:  # as it is between sending and recording
        row = work.session.get_one(Delivery, delivery.id)
        row.state, row.external_id = "sending", None
    call = example("whatsapp", "delivered")
    call["entry"][0]["changes"][0]["value"]["statuses"][0]["id"] = "wamid.OUT1"
    desk.hear(channel, call)
    waiting = desk.all(Inbound)[-1]
    assert (waiting.state, desk.all(Delivery)[0].state) == ("pending", "sending")
    with unit_of_work() as work:
        work.session.get_one(Delivery, delivery.id).external_id = "wamid.OUT1"
        for task in work.session.scalars(select(OutboxRow).where(OutboxRow.drain == "arrivals")):
            task.run_at = work.now
    desk.drain("arrivals")
    assert (desk.all(Inbound)[-1].state, desk.all(Delivery)[0].state) == ("done", "delivered")


def test_nothing_automatic_goes_below_a_post_or_late(desk: Desk) -> None:
    desk.hear(desk.channel("messenger", human_agent=True), example("messenger", "comment"))
    assert not any(way.automatic for way in desk.ways().values() if way.ok)
    with unit_of_work() as work:
        ticket = work.session.scalars(select(Ticket)).one()
        assert replies.automatic(work, ticket, "We have it.") is None
    desk.hear(desk.all(Channel)[0], example("messenger", "text"))
    person = next(i for i in desk.all(Identity) if i.value == PERSON)
    ticket_id = desk.all(Ticket)[-1].id
    assert _way_to(ticket_id, person.id).automatic
    with unit_of_work() as work:
        reach = work.session.scalars(select(Reach).where(Reach.identity_id == person.id)).one()
        reach.last_inbound_at = work.now - timedelta(hours=30)
    late = _way_to(ticket_id, person.id)
    assert (late.ok, late.automatic, late.window.hours) == (True, False, 168)


def _way_to(ticket_id: int, identity_id: int) -> Any:
    db.session.rollback()
    found = replies.options(db.session(), db.session.get_one(Ticket, ticket_id))
    return next(way for way in found if way.identity_id == identity_id)
