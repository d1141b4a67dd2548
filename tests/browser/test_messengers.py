"""An agent answers on WhatsApp when the window is closed, and hides a comment below a post."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

import connectors
from connectors.contract import Raw
from helpdesk.extensions import db
from helpdesk.models import Customer, Identity, Message, Reach
from helpdesk.services import channels, intake
from helpdesk.services import settings as desk_settings
from helpdesk.unit_of_work import unit_of_work
from tests.servers.graph import FakeGraph, signed
from tests.servers.telegram import TOKEN, FakeTelegram

pytestmark = pytest.mark.browser

PICTURES = os.environ.get("HELPDESK_TEST_PICTURES", "")


@pytest.fixture
def graph() -> Any:
    with FakeGraph() as fake:
        yield fake


def hear(app: Any, channel: Any, kind: str, name: str) -> None:
    path = Path(connectors.__file__).parent / kind / "examples" / f"{name}.json"
    body, headers = signed(json.loads(path.read_text(encoding="utf-8")))
    assert app.test_client().post(f"/hooks/{channel.key}", data=body, headers=headers).status_code == 200


def picture(page: Any, name: str) -> None:
    if PICTURES:
        page.screenshot(path=f"{PICTURES}/{name}.png")


def test_a_template_where_the_window_is_closed_and_a_comment_that_is_hidden(
    app: Any, make: Any, drain: Any, graph: FakeGraph, sign_in: Any
) -> None:
    line = "ticket_update|vi|Chào {{customer}}, về yêu cầu #{{ticket}}: {{text}}"
    whatsapp = make.channel("whatsapp", config=graph.whatsapp(templates=line))
    messenger = make.channel("messenger", config=graph.messenger())
    hear(app, whatsapp, "whatsapp", "text")
    hear(app, messenger, "messenger", "comment")
    drain("arrivals")
    agent = make.agent("admin", locale="vi" if PICTURES else "en")
    page = sign_in(agent, "/tickets/1001")
    if not PICTURES:
        expect(page.locator("#via .hd-window:visible")).to_contain_text("24 h window closes in")
    picture(page, "window")
    with unit_of_work() as work:
        reach = work.session.scalars(select(Reach).where(Reach.channel_id == whatsapp.id)).one()
        reach.last_inbound_at, reach.window_until = work.now - timedelta(hours=25), work.now - timedelta(hours=1)
    page.goto("/tickets/1001")
    page.locator("[data-template]").select_option("ticket_update|vi")
    page.locator("#reply-text").fill("Đơn đang giao ạ")
    picture(page, "template")
    page.keyboard.press("Control+Enter")
    shown = page.locator(".hd-msg.is-agent").last
    expect(shown).to_contain_text("Chào Lan Trần, về yêu cầu #1001: Đơn đang giao ạ")

    page.goto("/tickets/1002")
    expect(page.locator(".hd-post")).to_contain_text("Ấm đất Bát Tràng đã về")
    expect(page.locator("[data-via] option")).to_have_count(3)
    message_id = db.session.scalars(select(Message.id).where(Message.external_id == "5550001_7001")).one()
    db.session.rollback()
    article = page.locator(f"#m-{message_id}")
    picture(page, "comment")
    article.locator(".hd-msg-menu summary").click()
    article.locator('form[action$="/hide"] button').click()
    page.wait_for_function("() => !document.querySelector('form[action$=\"/hide\"]:focus-within')")
    drain("reactions")
    page.goto("/tickets/1002")
    expect(article.locator('form[action$="/unhide"]')).to_have_count(1)
    assert graph.hidden == {"5550001_7001": True}
    if PICTURES:
        page.goto(f"/settings/channels/{whatsapp.id}")
        picture(page, "settings")
        page.set_viewport_size({"width": 390, "height": 844})
        picture(page, "settings-phone")
        page.goto("/tickets/1001")
        page.emulate_media(color_scheme="dark")
        picture(page, "ticket-phone-dark")


def test_a_place_and_a_sticker_go_along_with_a_reply(app: Any, make: Any, drain: Any, sign_in: Any) -> None:
    with FakeTelegram() as bot_api:
        channel = make.channel("telegram", config={"token": TOKEN, "api_base": bot_api.url})
        make.channel("email", config={"address": "hello@shop.example"})
        make.channel("phone", config={"number": "1900 6868"})
        with unit_of_work(actor="customer") as work:
            row = work.session.merge(channel)
            connector = channels.connector_of(row, work.session)
            raw = Raw("1", json.dumps(bot_api.sends_sticker("CAACAgIAAx-love", "❤️")).encode())
            intake.receive(work, row, connector.parse(raw)[0])
            customer_id = work.session.scalars(select(Customer.id)).one()
            work.session.add(Identity(customer_id=customer_id, kind="email", value="lan@khach.example"))
            desk_settings.put(work, "brand.name", "Sao Mai")
        page = sign_in(make.agent("admin", locale="vi" if PICTURES else "en"), "/tickets/1001")
        menu = page.locator("[data-share-menu]")
        menu.locator("summary").click()
        place = menu.locator('[data-share="place"]')
        place.locator('[data-field="place"]').fill("https://maps.app.goo.gl/AbC")
        page.keyboard.press("Enter")
        expect(place.locator("[data-share-error]")).to_be_visible()
        picture(page, "share-menu")
        place.locator('[data-field="place"]').fill("21.0261, 105.8462")
        place.locator('[data-field="title"]').fill("Sao Mai")
        page.keyboard.press("Enter")
        expect(page.locator("#composer [data-shared]")).to_contain_text("📍 Sao Mai")
        page.locator("#reply-text").fill("Shop ở đây ạ")
        picture(page, "share-chip")
        page.keyboard.press("Control+Enter")
        expect(page.locator(".hd-msg.is-agent").last).to_contain_text("📍 Sao Mai (21.026100, 105.846200)")
        expect(page.locator("#composer [data-shared]")).to_have_count(0)

        # Without words: a sticker alone is a message. By email there is no such menu.
        menu.locator("summary").click()
        menu.locator('[data-sticker="CAACAgIAAx-love"]').click()
        expect(page.locator("#composer [data-shared]")).to_contain_text("❤️")
        page.keyboard.press("Control+Enter")
        expect(page.locator(".hd-msg.is-agent")).to_have_count(2)
        drain("deliveries")
        assert [call.method for call in bot_api.sent()] == ["sendMessage", "sendVenue", "sendSticker"]
        page.locator("[data-via]").select_option(label="Email · lan@khach.example")
        expect(menu).to_be_hidden()
