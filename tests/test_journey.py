"""The whole promise, for each of the four channels, with real processes on both ends.

Somebody writes; one ticket on one profile appears live in the inbox; an agent answers from there; the answer arrives on
the customer's channel; the ticket is solved; a worker sends the survey on that channel; the customer rates; the
supervisor's report shows it. Dovecot, an SMTP sink and Chromium are real; only the Bot API is a fake.
"""

from __future__ import annotations

import html
import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import randrange
from typing import Any

import pytest
import requests

from tests.conftest import POSTGRESQL, missing
from tests.processes.running import Running, set_up, until
from tests.servers import Missing
from tests.servers.browser import WAIT_MS, chromium
from tests.servers.dovecot import Dovecot
from tests.servers.smtp_sink import SmtpSink
from tests.servers.telegram import TOKEN, FakeTelegram

pytestmark = [
    pytest.mark.database,
    pytest.mark.browser,
    pytest.mark.dovecot,
    pytest.mark.slow,
    pytest.mark.timeout(600),
]

HEARS = "document.addEventListener('hd:bell', () => { window.bells = (window.bells ?? 0) + 1; });"
PASSWORD = "a long enough password 1"
SHOP = "shop@doigio.example"
SETTINGS = {
    "survey.csat.delay_minutes": "0",
    "survey.quiet_from": "0",
    "survey.quiet_until": "0",
    "survey.fatigue_days": "0",
    "brand.name": "Đồi Gió",
}


@dataclass
class World:
    """Everything around the desk, and the desk itself."""

    desk: Running
    dovecot: Dovecot
    sink: SmtpSink
    telegram: FakeTelegram
    browser: Any
    shop_url: str
    widget_key: str

    def signed_in(self, email: str) -> Any:
        context = self.browser.new_context(viewport={"width": 1440, "height": 900}, locale="en-GB")
        context.set_default_timeout(WAIT_MS)
        context.add_init_script(HEARS)
        page = context.new_page()
        page.goto(self.desk.url + "/login")
        page.get_by_label("Email").fill(email)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(lambda url: "/login" not in url)
        page.wait_for_function("() => window.hdLive?.connected")
        return page


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[World]:
    place = tmp_path_factory.mktemp("journey")
    more = _database(request) if POSTGRESQL else {}
    try:
        with Dovecot() as dovecot, SmtpSink() as sink, FakeTelegram() as telegram, chromium() as browser:
            more |= _configured(place, dovecot, sink, telegram, more)
            with Running(place, **more) as desk:
                said = set_up(
                    (("channel", "list", "--json"), ""),
                    (("setting", "set", "public_url", desk.url), ""),
                    data=desk.data,
                    **more,
                )
                with _shop(place, desk, said) as (shop_url, key):
                    yield World(desk, dovecot, sink, telegram, browser, shop_url, key)
    except Missing as error:
        missing(str(error))


def _database(request: pytest.FixtureRequest) -> dict[str, str]:
    server = request.getfixturevalue("postgres_server")
    return {"HELPDESK_DATABASE_URL": server.create_database()}


def _configured(
    place: Path, dovecot: Dovecot, sink: SmtpSink, telegram: FakeTelegram, more: dict[str, str]
) -> dict[str, str]:
    config = place / "config.toml"
    config.write_text('[network]\nallow_private = ["127.0.0.0/8"]\n')
    more = more | {"HELPDESK_CONFIG": str(config)}
    imap = {
        "imap_host": "127.0.0.1",
        "imap_port": dovecot.port,
        "imap_security": "none",
        "imap_user": SHOP,
        "imap_folder": "INBOX",
    }
    smtp = {"smtp_host": "127.0.0.1", "smtp_port": sink.port, "smtp_security": "none"}
    mail = {"address": SHOP, "from_name": "Đồi Gió", **imap, **smtp}
    set_up(
        (("init", "--admin-email", "admin@doigio.example", "--admin-password-stdin", "--locale", "en"), PASSWORD),
        (_agent("agent"), PASSWORD),
        (_agent("supervisor"), PASSWORD),
        *(((("setting", "set", key, value), "")) for key, value in SETTINGS.items()),
        ((*_channel("email", "Mail", **mail), "--secret-stdin", "imap_password"), "secret"),
        ((*_channel("telegram", "Bot", api_base=telegram.url), "--secret-stdin", "token"), TOKEN),
        (_channel("phone", "Hotline", number="+842439260158"), ""),
        (_channel("widget", "Chat", allowed_domains="*", locale="en"), ""),
        data=place / "data",
        **more,
    )
    return more


def _agent(role: str) -> tuple[str, ...]:
    email = f"{role}@doigio.example"
    return ("agent", "add", email, "--name", role.title(), "--role", role, "--password-stdin")


def _channel(kind: str, name: str, **settings: Any) -> tuple[str, ...]:
    given = (word for key, value in settings.items() for word in ("--set", f"{key}={value}"))
    return ("channel", "add", kind, "--name", name, *given)


class _shop:
    """A page of the shop on another origin, with the widget's one script tag."""

    def __init__(self, place: Path, desk: Running, said: str) -> None:
        channels, _ = json.JSONDecoder().raw_decode(said)
        self.key = next(channel["key"] for channel in channels if channel["kind"] == "widget")
        folder = place / "shop"
        folder.mkdir()
        tag = f'<script async src="{desk.url}/widget/{self.key}.js"></script>'
        (folder / "index.html").write_text(f"<!doctype html><title>Shop</title><h1>Teapots</h1>{tag}")
        handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
        handler.log_message = lambda *_: None  # type: ignore[attr-defined]
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)

    def __enter__(self) -> tuple[str, str]:
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self.server.server_port}/", self.key

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()


# --- what an agent and a supervisor do -----------------------------------------------------------------------


def arrives_live(page: Any, words: str) -> None:
    """A doorbell rings, and the new ticket appears by itself on the open page; then it is opened."""
    row = page.get_by_role("list", name="Tickets").get_by_role("listitem").filter(has_text=words).first
    page.wait_for_function("() => window.bells > 0")

    def shown() -> bool:
        page.evaluate(
            "() => document.querySelector('[data-newer]:not([hidden])')?.click()"
        )  # while it is read: offered
        return bool(row.is_visible())

    until(shown, what="the new ticket")
    row.get_by_role("link").click()
    page.get_by_role("region", name="Conversation").get_by_text(words).first.wait_for()


def answers_and_solves(page: Any, words: str) -> None:
    box = page.get_by_role("textbox", name="Reply")
    box.click()
    box.press_sequentially(words) if box.get_attribute("contenteditable") else box.fill(words)
    page.get_by_role("button", name="Send and mark solved").click()
    page.get_by_role("region", name="Conversation").get_by_text(words).first.wait_for()


def is_rated(page: Any, score: str) -> None:
    """The answer stands in the conversation. Its card is looked for: the form that asks says "Very good" as well."""
    card = page.get_by_role("region", name="Conversation").get_by_role("article", name="Survey answer")
    card.get_by_role("img", name=score).wait_for()


@pytest.fixture
def tag() -> str:
    """Part of all names and words of one attempt, so that a second one in the same world meets nothing of the first."""
    return f"n{randrange(10**5, 10**6)}"


def report_shows(world: World, comment: str) -> None:
    page = world.signed_in("supervisor@doigio.example")
    page.goto(world.desk.url + "/reports/csat")
    page.get_by_text(comment).first.wait_for()
    page.context.close()


def rates_on_page(url: str, score_label: str, comment: str) -> None:
    """As a customer's browser without JavaScript would: look, choose, send."""
    session = requests.Session()
    seen = session.get(url, timeout=60)
    assert seen.status_code == 200
    assert score_label in html.unescape(seen.text)
    score = {"Very poor": 1, "Poor": 2, "All right": 3, "Good": 4, "Very good": 5}[score_label]
    sent = session.post(url, data={"score": str(score), "comment": comment}, timeout=60)
    assert sent.status_code == 200, sent.text


# --- the four journeys ---------------------------------------------------------------------------------------


def test_by_email(world: World, tag: str) -> None:
    lan = f"lan.{tag}@hoaban.example"
    agent = world.signed_in("agent@doigio.example")
    mail = EmailMessage()
    mail["From"], mail["To"] = f"Nguyễn Lan Anh <{lan}>", SHOP
    mail["Subject"], mail["Message-ID"] = f"Teapot lid {tag} arrived cracked", f"<lid-1.{tag}@hoaban.example>"
    mail.set_content(f"Hello, the lid of order {tag} arrived cracked.\n")
    world.dovecot.deliver(mail.as_bytes(), user=SHOP)
    arrives_live(agent, f"{tag} arrived cracked")
    answers_and_solves(agent, "We are sorry. A new lid leaves tomorrow.")
    answer = world.sink.wait_for(lan, 1)[0].message
    assert answer["In-Reply-To"] == f"<lid-1.{tag}@hoaban.example>"
    assert "A new lid leaves tomorrow" in answer.get_body(("plain",)).get_content()
    survey = world.sink.wait_for(lan, 2)[1].message
    assert survey["Auto-Submitted"].startswith("auto-")
    link = re.search(r"https?://\S+/s/[\w-]+", survey.get_body(("plain",)).get_content())
    assert link
    rates_on_page(link[0], "Very good", f"Quick and kind by mail, {tag}")
    agent.get_by_text(f"Quick and kind by mail, {tag}").first.wait_for()
    report_shows(world, f"Quick and kind by mail, {tag}")
    again = EmailMessage()
    again["From"], again["To"], again["Subject"] = lan, SHOP, "Something else"
    again["In-Reply-To"], again["Message-ID"] = answer["Message-ID"], f"<lid-2.{tag}@hoaban.example>"
    again.set_content("The second lid is cracked as well, please call me.\n")
    world.dovecot.deliver(again.as_bytes(), user=SHOP)
    conversation = agent.get_by_role("region", name="Conversation")
    conversation.get_by_text("The second lid is cracked as well").first.wait_for()  # the same ticket, open again
    agent.context.close()


def test_by_widget(world: World, tag: str) -> None:
    agent = world.signed_in("agent@doigio.example")
    context = world.browser.new_context(viewport={"width": 1200, "height": 800}, locale="en-GB")
    context.set_default_timeout(WAIT_MS)
    visitor = context.new_page()
    visitor.goto(world.shop_url)
    visitor.get_by_role("button", name="Open chat").click()
    frame = visitor.frame_locator("iframe").first
    _begin_chat(frame)
    frame.get_by_role("textbox", name="Message").fill(f"Do you ship bowls to Singapore, {tag}?")
    frame.get_by_role("button", name="Send").click()
    arrives_live(agent, f"ship bowls to Singapore, {tag}")
    answers_and_solves(agent, "Yes, in five days.")
    frame.get_by_text("Yes, in five days.").wait_for()
    rating = frame.get_by_role("group", name="Rate this conversation")
    rating.wait_for()
    rating.get_by_role("radio", name="Good", exact=True).or_(
        rating.get_by_role("button", name="Good", exact=True)
    ).first.click()
    comment = frame.get_by_role("textbox", name=re.compile("comment|else|more", re.I))
    if comment.count():
        comment.first.fill("Nice chat")
    send = frame.get_by_role("button", name=re.compile("^(Send|Send rating)$"))
    rating.get_by_role("button", name=re.compile("Send")).or_(send).first.click()
    is_rated(agent, "4 of 5, Good")
    visitor.context.close()
    agent.context.close()


def _begin_chat(frame: Any) -> None:
    """The panel may open on its home page first."""
    start = frame.get_by_role("button", name=re.compile("Write to us|Send us a message|New conversation|Start", re.I))
    box = frame.get_by_role("textbox", name="Message")
    box.or_(start).first.wait_for()
    if not box.is_visible():
        start.first.click()
        box.wait_for()


def test_by_telegram(world: World, tag: str) -> None:
    thang = 77_000_000 + int(tag[1:])
    agent = world.signed_in("agent@doigio.example")
    world.telegram.says("Shop ơi", user=thang, name="Đức Thắng")
    world.telegram.says(f"Hoàn tiền đơn {tag} giúp mình", user=thang, name="Đức Thắng")
    arrives_live(agent, f"Hoàn tiền đơn {tag}")
    answers_and_solves(agent, "Đã hoàn tiền rồi ạ.")
    sent = lambda: [c for c in world.telegram.sent(thang) if "Đã hoàn tiền" in str(c.params)]  # noqa: E731
    until(sent, what="the answer on Telegram")
    survey = until(
        lambda: [c for c in world.telegram.sent(thang) if "inline_keyboard" in str(c.params)], what="the survey"
    )
    data = re.findall(r'"callback_data":\s*"([^"]+)"', str(survey[0].params["reply_markup"]).replace("'", '"'))
    assert len(data) == 5
    poor = next(d for d in data if d.endswith(":2"))
    world.telegram.taps(poor, user=thang)
    is_rated(agent, "2 of 5, Poor")
    agent.context.close()


def test_by_phone(world: World, tag: str) -> None:
    """A call is logged from anywhere; without another way to reach the customer, the agent asks for the rating."""
    agent = world.signed_in("agent@doigio.example")
    agent.goto(world.desk.url + "/new/call")
    agent.get_by_label(re.compile("^(Phone )?[Nn]umber")).first.fill(f"0912 {tag[1:4]} {tag[4:]}")
    agent.get_by_label(re.compile("Notes|What was said", re.I)).first.fill("Asked for the opening hours on Sunday")
    agent.get_by_role("button", name=re.compile("^(Log call|Save call|Save)$")).first.click()
    conversation = agent.get_by_role("region", name="Conversation")
    conversation.get_by_text("Asked for the opening hours on Sunday").first.wait_for()
    agent.get_by_role("region", name="Customer").get_by_text(f"+84 912 {tag[1:4]} {tag[4:]}").or_(
        agent.get_by_role("region", name="Customer").get_by_text(f"+84912{tag[1:]}")
    ).first.wait_for()
    agent.get_by_role("button", name="Solve").first.click()
    asking = agent.get_by_role("group", name=re.compile("Ask|rating", re.I))
    asking.first.wait_for()
    asking.first.get_by_text("Very good").click()
    asking.first.get_by_role("button").last.click()
    is_rated(agent, "5 of 5, Very good")
    agent.context.close()


def test_one_profile_holds_every_channel(world: World) -> None:
    """What was told on four channels is on the profiles, and the report counts all four ratings."""
    supervisor = world.signed_in("supervisor@doigio.example")
    supervisor.goto(world.desk.url + "/customers")
    for name in ("Nguyễn Lan Anh", "Đức Thắng"):
        supervisor.get_by_role("link", name=re.compile(name)).first.wait_for()
    supervisor.goto(world.desk.url + "/reports/csat")
    supervisor.get_by_text("Quick and kind by mail").first.wait_for()
    supervisor.get_by_text(re.compile(r"^([4-9]|\d\d) answers")).first.wait_for()
    supervisor.context.close()
