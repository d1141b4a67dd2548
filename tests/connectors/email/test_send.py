"""Sending to a real SMTP server that answers as it is told."""

from __future__ import annotations

import re
from typing import Any

import pytest

from connectors.contract import (
    Address,
    Outbound,
    OutcomeUnknown,
    OutFile,
    PermanentFailure,
    SurveyAsk,
    TemporaryFailure,
)
from connectors.email import pinned, send
from connectors.email.connector import Email
from connectors.email.parse import parse_mail
from tests.connectors.email.mailbox import ADDRESS, config
from tests.servers.proxy import Proxy
from tests.servers.smtp_sink import SmtpSink

pytestmark = pytest.mark.processes

LAN = Address("email", "lan@customer.example", name="Lan Trần")


def channel(port: int, **settings: Any) -> Email:
    return Email(config(smtp_host="127.0.0.1", smtp_port=port, from_name="Shop Hoa", **settings))


def outbound(**values: Any) -> Outbound:
    facts: dict[str, Any] = {
        "delivery_id": 7,
        "to": (LAN,),
        "text": "Chào chị Lan,\n\nđơn của chị đang được giao.\n.\nMai",
        "subject": "Re: Đơn hàng 20931",
        "message_id": "t1042.m88.6f1c@example.com",
        "in_reply_to": "q-1@customer.example",
        "references": ("q-0@customer.example", "q-1@customer.example"),
        "sender_name": "Mai",
        "ticket_number": 1042,
    }
    return Outbound(**{**facts, **values})


def test_a_reply_arrives_as_it_was_written(sink: SmtpSink):
    receipt = channel(sink.port).send(
        outbound(reply_address="support+t1042-abc@example.com", cc=(Address("email", "b@c.example"),))
    )
    assert [(one.address, one.state) for one in receipt.recipients] == [
        ("lan@customer.example", "sent"),
        ("b@c.example", "sent"),
    ]
    sent = sink.wait(1)[0]
    assert sent.sender == ADDRESS and sent.recipients == ["lan@customer.example", "b@c.example"]
    message = sent.message
    assert message["Subject"] == "Re: [#1042] Đơn hàng 20931"
    assert (
        message["From"] == "Mai (Shop Hoa) <support@example.com>" or message["From"].addresses[0].addr_spec == ADDRESS
    )
    assert message["To"].addresses[0].display_name == "Lan Trần"
    assert message["Reply-To"].addresses[0].addr_spec == "support+t1042-abc@example.com"
    assert message["Message-ID"] == "<t1042.m88.6f1c@example.com>"
    assert message["In-Reply-To"] == "<q-1@customer.example>"
    assert message["References"] == "<q-0@customer.example> <q-1@customer.example>"
    assert message["Auto-Submitted"] is None and message["Precedence"] is None
    body = message.get_body(("plain",)).get_content()
    assert body.split("\n")[2:5] == ["đơn của chị đang được giao.", ".", "Mai"]
    assert "đơn của chị đang được giao." in message.get_body(("html",)).get_content()


def test_files_and_their_names(sink: SmtpSink):
    file = OutFile("hoá đơn số 7.pdf", "application/pdf", 9, lambda: b"%PDF-1.4\n")
    channel(sink.port).send(outbound(files=(file,)))
    part = next(sink.wait(1)[0].message.iter_attachments())
    assert part.get_filename() == "hoá đơn số 7.pdf" and part.get_content() == b"%PDF-1.4\n"


def test_automatic_mail_says_so_and_a_survey_is_a_button(sink: SmtpSink):
    survey = SurveyAsk("tok", "Chị thấy thế nào?", ((1, "Rất tệ"), (5, "Rất tốt")), "https://desk.example/s/tok")
    channel(sink.port).send(
        outbound(
            automatic=True, survey=survey, unsubscribe_url="https://desk.example/u/tok", locale="vi", in_reply_to=""
        )
    )
    message = sink.wait(1)[0].message
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["X-Auto-Response-Suppress"] == "All"
    assert message["List-Unsubscribe"] == "<https://desk.example/u/tok>"
    assert 'class="button" href="https://desk.example/s/tok"' in message.get_body(("html",)).get_content()
    assert "https://desk.example/s/tok" in message.get_body(("plain",)).get_content()
    assert not parse_mail(sink.mails[0].raw).auto_reply_allowed


def test_a_hundred_references_are_trimmed_and_no_line_is_long(sink: SmtpSink):
    many = tuple(f"{'x' * 60}.{n}@customer.example" for n in range(100))
    channel(sink.port).send(
        outbound(references=many, in_reply_to=many[-1], text="dài " * 3000, html="<p>" + "dài " * 3000)
    )
    raw = sink.wait(1)[0].raw
    assert max(len(line) for line in raw.split(b"\r\n")) <= 200
    found = sink.mails[0].message["References"].split()
    assert found[0] == f"<{many[0]}>" and found[-1] == f"<{many[-1]}>" and 10 < len(found) < 30


@pytest.mark.parametrize(
    "evil", ["\r\nBcc: evil@x.example", "\nX-Evil: 1", "\x00\x0bBcc: x", "\u202egpj.exe", '"; x="']
)
def test_nothing_written_in_a_field_becomes_a_header(sink: SmtpSink, evil: str):
    channel(sink.port).send(
        outbound(
            subject=f"Hi{evil}",
            sender_name=f"Mai{evil}",
            message_id=f"id{evil}@x",
            in_reply_to=f"a{evil}@x",
            to=(Address("email", "lan@customer.example", name=f"Lan{evil}"),),
            reply_address=f"support+x{evil}@example.com",
            files=(OutFile(f"a{evil}.txt", f"text/plain{evil}", 1, lambda: b"1"),),
        )
    )
    sent = sink.wait(1)[0]
    assert sent.recipients == ["lan@customer.example"]
    names = {name.lower() for name in sent.message}
    assert not names & {"bcc", "x-evil"}
    assert "\u202e" not in str(sent.message["Subject"])


def test_an_international_domain(sink: SmtpSink):
    channel(sink.port).send(outbound(to=(Address("email", "lan@bưuđiện.vn"),)))
    assert sink.wait(1)[0].recipients == ["lan@xn--buin-x3a6522c.vn"] or sink.mails[0].recipients[0].startswith(
        "lan@xn--"
    )


@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize("reply", ["421 4.3.2 shutting down", "450 4.2.0 greylisted", "451 4.3.0 try later"])
def test_four_hundred_is_temporary(sink: SmtpSink, verb: str, reply: str):
    sink.answer(verb, reply)
    with pytest.raises(TemporaryFailure) as failure:
        channel(sink.port).send(outbound())
    assert reply.split()[0] in str(failure.value)
    sink.behave()
    channel(sink.port).send(outbound())
    assert sink.wait(1)[0].message["Message-ID"] == "<t1042.m88.6f1c@example.com>"


@pytest.mark.parametrize(
    ("verb", "reply", "dead"),
    [
        ("RCPT", "550 5.1.1 <lan@customer.example>: User unknown", True),
        ("RCPT", "550 No such user here", True),
        ("RCPT", "552 5.2.2 Mailbox full", False),
        ("RCPT", "554 5.7.1 Rejected by policy", False),
        ("DATA", "554 5.6.0 Spam", False),
        ("DATA", "552 5.3.4 Too large", False),
        ("MAIL", "550 5.7.1 You are not allowed", False),
    ],
)
def test_five_hundred_is_permanent_and_only_an_unknown_user_is_dead(sink: SmtpSink, verb: str, reply: str, dead: bool):
    sink.answer(verb, reply)
    with pytest.raises(PermanentFailure) as failure:
        channel(sink.port).send(outbound())
    assert failure.value.address_dead is dead
    assert reply[:3] in str(failure.value)


def test_a_partial_refusal_is_told_for_each_recipient(sink: SmtpSink):
    sink.answer("RCPT", "550 5.1.1 unknown user", "gone@customer.example")
    sink.answer("RCPT", "452 4.2.2 full", "full@customer.example")
    others = tuple(Address("email", f"{name}@customer.example") for name in ("gone", "full"))
    receipt = channel(sink.port).send(outbound(cc=others))
    assert [(one.address.split("@")[0], one.state, one.address_dead) for one in receipt.recipients] == [
        ("lan", "sent", False),
        ("gone", "failed", True),
        ("full", "retry", False),
    ]
    assert sink.wait(1)[0].recipients == ["lan@customer.example"]


def test_a_lost_answer_after_the_mail_is_unknown(sink: SmtpSink):
    sink.drop_after_data()
    with pytest.raises(OutcomeUnknown):
        channel(sink.port).send(outbound())
    channel(sink.port).send(outbound())
    assert len({mail.message["Message-ID"] for mail in sink.wait(2)}) == 1


def test_an_answer_that_never_comes_is_unknown_in_time(sink: SmtpSink, monkeypatch):
    monkeypatch.setattr(send, "DATA_TIMEOUT_S", 1.0)
    sink.delay_s = 600
    with pytest.raises(OutcomeUnknown):
        channel(sink.port).send(outbound())


def test_a_line_cut_before_the_end_is_temporary(sink: SmtpSink):
    with Proxy(sink.port) as line:
        line.cut_after(30_000, "up")
        with pytest.raises(TemporaryFailure):
            channel(line.port).send(outbound(text="x" * 2_000_000))
    assert sink.mails == []


def test_a_server_that_hangs_is_temporary(sink: SmtpSink, monkeypatch):
    monkeypatch.setattr(pinned.open_smtp, "__defaults__", (1.5,))
    with Proxy(sink.port) as line:
        line.blackhole()
        with pytest.raises(TemporaryFailure, match="did not answer"):
            channel(line.port).send(outbound())


def test_login(sink: SmtpSink):
    channel(sink.port, smtp_user="agent", smtp_password="secret").send(outbound())
    assert sink.wait(1)[0].login == "agent"
    with pytest.raises(PermanentFailure, match="refused the login") as failure:
        channel(sink.port, smtp_user="agent", smtp_password="canary-3").send(outbound())
    assert "canary-3" not in f"{failure.value!r} {failure.value.__cause__!r}"


def test_a_channel_that_only_receives_sends_nothing(sink: SmtpSink):
    with pytest.raises(PermanentFailure, match="only receives"):
        channel(sink.port, receive_only=True).send(outbound())
    assert sink.mails == []


def test_our_own_mail_reads_well_in_our_own_parser(sink: SmtpSink):
    text = "\n\n".join(f"Đoạn {n}: " + "Chị vui lòng kiểm tra lại giúp em ạ. " * 20 for n in range(40))
    channel(sink.port).send(outbound(text=text))
    mail = parse_mail(sink.wait(1)[0].raw)
    assert mail.sender.name == "Mai (Shop Hoa)" and mail.subject == "Re: [#1042] Đơn hàng 20931"
    assert re.sub(r"\s+", " ", mail.text).strip() == re.sub(r"\s+", " ", text).strip()
    assert mail.defects == []


def test_the_chosen_name_stands_alone_and_nothing_is_linked_twice(sink: SmtpSink):
    survey = SurveyAsk("tok", "?", (), "https://desk.example/s/tok")
    rich = '<p><a href="https://desk.example/s/tok">Rate</a></p>'
    channel(sink.port).send(
        outbound(from_name="Mai · Shop Hoa", survey=survey, html=rich, text="Rate: https://desk.example/s/tok")
    )
    message = sink.wait(1)[0].message
    assert message["From"].addresses[0].display_name == "Mai · Shop Hoa"
    assert message.get_body(("html",)).get_content().count("desk.example/s/tok") == 1
    assert message.get_body(("plain",)).get_content().count("desk.example/s/tok") == 1


def test_the_address_that_answers_a_ticket():
    assert channel(1).reply_address("t7-abc") == "support+t7-abc@example.com"
    assert channel(1).reply_address("") == ""


def test_a_password_with_vietnamese_letters_is_refused_in_words(sink: SmtpSink):
    with pytest.raises(PermanentFailure, match="ASCII"):
        channel(sink.port, smtp_user="agent", smtp_password="mật khẩu").send(outbound())


@pytest.mark.parametrize(("locale", "said"), [("en", "See your requests"), ("vi", "Xem các yêu cầu của bạn")])
def test_the_link_to_one_s_own_requests_stands_below_the_words(sink: SmtpSink, locale: str, said: str):
    url = "https://desk.example/p/1-2-3-abc"
    channel(sink.port).send(outbound(requests_url=url, locale=locale))
    message = sink.wait(1)[0].message
    assert f"{said}: {url}" in message.get_body(("plain",)).get_content()
    assert f'<a href="{url}">{said}</a>' in message.get_body(("html",)).get_content()
