"""/p/<token> and /help: a customer reads and answers their own requests by a signed link, and nothing else."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from flask.testing import FlaskClient
from sqlalchemy import func, select

from connectors.contract import Address, File
from helpdesk import access
from helpdesk.extensions import db
from helpdesk.models import Delivery, EventRow, Identity, Message, OutboxRow, Ticket, now
from helpdesk.services import merging, own_links, replies, tickets
from helpdesk.services import settings as desk_settings
from helpdesk.services.composing import compose
from helpdesk.services.replies import Written
from helpdesk.unit_of_work import unit_of_work

LAN = Address("email", "lan@mail.example", name="Lan Anh")
BAO = Address("email", "bao@mail.example", name="Bảo")


@dataclass
class Asked:
    """Lan's two requests and Bảo's one."""

    mail: Any
    viewer: Any
    first: Ticket
    second: Ticket
    others: Ticket
    reply_id: int

    def link(self, ticket: Ticket | None = None, who: Address = LAN, at: Any = None) -> str:
        identity = db.session.scalars(select(Identity.id).where(Identity.value == who.value)).one()
        return own_links.path(identity, ticket.id if ticket is not None else 0, at or now())


@pytest.fixture
def asked(make: Any) -> Asked:
    with unit_of_work() as work:
        desk_settings.put(work, "public_url", "https://desk.example")
        desk_settings.put(work, "brand.name", "Đồi Gió")
    mail = make.channel(
        "email", name="Mail", config={"address": "hello@shop.example", "smtp_host": "127.0.0.1", "smtp_port": 1}
    )
    viewer = make.viewer("agent", name="Trần Linh")
    lid = File("lid.txt", "text/plain", 3, b"lid")
    ids = [
        make.inbound(mail, text, subject=subject, sender=sender, files=(lid,)).ticket_id
        for text, subject, sender in (
            ("The lid is <cracked>", "Teapot", LAN),
            ("Where is it?", "Parcel", LAN),
            ("bao-secret", "Bao's", BAO),
        )
    ]
    with unit_of_work(actor=viewer.actor) as work:
        ticket = access.ticket_by_id(work.session, viewer, ids[0], lock=True)
        ticket.customer.locale = "en"
        said = replies.reply(work, viewer, ticket, Written(text="A new one is coming."))
        replies.note(work, viewer, ticket, Written(text="note-secret"))
    found = [db.session.get_one(Ticket, one) for one in ids]
    return Asked(mail, viewer, *found, said.id)  # type: ignore[misc]


def _page(client: FlaskClient, path: str, status: int = 200) -> str:
    response = client.get(path)
    assert response.status_code == status, response.get_data(as_text=True)
    return str(response.get_data(as_text=True))


def _answer(client: FlaskClient, path: str, number: int, text: str) -> Any:
    page = _page(client, f"{path}/{number}")
    nonce = re.search(r'name="nonce" value="(\w+)"', page)
    assert nonce is not None
    return client.post(f"{path}/{number}", data={"text": text, "nonce": nonce[1]})


def _sent(delivery_of: int) -> Any:
    db.session.rollback()
    delivery = db.session.scalars(select(Delivery.id).where(Delivery.message_id == delivery_of)).one()
    return compose(db.session(), delivery)[1]


# --- reading -----------------------------------------------------------------------------------------------------


def test_a_mail_s_link_shows_its_request_and_no_other(client: FlaskClient, asked: Asked) -> None:
    path = _sent(asked.reply_id).requests_url.removeprefix("https://desk.example")
    page = _page(client, path)
    assert "The lid is &lt;cracked&gt;" in page and "A new one is coming." in page and "Trần Linh" in page
    assert "lid.txt" in page
    assert "note-secret" not in page and "bao-secret" not in page and "Parcel" not in page
    for other in (asked.second, asked.others):
        assert "A new one" not in _page(client, f"{path}/{other.number}", 404)


def test_the_link_to_all_shows_all_of_theirs_and_nobody_else_s(client: FlaskClient, asked: Asked) -> None:
    path = asked.link()
    page = _page(client, path)
    assert "Teapot" in page and "Parcel" in page and "Bao" not in page
    assert "Where is it?" in _page(client, f"{path}/{asked.second.number}")
    _page(client, f"{path}/{asked.others.number}", 404)
    _page(client, f"{path}/99999999999999999999", 404)


def test_what_others_wrote_into_a_request_and_what_was_put_away_is_not_shown(client: FlaskClient, asked: Asked) -> None:
    with unit_of_work(actor=asked.viewer.actor) as work:
        first = work.session.get_one(Ticket, asked.first.id)
        identity = work.session.scalars(select(Identity).where(Identity.value == BAO.value)).one()
        work.session.add(
            Message(ticket_id=first.id, customer_id=identity.customer_id, identity_id=identity.id, text="intruder",
                    other_sender=True, channel_id=asked.mail.id)
        )  # fmt: skip
        tickets.move(work, asked.viewer, work.session.get_one(Ticket, asked.second.id), "spam")
    path = asked.link()
    assert "intruder" not in _page(client, f"{path}/{asked.first.number}")
    assert "Parcel" not in _page(client, path)
    _page(client, f"{path}/{asked.second.number}", 404)
    _page(client, asked.link(asked.second), 404)


def test_forged_links_say_so_and_ended_ones_too(client: FlaskClient, asked: Asked) -> None:
    token = asked.link(asked.first)
    identity, ticket, hour, signature = token.removeprefix("/p/").split("-")
    forged = (
        f"{identity}-0-{hour}-{signature}",
        f"{identity}-{asked.second.id}-{hour}-{signature}",
        f"{int(identity) + 1}-{ticket}-{hour}-{signature}",
        f"{identity}-{ticket}-{int(hour) + 1}-{signature}",
        f"{identity}-{ticket}-{hour}-{signature[:-1]}{'a' if signature[-1] != 'a' else 'b'}",
        f"{identity}-{ticket}-{hour}-",
        f"{identity}-{ticket}-{hour}-{signature}-",
        f"٣-{ticket}-{hour}-{signature}",
        "x",
    )
    for one in forged:
        assert "not one of ours" in _page(client, f"/p/{one}?lang=en", 404)
        assert client.post(f"/p/{one}/{asked.first.number}", data={"text": "x", "nonce": "a" * 20}).status_code == 404
    assert client.post(f"/p/{forged[0]}/all").status_code == 404
    for link, lasts in ((token, own_links.ONE_LASTS), (asked.link(), own_links.ALL_LAST)):
        with time_machine.travel(now() + lasts - timedelta(minutes=1), tick=False):
            assert client.get(link).status_code == 200
        with time_machine.travel(now() + lasts + timedelta(hours=1, minutes=1), tick=False):
            assert "hello@shop.example" in _page(client, link, 410)


def test_the_link_follows_whose_address_it_is(client: FlaskClient, make: Any, asked: Asked) -> None:
    """Merged into another profile, the address opens that one's requests; given back, it does not."""
    admin = make.viewer("admin")
    path = asked.link()
    with unit_of_work(actor=admin.actor) as work:
        merge = merging.merge(work, admin, asked.others.customer_id, asked.first.customer_id)
    assert "Bao" in _page(client, path)
    with unit_of_work(actor=admin.actor) as work:
        merging.undo(work, admin, merge.id)
    assert "Bao" not in _page(client, path)


def test_opening_a_link_changes_nothing_and_is_kept_by_nobody(client: FlaskClient, asked: Asked) -> None:
    before = db.session.scalar(select(func.max(EventRow.seq)))
    for path in (asked.link(), asked.link(asked.first), f"{asked.link()}/{asked.first.number}", "/help"):
        assert client.head(path).status_code == 200
        response = client.get(path)
        assert "Set-Cookie" not in response.headers
        assert response.headers["Cache-Control"] == "no-store"
        if path != "/help":
            assert response.headers["Referrer-Policy"] == "no-referrer"
    assert client.get(f"{asked.link()}/all").status_code in (404, 405)
    db.session.rollback()
    assert db.session.scalar(select(func.max(EventRow.seq))) == before


# --- answering ---------------------------------------------------------------------------------------------------


def test_an_answer_joins_the_request_like_a_mail(client: FlaskClient, asked: Asked) -> None:
    path = asked.link(asked.first)
    sent = _answer(client, path, asked.first.number, "Thank you!\n<b>Lan</b>")
    assert sent.status_code == 303
    page = _page(client, sent.headers["Location"])
    assert "&lt;b&gt;Lan&lt;/b&gt;" in page and "We have your message" in page
    db.session.rollback()
    message = db.session.scalars(select(Message).order_by(Message.id.desc()).limit(1)).one()
    assert (message.ticket_id, message.direction, message.channel_id) == (asked.first.id, "in", asked.mail.id)
    assert message.customer_id == asked.first.customer_id and not message.other_sender
    assert db.session.get_one(Ticket, asked.first.id).needs_reply


def test_the_same_form_twice_is_one_message_and_an_empty_one_none(client: FlaskClient, asked: Asked) -> None:
    path, number = asked.link(asked.first), asked.first.number
    form = {"text": "Once", "nonce": "0123456789abcdef0123"}
    for _n in range(2):
        assert client.post(f"{path}/{number}", data=form).status_code == 303
    db.session.rollback()
    assert len(list(db.session.scalars(select(Message).where(Message.text == "Once")))) == 1
    empty = client.post(f"{path}/{number}", data={**form, "text": " \n"})
    assert empty.status_code == 422 and "Write something first" in empty.get_data(as_text=True)
    long = client.post(f"{path}/{number}", data={**form, "text": "kept " * 5000})
    assert long.status_code == 422 and "kept kept" in long.get_data(as_text=True)
    assert client.post(f"{path}/{number}", data={"text": "kept", "nonce": "?"}).status_code == 422


def test_a_closed_request_goes_on_as_a_new_one_that_is_shown(client: FlaskClient, asked: Asked) -> None:
    with unit_of_work(actor=asked.viewer.actor) as work:
        ticket = access.ticket_by_id(work.session, asked.viewer, asked.first.id, lock=True)
        tickets.set_status(work, asked.viewer, ticket, "closed")
    sent = _answer(client, asked.link(asked.first), asked.first.number, "It broke again")
    assert "It broke again" in _page(client, sent.headers["Location"])
    db.session.rollback()
    newest = db.session.scalars(select(Ticket).order_by(Ticket.id.desc()).limit(1)).one()
    assert newest.follow_up_of_id == asked.first.id
    assert f"/{newest.number}?" in sent.headers["Location"]


# --- the link ----------------------------------------------------------------------------------------------------


def test_a_mail_that_others_get_too_carries_no_link(asked: Asked) -> None:
    with unit_of_work(actor=asked.viewer.actor) as work:
        ticket = access.ticket_by_id(work.session, asked.viewer, asked.first.id, lock=True)
        copied = replies.reply(work, asked.viewer, ticket, Written(text="To both", cc=("boss@mail.example",))).id
    assert _sent(asked.reply_id).requests_url.startswith("https://desk.example/p/")
    assert _sent(copied).requests_url == ""
    with unit_of_work() as work:
        desk_settings.put(work, "requests.link", False)
    assert _sent(asked.reply_id).requests_url == ""


@pytest.mark.parametrize("way", ["help", "request"])
def test_the_link_to_all_is_mailed_to_those_who_wrote_and_to_nobody_else(
    client: FlaskClient, drain: Any, asked: Asked, way: str
) -> None:
    def mails() -> list[str]:
        drain("reactions")
        db.session.rollback()
        rows = db.session.scalars(select(OutboxRow).where(OutboxRow.kind.in_(("requests_asked", "system_mail"))))
        return [str(row.kind) for row in rows]

    if way == "request":
        answer = client.post(f"{asked.link(asked.first)}/all")
    else:
        answer = client.post("/help/requests", data={"email": " LAN@mail.example "})
        stranger = client.post("/help/requests", data={"email": "nobody@mail.example"})
        plain = [re.sub(r'nonce="[^"]*"', "", a.get_data(as_text=True)) for a in (answer, stranger)]
        assert plain[1].replace("nobody", "lan") == plain[0]
    assert answer.status_code == 200
    assert mails().count("system_mail") == 1  # no mail server answers here: it waits for its next try
    again = client.post("/help/requests", data={"email": "lan@mail.example"})
    assert again.status_code == 200
    assert mails().count("system_mail") == 1
    assert client.post("/help/requests", data={"email": "no address"}).status_code == 422


def test_help_names_every_way_to_reach_the_business(client: FlaskClient, make: Any, asked: Asked) -> None:
    chat = make.channel("widget", name="Chat")
    page = _page(client, "/help?lang=en")
    assert "mailto:hello@shop.example" in page and f"/widget/{chat.key}/chat" in page
    assert client.get("/help/").status_code == 200
