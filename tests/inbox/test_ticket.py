"""One ticket over HTTP: merging and where it went, fields, who may be given it, waiting replies, macros, paper."""

from __future__ import annotations

import re
from typing import Any

import pytest
from sqlalchemy import select

from connectors.contract import Address
from helpdesk.extensions import db
from helpdesk.inbox.presence import Presence
from helpdesk.models import Draft, Grant, HeldReply, Message, Ticket, TicketField
from helpdesk.models.ticket import UNTIL_REPLY
from helpdesk.services import fields
from helpdesk.unit_of_work import unit_of_work

LAN = Address("widget", "v-lan", name="Nguyễn Lan Anh")
HOA = Address("widget", "v-hoa", name="Phạm Hoà")
FETCH = {"X-Requested-With": "fetch", "Accept": "application/json"}
FRAGMENT = {"HX-Request": "true"}


@pytest.fixture
def me(make: Any) -> Any:
    return make.agent("agent", name="Trần Linh")


@pytest.fixture
def client(make: Any, me: Any, channel: Any) -> Any:
    make.inbound(channel, "The lid is cracked", sender=LAN)
    make.inbound(channel, "My wife wrote about a lid", sender=HOA)
    return make.client(me)


def ticket(number: int = 1001) -> Ticket:
    db.session.rollback()
    db.session.expire_all()
    return db.session.scalars(select(Ticket).where(Ticket.number == number)).one()


def post(client: Any, what: str, number: int = 1001, **data: Any) -> Any:
    return client.post(f"/tickets/{number}/{what}", data=data, headers=FETCH)


def pane(client: Any, number: int = 1001) -> str:
    return str(client.get(f"/tickets/{number}", headers=FRAGMENT).get_data(as_text=True))


def side(client: Any, number: int = 1001) -> str:
    return str(client.get(f"/tickets/{number}/side", headers=FRAGMENT).get_data(as_text=True))


def declare(make: Any, **values: Any) -> str:
    admin = make.viewer("admin")
    with unit_of_work(actor=admin.actor) as work:
        return fields.save(work, admin, None, values).key


# --- merging -------------------------------------------------------------------------------------------------


def test_people_see_where_a_merged_ticket_went_and_can_undo_it(client: Any) -> None:
    assert "Number of the other ticket" in client.get("/tickets/1001/merge").get_data(as_text=True)
    assert client.post("/tickets/1001/merge", data={"number": "none"}, headers=FETCH).status_code == 422
    told = client.post("/tickets/1001/merge", data={"number": "#1002", "keep": "other"}, headers=FETCH).get_json()
    assert told == {"ok": True, "ticket": 1002, "merged": 1001}
    moved = client.get("/tickets/1001")
    assert moved.status_code == 302 and moved.headers["Location"].startswith("/tickets/1002")
    shown = pane(client)
    assert "This ticket was merged into" in shown and 'href="/tickets/1002"' in shown
    assert 'id="composer"' not in shown  # nothing is written into it any more
    other = pane(client, 1002)
    assert "#1001 was merged into this ticket" in other and "The lid is cracked" in other
    assert post(client, "reply", 1001, text="Hello").status_code == 409
    assert post(client, "unmerge", 1001).get_json()["ticket"] == 1001
    assert "The lid is cracked" in pane(client) and ticket().shelf == "open"


def test_the_other_one_may_go_into_this(client: Any) -> None:
    client.post("/tickets/1001/merge", data={"number": "1002", "keep": "this"}, headers=FETCH)
    assert (ticket(1002).shelf, ticket(1001).message_count) == ("merged", 2)


def test_an_open_page_hears_of_the_merge(client: Any, me: Any) -> None:
    cursor = client.get("/inbox/changes?after=0").get_json()["cursor"]
    client.post("/tickets/1001/merge", data={"number": "1002"}, headers=FETCH)
    told = client.get(f"/inbox/changes?after={cursor}&ticket=1002").get_json()
    assert "The lid is cracked" in told["ticket"]["tail"] and told["ticket"]["from"] == 0
    told = client.get(f"/inbox/changes?after={cursor}&ticket=1001").get_json()
    assert "merged into" in told["ticket"]["head"] and "The lid is cracked" not in told["ticket"]["tail"]


# --- properties ----------------------------------------------------------------------------------------------


def test_who_may_be_given_a_ticket(client: Any, me: Any, make: Any) -> None:
    team = make.team("Returns")
    mate, stranger = make.agent("agent", teams=[team], name="Mate"), make.agent("agent", name="Stranger")
    lead = make.client(make.agent("supervisor", leads=[team]))
    assert post(client, "assignee", assignee=str(stranger.id)).status_code == 200  # no team: everybody sees it
    post(client, "assignee", assignee="me")
    with unit_of_work() as work:
        work.session.scalars(select(Ticket).where(Ticket.number == 1001)).one().set_team(team)
    refused = post(client, "assignee", assignee=str(stranger.id))
    assert refused.status_code == 422 and "Stranger" in refused.get_json()["errors"]["assignee"]
    offered = re.search(r'data-set="assignee".*?</select>', pane(client), re.S)
    assert offered is not None and "Mate" in offered[0] and "Stranger" not in offered[0]
    assert post(lead, "assignee", assignee=str(stranger.id)).status_code == 200  # who may reassign lets others in
    assert make.client(stranger).get("/tickets/1001").status_code == 200
    assert post(lead, "assignee", assignee=str(mate.id)).status_code == 200
    assert make.client(stranger).get("/tickets/1001").status_code == 404


def test_fields_are_shown_saved_and_asked_before_solving(client: Any, make: Any) -> None:
    order = declare(make, name="Order number", name_vi="Mã đơn", kind="text", required="1")
    colour = declare(make, name="Colour", kind="choice", choices="Red\nBlue")
    assert "Order number" in side(client) and "Blue" in side(client)
    assert post(client, "fields", **{f"field.{colour}": "Green"}).status_code == 422
    assert post(client, "fields", **{f"field.{colour}": "Blue"}).status_code == 200
    refused = post(client, "status", status="solved")
    assert set(refused.get_json()["errors"]) == {f"field.{order}"}
    form = client.get("/tickets/1001/solve-form", headers=FRAGMENT).get_data(as_text=True)
    assert f'name="field.{order}"' in form and f'name="field.{colour}"' not in form
    stopped = post(client, "reply", text="Solved for good.", then="solve", client_msg_id="one")
    assert (
        stopped.status_code == 422 and db.session.scalar(select(Message.id).where(Message.direction == "out")) is None
    )
    post(client, "fields", **{f"field.{order}": "DH 2031"})
    assert post(client, "reply", text="Solved for good.", then="solve", client_msg_id="one").status_code == 200
    assert (ticket().status, ticket().custom) == ("solved", {order: "DH 2031", colour: "Blue"})


def test_the_settings_page_declares_orders_and_archives_them(make: Any) -> None:
    client = make.client(make.agent("admin"))
    assert client.post("/settings/fields", data={"name": "", "kind": "text"}).status_code == 422
    for name in ("Order", "Colour"):
        data = {"name": name, "kind": "choice", "choices": "A\nB", "required": "1"}
        assert client.post("/settings/fields", data=data).status_code == 303
    first = db.session.scalars(select(TicketField.id).order_by(TicketField.position)).first()
    client.post(f"/settings/fields/{first}", data={"name": "Order no.", "choices": "A\nB\nC"})
    client.post(f"/settings/fields/{first}/down")
    client.post(f"/settings/fields/{first}/archive")
    db.session.rollback()
    rows = fields.every(db.session(), archived=True)
    assert [(f.name, f.choices, f.required, f.archived_at is None) for f in rows] == [
        ("Colour", ["A", "B"], True, True), ("Order no.", ["A", "B", "C"], False, False)
    ]  # fmt: skip


def test_snoozed_until_they_reply(client: Any, make: Any, channel: Any) -> None:
    assert post(client, "snooze", snooze="reply").status_code == 200
    assert (ticket().shelf, ticket().snoozed_until) == ("snoozed", UNTIL_REPLY)
    assert "Snoozed until they reply" in pane(client)
    make.inbound(channel, "Cảm ơn shop ạ", sender=LAN)
    assert ticket().shelf == "snoozed"  # thanks wake nobody
    make.inbound(channel, "But when will it come?", sender=LAN)
    assert ticket().shelf == "open"


def test_followers_and_copies(client: Any, make: Any, me: Any) -> None:
    minh = make.agent("agent", name="Minh")
    assert post(client, "follow", follow="1", agent=str(minh.id)).status_code == 200
    assert "Minh" in re.findall(r'class="hd-tag">(\w+)', side(client))
    assert post(client, "follow", follow="0", agent=str(minh.id)).status_code == 403  # theirs to stop
    assert post(make.client(minh), "follow", follow="0").status_code == 200
    assert db.session.scalars(select(Grant)).all() == []
    assert post(client, "follow", follow="1", agent="4711").status_code == 422


def test_linked_by_hand(client: Any) -> None:
    assert client.post("/tickets/1001/links", data={"number": "x"}, headers=FETCH).status_code == 422
    told = client.post("/tickets/1001/links", data={"number": "#1002", "kind": "duplicate"}, headers=FETCH)
    assert told.status_code == 200
    assert 'data-unlink="1002" data-kind="duplicate"' in side(client)
    assert 'data-unlink="1001" data-kind="duplicated"' in side(client, 1002)
    client.post("/tickets/1002/links/delete", data={"number": "1001", "kind": "duplicated"}, headers=FETCH)
    assert "data-unlink" not in side(client)


# --- writing -------------------------------------------------------------------------------------------------


def test_send_later_is_shown_changed_and_sent(client: Any, make: Any) -> None:
    other = make.client(make.agent("agent", name="Minh"))
    told = post(client, "reply", text="Tomorrow then.", send_at="tomorrow", seen_seq=ticket().seq).get_json()
    assert told == {"ok": True, "held": "later"}
    assert post(client, "reply", text="x", send_at="nonsense").status_code == 422
    assert "Tomorrow then." in pane(other) and "Send now" not in pane(other) and "Send now" in pane(client)
    held = db.session.scalars(select(HeldReply.id)).one()
    db.session.rollback()
    assert other.post(f"/held/{held}/send", headers=FETCH).status_code == 403
    told = client.post(f"/held/{held}/edit", headers=FETCH).get_json()
    assert told["text"] == "Tomorrow then." and "Tomorrow then." not in pane(other).split('class="hd-begun"')[0]
    assert client.post(f"/held/{held}/send", headers=FETCH).status_code == 409
    assert db.session.scalars(select(Draft.text)).one() == "Tomorrow then."


def test_a_newcomers_reply_waits_and_is_approved_on_the_review_page(make: Any, channel: Any) -> None:
    make.inbound(channel, "When do you open?", sender=LAN)
    newcomer = make.client(make.agent("agent", name="New Comer", needs_approval=True))
    boss = make.client(make.agent("supervisor", name="Boss"))
    assert post(newcomer, "reply", text="At nine.", undo="1").get_json() == {"ok": True, "held": "review"}
    assert newcomer.get("/review").status_code == 404
    page = boss.get("/review").get_data(as_text=True)
    assert "At nine." in page and "New Comer" in page
    held = db.session.scalars(select(HeldReply.id)).one()
    db.session.rollback()
    make.inbound(channel, "On Sunday I mean", sender=LAN)
    seen = db.session.scalars(select(HeldReply.seen_seq)).one()
    db.session.rollback()
    stop = boss.post(f"/held/{held}/approve", data={"seen_seq": seen}, headers=FETCH)
    assert stop.status_code == 409 and "On Sunday I mean" in stop.get_json()["html"]
    assert boss.post(f"/held/{held}/return", data={"note": "Sunday!"}, headers=FETCH).status_code == 200
    assert "Sunday!" in pane(newcomer)
    told = post(newcomer, "reply", text="On Sunday at ten.", seen_seq=ticket().seq).get_json()
    assert told["held"] == "review"
    second = db.session.scalars(select(HeldReply.id).where(HeldReply.state == "waiting")).one()
    db.session.rollback()
    assert boss.post(f"/held/{second}/approve", data={"seen_seq": ticket().seq}, headers=FETCH).status_code == 200
    assert "On Sunday at ten." in pane(newcomer) and "At nine." in pane(newcomer)  # the returned one still stands there
    assert db.session.scalars(select(Message.text).where(Message.direction == "out")).all() == ["On Sunday at ten."]


def test_colleagues_see_that_somebody_is_writing(client: Any, make: Any) -> None:
    other = make.client(make.agent("agent", name="Minh"))
    cursor = other.get("/inbox/changes?after=0").get_json()["cursor"]
    post(client, "draft", kind="reply", text="Dear Lan Anh, I")
    told = other.get(f"/inbox/changes?after={cursor}&ticket=1001").get_json()
    assert "Draft by Trần Linh" in told["ticket"]["tasks"] and "Draft by" not in pane(client)
    cursor = told["cursor"]
    post(client, "draft", kind="reply", text="Dear Lan Anh, I am")  # every letter rings no bell
    assert other.get(f"/inbox/changes?after={cursor}&ticket=1001").get_json()["ticket"] is None
    post(client, "reply", text="Dear Lan Anh, I am sorry.")
    assert "Draft by" not in pane(other)


def test_a_macro_is_found_filled_applied_and_counted(client: Any, me: Any) -> None:
    data = {"name": "Hoàn tiền", "text": "Hello {{customer.first_name|you}}!", "scope": "me", "tags": "refund"}
    assert client.post("/settings/macros/new", data={**data, "status": "solved"}).status_code == 303
    item = client.get("/tickets/1001/suggest?for=/&q=hoan").get_json()["items"][0]
    assert (item["label"], item["insert"], item["hint"]) == ("Hoàn tiền", "Hello Nguyễn!", "Solved · #refund")
    told = client.post(f"/tickets/1001/macros/{item['macro']}", headers=FETCH).get_json()
    assert (told["text"], told["then"]) == ("Hello Nguyễn!", "solve")
    assert "refund" in side(client) and ticket().status == "new"
    page = client.get("/settings/macros").get_data(as_text=True)
    assert re.search(r'class="n">1<', page)


def test_undo_is_as_long_as_one_likes(make: Any, me: Any) -> None:
    client = make.client(me)
    form = {"name": me.name, "locale": "en", "timezone": "UTC", "theme": "auto", "signature": ""}
    assert client.post("/me", data={**form, "after_send": "next", "undo_seconds": "90"}).status_code == 422
    assert client.post("/me", data={**form, "after_send": "next", "undo_seconds": "30"}).status_code == 303
    page = client.get("/me").get_data(as_text=True)
    assert re.search(r'value="next" selected', page) and 'value="30"' in page
    mail = make.channel(
        "email", config={"address": "help@shop.example", "smtp_host": "127.0.0.1", "imap_host": "127.0.0.1"}
    )
    make.inbound(mail, "A question", sender=Address("email", "lan@mail.example", name="Lan"))
    assert post(client, "reply", text="An answer", undo="1").get_json()["undo_s"] == 30
    assert 'data-after-send="next"' in pane(client)


# --- paper ---------------------------------------------------------------------------------------------------


def test_a_ticket_on_paper_and_as_text(client: Any, make: Any) -> None:
    order = declare(make, name="Order number", kind="text")
    post(client, "fields", **{f"field.{order}": "DH 2031"})
    post(client, "note", text="Only for us")
    post(client, "reply", text="We send a new one.")
    for path in ("/tickets/1001/print", "/tickets/1001/export.txt"):
        plain = client.get(path).get_data(as_text=True)
        whole = client.get(f"{path}?notes=1").get_data(as_text=True)
        for words in ("#1001", "The lid is cracked", "We send a new one.", "Nguyễn Lan Anh", "DH 2031"):
            assert words in plain, (path, words)
        assert "Only for us" not in plain and "Only for us" in whole
    stranger = make.client(make.agent("agent"))
    hidden = make.team()
    with unit_of_work() as work:
        work.session.scalars(select(Ticket).where(Ticket.number == 1001)).one().set_team(hidden)
    assert [stranger.get(f"/tickets/1001/{p}").status_code for p in ("print", "export.txt")] == [404, 404]


# --- presence ------------------------------------------------------------------------------------------------


def test_presence_counts_every_page_of_a_person(monkeypatch: pytest.MonkeyPatch) -> None:
    presence = Presence()
    linh = {"id": 7, "name": "Linh"}
    presence.set(1001, {**linh, "state": "replying"}, "tab-1")
    presence.set(1001, {**linh, "state": "viewing"}, "tab-2")  # perhaps of another process
    assert [w["state"] for w in presence.of(1001)] == ["replying"]
    presence.set(1001, {**linh, "state": "away"}, "tab-1")
    assert [w["state"] for w in presence.of(1001)] == ["viewing"]
    presence.set(1001, {**linh, "state": "away"}, "tab-2")
    assert presence.of(1001) == []
