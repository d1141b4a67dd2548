"""Replies that wait: sent at their hour or stopped, approved or returned, never twice and never unseen."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from connectors.contract import Address
from helpdesk.access import Viewer, viewer_of
from helpdesk.errors import Conflict, Forbidden, Invalid, NewerMessages
from helpdesk.extensions import db
from helpdesk.models import Agent, Channel, Draft, HeldReply, Identity, Message, Notice, OutboxRow, Ticket
from helpdesk.services import fields, held, notice_words, replies, tickets
from helpdesk.services.written import Written
from helpdesk.unit_of_work import unit_of_work

LAN = Address("widget", "v-lan", name="Lan Anh")


@pytest.fixture
def linh(make: Any) -> Viewer:
    return viewer_of(make.agent("agent", name="Trần Linh"))


@pytest.fixture
def chat(make: Any) -> Any:
    channel = make.channel("widget")
    make.inbound(channel, "When do you open tomorrow?", sender=LAN)
    return channel


def the_ticket(session: Any) -> Ticket:
    return session.scalars(select(Ticket).where(Ticket.number == 1001)).one()  # type: ignore[no-any-return]


def hold(viewer: Viewer, text: str = "At nine.", why: str = "later", hours: float | None = 2, **values: Any) -> int:
    with unit_of_work(actor=viewer.actor) as work:
        at = work.now + timedelta(hours=hours) if hours is not None else None
        written = Written(text=text, seen_seq=the_ticket(work.session).seq, **values)
        return held.hold(work, viewer, the_ticket(work.session), written, why=why, send_at=at).id


def row(held_id: int) -> HeldReply:
    db.session.rollback()
    db.session.expire_all()
    return db.session.get_one(HeldReply, held_id)


def sent() -> list[str]:
    db.session.rollback()
    return list(db.session.scalars(select(Message.text).where(Message.direction == "out").order_by(Message.id)))


def hour_has_come(drain: Any) -> None:
    """Everything that waits for a time is due now; the workers do it."""
    past = datetime.now(UTC) - timedelta(seconds=5)
    with unit_of_work() as work:
        work.session.execute(update(OutboxRow).where(OutboxRow.kind == "held_reply_due").values(run_at=past))
        work.session.execute(update(HeldReply).values(send_at=past))
    drain("reactions")


def test_it_goes_out_at_its_hour_once(chat: Any, linh: Viewer, drain: Any) -> None:
    held_id = hold(linh, then="solve")
    drain("reactions")
    assert sent() == [] and row(held_id).state == "waiting"
    hour_has_come(drain)
    hour_has_come(drain)
    assert sent() == ["At nine."]
    assert row(held_id).state == "sent" and the_ticket(db.session).status == "solved"
    message = db.session.get_one(Message, row(held_id).message_id)
    assert message.agent_id == linh.agent_id


def test_it_stops_when_the_customer_wrote_meanwhile(chat: Any, linh: Viewer, drain: Any, make: Any) -> None:
    held_id = hold(linh)
    make.inbound(chat, "Never mind, I saw it on the door", sender=LAN)
    hour_has_come(drain)
    found = row(held_id)
    assert (sent(), found.state, found.note) == ([], "stopped", "Somebody wrote since it was written.")
    with unit_of_work(actor=linh.actor) as work:  # she looks, and sends it all the same
        held.send_now(work, linh, held_id, the_ticket(work.session).seq)
    assert sent() == ["At nine."]


def test_it_is_taken_back_changed_or_dropped(chat: Any, linh: Viewer, drain: Any, make: Any) -> None:
    minh = viewer_of(make.agent("agent", name="Minh"))
    held_id = hold(linh)
    with pytest.raises(Forbidden), unit_of_work() as work:
        held.take_back(work, minh, held_id)
    with pytest.raises(Forbidden), unit_of_work() as work:
        held.send_now(work, minh, held_id, None)
    with unit_of_work(actor=linh.actor) as work:
        held.take_back(work, linh, held_id)
    assert db.session.scalars(select(Draft.text)).one() == "At nine."
    other = hold(linh, "At ten.")
    with unit_of_work(actor=minh.actor) as work:  # a colleague may stop what must not go
        held.drop(work, minh, other)
    hour_has_come(drain)
    assert sent() == [] and [row(i).state for i in (held_id, other)] == ["dropped", "dropped"]


def test_the_same_click_twice_is_one(chat: Any, linh: Viewer) -> None:
    assert hold(linh, client_msg_id="a") == hold(linh, client_msg_id="a") != hold(linh, client_msg_id="b")


@pytest.mark.parametrize("hours", [-1, 24 * 400])
def test_its_hour_lies_in_the_future_and_not_too_far(hours: int, chat: Any, linh: Viewer) -> None:
    with pytest.raises(Invalid):
        hold(linh, hours=hours)


def test_a_newcomer_is_approved_or_told_what_to_change(chat: Any, make: Any) -> None:
    agent = make.agent("agent", name="Newcomer", needs_approval=True)
    newcomer, boss = viewer_of(agent), viewer_of(make.agent("supervisor", name="Boss"))
    mate = viewer_of(make.agent("agent", name="Mate"))
    with pytest.raises(Forbidden), unit_of_work() as work:  # no way around it
        replies.reply(work, newcomer, the_ticket(work.session), Written(text="Hey"))
    first = hold(newcomer, "Hey, we open at 9", why="review", hours=None)
    for viewer in (newcomer, mate):
        with pytest.raises(Forbidden), unit_of_work() as work:
            held.approve(work, viewer, first, None)
    assert [r.id for r, _ticket in held.to_review(db.session(), boss)] == [first]
    with pytest.raises(Invalid), unit_of_work() as work:
        held.send_back(work, boss, first, " ")
    with unit_of_work(actor=boss.actor) as work:
        held.send_back(work, boss, first, "Greet her by name, please.")
    assert (row(first).state, row(first).note) == ("returned", "Greet her by name, please.")
    second = hold(newcomer, "Dear Lan Anh, we open at 9.", why="review", hours=None)
    with unit_of_work(actor=boss.actor) as work:
        held.approve(work, boss, second, the_ticket(work.session).seq)
    assert sent() == ["Dear Lan Anh, we open at 9."]
    assert db.session.get_one(Message, row(second).message_id).agent_id == newcomer.agent_id
    with pytest.raises(Conflict), unit_of_work() as work:
        held.approve(work, boss, second, None)


def told(agent_id: int) -> list[tuple[str, str, bool]]:
    """Kind, state and whether it is read, of each notice of an agent, oldest first."""
    db.session.rollback()
    db.session.expire_all()
    found = db.session.scalars(select(Notice).where(Notice.agent_id == agent_id).order_by(Notice.id))
    return [(n.kind, str(n.data.get("state")), n.read_at is not None) for n in found]


def test_reviewers_are_told_and_the_author_hears_what_became_of_it(chat: Any, make: Any, drain: Any) -> None:
    newcomer = viewer_of(make.agent("agent", name="Newcomer", needs_approval=True))
    boss, other = viewer_of(make.agent("supervisor", name="Boss")), viewer_of(make.agent("admin"))
    mate, outside = viewer_of(make.agent("agent")), make.team()
    first = hold(newcomer, why="review", hours=None)
    assert (told(boss.agent_id), told(other.agent_id)) == ([("approval", "waiting", False)],) * 2
    assert told(mate.agent_id) == told(newcomer.agent_id) == []
    with unit_of_work(actor=boss.actor) as work:
        held.send_back(work, boss, first, "Greet her.")
    assert told(other.agent_id) == [("approval", "waiting", True)], "asked no longer"
    assert told(newcomer.agent_id) == [("approval", "returned", False)]
    notice = db.session.scalars(select(Notice).where(Notice.agent_id == newcomer.agent_id)).one()
    assert notice_words.tell(db.session, newcomer, [notice])[0].title == "Boss returned your reply with what to change"
    lead = make.agent("supervisor", name="Lead", leads=[outside])
    with unit_of_work() as work:
        tickets.set_team(work, None, the_ticket(work.session), outside)
        tickets.assign(work, None, the_ticket(work.session), newcomer.agent_id)
    hold(newcomer, "Dear Lan", why="review", hours=None)
    assert told(lead.id) == [("approval", "waiting", False)]
    assert len(told(other.agent_id)) == 1, "whoever leads the team is asked"


def test_the_author_is_told_when_it_stopped_at_its_hour(chat: Any, linh: Viewer, drain: Any, make: Any) -> None:
    hold(linh)
    make.inbound(chat, "Never mind", sender=LAN)
    hour_has_come(drain)
    assert told(linh.agent_id) == [("failed", "stopped", False)]
    notice = db.session.scalars(select(Notice)).one()
    assert notice_words.tell(db.session, linh, [notice])[0].title == "Your reply was not sent at its hour"


def test_a_newcomers_new_conversation_waits_for_approval(make: Any) -> None:
    make.channel("email", name="Mail", config={"address": "hello@shop.example", "smtp_host": "127.0.0.1"})
    agent, boss = make.agent("agent", name="Newcomer", needs_approval=True), viewer_of(make.agent("admin"))
    customer = make.customer("Lan Anh", email="lan@customer.example")
    form = {
        "customer": customer.id,
        "way": "",
        "subject": "Your order",
        "text": "It leaves today.",
        "client_msg_id": "n1",
    }
    form["way"] = f"{db.session.scalars(select(Channel.id)).one()}:{db.session.scalars(select(Identity.id)).one()}"
    client = make.client(agent)
    pages = [client.post("/new/message", data=form) for _ in range(2)]  # a double click
    assert [p.status_code for p in pages] == [303, 303] and pages[0].location == pages[1].location
    [(waiting, ticket)] = held.to_review(db.session(), boss)
    assert (ticket.subject, ticket.assignee_id, ticket.message_count, sent()) == ("Your order", agent.id, 0, [])
    assert "Your order" in client.get(pages[0].location).text
    with unit_of_work(actor=boss.actor) as work:
        held.approve(work, boss, waiting.id, ticket.seq)
    message = db.session.scalars(select(Message)).one()
    assert (message.text, message.subject, message.agent_id) == ("It leaves today.", "Your order", agent.id)


def test_who_approves_is_stopped_by_what_is_new(chat: Any, make: Any) -> None:
    newcomer = viewer_of(make.agent("agent", needs_approval=True))
    boss = viewer_of(make.agent("supervisor"))
    held_id = hold(newcomer, "We open at 9.", why="review", hours=None)
    seen = row(held_id).seen_seq
    make.inbound(chat, "I meant on Sunday", sender=LAN)
    with pytest.raises(NewerMessages), unit_of_work() as work:
        held.approve(work, boss, held_id, seen)
    assert sent() == [] and row(held_id).state == "waiting"


def test_an_approved_one_with_an_hour_waits_for_it(chat: Any, make: Any, drain: Any) -> None:
    newcomer = viewer_of(make.agent("agent", needs_approval=True))
    boss = viewer_of(make.agent("supervisor"))
    held_id = hold(newcomer, "Tomorrow at 9.", why="review", hours=5)
    with unit_of_work(actor=boss.actor) as work:
        held.approve(work, boss, held_id, None)
    assert sent() == [] and row(held_id).why == "later"
    hour_has_come(drain)
    assert sent() == ["Tomorrow at 9."]


def test_what_solving_needs_is_asked_while_its_author_is_there(chat: Any, linh: Viewer, make: Any) -> None:
    admin = viewer_of(make.agent("admin"))
    with unit_of_work(actor=admin.actor) as work:
        fields.save(work, admin, None, {"name": "Order", "kind": "text", "required": "1"})
    with pytest.raises(Invalid) as told:
        hold(linh, then="solve")
    assert set(told.value.fields) == {"field.order"}
    hold(linh)


def test_an_author_who_left_sends_nothing(chat: Any, linh: Viewer, drain: Any) -> None:
    held_id = hold(linh)
    with unit_of_work() as work:
        work.session.get_one(Agent, linh.agent_id).disabled_at = work.now
    hour_has_come(drain)
    assert sent() == [] and row(held_id).state == "stopped"
