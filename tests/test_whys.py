"""Stored reasons in the reader's language; and that every fixed sentence the services store can be said in it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask_babel import force_locale

from connectors import registry
from helpdesk.services.intake import NO_SUBJECT
from helpdesk.whys import known, ours, why

SERVICES = Path(__file__).resolve().parent.parent / "helpdesk" / "services"
# Told to whoever looks into what came in or was left out; never stored beside a ticket or its messages.
NOT_OF_TICKETS = {"intake.py:replace", "restored.py", "retries.py"}


def stored() -> Iterator[tuple[str, str]]:
    """(where, sentence) of each reason written out in a call; what is filled in counts as 7."""
    for path in sorted(SERVICES.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or path.name in NOT_OF_TICKETS:
                continue
            called = ast.unparse(node.func).split(".")[-1]
            if called == "Outcome" or f"{path.name}:{called}" in NOT_OF_TICKETS:
                continue
            found = [k.value for k in node.keywords if k.arg == "reason"]
            found += (
                node.args[1:2] if called == "_Named" else node.args[2:3] if called in ("_named", "Decision") else []
            )
            for value in found:
                text = written(value)
                if text:
                    yield f"{path.name}:{node.lineno}", text


def written(value: ast.expr) -> str:
    return whole(value).removeprefix("7 ")


def whole(value: ast.expr) -> str:
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        return value.value
    if isinstance(value, ast.JoinedStr):
        return "".join(str(p.value) if isinstance(p, ast.Constant) else "7" for p in value.values)
    return ""


def test_every_reason_that_is_stored_can_be_translated() -> None:
    found = list(stored())
    assert len(found) > 25
    assert [(where, text) for where, text in found if not known(text)] == []


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("The customer wrote again.", "Khách hàng lại nhắn tin."),
        (
            "It was sent to the ticket's signed reply address. That ticket is closed, so this is its follow-up.",
            "Tin được gửi đến địa chỉ trả lời có chữ ký của phiếu. Phiếu đó đã đóng nên đây là phiếu tiếp theo của nó.",
        ),
        ("It went to ticket #1042.", "Đã chuyển sang phiếu #1042."),
        (
            "Standard policy: first response on Telegram for urgent tickets within 1 hour 30 minutes of business time, "
            'hours of "Office hours" (Asia/Ho_Chi_Minh). Put away.',
            "Chính sách Standard: trả lời lần đầu qua Telegram cho phiếu ưu tiên khẩn cấp trong vòng 1 giờ 30 phút "
            "(tính theo giờ làm việc “Office hours”, Asia/Ho_Chi_Minh). Đã cất đi.",
        ),
        (
            "VIP policy: resolution within 2 hours of time, day and night.",
            "Chính sách VIP: giải quyết xong trong vòng 2 giờ, tính cả ngày lẫn đêm.",
        ),
        ("550 5.1.1 No such user (100% sure). Put away.", "550 5.1.1 No such user (100% sure). Đã cất đi."),
        ("", ""),
    ],
)
def test_a_reason_in_vietnamese_and_in_english(reason: str, words: str, app: Flask) -> None:
    with app.test_request_context():
        with force_locale("vi"):
            assert why(reason) == words
        with force_locale("en"):
            assert why(reason) == reason


def test_what_connectors_say_went_wrong_is_said_in_vietnamese(app: Flask) -> None:
    with app.test_request_context(), force_locale("vi"):
        for kind in registry.kinds().values():
            for sentence in kind.sentences:
                assert why(sentence) != sentence, sentence


MAIL = SERVICES.parent.parent / "connectors" / "email"
# Told to a program, to whoever writes the configuration, or where what stands in the mail itself is the point.
NOT_OF_SERVERS = {"connector.py", "compose.py", "dkim.py", "smtp_in.py", "forwarded.py"}


def said_of_servers() -> Iterator[tuple[str, str]]:
    """(where, sentence) of each failure and step of a test in the mail connector."""
    for path in [*sorted(MAIL.glob("*.py")), MAIL.parent / "network.py"]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or path.name in NOT_OF_SERVERS:
                continue
            called = ast.unparse(node.func).split(".")[-1]
            found = node.args[2:3] if called == "TestStep" else node.args[:1] if called.endswith("Failure") else []
            for value in found:
                text = whole(value)
                if text.strip("7"):
                    yield f"{path.name}:{node.lineno}", text


def test_what_a_mail_server_or_a_test_of_it_says_can_be_translated() -> None:
    found = list(said_of_servers())
    assert len(found) > 40
    assert [(where, text) for where, text in found if not known(text)] == []


def test_the_words_of_a_server_stay_behind_ours(app: Flask) -> None:
    with app.test_request_context(), force_locale("vi"):
        told = why("The mail server refused the recipient: 550 5.1.1 <a@b.example>: User unknown")
        assert told == "Máy chủ thư từ chối người nhận: 550 5.1.1 <a@b.example>: User unknown"
        assert why("mx.shop.example:993 did not answer in time.") == "mx.shop.example:993 không trả lời kịp."
        assert why("mx.shop.example has the address 10.0.0.7.") == "mx.shop.example có địa chỉ 10.0.0.7."


@pytest.mark.parametrize(
    ("odd", "words"),
    [
        ("charset: X-UNKNOWN declared, guessed", "bảng mã: ghi là X-UNKNOWN, đã đoán lại"),
        ("charset: iso-8859-1 declared, utf-8 found", "bảng mã: ghi là iso-8859-1, thực ra là utf-8"),
        ("structure: nested too deep, kept as a file", "cấu trúc: lồng quá sâu, giữ lại thành một tệp"),
        (
            "file a b.txt not imported: more than 200 files in one message",
            "tệp a b.txt không nhập được: hơn 200 tệp trong một thư",
        ),
    ],
)
def test_what_was_odd_about_a_mail_is_said_in_vietnamese(odd: str, words: str, app: Flask) -> None:
    with app.test_request_context(), force_locale("vi"):
        assert why(odd) == words


def test_what_we_wrote_where_nobody_did_is_said_in_vietnamese(app: Flask) -> None:
    written = [NO_SUBJECT, *(text for kind in registry.kinds().values() for text in kind.writes)]
    assert len(written) > 10
    with app.test_request_context(), force_locale("vi"):
        assert [text for text in written if ours(text) == text] == []
        assert ours("They called: missed") == "Khách gọi đến: nhỡ"
        assert ours("The customer wrote.") == "The customer wrote."  # somebody's own words stay as they are
    with app.test_request_context(), force_locale("en"):
        assert [ours(text) for text in written] == written
