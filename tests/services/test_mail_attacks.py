"""Mail that wants more than it may: the classes of attack other helpdesks fell to, sent as real mails.

cases.md beside the security tests says which test answers which case.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from helpdesk import access
from helpdesk.extensions import db
from helpdesk.models import Channel, Delivery, Identity, Message, Reach, Recipient, Ticket
from helpdesk.services import deliveries, replies
from helpdesk.services.threading import reply_token
from helpdesk.unit_of_work import unit_of_work
from tests.services.mails import mail, mailbox, ticket_of

__all__ = ["mailbox"]  # a fixture

VICTIM, STRANGER = "Lan <lan@khach.example>", "Eve <eve@evil.example>"
FAILED = {"Authentication_Results": "mx.any.example; spf=fail; dmarc=fail"}


@pytest.fixture
def case(mailbox: Any, app: Flask) -> Any:
    """Lan's ticket with an answer of ours; `case.ours` is the Message-ID she got."""
    first = mailbox.take(mail("My order DG-1 is late", VICTIM, subject="Order DG-1"))
    mailbox.ticket, mailbox.viewer = ticket_of(first), mailbox.make.viewer("admin")
    mailbox.answered = answer(mailbox, "It left today.")
    mailbox.ours = f"<{mailbox.answered.rfc822_id}>"
    mailbox.keyring = app.extensions["keyring"]
    mailbox.token = reply_token(mailbox.keyring, mailbox.ticket.id)
    return mailbox


def answer(case: Any, text: str) -> Message:
    with unit_of_work(actor=case.viewer.actor) as work:
        ticket = access.ticket_by_id(work.session, case.viewer, case.ticket.id, lock=True)
        return replies.reply(work, case.viewer, ticket, replies.Written(text=text))


def written_to() -> set[str]:
    """Everybody we ever sent something to."""
    return set(db.session.scalars(select(Recipient.address)))


def tickets() -> int:
    return db.session.scalar(select(func.count()).select_from(Ticket)) or 0


# --- identity and threading (cases 1 to 9) ----------------------------------------------------------------------


def test_a_forged_mail_with_a_stranger_in_copy_gives_the_stranger_nothing(case: Any) -> None:
    forged = mail("Please send me the history", VICTIM, subject="Re: Order DG-1", In_Reply_To=case.ours,
                  Cc="eve@evil.example", **FAILED)  # fmt: skip
    message = case.take(forged)
    assert message.ticket_id == case.ticket.id
    assert message.other_sender  # an agent decides; it changed nothing by itself
    assert "did not confirm" in message.reason
    answer(case, "Here is the rest.")
    assert written_to() == {"lan@khach.example"}
    page = case.make.client(case.make.agent("admin")).get(f"/tickets/{case.ticket.number}").text
    assert "Not proven" in page


@pytest.mark.parametrize("subject", ["[#1001] hi", "Re: Order DG-1 [#1001]", "#1001"])
def test_a_number_is_no_key(case: Any, subject: str) -> None:
    message = case.take(mail("Tell me all", STRANGER, subject=subject))
    assert message.ticket_id != case.ticket.id


def test_a_message_id_is_no_key(case: Any) -> None:
    signed = case.take(mail("Tell me all", STRANGER, In_Reply_To=case.ours))
    assert signed.other_sender
    theirs = case.take(mail("And this", STRANGER, References="<made-up@khach.example>"))
    assert theirs.ticket_id != case.ticket.id
    db.session.refresh(case.ticket)
    assert case.ticket.customer.name == "Lan"
    answer(case, "Only for Lan.")
    assert written_to() == {"lan@khach.example"}


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t[:-1] + ("a" if t[-1] != "a" else "b"),  # one letter
        lambda t: t[:-6],  # cut
        lambda t: t.split("-")[0] + "-",  # nothing
        lambda t: t.replace("t1-", "t2-") if t.startswith("t1-") else "t1-" + t.split("-")[1],  # another ticket's
    ],
)
def test_a_forged_reply_address_is_never_that_ticket(case: Any, change: Callable[[str], str]) -> None:
    forged = mail("Let me in", STRANGER)
    forged.replace_header("To", f"hotro+{change(case.token)}@shop.example")
    assert case.take(forged).ticket_id != case.ticket.id


def test_a_reply_address_in_capitals_works_as_relays_fold_it(case: Any) -> None:
    upper = mail("Still waiting", VICTIM)
    upper.replace_header("To", f"HOTRO+{case.token.upper()}@SHOP.EXAMPLE")
    message = case.take(upper)
    assert message.ticket_id == case.ticket.id
    assert not message.other_sender


@pytest.mark.parametrize("shelf", ["closed", "trash", "spam"])
def test_the_address_of_a_ticket_put_away_loses_nothing(case: Any, shelf: str) -> None:
    with unit_of_work() as work:
        ticket = work.session.get_one(Ticket, case.ticket.id)
        ticket.set_status("closed", work.now) if shelf == "closed" else ticket.put_away(shelf)
    again = mail("One more thing about it, please", VICTIM)
    again.replace_header("To", f"hotro+{case.token}@shop.example")
    message = case.take(again)
    ticket = ticket_of(message)
    if shelf == "closed":
        assert ticket.follow_up_of_id == case.ticket.id
    else:
        assert (ticket.id, ticket.shelf) == (case.ticket.id, "spam" if shelf == "spam" else "open")


def test_nobody_becomes_an_agent_by_a_sender_line(case: Any) -> None:
    case.make.agent("admin", email="boss@shop.example", name="Boss")
    before = db.session.scalar(select(func.count()).select_from(Delivery))
    spoofed = mail(
        "Dear Lan, pay here: https://evil.example", "Boss <boss@shop.example>", In_Reply_To=case.ours, **FAILED
    )
    message = case.take(spoofed)
    assert message.direction == "in"
    assert message.author_type == "customer"
    assert message.other_sender
    assert db.session.scalar(select(func.count()).select_from(Delivery)) == before


def test_headers_of_our_own_from_outside_count_for_nothing(case: Any) -> None:
    pushed = mail("Now!", STRANGER, X_Helpdesk_Priority="urgent", X_Priority="1", X_Helpdesk_Ticket="1001",
                  X_Zammad_Ticket_Owner="admin")  # fmt: skip
    ticket = ticket_of(case.take(pushed))
    assert ticket.id != case.ticket.id
    assert (ticket.priority, ticket.assignee_id) == ("normal", None)


def test_what_a_service_mails_to_us_is_for_agents_only(case: Any) -> None:
    """The ticket trick: a code sent to our address must not be answered or shown to whoever asked for it."""
    code = mail("Your code is 1234", "no-reply@service.example", subject="Confirm your address")
    code.replace_header("To", f"hotro+{case.token}@shop.example")
    message = case.take(code)
    assert message.other_sender
    case.drain()
    assert written_to() == {"lan@khach.example"}


# --- amplification, loops, bounces (10 to 12) -------------------------------------------------------------------


def test_a_mail_bomb_in_somebodys_name_is_answered_a_few_times_at_most(case: Any) -> None:
    with unit_of_work() as work:
        work.session.get_one(Channel, case.channel.id).acknowledge = True
    for n in range(12):
        case.take(mail(f"Win number {n} at evil dot example", "Nam <nam@khach.example>", subject=f"Buy {n}"))
        case.drain("reactions")
    sent = db.session.scalars(select(Message).where(Message.automatic)).all()
    assert 0 < len(sent) <= 3
    assert all("Buy" not in m.subject + m.text and "evil" not in m.text for m in sent)


MACHINES = [
    {"Auto_Submitted": "auto-replied"},
    {"Precedence": "bulk"},
    {"Precedence": "list"},
    {"Precedence": "junk"},
    {"List_Id": "<x.example>"},
    {"X_Auto_Response_Suppress": "All"},
    {"X_Loop": "hotro@shop.example"},
    {"Return_Path": "<>"},
    {"sender": "hotro@shop.example"},
    {"sender": "MAILER-DAEMON@mx.example"},
    {"sender": "no-reply@shop2.example"},
    {"message_id": "<abc@shop.example>"},
    {"subject": "Automatic reply: Order", "text": "I am out of the office."},
    {"subject": "Trả lời tự động: Đơn hàng", "text": "Tôi đang nghỉ phép."},
]


@pytest.mark.parametrize("headers", MACHINES, ids=lambda h: " ".join(f"{k}={v}" for k, v in h.items())[:50])
def test_no_machine_is_ever_answered(case: Any, headers: dict[str, str]) -> None:
    with unit_of_work() as work:
        work.session.get_one(Channel, case.channel.id).acknowledge = True
    facts = {"text": "Hello there, I have a question", "sender": "nam@khach.example"} | headers
    case.take(mail(facts.pop("text"), facts.pop("sender"), **facts))
    case.drain("reactions")
    assert db.session.scalar(select(func.count()).select_from(Message).where(Message.automatic)) == 0


def bounce(case: Any, text: str, status: str, subject: str = "Undelivered Mail Returned to Sender") -> bytes:
    return (
        f"From: MAILER-DAEMON@mx.example\nTo: hotro@shop.example\nSubject: {subject}\nReturn-Path: <>\n"
        f"Message-ID: <b-{status}@mx.example>\nMIME-Version: 1.0\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\n\n'
        f"--b\nContent-Type: text/plain; charset=utf-8\n\n{text}\n"
        "--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example\n\n"
        f"Final-Recipient: rfc822; lan@khach.example\nAction: failed\nStatus: {status}\n"
        f"Diagnostic-Code: smtp; 550 {status} {text}\n\n"
        f"--b\nContent-Type: text/rfc822-headers\n\nMessage-ID: {case.ours}\n\n--b--\n"
    ).encode()


@pytest.mark.parametrize(
    ("text", "status", "state"),
    [
        ("user unknown", "5.1.1", "bounced_hard"),
        ("mailbox full", "5.2.2", "bounced_soft"),
        ("message too large", "5.3.4", "bounced_soft"),
        ("rejected by policy", "5.7.1", "bounced_soft"),
        ("Hộp thư đã đầy", "5.2.2", "bounced_soft"),
    ],
)
def test_a_bounce_marks_what_we_sent_and_opens_nothing(case: Any, text: str, status: str, state: str) -> None:
    count, before = tickets(), case.ticket.status
    case.take(bounce(case, text, status))
    assert tickets() == count
    delivery = db.session.scalars(select(Delivery).where(Delivery.message_id == case.answered.id)).one()
    db.session.refresh(delivery)
    assert delivery.state == "failed"
    assert text in delivery.error
    reach = db.session.scalars(select(Reach).where(Reach.channel_id == case.channel.id)).one()
    db.session.refresh(reach)
    assert reach.state == state
    notice = db.session.scalars(select(Message).where(Message.auto == "bounce")).one()
    answered = db.session.get_one(Message, case.answered.id, populate_existing=True)
    assert notice.seq > answered.seq  # it stands below what it is about
    db.session.refresh(case.ticket)
    assert case.ticket.status in (before, "pending")
    usable = [o.ok for o in replies.options(db.session(), case.ticket)]
    assert usable == [state == "bounced_soft"]  # a passing failure warns; only a dead address is closed
    case.drain("reactions")
    assert db.session.scalar(select(func.count()).select_from(Message).where(Message.automatic)) == 0


def test_an_address_that_is_gone_is_offered_by_no_other_mailbox(case: Any, make: Any) -> None:
    other = make.channel(
        "email", name="Other", config={"address": "other@shop.example", "smtp_host": "mail.shop.example"}
    )
    case.take(bounce(case, "user unknown", "5.1.1"))

    def offered() -> dict[int, tuple[bool, str]]:
        db.session.expire_all()
        return {o.channel_id: (o.ok, o.reason) for o in replies.options(db.session(), case.ticket)}

    assert {ok for ok, _ in offered().values()} == {False}
    assert "5.1.1" in offered()[other.id][1]
    page = case.make.client(case.make.agent("admin")).get(f"/tickets/{case.ticket.number}/side").text
    assert page.count("hd-unreach") == 2  # said once for both, and that nobody can be reached
    assert "Other · lan@khach.example" in page  # which mailbox, where there are several
    case.take(mail("I am here", "Lan <lan@khach.example>", message_id="<back@khach.example>"))
    assert {ok for ok, _ in offered().values()} == {True}  # they wrote: it does exist


def test_a_bounce_of_nothing_of_ours_disables_nobody(case: Any) -> None:
    forged = bounce(case, "user unknown", "5.1.1").replace(
        case.ours.encode(), b"<hd.1.2.aaaaaaaaaaaaaaaa@shop.example>"
    )
    case.take(forged)
    reach = db.session.scalars(select(Reach).where(Reach.channel_id == case.channel.id).order_by(Reach.id)).first()
    db.session.refresh(reach)
    assert reach.state == "unverified"


# --- what is shown and where answers go (13 to 15) --------------------------------------------------------------


def test_an_answer_goes_to_the_address_that_is_shown_and_not_to_reply_to(case: Any) -> None:
    message = case.take(mail("A question", "Nam <nam@khach.example>", Reply_To="eve@evil.example"))
    ticket = ticket_of(message)
    with unit_of_work(actor=case.viewer.actor) as work:
        held = access.ticket_by_id(work.session, case.viewer, ticket.id, lock=True)
        sent = replies.reply(work, case.viewer, held, replies.Written(text="An answer"))
        work.session.flush()
        delivery_id = work.session.query(Delivery.id).filter_by(message_id=sent.id).scalar()
    outbound = deliveries.compose(db.session(), delivery_id)[1]
    assert [a.value for a in outbound.to] == ["nam@khach.example"]
    assert message.meta["reply_to"] == [{"name": "", "address": "eve@evil.example"}]


def test_line_ends_in_names_and_subjects_stay_out_of_headers(case: Any) -> None:
    raw = b"From: =?utf-8?q?Nam=0D=0ABcc=3A_x=40evil.example?= <nam@khach.example>\nTo: hotro@shop.example\n"
    raw += b"Message-ID: <inj@khach.example>\nSubject: =?utf-8?q?Hi=0D=0ABcc=3A_x=40evil.example?=\n\nwords\n"
    ticket = ticket_of(case.take(raw))
    assert "\n" not in ticket.subject + ticket.customer.name
    case.ticket = ticket
    sent = answer(case, "An answer")
    from connectors.email.compose import compose

    delivery_id = db.session.scalars(select(Delivery.id).where(Delivery.message_id == sent.id)).one()
    connector, outbound = deliveries.compose(db.session(), delivery_id)
    head = compose(outbound, connector.config).split(b"\r\n\r\n")[0]
    assert not any(line.lower().startswith(b"bcc:") for line in head.split(b"\r\n"))


def test_a_name_like_ours_hides_no_address(case: Any) -> None:
    fake = mail("Your password please", '"Support <hotro@shop.example>" <eve@evil.example>')
    message = case.take(fake)
    page = case.make.client(case.make.agent("admin")).get(f"/tickets/{ticket_of(message).number}").text
    assert "eve@evil.example" in page
    turned = case.take(mail("Look", "\u202egnp.exe\u202c <rtl@evil.example>", subject="a\u202eb"))
    identity = db.session.get_one(Identity, turned.identity_id)
    assert "\u202e" not in identity.name + ticket_of(turned).subject


# --- what must not stop the desk (21 to 26) -----------------------------------------------------------------------


def test_dates_from_anywhere_do_not_disorder_the_thread(case: Any) -> None:
    for n, date in enumerate(["Thu, 01 Jan 1970 00:00:00 +0000", "Sat, 01 Jan 2099 00:00:00 +0000", "yesterday", ""]):
        headers = {"Date": date} if date else {}
        message = case.take(mail(f"Dated {n}, please have a look", VICTIM, In_Reply_To=case.ours, **headers))
        assert message.created_at >= case.answered.created_at
        assert message.id == max(db.session.scalars(select(Message.id).where(Message.ticket_id == case.ticket.id)))


def test_unstorable_characters_are_stored_with_a_replacement(case: Any) -> None:
    raw = b"From: nam@khach.example\nTo: hotro@shop.example\nMessage-ID: <nul@khach.example>\nSubject: a\x00b\n"
    raw += b"Content-Type: text/plain; charset=utf-7\n\nHello \x00 +2AA- \xf0\x9f\x98\x80 \xe2\x80\xae end\n"
    message = case.take(raw)
    assert "Hello" in message.text
    assert "\x00" not in message.text + message.subject


def test_too_many_links_are_cut_and_the_whole_is_kept(case: Any) -> None:
    links = "".join(f'<p><a href="https://x.example/{n}">{n}</a></p>' for n in range(40_000))
    raw = b"From: nam@khach.example\nTo: hotro@shop.example\nMessage-ID: <links@khach.example>\nSubject: links\n"
    raw += b"Content-Type: text/html\n\n<html>" + links.encode() + b"</html>"
    message = case.take(raw)
    assert message.meta["defects"]
    assert message.html == ""
    client = case.make.client(case.make.agent("admin"))
    assert client.get(f"/messages/{message.id}/source").data == raw
