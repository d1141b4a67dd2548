"""A visitor on a shop's page with a strict Content-Security-Policy, and an agent who answers."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from flask import Flask, Response, current_app
from playwright.sync_api import Browser, BrowserContext, FrameLocator, Page, expect
from sqlalchemy import func, select
from werkzeug.serving import make_server

from connectors.contract import Address, Evidence
from helpdesk import access
from helpdesk.extensions import db
from helpdesk.models import Channel, Customer, Delivery, FollowUpTask, Message, Ticket, VisitorSession
from helpdesk.models import Response as SurveyResponse
from helpdesk.services import channels, replies
from helpdesk.services import settings as desk_settings
from helpdesk.services.threading import reply_token
from helpdesk.unit_of_work import unit_of_work
from tests.processes.running import until
from tests.public.test_widget import answer, png, survey_asked
from tests.servers.browser import DESKTOP, PHONE, WAIT_MS, assert_accessible

pytestmark = pytest.mark.browser
SECRET = "browser-identity-secret"
PICTURES = os.environ.get("HELPDESK_TEST_PICTURES")  # a folder: keep screenshots there, to look at


@dataclass
class Shop:
    """A web site of its own, on another origin than the desk."""

    address: str
    desk: str = ""
    key: str = ""
    lang: str = "en"
    tag: str = ""  # more attributes of the script tag
    before: str = ""  # an own script file, run before the widget's
    requests: list[str] = field(default_factory=list)

    def page(self) -> Response:
        own = '<script src="/before.js"></script>' if self.before else ""
        html = f"""<!doctype html><html lang="{self.lang}"><meta charset="utf-8"><title>Đồi Gió</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="stylesheet" href="/shop.css">{own}
<script async src="{self.desk}/widget/{self.key}.js"{self.tag}></script>
<main><h1>Made to be used every day</h1><p>Stoneware thrown and glazed on one hill.</p></main></html>"""
        response = Response(html, mimetype="text/html")
        response.headers["Content-Security-Policy"] = (
            f"default-src 'none'; script-src {self.desk} {self.address}; frame-src {self.desk}; style-src 'self'; "
            "base-uri 'none'; form-action 'none'"
        )
        return response


CSS = """:root { color-scheme: light dark } body { margin: 48px; font: 15px/1.6 sans-serif;
background: light-dark(#fbf8f4, #171412) }"""


def shop_server(shop: Shop) -> Any:
    site = Flask("shop")
    site.add_url_rule("/", "page", shop.page)
    site.add_url_rule("/shop.css", "css", lambda: Response(CSS, mimetype="text/css"))
    site.add_url_rule("/before.js", "before", lambda: Response(shop.before, mimetype="text/javascript"))
    return make_server("127.0.0.1", 0, site, threaded=True)


@pytest.fixture
def shop(live: str, make: Any) -> Iterator[Shop]:
    shop = Shop("", live)
    server = shop_server(shop)
    shop.address = f"http://127.0.0.1:{server.server_port}"
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    channel = make.channel(
        "widget",
        name="Shop chat",
        config={
            "allowed_domains": f"127.0.0.1:{server.server_port}",
            "identity_secret": SECRET,
            "colour": "#7a3b2e",
            "greeting": "",
        },
    )
    make.channel("phone", name="Hotline", config={"number": "19001234"})
    with unit_of_work() as work:
        desk_settings.put(work, "brand.name", "Đồi Gió")
    shop.key = channel.key
    yield shop
    server.shutdown()
    server.server_close()


@dataclass
class Person:
    context: BrowserContext
    page: Page
    problems: list[str]

    @property
    def chat(self) -> FrameLocator:
        return self.page.frame_locator("iframe")

    def open(self, shop: Shop) -> None:
        self.page.goto(shop.address + "/")
        self.page.get_by_role("button", name=re.compile("^(Open chat|Mở chat)")).click()

    def box(self) -> Any:
        return self.chat.get_by_role("textbox", name=re.compile("^(Message|Tin nhắn)$"))

    def say(self, text: str) -> None:
        self.box().fill(text)
        self.chat.get_by_role("button", name=re.compile("^(Send|Gửi)$")).click()

    def line(self, text: str) -> Any:
        return self.chat.locator(".w-text", has_text=text)


@pytest.fixture
def person(browser: Browser) -> Iterator[Any]:
    made: list[Person] = []

    def _person(**options: Any) -> Person:
        context = browser.new_context(**{"viewport": DESKTOP, "locale": "en-GB", **options})
        context.set_default_timeout(WAIT_MS)
        page = context.new_page()
        one = Person(context, page, [])
        page.on("console", lambda m: one.problems.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda e: one.problems.append(str(e)))
        made.append(one)
        return one

    yield _person
    for one in made:
        print(*one.problems, sep="\n")  # shown when the test fails
        one.context.close()


def picture(page: Page, name: str) -> None:
    if PICTURES:
        page.wait_for_timeout(250)
        page.screenshot(path=str(Path(PICTURES) / f"{name}.png"))


def count(model: Any) -> int:
    db.session.rollback()
    return db.session.scalar(select(func.count(model.id))) or 0


def wait_until_read(visitor: Person) -> None:
    """The visitor's page tells by itself that the one answer was seen."""

    def read() -> bool:
        db.session.rollback()
        return visitor.page.title() is not None and db.session.scalars(select(Delivery.state)).all() == ["read"]

    until(read, what="the mark that it was read")


# --- the way there and back ----------------------------------------------------------------------------------


def test_a_visitor_writes_and_is_answered_in_place(shop: Shop, person: Any, make: Any) -> None:
    visitor = person()
    visitor.page.goto(shop.address + "/")
    launcher = visitor.page.get_by_role("button", name="Open chat")
    expect(launcher).to_be_visible()
    picture(visitor.page, "widget-closed")
    expect(visitor.page.locator("iframe")).to_have_count(0)  # nothing more before it is wanted
    launcher.click()
    expect(visitor.chat.get_by_role("heading", name="Hello, how can we help?")).to_be_visible()
    expect(visitor.box()).to_be_focused()
    picture(visitor.page, "widget-home")
    visitor.say("Do you ship the slate bowls to Singapore?")
    expect(visitor.line("slate bowls")).to_be_visible()
    expect(visitor.chat.get_by_text("Sent", exact=True)).to_be_visible()
    assert count(Message) == 1
    answer(make, "We do. See https://shop.example/ship for the costs.")
    expect(visitor.line("We do.")).to_be_visible()
    expect(visitor.chat.get_by_role("link", name="https://shop.example/ship")).to_have_attribute(
        "rel", re.compile("noopener")
    )
    expect(visitor.chat.get_by_text("Answers you")).to_be_visible()
    picture(visitor.page, "widget-chat")
    wait_until_read(visitor)
    assert visitor.problems == []
    assert visitor.context.cookies() == []


def test_visitor_and_agent_side_by_side(shop: Shop, person: Any, sign_in: Any, make: Any) -> None:
    visitor = person()
    visitor.open(shop)
    visitor.chat.get_by_role("textbox", name="Name").fill("Emma Whitfield")
    agent = sign_in(make.agent("agent", name="Trần Linh"))
    visitor.say("Do you ship the slate bowls to Singapore?")
    agent.get_by_role("link", name=re.compile("slate bowls")).click()
    expect(agent.get_by_role("log").get_by_text("slate bowls to Singapore")).to_be_visible()
    expect(agent.get_by_role("link", name=re.compile("Written on http"))).to_be_visible()
    expect(visitor.chat.get_by_text("Seen", exact=True)).to_be_visible()
    visitor.box().press_sequentially("Also")
    expect(agent.locator("#typing")).to_contain_text("Emma")
    visitor.box().fill("")
    agent.get_by_role("textbox", name="Reply").press_sequentially("We do")
    expect(visitor.chat.get_by_text("Trần Linh is typing…")).to_be_visible()
    picture(visitor.page, "widget-typing")
    agent.get_by_role("button", name="Send", exact=True).click()
    expect(visitor.line("We do")).to_be_visible()
    expect(visitor.chat.get_by_text("Trần Linh is typing…")).to_be_hidden()
    wait_until_read(visitor)
    agent.reload()
    expect(agent.get_by_role("log").get_by_text("Read", exact=False).first).to_be_visible()
    visitor.say("Four, please")
    expect(agent.get_by_role("log").get_by_text("Four, please")).to_be_visible()
    agent.get_by_role("radio", name="Note").or_(agent.get_by_role("tab", name="Note")).first.click()
    agent.get_by_role("textbox", name="Note").fill("canary-note: a difficult one")
    expect(visitor.chat.get_by_text("is typing…")).to_be_hidden()
    agent.get_by_role("button", name=re.compile("^(Add note|Send|Save note)")).first.click()
    expect(agent.get_by_role("log").get_by_text("canary-note")).to_be_visible()
    answer(make, "I have asked about them")
    expect(visitor.line("I have asked about them")).to_be_visible()  # and so what came before it has been told, too
    assert "canary" not in "".join(frame.content() for frame in visitor.page.frames)


def test_escape_closes_and_focus_goes_back(shop: Shop, person: Any) -> None:
    visitor = person()
    visitor.open(shop)
    expect(visitor.box()).to_be_focused()
    visitor.chat.get_by_role("button", name="Emoji").click()
    visitor.page.keyboard.press("Escape")
    expect(visitor.chat.get_by_role("group", name="Emoji")).to_be_hidden()
    visitor.page.keyboard.press("Escape")
    expect(visitor.page.get_by_role("button", name="Open chat")).to_be_focused()
    visitor.page.keyboard.press("Enter")
    expect(visitor.box()).to_be_focused()
    visitor.chat.get_by_role("button", name="Close chat").click()
    expect(visitor.page.get_by_role("button", name="Open chat")).to_be_visible()


def test_unread_answers_light_the_badge_also_after_a_reload(shop: Shop, person: Any, make: Any) -> None:
    visitor = person()
    visitor.open(shop)
    visitor.say("I will wait elsewhere")
    expect(visitor.chat.get_by_text("Sent", exact=True)).to_be_visible()
    visitor.chat.get_by_role("button", name="Close chat").click()
    answer(make, "Here you are")
    expect(visitor.page.get_by_role("button", name="Open chat, 1 unread")).to_be_visible()
    visitor.page.reload()
    badge = visitor.page.get_by_role("button", name="Open chat, 1 unread")
    expect(badge).to_be_visible()
    badge.click()
    expect(visitor.line("Here you are")).to_be_visible()
    visitor.chat.get_by_role("button", name="Close chat").click()
    expect(visitor.page.get_by_role("button", name="Open chat", exact=True)).to_be_visible()


def test_reload_and_a_second_tab_show_the_same(shop: Shop, person: Any, make: Any) -> None:
    visitor = person()
    visitor.open(shop)
    visitor.say("First line")
    expect(visitor.chat.get_by_text("Sent", exact=True)).to_be_visible()
    visitor.box().fill("half a thou")
    visitor.page.reload()
    visitor.page.get_by_role("button", name="Open chat").click()
    expect(visitor.line("First line")).to_be_visible()
    expect(visitor.box()).to_have_value("half a thou")
    other = Person(visitor.context, visitor.context.new_page(), [])
    other.open(shop)
    expect(other.line("First line")).to_be_visible()
    other.say("From the second tab")
    expect(visitor.line("From the second tab")).to_be_visible()
    answer(make, "To both")
    for tab in (visitor, other):
        expect(tab.line("To both")).to_have_count(1)
    assert count(Ticket) == 1


def test_what_is_typed_offline_is_kept_and_sent_once(shop: Shop, person: Any) -> None:
    visitor = person()
    visitor.open(shop)
    visitor.say("Before the tunnel")
    expect(visitor.chat.get_by_text("Sent", exact=True)).to_be_visible()
    visitor.context.set_offline(True)
    visitor.say("In the tunnel")
    visitor.say("Still in it")
    expect(visitor.chat.get_by_text("Waits for the connection")).to_be_visible()
    expect(visitor.chat.get_by_text("No connection.")).to_be_visible()
    assert count(Message) == 1
    visitor.context.set_offline(False)
    expect(visitor.chat.get_by_text("Sent", exact=True)).to_be_visible()
    db.session.rollback()
    assert db.session.scalars(select(Message.text).order_by(Message.id)).all() == [
        "Before the tunnel", "In the tunnel", "Still in it",
    ]  # fmt: skip


def test_a_lost_acknowledgement_makes_no_second_message(shop: Shop, person: Any) -> None:
    visitor = person()
    visitor.open(shop)
    lost: list[int] = []

    def lose_the_first(route: Any) -> None:
        if route.request.method == "POST" and not lost:
            lost.append(route.fetch().status)  # it arrived, and the answer is lost
            route.abort()
        else:
            route.continue_()

    visitor.page.route("**/messages", lose_the_first)
    visitor.say("Only once, please")
    expect(visitor.chat.get_by_text("Sent", exact=True)).to_be_visible()
    expect(visitor.line("Only once, please")).to_have_count(1)
    assert lost == [201] and count(Message) == 1


def test_without_a_socket_it_asks_again_by_short_requests(shop: Shop, person: Any, make: Any) -> None:
    visitor = person()
    visitor.page.route("**/socket.io/**", lambda route: route.abort())
    visitor.page.add_init_script("self.WebSocket = class { constructor() { throw new Error('no sockets'); } };")
    visitor.open(shop)
    visitor.say("No sockets here")
    expect(visitor.chat.get_by_text("Sent", exact=True)).to_be_visible()
    answer(make, "Short requests will do")
    expect(visitor.line("Short requests will do")).to_be_visible()


# --- who may, who is ------------------------------------------------------------------------------------------


def test_a_site_that_is_not_allowed_shows_no_chat(shop: Shop, person: Any) -> None:
    evil = Shop("", shop.desk, shop.key)
    server = shop_server(evil)
    evil.address = f"http://127.0.0.1:{server.server_port}"
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    visitor = person()
    visitor.open(evil)
    told = lambda: visitor.page.title() and any("frame-ancestors" in one for one in visitor.problems)  # noqa: E731
    until(told, what="the browser's refusal")
    expect(visitor.chat.get_by_role("textbox")).to_have_count(0)
    server.shutdown()
    server.server_close()


def test_only_the_right_window_is_heard(shop: Shop, person: Any) -> None:
    visitor = person()
    visitor.open(shop)
    expect(visitor.box()).to_be_visible()
    forged = {"helpdesk": shop.key, "type": "close"}
    visitor.page.evaluate("(m) => window.postMessage(m, '*')", forged)  # the page itself is not the chat
    visitor.page.evaluate(
        "(m) => dispatchEvent(new MessageEvent('message', {data: m, origin: 'https://evil.example'}))", forged
    )
    visitor.page.evaluate("""() => new Promise((heard) => {
        addEventListener('message', () => setTimeout(heard), { once: true });
        postMessage('what came before this was heard', '*');
    })""")
    expect(visitor.box()).to_be_visible()
    frame = next(f for f in visitor.page.frames if "/frame" in f.url)
    frame.evaluate(
        """(key) => dispatchEvent(new MessageEvent('message', {origin: 'https://evil.example', source: parent,
        data: {helpdesk: key, type: 'identify', user: {id: 'x'}}}))""",
        shop.key,
    )
    frame.evaluate("(key) => postMessage({helpdesk: key, type: 'forget'}, '*')", shop.key)
    visitor.say("Still here")
    expect(visitor.line("Still here")).to_be_visible()


def test_the_api_of_the_page(shop: Shop, person: Any, make: Any) -> None:
    signed = hmac.new(SECRET.encode(), b"user-42", hashlib.sha256).hexdigest()
    shop.before = f"""self.heard = [];
    self.HelpdeskWidget = function () {{ (HelpdeskWidget.q = HelpdeskWidget.q || []).push(arguments); }};
    for (const name of ['open', 'close', 'sent', 'message', 'unread', 'identified'])
      HelpdeskWidget('on', name, (detail) => heard.push([name, detail]));
    HelpdeskWidget('boot', {{ locale: 'vi', attributes: {{ plan: 'pro' }},
      user: {{ id: 'user-42', name: 'Lan', hash: '{signed}' }} }});"""
    visitor = person()
    visitor.page.goto(shop.address + "/")
    visitor.page.wait_for_function("() => heard.some(([name, d]) => name === 'identified' && d.verified)")
    visitor.page.evaluate("HelpdeskWidget('open')")
    visitor.say("Chào shop, cho mình hỏi đơn 20931")
    visitor.page.wait_for_function("() => heard.some(([name]) => name === 'sent')")
    answer(make, "Dạ em xem ngay ạ")
    visitor.page.wait_for_function("() => heard.some(([name]) => name === 'message')")
    visitor.page.evaluate("HelpdeskWidget('close')")
    visitor.page.wait_for_function("() => heard.some(([name]) => name === 'close')")
    customer = db.session.scalars(select(Customer)).one()
    assert customer.name == "Lan" and customer.custom["said_in_chat"] == {"plan": "pro"} and customer.locale == "vi"
    # Signing out: the next person on this computer sees nothing of it.
    visitor.page.evaluate("HelpdeskWidget('shutdown')")
    expect(visitor.page.get_by_role("button", name="Mở chat")).to_be_hidden()
    shop.before = ""
    expect(visitor.page.locator("iframe")).to_have_count(0)
    visitor.open(shop)
    expect(visitor.box()).to_be_visible()
    expect(visitor.line("20931")).to_have_count(0)


def test_markup_is_shown_as_it_was_written(shop: Shop, person: Any, make: Any) -> None:
    bad = '"><img src=x onerror="window.__pwned=1"><script>window.__pwned=1</script> javascript:__pwned=1 {{7*7}}'
    visitor = person()
    visitor.open(shop)
    visitor.chat.get_by_role("textbox", name="Name").fill(bad)
    visitor.say(bad)
    expect(visitor.line("onerror")).to_have_text(bad)
    expect(visitor.chat.get_by_text("Sent", exact=True)).to_be_visible()
    make.agent("admin", name=bad)
    viewer = make.viewer("admin", name=bad)
    with unit_of_work(actor=viewer.actor) as work:
        ticket = access.ticket_by_number(work.session, viewer, work.session.scalar(select(Ticket.number)), lock=True)
        replies.reply(work, viewer, ticket, replies.Written(text=bad))
    expect(visitor.line("onerror")).to_have_count(2)
    for frame in visitor.page.frames:
        assert frame.evaluate("() => window.__pwned") is None
    assert visitor.problems == []


# --- files, contact, rating -----------------------------------------------------------------------------------


def test_pictures_and_files_go_both_ways(shop: Shop, person: Any, tmp_path: Path) -> None:
    (tmp_path / "vỡ.png").write_bytes(png())
    (tmp_path / "hóa đơn.txt").write_text("1 ấm men ngọc")
    visitor = person()
    visitor.open(shop)
    with visitor.page.expect_file_chooser() as chooser:
        visitor.chat.get_by_role("button", name="Attach a file").click()
    chooser.value.set_files([tmp_path / "vỡ.png", tmp_path / "hóa đơn.txt"])
    expect(visitor.chat.get_by_role("button", name="Remove vỡ.png")).to_be_visible()
    expect(visitor.chat.get_by_text("Uploading…")).to_have_count(0)
    visitor.say("It came like this")
    shown = visitor.chat.get_by_role("button", name="Picture vỡ.png").locator("img")
    expect(shown).to_have_attribute("src", re.compile("^blob:"))
    expect(visitor.chat.get_by_text("Sent", exact=True)).to_be_visible()  # until then the line is made anew
    with visitor.page.expect_download() as download:
        visitor.chat.get_by_role("button", name="Download hóa đơn.txt").click()
    assert Path(download.value.path()).read_text() == "1 ấm men ngọc"
    assert visitor.problems == []
    picture(visitor.page, "widget-files")


def test_a_phone_number_needs_the_consent_that_is_recorded(shop: Shop, person: Any) -> None:
    visitor = person()
    visitor.open(shop)
    visitor.chat.get_by_role("textbox", name="Name").fill("Emma")
    visitor.chat.get_by_role("textbox", name="Phone number or email").fill("0903 123 456")
    visitor.say("Call me back, please")
    expect(visitor.chat.get_by_text("Please tick this")).to_be_visible()
    assert count(Message) == 0
    visitor.chat.get_by_role("checkbox").check()
    visitor.say("Call me back, please")
    expect(visitor.chat.get_by_text("Sent", exact=True)).to_be_visible()
    db.session.rollback()
    customer = db.session.scalars(select(Customer)).one()
    assert customer.name == "Emma" and customer.custom["said_in_chat"]["contact"] == "0903 123 456"
    assert customer.data_consent["chat"]["text"] == "I agree that Đồi Gió uses this to answer me."


def test_the_rating_is_asked_in_place(shop: Shop, person: Any, make: Any, drain: Any) -> None:
    visitor = person(color_scheme="dark")
    visitor.open(shop)
    visitor.say("My teapot has a crack in it")
    expect(visitor.chat.get_by_text("Sent", exact=True)).to_be_visible()
    survey_asked(make, drain)
    group = visitor.chat.get_by_role("group", name="Rate this conversation")
    expect(group).to_be_visible()
    group.get_by_role("button", name="Send").click()
    expect(group.get_by_text("Choose one of the five first.")).to_be_visible()
    group.get_by_text("Poor", exact=True).click()
    group.get_by_text("Too slow").click()
    group.get_by_role("textbox").fill("Hơi lâu")
    picture(visitor.page, "widget-rating-dark")
    assert count(SurveyResponse) == 0  # only Send records
    group.get_by_role("button", name="Send").click()
    expect(visitor.chat.get_by_text("You rated: Poor")).to_be_visible()
    db.session.rollback()
    response = db.session.scalars(select(SurveyResponse)).one()
    assert (response.score, response.reason_code, response.comment, response.via) == (2, "slow", "Hơi lâu", "widget")
    visitor.page.reload()
    visitor.page.get_by_role("button", name=re.compile("Open chat")).click()
    expect(visitor.chat.get_by_text("You rated: Poor")).to_be_visible()


# --- looks ----------------------------------------------------------------------------------------------------


def test_vietnamese_on_a_phone_fills_the_screen(shop: Shop, person: Any, make: Any) -> None:
    shop.lang = "vi"
    visitor = person(viewport=PHONE, has_touch=True, is_mobile=True, device_scale_factor=2)
    visitor.open(shop)
    expect(visitor.chat.get_by_role("heading", name="Chào bạn, chúng tôi giúp gì được ạ?")).to_be_visible()
    picture(visitor.page, "widget-home-phone-vi")
    visitor.say("Shop ơi, tô men đá có giao ra Côn Đảo không ạ?")
    expect(visitor.chat.get_by_text("Đã gửi")).to_be_visible()
    answer(make, "Dạ có ạ, khoảng 4 đến 6 ngày, phí 45.000 ₫ cho tối đa bốn tô.")
    expect(visitor.line("Dạ có ạ")).to_be_visible()
    box = visitor.page.locator("iframe").bounding_box()
    assert box is not None and (box["width"], box["height"]) == (390, 844)
    picture(visitor.page, "widget-chat-phone-vi")
    for button in visitor.chat.get_by_role("button").all():
        found = button.bounding_box()
        assert found is None or min(found["width"], found["height"]) >= 24


# --- other ways ------------------------------------------------------------------------------------------------


@pytest.fixture
def open_shop(shop: Shop, make: Any) -> Shop:
    """A shop with mail, a bot, Zalo, and people who call back."""
    make.channel("email", name="Mail", config={"address": "hi@shop.example", "smtp_host": "127.0.0.1", "smtp_port": 1})
    with unit_of_work() as work:
        channel = channels.by_key(work.session, shop.key)
        more = {"callback": True, "telegram_bot": "doi_gio_bot", "zalo": "0901234567"}
        channels.update(work, channel, {**more, "privacy_url": "https://shop.example/data"})
    return shop


def test_a_chat_goes_on_by_mail_and_ends_with_a_transcript(open_shop: Shop, person: Any, make: Any, drain: Any) -> None:
    visitor = person()
    visitor.open(open_shop)
    picture(visitor.page, "widget-home-ways")
    visitor.say("Do you ship to Huế?")
    expect(visitor.chat.get_by_text("Sent", exact=True)).to_be_visible()
    visitor.chat.get_by_role("button", name="Email me instead").click()
    sheet = visitor.chat.get_by_role("region", name="Email me instead")
    sheet.get_by_role("textbox", name="Email address").fill("lan@mail.example")
    sheet.get_by_role("button", name="Send answers there").click()
    expect(sheet.get_by_role("alert")).to_have_text("Please tick the box.")
    sheet.get_by_role("checkbox").check()
    picture(visitor.page, "widget-mail-me")
    assert visitor.problems == []
    assert_accessible(visitor.page)
    visitor.problems.clear()  # the checker talks across frames, and the browser complains of it
    sheet.get_by_role("button", name="Send answers there").click()
    expect(sheet.get_by_role("status")).to_contain_text("lan@mail.example")
    sheet.get_by_role("button", name="Close this").click()
    consent = db.session.scalars(select(VisitorSession.consent)).one()
    assert "Đồi Gió uses this to answer me" in consent["text"]
    answer(make, "We do.")
    expect(visitor.line("We do.")).to_be_visible()
    mailed(make, "lan@mail.example", "Then two bowls, please.")
    expect(visitor.line("Then two bowls")).to_be_visible()
    expect(visitor.chat.get_by_text("by email")).to_be_visible()
    picture(visitor.page, "widget-by-mail")
    answer(make, "Set aside.")
    expect(visitor.line("Set aside.")).to_be_visible()
    visitor.chat.get_by_role("button", name="End chat").click()
    visitor.chat.get_by_role("region", name="End chat").get_by_role("button", name="End chat").click()
    expect(visitor.chat.get_by_text("This chat is ended")).to_be_visible()
    with visitor.page.expect_download() as saved:
        visitor.chat.get_by_role("button", name="Save as a file").click()
    text = Path(saved.value.path()).read_text(encoding="utf-8")
    assert "Do you ship to Huế?" in text
    assert "Set aside." in text
    assert visitor.problems == []


def mailed(make: Any, sender: str, text: str) -> None:
    """The mail server hands over what the visitor answered to the ticket's signed address."""
    ticket = db.session.scalars(select(Ticket)).one()
    to = f"hi+{reply_token(current_app.extensions['keyring'], ticket.id)}@shop.example"
    channel = db.session.scalars(select(Channel).where(Channel.kind == "email")).one()
    evidence = Evidence(addressed_to=(to,))
    assert make.inbound(channel, text, sender=Address("email", sender), evidence=evidence).kind == "appended"


def test_a_call_back_is_asked_for_on_a_phone_in_vietnamese(open_shop: Shop, person: Any) -> None:
    open_shop.lang = "vi"
    visitor = person(viewport=PHONE, locale="vi-VN", has_touch=True, is_mobile=True)
    visitor.open(open_shop)
    visitor.chat.get_by_role("button", name="Gọi lại cho tôi").click()
    sheet = visitor.chat.get_by_role("region", name="Gọi lại cho tôi")
    sheet.get_by_role("textbox", name="Số điện thoại").fill("12")
    sheet.get_by_role("checkbox").check()
    picture(visitor.page, "widget-call-phone-vi")
    sheet.get_by_role("button", name="Yêu cầu gọi lại").click()
    expect(sheet.get_by_role("alert")).to_be_visible()
    sheet.get_by_role("textbox", name="Số điện thoại").fill("0912 345 678")
    sheet.get_by_role("button", name="Yêu cầu gọi lại").click()
    expect(sheet.get_by_role("status")).to_have_text("Cảm ơn bạn. Chúng tôi sẽ gọi lại.")
    expect(visitor.line("+84912345678")).to_be_visible()
    assert count(FollowUpTask) == 1
    visitor.chat.get_by_role("button", name="Telegram").click()
    link = visitor.chat.get_by_role("link", name="Mở Telegram")
    expect(link).to_have_attribute("href", re.compile(r"^https://t\.me/doi_gio_bot\?start=c\d+-\d+-[a-z2-7]{26}$"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_serious_for_accessibility(shop: Shop, person: Any, make: Any, scheme: str) -> None:
    visitor = person(color_scheme=scheme)
    visitor.page.goto(f"{shop.desk}/widget/{shop.key}/chat?lang=en")
    assert_accessible(visitor.page)
    visitor.page.get_by_role("textbox", name="Message").fill("Hello there, is it open?")
    visitor.page.get_by_role("button", name="Send").click()
    expect(visitor.page.get_by_text("Sent", exact=True)).to_be_visible()
    answer(make, "It is. https://shop.example/hours")
    expect(visitor.page.get_by_text("It is.")).to_be_visible()
    visitor.page.get_by_role("button", name="Emoji").click()
    assert_accessible(visitor.page)
    picture(visitor.page, f"widget-page-{scheme}")


def test_where_storage_throws_it_works_and_says_so(shop: Shop, person: Any) -> None:
    visitor = person()
    visitor.page.add_init_script(
        "Object.defineProperty(self, 'localStorage', { get() { throw new DOMException('no', 'SecurityError'); } });"
    )
    visitor.open(shop)
    expect(visitor.chat.get_by_text("This browser stores nothing for this site")).to_be_visible()
    visitor.say("Kept in memory only")
    expect(visitor.chat.get_by_text("Sent", exact=True)).to_be_visible()
