"""What is being written is never lost and never goes where it was not meant to go."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from connectors.contract import Address
from helpdesk.access import viewer_of
from helpdesk.extensions import db
from helpdesk.models import Draft, Macro, Message, Team
from helpdesk.services import ticket_merging, tickets
from helpdesk.unit_of_work import unit_of_work
from tests.processes.running import until
from tests.servers.browser import assert_accessible

SignIn = Callable[..., Page]
SHOP = {"address": "hello@shop.example", "smtp_host": "127.0.0.1", "smtp_port": 1}
BILL = {"name": "bill.txt", "mimeType": "text/plain", "buffer": b"one lid"}
SECRET = {"name": "margin.txt", "mimeType": "text/plain", "buffer": b"what we pay"}


@pytest.fixture
def shop(make: Any) -> Any:
    """A chat and a mail, and two people."""

    class Shop:
        chat = make.channel("widget")
        mail = make.channel("email", config=SHOP)
        linh = make.agent("admin", name="Trần Linh")
        minh = make.agent("agent", name="Minh Hoàng")

    make.inbound(Shop.chat, "The lid is cracked", sender=Address("widget", "v-lan", name="Lan"))
    make.inbound(Shop.mail, "Where is my parcel?", sender=Address("email", "emma@mail.test", name="Emma"))
    return Shop


def reply_of(page: Page) -> Any:
    return page.get_by_role("textbox", name="Reply")


def texts() -> list[str]:
    db.session.rollback()
    return list(db.session.scalars(select(Draft.text).order_by(Draft.id)))


def saved(page: Page) -> None:
    expect(page.get_by_text(re.compile("Draft saved"))).to_be_visible()


def leaves(page: Page, number: int) -> None:
    page.get_by_role("list", name="Tickets").locator(f"[data-open-ticket='{number}']").click()
    expect(page).to_have_url(re.compile(f"/tickets/{number}"))


def test_files_stay_with_their_draft_and_a_note_s_file_never_goes_to_the_customer(shop: Any, sign_in: SignIn) -> None:
    linh = sign_in(shop.linh, "/tickets/1002?view=open")
    attach = linh.get_by_label("Attach files")
    attach.set_input_files([BILL])
    linh.get_by_role("tab", name="Note").click()
    attach.set_input_files([SECRET])
    expect(linh.get_by_text("margin.txt")).to_be_visible()
    expect(linh.get_by_text("bill.txt")).to_be_hidden()
    saved(linh)
    leaves(linh, 1001)
    expect(linh.get_by_text("margin.txt")).to_have_count(0)
    leaves(linh, 1002)
    expect(linh.get_by_text("bill.txt")).to_be_visible()
    expect(linh.get_by_text("margin.txt")).to_be_hidden()
    reply_of(linh).fill("Here is the bill.")
    linh.get_by_role("button", name="Send", exact=True).click()
    article = linh.get_by_role("log").get_by_role("article").filter(has_text="Here is the bill.")
    expect(article).to_contain_text("bill.txt")
    expect(article).not_to_contain_text("margin.txt")
    linh.get_by_role("tab", name="Note").click()
    expect(linh.get_by_text("margin.txt")).to_be_visible()


def test_a_draft_goes_on_at_another_device_and_nothing_old_comes_back(shop: Any, sign_in: SignIn) -> None:
    desk, phone = sign_in(shop.linh, "/tickets/1001"), sign_in(shop.linh)
    reply_of(desk).fill("Dear Lan,")
    saved(desk)
    phone.goto("/tickets/1001")
    expect(reply_of(phone)).to_have_value("Dear Lan,")
    reply_of(phone).fill("Dear Lan, a new lid is on its way.")
    saved(phone)
    desk.reload()
    expect(reply_of(desk)).to_have_value("Dear Lan, a new lid is on its way.")
    phone.get_by_role("button", name="Send", exact=True).click()
    expect(phone.get_by_role("log").get_by_text("a new lid is on its way.")).to_be_visible()
    desk.reload()
    expect(desk.get_by_role("log").get_by_text("a new lid is on its way.")).to_be_visible()
    expect(reply_of(desk)).to_have_value("")


def test_two_tabs_of_one_agent_are_one_draft(shop: Any, sign_in: SignIn) -> None:
    one = sign_in(shop.linh, "/tickets/1001")
    other = one.context.new_page()
    other.goto("/tickets/1001")
    expect(reply_of(other)).to_be_visible()
    reply_of(one).press_sequentially("A new lid")
    expect(reply_of(other)).to_have_value("A new lid")
    one.wait_for_timeout(2100)  # who typed just now is not overruled
    reply_of(other).press_sequentially(" today")
    expect(reply_of(one)).to_have_value(re.compile("today"))
    said = reply_of(one).input_value()
    other.get_by_role("button", name="Send", exact=True).click()
    expect(one.get_by_role("log").get_by_text(said)).to_be_visible()
    expect(reply_of(one)).to_have_value("")
    db.session.rollback()
    assert db.session.scalars(select(Message.text).where(Message.direction == "out")).all() == [said]
    assert texts() == []


def test_reply_and_note_begun_within_a_moment_are_both_kept(shop: Any, sign_in: SignIn) -> None:
    linh = sign_in(shop.linh, "/tickets/1001")
    reply_of(linh).fill("To the customer")
    linh.get_by_role("tab", name="Note").click()
    linh.get_by_role("textbox", name="Note").fill("To a colleague")
    until(lambda: sorted(texts()) == ["To a colleague", "To the customer"], what="both drafts")


def test_what_was_begun_since_stays_when_a_reply_is_called_back(shop: Any, sign_in: SignIn) -> None:
    linh = sign_in(shop.linh, "/tickets/1002?view=open")
    expect(linh.get_by_role("combobox", name="Reply via")).to_be_visible()
    linh.get_by_label("Attach files").set_input_files([BILL])
    reply_of(linh).fill("It comes on Tuesday.")
    linh.get_by_role("button", name="Send", exact=True).click()
    expect(linh.get_by_role("log").get_by_text("It comes on Tuesday.")).to_be_visible()
    reply_of(linh).fill("And something else")
    linh.keyboard.press("Escape")
    linh.keyboard.press("z")
    expect(reply_of(linh)).to_have_value("It comes on Tuesday.\n\nAnd something else")
    expect(linh.get_by_role("button", name="Remove bill.txt")).to_be_visible()
    leaves(linh, 1001)
    leaves(linh, 1002)
    expect(reply_of(linh)).to_have_value("It comes on Tuesday.\n\nAnd something else")
    expect(linh.get_by_role("button", name="Remove bill.txt")).to_be_visible()


def test_macros_mentions_and_faces_work_in_the_rich_editor(shop: Any, sign_in: SignIn) -> None:
    with unit_of_work() as work:
        work.session.add(Macro(name="Courier tomorrow", text="The courier comes tomorrow."))
    linh = sign_in(shop.linh, "/tickets/1002")
    expect(linh.get_by_role("combobox", name="Reply via")).to_be_visible()
    linh.get_by_role("button", name="Bold").click()
    editor = linh.locator("trix-editor")
    expect(editor).to_be_focused()
    linh.keyboard.type("Dear Emma, /cour")
    linh.get_by_role("option", name=re.compile("Courier tomorrow")).wait_for()
    linh.keyboard.press("Enter")
    expect(editor).to_have_text("Dear Emma, The courier comes tomorrow.")
    linh.keyboard.type(" :smile")
    linh.get_by_role("option", name=re.compile("smile")).first.wait_for()
    linh.keyboard.press("Enter")
    expect(editor).to_contain_text("tomorrow. 🙂")
    linh.keyboard.press("Control+k")
    linh.keyboard.type("courier")
    linh.get_by_role("dialog").get_by_role("option", name=re.compile("Courier")).click()
    expect(editor).to_have_text(re.compile("tomorrow. 🙂 The courier comes tomorrow."))
    linh.get_by_role("button", name="Send", exact=True).click()
    expect(linh.get_by_role("log").get_by_text("tomorrow. 🙂 The courier")).to_be_visible()
    db.session.rollback()
    sent = db.session.scalars(select(Message).where(Message.direction == "out")).one()
    assert sent.html.count("The courier comes tomorrow.") == 2 and "<strong>" in sent.html


def test_a_ticket_that_went_to_another_team_says_so_and_shows_what_was_not_sent(
    shop: Any, make: Any, sign_in: SignIn
) -> None:
    minh = sign_in(shop.minh, "/tickets/1001")
    minh.wait_for_function("() => window.hdLive?.connected")
    reply_of(minh).fill("Half a sentence")
    with unit_of_work() as work:
        team = Team(name="Repairs")
        work.session.add(team)
        work.session.flush()
        tickets.set_team(work, None, work.session.get_one(tickets.Ticket, 1), team.id)
    expect(minh.get_by_text("You cannot see this ticket any more")).to_be_visible()
    expect(minh.get_by_role("textbox", name="What you were writing. It was not sent.")).to_have_value("Half a sentence")
    expect(minh.get_by_role("textbox", name="Reply")).to_have_count(0)
    assert_accessible(minh)
    with unit_of_work() as work:
        tickets.set_team(work, None, work.session.get_one(tickets.Ticket, 1), None)
    minh.reload()
    expect(reply_of(minh)).to_have_value("Half a sentence")


def test_what_is_being_written_goes_along_when_the_ticket_is_merged(shop: Any, sign_in: SignIn) -> None:
    minh = sign_in(shop.minh, "/tickets/1001?view=open")
    minh.wait_for_function("() => window.hdLive?.connected")
    reply_of(minh).fill("Half a sentence")
    with unit_of_work(actor=f"agent:{shop.linh.id}") as work:
        ticket_merging.merge(work, viewer_of(work.session.merge(shop.linh)), 1001, 1002)
    expect(minh).to_have_url(re.compile("/tickets/1002"))
    expect(minh.get_by_text("#1001 was merged into #1002").first).to_be_visible()
    expect(reply_of(minh)).to_have_value("Half a sentence")
    until(lambda: texts() == ["Half a sentence"], what="the draft, once")
    db.session.rollback()
    assert db.session.scalars(select(Draft.ticket_id)).all() == [2]


def test_a_ticket_made_anew_on_the_page_keeps_the_last_words(shop: Any, sign_in: SignIn) -> None:
    linh = sign_in(shop.linh, "/tickets/1001")
    reply_of(linh).fill("Saved words")
    saved(linh)
    late: list[Any] = []
    linh.route("**/tickets/1001?*", lambda route: late.append((route, route.fetch())))
    linh.evaluate("() => document.dispatchEvent(new CustomEvent('hd:reset'))")
    until(lambda: bool(linh.wait_for_timeout(50)) or bool(late), what="the ticket asked for again")
    reply_of(linh).fill("Saved words and more")
    saved(linh)
    until(lambda: bool(linh.wait_for_timeout(50)) or texts() == ["Saved words and more"], what="saved")
    route, response = late[0]
    route.fulfill(response=response)  # as it was before
    expect(linh.get_by_role("combobox", name="Reply via")).to_be_visible()
    linh.wait_for_function("() => document.querySelector('#composer').dataset.drafts?.includes('Saved words\"')")
    expect(reply_of(linh)).to_have_value("Saved words and more")
