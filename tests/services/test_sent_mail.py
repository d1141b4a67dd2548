"""What a colleague answers from a phone stands in its ticket as ours; what the desk sent itself is recognised there."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from connectors.contract import Raw
from connectors.email.identity import external_id
from helpdesk import access
from helpdesk.extensions import db
from helpdesk.models import Channel, Delivery, Inbound, Message, OutboxRow, SlaClock, Ticket, now
from helpdesk.services import listening, replies, sla
from helpdesk.unit_of_work import unit_of_work
from workers import waiting

DESK = "support@shop.example"


def mail(
    message_id: str, *, sender: str, to: str, subject: str = "Order", text: str = "Where is it?", **more: str
) -> bytes:
    fields = {"From": sender, "To": to, "Subject": subject, "Message-ID": f"<{message_id}>", **more}
    fields.setdefault("Date", now().strftime("%a, %d %b %Y %H:%M:%S +0000"))
    head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items())
    return f"{head}Content-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n".encode()


@pytest.fixture
def channel(make: Any) -> Channel:
    with unit_of_work() as work:
        sla.ensure_defaults(work)
    return make.channel("email", name="Support", config={"address": DESK})


@pytest.fixture
def arrives(channel: Channel, drain: Callable[..., int]) -> Callable[..., Inbound]:
    def _arrives(body: bytes, *, sent: bool = False, later: bool = False) -> Inbound:
        name = f"sent:{external_id(body)}" if sent else external_id(body)
        raw = Raw(name, body, "message/rfc822", now(), meta={"sent": "1"} if sent else {})
        with unit_of_work() as work:
            listening.store(work, channel.id, [raw])
        if not later:
            drain("arrivals")
        db.session.rollback()
        return db.session.scalars(select(Inbound).order_by(Inbound.id.desc())).first()  # type: ignore[return-value]

    return _arrives


def asked(arrives: Callable[..., Inbound]) -> Ticket:
    row = arrives(mail("q1@home", sender="Lan <lan@home.example>", to=DESK))
    return db.session.get_one(Ticket, row.ticket_id)


def phone(message_id: str = "p1@phone", reply_to: str = "q1@home", **more: str) -> bytes:
    more.setdefault("text", "It leaves today.\r\n\r\nSent from my phone")
    return mail(message_id, sender=f"Shop <{DESK}>", to="lan@home.example", In_Reply_To=f"<{reply_to}>", **more)


def test_an_answer_from_a_phone_is_outbound_in_its_ticket_and_stops_the_clock(arrives: Any, channel: Channel) -> None:
    ticket = asked(arrives)
    assert ticket.needs_reply and ticket.first_response_at is None
    clocks = select(SlaClock.state).where(SlaClock.ticket_id == ticket.id, SlaClock.target == "first_response")
    assert db.session.scalars(clocks).all() == ["running"]
    row = arrives(phone(), sent=True)
    assert (row.outcome, row.ticket_id) == ("echo", ticket.id)
    db.session.expire_all()
    assert (ticket.needs_reply, ticket.waiting_since, ticket.status) == (False, None, "pending")
    assert ticket.first_response_at is not None
    assert db.session.scalars(clocks).all() == ["met"]
    said = db.session.get_one(Message, row.message_id)
    assert (said.direction, said.author_type, said.agent_id, said.automatic) == ("out", "agent", None, False)
    assert "It leaves today." in said.text and said.meta["elsewhere"]
    assert [delivery.state for delivery in said.deliveries] == ["sent"]
    again = arrives(mail("q2@home", sender="lan@home.example", to=DESK, text="Thank you, and the bill?",
                         In_Reply_To="<p1@phone>"))  # fmt: skip
    assert again.ticket_id == ticket.id, "an answer to the phone's mail finds the ticket"


def test_nobody_answers_twice(arrives: Any, make: Any) -> None:
    ticket = asked(arrives)
    seen = ticket.seq
    arrives(phone(), sent=True)
    viewer = make.viewer()
    from helpdesk.errors import NewerMessages

    with pytest.raises(NewerMessages), unit_of_work(actor=viewer.actor) as work:
        found = access.ticket_by_number(work.session, viewer, ticket.number, lock=True)
        replies.reply(work, viewer, found, replies.Written(text="It leaves tomorrow.", seen_seq=seen))


def test_the_same_mail_in_the_folder_again_is_one_message(arrives: Any) -> None:
    asked(arrives)
    body = phone()
    first = arrives(body, sent=True)
    again = arrives(b"X-Moved: yes\r\n" + body, sent=True)
    assert again.id == first.id and again.duplicates == 1
    changed = arrives(phone(text="It leaves today (saved once more by the server)"), sent=True)
    assert (changed.outcome, changed.message_id) == ("duplicate", first.message_id)
    assert db.session.scalars(select(Message.id).where(Message.direction == "out")).all() == [first.message_id]


def test_what_the_desk_sent_itself_is_recognised(arrives: Any, make: Any) -> None:
    ticket, viewer = asked(arrives), make.viewer()
    with unit_of_work(actor=viewer.actor) as work:
        found = access.ticket_by_number(work.session, viewer, ticket.number, lock=True)
        ours = replies.reply(work, viewer, found, replies.Written(text="It leaves today."))
    row = arrives(phone(ours.rfc822_id), sent=True)
    assert (row.outcome, row.message_id) == ("report", ours.id)
    assert db.session.scalars(select(Message.id).where(Message.direction == "out")).all() == [ours.id]


def test_what_answers_no_ticket_is_left_alone(arrives: Any) -> None:
    asked(arrives)
    stranger = mail("p2@phone", sender=DESK, to="supplier@mill.example", text="100 kg please")
    assert arrives(stranger, sent=True).outcome == "ignored"
    assert len(db.session.scalars(select(Ticket.id)).all()) == 1


def test_an_answer_does_not_overtake_its_question(arrives: Any, drain: Callable[..., int]) -> None:
    """Both wait after an outage, and another worker has the question."""
    arrives(mail("q1@home", sender="Lan <lan@home.example>", to=DESK), later=True)
    with unit_of_work() as work:
        work.session.execute(update(OutboxRow).values(lease_until=work.now + timedelta(minutes=1)))
    answer = arrives(phone(), sent=True)
    assert answer.state == "pending"
    with unit_of_work() as work:
        work.session.execute(update(OutboxRow).values(lease_until=None, run_at=work.now))
    drain("arrivals")
    db.session.expire_all()
    assert db.session.scalars(select(Inbound.outcome).order_by(Inbound.id)).all() == ["ticket", "echo"]


def test_an_old_answer_does_not_hide_a_newer_question(arrives: Any) -> None:
    ticket = asked(arrives)
    early = (now() - timedelta(hours=1)).strftime("%a, %d %b %Y %H:%M:%S +0000")
    row = arrives(phone(Date=early), sent=True)
    db.session.expire_all()
    assert row.outcome == "echo" and ticket.needs_reply
    assert db.session.scalars(select(Delivery.state)).one() == "sent"


def test_the_thread_says_where_it_was_written(arrives: Any, make: Any) -> None:
    ticket = asked(arrives)
    arrives(phone(), sent=True)
    page = make.client(make.agent()).get(f"/tickets/{ticket.number}").get_data(as_text=True)
    assert (
        "sent from another program" in page and "<b>Shop</b>" in page and "nobody" not in page.partition("hd-thread")[2]
    )


def copied(message_id: str = "p1@phone") -> bytes:
    """An answer from a phone with our own address in copy: it lies in the folder of sent mail and comes in, too."""
    return mail(message_id, sender=f"Shop <{DESK}>", to="lan@home.example", Cc=DESK, text="It leaves today.",
                In_Reply_To="<q1@home>")  # fmt: skip


@pytest.mark.parametrize("first", ["sent", "inbox"])
def test_a_copy_to_our_own_address_is_the_same_message(
    arrives: Any, channel: Channel, drain: Callable[..., int], first: str
) -> None:
    with unit_of_work() as work:
        work.session.get_one(Channel, channel.id).cursor = {"sent": {"folder": "Sent"}}
    ticket, body = asked(arrives), copied()
    rows = [arrives(body, sent=is_sent) for is_sent in ((True, False) if first == "sent" else (False, True))]
    with unit_of_work() as work:  # instead of two seconds
        work.session.execute(update(OutboxRow).values(run_at=work.now))
    drain("arrivals")
    db.session.expire_all()
    outcomes = {row.external_id[:5] == "sent:": (row.outcome, row.ticket_id) for row in rows}
    assert outcomes == {True: ("echo", ticket.id), False: ("duplicate", ticket.id)}
    assert not ticket.needs_reply
    assert len(db.session.scalars(select(Message.id)).all()) == 2
    assert len(db.session.scalars(select(Ticket.id)).all()) == 1


def test_mail_from_our_own_address_without_a_copy_is_not_held_for_ever(
    arrives: Any, channel: Channel, drain: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    with unit_of_work() as work:
        work.session.get_one(Channel, channel.id).cursor = {"sent": {"folder": "Sent"}}
    row = arrives(mail("forged@x", sender=DESK, to=DESK))
    assert row.state == "pending"
    monkeypatch.setattr(waiting, "COPY_WITHIN", timedelta(seconds=-1))
    with unit_of_work() as work:
        work.session.execute(update(OutboxRow).values(run_at=work.now))
    drain("arrivals")
    db.session.expire_all()
    assert (row.state, row.outcome) == ("done", "ticket")
