"""Tickets that belong together, and a message that becomes a ticket of its own."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from connectors.contract import Address
from helpdesk.access import viewer_of
from helpdesk.errors import Conflict, Invalid, NotFound
from helpdesk.extensions import db
from helpdesk.models import Message, Ticket
from helpdesk.services import senders, ticket_links
from helpdesk.unit_of_work import unit_of_work

LAN = Address("widget", "v-lan", name="Lan Anh")


@pytest.fixture
def linh(make: Any) -> Any:
    return viewer_of(make.agent("agent", name="Trần Linh"))


@pytest.fixture
def three(make: Any) -> Any:
    channel = make.channel("widget")
    for i in range(3):
        make.inbound(channel, f"Matter {i}", sender=Address("widget", f"v-{i}", name=f"Customer {i}"))
    return channel


def ticket_in(session: Any, number: int) -> Ticket:
    return session.scalars(select(Ticket).where(Ticket.number == number)).one()  # type: ignore[no-any-return]


def link(viewer: Any, number: int, other: int, kind: str) -> None:
    with unit_of_work(actor=viewer.actor) as work:
        ticket_links.link(work, viewer, ticket_in(work.session, number), other, kind)


def links(viewer: Any, number: int) -> list[tuple[str, int]]:
    db.session.rollback()
    found = ticket_links.of(db.session(), viewer, ticket_in(db.session, number).id)
    return [(one.kind, one.number) for one in found]


@pytest.mark.parametrize(
    ("kind", "back"),
    [("related", "related"), ("parent", "child"), ("child", "parent"), ("duplicate", "duplicated")],
)
def test_a_link_is_seen_from_both_sides_and_taken_away_from_either(kind: str, back: str, three: Any, linh: Any) -> None:
    link(linh, 1001, 1002, kind)
    link(linh, 1001, 1002, kind)  # twice is once
    assert links(linh, 1001) == [(kind, 1002)]
    assert links(linh, 1002) == [(back, 1001)]
    with unit_of_work(actor=linh.actor) as work:
        ticket_links.unlink(work, linh, ticket_in(work.session, 1002), 1001, back)
    assert links(linh, 1001) == links(linh, 1002) == []


def test_parents_make_no_circle_and_there_is_one(three: Any, linh: Any) -> None:
    link(linh, 1001, 1002, "parent")
    link(linh, 1002, 1003, "parent")
    for number, other, kind in ((1003, 1001, "parent"), (1001, 1003, "parent"), (1001, 1001, "related")):
        with pytest.raises(Invalid):
            link(linh, number, other, kind)
    with pytest.raises(Invalid):
        link(linh, 1001, 1003, "cousin")


def test_what_one_may_not_see_is_not_linked_or_shown(three: Any, linh: Any, make: Any) -> None:
    link(linh, 1001, 1002, "related")
    team = make.team()
    with unit_of_work() as work:
        ticket_in(work.session, 1002).set_team(team)
        ticket_in(work.session, 1003).set_team(team)
    assert links(linh, 1001) == []
    with pytest.raises(NotFound):
        link(linh, 1001, 1003, "related")


def test_a_message_becomes_a_ticket_of_its_own(make: Any, linh: Any) -> None:
    channel = make.channel("widget")
    make.inbound(channel, "Where is my order?", sender=LAN)
    second = make.inbound(channel, "And do you sell lids?", sender=LAN)
    for _again in range(2):  # twice is once
        with unit_of_work(actor=linh.actor) as work:
            new = senders.split(work, linh, second.message_id).number
    assert new == 1002
    db.session.rollback()
    old, ticket = ticket_in(db.session, 1001), ticket_in(db.session, 1002)
    assert (old.message_count, ticket.message_count, ticket.subject) == (1, 1, "And do you sell lids?")
    assert (old.customer_id, ticket.needs_reply) == (ticket.customer_id, True)
    assert links(linh, 1002) == [("related", 1001)]
    first = db.session.scalars(select(Message.id).where(Message.ticket_id == old.id)).one()
    with pytest.raises(Conflict), unit_of_work(actor=linh.actor) as work:
        senders.split(work, linh, first)
