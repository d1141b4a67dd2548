"""A reply called back: ticket and clocks stand where they stood, as if it had never been written."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
import time_machine
from sqlalchemy import select

from connectors.contract import Address
from helpdesk import access
from helpdesk.extensions import db
from helpdesk.models import SlaClock, Ticket
from helpdesk.services import replies, sla, undo
from helpdesk.unit_of_work import unit_of_work

LAN = Address("email", "lan@example.com", name="Lan Anh")
MONDAY = datetime(2026, 11, 16, 3, 0, tzinfo=UTC)  # 10:00 in Vietnam
SHOP = {"address": "support@shop.example", "smtp_host": "127.0.0.1", "smtp_security": "none"}
STANDS = (
    "status", "shelf", "needs_reply", "waiting_since", "last_author", "preview", "last_message_id", "first_response_at",
    "last_activity_at", "solved_at", "sla_due_at", "sla_target", "channel_id", "identity_id",
)  # fmt: skip


@pytest.fixture
def clock() -> Iterator[Any]:
    with time_machine.travel(MONDAY, tick=False) as traveller:
        yield SimpleNamespace(later=lambda seconds: traveller.shift(timedelta(seconds=seconds)))


@pytest.fixture
def desk(make: Any, clock: Any) -> Any:
    with unit_of_work() as work:
        sla.ensure_defaults(work)
    channel = make.channel("email", config=SHOP)
    outcome = make.inbound(channel, "Where is my order DG-1?", sender=LAN, subject="Order", sender_verified=True)
    clock.later(60)
    return SimpleNamespace(channel=channel, make=make, clock=clock, id=outcome.ticket_id, viewer=make.viewer("admin"))


def reply(desk: Any, text: str = "It left today.", then: str = "default") -> int:
    with unit_of_work(actor=desk.viewer.actor) as work:
        ticket = access.ticket_by_id(work.session, desk.viewer, desk.id, lock=True)
        message = replies.reply(work, desk.viewer, ticket, replies.Written(text=text, then=then))
        assert undo.hold_back(work, desk.viewer, message) > 0
        return message.id


def call_back(desk: Any, message_id: int) -> None:
    with unit_of_work(actor=desk.viewer.actor) as work:
        message = access.message_by_id(work.session, desk.viewer, message_id)
        ticket = access.ticket_by_id(work.session, desk.viewer, desk.id, lock=True)
        undo.call_back(work, desk.viewer, ticket, message)


def stands(desk: Any) -> dict[str, Any]:
    db.session.rollback()
    ticket = db.session.get_one(Ticket, desk.id)
    return {name: getattr(ticket, name) for name in STANDS}


def clocks(desk: Any) -> dict[tuple[str, int], tuple[Any, ...]]:
    rows = db.session.scalars(select(SlaClock).where(SlaClock.ticket_id == desk.id)).all()
    return {(c.target, c.turn): (c.state, c.due_at, c.stopped_at) for c in rows if c.target != "resolution"}


@pytest.mark.parametrize("then", ["default", "solve"])
def test_the_first_response_is_owed_again(desk: Any, then: str) -> None:
    before, owed = stands(desk), clocks(desk)
    assert before["status"] == "new" and owed[("first_response", 0)][0] == "running"
    sent = reply(desk, then=then)
    assert stands(desk)["status"] != "new" and clocks(desk)[("first_response", 0)][0] == "met"
    desk.clock.later(5)
    call_back(desk, sent)
    after = stands(desk)
    assert after == before
    assert clocks(desk) == owed


def test_a_late_answer_called_back_is_late_still(desk: Any) -> None:
    desk.clock.later(86400)
    with unit_of_work() as work:
        sla.mark_breaches(work)
    owed = clocks(desk)
    sent = reply(desk)
    assert clocks(desk)[("first_response", 0)][2] is not None
    call_back(desk, sent)
    assert clocks(desk) == owed and owed[("first_response", 0)][0] == "breached"


def test_the_next_response_is_owed_again_and_the_first_stays_met(desk: Any) -> None:
    reply(desk)
    first = stands(desk)["first_response_at"]
    desk.clock.later(600)
    desk.make.inbound(desk.channel, "And when will it be here?", sender=LAN, subject="Re: [#1001] Order")
    before, owed = stands(desk), clocks(desk)
    assert owed[("next_response", 1)][0] == "running"
    desk.clock.later(30)
    sent = reply(desk, "Tomorrow.")
    call_back(desk, sent)
    assert stands(desk) == before and clocks(desk) == owed
    assert first is not None and before["first_response_at"] == first


def test_what_the_customer_wrote_meanwhile_is_waited_for_once(desk: Any) -> None:
    sent = reply(desk)
    desk.clock.later(2)
    urgent = "It is urgent, by the way, I need it for Sunday"
    desk.make.inbound(desk.channel, urgent, sender=LAN, subject="Re: [#1001] Order")
    call_back(desk, sent)
    found = clocks(desk)
    assert found[("first_response", 0)][0] == "running" and found[("next_response", 1)][0] == "cancelled"
    now = stands(desk)
    assert (now["needs_reply"], now["waiting_since"], now["last_author"]) == (True, MONDAY, "customer")
    assert now["preview"].startswith("It is urgent") and now["sla_target"] == "first_response"


def test_what_nobody_waited_for_is_not_waited_for_afterwards(desk: Any) -> None:
    reply(desk, then="open")
    desk.clock.later(3600)
    before, owed = stands(desk), clocks(desk)
    sent = reply(desk, "One thing more.", then="open")
    call_back(desk, sent)
    assert stands(desk) == before and clocks(desk) == owed
    assert not before["needs_reply"]
