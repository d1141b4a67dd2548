"""The live inbox as two people use it at once."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import func, select

from connectors.contract import Address
from helpdesk.extensions import db
from helpdesk.models import Macro, Message, Ticket
from helpdesk.unit_of_work import unit_of_work
from tests.browser.conftest import has_read
from tests.processes.running import until
from tests.servers.browser import PHONE, assert_accessible

SignIn = Callable[..., Page]
LAN = Address("widget", "v-lan", name="Nguyễn Lan Anh")


@pytest.fixture
def shop(make: Any) -> Any:
    """A chat channel and two agents."""

    class Shop:
        channel = make.channel("widget")
        linh = make.agent("admin", name="Trần Linh")
        minh = make.agent("agent", name="Minh Hoàng")

        def says(self, text: str, sender: Address = LAN) -> Any:
            return make.inbound(self.channel, text, sender=sender)

    return Shop()


def ticket(number: int = 1001) -> Ticket:
    db.session.rollback()
    return db.session.scalars(select(Ticket).where(Ticket.number == number)).one()


def rows(page: Page) -> Any:
    return page.get_by_role("list", name="Tickets").get_by_role("listitem")


def watch_socket(page: Page) -> None:
    """Wait until the page hears doorbells."""
    page.wait_for_function("() => window.hdLive?.connected")


def test_messages_replies_and_status_appear_by_themselves(shop: Any, sign_in: SignIn) -> None:
    linh, minh = sign_in(shop.linh), sign_in(shop.minh)
    watch_socket(linh), watch_socket(minh)
    expect(linh.get_by_text("Nothing is waiting for you")).to_be_visible()

    shop.says("The teapot lid is cracked")
    for page in (linh, minh):
        expect(rows(page)).to_have_count(1)
    expect(
        linh.get_by_role("navigation", name="Views").get_by_role("link", name=re.compile("^Needs reply"))
    ).to_contain_text("1")

    for page in (linh, minh):
        page.get_by_role("link", name=re.compile("The teapot lid")).click()
        expect(page.get_by_role("region", name="Conversation").get_by_text("The teapot lid is cracked")).to_be_visible()
    expect(linh.get_by_role("region", name="Customer")).to_contain_text("Nguyễn Lan Anh")

    shop.says("It is a present")
    for page in (linh, minh):
        expect(page.get_by_role("log").get_by_text("It is a present")).to_be_visible()

    until(lambda: has_read(shop.linh), what="a look of a second at what is new")
    linh.get_by_role("textbox", name="Reply").fill("I am so sorry, Lan Anh.")
    linh.get_by_role("button", name="Send", exact=True).click()
    expect(minh.get_by_role("article").get_by_text("I am so sorry, Lan Anh.").first).to_be_visible()
    expect(minh.get_by_role("combobox", name="Status")).to_have_value("pending")
    expect(linh.get_by_role("textbox", name="Reply")).to_have_value("")
    assert ticket().assignee_id == shop.linh.id

    minh.get_by_role("combobox", name="Status").select_option("solved")
    expect(linh.get_by_role("combobox", name="Status")).to_have_value("solved")
    assert ticket().status == "solved"


def test_presence_tells_who_is_writing(shop: Any, sign_in: SignIn) -> None:
    shop.says("Hello there, a question")
    linh, minh = sign_in(shop.linh, "/tickets/1001"), sign_in(shop.minh, "/tickets/1001")
    watch_socket(linh), watch_socket(minh)
    expect(linh.get_by_text("Hoàng viewing")).to_be_visible()
    minh.get_by_role("textbox", name="Reply").press_sequentially("Dear")
    expect(linh.get_by_text("Minh Hoàng is replying…")).to_be_visible()
    minh.goto("/reports")
    expect(linh.get_by_text("Minh Hoàng is replying…")).to_have_count(0)


def test_send_stops_when_somebody_wrote_meanwhile(shop: Any, sign_in: SignIn) -> None:
    shop.says("Is the date fixed now?")
    linh = sign_in(shop.linh, "/tickets/1001")
    box = linh.get_by_role("textbox", name="Reply")
    box.fill("Tuesday morning, between 9 and 12.")
    # The page is deaf: what comes now is not on it when she sends.
    linh.route("**/inbox/changes*", lambda route: route.abort())
    shop.says("Sorry, Tuesday I am at the hospital.")
    linh.get_by_role("button", name="Send", exact=True).click()
    stop = linh.get_by_role("alert").filter(has_text="Not sent yet")
    expect(stop).to_contain_text("Sorry, Tuesday I am at the hospital.")
    assert db.session.scalar(select(func.count(Message.id)).where(Message.direction == "out")) == 0

    linh.unroute("**/inbox/changes*")
    stop.get_by_role("button", name="Edit my reply").click()
    expect(box).to_be_focused()
    box.fill("Tuesday afternoon then.")
    linh.get_by_role("button", name="Send", exact=True).click()
    expect(linh.get_by_role("log").get_by_text("Tuesday afternoon then.")).to_be_visible()
    db.session.rollback()
    assert db.session.scalar(select(func.count(Message.id)).where(Message.direction == "out")) == 1


def test_send_as_it_is_after_a_stop(shop: Any, sign_in: SignIn) -> None:
    shop.says("Is the date fixed now?")
    linh = sign_in(shop.linh, "/tickets/1001")
    linh.get_by_role("textbox", name="Reply").fill("Yes, Tuesday.")
    linh.route("**/inbox/changes*", lambda route: route.abort())
    shop.says("Anything?")
    linh.get_by_role("button", name="Send", exact=True).click()
    linh.unroute("**/inbox/changes*")
    linh.get_by_role("button", name="Send as it is").click()
    expect(linh.get_by_role("log").get_by_text("Yes, Tuesday.")).to_be_visible()
    expect(linh.get_by_role("alert").filter(has_text="Not sent yet")).to_have_count(0)


def test_a_reply_written_offline_goes_out_once_and_nothing_is_missing(shop: Any, sign_in: SignIn) -> None:
    shop.says("Are you there?")
    linh = sign_in(shop.linh, "/tickets/1001")
    watch_socket(linh)
    linh.context.set_offline(True)
    linh.get_by_role("textbox", name="Reply").fill("Yes, I am.")
    linh.get_by_role("button", name="Send", exact=True).click()
    expect(linh.get_by_text("Your reply is waiting for the connection")).to_be_visible()
    expect(linh.get_by_text(re.compile("No connection|Reconnecting"))).to_be_visible()
    make_second = Address("widget", "v-emma", name="Emma Whitfield")
    shop.says("Do you ship to Singapore?", make_second)

    linh.context.set_offline(False)
    expect(linh.get_by_role("log").get_by_text("Yes, I am.")).to_be_visible()
    expect(linh.get_by_text("Your reply is waiting for the connection")).to_have_count(0)
    expect(linh.get_by_role("link", name=re.compile("Emma Whitfield"))).to_be_visible()
    db.session.rollback()
    assert db.session.scalar(select(func.count(Message.id)).where(Message.direction == "out")) == 1


def test_an_answer_with_the_keyboard_alone(shop: Any, sign_in: SignIn) -> None:
    shop.says("First question", Address("widget", "v-1", name="An"))
    shop.says("Second question", Address("widget", "v-2", name="Bình"))
    linh = sign_in(shop.linh)
    linh.keyboard.press("j")
    linh.keyboard.press("j")
    linh.keyboard.press("Enter")
    expect(linh.get_by_role("heading", name="First question")).to_be_visible()
    linh.keyboard.press("i")
    expect(linh.get_by_role("combobox", name="Assignee")).to_have_value(str(shop.linh.id))
    linh.keyboard.press("r")
    expect(linh.get_by_role("textbox", name="Reply")).to_be_focused()
    linh.keyboard.type("jkiez are only letters here")  # typing triggers nothing
    linh.keyboard.press("Control+Enter")
    expect(linh.get_by_role("log").get_by_text("jkiez are only letters here")).to_be_visible()
    linh.keyboard.press("Escape")
    linh.keyboard.press("e")
    expect(linh.get_by_role("combobox", name="Status")).to_have_value("solved")
    linh.keyboard.press("z")
    expect(linh.get_by_role("combobox", name="Status")).to_have_value("pending")
    linh.keyboard.press("?")
    expect(linh.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()


def test_the_palette_finds_without_marks_and_acts(shop: Any, sign_in: SignIn) -> None:
    shop.says("Hoàn tiền đơn DG-20377 giúp em")
    shop.says("Another matter", Address("widget", "v-9", name="Emma"))
    linh = sign_in(shop.linh, "/tickets/1002")
    linh.keyboard.press("Control+k")
    palette = linh.get_by_role("dialog", name="Command palette")
    palette.get_by_role("combobox").fill("hoan tien")
    expect(palette.get_by_role("option", name=re.compile("Hoàn tiền"))).to_be_visible()
    linh.keyboard.press("Enter")
    expect(linh.get_by_role("heading", name=re.compile("Hoàn tiền"))).to_be_visible()
    linh.keyboard.press("Control+k")
    palette.get_by_role("combobox").fill("priority urgent")
    expect(palette.get_by_role("option").first).to_have_text(re.compile("Urgent"))
    linh.keyboard.press("Enter")
    expect(linh.get_by_role("combobox", name="Priority")).to_have_value("urgent")


def test_the_palette_inserts_a_macro_into_the_reply(shop: Any, sign_in: SignIn) -> None:
    shop.says("Where is my parcel?")
    with unit_of_work() as work:
        text = "Dear {{customer.first_name|friend}}, the courier comes tomorrow."
        work.session.add(
            Macro(name="Courier tomorrow", text=text, actions={"tags": ["by-courier"], "status": "solved"})
        )
    linh = sign_in(shop.linh, "/tickets/1001")
    expect(linh.get_by_role("textbox", name="Reply")).to_be_visible()
    linh.keyboard.press("Control+k")
    palette = linh.get_by_role("dialog", name="Command palette")
    palette.get_by_role("combobox").fill("courier")
    expect(palette.get_by_role("option", name=re.compile("Courier tomorrow"))).to_be_visible()
    palette.get_by_role("option", name=re.compile("Courier tomorrow")).click()
    expect(linh.get_by_role("textbox", name="Reply")).to_have_value(re.compile("the courier comes tomorrow"))
    expect(linh.get_by_text("Then: Solved")).to_be_visible()
    expect(linh.get_by_text("by-courier", exact=True).first).to_be_visible()


def test_rows_do_not_move_while_the_list_is_read(shop: Any, sign_in: SignIn) -> None:
    shop.says("First question", Address("widget", "v-1", name="An"))
    linh = sign_in(shop.linh)
    watch_socket(linh)
    rows(linh).first.hover()
    shop.says("Second question", Address("widget", "v-2", name="Bình"))
    newer = linh.get_by_role("button", name="1 new ticket")
    expect(newer).to_be_visible()
    expect(rows(linh)).to_have_count(1)
    newer.click()
    expect(rows(linh)).to_have_count(2)
    expect(rows(linh).first).to_contain_text("Second question")


def test_a_note_with_a_mention_and_a_draft_that_is_kept(shop: Any, sign_in: SignIn) -> None:
    shop.says("A question about glazes")
    linh = sign_in(shop.linh, "/tickets/1001")
    linh.get_by_role("tab", name="Note").click()
    note = linh.get_by_role("textbox", name="Note")
    note.press_sequentially("@min")
    linh.get_by_role("listbox", name="Suggestions").get_by_role("option", name="Minh Hoàng").click()
    note.press_sequentially("two sets are left")
    linh.get_by_role("button", name="Add note").click()
    expect(linh.get_by_role("article", name="Internal note")).to_contain_text("@Minh Hoàng two sets are left")
    minh = sign_in(shop.minh, "/?view=mentions")
    expect(rows(minh)).to_have_count(1)

    linh.get_by_role("tab", name="Reply").click()
    linh.get_by_role("textbox", name="Reply").fill("Half a sent")
    expect(linh.get_by_text("Draft saved")).to_be_visible()
    again = sign_in(shop.linh, "/tickets/1001")  # another device
    expect(again.get_by_role("textbox", name="Reply")).to_have_value("Half a sent")


def test_a_file_goes_with_the_reply(shop: Any, sign_in: SignIn) -> None:
    shop.says("Please send the price list")
    linh = sign_in(shop.linh, "/tickets/1001")
    uploads: list[Any] = []
    linh.route("**/uploads", lambda route: uploads.append(route))  # a slow line: the file is on its way
    linh.get_by_label("Attach files").set_input_files({"name": "giá.txt", "mimeType": "text/plain", "buffer": b"1 2 3"})
    expect(linh.get_by_role("button", name="Remove giá.txt")).to_be_visible()
    linh.get_by_role("textbox", name="Reply").fill("Here it is.")
    linh.get_by_role("button", name="Send", exact=True).click()
    expect(linh.get_by_text("Sent as soon as the files are uploaded.")).to_be_visible()
    uploads[0].continue_()
    link = linh.get_by_role("log").get_by_role("link", name=re.compile("giá.txt"))
    expect(link).to_be_visible()
    with linh.expect_download() as download:
        link.click()
    assert download.value.path().read_bytes() == b"1 2 3"


def test_on_a_phone_one_pane_at_a_time(shop: Any, sign_in: SignIn) -> None:
    shop.says("A question from the street")
    phone = sign_in(shop.linh, viewport=PHONE, has_touch=True, is_mobile=True)
    phone.get_by_role("link", name=re.compile("A question from the street")).click()
    expect(phone.get_by_role("list", name="Tickets")).to_be_hidden()
    phone.get_by_role("textbox", name="Reply").fill("Hello!")
    phone.get_by_role("button", name="Send", exact=True).click()
    expect(phone.get_by_role("log").get_by_text("Hello!")).to_be_visible()
    phone.get_by_role("button", name="Customer panel").click()
    expect(phone.get_by_role("region", name="Customer")).to_be_visible()
    phone.get_by_role("region", name="Customer").get_by_role("button", name="Close").click()
    phone.get_by_role("link", name="Back to tickets").click()
    expect(phone.get_by_role("list", name="Tickets")).to_be_visible()
    wide = phone.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0


@pytest.mark.looks
@pytest.mark.parametrize("locale", ["en", "vi"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(locale: str, scheme: str, shop: Any, make: Any, sign_in: SignIn) -> None:
    shop.says("Hi, the celadon tea set came today but the teapot lid is cracked.")
    shop.says("Shop ơi, em chờ ba ngày rồi ạ", Address("widget", "v-p", name="Phạm Đức Thắng"))
    agent = make.agent("admin", name="Lý Mai", locale=locale)
    page = sign_in(agent, "/tickets/1001", color_scheme=scheme)
    page.locator("#aside .hd-ids").wait_for()
    page.locator("[data-tab=note]").click()
    assert_accessible(page)
    page.goto("/?view=late")
    assert_accessible(page)
    page.keyboard.press("Control+k")
    assert_accessible(page)
    page.set_viewport_size(PHONE)
    page.goto("/tickets/1001")
    page.locator("#aside .hd-ids").wait_for(state="attached")
    assert_accessible(page)
