"""Other senders and messages in the wrong ticket: accepted, split off, moved; the rest of both tickets stays true."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import select

from connectors.contract import Address, Evidence, File
from helpdesk import access
from helpdesk.errors import Conflict, Invalid, NotFound
from helpdesk.extensions import db
from helpdesk.models import Attachment, EventRow, Inbound, Message, SlaClock, Ticket
from helpdesk.services import replies, search, senders, sla, tickets
from helpdesk.services.threading import reply_token
from helpdesk.unit_of_work import unit_of_work

LAN = Address("email", "lan@example.com", name="Lan Anh")
BINH = Address("email", "binh@example.com", name="Bình")
SHOP = {"address": "support@shop.example", "smtp_host": "127.0.0.1", "smtp_security": "none"}


@pytest.fixture
def desk(make: Any, app: Any) -> Any:
    """A mail of Lan's, answered; then Bình writes to the signed address of her ticket, with a file."""
    with unit_of_work() as work:
        sla.ensure_defaults(work)
    channel, viewer = make.channel("email", config=SHOP), make.viewer("admin")
    first = make.inbound(channel, "Where is my order DG-1?", sender=LAN, subject="Order DG-1")
    token = reply_token(app.extensions["keyring"], first.ticket_id)
    desk = SimpleNamespace(make=make, channel=channel, viewer=viewer, id=first.ticket_id, first=first.message_id)
    desk.evidence = Evidence(addressed_to=(f"support+{token}@shop.example",))
    answer(desk)
    desk.other = other(desk, "It broke on the way: the lid of the teapot")
    return desk


def other(desk: Any, text: str, **values: Any) -> int:
    file = File("lid.txt", "text/plain", data=b"the lid")
    outcome = desk.make.inbound(
        desk.channel, text, sender=BINH, subject="Fwd: Order", evidence=desk.evidence, files=(file,), **values
    )
    assert outcome.ticket_id == desk.id
    with unit_of_work() as work:
        message = work.session.get_one(Message, outcome.message_id)
        raw = Inbound(
            channel_id=desk.channel.id, external_id=f"raw-{message.id}", ticket_id=desk.id, message_id=message.id
        )
        work.session.add(raw)
        work.session.flush()
        message.inbound_id = raw.id
    return int(outcome.message_id)


def answer(desk: Any) -> None:
    with unit_of_work(actor=desk.viewer.actor) as work:
        ticket = access.ticket_by_id(work.session, desk.viewer, desk.id, lock=True)
        replies.reply(work, desk.viewer, ticket, replies.Written(text="It left today."))


def do(desk: Any, verb: Any, *values: Any, viewer: Any = None) -> int:
    viewer = viewer or desk.viewer
    with unit_of_work(actor=viewer.actor) as work:
        return verb(work, viewer, *values).id


def ticket(id_: int) -> Ticket:
    db.session.rollback()
    return db.session.get_one(Ticket, id_)


def waiting(id_: int) -> list[tuple[str, str]]:
    rows = db.session.scalars(select(SlaClock).where(SlaClock.ticket_id == id_).order_by(SlaClock.id))
    return [(c.target, c.state) for c in rows if c.target != "resolution"]


def happened(id_: int, *types: str) -> list[str]:
    rows = select(EventRow.type).where(EventRow.ticket_id == id_, EventRow.type.in_(types)).order_by(EventRow.seq)
    return list(db.session.scalars(rows))


def test_another_sender_wants_an_answer_but_takes_nothing_over(desk: Any) -> None:
    found = ticket(desk.id)
    message = db.session.get_one(Message, desk.other)
    assert message.other_sender and "accept or split it off" in message.reason
    assert (found.needs_reply, found.status, found.waiting_since) == (True, "open", message.created_at)
    lan = db.session.get_one(Message, desk.first)
    assert (found.customer_id, found.identity_id) == (lan.customer_id, lan.identity_id)
    assert waiting(desk.id) == [("first_response", "met")]
    assert replies.options(db.session(), found)[0].identity_label == "lan@example.com"


def test_an_accepted_sender_takes_part(desk: Any) -> None:
    for _n in range(2):  # posted twice
        assert do(desk, senders.accept, desk.other) == desk.id
    assert happened(desk.id, "sender_decided") == ["sender_decided"]
    found = ticket(desk.id)
    assert not db.session.get_one(Message, desk.other).other_sender
    assert found.needs_reply and waiting(desk.id)[-1] == ("next_response", "running")
    assert found.identity_id == db.session.get_one(Message, desk.first).identity_id
    again = desk.make.inbound(desk.channel, "And the pot too", sender=BINH, subject="x", evidence=desk.evidence)
    assert again.ticket_id == desk.id and not db.session.get_one(Message, again.message_id).other_sender
    with pytest.raises(Conflict):
        do(desk, senders.split, desk.other)


def test_accepting_what_was_answered_meanwhile_asks_for_nothing(desk: Any) -> None:
    answer(desk)
    do(desk, senders.accept, desk.other)
    found = ticket(desk.id)
    assert (found.needs_reply, found.status) == (False, "pending")
    assert waiting(desk.id) == [("first_response", "met")]


def test_split_gives_the_sender_a_ticket_and_the_old_one_its_peace(desk: Any) -> None:
    new_id = do(desk, senders.split, desk.other)
    assert do(desk, senders.split, desk.other) == new_id  # posted twice
    new, old, message = ticket(new_id), ticket(desk.id), db.session.get_one(Message, desk.other)
    assert (new.customer_id, new.identity_id, new.status) == (message.customer_id, message.identity_id, "new")
    assert (new.subject, new.message_count, new.needs_reply) == ("Fwd: Order", 1, True)
    assert (new.last_message_id, new.created_at, new.seq) == (message.id, message.created_at, message.seq)
    assert waiting(new.id) == [("first_response", "running")] and new.sla_due_at is not None
    assert (old.message_count, old.last_author, old.preview, old.needs_reply) == (2, "agent", "It left today.", False)
    assert old.waiting_since is None and old.seq < message.seq
    assert (message.ticket_id, message.other_sender) == (new.id, False)
    assert db.session.scalars(select(Inbound.ticket_id).where(Inbound.message_id == message.id)).all() == [new.id]
    file = db.session.scalars(select(Attachment).where(Attachment.message_id == message.id)).one()
    assert access.attachment_by_token(db.session(), desk.viewer, file.token).id == file.id
    assert happened(old.id, "sender_decided", "message_moved") == ["sender_decided"]
    assert happened(new.id, "ticket_opened", "message_moved") == ["ticket_opened", "message_moved"]
    assert len(db.session.scalars(select(Ticket)).all()) == 2
    with pytest.raises(Conflict):
        do(desk, senders.accept, desk.other)


def test_search_finds_it_in_its_new_ticket_only(desk: Any) -> None:
    new_id = do(desk, senders.split, desk.other)
    assert [h.ticket_id for h in search.search(db.session(), desk.viewer, "teapot").hits] == [new_id]


def test_what_the_sender_answers_next_goes_to_the_new_ticket(desk: Any) -> None:
    message_id = other(desk, "One more from me", message_id="second@binh.example")
    new_id = do(desk, senders.split, message_id)
    evidence = Evidence(in_reply_to=("second@binh.example",))
    next_one = desk.make.inbound(desk.channel, "and?", sender=BINH, subject="Re", evidence=evidence)
    assert next_one.ticket_id == new_id


def test_a_message_goes_to_another_ticket_and_wants_its_answer_there(desk: Any) -> None:
    later = desk.make.inbound(desk.channel, "One more thing about DG-1", sender=LAN, subject="Thing")
    source = ticket(later.ticket_id)
    number = ticket(desk.id).number
    do(desk, senders.split, desk.other)
    assert not ticket(desk.id).needs_reply
    for _n in range(2):
        assert do(desk, senders.move_message, later.message_id, number) == desk.id
    target, left = ticket(desk.id), ticket(source.id)
    assert (target.needs_reply, target.status, target.message_count) == (True, "open", 3)
    assert (target.preview, target.last_message_id) == ("One more thing about DG-1", later.message_id)
    assert waiting(target.id)[-1] == ("next_response", "running")
    assert (left.shelf, left.message_count, left.needs_reply, left.last_message_id) == ("trash", 0, False, None)
    assert {state for _target, state in waiting(left.id)} == {"cancelled"}
    assert happened(target.id, "message_moved") == ["message_moved"]
    assert happened(source.id, "message_left", "ticket_moved") == ["message_left", "ticket_moved"]
    back = do(desk, senders.move_message, later.message_id, left.number)
    assert (back, ticket(back).shelf, ticket(desk.id).needs_reply) == (source.id, "open", False)


def test_what_cannot_be_moved(desk: Any) -> None:
    target = desk.make.inbound(desk.channel, "Something else", sender=LAN, subject="Else")
    number = ticket(target.ticket_id).number
    ours = db.session.scalars(select(Message.id).where(Message.direction == "out")).first()
    with pytest.raises(Invalid):
        do(desk, senders.move_message, ours, number)
    with pytest.raises(NotFound):
        do(desk, senders.move_message, desk.other, 99999)
    with unit_of_work() as work:
        tickets.set_status(work, None, work.session.get_one(Ticket, target.ticket_id), "closed")
    with pytest.raises(Conflict):
        do(desk, senders.move_message, desk.other, number)
    with pytest.raises(Conflict):  # nobody is undecided about the customer's own message
        do(desk, senders.accept, desk.first)
    assert db.session.get_one(Message, desk.other).ticket_id == desk.id


def test_only_who_may_open_both_tickets(desk: Any, make: Any) -> None:
    team = make.team("Orders")
    with unit_of_work() as work:
        work.session.get_one(Ticket, desk.id).set_team(team)
    outsider, mate = make.viewer("agent"), make.viewer("agent", teams=[team])
    for verb, values in ((senders.accept, ()), (senders.split, ()), (senders.move_message, (1001,))):
        with pytest.raises(NotFound):
            do(desk, verb, desk.other, *values, viewer=outsider)
    elsewhere = desk.make.inbound(desk.channel, "Something else", sender=LAN, subject="Else")
    with unit_of_work() as work:
        work.session.get_one(Ticket, elsewhere.ticket_id).set_team(make_team(work))
    with pytest.raises(NotFound):
        do(desk, senders.move_message, desk.other, ticket(elsewhere.ticket_id).number, viewer=mate)
    assert db.session.get_one(Message, desk.other).other_sender
    assert do(desk, senders.accept, desk.other, viewer=mate) == desk.id


def make_team(work: Any) -> int:
    from helpdesk.models import Team

    team = Team(name="Elsewhere")
    work.session.add(team)
    work.session.flush()
    return int(team.id)


def test_a_follow_up_of_somebody_unknown_is_their_own_ticket(desk: Any) -> None:
    with unit_of_work() as work:
        tickets.set_status(work, None, work.session.get_one(Ticket, desk.id), "closed")
    outcome = desk.make.inbound(desk.channel, "Hello?", sender=BINH, subject="x", evidence=desk.evidence)
    message = db.session.get_one(Message, outcome.message_id)
    assert outcome.kind == "follow_up" and not message.other_sender
