"""A call rings: the card comes up by itself, `c` takes it, the note goes with Ctrl+Enter; SMS are counted while writing."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, expect

from connectors.contract import Address
from helpdesk.access import viewer_of
from helpdesk.events import TaskChanged
from helpdesk.extensions import db
from helpdesk.models import Agent, FollowUpTask, LiveCall, Message, Response, Ticket
from helpdesk.services import settings as desk_settings
from helpdesk.services import tickets
from helpdesk.unit_of_work import unit_of_work
from tests.connectors.kits import phone_signature
from tests.servers.browser import assert_accessible

SignIn = Callable[..., Page]
LAN = Address("phone", "+84912345678", name="Nguyễn Lan")


def test_a_call_rings_and_its_note_takes_three_keystrokes(sign_in: SignIn, make: Any, client: Any, drain: Any) -> None:
    config = {"number": "+842473082686", "provider": "generic", "webhook_secret": "phone-canary-1"}
    line = make.channel("phone", name="Hotline", config=config)
    make.inbound(line, "About order 7", sender=LAN)
    page = sign_in(make.agent("agent", extension="101", name="Trần Linh"))
    page.wait_for_function("() => window.hdLive?.connected")

    def tell(event: str, **more: Any) -> None:
        body = json.dumps({"event": event, "callId": "c1", "from": "0912345678", "to": "02473082686", **more}).encode()
        headers = phone_signature(body)
        answer = client.post(f"/hooks/{line.key}", data=body, headers=headers, content_type="application/json")
        assert answer.status_code == 200
        drain("arrivals")

    tell("newCall")
    card = page.get_by_role("article", name="Call from Nguyễn Lan")
    expect(card).to_be_visible()
    expect(card.get_by_text("#1001")).to_be_visible()
    assert_accessible(page)
    tell("answer", answeringNumber="101")
    expect(card.get_by_text("On the phone")).to_be_visible()
    page.keyboard.press("c")
    page.wait_for_url("**/new/call?call=*")
    expect(page.get_by_label("Notes")).to_be_focused()
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    page.keyboard.type("Wants another size")
    page.keyboard.press("Control+Enter")
    page.wait_for_url("**/tickets/1001")
    expect(page.get_by_role("region", name="Conversation").get_by_text("Wants another size")).to_be_visible()
    expect(card).to_have_count(0)
    db.session.rollback()
    said = db.session.query(Message).order_by(Message.id.desc()).first()
    assert said and said.call["duration_s"] < 60 and db.session.query(LiveCall).one().message_id == said.id


def test_sms_are_counted_while_one_writes(sign_in: SignIn, make: Any) -> None:
    sms = make.channel("sms", name="SMS", config={"account_sid": "AC1", "auth_token": "t", "sender": "+18005550123"})
    make.inbound(sms, "Hello", sender=LAN)
    page = sign_in(make.agent("admin"), "/tickets/1001")
    box = page.get_by_role("textbox", name="Reply")
    counter = page.locator("[data-length]")
    expect(page.locator("[data-via]")).to_be_visible()
    box.fill("a" * 161)
    expect(counter).to_have_text("161 · 2 SMS")
    box.fill("ạ" * 70)
    expect(counter).to_have_text("70 · 1 SMS")


def solved_by(agent: Agent) -> None:
    with unit_of_work(actor=f"agent:{agent.id}") as work:
        for name in ("csat.delay_minutes", "quiet_from", "quiet_until"):
            desk_settings.put(work, f"survey.{name}", 0)
        tickets.set_status(work, viewer_of(work.session.merge(agent)), work.session.query(Ticket).one(), "solved")


def promised(what: str) -> None:
    """A colleague wrote a task down."""
    with unit_of_work() as work:
        ticket = work.session.query(Ticket).one()
        task = FollowUpTask(ticket_id=ticket.id, kind="callback", due_at=work.now, note=what)
        work.session.add(task)
        work.session.flush()
        work.record(TaskChanged(ticket_id=ticket.id, task_id=task.id, kind=task.kind, done=False))


def test_a_rating_being_asked_keeps_what_is_filled_in(sign_in: SignIn, make: Any, drain: Any) -> None:
    make.inbound(make.channel("phone", name="Hotline"), "Are you open on Sunday?", sender=LAN)
    agent = make.agent("admin", name="Trần Linh")
    page = sign_in(agent, "/tickets/1001")
    page.wait_for_function("() => window.hdLive?.connected")
    solved_by(agent)
    drain("surveys")
    asking = page.get_by_role("group", name="Ask for a rating")
    asking.get_by_text("Good", exact=True).click()
    comment = asking.get_by_role("textbox", name="Their comment")
    comment.press_sequentially("Quick ")
    promised("Call about the opening hours")
    expect(page.get_by_role("button", name="Done")).to_be_visible()
    expect(asking.get_by_role("radio", name="Good", exact=True)).to_be_checked()
    expect(comment).to_be_focused()
    page.keyboard.type("and kind")
    asking.get_by_role("button", name="Record").click()
    card = page.get_by_role("article", name="Survey answer")
    expect(card.get_by_role("img", name="4 of 5, Good")).to_be_visible()
    expect(asking).to_have_count(0)
    db.session.rollback()
    assert [(r.score, r.comment) for r in db.session.query(Response)] == [(4, "Quick and kind")]
