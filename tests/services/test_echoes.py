"""What the company said outside the helpdesk: recorded as ours, clocks stopped, nobody answers twice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from connectors.contract import Address, InboundMessage, InboundReport
from helpdesk import access
from helpdesk.errors import NewerMessages
from helpdesk.extensions import db
from helpdesk.models import Delivery, Message, SlaClock, Ticket
from helpdesk.services import channels, deliveries, intake, replies
from helpdesk.unit_of_work import unit_of_work

LAN = Address("telegram", "5550001", "7000000001", name="Lan")


@pytest.fixture
def channel(make: Any) -> Any:
    return make.channel("telegram", config={"token": "7000000001:secret"})


def hear(channel: Any, text: str, external_id: str, **values: Any) -> intake.Outcome:
    values = {"to": (LAN,), "sender": Address("telegram", "page", name="Shop"), **values}
    echo = InboundMessage(external_id=external_id, text=text, kind="echo", **values)
    with unit_of_work() as work:
        return intake.receive(work, work.session.merge(channel), echo)


def ticket_of(outcome: Any) -> Ticket:
    db.session.rollback()
    return db.session.get_one(Ticket, outcome.ticket_id)


def ask(make: Any, channel: Any, text: str = "Where is order 20931?", **values: Any) -> Any:
    return make.inbound(channel, text, sender=LAN, **values)


def test_an_echo_answers_the_ticket_and_stops_its_clocks(make: Any, channel: Any) -> None:
    asked = ask(make, channel)
    heard = hear(channel, "It is on its way.", "out-1")
    assert (heard.kind, heard.ticket_id) == ("echo", asked.ticket_id)
    ticket = ticket_of(heard)
    assert (ticket.status, ticket.needs_reply, ticket.last_author) == ("pending", False, "agent")
    assert ticket.first_response_at is not None
    message = db.session.get_one(Message, heard.message_id)
    assert (message.direction, message.agent_id, message.meta["elsewhere"]) == ("out", None, "Shop")
    clocks = db.session.scalars(select(SlaClock).where(SlaClock.target == "first_response")).all()
    assert all(c.state == "met" for c in clocks)


def test_an_agent_who_did_not_see_it_is_told_before_answering_twice(make: Any, channel: Any) -> None:
    asked = ask(make, channel)
    seen = ticket_of(asked).seq
    hear(channel, "It is on its way.", "out-1")
    viewer = make.viewer()
    with pytest.raises(NewerMessages), unit_of_work(actor=viewer.actor) as work:
        ticket = access.ticket_by_number(work.session, viewer, 1001, lock=True)
        replies.reply(work, viewer, ticket, replies.Written(text="Coming.", seen_seq=seen))


def test_the_same_echo_twice_is_one_message(make: Any, channel: Any) -> None:
    ask(make, channel)
    first = hear(channel, "It is on its way.", "out-1")
    again = hear(channel, "It is on its way.", "out-1")
    assert again.kind == "duplicate"
    assert again.message_id == first.message_id


def sent_from_here(make: Any, state: str, **values: Any) -> int:
    viewer = make.viewer()
    with unit_of_work(actor=viewer.actor) as work:
        ticket = access.ticket_by_number(work.session, viewer, 1001, lock=True)
        message = replies.reply(work, viewer, ticket, replies.Written(text="It is on its way."))
        delivery = work.session.scalars(select(Delivery).where(Delivery.message_id == message.id)).one()
        delivery.state, delivery.attempts = state, 1
        for name, value in values.items():
            setattr(delivery, name, value)
        return delivery.id


def state_of(delivery_id: int) -> str:
    db.session.rollback()
    return db.session.get_one(Delivery, delivery_id).state


def test_an_echo_of_our_own_message_adds_nothing(make: Any, channel: Any) -> None:
    ask(make, channel)
    delivery_id = sent_from_here(make, "sent", external_id="out-7")
    heard = hear(channel, "It is on its way.", "out-7")
    assert heard.kind == "report"
    assert state_of(delivery_id) == "sent"
    assert len(db.session.scalars(select(Message)).all()) == 2


def test_an_echo_that_overtakes_the_answer_to_our_request_is_ours(make: Any, channel: Any) -> None:
    ask(make, channel)
    delivery_id = sent_from_here(make, "sending")
    assert hear(channel, "It is on its way.", "out-8").kind == "report"
    assert db.session.get_one(Delivery, delivery_id).external_id == "out-8"
    assert state_of(delivery_id) == "sending"  # its own answer is still to come


@pytest.mark.parametrize("state", ["unknown", "failed"])
def test_an_echo_proves_that_an_attempt_arrived(make: Any, channel: Any, state: str) -> None:
    ask(make, channel)
    delivery_id = sent_from_here(make, state)
    heard = hear(channel, "It is on its way.", "out-9", meta={"delivery_id": str(delivery_id)})
    assert heard.kind == "report"
    assert state_of(delivery_id) == "sent"


def test_an_unknown_outcome_is_settled_by_the_words_alone(make: Any, channel: Any) -> None:
    ask(make, channel)
    delivery_id = sent_from_here(make, "unknown")
    assert hear(channel, "It is on its way.", "out-9").kind == "report"
    assert state_of(delivery_id) == "sent"


def test_a_part_of_our_message_is_ours_too(make: Any, channel: Any) -> None:
    ask(make, channel)
    delivery_id = sent_from_here(make, "sent", external_id="out-1")
    with unit_of_work() as work:
        deliveries.keep_parts(work, work.session.get_one(Delivery, delivery_id), ("out-1", "out-2"))
    assert hear(channel, "", "out-2").kind == "report"


def test_an_echo_to_somebody_unknown_makes_up_nobody(make: Any, channel: Any) -> None:
    assert hear(channel, "Happy new year!", "out-1").kind == "ignored"
    assert db.session.scalars(select(Ticket)).all() == []


def test_an_echo_older_than_the_question_answers_nothing(make: Any, channel: Any) -> None:
    before = datetime.now(UTC) - timedelta(minutes=5)
    asked = ask(make, channel, sent_at=datetime.now(UTC) - timedelta(seconds=1))
    heard = hear(channel, "Good morning.", "out-1", sent_at=before)
    assert heard.kind == "echo"
    assert ticket_of(asked).needs_reply


def test_a_message_of_a_machine_answers_nothing(make: Any, channel: Any) -> None:
    asked = ask(make, channel)
    assert hear(channel, "We are closed now.", "out-1", auto="auto-reply").kind == "echo"
    assert ticket_of(asked).needs_reply


def test_the_marks_of_what_was_sent_elsewhere_are_shown(make: Any, channel: Any) -> None:
    ask(make, channel)
    heard = hear(channel, "It is on its way.", "out-1")
    with unit_of_work() as work:
        mark = InboundReport("r-1", "out-1", "read")
        assert intake.receive(work, work.session.merge(channel), mark).kind == "report"
    assert db.session.scalars(select(Delivery.state)).all() == ["read"]
    assert heard.message_id is not None
    assert channels.every(db.session)
