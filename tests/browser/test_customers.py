"""Starting from nowhere in a real browser: somebody found while typing, a call in a ticket, a draft that stays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, expect
from sqlalchemy import select

from connectors.contract import Address
from helpdesk.extensions import db
from helpdesk.models import Message, Ticket
from tests.servers.browser import assert_accessible

SignIn = Callable[..., Page]


def test_a_call_from_anywhere_and_in_the_ticket(sign_in: SignIn, make: Any) -> None:
    make.channel("phone", name="Hotline")
    page = sign_in(make.agent("admin", name="Trần Linh"), "/new/call")
    page.get_by_label("Number").press_sequentially("0912 345 678")
    expect(page.get_by_text("+84 912 345 678").first).to_be_visible()
    expect(page.get_by_label("Create customer")).to_be_checked()
    page.get_by_label("Name (optional)").fill("Chị Hạnh")
    page.get_by_role("button", name="Start").click()
    page.get_by_role("button", name="Stop").click()
    page.get_by_label("Notes").fill("Cần 12 tô men đá")
    assert_accessible(page)
    page.get_by_role("button", name="Save call", exact=True).click()
    page.wait_for_url("**/tickets/1001")
    expect(page.get_by_role("region", name="Conversation").get_by_text("Cần 12 tô men đá")).to_be_visible()
    page.get_by_role("tab", name="Call").click()
    form = page.get_by_role("form", name="Log a call")
    expect(form.get_by_label("Number")).to_have_value("+84912345678")
    form.get_by_role("button", name="Save call", exact=True).click()
    expect(page.get_by_text("Write what the call was about.")).to_be_visible()
    form.get_by_label("Notes").fill("Gọi lại báo giá")
    form.get_by_role("button", name="Save call", exact=True).click()
    expect(page.get_by_role("region", name="Conversation").get_by_text("Gọi lại báo giá")).to_be_visible()
    assert len(db.session.scalars(select(Message).where(Message.kind == "call")).all()) == 2


def test_somebody_is_found_while_typing_and_what_was_typed_stays(sign_in: SignIn, make: Any) -> None:
    chat = make.channel("widget", name="Web shop")
    outcome = make.inbound(chat, "Cho mình hỏi ấm trà", sender=Address("widget", "v:1", name="Nguyễn Lan Anh"))
    page = sign_in(make.agent("admin"), "/new/message")
    page.get_by_label("Who", exact=True).press_sequentially("lan an")
    page.get_by_text("Nguyễn Lan Anh").click()
    expect(page.get_by_label("Web shop")).to_be_checked()
    page.get_by_label("Text").fill("Chào chị Lan Anh")
    expect(page.get_by_text("Kept on this device")).to_be_visible()
    page.wait_for_function("() => localStorage.getItem('hd-new-message')?.includes('Chào chị Lan Anh')")
    page.reload()
    expect(page.get_by_label("Text")).to_have_value("Chào chị Lan Anh")
    page.get_by_text("Nguyễn Lan Anh").click()
    assert_accessible(page)
    page.get_by_role("button", name="Send and open ticket").click()
    page.wait_for_url("**/tickets/1002")
    db.session.rollback()
    owners = {t.customer_id for t in db.session.scalars(select(Ticket))}
    assert owners == {db.session.get_one(Ticket, outcome.ticket_id).customer_id}
