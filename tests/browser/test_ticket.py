"""One ticket in the browser: merged and undone by keyboard, solved with what is asked, sent later, approved, taken over."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from connectors.contract import Address
from helpdesk.extensions import db
from helpdesk.models import Draft, Macro, Message, Ticket
from helpdesk.services import fields
from helpdesk.unit_of_work import unit_of_work
from tests.servers.browser import assert_accessible

SignIn = Callable[..., Page]
LAN = Address("widget", "v-lan", name="Nguyễn Lan Anh")
HOA = Address("widget", "v-hoa", name="Phạm Hoà")


@pytest.fixture
def shop(make: Any) -> Any:
    """A chat channel with two tickets, and two people."""

    class Shop:
        channel = make.channel("widget")
        linh = make.agent("admin", name="Trần Linh")
        minh = make.agent("agent", name="Minh Hoàng")

    make.inbound(Shop.channel, "The lid is cracked", sender=LAN)
    make.inbound(Shop.channel, "My wife wrote about a lid", sender=HOA)
    return Shop


def ticket(number: int = 1001) -> Ticket:
    db.session.rollback()
    db.session.expire_all()
    return db.session.scalars(select(Ticket).where(Ticket.number == number)).one()


def watch_socket(page: Page) -> None:
    page.wait_for_function("() => window.hdLive?.connected")


def test_merge_by_keyboard_is_seen_by_others_and_undone(shop: Any, sign_in: SignIn) -> None:
    linh, minh = sign_in(shop.linh, "/tickets/1001"), sign_in(shop.minh, "/tickets/1002")
    watch_socket(linh), watch_socket(minh)
    linh.get_by_role("region", name="Conversation").wait_for()
    linh.keyboard.press("m")
    dialog = linh.get_by_role("dialog", name="Merge ticket #1001")
    expect(dialog.get_by_role("textbox", name="Number of the other ticket")).to_be_focused()
    linh.keyboard.type("1002")
    expect(dialog.get_by_role("status")).to_contain_text("My wife wrote about a lid")
    assert_accessible(linh)
    linh.keyboard.press("Enter")
    undo = linh.get_by_role("button", name="Undo", exact=True)
    undo.hover()  # what can be pressed for some seconds stays while the pointer rests on it
    expect(linh.get_by_role("log").get_by_text("The lid is cracked")).to_be_visible()
    expect(linh).to_have_url(re.compile("/tickets/1002"))
    expect(minh.get_by_role("log").get_by_text("The lid is cracked")).to_be_visible()
    minh.goto("/tickets/1001")  # an old link
    expect(minh).to_have_url(re.compile("/tickets/1002"))
    undo.click()
    expect(linh.get_by_role("log").get_by_text("My wife wrote about a lid")).to_have_count(0)
    expect(minh.get_by_role("log").get_by_text("The lid is cracked")).to_have_count(0)
    assert ticket().shelf == "open"


def test_what_solving_needs_is_asked_and_the_reply_goes_once(shop: Any, make: Any, sign_in: SignIn) -> None:
    admin = make.viewer("admin")
    with unit_of_work(actor=admin.actor) as work:
        fields.save(work, admin, None, {"name": "Order number", "kind": "text", "required": "1"})
        work.session.add(Macro(name="Refund", text="Refunded, {{customer.first_name}}.", actions={"status": "solved"}))
    linh = sign_in(shop.linh, "/tickets/1001")
    reply = linh.get_by_role("textbox", name="Reply")
    reply.click()
    reply.press_sequentially("/ref")
    linh.get_by_role("option", name=re.compile("Refund")).wait_for()
    linh.keyboard.press("Enter")
    expect(reply).to_have_value("Refunded, Nguyễn.")
    expect(linh.get_by_text("Then: Solved")).to_be_visible()
    linh.keyboard.press("Control+Enter")
    dialog = linh.get_by_role("dialog", name="Before ticket #1001 is solved")
    dialog.get_by_role("textbox", name="Order number").fill("DH 2031")
    assert_accessible(linh)
    linh.keyboard.press("Enter")
    expect(linh.get_by_role("log").get_by_text("Refunded, Nguyễn.")).to_be_visible()
    expect(linh.get_by_role("combobox", name="Status")).to_have_value("solved")
    db.session.rollback()
    assert db.session.scalars(select(Message.text).where(Message.direction == "out")).all() == ["Refunded, Nguyễn."]
    assert list(ticket().custom.values()) == ["DH 2031"]


def test_send_later_stands_below_the_conversation_and_can_be_written_on(shop: Any, sign_in: SignIn) -> None:
    linh = sign_in(shop.linh, "/tickets/1001")
    reply = linh.get_by_role("textbox", name="Reply")
    reply.fill("On Tuesday.")
    linh.get_by_label("Other ways to send").click()
    linh.get_by_role("button", name="Tomorrow, 08:00").click()
    card = linh.get_by_role("group", name="Trần Linh's reply goes out later")
    expect(card).to_contain_text("On Tuesday.")
    expect(reply).to_have_value("")
    card.get_by_role("button", name="Edit").click()
    expect(reply).to_have_value("On Tuesday.")
    expect(card).to_have_count(0)
    assert db.session.scalars(select(Message).where(Message.direction == "out")).all() == []


def test_a_newcomers_reply_is_approved_while_they_watch(shop: Any, make: Any, sign_in: SignIn) -> None:
    newcomer = sign_in(make.agent("agent", name="New Comer", needs_approval=True), "/tickets/1001")
    linh = sign_in(shop.linh, "/tickets/1001")
    watch_socket(newcomer), watch_socket(linh)
    newcomer.get_by_role("textbox", name="Reply").fill("Hello, a new lid is on its way.")
    newcomer.get_by_role("button", name="Send", exact=True).click()
    expect(newcomer.get_by_text("Your reply waits for approval.")).to_be_visible()
    card = linh.get_by_role("group", name="New Comer's reply waits for approval")
    card.get_by_role("button", name="Approve and send").click()
    sent = newcomer.get_by_role("log").get_by_role("article").filter(has_text="a new lid is on its way")
    expect(sent).to_have_count(1)
    expect(newcomer.get_by_role("group", name=re.compile("waits for approval"))).to_have_count(0)


def test_a_draft_is_seen_and_the_ticket_taken_over_with_a_click(shop: Any, sign_in: SignIn) -> None:
    linh, minh = sign_in(shop.linh, "/tickets/1001"), sign_in(shop.minh, "/tickets/1001")
    watch_socket(linh), watch_socket(minh)
    minh.get_by_role("textbox", name="Reply").press_sequentially("Dear")
    expect(linh.get_by_text("Minh Hoàng is replying…")).to_be_visible()
    expect(linh.get_by_text("Draft by Minh Hoàng")).to_be_visible()
    linh.get_by_role("button", name="Take over").click()
    expect(minh.get_by_text("Trần Linh took this ticket over while you were writing.")).to_be_visible()
    expect(minh.get_by_role("textbox", name="Reply")).to_have_value("Dear")  # what was written stays
    assert ticket().assignee_id == shop.linh.id


def test_after_sending_the_next_ticket_opens(shop: Any, sign_in: SignIn) -> None:
    with unit_of_work() as work:
        work.session.merge(shop.linh).preferences = {"after_send": "next"}
    linh = sign_in(shop.linh, "/tickets/1002?view=open")
    linh.get_by_role("textbox", name="Reply").fill("We are on it.")
    linh.get_by_role("button", name="Send", exact=True).click()
    expect(linh).to_have_url(re.compile("/tickets/1001"))
    expect(linh.get_by_role("log").get_by_text("The lid is cracked")).to_be_visible()


def test_leaving_at_once_after_sending_brings_no_draft_back(shop: Any, sign_in: SignIn) -> None:
    linh = sign_in(shop.linh, "/tickets/1001?view=open")
    expect(linh.get_by_role("log").get_by_text("The lid is cracked")).to_be_visible()
    held: list[Any] = []
    linh.route("**/tickets/1001/reply", lambda route: held.append(route))
    linh.get_by_role("textbox", name="Reply").fill("A new one is on its way.")
    with linh.expect_request("**/tickets/1001/reply"):
        linh.keyboard.press("Control+Enter")
    linh.get_by_role("link", name=re.compile("My wife wrote")).click()
    expect(linh.get_by_role("log").get_by_text("My wife wrote about a lid")).to_be_visible()
    with linh.expect_response("**/tickets/1001/reply"):
        held[0].continue_()
    linh.get_by_role("link", name=re.compile("The lid is cracked")).click()
    expect(linh.get_by_role("log").get_by_text("A new one is on its way.")).to_be_visible()
    expect(linh.get_by_role("textbox", name="Reply")).to_have_value("")
    db.session.rollback()
    assert db.session.scalars(select(Draft)).all() == []


def test_what_is_typed_on_while_a_reply_is_on_its_way_stays(shop: Any, sign_in: SignIn) -> None:
    linh = sign_in(shop.linh, "/tickets/1001?view=open")
    box = linh.get_by_role("textbox", name="Reply")
    held: list[Any] = []
    linh.route("**/tickets/1001/reply", lambda route: held.append(route))
    box.fill("A new one is on its way.")
    with linh.expect_request("**/tickets/1001/reply"):
        linh.keyboard.press("Control+Enter")
    linh.keyboard.type(" And sorry!")
    held[0].continue_()
    expect(linh.get_by_role("log").get_by_text("A new one is on its way.")).to_be_visible()
    expect(box).to_have_value("And sorry!")


def test_a_late_answer_about_one_ticket_is_not_painted_into_another(shop: Any, make: Any, sign_in: SignIn) -> None:
    linh = sign_in(shop.linh, "/tickets/1002?view=open")
    watch_socket(linh)
    expect(linh.get_by_role("log").get_by_text("My wife wrote about a lid")).to_be_visible()
    before = linh.evaluate("() => window.hdLive.cursor")
    waiting: list[Any] = []
    linh.route("**/inbox/changes*", lambda route: waiting.append(route))
    with linh.expect_request("**/inbox/changes*ticket=1002*"):
        make.inbound(shop.channel, "And the teapot too", sender=HOA)
    linh.get_by_role("link", name=re.compile("The lid is cracked")).click()
    expect(linh.get_by_role("log").get_by_text("The lid is cracked")).to_be_visible()
    for one in list(waiting):
        one.continue_()
    linh.wait_for_function(f"() => window.hdLive.cursor > {before}")
    expect(linh.get_by_role("heading", level=2, name="The lid is cracked")).to_be_visible()
    expect(linh.get_by_role("log").get_by_text("And the teapot too")).to_have_count(0)
    expect(linh.get_by_role("log").get_by_text("The lid is cracked")).to_be_visible()
