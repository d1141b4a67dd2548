"""Mail as it comes, from the raw bytes to the ticket: forwarded, doubled, blocked, looping, invited, tracked."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from helpdesk.extensions import db
from helpdesk.models import Channel, Customer, Identity, Message, Ticket
from helpdesk.services import settings as desk_settings
from helpdesk.unit_of_work import unit_of_work
from tests.services.mails import SHOP, mail, mailbox, ticket_of

__all__ = ["mailbox"]  # a fixture

FORWARD = """Nhờ mọi người xem giúp khách này.

---------- Forwarded message ---------
Từ: Trần Lan <lan@khach.example>
Date: Th 6, 20 thg 11, 2026 lúc 09:12
Subject: Ấm trà bị vỡ
To: <mai@shop.example>

Chào shop, ấm trà mình nhận hôm qua bị vỡ nắp.
Mình muốn đổi cái khác ạ.
"""


# --- an agent passes on what came to their own mailbox -------------------------------------------------------


def test_what_an_agent_forwards_is_the_original_senders_ticket(mailbox: Any) -> None:
    mailbox.make.agent("agent", email="mai@shop.example", name="Mai")
    message = mailbox.take(mail(FORWARD, "Mai <mai@shop.example>", subject="Fwd: Ấm trà bị vỡ"))
    ticket = ticket_of(message)
    assert ticket.customer.name == "Trần Lan"
    assert db.session.get_one(Identity, ticket.identity_id).value == "lan@khach.example"
    assert ticket.subject == "Ấm trà bị vỡ"
    assert message.text == "Chào shop, ấm trà mình nhận hôm qua bị vỡ nắp.\nMình muốn đổi cái khác ạ."
    assert message.meta["forwarded_by"] == "Mai"
    assert "original sender" in message.reason
    note = db.session.scalars(select(Message).where(Message.ticket_id == ticket.id, Message.kind == "note")).one()
    assert not note.public
    assert "Nhờ mọi người xem giúp" in note.text
    assert ticket.needs_reply


def test_a_forward_with_the_mail_as_a_file(mailbox: Any) -> None:
    mailbox.make.agent("agent", email="mai@shop.example", name="Mai")
    outer = mail("See below", "mai@shop.example", subject="Fw: broken")
    outer.add_attachment(mail("The lid is broken", "Bình <binh@khach.example>", subject="broken lid"))
    ticket = ticket_of(mailbox.take(outer))
    assert (ticket.customer.name, ticket.subject) == ("Bình", "broken lid")


def test_a_customer_who_forwards_stays_the_writer(mailbox: Any) -> None:
    ticket = ticket_of(mailbox.take(mail(FORWARD, "Hùng <hung@khach.example>", subject="Fwd: Ấm trà")))
    assert ticket.customer.name == "Hùng"


def test_a_forward_that_the_agents_server_disowns_names_nobody_else(mailbox: Any) -> None:
    mailbox.make.agent("agent", email="mai@shop.example", name="Mai")
    forged = mail(FORWARD, "mai@shop.example", subject="Fwd: x", Authentication_Results="mx.any.example; dmarc=fail")
    assert db.session.get_one(Identity, ticket_of(mailbox.take(forged)).identity_id).value == "mai@shop.example"


# --- two doors, one mail ------------------------------------------------------------------------------------------


def test_one_mail_to_two_of_our_addresses_is_one_ticket_that_knows_both(mailbox: Any, client: FlaskClient) -> None:
    other = mailbox.make.channel("email", name="Sales", config={**SHOP, "address": "sales@shop.example"})
    both = mail("I write to both", Cc="sales@shop.example")
    first = mailbox.take(both)
    again = mailbox.take(both, other)
    assert again is not None and first is not None
    assert again.id == first.id
    db.session.refresh(first)
    assert first.meta["also_to"] == ["Sales"]
    assert db.session.scalar(select(func.count()).select_from(Ticket)) == 1
    page = mailbox.make.client(mailbox.make.agent("admin")).get(f"/tickets/{ticket_of(first).number}").text
    assert "Also came to Sales" in page


# --- whom we do not want to hear --------------------------------------------------------------------------------


@pytest.mark.parametrize("entry", ["spam@bad.example", "@bad.example", "@other.example\n@BAD.example"])
def test_blocked_senders_go_to_spam(mailbox: Any, entry: str) -> None:
    with unit_of_work() as work:
        desk_settings.put(work, "blocked_senders", entry)
    mailbox.channel.acknowledge = True
    assert ticket_of(mailbox.take(mail("Buy now", "spam@bad.example"))).shelf == "spam"
    assert ticket_of(mailbox.take(mail("Hello", "a@notbad.example"))).shelf == "open"


def test_one_click_blocks_the_sender_of_a_ticket(mailbox: Any) -> None:
    ticket = ticket_of(mailbox.take(mail("Buy now", "spam@bad.example")))
    client = mailbox.make.client(mailbox.make.agent("agent"))
    for _ in range(2):
        assert client.post(f"/tickets/{ticket.number}/block").status_code == 303
    db.session.refresh(ticket)
    assert ticket.shelf == "spam"
    assert db.session.get_one(Customer, ticket.customer_id).blocked_at is not None
    assert ticket_of(mailbox.take(mail("Buy again", "spam@bad.example"))).shelf == "spam"


# --- machines that answer machines ------------------------------------------------------------------------------


def automatic() -> int:
    return db.session.scalar(select(func.count()).select_from(Message).where(Message.automatic)) or 0


def test_a_loop_ends_without_any_header(mailbox: Any) -> None:
    with unit_of_work() as work:
        work.session.get_one(Channel, mailbox.channel.id).acknowledge = True
    for n in range(6):  # each time another subject and no header that tells: only the haste gives it away
        mailbox.take(mail(f"Your mail number {n} reached us", "robot@other.example", subject=f"Ticket {n} opened"))
        mailbox.drain()
    assert automatic() == 1


def test_a_slow_loop_ends_by_its_repetition(mailbox: Any) -> None:
    with unit_of_work() as work:
        work.session.get_one(Channel, mailbox.channel.id).acknowledge = True
    for n in range(4):
        same = mail("We have received your message.", "robot@other.example", subject=f"Received {n}",
                    message_id=f"<slow-{n}@other.example>")  # fmt: skip
        mailbox.take(same)
        mailbox.drain()
        with unit_of_work() as work:  # half an hour passes
            for message in work.session.scalars(select(Message)):
                message.created_at -= timedelta(minutes=30)
    assert automatic() == 1


# --- what a mail carries ------------------------------------------------------------------------------------------

INVITE = (
    "BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nBEGIN:VTIMEZONE\r\nTZID:x\r\nBEGIN:STANDARD\r\nDTSTART:19700101T000000\r\n"
    "END:STANDARD\r\nEND:VTIMEZONE\r\nBEGIN:VEVENT\r\nSUMMARY:Giao ấm trà\\, tầng\r\n  2\r\n"
    "DTSTART;TZID=SE Asia Standard Time:20261124T090000\r\nDTEND;TZID=SE Asia Standard Time:20261124T093000\r\n"
    "LOCATION:12 Lê Lợi\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)


def test_an_invitation_is_shown_as_one(mailbox: Any) -> None:
    made = mail("Please come")
    made.add_attachment(INVITE.encode(), maintype="text", subtype="calendar", filename="invite.ics")
    message = mailbox.take(made)
    assert message.meta["invite"] == "Giao ấm trà, tầng 2"
    assert message.meta["invite_start"] == "2026-11-24T02:00:00Z"
    page = mailbox.make.client(mailbox.make.agent("admin")).get(f"/tickets/{ticket_of(message).number}").text
    assert "Invitation:" in page
    assert "24 Nov 2026, " in page and ":00:00" not in page
    assert "12 Lê Lợi" in page


def test_tracking_pixels_are_named_and_nothing_is_loaded(mailbox: Any) -> None:
    made = mail("Hello")
    made.add_alternative(
        '<p>Hello</p><img src="https://open.spy.example/o.gif?u=1" width="1" height="1">'
        '<img src="https://pics.shop.example/big.png" width="600">',
        subtype="html",
    )
    message = mailbox.take(made)
    assert message.meta["trackers"] == "open.spy.example"
    client = mailbox.make.client(mailbox.make.agent("admin"))
    assert "Tracking pixel held back: open.spy.example" in client.get(f"/tickets/{ticket_of(message).number}").text
    framed = client.get(f"/messages/{message.id}/html").text
    assert ' src="https' not in framed


def test_a_mail_not_confirmed_by_its_server_says_so(mailbox: Any) -> None:
    made = mail("It is me", Authentication_Results="mx.shop.example; spf=fail; dkim=none; dmarc=fail")
    message = mailbox.take(made)
    page = mailbox.make.client(mailbox.make.agent("admin")).get(f"/tickets/{ticket_of(message).number}").text
    assert "Not proven" in page
    assert "DMARC fail" in page


def test_an_attached_mail_can_be_opened(mailbox: Any) -> None:
    outer = mail("See this")
    outer.add_attachment(
        mail("The inner words <script>alert(1)</script>", "Bình <binh@khach.example>", subject="Inner")
    )
    message = mailbox.take(outer)
    (file,) = message.attachments
    client = mailbox.make.client(mailbox.make.agent("admin"))
    page = client.get(f"/tickets/{ticket_of(message).number}").text
    assert f"/files/{file.token}/mail" in page
    opened = client.get(f"/files/{file.token}/mail")
    assert opened.status_code == 200
    assert "The inner words" in opened.text
    assert "<script>alert" not in opened.text
    assert "binh@khach.example" in opened.text


def test_only_mails_are_opened_as_mails(mailbox: Any) -> None:
    client = mailbox.make.client(mailbox.make.agent("admin"))
    up = client.post("/uploads", data={"file": (io.BytesIO(b"words"), "a.txt")}).json
    assert client.get(f"/files/{up['token']}/mail").status_code == 303


# --- addresses while they are typed -----------------------------------------------------------------------------


def test_a_mistyped_address_is_told_with_what_was_meant(mailbox: Any) -> None:
    client = mailbox.make.client(mailbox.make.agent("agent"))
    told = client.get("/addresses/check", query_string={"cc": "lan@gmial.com, Bình <binh@yahoo.com.vn>, nobody"}).text
    assert "lan@gmail.com" in told
    assert "binh@yahoo.com.vn" not in told
    assert "nobody is not an address." in told
    who = client.get("/new/message/who", query_string={"who": "lan@hotmial.com"}).text
    assert "lan@hotmail.com" in who
