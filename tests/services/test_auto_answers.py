"""Acknowledgement and away message: off by default, capped, never to machines, never quoting the subject."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from connectors.contract import Address
from helpdesk.extensions import db
from helpdesk.models import BusinessHours, Message
from helpdesk.services import settings as desk_settings
from helpdesk.unit_of_work import unit_of_work

MINH = Address("widget", "visitor-minh", name="Minh")


def automatic() -> list[Message]:
    return list(db.session.scalars(select(Message).where(Message.automatic, Message.kind == "reply")))


def test_nothing_is_answered_unless_switched_on(make: Any, drain: Callable[..., int]) -> None:
    make.inbound(make.channel("widget"), "Where is my order?", sender=MINH)
    drain()
    assert automatic() == []


def test_a_new_ticket_is_acknowledged_once_without_its_subject(make: Any, drain: Callable[..., int]) -> None:
    channel = make.channel("widget", acknowledge=True)
    make.inbound(channel, "Buy at evil dot example now", sender=MINH)
    make.inbound(channel, "And one more thing about it", sender=MINH)
    drain()
    (sent,) = automatic()
    assert "1001" in sent.text
    assert "evil" not in sent.text + sent.subject
    assert db.session.get_one(Message, sent.id).automatic


def test_a_vietnamese_customer_is_answered_in_vietnamese(make: Any, drain: Callable[..., int]) -> None:
    make.inbound(make.channel("widget", acknowledge=True), "Đơn hàng của mình đâu rồi ạ?", sender=MINH)
    drain()
    (sent,) = automatic()
    assert "Cảm ơn" in sent.text


@pytest.mark.parametrize("values", [{"auto": "auto-reply"}, {"auto": "bulk"}, {"auto_reply_allowed": False}])
def test_machines_are_never_answered(make: Any, drain: Callable[..., int], values: dict[str, Any]) -> None:
    make.inbound(make.channel("widget", acknowledge=True), "I am out of office", sender=MINH, **values)
    drain()
    assert automatic() == []


def test_at_most_three_an_hour_whatever_the_tickets(make: Any, drain: Callable[..., int]) -> None:
    channel = make.channel("widget", acknowledge=True)
    for n in range(8):
        outcome = make.inbound(channel, f"mail bomb number {n} in somebody's name", sender=MINH)
        drain()
        with unit_of_work() as work:
            from helpdesk.models import Ticket

            work.session.get_one(Ticket, outcome.ticket_id).set_status("closed", work.now)
    assert len(automatic()) == 3


def test_one_ticket_and_the_whole_desk_are_capped_too(make: Any, drain: Callable[..., int]) -> None:
    with unit_of_work() as work:
        desk_settings.put(work, "acknowledge.per_ticket_hour", 1)
        desk_settings.put(work, "acknowledge.per_desk_hour", 4)
        never = BusinessHours(name="never", week={"mon": [["03:00", "03:01"]]}, timezone="Asia/Ho_Chi_Minh")
        work.session.add(never)
        work.session.flush()
        hours_id = never.id
    loud = make.channel("widget", acknowledge=True, away_message="We are away.", business_hours_id=hours_id)
    for text in ("Is anybody there today?", "My parcel has not come"):
        make.inbound(loud, text, sender=MINH)
        drain()
    (away,) = automatic()  # the ticket's own cap: it is not told anything twice in an hour
    assert away.meta["auto"] == "away"
    with unit_of_work() as work:  # even where the eight hours of "we are away" are over
        work.session.get_one(Message, away.id).meta = {}
    make.inbound(loud, "Hello, where is my parcel?", sender=MINH)
    drain()
    assert len(automatic()) == 1
    channel = make.channel("widget", acknowledge=True)
    for n in range(8):  # a flood in many names
        make.inbound(channel, f"Where is order number {n}?", sender=Address("widget", f"somebody-{n}"))
        drain()
    assert len(automatic()) == 4


def test_away_is_said_once_and_only_outside_hours(make: Any, drain: Callable[..., int]) -> None:
    with unit_of_work() as work:
        never = BusinessHours(name="one minute", week={"mon": [["03:00", "03:01"]]}, timezone="Asia/Ho_Chi_Minh")
        always = BusinessHours(
            name="always",
            week={d: [["00:00", "24:00"]] for d in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")},
            timezone="Asia/Ho_Chi_Minh",
        )
        work.session.add_all([never, always])
        work.session.flush()
        closed_id, open_id = never.id, always.id
    away = make.channel("widget", away_message="We are back at 8.", business_hours_id=closed_id)
    here = make.channel("widget", away_message="We are back at 8.", business_hours_id=open_id)
    make.inbound(away, "Are you there by any chance?", sender=MINH)
    make.inbound(away, "Nobody is answering me", sender=MINH)
    make.inbound(here, "Are you there by any chance?", sender=Address("widget", "other"))
    drain()
    assert [m.text for m in automatic()] == ["We are back at 8."]
