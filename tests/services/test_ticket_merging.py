"""Two tickets become one: what goes along, what late replies do, and that undo puts it back."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from connectors.contract import Address, Evidence
from helpdesk.access import viewer_of
from helpdesk.errors import Conflict, Invalid, NotFound
from helpdesk.extensions import db
from helpdesk.models import Grant, Merge, Message, Ticket
from helpdesk.services import ticket_merging, tickets
from helpdesk.services.threading import reply_token
from helpdesk.unit_of_work import unit_of_work

LAN = Address("widget", "v-lan", name="Lan Anh")
HOA = Address("widget", "v-hoa", name="Hoà")


@pytest.fixture
def linh(make: Any) -> Any:
    return viewer_of(make.agent("agent", name="Trần Linh"))


@pytest.fixture
def two(make: Any) -> Any:
    """Tickets 1001 (Lan, waiting) and 1002 (Hoà, solved) on one chat channel; the channel."""
    channel = make.channel("widget")
    make.inbound(channel, "The teapot is cracked", sender=LAN)
    make.inbound(channel, "My husband wrote about a teapot", sender=HOA)
    with unit_of_work() as work:
        tickets.set_status(work, None, ticket_in(work.session, 1002), "solved")
    return channel


def ticket_in(session: Any, number: int) -> Ticket:
    return session.scalars(select(Ticket).where(Ticket.number == number)).one()  # type: ignore[no-any-return]


def ticket(number: int) -> Ticket:
    db.session.rollback()
    db.session.expire_all()
    return ticket_in(db.session, number)


def texts(number: int) -> list[str]:
    found = ticket(number)
    return list(db.session.scalars(select(Message.text).where(Message.ticket_id == found.id).order_by(Message.id)))


def merge(viewer: Any, source: int, target: int) -> int:
    with unit_of_work(actor=viewer.actor) as work:
        return ticket_merging.merge(work, viewer, source, target).id


def test_the_messages_go_along_and_whoever_waits_still_waits(two: Any, linh: Any) -> None:
    with unit_of_work() as work:
        source = ticket_in(work.session, 1001)
        tickets.change_tags(work, None, source, add=("fragile",))
        work.session.add(Grant(ticket_id=source.id, agent_id=linh.agent_id, why="follow", created_at=work.now))
    merge(linh, 1001, 1002)
    assert texts(1002) == ["The teapot is cracked", "My husband wrote about a teapot"]
    source, target = ticket(1001), ticket(1002)
    assert (source.shelf, source.merged_into_id, source.needs_reply) == ("merged", target.id, False)
    assert (target.status, target.needs_reply, target.message_count) == ("open", True, 2)
    assert tickets.tags_of(db.session, target.id) == ["fragile"]
    assert db.session.scalar(select(Grant.why).where(Grant.ticket_id == target.id)) == "follow"


def test_late_replies_follow(two: Any, linh: Any, make: Any, app: Any) -> None:
    source_id = ticket(1001).id
    merge(linh, 1001, 1002)
    make.inbound(two, "One thing more", sender=LAN)  # the chat goes on
    assert texts(1002)[-1] == "One thing more"
    token = reply_token(app.extensions["keyring"], source_id)
    mail = Evidence(addressed_to=(f"help+{token}@shop.example",))
    make.inbound(two, "And by the signed address", sender=LAN, evidence=mail)
    assert texts(1002)[-1] == "And by the signed address"
    assert texts(1001) == []


def test_the_same_merge_twice_is_one(two: Any, linh: Any) -> None:
    assert merge(linh, 1001, 1002) == merge(linh, 1001, 1002)
    assert len(db.session.scalars(select(Merge)).all()) == 1


def test_undo_puts_everything_back(two: Any, linh: Any, make: Any) -> None:
    merge(linh, 1001, 1002)
    make.inbound(two, "I wrote after the merge", sender=LAN)
    make.inbound(two, "So did I", sender=HOA)
    with unit_of_work(actor=linh.actor) as work:
        ticket_merging.undo(work, linh, 1001)
    assert texts(1001) == ["The teapot is cracked", "I wrote after the merge"]
    assert texts(1002) == ["My husband wrote about a teapot", "So did I"]
    source, target = ticket(1001), ticket(1002)
    assert (source.shelf, source.merged_into_id, source.message_count, source.needs_reply) == ("open", None, 2, True)
    assert (target.message_count, target.needs_reply) == (2, True)
    with unit_of_work(actor=linh.actor) as work:  # twice is once
        ticket_merging.undo(work, linh, 1001)
    assert texts(1001) == ["The teapot is cracked", "I wrote after the merge"]


def test_what_cannot_be_merged_is_told(two: Any, linh: Any, make: Any) -> None:
    with pytest.raises(Invalid):
        merge(linh, 1001, 1001)
    with pytest.raises(NotFound):
        merge(linh, 1001, 4711)
    with unit_of_work() as work:
        tickets.move(work, None, ticket_in(work.session, 1002), "trash")
    with pytest.raises(Conflict):
        merge(linh, 1001, 1002)
    with pytest.raises(NotFound), unit_of_work() as work:
        ticket_merging.undo(work, linh, 1001)
    hidden = make.team()
    with unit_of_work() as work:
        ticket_in(work.session, 1002).set_team(hidden)
    with pytest.raises(NotFound):
        merge(linh, 1002, 1001)


def test_a_chain_of_merges_is_followed_and_undone_from_its_end(two: Any, linh: Any, make: Any) -> None:
    make.inbound(two, "A third matter", sender=Address("widget", "v-minh", name="Minh"))
    merge(linh, 1001, 1002)
    merge(linh, 1002, 1003)
    make.inbound(two, "Still me", sender=LAN)
    assert texts(1003)[-1] == "Still me"
    with pytest.raises(Conflict), unit_of_work() as work:
        ticket_merging.undo(work, linh, 1001)
    with unit_of_work() as work:
        ticket_merging.undo(work, linh, 1002)
    with unit_of_work() as work:
        ticket_merging.undo(work, linh, 1001)
    assert texts(1001)[0] == "The teapot is cracked"
    assert texts(1002) == ["My husband wrote about a teapot"]
