"""How sizes, numbers and the lines of a row read."""

from __future__ import annotations

import pytest
from flask import Flask
from flask_babel import force_locale

from helpdesk.inbox.formats import decimal, file_size, headline


@pytest.mark.parametrize(
    ("size_bytes", "words"),
    [(12, "12 B"), (2048, "2 kB"), (1_572_864, "1.5 MB"), (1024**3, "1 GB"), (57_300_000_000, "53.4 GB")],
)
def test_file_sizes_in_the_unit_that_reads_best(size_bytes: int, words: str, app: Flask) -> None:
    with app.test_request_context():
        assert file_size(size_bytes) == words


@pytest.mark.parametrize(
    ("subject", "preview", "lines"),
    [
        ("Teapot lid", "My old mailbox is full.", ("Teapot lid", "My old mailbox is full.")),
        (
            "Do you ship to Singapore? Four, please. Can you wrap them…",
            "Do you ship to Singapore? Four, please. Can you wrap them and send an invoice?",
            ("Do you ship to Singapore?", "Four, please. Can you wrap them and send an invoice?"),
        ),
        ("Đổi địa chỉ giao đơn", "Đổi địa chỉ giao đơn trước thứ Hai", ("Đổi địa chỉ giao đơn trước thứ Hai", "")),
        ("Missed call", "", ("Missed call", "")),
        ("", "Hello", ("", "Hello")),
    ],
)
def test_a_row_says_nothing_twice(subject: str, preview: str, lines: tuple[str, str]) -> None:
    assert headline(subject, preview) == lines


def test_decimals_have_the_sign_of_the_language(app: Flask) -> None:
    with app.test_request_context():
        assert decimal(2) == "2.0"
        with force_locale("vi"):
            assert decimal(4.26) == "4,3"


def test_a_row_of_a_call_without_notes_is_one_line(app: Flask) -> None:
    with app.test_request_context(), force_locale("vi"):
        assert headline("They called: missed", "They called: missed") == ("Khách gọi đến: nhỡ", "")
        assert headline("They called: missed", "Gọi lại sau") == ("Khách gọi đến: nhỡ", "Gọi lại sau")
