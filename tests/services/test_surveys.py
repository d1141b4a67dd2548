"""Asking and answering: who is asked, when, where; what is recorded, once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from sqlalchemy import select

from connectors.contract import Address, InboundRating, PermanentFailure
from helpdesk import access
from helpdesk.errors import Expired, Invalid, NotFound
from helpdesk.extensions import db
from helpdesk.models import (
    Channel,
    Customer,
    Delivery,
    EventRow,
    FollowUpTask,
    Identity,
    Invitation,
    Message,
    OutboxRow,
    Reach,
    Response,
    Ticket,
)
from helpdesk.services import deliveries, identities, replies, surveys, tickets
from helpdesk.services import settings as desk_settings
from helpdesk.unit_of_work import unit_of_work

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
LAN = Address("widget", "visitor-lan", name="Lan Anh")


def vn(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZONE).astimezone(UTC)


@pytest.fixture
def at() -> Iterator[Any]:
    with time_machine.travel(vn("2026-11-23T09:00"), tick=False) as traveller:
        yield SimpleNamespace(go=lambda text: traveller.move_to(vn(text)))


@pytest.fixture
def desk(make: Any, at: Any) -> Any:
    """A widget customer's ticket, an agent who answers, an admin; surveys leave an hour after solving."""
    with unit_of_work() as work:
        desk_settings.put(work, "public_url", "https://desk.example")
    channel = make.channel("widget")
    viewer = make.viewer("agent")
    outcome = make.inbound(channel, "Where is my order DG-1?", sender=LAN)
    return SimpleNamespace(channel=channel, viewer=viewer, ticket_id=outcome.ticket_id, make=make, at=at)


def act(desk: Any, verb: Any, *values: Any, ticket_id: int | None = None) -> Any:
    with unit_of_work(actor=desk.viewer.actor) as work:
        found = access.ticket_by_id(work.session, desk.viewer, ticket_id or desk.ticket_id, lock=True)
        return verb(work, desk.viewer, found, *values)


def solve(desk: Any, ticket_id: int | None = None) -> None:
    act(desk, replies.reply, replies.Written(text="It arrives today.", then="solve"), ticket_id=ticket_id)


def invitations(ticket_id: int | None = None) -> list[Invitation]:
    db.session.rollback()
    statement = select(Invitation).order_by(Invitation.id)
    return list(db.session.scalars(statement.where(Invitation.ticket_id == ticket_id) if ticket_id else statement))


def one() -> Invitation:
    return invitations()[0]


def asked(desk: Any, drain: Any) -> Invitation:
    solve(desk)
    desk.at.go("2026-11-23T10:00")
    drain("surveys")
    return one()


def record(*values: Any, **named: Any) -> Response:
    with unit_of_work(actor="customer") as work:
        return surveys.record(work, *values, **named)


# --- who is asked, and when ----------------------------------------------------------------------------------


def test_solving_plans_one_invitation_with_the_credit_frozen(desk, drain):
    team = desk.make.team("Orders")
    with unit_of_work() as work:
        work.session.get_one(Ticket, desk.ticket_id).set_team(team)
    desk.viewer = desk.make.viewer("agent", teams=[team])
    solve(desk)
    row = one()
    assert (row.state, row.agent_id, row.team_id) == ("scheduled", desk.viewer.agent_id, team)
    assert row.due_at == vn("2026-11-23T10:00")
    act(desk, tickets.assign, None)
    assert drain("surveys") == 0  # not due yet
    desk.at.go("2026-11-23T10:00")
    drain("surveys")
    response = record(one(), 5)
    assert (response.agent_id, response.team_id) == (desk.viewer.agent_id, team)


def test_it_leaves_when_due_on_the_customers_own_channel_exactly_once(desk, drain):
    row = asked(desk, drain)
    assert row.state == "sent"
    assert row.sent_at == vn("2026-11-23T10:00")
    message = db.session.get_one(Message, row.message_id)
    assert (message.kind, message.automatic, message.channel_id) == ("survey", True, desk.channel.id)
    assert "Where is my order DG-1?" in message.text
    assert row.token not in message.text  # an agent must not be able to rate with it
    with unit_of_work() as work:
        assert surveys.send(work, row.id) == "sent"
    assert len(list(db.session.scalars(select(Message).where(Message.kind == "survey")))) == 1
    assert db.session.scalars(select(EventRow).where(EventRow.type == "survey_sent")).one().message_id == message.id
    assert db.session.get_one(Ticket, desk.ticket_id).status == "solved"


def test_reopened_before_it_is_due_asks_nobody_and_thanks_do_not_count(desk, drain):
    solve(desk)
    desk.make.inbound(desk.channel, "Dạ ok, cảm ơn shop ạ", sender=LAN)
    assert one().state == "scheduled"
    desk.make.inbound(desk.channel, "No wait, it is the wrong colour", sender=LAN)
    assert (one().state, one().reason) == ("cancelled", "The ticket was reopened.")
    desk.at.go("2026-11-23T12:00")
    drain("surveys")
    assert db.session.scalar(select(Message.id).where(Message.kind == "survey")) is None


@pytest.mark.parametrize("where", ["spam", "trash"])
def test_spam_and_trash_are_not_asked(desk, drain, where):
    solve(desk)
    act(desk, tickets.move, where)
    assert one().state == "cancelled"


def test_history_and_machines_are_not_asked(desk, drain):
    robot = desk.make.inbound(desk.channel, "Out of office", sender=Address("widget", "robot"), auto="auto-reply")
    act(desk, tickets.set_status, "solved", ticket_id=robot.ticket_id)
    assert invitations(robot.ticket_id) == []
    with unit_of_work() as work:
        work.session.get_one(Ticket, desk.ticket_id).history = True
    solve(desk)
    assert invitations() == []


def test_switched_off_asks_nobody(desk, drain):
    solve(desk)
    with unit_of_work() as work:
        desk_settings.put(work, "survey.csat.enabled", False)
    desk.at.go("2026-11-23T10:00")
    drain("surveys")
    assert (one().state, one().reason) == ("skipped", "Surveys are switched off.")


def test_nobody_is_asked_when_our_answer_did_not_arrive(desk, drain):
    solve(desk)
    with unit_of_work() as work:
        for delivery in work.session.scalars(select(Delivery)):
            delivery.state = "failed"
    desk.at.go("2026-11-23T10:00")
    drain("surveys")
    assert (one().state, one().reason) == ("skipped", "Our last message did not arrive.")


def test_quiet_hours_move_it_to_the_morning_of_the_customer(desk, drain):
    desk.at.go("2026-11-23T20:30")
    solve(desk)
    assert one().due_at == vn("2026-11-24T08:00")
    other = desk.make.inbound(desk.channel, "Is the red one in stock?", sender=Address("widget", "tokyo"))
    with unit_of_work() as work:
        ticket = work.session.get_one(Ticket, other.ticket_id)
        ticket.customer.timezone = "Europe/Berlin"
    solve(desk, other.ticket_id)
    assert invitations(other.ticket_id)[0].due_at == vn("2026-11-23T21:30")  # half past three in the afternoon there


def test_a_worker_that_slept_into_the_night_waits_for_the_morning(desk, drain):
    solve(desk)
    desk.at.go("2026-11-23T23:00")
    drain("surveys")
    assert (one().state, one().due_at) == ("scheduled", vn("2026-11-24T08:00"))
    desk.at.go("2026-11-24T08:00")
    drain("surveys")
    assert one().state == "sent"


def test_a_person_is_asked_once_in_two_weeks_also_after_a_merge(desk, drain):
    asked(desk, drain)
    other = desk.make.inbound(desk.channel, "Is the red one in stock?", sender=Address("widget", "lan-phone"))
    with unit_of_work() as work:
        first = work.session.get_one(Ticket, desk.ticket_id).customer
        second = work.session.get_one(Ticket, other.ticket_id).customer
        first.merged_into_id = second.id
    solve(desk, other.ticket_id)
    desk.at.go("2026-11-23T15:00")
    drain("surveys")
    row = invitations(other.ticket_id)[0]
    assert (row.state, row.reason) == ("skipped", "They were asked within the last 14 days.")
    desk.at.go("2026-12-08T10:00")
    desk.make.inbound(desk.channel, "And the blue one, do you have it?", sender=Address("widget", "lan-phone"))
    solve(desk, other.ticket_id)
    desk.at.go("2026-12-08T15:00")
    drain("surveys")
    assert [i.state for i in invitations(other.ticket_id)] == ["skipped", "sent"]


def test_who_opted_out_is_not_asked(desk, drain):
    solve(desk)
    with unit_of_work() as work:
        assert surveys.opt_out(work, one().token) is not None
        assert surveys.opt_out(work, "made up") is None
    desk.at.go("2026-11-23T10:00")
    drain("surveys")
    assert one().state == "skipped"


# --- where ---------------------------------------------------------------------------------------------------


@pytest.fixture
def caller(desk: Any) -> Any:
    """A phone customer's solved ticket."""
    phone = desk.make.channel("phone")
    call = {"direction": "in", "outcome": "answered"}
    number = Address("phone", "+84901000001")
    got = desk.make.inbound(phone, "Asked about delivery", sender=number, kind="call", call=call)
    act(desk, tickets.set_status, "solved", ticket_id=got.ticket_id)
    return SimpleNamespace(ticket_id=got.ticket_id)


def test_a_phone_customer_without_another_channel_is_asked_by_an_agent(desk, caller, drain):
    desk.at.go("2026-11-23T10:00")
    drain("surveys")
    row = invitations(caller.ticket_id)[0]
    assert row.state == "asked"
    assert surveys.to_ask(db.session(), caller.ticket_id).id == row.id
    response = act(desk, surveys.record_asked, 4, ticket_id=caller.ticket_id)
    assert (response.score, response.via) == (4, "agent")
    assert surveys.to_ask(db.session(), caller.ticket_id) is None
    with pytest.raises(NotFound):
        act(desk, surveys.record_asked, 5, ticket_id=caller.ticket_id)


def test_a_phone_customer_is_asked_on_their_best_other_identity(desk, caller, drain):
    with unit_of_work() as work:
        customer = work.session.get_one(Ticket, caller.ticket_id).customer
        chat = work.session.scalars(select(Identity).where(Identity.value == "visitor-lan")).one()
        chat.customer_id = customer.id
    desk.at.go("2026-11-23T10:00")
    drain("surveys")
    row = invitations(caller.ticket_id)[0]
    assert (row.state, row.channel_id) == ("sent", desk.channel.id)
    assert db.session.get_one(Message, row.message_id).reason == "Solved: asked on their best other channel."


def test_an_identity_that_cannot_be_reached_is_not_used(desk, drain):
    solve(desk)
    with unit_of_work() as work:
        for row in work.session.scalars(select(Reach)):
            identities.set_state(work, row, work.session.get_one(Identity, row.identity_id), "blocked", "They left.")
    desk.at.go("2026-11-23T10:00")
    drain("surveys")
    assert one().state == "asked"


def test_mail_gets_links_that_preselect_and_a_way_out(desk, drain, app):
    mail = desk.make.channel(
        "email",
        config={"address": "shop@desk.example", "imap_host": "127.0.0.1", "smtp_host": "127.0.0.1"},
    )
    got = desk.make.inbound(mail, "Where is my order?", sender=Address("email", "lan@example.com"), subject="Order")
    with unit_of_work() as work:
        customer = work.session.get_one(Ticket, got.ticket_id).customer
        customer.locale = "vi"
    act(desk, tickets.set_status, "solved", ticket_id=got.ticket_id)
    desk.at.go("2026-11-23T10:00")
    drain("surveys")
    row = invitations(got.ticket_id)[0]
    delivery = db.session.scalars(select(Delivery).where(Delivery.message_id == row.message_id)).one()
    _connector, outbound = deliveries.compose(db.session(), delivery.id)
    url = f"https://desk.example/s/{row.token}"
    assert (outbound.survey.token, outbound.survey.url) == (row.token, url)
    assert [score for score, _ in outbound.survey.choices] == [5, 4, 3, 2, 1]
    assert all(f"{url}?score={n}" in outbound.text and f"{url}?score={n}" in outbound.html for n in range(1, 6))
    assert outbound.unsubscribe_url == f"https://desk.example/u/{row.token}"
    assert outbound.automatic


def test_a_survey_that_did_not_arrive_is_not_counted_as_asked(desk, drain):
    row = asked(desk, drain)
    with unit_of_work() as work:
        delivery = work.session.scalars(select(Delivery).where(Delivery.message_id == row.message_id)).one()
        deliveries._give_up(work, delivery, PermanentFailure("No such user."))
    assert (one().state, one().reason) == ("failed", "No such user.")


# --- what is recorded ----------------------------------------------------------------------------------------


def test_an_answer_is_recorded_once_and_may_change_for_a_day(desk, drain):
    row = asked(desk, drain)
    first = record(row.token, 5, comment="Great!")
    desk.at.go("2026-11-24T09:00")
    second = record(row.token, "3", ["price", "slow"], "Hm, rather not.")
    assert first.id == second.id
    stored = db.session.scalars(select(Response)).one()
    assert (stored.score, stored.reason_code, stored.comment) == (3, "slow,price", "Hm, rather not.")
    assert stored.via == "page"
    events = db.session.scalars(select(EventRow).where(EventRow.type == "survey_answered").order_by(EventRow.seq))
    assert [e.data["changed"] for e in events] == [False, True]
    desk.at.go("2026-11-24T10:01")
    with pytest.raises(Expired):
        record(row.token, 1)


def test_reasons_belong_to_low_answers_only(desk, drain):
    row = asked(desk, drain)
    assert record(row, 2, "attitude").reason_code == "attitude"
    assert record(row, 4).reason_code == ""


@pytest.mark.parametrize(
    ("score", "reason", "field"),
    [(0, "", "score"), (6, "", "score"), ("x", "", "score"), (None, "", "score"), (1, "rude", "reason")],
)
def test_what_is_not_on_the_list_is_refused_by_name(desk, drain, score, reason, field):
    row = asked(desk, drain)
    with pytest.raises(Invalid) as error:
        record(row, score, reason)
    assert list(error.value.fields) == [field]
    assert db.session.scalar(select(Response.id)) is None


def test_forged_expired_and_called_off_are_refused(desk, drain):
    row = asked(desk, drain)
    for token in ("", "x", row.token[:-1], row.token + "x", "x" * 4000):
        with pytest.raises(Expired):
            record(token, 5)
    desk.at.go("2026-12-24T10:00")
    with pytest.raises(Expired):
        record(row.token, 5)
    with unit_of_work() as work:
        assert surveys.expire(work) == 1
    assert one().state == "expired"


def test_a_low_rating_opens_one_task_with_owner_and_time_and_does_not_reopen(desk, drain):
    row = asked(desk, drain)
    record(row, 1, "slow", "Nobody told me the date")
    record(row, 2)
    task = db.session.scalars(select(FollowUpTask)).one()
    assert (task.kind, task.agent_id, task.ticket_id) == ("recovery", desk.viewer.agent_id, desk.ticket_id)
    assert task.due_at > vn("2026-11-23T10:00")
    assert task.reason == "The customer rated 2 of 5."
    assert db.session.get_one(Ticket, desk.ticket_id).status == "solved"
    record(row, 5)
    db.session.rollback()
    assert db.session.scalars(select(FollowUpTask.done_at)).one() is not None


# --- native buttons ------------------------------------------------------------------------------------------


def tap(channel: Channel, token: str, sender: Address = LAN, **values: Any) -> Response | None:
    with unit_of_work(actor="customer") as work:
        rating = InboundRating(values.pop("external_id", "tap-1"), sender, token, **values)
        return surveys.record_rating(work, rating, work.session.merge(channel))


def test_a_button_records_and_then_says_why(desk, drain):
    row = asked(desk, drain)
    assert tap(desk.channel, row.token, score=2).score == 2
    assert surveys.settle_words(db.session(), row.token, 1)[1][0][0] == "slow"
    response = tap(desk.channel, row.token, reason="price")
    assert (response.score, response.reason_code, response.via) == (2, "price", "widget")
    words, why = surveys.settle_words(db.session(), row.token, response.id)
    assert words.startswith("Poor.") and why == []


def test_somebody_elses_button_records_nothing(desk, drain):
    row = asked(desk, drain)
    desk.make.inbound(desk.channel, "Hello from somebody else", sender=Address("widget", "minh"))
    assert tap(desk.channel, row.token, Address("widget", "minh"), score=1) is None
    assert tap(desk.channel, row.token, Address("widget", "unknown"), score=1) is None
    assert tap(desk.channel, "forged", score=1) is None
    assert db.session.scalar(select(Response.id)) is None


def test_a_tap_on_telegram_is_thanked_by_a_worker_after_the_commit(desk, drain):
    bot = desk.make.channel("telegram", config={"token": "123:abc"})
    person = Address("telegram", "77")
    desk.make.inbound(bot, "Do you ship to Huế?", sender=person)
    row = asked(desk, drain)
    with unit_of_work() as work:
        lan = work.session.get_one(Ticket, desk.ticket_id).customer
        work.session.scalars(select(Identity).where(Identity.value == "77")).one().customer_id = lan.id
    response = tap(bot, row.token, person, score=5, callback_id="q1:77:5")
    task = db.session.scalars(select(OutboxRow).where(OutboxRow.kind == "settle")).one()
    assert (task.drain, task.payload["callback_id"], task.payload["response_id"]) == ("surveys", "q1:77:5", response.id)


def test_answers_are_found_for_thread_and_profile(desk, drain):
    row = asked(desk, drain)
    response = record(row, 4)
    stored = db.session.get_one(Response, response.id)
    assert surveys.answers(db.session(), [row.message_id]) == {row.message_id: stored}
    customer_id = db.session.scalars(select(Customer.id)).first()
    assert surveys.ratings_of(db.session(), customer_id) == [(vn("2026-11-23T10:00"), 4)]
