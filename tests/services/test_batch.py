"""Mails that come together are taken in together: the same rows, events and order as one by one, at a fraction of the cost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from typing import Any

import pytest
from sqlalchemy import Engine, event, func, select

from connectors.contract import Raw
from connectors.email.identity import external_id
from helpdesk.extensions import db
from helpdesk.models import (
    Attachment,
    Channel,
    Customer,
    EventRow,
    Identity,
    Inbound,
    Message,
    Reach,
    SlaClock,
    Ticket,
)
from helpdesk.services import desk_defaults, intake, listening
from helpdesk.unit_of_work import UnitOfWork, unit_of_work
from tests.services.mails import SHOP, mail
from workers import arrivals

LAN, BINH, EVE = "Lan <lan@khach.example>", "Bình <binh@khach.example>", "Eve <eve@elsewhere.example>"


def with_file(made: EmailMessage) -> EmailMessage:
    made.add_attachment(b"%PDF-1.4", maintype="application", subtype="pdf", filename="hoá đơn.pdf")
    return made


def together() -> list[EmailMessage]:
    return [
        mail("My teapot is broken", LAN, message_id="<m1@khach.example>", subject="Teapot"),
        mail("Where is my bowl?", BINH, message_id="<m2@khach.example>", subject="Bowl"),
        mail("Here is a picture of it", LAN, message_id="<m3@khach.example>", In_Reply_To="<m1@khach.example>"),
        mail("I know the id", EVE, message_id="<m4@elsewhere.example>", In_Reply_To="<m2@khach.example>"),
        mail("Another matter", LAN, message_id="<m5@khach.example>", subject="Invoice"),
        mail("Not the same mail", LAN, message_id="<m1@khach.example>", subject="Same id"),
        mail("I am away", BINH, message_id="<m7@khach.example>", In_Reply_To="<m2@khach.example>", Auto_Submitted="auto-replied"),
        with_file(mail("The bill", EVE, message_id="<m8@elsewhere.example>", subject="Bill")),
        mail("And the lid too", LAN, message_id="<m9@khach.example>", References="<m1@khach.example> <m3@khach.example>"),
    ]  # fmt: skip


def come(channel: Channel, mails: list[EmailMessage]) -> None:
    stored = [Raw(external_id(one.as_bytes()), one.as_bytes(), "message/rfc822") for one in mails]
    with unit_of_work() as work:
        listening.store(work, channel.id, stored, cursor={})


def rows(statement: Any) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in db.session.execute(statement)]


@pytest.mark.parametrize("size", [1, 10])
def test_together_or_one_by_one_it_is_the_same(
    make: Any, drain: Callable[..., int], monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(arrivals, "PER_TRANSACTION", size)
    channel = make.channel("email", config=SHOP)
    with unit_of_work() as work:
        desk_defaults.ensure_defaults(work)
    before = db.session.scalar(select(func.max(EventRow.seq))) or 0
    come(channel, together())
    drain()
    assert rows(select(Inbound.state, Inbound.outcome).order_by(Inbound.id)) == [
        ("done", kind)
        for kind in ("ticket", "ticket", "appended", "ticket", "ticket", "ticket", "automatic", "ticket", "appended")
    ]
    assert rows(
        select(Ticket.number, Ticket.subject, Customer.name, Ticket.message_count, Ticket.preview, Ticket.needs_reply)
        .join(Customer, Customer.id == Ticket.customer_id)
        .order_by(Ticket.id)
    ) == [
        (1001, "Teapot", "Lan", 3, "And the lid too", True),
        (1002, "Bowl", "Bình", 2, "I am away", True),
        (1003, "A question", "Eve", 1, "I know the id", True),
        (1004, "Invoice", "Lan", 1, "Another matter", True),
        (1005, "Same id", "Lan", 1, "Not the same mail", True),
        (1006, "Bill", "Eve", 1, "The bill", True),
    ]
    assert rows(select(Identity.value, Identity.name).order_by(Identity.id)) == [
        ("lan@khach.example", "Lan"), ("binh@khach.example", "Bình"), ("eve@elsewhere.example", "Eve")
    ]  # fmt: skip
    assert rows(select(Reach.identity_id, Reach.channel_id, Reach.state).order_by(Reach.id)) == [
        (i, channel.id, "unverified") for i in rows_of(Identity)
    ]
    assert [len(a.message_id and a.sha256 or "") for a in db.session.scalars(select(Attachment))] == [64]
    _events_are_in_order(before)
    clocks = rows(select(SlaClock.target, func.count()).group_by(SlaClock.target).order_by(SlaClock.target))
    assert clocks == [("first_response", 6), ("resolution", 6)]
    assert all(t.sla_due_at and t.sla_target == "first_response" for t in db.session.scalars(select(Ticket)))
    client = make.client(make.agent("admin"))
    for word, found in (("teapot", "Teapot"), ("picture", "Teapot"), ("binh@khach.example", "Bình")):
        assert found in client.get(f"/search?q={word}").text


@pytest.mark.parametrize("after", [1, 4])
def test_a_batch_gives_way_and_goes_on_after(make: Any, monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    """Somebody waits to write each time: the rest of the batch is taken in by the transactions that follow."""
    channel = make.channel("email", config=SHOP)
    turns: list[int] = []

    def had_its_turn(work: Any) -> bool:
        taken = len([r for r in work.recorded if r.event.type == "message_received"])
        return taken >= after and not turns.append(taken)

    monkeypatch.setattr(UnitOfWork, "has_had_its_turn", had_its_turn)
    come(channel, together())
    assert arrivals.drain() == 9
    assert turns == [after] * (9 // after)
    assert rows(select(Inbound.state, func.count()).group_by(Inbound.state)) == [("done", 9)]
    assert rows(select(Ticket.number, Ticket.message_count).order_by(Ticket.id))[:2] == [(1001, 3), (1002, 2)]


def rows_of(model: Any) -> list[int]:
    return list(db.session.scalars(select(model.id).order_by(model.id)))


def _events_are_in_order(before: int) -> None:
    told = rows(
        select(EventRow.type, EventRow.message_id, EventRow.seq)
        .where(EventRow.seq > before, EventRow.type == "message_received")
        .order_by(EventRow.seq)
    )
    numbered = rows(select(Message.id, Message.seq).where(Message.direction == "in").order_by(Message.id))
    assert [(message_id, seq) for _type, message_id, seq in told] == numbered
    newest = dict(rows(select(Message.ticket_id, func.max(Message.seq)).group_by(Message.ticket_id)))
    assert dict(rows(select(Ticket.id, Ticket.seq))) == newest
    made = rows(select(EventRow.type, func.count()).where(EventRow.seq > before).group_by(EventRow.type))
    assert dict(made) == {"customer_created": 3, "identity_added": 3, "ticket_opened": 6, "message_received": 9}


def test_one_that_fails_costs_the_others_nothing(
    make: Any, drain: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    channel = make.channel("email", config=SHOP)
    real = intake.receive

    def receive(work: Any, where: Any, thing: Any, **values: Any) -> Any:
        outcome = real(work, where, thing, **values)
        if "bowl" in thing.text:
            raise RuntimeError("the database refuses it")
        return outcome

    monkeypatch.setattr(intake, "receive", receive)
    come(channel, together())
    drain("arrivals")
    states = rows(select(Inbound.state, func.count()).group_by(Inbound.state).order_by(Inbound.state))
    assert states == [("done", 8), ("pending", 1)]
    assert db.session.scalar(select(func.count()).select_from(Message)) == 8
    assert db.session.scalar(select(func.count()).select_from(Customer)) == 3


def test_the_next_batch_knows_what_the_last_one_made(make: Any, drain: Callable[..., int]) -> None:
    channel = make.channel("email", config=SHOP)
    come(channel, together())
    drain()
    again = [
        mail(f"More of it {n}", LAN, message_id=f"<again{n}@khach.example>", In_Reply_To="<m1@khach.example>")
        for n in range(3)
    ]
    come(channel, again)
    drain()
    assert rows(select(Ticket.message_count).where(Ticket.number == 1005)) == [(4,)]  # the newest with that id
    assert db.session.scalar(select(func.count()).select_from(Customer)) == 3


def test_the_same_mail_through_two_mailboxes_in_batches(make: Any, drain: Callable[..., int]) -> None:
    one, other = make.channel("email", config=SHOP), make.channel("email", config={**SHOP, "address": "b@shop.example"})
    mails = together()
    come(one, mails)
    come(other, mails)
    drain()
    assert db.session.scalar(select(func.count()).select_from(Message)) == 9
    outcomes = rows(select(Inbound.outcome).where(Inbound.channel_id == other.id))
    assert outcomes == [("duplicate",)] * 9


@contextmanager
def counted() -> Iterator[list[str]]:
    seen: list[str] = []

    def count(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    event.listen(Engine, "before_cursor_execute", count)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", count)


def test_a_batch_asks_little(make: Any, drain: Callable[..., int]) -> None:
    channel = make.channel("email", config=SHOP)
    with unit_of_work() as work:
        desk_defaults.ensure_defaults(work)
    people = [f"Person {n} <p{n}@khach.example>" for n in range(40)]
    come(channel, [mail(f"Question {n}", who, message_id=f"<q{n}@khach.example>") for n, who in enumerate(people)])
    with counted() as statements:
        arrivals.drain()
    assert len(statements) <= 7 * len(people)  # one by one it is more than twenty
