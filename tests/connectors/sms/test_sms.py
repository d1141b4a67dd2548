"""SMS: Twilio's golden vectors, both ways through the desk, eSMS out, and what a text costs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlencode

import pytest

from connectors.contract import ChannelConfig, Refused, TemporaryFailure, WebRequest
from connectors.sms import esms, twilio
from connectors.sms.connector import Sms
from connectors.sms.segments import plain, segments, units
from helpdesk import access
from helpdesk.extensions import db
from helpdesk.models import Attachment, Delivery, Message, Ticket
from helpdesk.services import replies, ways
from helpdesk.services import settings as desk_settings
from helpdesk.services.replies import Written
from helpdesk.unit_of_work import unit_of_work
from tests.connectors.kits import LOOPBACK, twilio_signature
from tests.servers.receiver import Receiver

pytestmark = pytest.mark.processes

FORM = {
    "MessageSid": "SM00000000000000000000000000000001", "AccountSid": "AC00000000000000000000000000000001",
    "From": "+84901234567", "To": "+18005550123", "Body": "Xin chào", "NumMedia": "0",
}  # fmt: skip


# --- signatures ----------------------------------------------------------------------------------------------


def test_twilios_golden_vectors() -> None:
    call = [("CallSid", "CA1234567890ABCDE"), ("Caller", "+12349013030"), ("Digits", "1234"), ("From", "+12349013030"),
            ("To", "+18005551212")]  # fmt: skip
    assert (
        twilio.signature("12345", "https://mycompany.com/myapp.php?foo=1&bar=2", call) == "0/KCTR6DLpKmkAf8muzZqo1nDgQ="
    )
    url = "https://desk.example.vn/hooks/twilio/1"
    assert twilio.signature("12345", url, list(FORM.items())) == "yXvBojzHf7Mj2ZDt7VWlZhAPw+I="
    assert twilio.signature("12345", url, [*FORM.items(), ("NumMedia", "0")]) == "yXvBojzHf7Mj2ZDt7VWlZhAPw+I="
    sha256 = twilio.signature("12345", url, list(FORM.items()), "sha256")
    assert sha256 == "fdT5wJsJSuRy0nJHbxHU8A88BxByz3hFj62XJ4DTh8A="
    body_sha256 = "015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862"
    json_url = f"https://desk.example.vn/hooks/twilio/json?bodySHA256={body_sha256}"
    assert twilio.signature("12345", json_url, ()) == "j692YnGr6OFfzhH2aIYFhiZ6STI="


@pytest.mark.parametrize(
    ("kept", "key", "good"),
    [("shared-key-1", "shared-key-1", True), ("shared-key-1", "12345", False), ("", "", False), ("", "12345", False)],
)
def test_an_account_that_signs_with_a_shared_key(kept: str, key: str, good: bool) -> None:
    url = "https://desk.example/hooks/k"
    headers = {
        "x-twilio-webhooks-signature-settings": "key=SK1,algorithm=HMAC_SHA256",
        "x-twilio-signature": twilio.signature(key, url, list(FORM.items()), "sha256"),
    }
    request = WebRequest("POST", headers, urlencode(FORM).encode(), {})
    config = ChannelConfig(
        1, "k", "SMS", {"auth_token": "12345", "signing_secret": kept}, public_url="https://desk.example"
    )
    if good:
        assert twilio.accept(config, request).raws
        return
    with pytest.raises(Refused):
        twilio.accept(config, request)


def signed(url: str, form: dict[str, str] = FORM, query: dict[str, str] | None = None) -> WebRequest:
    return WebRequest(
        "POST",
        {"x-twilio-signature": twilio.signature("12345", url, list(form.items()))},
        urlencode(form).encode(),
        query or {},
    )


@pytest.mark.parametrize(
    ("url", "query", "good"),
    [
        ("https://desk.example/hooks/k", {}, True),
        ("https://desk.example:443/hooks/k", {}, True),
        ("https://desk.example/hooks/k?a=1", {"a": "1"}, True),
        ("https://desk.example/hooks/k", {"a": "1"}, False),
        ("https://evil.example/hooks/k", {}, False),
        ("http://desk.example/hooks/k", {}, False),
    ],
)
def test_the_address_is_part_of_what_is_signed(url: str, query: dict[str, str], good: bool) -> None:
    config = ChannelConfig(1, "k", "n", {"auth_token": "12345"}, public_url="https://desk.example")
    if good:
        assert Sms(config).accept(signed(url, query=query)).raws
    else:
        with pytest.raises(Refused):
            Sms(config).accept(signed(url, query=query))


# --- what a text costs ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "sms"),
    [
        ("", 0), ("a", 1), ("a" * 160, 1), ("a" * 161, 2), ("a" * 306, 2), ("a" * 307, 3),
        ("€" * 80, 1), ("€" * 81, 2), ("à" * 160, 1), ("ạ" * 70, 1), ("ạ" * 71, 2), ("ạ" * 134, 2), ("ạ" * 135, 3),
        ("🙂" * 35, 1), ("🙂" * 36, 2), ("Yêu cầu của bạn đã được xử lý", 1),
    ],
)  # fmt: skip
def test_segments(text: str, sms: int) -> None:
    assert segments(text) == sms


def test_without_diacritics_a_text_is_cheaper() -> None:
    text = "Đơn hàng của chị đã được giao cho đơn vị vận chuyển, dự kiến đến ngày mai – “shop” cảm ơn…"
    assert plain(text) == 'Don hang cua chi da duoc giao cho don vi van chuyen, du kien den ngay mai - "shop" cam on...'
    assert (segments(text), segments(plain(text))) == (2, 1)
    assert units(plain(text)) == len(plain(text))


# --- Twilio through the desk ---------------------------------------------------------------------------------


@pytest.fixture
def provider() -> Iterator[Receiver]:
    with Receiver() as server:
        yield server


@pytest.fixture
def channel(make: Any, provider: Receiver) -> Any:
    with unit_of_work() as work:
        desk_settings.put(work, "public_url", "https://desk.example")
    return make.channel(
        "sms",
        config={"account_sid": "AC1", "auth_token": "12345", "sender": "+1 800 555 0123", "api_base": provider.url},
    )


def call(client: Any, channel: Any, drain: Any, **form: str) -> None:
    body = urlencode(form).encode()
    headers = twilio_signature(body, "12345", f"https://desk.example/hooks/{channel.key}")
    answer = client.post(f"/hooks/{channel.key}", data=body, headers=headers)
    assert answer.status_code == 200 and "<Response>" in answer.text
    drain()
    db.session.rollback()


def ticket() -> Ticket:
    db.session.rollback()
    return db.session.query(Ticket).one()


def answer(make: Any, text: str) -> int:
    viewer = make.viewer("admin")
    with unit_of_work(actor=viewer.actor) as work:
        found = access.ticket_by_id(work.session, viewer, ticket().id, lock=True)
        return replies.reply(work, viewer, found, Written(text=text)).id


def state(message_id: int) -> tuple[str, str]:
    db.session.rollback()
    found = db.session.query(Delivery).filter_by(message_id=message_id).one()
    return found.state, found.error


def test_an_sms_comes_in_and_is_answered_and_arrives(
    client: Any, channel: Any, drain: Any, make: Any, provider: Receiver
) -> None:
    call(client, channel, drain, **FORM)
    assert (ticket().subject, ticket().customer.identities[0].value) == ("Xin chào", "+84901234567")
    provider.answers = [(201, b'{"sid": "SMout1", "status": "queued"}')]
    sent = answer(make, "Chào chị")
    drain()
    (came,) = provider.came
    form = {k: v[0] for k, v in parse_qs(came.body.decode()).items()}
    assert came.path == "/2010-04-01/Accounts/AC1/Messages.json" and came.headers["authorization"].startswith("Basic ")
    assert form == {
        "To": "+84901234567", "Body": "Chào chị", "From": "+18005550123",
        "StatusCallback": f"https://desk.example/hooks/{channel.key}",
    }  # fmt: skip
    assert state(sent) == ("sent", "")
    for said in ("delivered", "sent", "delivered"):
        call(client, channel, drain, MessageSid="SMout1", MessageStatus=said, AccountSid="AC1")
    assert state(sent) == ("delivered", "")
    call(client, channel, drain, **FORM | {"MessageSid": "SM2", "Body": "Cảm ơn, còn đơn kia?"})
    assert db.session.query(Message).filter_by(ticket_id=ticket().id, direction="in").count() == 2


def test_a_failed_sms_says_why(client: Any, channel: Any, drain: Any, make: Any, provider: Receiver) -> None:
    call(client, channel, drain, **FORM)
    provider.answers = [(201, b'{"sid": "SMout1"}')]
    sent = answer(make, "Chào chị")
    drain()
    call(client, channel, drain, MessageSid="SMout1", MessageStatus="undelivered", ErrorCode="30003")
    assert state(sent) == ("failed", "The phone could not be reached: switched off, or no network.")


def test_stop_is_heeded_and_start_lifts_it(client: Any, channel: Any, drain: Any) -> None:
    call(client, channel, drain, **FORM)
    call(client, channel, drain, **FORM | {"MessageSid": "SM2", "Body": "STOP", "OptOutType": "STOP"})
    (way,) = ways.options(db.session(), ticket())
    assert not way.ok and "STOP" in way.reason
    call(client, channel, drain, **FORM | {"MessageSid": "SM3", "Body": "START", "OptOutType": "START"})
    assert ways.options(db.session(), ticket())[0].ok


@pytest.mark.parametrize(
    ("status", "body", "expected", "blocked"),
    [
        (400, {"code": 21610, "message": "unsubscribed"}, "failed", True),
        (400, {"code": 21211, "message": "invalid"}, "failed", True),
        (401, {"code": 20003, "message": "Authenticate"}, "failed", False),
        (429, {"code": 20429}, "queued", False),
        (503, {}, "queued", False),
        (201, {}, "unknown", False),
    ],
)
def test_refusals(
    client: Any,
    channel: Any,
    drain: Any,
    make: Any,
    provider: Receiver,
    status: int,
    body: Any,
    expected: str,
    blocked: bool,
) -> None:
    call(client, channel, drain, **FORM)
    provider.answers = [(status, json.dumps(body).encode())]
    sent = answer(make, "Chào chị")
    drain()
    assert state(sent)[0] == expected and state(sent)[1]
    assert ways.options(db.session(), ticket())[0].ok is not blocked


def test_a_picture_is_fetched_from_twilio_only(client: Any, channel: Any, drain: Any, provider: Receiver) -> None:
    provider.answers = [(200, b"\xff\xd8picture")]
    media = {"NumMedia": "2", "Body": "", "MediaContentType0": "image/jpeg", "MediaUrl0": f"{provider.url}/M/1",
             "MediaUrl1": "https://evil.example/steal"}  # fmt: skip
    call(client, channel, drain, **FORM | media)
    (first, second) = db.session.query(Attachment).order_by(Attachment.id)
    assert (first.filename, first.size_bytes) == ("file-1.jpeg", 9)
    assert second.problem and len(provider.came) == 1 and provider.came[0].headers["authorization"].startswith("Basic ")


def test_a_phone_number_nobody_wrote_from_can_be_written_to(channel: Any, make: Any) -> None:
    customer = make.customer("Lan", phone="+84901234567")
    (way,) = ways.of_customer(db.session(), customer.id)
    assert way.ok and way.counts == "sms"


# --- eSMS ----------------------------------------------------------------------------------------------------


def esms_channel(provider: Receiver, **more: Any) -> ChannelConfig:
    values = {"provider": "esms", "esms_key": "K", "esms_secret": "S", "brandname": "ACME", "callback_secret": "C",
              "api_base": provider.url} | more  # fmt: skip
    return ChannelConfig(1, "k", "n", values, public_url="https://desk.example", allow_private=LOOPBACK)


def test_esms_sends_as_the_brand_and_hears_what_became_of_it(provider: Receiver) -> None:
    provider.answers = [(200, b'{"CodeResult":"100","CountRegenerate":0,"SMSID":"d533"}')]
    config = esms_channel(provider)
    assert esms.send(config, "+84901234567", "Yeu cau 1042 da duoc xu ly", 7).external_id == "d533"
    told = json.loads(provider.came[0].body)
    assert (told["Phone"], told["IsUnicode"], told["SmsType"], told["RequestId"]) == ("0901234567", "0", "2", "hd-k-7")
    token = told["CallbackUrl"].partition("?s=")[2]
    assert token and token != "C" and told["CallbackUrl"].startswith("https://desk.example/hooks/k?s=")
    query = {"SMSID": "d533", "SendFailed": "0", "SendStatus": "5", "SendSuccess": "1"}
    (raw,) = Sms(config).accept(WebRequest("GET", {}, b"", {**query, "s": token})).raws
    (report,) = Sms(config).parse(raw)
    assert (report.sent_external_id, report.state) == ("d533", "delivered")
    for wrong in ({}, {"s": ""}, {"s": "C"}, {"s": token[:-1]}):
        with pytest.raises(Refused):
            Sms(config).accept(WebRequest("GET", {}, b"", {**query, **wrong}))


@pytest.mark.parametrize(
    ("status", "success", "failed", "said"),
    [("5", "0", "1", "failed"), ("4", "0", "0", "failed"), ("2", "0", "0", ""), ("7", "0", "0", "")],
)
def test_esms_reports(status: str, success: str, failed: str, said: str) -> None:
    found = esms.read({"SMSID": "d5", "SendStatus": status, "SendSuccess": success, "SendFailed": failed})
    assert [r.state for r in found] == ([said] if said else [])


@pytest.mark.parametrize(
    ("code", "words"), [("103", "no money"), ("104", "brand name"), ("146", "template"), ("108", "number")]
)
def test_esms_says_no_in_plain_words(provider: Receiver, code: str, words: str) -> None:
    provider.answers = [(200, json.dumps({"CodeResult": code, "ErrorMessage": "x"}).encode())]
    with pytest.raises(Exception, match=words):
        esms.send(esms_channel(provider), "+84901234567", "x", 1)


def test_esms_asked_twice_sends_once(provider: Receiver) -> None:
    provider.answers = [(200, b'{"CodeResult":"124","ErrorMessage":"Request exist 1","SendStatus":"5"}'), (502, b"")]
    assert esms.send(esms_channel(provider), "+84901234567", "x", 1).external_id == ""
    with pytest.raises(TemporaryFailure):
        esms.send(esms_channel(provider), "+84901234567", "x", 1)


def test_the_page_counts_as_the_connector_does(tmp_path: Any) -> None:
    """frontend/src/app/sms.js is the same arithmetic; its alphabet is held to ours here."""
    from pathlib import Path

    from connectors.sms import segments as ours

    source = (Path(__file__).parents[3] / "frontend/src/app/sms.js").read_text()
    alphabet = (
        source.split('new Set("', 1)[1].split('")', 1)[0].replace("\\n", "\n").replace("\\r", "\r").replace('\\"', '"')
    )
    assert set(alphabet) == set(ours._BASIC)
