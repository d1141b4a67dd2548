"""A call as an agent writes it down."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from connectors.contract import ChannelConfig
from connectors.phone.connector import Phone

GOOD = {
    "direction": "out",
    "number": "0912.345.678",
    "outcome": "answered",
    "duration_s": "3:25",
    "notes": "  Khách hỏi đơn 20931.\nHẹn giao thứ Sáu. ",
    "name": "Lan  Trần",
    "follow_up": "2026-11-23T09:30:00+07:00",
    "client_msg_id": "c-77",
}


def phone(**settings: object) -> Phone:
    return Phone(ChannelConfig(1, "phone-1", "Hotline", settings))


def test_a_call_with_everything():
    message = phone().read(GOOD)
    assert message.kind == "call" and message.external_id == "call:c-77"
    assert (message.sender.kind, message.sender.value, message.sender.name) == ("phone", "+84912345678", "Lan Trần")
    assert message.text == "Khách hỏi đơn 20931.\nHẹn giao thứ Sáu."
    assert message.call == {
        "direction": "out",
        "number": "+84912345678",
        "outcome": "answered",
        "duration_s": 205,
        "follow_up_at": "2026-11-23T02:30:00+00:00",
        "source": "manual",
    }


def test_number_and_notes_are_enough():
    message = phone().read({"number": "0912345678", "notes": "ok"})
    assert (message.call["direction"], message.call["outcome"], message.call["duration_s"]) == ("in", "answered", 0)


def test_a_call_nobody_took_needs_no_notes_and_has_no_duration():
    message = phone().read({"number": "0912345678", "outcome": "missed", "duration_s": "25"})
    assert message.text == message.reply_text == "They called: missed"
    assert message.call["duration_s"] == 0


def test_two_calls_are_two_messages():
    form = {"number": "0912345678", "notes": "a"}
    assert phone().read(form).external_id != phone().read(form).external_id


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"number": ""}, "number"),
        ({"number": "12"}, "number"),
        ({"number": "09123456789999"}, "number"),
        ({"number": "gọi lại"}, "number"),
        ({"notes": " "}, "notes"),
        ({"notes": "x" * 20_001}, "notes"),
        ({"outcome": "great"}, "outcome"),
        ({"direction": "up"}, "direction"),
        ({"duration_s": "-1"}, "duration_s"),
        ({"duration_s": "3:75"}, "duration_s"),
        ({"duration_s": "99:59:59"}, "duration_s"),
        ({"duration_s": "٣"}, "duration_s"),
        ({"follow_up": "tomorrow"}, "follow_up"),
        ({"started_at": (datetime.now(UTC) + timedelta(days=1)).isoformat()}, "started_at"),
    ],
)
def test_what_is_wrong_is_named(changes, field):
    with pytest.raises(ValueError) as error:
        phone().read({**GOOD, **changes})
    assert error.value.args[0] == field and error.value.args[1].endswith(".")


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("0912 345 678", "+84912345678"),
        ("84912345678", "+84912345678"),
        ("+84 (0) 912-345-678", "+84912345678"),
        ("0084912345678", "+84912345678"),
        ("024 7308 2686", "+842473082686"),
        ("1900 1234", "19001234"),
        ("18006789", "18006789"),
        ("+1 415 555 2671", "+14155552671"),
    ],
)
def test_spellings_of_a_number(written, number):
    assert phone().normalise(written) == number


def test_local_numbers_are_read_in_the_country_of_the_line():
    assert phone(number="+44 20 7946 0018").normalise("020 7946 0958") == "+442079460958"
    assert phone(number="nonsense").normalise("0912345678") == "+84912345678"
