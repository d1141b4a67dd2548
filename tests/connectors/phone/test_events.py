"""Calls reported by phone systems: who may report, and which call becomes a message."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import connectors.phone
from connectors.contract import ChannelConfig, InboundCall, InboundMessage, Raw, Refused, WebRequest
from connectors.phone.connector import Phone
from tests.connectors.kits import phone_signature, stringee_signature

EXAMPLES = Path(connectors.phone.__file__).parent / "examples"


def phone(provider: str, secret: str = "phone-canary-1") -> Phone:  # noqa: S107
    settings = {"provider": provider, "webhook_secret": secret, "number": "+842473082686"}
    return Phone(ChannelConfig(1, "phone-1", "Hotline", settings))


def call(body: bytes, **headers: str) -> WebRequest:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return WebRequest("POST", {"content-type": "application/json", **named}, body)


def message(example: str) -> InboundMessage:
    found, _live = phone("generic").parse(Raw("1", (EXAMPLES / f"{example}.json").read_bytes()))
    assert isinstance(found, InboundMessage)
    return found


def test_stringees_published_signature_is_ours():
    body = b'{"call_status":"started","call_id":"call-vn-1-ZD3IDIXS1J-1515820305477"}'
    accepted = phone("stringee", "signing_secret").accept(
        call(body, x_stringee_signature="i+jezDqEjgk3XDs5VjNKNfbjEes=")
    )
    assert accepted.raws[0].external_id == "call-vn-1-ZD3IDIXS1J-1515820305477:started"


def test_stringee_refuses_other_bytes_and_other_ways():
    body = (EXAMPLES / "stringee_ended.json").read_bytes().strip()
    for request in (
        call(body + b" ", **{"x_stringee_signature": stringee_signature(body)["x-stringee-signature"]}),
        call(body, x_webhook_secret="phone-canary-1"),
        call(body),
    ):
        with pytest.raises(Refused):
            phone("stringee").accept(request)


@pytest.mark.parametrize("headers", [{"x-webhook-secret": "phone-canary-1"}, None])
def test_a_plain_phone_system_signs_or_names_the_secret(headers):
    body = (EXAMPLES / "generic_missed.json").read_bytes()
    request = WebRequest("POST", headers or phone_signature(body), body)
    accepted = phone("generic").accept(request)
    assert accepted.raws[0].external_id == "9b1f-4407-aa22:hangup" and accepted.body == "{}"


def test_a_form_is_as_good_as_json():
    body = b"event=hangup&callId=c-9&from=0912345678&to=1900&cause=busy"
    request = WebRequest("POST", {"content-type": "application/x-www-form-urlencoded", **phone_signature(body)}, body)
    (raw,) = phone("generic").accept(request).raws
    found, _live = phone("generic").parse(raw)
    assert (found.sender.value, found.call["outcome"]) == ("+84912345678", "busy")


def test_the_events_of_one_call_are_stored_apart():
    ids = set()
    for path in EXAMPLES.glob("generic_*.json"):
        body = path.read_bytes()
        ids.add(phone("generic").accept(WebRequest("POST", phone_signature(body), body)).raws[0].external_id)
    assert len(ids) == 5


def test_without_a_phone_system_nothing_is_taken():
    with pytest.raises(Refused) as refused:
        phone("none").accept(call(b"{}", x_webhook_secret="phone-canary-1"))
    assert refused.value.status == 401


@pytest.mark.parametrize("fields", [{}, {"event": "hangup"}, {"callId": ""}, {"callId": ["x"]}])
def test_an_event_without_a_call_id_is_refused(fields):
    body = json.dumps(fields).encode()
    with pytest.raises(Refused) as refused:
        phone("generic").accept(WebRequest("POST", phone_signature(body), body))
    assert refused.value.status == 400


def test_a_missed_call_is_a_message():
    found = message("generic_missed")
    assert found.kind == "call" and found.external_id == "generic:9b1f-4407-aa22"
    assert (found.sender.value, found.call["outcome"], found.call["direction"]) == ("+84912345678", "missed", "in")


def test_an_answered_call_has_its_duration():
    assert message("generic_hangup").call["duration_s"] == 184
    ended = message("stringee_ended")
    assert (ended.call["outcome"], ended.call["duration_s"], ended.call["source"]) == ("answered", 184, "stringee")
    assert message("stringee_missed").call["outcome"] == "missed"


def test_withheld_numbers_are_strangers_each_time():
    found = message("generic_hidden")
    assert (found.sender.value, found.sender.name) == ("hidden:9b1f-4407-aa23", "Hidden number")


@pytest.mark.parametrize(
    ("example", "state", "extension"),
    [
        ("generic_new_call", "ringing", ""),
        ("generic_answer", "answered", "101"),
        ("stringee_ringing", "ringing", "842473082686"),
    ],
)
def test_a_call_that_goes_on_is_shown_and_is_no_message_yet(example, state, extension):
    (live,) = phone("generic").parse(Raw("1", (EXAMPLES / f"{example}.json").read_bytes()))
    assert isinstance(live, InboundCall) and (live.state, live.extension) == (state, extension)
    assert live.sender.value.startswith("+84") and live.direction == "in"


def test_the_end_of_a_call_closes_what_was_shown():
    entry, live = phone("generic").parse(Raw("1", (EXAMPLES / "generic_hangup.json").read_bytes()))
    assert (live.state, live.external_id) == ("ended", entry.external_id)


def test_a_recording_that_comes_later_is_only_that():
    event = {"event": "recording", "callId": "c", "from": "0912345678", "recordingUrl": "https://pbx.example/r.mp3"}
    (live,) = phone("generic").parse(Raw("1", json.dumps(event).encode()))
    assert isinstance(live, InboundCall) and live.recording_url == "https://pbx.example/r.mp3"


def test_a_call_of_ours_is_theirs_to_find():
    event = {"event": "hangup", "callId": "c", "direction": "out", "from": "02473082686", "to": "0912345678",
             "cause": "noAnswer"}  # fmt: skip
    found, _live = phone("generic").parse(Raw("1", json.dumps(event).encode()))
    assert (found.sender.value, found.call["outcome"]) == ("+84912345678", "no_answer")


# --- a phone system that can only open an address ------------------------------------------------------------

ADDRESS_SECRET = "address-canary-0123456789"
HANGUP = {"event": "hangup", "callId": "c-1", "from": "0912345678", "to": "02473082686", "cause": "noAnswer"}


def by_address(query: dict[str, str], provider: str = "generic", method: str = "GET", **headers: str) -> list[Raw]:
    settings = {"provider": provider, "webhook_secret": "phone-canary-1", "address_secret": ADDRESS_SECRET}
    connector = Phone(ChannelConfig(1, "phone-1", "Hotline", settings))
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return list(connector.accept(WebRequest(method, named, b"", query)).raws)


def test_the_same_event_by_get_is_the_same_call_and_its_token_is_not_kept():
    (raw,) = by_address({**HANGUP, "token": ADDRESS_SECRET})
    body = json.dumps(HANGUP).encode()
    posted = phone("generic").accept(call(body, x_webhook_secret="phone-canary-1")).raws[0]
    assert (raw.external_id, raw.body) == (posted.external_id, posted.body)
    assert b"canary" not in raw.body
    found, _live = phone("generic").parse(raw)
    assert isinstance(found, InboundMessage) and found.call["outcome"] == "missed"


@pytest.mark.parametrize(
    ("changes", "headers", "status"),
    [
        ({"token": ""}, {}, 401),
        ({"token": "phone-canary-1"}, {}, 401),  # the webhook secret opens no address
        ({"token": ADDRESS_SECRET + "x"}, {}, 401),
        ({"token": "", "x": "1"}, {"x_webhook_secret": "phone-canary-1"}, 401),
        ({}, {"sec_fetch_mode": "navigate", "sec_fetch_site": "none"}, 403),  # somebody opened the link
        ({}, {"purpose": "prefetch"}, 403),
        ({"callId": ""}, {}, 400),
        ({"note": "x" * 9000}, {}, 413),
    ],
)
def test_an_address_without_its_secret_or_in_a_browser_reports_nothing(changes, headers, status):
    with pytest.raises(Refused) as refused:
        by_address({**HANGUP, "token": ADDRESS_SECRET, **changes}, **headers)
    assert refused.value.status == status


def test_an_address_is_taken_only_where_a_secret_for_it_was_set():
    with pytest.raises(Refused):
        phone("generic").accept(WebRequest("GET", {}, b"", {**HANGUP, "token": ""}))
    for provider, method in (("stringee", "GET"), ("generic", "HEAD")):
        with pytest.raises(Refused):
            by_address({**HANGUP, "token": ADDRESS_SECRET}, provider, method)


def test_what_cannot_work_is_refused_beside_its_field():
    def told(**settings: str) -> list[str]:
        return list(Phone(ChannelConfig(1, "p", "P", {"webhook_secret": "w" * 24, **settings})).check())

    assert told(number="env:HOME") == told(number="call us") == ["number"]
    assert told(number="1900 1234") == told(number="+84 (24) 3926-0158") == told(number="113") == told(number="") == []
    assert told(address_secret="short") == ["address_secret"]
    assert told(address_secret="w" * 24) == ["address_secret"]
    assert told(recordings_secret_header="Bearer x") == ["recordings_secret_header"]
    assert told(address_secret=ADDRESS_SECRET, recordings_secret_header="Authorization: Bearer x") == []
