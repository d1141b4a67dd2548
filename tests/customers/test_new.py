"""*New message* and *Log a call*: from anywhere, in a ticket, and when there is no channel for it."""

from __future__ import annotations

import io
from typing import Any

import pytest
from sqlalchemy import select

from connectors.contract import Address
from helpdesk.extensions import db
from helpdesk.models import Attachment, Customer, Delivery, FollowUpTask, Message, Ticket

MAIL = {"address": "shop@doigio.example", "imap_host": "127.0.0.1", "smtp_host": "127.0.0.1"}


@pytest.fixture
def mailbox(make: Any) -> Any:
    from connectors import registry

    known = {s.name for s in registry.kind("email").settings}
    return make.channel("email", name="Cửa hàng", config={k: v for k, v in MAIL.items() if k in known})


def text(answer: Any) -> str:
    return answer.get_data(as_text=True)


def test_a_message_to_somebody_new(desk: Any, mailbox: Any) -> None:
    page = text(desk.get("/new/message?who=hanh@example.com"))
    assert "Create customer with hanh@example.com" in page
    assert f'value="{mailbox.id}:" checked' in page
    form = {
        "who": "Hanh@Example.com",
        "name": "Chị Hạnh",
        "locale": "vi",
        "way": f"{mailbox.id}:",
        "subject": "Tô mì men đá",
        "text": "Chào chị Hạnh, bên em còn đủ 12 tô ạ.",
        "client_msg_id": "m1",
        "file": (io.BytesIO(b"bang gia"), "bang-gia.txt"),
    }
    answer = desk.post("/new/message", data=form, content_type="multipart/form-data")
    assert answer.headers["Location"].endswith("/tickets/1001")
    ticket = db.session.scalars(select(Ticket)).one()
    assert (ticket.subject, ticket.status, ticket.assignee_id) == ("Tô mì men đá", "pending", desk.viewer.agent_id)
    assert (ticket.customer.name, ticket.customer.locale) == ("Chị Hạnh", "vi")
    message = db.session.scalars(select(Message)).one()
    assert message.text == "Chào chị Hạnh, bên em còn đủ 12 tô ạ."
    assert [a.filename for a in message.attachments] == ["bang-gia.txt"]
    assert db.session.scalars(select(Delivery.state)).all() == ["queued"]
    again = {**form, "file": (io.BytesIO(b""), "")}
    assert desk.post("/new/message", data=again).headers["Location"].endswith("/tickets/1001")
    assert len(db.session.scalars(select(Ticket)).all()) == 1


def test_a_message_to_somebody_known_goes_by_the_preferred_channel(
    desk: Any, mailbox: Any, make: Any, person: Any
) -> None:
    second = make.channel("email", name="Bán sỉ", config={**mailbox.settings, "address": "si@doigio.example"})
    lan = person("Nguyễn Lan Anh", email="lan@example.com", preferred_channel_id=second.id)
    page = text(desk.get(f"/new/message?customer={lan.id}"))
    identity = lan_identity(lan.id)
    assert f'value="{second.id}:{identity}" checked' in page
    who = text(desk.get("/new/message/who?who=lan+anh"))
    assert f'name="customer" value="{lan.id}"' in who
    picked = text(desk.get(f"/new/message/who?who=lan&customer={lan.id}"))
    assert "Bán sỉ · lan@example.com" in picked
    form = {"who": "Lan", "customer": str(lan.id), "way": f"{mailbox.id}:{identity}", "text": "Xin chào"}
    assert desk.post("/new/message", data=form).status_code == 303
    assert db.session.scalars(select(Message.channel_id)).one() == mailbox.id


def lan_identity(customer_id: int) -> int:
    return db.session.get_one(Customer, customer_id).identities[0].id


def test_a_mistake_is_named_and_nothing_typed_is_lost(desk: Any, mailbox: Any) -> None:
    form = {
        "who": "hanh@example.com",
        "way": "",
        "subject": "Tô <mì>",
        "text": "Xin chào",
        "file": (io.BytesIO(b"x" * 100), "anh.txt"),
    }
    answer = desk.post("/new/message", data=form, content_type="multipart/form-data")
    assert answer.status_code == 422
    page = text(answer)
    assert "Tô &lt;mì&gt;" in page
    kept = db.session.scalars(select(Attachment)).one()
    assert f'value="{kept.token}" checked' in page
    assert db.session.scalars(select(Customer)).all() == []
    for wrong, said in (
        ({"who": ""}, "Enter a name, an address or a number."),
        ({"who": "somebody nobody knows"}, "Enter a name, an address or a number."),
        ({"way": ""}, "Choose a channel."),
        ({"text": " "}, "Write something first."),
        ({"way": "999:1"}, "cannot be reached that way"),
    ):
        answer = desk.post("/new/message", data={"who": "a@example.com", "way": f"{mailbox.id}:", "text": "x", **wrong})
        assert answer.status_code == 422
        assert said in text(answer), wrong
    assert db.session.scalars(select(Ticket)).all() == []


def test_without_a_channel_the_pages_say_how_to_add_one(desk: Any, make: Any) -> None:
    assert "There is no channel to write on yet." in text(desk.get("/new/message"))
    page = text(desk.get("/new/call"))
    assert "There is no phone line yet." in page
    assert "/settings/channels/new/phone" in page
    agent = make.client(make.agent("agent"))
    assert "Ask an administrator to add one." in text(agent.get("/new/call"))
    outcome = make.inbound(make.channel("widget"), "xin chào shop nhé")
    number = db.session.get_one(Ticket, outcome.ticket_id).number
    assert "There is no phone line yet." in text(agent.get(f"/tickets/{number}/call-form"))


CALL = {"number": "024 3926 0158", "direction": "out", "outcome": "answered", "duration_s": "02:41",
        "notes": "Cần 12 tô trước thứ Năm", "name": "Quán Hạnh"}  # fmt: skip


def test_a_call_from_anywhere(desk: Any, make: Any) -> None:
    make.channel("phone", name="Hotline")
    page = text(desk.get("/new/call/match?number=024+3926+0158"))
    assert "+84 24 3926 0158" in page
    assert "Create customer" in page
    answer = desk.post("/new/call", data={**CALL, "subject": "Tô men đá", "customer": "", "follow_up": "callback",
                                          "follow_up_at": "2999-01-01T15:30"})  # fmt: skip
    assert answer.headers["Location"].endswith("/tickets/1001")
    task = db.session.scalars(select(FollowUpTask)).one()
    assert task.due_at.isoformat() == "2999-01-01T08:30:00+00:00"  # Asia/Ho_Chi_Minh
    found = desk.get("/new/call/match?number=02439260158", headers={"Accept": "application/json"}).json
    assert (found["customer"]["name"], found["e164"]) == ("Quán Hạnh", "+842439260158")
    assert [t["number"] for t in found["tickets"]] == [1001]
    again = text(desk.get("/new/call/match?number=02439260158"))
    assert "Same number" in again
    assert "#1001 Tô men đá" in again
    assert desk.post("/new/call", data={**CALL, "ticket": "1001", "then": "solve"}).status_code == 303
    db.session.expire_all()
    assert db.session.scalars(select(Ticket)).one().status == "solved"


def test_a_wrong_call_form_keeps_what_was_typed(desk: Any, make: Any) -> None:
    make.channel("phone")
    for field, value, said in (
        ("number", "12", "not a phone number"),
        ("notes", "", "Write what the call was about."),
        ("duration_s", "bla", "Write the duration"),
        ("follow_up_at", "soon", "Write the date and time"),
        ("follow_up_at", "2001-01-01T10:00", "Choose a time in the future."),
    ):
        answer = desk.post(
            "/new/call", data={**CALL, "follow_up": "callback", "follow_up_at": "2999-01-01T10:00", field: value}
        )
        assert answer.status_code == 422, field
        assert said in text(answer), field
        assert "Quán Hạnh" in text(answer)
    assert db.session.scalars(select(Ticket)).all() == []


def test_a_call_in_a_ticket(desk: Any, make: Any) -> None:
    make.channel("phone")
    outcome = make.inbound(make.channel("widget"), "nắp ấm vỡ rồi", sender=Address("widget", "v:1", name="Lan"))
    number = db.session.get_one(Ticket, outcome.ticket_id).number
    assert 'name="notes"' in text(desk.get(f"/tickets/{number}/call-form"))
    wrong = desk.post(f"/tickets/{number}/call", data={**CALL, "notes": ""}, headers={"Accept": "application/json"})
    assert wrong.status_code == 422
    assert "Write what the call was about." in text(wrong)
    right = desk.post(f"/tickets/{number}/call", data=CALL, headers={"Accept": "application/json"})
    message = db.session.get_one(Message, right.json["message"])
    assert (message.kind, message.ticket_id, message.call["duration_s"]) == ("call", outcome.ticket_id, 161)
    assert "Cần 12 tô" in text(desk.get(f"/tickets/{number}"))
    assert "+84 24 3926 0158" in text(desk.get(f"/customers/{message.customer_id}"))
