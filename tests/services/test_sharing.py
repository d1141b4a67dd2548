"""What goes along with a reply: read from what an agent pastes, kept twice, drawn where a channel can."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import select

from connectors.contract import Address, Contact, Outbound, Place, Raw, Receipt, Sticker
from connectors.email.connector import Email
from helpdesk.access import viewer_of
from helpdesk.errors import Invalid
from helpdesk.extensions import db
from helpdesk.models import Identity, Message, Ticket
from helpdesk.services import channels, fallback, held, intake, map_links, replies, sharing
from helpdesk.services import settings as desk_settings
from helpdesk.services.replies import Written
from helpdesk.unit_of_work import unit_of_work
from tests.servers.telegram import BOT_ID, TOKEN, FakeTelegram

JSON = {"accept": "application/json"}
SHOP = Place(21.026100, 105.846200, "Sao Mai", "12 Lý Thường Kiệt")


@pytest.mark.parametrize(
    "written",
    [
        "10.7769, 106.7009",
        "(10.7769;106.7009)",
        "https://www.google.com/maps/place/Ch%E1%BB%A3/@10.7,106.7,17z/data=!3m1!4b1!4m6!3m5!1s0x0:0x0!8m2!3d10.7769!4d106.7009",
        "https://maps.google.com/?q=10.7769,106.7009",
        "https://www.google.com/maps/search/?api=1&query=10.7769%2C106.7009",
        "https://www.google.com/maps/search/10.7769,+106.7009",
        "https://www.google.com/maps/@10.7769,106.7009,15z",
        "https://www.openstreetmap.org/?mlat=10.7769&mlon=106.7009#map=16/10/106",
        "https://www.openstreetmap.org/#map=16/10.7769/106.7009",
        "https://maps.apple.com/?ll=10.7769,106.7009&q=Shop",
        "geo:10.7769,106.7009?z=17",
    ],
)
def test_a_point_is_found_in_what_people_paste(written: str) -> None:
    assert map_links.coordinates(written) == (10.7769, 106.7009)


@pytest.mark.parametrize(
    "written", ["", "12 Lý Thường Kiệt", "https://maps.app.goo.gl/AbC123", "91.2, 106.7", "10, 206"]
)
def test_no_point_is_invented(written: str) -> None:
    assert map_links.coordinates(written) is None


@pytest.mark.parametrize("shared", [SHOP, Place(1.5, 2.5), Contact("Sao Mai", "+842473082686"), Sticker("CAAC", "🙏")])
@pytest.mark.parametrize("text", ["", "Dạ shop đây ạ"])
def test_words_for_it_stand_below_what_was_written_and_come_off_again(shared: Any, text: str) -> None:
    html = f"<p>{text}</p>" if text else ""
    whole = sharing.along(text, html, shared)
    assert sharing.words(shared) in whole[0]
    assert sharing.apart(*whole, shared) == (text, html)
    assert sharing.unpacked(json.loads(json.dumps(sharing.packed(shared)))) == shared


@pytest.mark.parametrize(
    "brought",
    ["{", "[]", '{"kind": "place"}', '{"kind": "place", "latitude": "x", "longitude": 1}', '{"kind": "rocket"}',
     '{"kind": "place", "latitude": 99, "longitude": 1}', '{"kind": "sticker", "ref": ""}', '{"kind": "contact", "name": 1}'],
)  # fmt: skip
def test_a_form_that_brings_anything_else_is_refused(app: Any, brought: str) -> None:
    with app.test_request_context(), pytest.raises(Invalid):
        sharing.read(brought)


# --- through the desk ----------------------------------------------------------------------------------------


@pytest.fixture
def bot_api() -> Any:
    with FakeTelegram() as fake:
        yield fake


@pytest.fixture
def lan(make: Any, bot_api: FakeTelegram) -> Any:
    """The Telegram channel on which Lan asked."""
    channel = make.channel("telegram", config={"token": TOKEN, "api_base": bot_api.url})
    make.inbound(channel, "Shop ở đâu ạ?", sender=Address("telegram", "5201001", str(BOT_ID), "Lan"))
    return channel


def the_ticket(session: Any) -> Ticket:
    return session.scalars(select(Ticket).where(Ticket.number == 1001)).one()  # type: ignore[no-any-return]


def answer(make: Any, text: str = "", **more: Any) -> int:
    viewer = make.viewer("admin")
    with unit_of_work(actor=viewer.actor) as work:
        written = Written(text=text, **more)
        return replies.reply(work, viewer, the_ticket(work.session), written).id


def message(message_id: int) -> Message:
    db.session.rollback()
    return db.session.get_one(Message, message_id)


def test_the_place_is_drawn_at_the_customers_and_readable_in_the_ticket(make, drain, lan, bot_api):
    message_id = answer(make, "Dạ ở đây ạ", shared=SHOP)
    drain("deliveries")
    words, spot = bot_api.sent(5201001)
    assert words.params["text"] == "Dạ ở đây ạ"
    assert (spot.method, spot.params["title"]) == ("sendVenue", "Sao Mai")
    kept = message(message_id)
    assert kept.text.startswith("Dạ ở đây ạ\n\n📍 Sao Mai, 12 Lý Thường Kiệt (21.026100, 105.846200)")
    assert kept.deliveries[0].state == "sent"


def test_a_way_that_draws_none_refuses_it(make, lan):
    email = make.channel("email", config={"address": "hello@shop.example"})
    with unit_of_work() as work:
        identity = Identity(customer_id=the_ticket(work.session).customer_id, kind="email", value="lan@khach.example")
        work.session.add(identity)
    with pytest.raises(Invalid) as refused:
        answer(make, "Đây ạ", shared=SHOP, channel_id=email.id)
    assert "shared" in refused.value.fields


def test_what_failed_goes_on_by_another_channel_as_words(make, drain, lan, bot_api, monkeypatch):
    make.channel("email", config={"address": "hello@shop.example", "smtp_host": "127.0.0.1", "smtp_port": 1})
    with unit_of_work() as work:
        customer_id = the_ticket(work.session).customer_id
        work.session.add(Identity(customer_id=customer_id, kind="email", value="lan@khach.example"))
    message_id = answer(make, "Dạ ở đây ạ", shared=SHOP)
    bot_api.fail("sendMessage", 403, "Forbidden: bot was blocked by the user")
    drain("deliveries")
    mails: list[Outbound] = []
    monkeypatch.setattr(Email, "send", lambda _self, outbound: mails.append(outbound) or Receipt("m-1"))
    with unit_of_work() as work:
        fallback.send(work, None, message(message_id).deliveries[0].id)
    drain("deliveries")
    (mail,) = mails
    assert mail.shared is None
    assert "📍 Sao Mai" in mail.text and "mlat=21.026100&mlon=105.846200" in mail.text


def test_the_customers_sticker_can_be_sent_back(make, drain, bot_api):
    channel = make.channel("telegram", config={"token": TOKEN, "api_base": bot_api.url})
    update = bot_api.sends_sticker("CAACAgIAAx-love", "❤️")
    with unit_of_work(actor="customer") as work:
        row = work.session.merge(channel)
        connector = channels.connector_of(row, work.session)
        (inbound,) = connector.parse(Raw("1", json.dumps(update).encode()))
        intake.receive(work, row, inbound)
    (offered,) = sharing.stickers(db.session(), connector, channel.id, the_ticket(db.session).id)
    assert offered == Sticker("CAACAgIAAx-love", "❤️")
    message_id = answer(make, shared=offered)
    drain("deliveries")
    (call,) = bot_api.sent()
    assert (call.method, call.params["sticker"]) == ("sendSticker", "CAACAgIAAx-love")
    assert message(message_id).text == "❤️"


def test_what_waits_for_approval_keeps_it(make, drain, lan, bot_api):
    author = viewer_of(make.agent("agent", name="Newcomer"))
    with unit_of_work(actor=author.actor) as work:
        written = Written(text="Dạ ở đây ạ", shared=SHOP)
        row = held.hold(work, author, the_ticket(work.session), written, why="review")
        assert "📍 Sao Mai" in row.text and held.said(row) == ("Dạ ở đây ạ", "")
        held_id = row.id
    reviewer = make.viewer("supervisor")
    with unit_of_work() as work:
        held.approve(work, reviewer, held_id, None)
    drain("deliveries")
    assert [call.method for call in bot_api.sent()] == ["sendMessage", "sendVenue"]


# --- in the composer -----------------------------------------------------------------------------------------


def test_the_menu_knows_the_shop_and_says_what_is_wrong(make, lan):
    make.channel("phone", config={"number": "1900 6868"})
    with unit_of_work() as work:
        for key, value in (
            ("brand.name", "Sao Mai"),
            ("brand.place", "21.0261, 105.8462"),
            ("brand.address", "12 Lý Thường Kiệt"),
        ):
            desk_settings.put(work, key, value)
    client = make.client(make.agent("agent"))
    menu = client.get(f"/tickets/1001/share?channel={lan.id}").text
    for known in ("21.0261, 105.8462", "12 Lý Thường Kiệt", "1900 6868"):
        assert known in menu
    shared = client.post(
        "/tickets/1001/share", data={"kind": "place", "place": "21.0261, 105.8462", "title": "Sao Mai"}
    )
    assert shared.json["shared"] == {
        "kind": "place", "latitude": 21.0261, "longitude": 105.8462, "title": "Sao Mai", "address": "",
    }  # fmt: skip
    wrong = client.post(
        "/tickets/1001/share", data={"kind": "place", "place": "https://maps.app.goo.gl/Ab"}, headers=JSON
    )
    assert wrong.status_code == 422 and "place" in wrong.json["errors"]
    wrong = client.post("/tickets/1001/share", data={"kind": "contact", "name": "Shop", "phone": "12"}, headers=JSON)
    assert wrong.status_code == 422 and "phone" in wrong.json["errors"]


def test_it_goes_with_the_reply_of_the_composer(make, drain, lan, bot_api):
    client = make.client(make.agent("agent"))
    shared = client.post("/tickets/1001/share", data={"kind": "contact", "name": "Sao Mai", "phone": "0912 345 678"})
    sent = client.post("/tickets/1001/reply", data={"shared": json.dumps(shared.json["shared"])})
    assert sent.status_code in (200, 303)
    drain("deliveries")
    (call,) = bot_api.sent(5201001)
    assert call.params["phone_number"] == "+84912345678"
