"""A message comes in, an agent answers: the rules of product.md."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from connectors.contract import Address, File
from helpdesk import access
from helpdesk.errors import Invalid, NewerMessages
from helpdesk.extensions import db
from helpdesk.models import Attachment, Customer, Delivery, EventRow, Message, Ticket
from helpdesk.services import replies, tickets
from helpdesk.unit_of_work import unit_of_work

LAN = Address("widget", "visitor-lan", name="Lan Anh")


def ticket_of(outcome: Any) -> Ticket:
    return db.session.get_one(Ticket, outcome.ticket_id)


def test_a_first_message_opens_one_ticket_on_one_customer(make: Any) -> None:
    channel = make.channel("widget")
    outcome = make.inbound(channel, "Shop ơi", sender=LAN)
    again = make.inbound(channel, "Đơn DG-20418 của mình bị vỡ nắp ấm", sender=LAN)
    assert (outcome.kind, again.kind) == ("ticket", "appended")
    ticket = ticket_of(outcome)
    assert again.ticket_id == ticket.id
    assert ticket.number == 1001
    assert ticket.subject == "Đơn DG-20418 của mình bị vỡ nắp ấm"
    assert ticket.needs_reply
    assert ticket.status == "new"
    assert [c.name for c in db.session.scalars(select(Customer))] == ["Lan Anh"]


def test_message_numbers_are_those_of_the_events_that_added_them(make: Any) -> None:
    channel = make.channel("widget")
    outcome = make.inbound(channel, "Where is my order?", sender=LAN)
    message = db.session.get_one(Message, outcome.message_id)
    row = db.session.scalars(select(EventRow).where(EventRow.type == "message_received")).one()
    assert message.seq == row.seq == ticket_of(outcome).seq


def test_the_same_external_id_is_one_message(make: Any) -> None:
    channel = make.channel("widget")
    first = make.inbound(channel, "hello there, is it in stock", sender=LAN, external_id="x1")
    second = make.inbound(channel, "hello there, is it in stock", sender=LAN, external_id="x1")
    assert second.kind == "duplicate"
    assert second.message_id == first.message_id
    assert len(db.session.scalars(select(Message)).all()) == 1


@pytest.fixture
def asked(make: Any) -> tuple[Any, Any, Any]:
    channel = make.channel("widget")
    outcome = make.inbound(channel, "Where is my order DG-1?", sender=LAN)
    return channel, outcome, make.viewer()


def answer(viewer: access.Viewer, number: int, **values: Any) -> Message:
    with unit_of_work(actor=viewer.actor) as work:
        ticket = access.ticket_by_number(work.session, viewer, number, lock=True)
        return replies.reply(work, viewer, ticket, replies.Written(**{"text": "On its way.", **values}))


def test_a_reply_makes_it_pending_and_assigns_it(asked: Any) -> None:
    _channel, outcome, viewer = asked
    answer(viewer, 1001)
    ticket = ticket_of(outcome)
    assert (ticket.status, ticket.assignee_id, ticket.needs_reply) == ("pending", viewer.agent_id, False)
    assert ticket.first_response_at is not None
    delivery = db.session.scalars(select(Delivery)).one()
    assert delivery.state == "sent"  # the widget reads from our own database


def test_thanks_neither_reopen_nor_wake(asked: Any, make: Any) -> None:
    channel, outcome, viewer = asked
    answer(viewer, 1001, then="solve")
    thanks = make.inbound(channel, "Dạ ok, cảm ơn shop ạ", sender=LAN)
    ticket = ticket_of(outcome)
    assert thanks.kind == "appended"
    assert ticket.status == "solved"
    assert db.session.get_one(Message, thanks.message_id).courtesy
    make.inbound(channel, "Mà hộp bị móp, đổi giúp mình", sender=LAN)
    db.session.expire_all()
    assert ticket_of(outcome).status == "open"


def test_closed_begins_a_follow_up_and_spam_stays_spam(asked: Any, make: Any) -> None:
    channel, outcome, viewer = asked
    with unit_of_work(actor=viewer.actor) as work:
        tickets.set_status(work, viewer, access.ticket_by_number(work.session, viewer, 1001), "closed")
    later = make.inbound(channel, "One more question about it", sender=LAN)
    assert later.kind == "follow_up"
    assert ticket_of(later).follow_up_of_id == outcome.ticket_id
    with unit_of_work(actor=viewer.actor) as work:
        tickets.move(work, viewer, access.ticket_by_id(work.session, viewer, later.ticket_id), "spam")
    more = make.inbound(channel, "buy cheap pills now please", sender=LAN)
    assert more.ticket_id == later.ticket_id
    assert (ticket_of(more).shelf, ticket_of(more).needs_reply) == ("spam", True)


def test_send_stops_when_somebody_wrote_meanwhile(asked: Any, make: Any) -> None:
    channel, outcome, viewer = asked
    seen = ticket_of(outcome).seq
    newer = make.inbound(channel, "Please cancel it instead", sender=LAN)
    with pytest.raises(NewerMessages) as caught:
        answer(viewer, 1001, seen_seq=seen)
    assert caught.value.message_ids == [newer.message_id]
    answer(viewer, 1001, seen_seq=caught.value.seq)
    answer(viewer, 1001, text="And the invoice.", seen_seq=caught.value.seq)  # one's own lines do not stop one


def test_a_repeated_post_is_one_message(asked: Any) -> None:
    _channel, _outcome, viewer = asked
    first = answer(viewer, 1001, client_msg_id="abc")
    assert answer(viewer, 1001, client_msg_id="abc").id == first.id
    with pytest.raises(Invalid):
        answer(viewer, 1001, text="Something else", client_msg_id="abc")
    assert len(db.session.scalars(select(Message).where(Message.direction == "out")).all()) == 1


def test_a_receive_only_channel_sends_nothing(make: Any) -> None:
    channel = make.channel("widget", receive_only=True)
    make.inbound(channel, "Hello, are you open?", sender=LAN)
    viewer = make.viewer()
    with pytest.raises(Invalid, match="only receives"):
        answer(viewer, 1001)


def test_files_are_kept_and_missing_ones_say_why(make: Any) -> None:
    channel = make.channel("widget")
    make.inbound(
        channel,
        "see picture",
        sender=LAN,
        files=(
            File("../../etc/pass\u202ewd.png", "image/png", data=b"\x89PNG not really"),
            File("big.mov", "video/quicktime", size_bytes=10**9, problem="Larger than 20 MB."),
        ),
    )
    kept, lost = db.session.scalars(select(Attachment).order_by(Attachment.id)).all()
    assert kept.filename == "passwd.png"
    assert (kept.picture, kept.size_bytes) == (False, 15)
    assert (lost.sha256, lost.problem) == ("", "Larger than 20 MB.")


def test_nul_bytes_and_lone_surrogates_are_stored(make: Any) -> None:
    channel = make.channel("widget")
    outcome = make.inbound(channel, "a\x00b \udcff c", sender=Address("widget", "v", name="N\x00\u202eX"))
    assert db.session.get_one(Message, outcome.message_id).text == "a\ufffdb ? c"
    assert db.session.scalars(select(Customer.name)).one() == "N X"


def test_an_agent_sees_only_tickets_of_their_teams(make: Any, drain: Callable[..., int]) -> None:
    team = make.team()
    channel = make.channel("widget", team_id=team)
    outcome = make.inbound(channel, "Where is my order?", sender=LAN)
    inside, outside = make.viewer(teams=[team]), make.viewer()
    assert access.ticket_by_number(db.session, inside, 1001).id == outcome.ticket_id
    with pytest.raises(access.NotFound):
        access.ticket_by_number(db.session, outside, 1001)
