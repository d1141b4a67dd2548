"""The sample is written in bulk; these tests hold it to what the real services write for the same story."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from connectors.contract import Address, Evidence, InboundMessage, Receipt
from helpdesk.access import viewer_of
from helpdesk.demo.asking import Said
from helpdesk.demo.desk import Desk
from helpdesk.demo.seed import _question
from helpdesk.models import (
    Agent,
    Delivery,
    EventRow,
    FollowUpTask,
    Invitation,
    Message,
    Reach,
    Response,
    SlaClock,
    Ticket,
)
from helpdesk.services import (
    calls,
    deliveries,
    desk_defaults,
    intake,
    marks,
    replies,
    sla,
    sla_rules,
    surveys,
    tasks,
    threading,
    tickets,
)
from helpdesk.services import settings as desk_settings
from helpdesk.services.outbox import Task
from helpdesk.unit_of_work import UnitOfWork, unit_of_work

START = datetime(2026, 10, 6, 2, 0, tzinfo=UTC)  # a Tuesday, 9:00 in Hà Nội
LAN = Address("email", "lan@mail.example", name="Lan Anh")
PHONE = Address("phone", "+84912000111", name="")
CALL = {"number": PHONE.value, "follow_up_at": "", "source": "manual"}

COLUMNS: dict[Any, tuple[str, ...]] = {
    SlaClock: ("ticket_id", "target", "turn", "minutes", "state", "started_at", "due_at", "soon_at", "breached_at",
               "stopped_at", "used_s", "pauses", "reason"),
    EventRow: ("type", "ticket_id", "customer_id", "message_id", "actor", "data", "reason", "created_at"),
    Ticket: ("number", "subject", "status", "priority", "shelf", "customer_id", "channel_id", "identity_id",
             "assignee_id", "team_id", "visible_team_id", "reason_id", "needs_reply", "waiting_since", "preview",
             "last_message_id", "last_author", "message_count", "language",
             "sla_due_at", "sla_soon_at", "sla_target", "first_response_at",
             "solved_at", "solved_by_id", "last_activity_at", "created_at"),
    Message: ("ticket_id", "kind", "direction", "public", "author_type", "agent_id", "customer_id", "channel_id",
              "identity_id", "subject", "text", "automatic", "courtesy", "reason", "call", "meta", "rfc822_id",
              "created_at"),
    Delivery: ("message_id", "state", "attempts", "error", "queued_at", "sent_at", "read_at"),
    Invitation: ("ticket_id", "customer_id", "channel_id", "identity_id", "message_id", "agent_id", "team_id",
                 "state", "reason", "solved_at", "due_at", "sent_at", "expires_at"),
    Response: ("ticket_id", "customer_id", "channel_id", "agent_id", "team_id", "score", "reason_code", "comment",
               "via", "created_at"),
    FollowUpTask: ("kind", "ticket_id", "agent_id", "due_at", "reason", "done_at"),
    Reach: ("identity_id", "channel_id", "state", "last_inbound_at", "last_outbound_at"),
}  # fmt: skip


@dataclass
class Stage:
    """The same shop for both: rows that exist before the story begins."""

    agent: Agent
    care: int
    reason: int
    mail: Any
    chat: Any
    line: Any


def minutes(number: float) -> datetime:
    return START + timedelta(minutes=number)


@pytest.fixture
def stage(app: Flask, make: Any) -> Stage:
    with unit_of_work() as work:
        desk_defaults.ensure_defaults(work)
        desk_settings.put(work, "public_url", "https://desk.example")
    care = make.team("Care")
    mail = {"address": "hello@shop.example", "smtp_host": "127.0.0.1", "smtp_port": 1}
    return Stage(
        agent=make.agent("agent", name="Trần Linh", teams=[care]),
        care=care,
        reason=1,
        mail=make.channel("email", config=mail),
        chat=make.channel("widget"),
        line=make.channel("phone"),
    )


# --- the story, told by the sample -------------------------------------------------------------------------------


def by_sample(app: Flask, stage: Stage, before: int) -> Desk:
    with unit_of_work() as work, work.session.no_autoflush:
        keyring = app.extensions["keyring"]

        def promises(ticket: Ticket) -> Any:
            return sla_rules.promises(work.session, ticket)

        desk = Desk(promises, lambda t, m: threading.message_id(keyring, t, m, "shop.example"), _question)
        desk.rows.first_seq = before
        desk.asking.channels = {c.id: c for c in (stage.mail, stage.chat, stage.line)}
        desk.asking.mood = lambda ticket, random: Said(2, "slow", "Too slow.", timedelta(minutes=30))
        for at, act in _sample_mail(desk, stage) + _sample_chat(desk, stage) + _sample_call(desk, stage):
            desk.later(at, act)
        desk.run(minutes(60 * 24 * 4))
        work.session.rollback()
    return desk


def _sample_mail(desk: Desk, s: Stage) -> list[tuple[datetime, Callable[[], Any]]]:
    kept: dict[str, Ticket] = {}

    def begin() -> None:
        kept["t"] = desk.begins(s.mail, LAN, "Hello,\n\nmy cup is broken.", "A broken cup", locale="en")

    def sort() -> None:
        desk.set_priority(kept["t"], s.agent, "high")
        desk.set_team(kept["t"], s.agent, s.care)
        desk.tag(kept["t"], s.agent, "breakage")
        desk.set_reason(kept["t"], s.agent, s.reason)

    def again(text: str) -> Callable[[], Any]:
        return lambda: desk.writes(kept["t"], s.mail, desk.identities[("email", "", LAN.value)], text)

    def answer(text: str, then: str) -> Callable[[], Any]:
        return lambda: desk.replies(kept["t"], s.agent, text, s.mail, then=then)

    return [
        (minutes(0), begin),
        (minutes(16), lambda: desk.notes(kept["t"], s.agent, "one left on shelf B4")),
        (minutes(60), answer("Would you like a new one?", "pending")),
        (minutes(150), again("Yes please, a new one.")),
        (minutes(170), sort),
        (minutes(171), answer("It left today.", "solved")),
        (minutes(60 * 24), again("It came, but it is broken again.")),
        (minutes(60 * 24 + 50), answer("Oh no. Another one is on its way.", "on_hold")),
        (minutes(60 * 48), lambda: desk.set_status(kept["t"], s.agent, "solved")),
    ]


def _sample_chat(desk: Desk, s: Stage) -> list[tuple[datetime, Callable[[], Any]]]:
    who = Address("widget", "v:trang", s.chat.key, name="Trang")
    kept: dict[str, Ticket] = {}

    def begin() -> None:
        kept["t"] = desk.begins(s.chat, who, "Which glaze is safe for the oven?", locale="en")

    def thank() -> None:
        desk.writes(kept["t"], s.chat, desk.identities[("widget", s.chat.key, "v:trang")], "Thanks!")

    return [
        (minutes(5), begin),
        (minutes(35), lambda: desk.replies(kept["t"], s.agent, "All of them.", s.chat)),
        (minutes(37), thank),
    ]


def _sample_call(desk: Desk, s: Stage) -> list[tuple[datetime, Callable[[], Any]]]:
    kept: dict[str, Ticket] = {}
    missed = {**CALL, "direction": "in", "outcome": "missed", "duration_s": 0}
    back = {**CALL, "direction": "out", "outcome": "answered", "duration_s": 90}

    def begin() -> None:
        kept["t"] = desk.called(s.line, PHONE, s.agent, missed, "They called: missed")

    return [
        (minutes(10), begin),
        (minutes(30), lambda: desk.called(s.line, PHONE, s.agent, back, "Wants four plates", ticket=kept["t"])),
        (minutes(45), lambda: desk.set_status(kept["t"], s.agent, "solved")),
    ]


# --- the same story, by the services -----------------------------------------------------------------------------


def by_services(stage: Stage) -> None:
    viewer = viewer_of(stage.agent)
    story: list[tuple[datetime, str, Callable[[UnitOfWork], Any]]] = []

    def at(number: float, act: Callable[[UnitOfWork], Any], actor: str = viewer.actor, s: float = 0) -> None:
        story.append((minutes(number) + timedelta(seconds=s), actor, act))

    def ticket(work: UnitOfWork, number: int) -> Ticket:
        return work.session.scalars(select(Ticket).where(Ticket.number == number)).one()

    def mail(text: str, n: int) -> Callable[[UnitOfWork], Any]:
        subject = "A broken cup" if n == 1 else "Re: A broken cup [#1001]"

        def act(work: UnitOfWork) -> None:
            message = InboundMessage(
                f"m{n}", LAN, text, reply_text=text, subject=subject, message_id=f"m{n}@mail.example", sent_at=work.now
            )
            if n > 1:
                ours = select(Message.rfc822_id).where(Message.direction == "out", Message.rfc822_id.is_not(None))
                ids = tuple(work.session.scalars(ours.order_by(Message.id.desc()).limit(1)))
                message = InboundMessage(**{**message.__dict__, "evidence": Evidence(in_reply_to=ids)})
            channel = work.session.get_one(type(stage.mail), stage.mail.id)
            intake.receive(work, channel, message)

        return act

    def chat(text: str, n: int) -> Callable[[UnitOfWork], Any]:
        who = Address("widget", "v:trang", stage.chat.key, name="Trang")

        def act(work: UnitOfWork) -> None:
            channel = work.session.get_one(type(stage.chat), stage.chat.id)
            intake.receive(work, channel, InboundMessage(f"c{n}", who, text, reply_text=text))

        return act

    def answer(number: int, text: str, then: str) -> Callable[[UnitOfWork], Any]:
        written = replies.Written(text=text, then="solve" if then == "solved" else "default")
        return lambda work: replies.reply(work, viewer, ticket(work, number), written)

    def hold(work: UnitOfWork) -> None:
        """Answered and put on hold at once, as the sample does it in one step."""
        found = ticket(work, 1001)
        keep, tickets.set_status = tickets.set_status, lambda *a, **k: keep(a[0], a[1], a[2], "on_hold")
        try:
            replies.reply(work, viewer, found, replies.Written(text="Oh no. Another one is on its way."))
        finally:
            tickets.set_status = keep

    def sort(work: UnitOfWork) -> None:
        found = ticket(work, 1001)
        tickets.set_priority(work, viewer, found, "high")
        tickets.set_team(work, viewer, found, stage.care)
        tickets.change_tags(work, viewer, found, add=("breakage",))
        tickets.set_reason(work, viewer, found, stage.reason)

    def call(direction: str, outcome: str, duration_s: int, notes: str, number: int | None) -> Callable[..., Any]:
        form = {
            "direction": direction,
            "outcome": outcome,
            "duration_s": str(duration_s),
            "number": PHONE.value,
            "notes": notes,
        }
        return lambda work: calls.log(work, viewer, calls.Call(form, ticket_number=number))

    def leave(work: UnitOfWork) -> None:
        """What the delivery worker does, without the network."""
        for delivery in work.session.scalars(select(Delivery).where(Delivery.state == "queued").order_by(Delivery.id)):
            deliveries.begin(work, delivery.id)
            deliveries.succeeded(work, Task(0, "deliveries", "deliver", {"delivery_id": delivery.id}, 1), Receipt())

    def seen(work: UnitOfWork) -> None:
        last = work.session.scalars(select(Delivery).where(Delivery.channel_id == stage.chat.id)).one()
        marks.read_up_to(work, last.identity_id, stage.chat.id, last.message_id)

    def ask(work: UnitOfWork) -> None:
        due = select(Invitation.id).where(Invitation.state == "scheduled", Invitation.due_at <= work.now)
        for invitation_id in work.session.scalars(due.order_by(Invitation.id)).all():
            surveys.send(work, invitation_id)

    def rate(work: UnitOfWork) -> None:
        sent = select(Invitation.token).where(Invitation.state == "sent")
        surveys.record(work, work.session.scalars(sent).one(), 2, "slow", "Too slow.", via="page")

    def finish(work: UnitOfWork) -> None:
        task = work.session.scalars(select(FollowUpTask).where(FollowUpTask.done_at.is_(None))).one()
        tasks.finish(work, viewer, task.id)

    at(0, mail("Hello,\n\nmy cup is broken.", 1), "system")
    at(5, chat("Which glaze is safe for the oven?", 1), "system")
    at(10, call("in", "missed", 0, "", None))
    at(15, sla.mark_breaches, "system")
    at(16, lambda w: replies.note(w, viewer, ticket(w, 1001), replies.Written(text="one left on shelf B4")))
    at(30, call("out", "answered", 90, "Wants four plates", 1003))
    at(35, answer(1002, "All of them.", "pending"))
    at(35, seen, "customer", s=40)
    at(37, chat("Thanks!", 2), "system")
    at(45, lambda w: tickets.set_status(w, viewer, ticket(w, 1003), "solved"))
    at(60, answer(1001, "Would you like a new one?", "pending"))
    at(60, leave, "system", s=2)
    at(105, ask, "system")
    at(150, mail("Yes please, a new one.", 2), "system")
    at(170, sort)
    at(171, answer(1001, "It left today.", "solved"))
    at(171, leave, "system", s=2)
    at(231, ask, "system")
    at(231, leave, "system", s=2)
    at(261, rate, "customer")
    at(381, finish)
    at(60 * 24, mail("It came, but it is broken again.", 3), "system")
    at(60 * 24 + 50, hold)
    at(60 * 24 + 50, leave, "system", s=2)
    at(60 * 48, lambda w: tickets.set_status(w, viewer, ticket(w, 1001), "solved"))
    at(60 * 49, ask, "system")
    for when, actor, act in sorted(story, key=lambda p: p[0]):
        with unit_of_work(actor=actor) as work:
            work.now = when
            act(work)


def rows_of(kind: Any, rows: list[Any]) -> list[dict[str, Any]]:
    found = [{c: plain(getattr(row, c)) for c in COLUMNS[kind]} for row in rows]
    for row in found:
        if row.get("direction") == "in":
            row.pop("rfc822_id", None)  # the sender's own
    return found


def plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    return [plain(v) for v in value] if isinstance(value, list | tuple) else value


@pytest.mark.parametrize("kind", list(COLUMNS), ids=lambda k: k.__tablename__)
def test_the_sample_writes_what_the_services_write(app: Flask, stage: Stage, kind: Any) -> None:
    from helpdesk.extensions import db

    before = max(db.session.scalars(select(EventRow.seq)).all())
    db.session.rollback()
    desk = by_sample(app, stage, before)
    by_services(stage)
    order = EventRow.seq if kind is EventRow else kind.id
    statement = select(kind).order_by(order)
    if kind is EventRow:
        statement = statement.where(EventRow.seq > before)
    real = rows_of(kind, list(db.session.scalars(statement)))
    made = rows_of(kind, desk.rows.of[kind])
    assert len(made) >= 1
    for n, (ours, theirs) in enumerate(zip(made, real, strict=False)):
        assert ours == theirs, f"row {n}"
    assert len(made) == len(real)
