"""Reading a conversation: what is new, one message far back, words that run from the right; and the page of
somebody whose session ended while they were writing."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import delete, select

from connectors.contract import Address
from helpdesk.app import COOKIE
from helpdesk.extensions import db
from helpdesk.models import AgentSession, Message, Ticket
from helpdesk.services import sessions
from helpdesk.unit_of_work import unit_of_work
from tests.servers.browser import assert_accessible

SignIn = Callable[..., Page]
LAN = Address("widget", "v-lan", name="Lan")
ARABIC = "مرحبا، أين طلبي رقم 20377؟"


@pytest.fixture
def shop(make: Any) -> Any:
    class Shop:
        channel = make.channel("widget")
        linh = make.agent("admin", name="Trần Linh")
        minh = make.agent("agent", name="Minh Hoàng")

        def says(self, text: str) -> Any:
            return make.inbound(self.channel, text, sender=LAN)

        def long(self, count: int) -> list[int]:
            """So many lines of the customer in ticket 1001; their ids."""
            self.says("line 0")
            with unit_of_work() as work:
                first = work.session.scalars(select(Message)).one()
                wanted = {c.name: getattr(first, c.name) for c in Message.__table__.columns if c.name != "id"}
                first.seq -= count - 1  # each has its own number, the newest that of the event there is
                for i in range(1, count):
                    at = first.created_at + timedelta(seconds=i)
                    work.session.add(
                        Message(
                            **wanted
                            | {"text": f"line {i}", "seq": first.seq + i, "created_at": at}
                            | {"inbound_id": None, "external_id": None}
                        )
                    )
                work.session.get_one(Ticket, first.ticket_id).message_count = count
            return list(db.session.scalars(select(Message.id).order_by(Message.id)))

    return Shop()


def log(page: Page) -> Any:
    return page.get_by_role("log")


def listens(page: Page) -> None:
    page.wait_for_function("() => window.hdLive?.connected")


def test_what_is_new_begins_below_a_line(shop: Any, sign_in: SignIn) -> None:
    shop.says("The lid is cracked")
    linh = sign_in(shop.linh, "/tickets/1001?view=open")
    with linh.expect_response("**/tickets/1001/read"):
        pass
    linh.goto("/?view=open")
    listens(linh)
    for i in range(30):
        shop.says(f"One more thing, number {i}")
    linh.get_by_role("link", name=re.compile("The lid is cracked")).click()
    line = log(linh).get_by_text("New", exact=True)
    expect(line).to_be_in_viewport()
    expect(log(linh).get_by_text("One more thing, number 0", exact=True)).to_be_in_viewport()
    order = linh.evaluate("() => document.querySelector('#unseen').nextElementSibling.textContent")
    assert "number 0" in order
    jump = linh.get_by_role("button", name="To the newest")
    jump.click()
    expect(log(linh).get_by_text("number 29")).to_be_in_viewport()
    expect(jump).to_be_hidden()
    # What is said while it is read needs no line of its own.
    expect(line).to_have_count(1)
    shop.says("And the last one")
    expect(log(linh).get_by_text("And the last one")).to_be_in_viewport()
    expect(line).to_have_count(1)


def test_a_link_leads_to_one_message_however_far_back(shop: Any, sign_in: SignIn) -> None:
    ids = shop.long(260)  # more than the newest page and one that is fetched on the way
    linh = sign_in(shop.linh, f"/tickets/1001#m-{ids[7]}")
    message = linh.locator(f"#m-{ids[7]}")  # by its id: looking through hundreds of messages by role stops the page
    linh.wait_for_function("(id) => document.getElementById(id)", arg=f"m-{ids[7]}", polling=500)
    expect(message).to_be_focused()
    expect(message).to_be_in_viewport()
    expect(message).to_contain_text("line 7")
    expect(linh.locator("[data-jump]")).to_have_text("To the newest")
    linh.evaluate(f"() => {{ location.hash = '#m-{ids[250]}' }}")
    expect(linh.locator(f"#m-{ids[250]}")).to_be_in_viewport()


def test_one_message_is_quoted_in_the_reply(shop: Any, sign_in: SignIn) -> None:
    shop.says("The lid is cracked")
    shop.says("And where is my bill?")
    linh = sign_in(shop.linh, "/tickets/1001")
    box = linh.get_by_role("textbox", name="Reply")
    box.fill("Dear Lan,")
    message = log(linh).get_by_role("article").filter(has_text="The lid is cracked")
    message.get_by_label("Message actions").click()
    message.get_by_role("button", name="Quote it in my reply").click()
    expect(box).to_have_value("Dear Lan,\n\n> The lid is cracked\n\n")
    expect(box).to_be_focused()
    linh.keyboard.type("We send a new one.")
    expect(box).to_have_value("Dear Lan,\n\n> The lid is cracked\n\nWe send a new one.")


def test_arabic_runs_from_the_right_and_long_words_stay_inside(shop: Any, sign_in: SignIn) -> None:
    shop.says(ARABIC)
    shop.says("x" * 3000 + " " + "dài " * 4250)  # 20,000 characters
    linh = sign_in(shop.linh, "/tickets/1001?view=open")
    at_the_right = """(node) => {
        const range = document.createRange(); range.setStart(node.firstChild, 0); range.setEnd(node.firstChild, 1);
        const [letter, box] = [range.getBoundingClientRect(), node.getBoundingClientRect()];
        return letter.right > box.left + box.width / 2;
    }"""
    assert log(linh).get_by_text(ARABIC).first.evaluate(at_the_right)
    assert (
        linh.get_by_role("list", name="Tickets")
        .locator(".hd-row-subject")
        .first.evaluate("(node) => getComputedStyle(node).unicodeBidi")
        == "plaintext"
    )
    linh.get_by_role("tab", name="Note").click()
    linh.get_by_role("textbox", name="Note").fill("Đây là một câu dài. " * 1000)
    linh.get_by_role("button", name="Add note").click()
    expect(log(linh).get_by_role("article", name="Internal note")).to_be_visible()
    wide = "() => document.querySelector('#thread').scrollWidth - document.querySelector('#thread').clientWidth"
    assert linh.evaluate(wide) <= 0


def test_who_was_signed_out_goes_on_where_they_were(shop: Any, sign_in: SignIn, live: str) -> None:
    shop.says("The lid is cracked")
    linh = sign_in(shop.linh, "/tickets/1001")
    listens(linh)
    box = linh.get_by_role("textbox", name="Reply")
    box.fill("Half a sentence")
    expect(linh.get_by_text(re.compile("Draft saved"))).to_be_visible()
    with unit_of_work() as work:
        work.session.execute(delete(AgentSession))
    box.press_sequentially(" and more")
    bar = linh.get_by_role("status").filter(has_text="You were signed out")
    expect(bar).to_be_visible()
    expect(bar.get_by_role("link", name="Sign in")).to_have_attribute("href", "/login")
    assert_accessible(linh)
    box.press_sequentially(", typed while signed out")
    shop.says("Are you there?")
    # Signing in empties what the browser carried, the token of this page with it.
    with unit_of_work() as work:
        token = sessions.start(work, work.session.merge(shop.linh))
    linh.context.clear_cookies()
    linh.context.add_cookies([{"name": COOKIE, "value": token, "url": live}])
    linh.evaluate("() => dispatchEvent(new Event('focus'))")
    expect(bar).to_be_hidden()
    expect(log(linh).get_by_text("Are you there?")).to_be_visible()
    expect(box).to_have_value("Half a sentence and more, typed while signed out")
    linh.wait_for_timeout(1100)  # what was in view for a second counts as seen
    linh.get_by_role("button", name="Send", exact=True).click()
    expect(log(linh).get_by_text("typed while signed out")).to_be_visible()


def test_a_page_never_speaks_in_the_name_of_whoever_signed_in_after(shop: Any, sign_in: SignIn, live: str) -> None:
    shop.says("The lid is cracked")
    linh = sign_in(shop.linh, "/tickets/1001")
    listens(linh)
    linh.get_by_role("textbox", name="Reply").fill("Words of Linh")
    with unit_of_work() as work:
        token = sessions.start(work, work.session.merge(shop.minh))
    linh.context.clear_cookies()
    linh.context.add_cookies([{"name": COOKIE, "value": token, "url": live}])
    shop.says("Hello?")
    expect(linh.get_by_label("Account: Minh Hoàng")).to_be_visible()
    expect(linh.get_by_role("textbox", name="Reply")).to_have_value("")
    db.session.rollback()
    assert db.session.scalars(select(Message.text).where(Message.direction == "out")).all() == []
