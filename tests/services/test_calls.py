"""A call an agent writes down: who it was, which ticket, what it does to it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from connectors.contract import Address
from helpdesk.errors import Invalid, NotFound
from helpdesk.extensions import db
from helpdesk.models import Customer, EventRow, FollowUpTask, Identity, Message, SlaClock, Ticket, now
from helpdesk.services import call_lookup, calls, customers, search, tickets
from helpdesk.services.desk_defaults import ensure_defaults
from helpdesk.unit_of_work import unit_of_work

FORM = {
    "number": "0912 345 678",
    "direction": "out",
    "outcome": "answered",
    "duration_s": "3:12",
    "notes": "Đổi ấm mới",
}


@pytest.fixture
def agent(make: Any) -> Any:
    make.channel("phone", name="Hotline", config={"number": "02439260158"})
    return make.viewer("agent")


def log(viewer: Any, **values: Any) -> tuple[Ticket, Message]:
    form = {**FORM, **values.pop("form", {})}
    with unit_of_work(actor=viewer.actor) as work:
        return calls.log(work, viewer, calls.Call(form=form, **values))


def types(ticket: Ticket) -> list[str]:
    return list(db.session.scalars(select(EventRow.type).where(EventRow.ticket_id == ticket.id).order_by(EventRow.seq)))


def test_a_call_out_of_nowhere_makes_the_customer_and_a_ticket(agent: Any) -> None:
    ticket, message = log(agent, form={"name": "Chị Hạnh"}, subject="Đặt 12 tô men đá")
    assert (ticket.subject, ticket.status, ticket.assignee_id, ticket.needs_reply) == (
        "Đặt 12 tô men đá",
        "open",
        agent.agent_id,
        False,
    )
    assert (message.kind, message.direction, message.call["duration_s"], message.agent_id) == (
        "call",
        "out",
        192,
        agent.agent_id,
    )
    identity = db.session.scalars(select(Identity)).one()
    assert (identity.value, identity.customer.name) == ("+84912345678", "Chị Hạnh")
    assert types(ticket) == ["ticket_opened", "reply_sent"]
    again, _ = log(agent, form={"notes": "gọi lần hai"})
    assert again.customer_id == ticket.customer_id
    assert len(db.session.scalars(select(Customer)).all()) == 1


def test_an_answered_call_out_is_the_first_response(agent: Any, make: Any) -> None:
    with unit_of_work() as work:
        ensure_defaults(work)
    outcome = make.inbound(make.channel("widget"), "nắp ấm bị vỡ rồi", sender=Address("widget", "v:1", name="Lan"))
    ticket = db.session.get_one(Ticket, outcome.ticket_id)
    log(agent, ticket_number=ticket.number, form={"outcome": "no_answer", "notes": ""})
    db.session.refresh(ticket)
    assert ticket.first_response_at is None
    assert ticket.needs_reply
    log(agent, ticket_number=ticket.number)
    db.session.refresh(ticket)
    assert ticket.first_response_at is not None
    assert not ticket.needs_reply
    assert ticket.assignee_id == agent.agent_id
    first = db.session.scalars(select(SlaClock).where(SlaClock.target == "first_response")).all()
    assert [c.state for c in first] == ["met"]
    values = set(db.session.scalars(select(Identity.value).where(Identity.customer_id == ticket.customer_id)))
    assert "+84912345678" in values
    assert ticket.channel_id == outcome_channel(outcome)  # a reply still goes where they wrote


def outcome_channel(outcome: Any) -> int | None:
    return db.session.get_one(Message, outcome.message_id).channel_id


def test_a_call_that_came_in_reopens_and_a_missed_one_waits_for_us(agent: Any, make: Any) -> None:
    ticket, _ = log(agent, form={"direction": "in"})
    assert types(ticket) == ["ticket_opened", "message_received"]
    with unit_of_work() as work:
        tickets.set_status(work, None, work.session.get_one(Ticket, ticket.id), "solved")
    same, _ = log(agent, ticket_number=ticket.number, form={"direction": "in", "outcome": "missed", "notes": ""})
    db.session.rollback()
    found = db.session.get_one(Ticket, same.id)
    assert (found.status, found.needs_reply, found.message_count) == ("open", True, 2)


def test_missed_call_makes_a_new_ticket_that_needs_a_reply(agent: Any) -> None:
    ticket, message = log(agent, form={"direction": "in", "outcome": "missed", "notes": "", "duration_s": ""})
    assert (ticket.status, ticket.needs_reply, ticket.assignee_id) == ("new", True, None)
    assert message.text == "They called: missed"


def test_reason_follow_up_and_solving(agent: Any) -> None:
    due = now() + timedelta(hours=3)
    ticket, _ = log(agent, follow_up=calls.FollowUp("callback", due, note="báo giá sỉ"), solve=True)
    task = db.session.scalars(select(FollowUpTask)).one()
    assert (task.kind, task.agent_id, task.ticket_id, task.note) == (
        "callback",
        agent.agent_id,
        ticket.id,
        "báo giá sỉ",
    )
    assert ticket.status == "solved"
    with pytest.raises(Invalid, match="future"):
        log(agent, follow_up=calls.FollowUp("callback", now() - timedelta(hours=1)))
    with pytest.raises(Invalid):
        log(agent, follow_up=calls.FollowUp("party", due))


def test_the_same_form_twice_is_one_call(agent: Any, make: Any) -> None:
    first = log(agent, form={"client_msg_id": "abc"})
    second = log(agent, form={"client_msg_id": "abc"})
    assert first[1].id == second[1].id
    assert len(db.session.scalars(select(Message)).all()) == 1
    with pytest.raises(Invalid):
        log(make.viewer("agent"), form={"client_msg_id": "abc"})


def test_what_is_wrong_is_named(agent: Any) -> None:
    for field, form in {
        "number": {"number": "12"},
        "notes": {"notes": ""},
        "duration_s": {"duration_s": "long"},
        "direction": {"direction": "up"},
        "outcome": {"outcome": "fine"},
    }.items():
        with pytest.raises(Invalid) as caught:
            log(agent, form=form)
        assert field in caught.value.fields
    assert db.session.scalars(select(Ticket)).all() == []


def test_somebody_else_s_number(agent: Any, make: Any) -> None:
    binh = make.customer("Bình", phone="+84987654321")
    lan = make.customer("Lan")
    with pytest.raises(customers.Taken) as caught:
        log(agent, customer_id=lan.id, form={"number": "0987654321"})
    assert caught.value.customer_id == binh.id
    ticket, _ = log(agent, customer_id=lan.id)
    assert ticket.customer_id == lan.id
    _same, message = log(agent, ticket_number=ticket.number, form={"number": "0987654321"})
    assert message.ticket_id == ticket.id
    assert message.customer_id == binh.id
    assert message.reason == "The number belongs to Bình."


def test_tickets_and_people_of_other_teams_do_not_exist(make: Any) -> None:
    mine, other = make.team(), make.team()
    make.channel("phone", team_id=mine)
    agent = make.viewer("agent", teams=[mine])
    foreign = make.inbound(make.channel("widget", team_id=other), "câu hỏi đội khác", sender=Address("widget", "b"))
    theirs = db.session.get_one(Ticket, foreign.ticket_id)
    with unit_of_work() as work:
        work.session.add(Identity(customer_id=theirs.customer_id, kind="phone", value="+84987654321"))
    with pytest.raises(NotFound):
        log(agent, ticket_number=theirs.number)
    with pytest.raises(NotFound):
        log(agent, customer_id=theirs.customer_id)
    with pytest.raises(customers.Taken) as caught:
        log(agent, form={"number": "0987654321"})
    assert caught.value.customer_id is None
    found = call_lookup.match(db.session, agent, "0987 654 321")
    assert (found.customer, found.tickets, found.other_team) == (None, (), True)


def test_a_number_is_known_while_it_is_typed(agent: Any, make: Any) -> None:
    ticket, _ = log(agent, form={"name": "Chị Hạnh"})
    found = call_lookup.match(db.session, agent, "0912345678")
    assert (found.e164, found.customer and found.customer.name) == ("+84912345678", "Chị Hạnh")
    assert [t.number for t in found.tickets] == [ticket.number]
    assert call_lookup.match(db.session, agent, "09123").error
    assert call_lookup.match(db.session, agent, "0987654321").customer is None
    for odd in ("", "\x00", "a" * 5000, "+", "1900 6017"):
        call_lookup.match(db.session, agent, odd)


def test_without_a_phone_line_it_says_so(make: Any) -> None:
    with pytest.raises(Invalid, match="no phone line"):
        log(make.viewer("agent"))


def test_a_call_is_found_by_its_notes(agent: Any) -> None:
    ticket, _ = log(agent, form={"notes": "Khách muốn hoá đơn công ty"}, subject="Đặt tô")
    assert [h.number for h in search.search(db.session, agent, "hoa don cong ty").hits] == [ticket.number]
    assert [h.kind for h in search.search(db.session, agent, "dat to").hits] == ["call"]
