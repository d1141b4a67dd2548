"""Clocks of tickets: when they start, rest, stop and run out, and what the inbox sees of them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from sqlalchemy import select

from connectors.contract import Address
from helpdesk import access
from helpdesk.events import TicketsMerged
from helpdesk.extensions import db
from helpdesk.models import (
    BusinessHours,
    ContactReason,
    EventRow,
    SlaClock,
    SlaPolicy,
    SlaTarget,
    Team,
    Ticket,
    Touchpoint,
)
from helpdesk.services import opening, replies, sla, tickets
from helpdesk.services.sla_rules import promises, spell
from helpdesk.unit_of_work import unit_of_work

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
LAN = Address("widget", "visitor-lan", name="Lan Anh")


def vn(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZONE).astimezone(UTC)


@pytest.fixture
def at() -> Iterator[Any]:
    """Monday morning; `at.go("2026-11-16T10:00")` moves the clock."""
    with time_machine.travel(vn("2026-11-16T09:00"), tick=False) as traveller:
        yield SimpleNamespace(go=lambda text: traveller.move_to(vn(text)))


@pytest.fixture
def desk(make: Any, at: Any) -> Any:
    """A widget with first 10 min, next 15 min, resolution 17 h (default policy); an admin; a ticket of Monday 9:00."""
    with unit_of_work() as work:
        sla.ensure_defaults(work)
    channel = make.channel("widget")
    viewer = make.viewer("admin")
    outcome = make.inbound(channel, "Where is my order DG-1?", sender=LAN)
    return SimpleNamespace(channel=channel, viewer=viewer, ticket_id=outcome.ticket_id, make=make, at=at)


def clocks(desk: Any) -> dict[str, SlaClock]:
    db.session.rollback()
    statement = select(SlaClock).where(SlaClock.ticket_id == desk.ticket_id).order_by(SlaClock.id)
    return {c.target: c for c in db.session.scalars(statement)}


def ticket(desk: Any) -> Ticket:
    db.session.rollback()
    return db.session.get_one(Ticket, desk.ticket_id)


def act(desk: Any, verb: Any, *values: Any, **named: Any) -> None:
    with unit_of_work(actor=desk.viewer.actor) as work:
        found = access.ticket_by_id(work.session, desk.viewer, desk.ticket_id, lock=True)
        verb(work, desk.viewer, found, *values, **named)


def answer(desk: Any, then: str = "default") -> None:
    act(desk, replies.reply, replies.Written(text="It is on its way.", then=then))


def breach() -> int:
    with unit_of_work() as work:
        return sla.mark_breaches(work)


def test_a_customers_message_starts_first_response_and_resolution(desk):
    found = clocks(desk)
    assert set(found) == {"first_response", "resolution"}
    assert found["first_response"].due_at == vn("2026-11-16T09:10")
    assert found["first_response"].soon_at == vn("2026-11-16T09:07:30")
    assert found["resolution"].due_at == vn("2026-11-18T09:00")
    assert found["first_response"].reason == (
        'Standard policy: first response on Website chat within 10 minutes of business time, hours of "Office hours" '
        "(Asia/Ho_Chi_Minh)."
    ).replace("Website chat", _label())
    row = ticket(desk)
    assert (row.sla_due_at, row.sla_target) == (vn("2026-11-16T09:10"), "first_response")
    assert row.sla_soon_at == vn("2026-11-16T09:07:30")


def _label() -> str:
    from connectors import registry

    return registry.kind("widget").label


def test_the_first_human_answer_meets_it_and_an_automatic_one_does_not(desk):
    desk.at.go("2026-11-16T09:04")
    with unit_of_work() as work:
        found = work.session.get_one(Ticket, desk.ticket_id)
        assert replies.automatic(work, found, "We have it.") is not None
    assert clocks(desk)["first_response"].state == "running"
    desk.at.go("2026-11-16T09:06")
    answer(desk, "open")
    met = clocks(desk)["first_response"]
    assert (met.state, met.used_s, met.stopped_at) == ("met", 360, vn("2026-11-16T09:06"))
    assert ticket(desk).first_response_at == vn("2026-11-16T09:06")
    assert ticket(desk).sla_target == "resolution"


def test_resolution_rests_while_pending_and_is_met_by_solving(desk):
    desk.at.go("2026-11-16T10:00")
    answer(desk)  # the ticket becomes pending
    resting = clocks(desk)["resolution"]
    assert (resting.state, resting.used_s, resting.due_at) == ("paused", 3600, None)
    assert ticket(desk).sla_due_at is None
    chip = sla.chips(db.session(), [desk.ticket_id])[desk.ticket_id]
    assert [(c.target, c.state, c.left_s) for c in chip] == [("resolution", "paused", 16 * 3600)]
    desk.at.go("2026-11-17T10:00")
    desk.make.inbound(desk.channel, "It is still not here!", sender=LAN)
    running = clocks(desk)["resolution"]
    assert (running.state, running.due_at) == ("running", vn("2026-11-19T09:00"))
    desk.at.go("2026-11-17T11:00")
    answer(desk, "solve")
    met = clocks(desk)["resolution"]
    assert (met.state, met.used_s) == ("met", 2 * 3600)


def test_reopening_resumes_where_it_stood(desk):
    desk.at.go("2026-11-16T10:00")
    answer(desk, "solve")
    desk.at.go("2026-11-18T10:00")
    desk.make.inbound(desk.channel, "The parcel arrived broken", sender=LAN)
    found = clocks(desk)
    assert (found["resolution"].state, found["resolution"].stopped_at) == ("running", None)
    assert found["resolution"].due_at == vn("2026-11-20T09:00")  # 16 h of 17 h are left: Wed 10:00 + 6.5 + 8.5 + 1
    assert (found["next_response"].turn, found["next_response"].due_at) == (1, vn("2026-11-18T10:15"))


def test_every_turn_gets_its_own_next_response(desk):
    desk.at.go("2026-11-16T09:05")
    answer(desk, "open")
    desk.make.inbound(desk.channel, "And when exactly does it arrive?", sender=LAN)
    desk.make.inbound(desk.channel, "Please tell me soon, it is urgent", sender=LAN)  # the same turn
    answer(desk, "open")
    desk.at.go("2026-11-16T09:10")
    desk.make.inbound(desk.channel, "Can I change the address too?", sender=LAN)
    rows = list(db.session.scalars(select(SlaClock).where(SlaClock.target == "next_response").order_by(SlaClock.turn)))
    assert [(c.turn, c.state) for c in rows] == [(1, "met"), (2, "running")]


def test_thanks_start_no_clock(desk):
    answer(desk, "open")
    desk.make.inbound(desk.channel, "Dạ ok, cảm ơn shop ạ", sender=LAN)
    assert "next_response" not in clocks(desk)


def test_a_promise_runs_out_exactly_once_and_stays_late_until_answered(desk):
    desk.at.go("2026-11-16T09:10:01")
    assert breach() == 1
    assert breach() == 0
    events = list(db.session.scalars(select(EventRow).where(EventRow.type == "sla_breached")))
    assert [e.data["target"] for e in events] == ["first_response"]
    assert events[0].reason.startswith("Standard policy")
    late = clocks(desk)["first_response"]
    assert (late.state, late.breached_at) == ("breached", vn("2026-11-16T09:10"))
    assert ticket(desk).sla_due_at == vn("2026-11-16T09:10")
    desk.at.go("2026-11-16T09:30")
    answer(desk, "open")
    late = clocks(desk)["first_response"]
    assert (late.state, late.used_s, late.stopped_at) == ("breached", 1800, vn("2026-11-16T09:30"))
    assert ticket(desk).sla_target == "resolution"
    assert len(list(db.session.scalars(select(EventRow).where(EventRow.type == "sla_breached")))) == 1


def test_an_answer_after_the_time_is_late_even_before_the_clock_looked(desk):
    desk.at.go("2026-11-16T09:20")
    answer(desk, "open")
    assert clocks(desk)["first_response"].state == "breached"
    assert breach() == 0


def test_solving_without_a_word_meets_nothing(desk):
    desk.at.go("2026-11-16T09:05")
    act(desk, tickets.set_status, "solved")
    found = clocks(desk)
    assert found["first_response"].state == "cancelled"
    assert found["first_response"].reason.endswith("Solved without a reply.")
    assert found["resolution"].state == "met"


def test_spam_promises_nothing_and_what_comes_back_is_owed_the_rest(desk):
    desk.at.go("2026-11-16T09:04")
    act(desk, tickets.move, "spam")
    assert {c.state for c in clocks(desk).values()} == {"cancelled"}
    assert ticket(desk).sla_due_at is None
    desk.at.go("2026-11-16T15:00")
    assert breach() == 0
    act(desk, tickets.move, "inbox")
    found = clocks(desk)
    assert {c.state for c in found.values()} == {"running"}
    assert found["first_response"].due_at == vn("2026-11-16T15:06")
    assert not found["first_response"].reason.endswith("Put away.")


def test_a_merged_ticket_stops_and_undo_goes_on(desk):
    for undone, state in ((False, "cancelled"), (True, "running")):
        with unit_of_work() as work:
            work.record(TicketsMerged(ticket_id=desk.ticket_id, into=99, undone=undone))
        assert {c.state for c in clocks(desk).values()} == {state}


def test_priority_and_team_change_the_promise(desk):
    desk.at.go("2026-11-16T09:05")
    act(desk, tickets.set_priority, "urgent")
    found = clocks(desk)
    assert (found["resolution"].minutes, found["resolution"].due_at) == (240, vn("2026-11-16T14:00"))
    assert "for urgent tickets" in found["resolution"].reason
    with unit_of_work() as work:
        target = SlaTarget(target="first_response", minutes=5, channel_kind="", priority="")
        gold = SlaPolicy(name="Gold", targets=[target])
        work.session.add(gold)
        work.session.flush()
        team = Team(name="VIP", sla_policy_id=gold.id)
        work.session.add(team)
        work.session.flush()
        team_id = team.id
    act(desk, tickets.set_team, team_id)
    found = clocks(desk)
    assert found["first_response"].due_at == vn("2026-11-16T09:05")
    assert found["first_response"].reason.startswith("Gold policy")
    assert found["resolution"].state == "cancelled"


def test_a_changed_policy_is_recomputed_by_the_workers(desk, drain):
    with unit_of_work() as work:
        target = work.session.scalars(
            select(SlaTarget).where(SlaTarget.target == "first_response", SlaTarget.channel_kind == "widget")
        ).one()
        target.minutes = 20
        sla.policy_changed(work)
    drain("reactions")
    assert clocks(desk)["first_response"].due_at == vn("2026-11-16T09:20")


def test_nothing_is_promised_to_history_machines_or_ourselves(make, at):
    with unit_of_work() as work:
        sla.ensure_defaults(work)
    channel = make.channel("widget")
    robot = make.inbound(channel, "I am out of office", sender=Address("widget", "robot"), auto="auto-reply")
    customer = make.customer("Old")
    with unit_of_work() as work:
        old = opening.open_ticket(
            work,
            customer=customer,
            subject="Old",
            channel_id=channel.id,
            identity_id=None,
            history=True,
            status="solved",
        )
    assert list(db.session.scalars(select(SlaClock).where(SlaClock.ticket_id.in_([robot.ticket_id, old.id])))) == []


def test_a_person_after_a_machine_starts_the_promise(make, at):
    with unit_of_work() as work:
        sla.ensure_defaults(work)
    channel = make.channel("widget")
    first = make.inbound(channel, "I am out of office", sender=LAN, auto="auto-reply")
    at.go("2026-11-16T11:00")
    second = make.inbound(channel, "Now really: where is my order?", sender=LAN)
    assert first.ticket_id == second.ticket_id
    started = db.session.scalars(select(SlaClock.started_at).where(SlaClock.target == "first_response")).one()
    assert started == vn("2026-11-16T11:00")


def test_out_of_hours_the_promise_begins_in_the_morning(make, at):
    with unit_of_work() as work:
        sla.ensure_defaults(work)
    at.go("2026-11-14T20:00")  # Saturday evening
    outcome = make.inbound(make.channel("widget"), "Are you there on Sunday?", sender=LAN)
    row = db.session.get_one(Ticket, outcome.ticket_id)
    assert row.sla_due_at == vn("2026-11-16T08:10")


def test_a_taken_call_is_an_answer_and_a_missed_one_waits_for_one(make, at):
    with unit_of_work() as work:
        sla.ensure_defaults(work)
    channel = make.channel("phone")
    states = {}
    for number, outcome in (("+84901000001", "answered"), ("+84901000002", "missed")):
        call = {"direction": "in", "outcome": outcome}
        got = make.inbound(channel, "Asked about the teapot", sender=Address("phone", number), kind="call", call=call)
        theirs = SlaClock.ticket_id == got.ticket_id
        statement = select(SlaClock.state).where(theirs, SlaClock.target == "first_response")
        states[outcome] = db.session.scalars(statement).one()
    assert states == {"answered": "met", "missed": "running"}


def test_the_most_specific_target_wins_then_the_stricter(desk):
    with unit_of_work() as work:
        policy = work.session.scalars(select(SlaPolicy)).one()
        policy.targets.append(SlaTarget(target="first_response", channel_kind="", priority="urgent", minutes=5))
        work.session.flush()
        row = work.session.get_one(Ticket, desk.ticket_id)
        assert promises(work.session, row)["first_response"].minutes == 10
        row.priority = "urgent"
        assert promises(work.session, row)["first_response"].minutes == 5
        policy.active = False
        work.session.flush()
        assert promises(work.session, row) == {}


def test_without_hours_time_runs_day_and_night(desk):
    with unit_of_work() as work:
        for hours in work.session.scalars(select(BusinessHours)):
            hours.is_default = False
        work.session.flush()
        promise = promises(work.session, work.session.get_one(Ticket, desk.ticket_id))["resolution"]
    assert promise.calendar.add(vn("2026-11-14T20:00"), 60) == vn("2026-11-14T21:00")
    assert "day and night" in promise.reason
    assert [spell(m) for m in (1, 60, 90, 121)] == ["1 minute", "1 hour", "1 hour 30 minutes", "2 hours 1 minute"]


def test_defaults_are_put_in_once_and_every_reason_has_a_touchpoint(desk):
    with unit_of_work() as work:
        sla.ensure_defaults(work)
    reasons = list(db.session.scalars(select(ContactReason)))
    touchpoints = set(db.session.scalars(select(Touchpoint.id)))
    assert len(reasons) == 13
    assert {r.touchpoint_id for r in reasons} <= touchpoints
    assert all(r.name_vi for r in reasons)
    assert len(list(db.session.scalars(select(SlaPolicy)))) == 1
    hours = db.session.scalars(select(BusinessHours)).one()
    assert (hours.holiday_country, hours.week["sat"]) == ("VN", [["08:00", "12:00"]])


def test_chips_of_many_tickets_are_one_query(desk):
    other = desk.make.inbound(desk.channel, "Another matter entirely", sender=Address("widget", "minh"))
    found = sla.chips(db.session(), [desk.ticket_id, other.ticket_id])
    assert {k: [c.target for c in v] for k, v in found.items()} == {
        desk.ticket_id: ["first_response", "resolution"],
        other.ticket_id: ["first_response", "resolution"],
    }
    assert sla.chips(db.session(), []) == {}
    assert timedelta(seconds=found[desk.ticket_id][0].left_s) == timedelta(minutes=10)
