"""The folder of sent mail, watched on a real Dovecot."""

from __future__ import annotations

import pytest

from connectors.contract import InboundMessage, PermanentFailure, Raw, TemporaryFailure
from connectors.email import listen
from connectors.email.connector import Email
from tests.connectors.email.mailbox import ADDRESS, config, listening, mail, mailbox
from tests.servers.dovecot import Dovecot

pytestmark = [pytest.mark.dovecot, pytest.mark.processes]


def answer(number: int, text: str = "On its way.", extra: str = "") -> bytes:
    return (
        f"{extra}From: Support <{ADDRESS}>\r\nTo: Lan <lan@customer.example>\r\nSubject: Re: Question {number}\r\n"
        f"Date: Sat, 21 Nov 2026 09:10:00 +0700\r\nMessage-ID: <phone{number}@mail.example>\r\n"
        f"In-Reply-To: <m{number}@customer.example>\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n"
    ).encode()


def sent(raws: list[Raw]) -> list[Raw]:
    return [raw for raw in raws if raw.meta.get("sent") == "1"]


def test_what_is_sent_elsewhere_is_found_and_what_was_sent_before_is_not(dovecot: Dovecot):
    dovecot.deliver(answer(1), "Sent")
    dovecot.deliver(mail(1))
    with listening(mailbox(dovecot.port)) as found:
        found.wait(1)
        uid = dovecot.deliver(answer(2), "Sent")
        raws = found.wait(2)
    assert [raw.meta["folder"] for raw in raws] == ["INBOX", "Sent"]
    assert [raw.body for raw in sent(raws)] == [answer(2)] and not sent(raws)[0].history
    assert "\\Seen" not in dovecot.flags(uid, "Sent")
    dovecot.deliver(answer(3), "Sent")  # while nobody listens
    with listening(mailbox(dovecot.port), found.cursor) as again:
        assert [raw.body for raw in again.wait(1)] == [answer(3)]


def test_a_folder_of_sent_mail_that_was_renumbered_brings_no_history(dovecot: Dovecot):
    old = answer(1).replace(b"Sat, 21 Nov 2026", b"Wed, 01 Jan 2020")
    with dovecot.session() as imap:
        imap.append("Sent", "", '"01-Jan-2020 08:00:00 +0000"', old)
    with listening(mailbox(dovecot.port)) as found:
        found.settled()
        dovecot.deliver(answer(2), "Sent")
        found.wait(1)
    dovecot.change_uidvalidity("Sent")
    with listening(mailbox(dovecot.port), found.cursor) as again:
        raws = again.wait(1)
        dovecot.deliver(mail("a sign that the round is over"))
        raws = again.wait(2)
    assert [raw.external_id for raw in sent(raws)] == [raw.external_id for raw in found.raws]


def test_it_is_an_echo_whatever_our_own_addresses_are():
    raw = Raw("x", answer(1), "message/rfc822", meta={"sent": "1"})
    (echo,) = Email(config()).parse(raw)
    assert isinstance(echo, InboundMessage)
    assert (echo.kind, echo.reply_text, echo.auto) == ("echo", "On its way.", "no")
    assert [to.value for to in echo.to] == ["lan@customer.example"]
    assert echo.evidence.in_reply_to == ("m1@customer.example",)


def test_what_no_person_sent_and_our_own_tests_are_no_echo():
    away = Raw("x", answer(1, extra="Auto-Submitted: auto-replied\r\n"), meta={"sent": "1"})
    test = Raw("x", answer(1).replace(b"<phone1@", b"<helpdesk-test-1@"), meta={"sent": "1"})
    large = Raw("x", answer(1), meta={"sent": "1", "too_large": "99999999"})
    assert [list(Email(config()).parse(raw)) for raw in (away, test, large)] == [[], [], []]


def test_switched_off_nothing_sent_is_read(dovecot: Dovecot):
    with listening(mailbox(dovecot.port, watch_sent=False)) as found:
        found.settled()
        dovecot.deliver(answer(1), "Sent")
        dovecot.deliver(mail(1))
        dovecot.deliver(mail(2))
        assert sent(found.wait(2)) == []
    assert "sent" not in found.cursor


def test_a_folder_without_a_mark_is_found_by_its_vietnamese_name(dovecot: Dovecot):
    with listening(mailbox(dovecot.port, sent_folder="Thư đã gửi")) as found, pytest.raises(PermanentFailure) as failed:
        found.settled()
    assert "Thư đã gửi" in str(failed.value)
    from connectors.email import folders, pinned

    session = pinned.open_imap(mailbox(dovecot.port).config)
    try:
        session.create_folder("Thư đã gửi")
        session.delete_folder("Sent") if session.folder_exists("Sent") else None
        marked = folders.find(session, folders.SENT)
        folders.NAMES[rb"\None"] = folders.NAMES[folders.SENT]
        assert folders.find(session, rb"\None") == ("Sent" if marked == "Sent" else "Thư đã gửi")
        session.delete_folder("Sent")
    finally:
        del folders.NAMES[rb"\None"]
        pinned.close_imap(session)
    with listening(mailbox(dovecot.port, sent_folder="Thư đã gửi")) as found:
        found.settled()
        assert found.cursor["sent"]["folder"] == "Thư đã gửi"


def test_a_server_that_gives_one_connection_only_still_brings_the_mail(dovecot: Dovecot, monkeypatch):
    with listening(mailbox(dovecot.port)) as found:
        found.settled()
    opened = []
    real = listen.open_imap

    def one_only(given):
        opened.append(given)
        if len(opened) == 2:
            raise TemporaryFailure("The mail server does not take a login at the moment.")
        return real(given)

    monkeypatch.setattr(listen, "open_imap", one_only)
    with listening(mailbox(dovecot.port), found.cursor) as limited:
        dovecot.deliver(answer(1), "Sent")
        dovecot.deliver(mail(1))
        assert sent(limited.wait(1)) == []
    assert limited.cursor["sent"] == found.cursor["sent"], "where it was is not forgotten"
    with listening(mailbox(dovecot.port), limited.cursor) as again:
        assert [raw.body for raw in again.wait(1)] == [answer(1)]
