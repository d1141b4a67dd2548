"""The keyboard, mistakes included: a key means what is on the screen, never a ticket that is not, never a stray choice."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from connectors.contract import Address
from helpdesk.extensions import db
from helpdesk.models import Agent, Customer, Ticket
from helpdesk.services import fields, tickets
from helpdesk.unit_of_work import unit_of_work
from tests.processes.running import until
from tests.servers.browser import PHONE, assert_accessible

SignIn = Callable[..., Page]
ASKED = ("The lid is cracked", "Where is my parcel", "Do you ship abroad")


@pytest.fixture
def shop(make: Any) -> Any:
    """Three chats, the last one on top, and two people."""

    class Shop:
        channel = make.channel("widget")
        linh = make.agent("admin", name="Trần Linh")
        minh = make.agent("agent", name="Minh Hoàng")

    for i, text in enumerate(ASKED):
        make.inbound(Shop.channel, text, sender=Address("widget", f"v-{i}", name=f"Customer {i}"))
    return Shop


def ticket(number: int) -> Ticket:
    db.session.rollback()
    db.session.expire_all()
    return db.session.query(Ticket).filter_by(number=number).one()


def status_of(number: int) -> str:
    return ticket(number).status


def listens(page: Page) -> None:
    page.wait_for_function("() => window.hdLive?.connected")


def heading(page: Page, text: str) -> Any:
    return page.get_by_role("heading", name=text)


def test_back_in_the_list_a_key_means_the_row_under_the_cursor(shop: Any, sign_in: SignIn) -> None:
    linh = sign_in(shop.linh, "/?view=open")
    linh.get_by_role("link", name=re.compile(ASKED[2])).click()
    expect(heading(linh, ASKED[2])).to_be_visible()
    linh.keyboard.press("u")
    expect(linh.get_by_text("No ticket open")).to_be_visible()
    expect(linh).to_have_title(re.compile("^All open"))
    linh.keyboard.press("j")  # from the row that was open to the one below
    linh.keyboard.press("e")
    until(lambda: status_of(1002) == "solved", what="the row under the cursor solved")
    assert status_of(1003) == "new"
    linh.keyboard.press("z")
    until(lambda: status_of(1002) == "new", what="taken back")


def test_keys_are_about_all_that_are_chosen(shop: Any, sign_in: SignIn) -> None:
    linh = sign_in(shop.linh, "/?view=open")
    for key in ("j", "x", "j", "x", "a"):
        linh.keyboard.press(key)
    palette = linh.get_by_role("dialog", name="Command palette")
    expect(palette).to_contain_text("2 selected")
    expect(palette.get_by_role("option", name="Minh Hoàng")).to_be_visible()
    linh.keyboard.type("hoang")
    expect(palette.get_by_role("option")).to_have_count(1)
    linh.keyboard.press("Enter")
    until(lambda: ticket(1003).assignee_id == shop.minh.id == ticket(1002).assignee_id, what="both assigned")
    linh.keyboard.press("z")
    until(lambda: ticket(1003).assignee_id is None is ticket(1002).assignee_id, what="both given back")
    assert ticket(1001).assignee_id is None


def test_a_value_is_chosen_by_a_part_of_its_name_among_two_hundred(shop: Any, make: Any, sign_in: SignIn) -> None:
    with unit_of_work() as work:
        for i in range(200):
            work.session.add(Agent(email=f"a{i}@shop.test", name=f"Nguyễn Văn {i:03d}", role="agent"))
        work.session.add(Agent(email="thao@shop.test", name="Nguyễn Thị Phương Thảo", role="agent"))
    linh = sign_in(shop.linh, "/tickets/1001")
    linh.keyboard.press("a")
    palette = linh.get_by_role("dialog", name="Command palette")
    linh.keyboard.type("thao")
    expect(palette.get_by_role("option")).to_have_count(1)
    assert_accessible(linh)
    linh.keyboard.press("Enter")
    assigned = linh.get_by_role("combobox", name="Assignee").locator("option:checked")
    expect(assigned).to_have_text("Nguyễn Thị Phương Thảo")
    linh.keyboard.press("g")
    linh.keyboard.type("gốm")
    palette.get_by_role("option", name="New tag: gốm").click()
    expect(linh.get_by_role("region", name="Customer").get_by_text("gốm", exact=True)).to_be_visible()
    linh.keyboard.press("z")
    expect(linh.get_by_role("region", name="Customer").get_by_text("gốm", exact=True)).to_have_count(0)
    linh.keyboard.press("z")
    expect(assigned).to_have_text("Nobody")
    linh.keyboard.press("z")
    expect(linh.get_by_text("Nothing to undo.")).to_be_visible()


def test_a_stray_key_on_a_property_changes_nothing(shop: Any, sign_in: SignIn) -> None:
    linh = sign_in(shop.linh, "/tickets/1001")
    box = linh.get_by_role("combobox", name="Assignee")
    box.select_option(label="Trần Linh (me)")
    box.focus()
    for key in ("m", "M", "q", "Home"):
        linh.keyboard.press(key)
        linh.keyboard.press("Escape")
    linh.keyboard.press("r")  # a shortcut as everywhere
    expect(linh.get_by_role("textbox", name="Reply")).to_be_focused()
    expect(box).to_have_value(str(shop.linh.id))
    assert ticket(1001).assignee_id == shop.linh.id


def test_undo_goes_back_through_everything_newest_first(shop: Any, sign_in: SignIn) -> None:
    linh = sign_in(shop.linh, "/tickets/1001")
    subject = linh.get_by_role("button", name=ASKED[0])
    subject.click()
    linh.get_by_role("textbox", name="Subject").fill("A cracked lid")
    linh.keyboard.press("Enter")
    expect(heading(linh, "A cracked lid")).to_be_visible()
    linh.get_by_role("combobox", name="Priority").select_option("urgent")
    linh.keyboard.press("s")
    linh.get_by_role("button", name="Tomorrow, 08:00").click()
    expect(linh.locator("#ticket-head").get_by_text("Snoozed until")).to_be_visible()
    linh.keyboard.press("#")
    expect(linh.get_by_text("This ticket is in the trash.")).to_be_visible()
    linh.keyboard.press("z")
    expect(linh.get_by_text("This ticket is in the trash.")).to_have_count(0)
    linh.keyboard.press("z")
    expect(linh.locator("#ticket-head").get_by_text("Snoozed until")).to_have_count(0)
    linh.keyboard.press("z")
    expect(linh.get_by_role("combobox", name="Priority")).to_have_value("normal")
    linh.keyboard.press("z")
    expect(heading(linh, ASKED[0])).to_be_visible()


def test_blocking_links_and_fields_are_taken_back(shop: Any, make: Any, sign_in: SignIn) -> None:
    admin = make.viewer("admin")
    with unit_of_work(actor=admin.actor) as work:
        fields.save(work, admin, None, {"name": "Order number", "kind": "text"})
    linh = sign_in(shop.linh, "/tickets/1001")
    panel = linh.get_by_role("region", name="Customer")
    panel.get_by_role("textbox", name="Order number").fill("DG-1")
    linh.keyboard.press("Tab")
    until(lambda: list(ticket(1001).custom.values()) == ["DG-1"], what="the field saved")
    panel.get_by_text("Link a ticket…").click()
    panel.get_by_role("textbox", name="Number of the other ticket").fill("1002")
    linh.keyboard.press("Enter")
    expect(panel.get_by_role("link", name=re.compile("#1002"))).to_be_visible()
    linh.get_by_label("More actions").click()
    linh.get_by_role("button", name="Block this sender").click()
    expect(linh.get_by_text("#1001 Sender blocked, marked as spam")).to_be_visible()
    linh.keyboard.press("z")
    expect(linh.get_by_text("This ticket is in spam.")).to_have_count(0)
    until(lambda: ticket(1001).shelf == "open", what="back in the inbox")
    db.session.rollback()
    assert db.session.get_one(Customer, ticket(1001).customer_id).blocked_at is None
    linh.keyboard.press("z")
    expect(panel.get_by_role("link", name=re.compile("#1002"))).to_have_count(0)
    linh.keyboard.press("z")
    expect(panel.get_by_role("textbox", name="Order number")).to_have_value("")


def test_back_and_forward_show_the_list_and_the_ticket_they_name(shop: Any, sign_in: SignIn) -> None:
    linh = sign_in(shop.linh, "/?view=open")
    linh.get_by_role("link", name=re.compile(ASKED[0])).click()
    expect(heading(linh, ASKED[0])).to_be_visible()
    linh.get_by_role("navigation", name="Views").get_by_role("link", name=re.compile("^Mine")).click()
    expect(heading(linh, "Mine")).to_be_visible()
    linh.go_back()
    expect(heading(linh, "All open")).to_be_visible()
    expect(heading(linh, ASKED[0])).to_be_visible()
    linh.go_back()
    expect(linh.get_by_text("No ticket open")).to_be_visible()
    linh.go_forward()
    expect(heading(linh, ASKED[0])).to_be_visible()


def test_who_went_back_to_the_list_is_not_shown_as_looking(shop: Any, sign_in: SignIn) -> None:
    linh, minh = sign_in(shop.linh, "/tickets/1001"), sign_in(shop.minh, "/tickets/1001", viewport=PHONE)
    listens(linh), listens(minh)
    expect(linh.locator("#presence")).to_contain_text("Hoàng viewing")
    minh.get_by_role("textbox", name="Reply").press_sequentially("Dear")
    expect(linh.locator("#presence")).to_contain_text("Hoàng writing")
    minh.get_by_role("link", name="Back to tickets").click()
    expect(linh.locator("#presence")).to_have_text("")
    expect(minh.get_by_role("textbox", name="Reply")).to_have_count(0)


def test_a_telex_syllable_fires_no_shortcut(shop: Any, sign_in: SignIn) -> None:
    """As the input method of the machine composes it: into the reply, and with the focus on the page itself."""
    linh = sign_in(shop.linh, "/tickets/1001")
    expect(heading(linh, ASKED[0])).to_be_visible()
    box = linh.get_by_role("textbox", name="Reply")
    box.focus()
    keys = linh.context.new_cdp_session(linh)
    for step in ("e", "ê", "ết"):
        keys.send("Input.dispatchKeyEvent", {"type": "rawKeyDown", "windowsVirtualKeyCode": 229, "key": "Process"})
        keys.send("Input.imeSetComposition", {"text": step, "selectionStart": len(step), "selectionEnd": len(step)})
    keys.send("Input.insertText", {"text": "Tết"})
    expect(box).to_have_value("Tết")
    linh.keyboard.press("Escape")
    for code in ("e", "i", "x"):
        keys.send("Input.dispatchKeyEvent", {"type": "rawKeyDown", "windowsVirtualKeyCode": 229, "key": code})
    linh.keyboard.press("p")  # the first key that counts
    expect(linh.get_by_role("dialog", name="Command palette")).to_be_visible()
    assert ticket(1001).status == "new" and ticket(1001).assignee_id is None


def test_tablet_and_phone_keys_reach_what_is_in_a_drawer(shop: Any, sign_in: SignIn) -> None:
    linh = sign_in(shop.linh, "/tickets/1001", viewport={"width": 820, "height": 1180})
    expect(heading(linh, ASKED[0])).to_be_visible()
    linh.keyboard.press("g")
    linh.keyboard.type("vip")
    linh.keyboard.press("Enter")
    until(lambda: tickets.tags_of(db.session(), ticket(1001).id) == ["vip"], what="tagged")
