"""The new words of a mail: nothing of the customer's is lost, and what is quoted goes."""

from __future__ import annotations

import unicodedata

import pytest

from connectors.email import html, quotes
from connectors.email.parse import parse_mail
from tests.connectors.email.vietnamese import MAILS, OLD


def raw_mail(subject: str, text: str, rich: str) -> bytes:
    head = f"From: Lan <lan@khach.example>\nTo: hotro@shop.example\nSubject: {subject}\nMIME-Version: 1.0\n"
    if text and rich:
        return (
            f"{head}Content-Type: multipart/alternative; boundary=b\n\n--b\nContent-Type: text/plain; charset=utf-8\n\n"
            f"{text}\n--b\nContent-Type: text/html; charset=utf-8\n\n{rich}\n--b--\n"
        ).encode()
    kind = "html" if rich else "plain"
    return f"{head}Content-Type: text/{kind}; charset=utf-8\n\n{rich or text}\n".encode()


def same(text: str) -> str:
    """Without blank lines and line-end blanks."""
    return "\n".join(line.rstrip() for line in text.strip().split("\n") if line.strip())


@pytest.mark.parametrize(("name", "subject", "text", "rich", "wanted"), MAILS, ids=[case[0] for case in MAILS])
def test_vietnamese_mail(name: str, subject: str, text: str, rich: str, wanted: str):
    found = parse_mail(raw_mail(subject, text, rich))
    assert same(found.reply_text) == same(wanted)
    assert found.auto == "no"
    if OLD in found.text and OLD not in wanted:
        assert OLD in found.quoted_text


@pytest.mark.parametrize(("name", "subject", "text", "rich", "wanted"), MAILS, ids=[case[0] for case in MAILS])
def test_decomposed_letters_make_no_difference(name: str, subject: str, text: str, rich: str, wanted: str):
    text, rich = unicodedata.normalize("NFD", text), unicodedata.normalize("NFD", rich)
    assert same(parse_mail(raw_mail(subject, text, rich)).reply_text) == same(wanted)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Hello\n\nOn Fri, Nov 20, 2026 at 4:02 PM Shop <a@shop.example> wrote:\n> old", "Hello"),
        ("Hello\n\nLe ven. 20 nov. 2026 à 16:02, Shop <a@shop.example> a écrit :\n> old", "Hello"),
        ("Hello\n\nAm 20.11.2026 um 16:02 schrieb Shop <a@shop.example>:\n> old", "Hello"),
        ("Hello\n\nEl vie, 20 nov 2026 a las 16:02, Shop (<a@shop.example>) escribió:\n> old", "Hello"),
        ("Hello\n\n2026-11-20 16:02 GMT+07:00 Shop <a@shop.example>:\n> old", "Hello"),
        ("Hello\n\nBest regards,\nPat\n+1 555 0100", "Hello"),
        ("Hello\n--\nPat", "Hello"),
        ("Three dashes\n---\nare a rule", "Three dashes\n---\nare a rule"),
        ("> only a quote", "> only a quote"),
        ("On Monday I wrote:\nplease help", "On Monday I wrote:\nplease help"),
        ("On 1 May your agent wrote:\nwe refund you", "On 1 May your agent wrote:\nwe refund you"),
        ("It was sent from my iPhone app", "It was sent from my iPhone app"),
        ("Sent from my desk, it is easier", "Sent from my desk, it is easier"),
        ("", ""),
    ],
)
def test_other_languages_and_doubtful_cases(text: str, wanted: str):
    assert quotes.split_reply(text).reply == wanted


def test_a_quote_that_only_the_html_shows_is_found():
    text = "New words\n\nsomething the client put before the old mail\nold words"
    rich = '<div>New words</div><div id="divRplyFwdMsg">something the client put</div><div>old words</div>'
    assert parse_mail(raw_mail("Re: x", text, rich)).reply_text == "New words"


def test_html_reads_well_as_text():
    rich = (
        "<style>p{}</style><p>Chào shop,</p><ul><li>một</li><li>hai</li></ul>"
        "<p>Xem <a href='https://x.example/a'>ở đây</a> và <a href='https://y.example'>https://y.example</a><br>"
        "dòng mới &amp; hết</p><table><tr><td>A</td><td>1</td></tr></table>"
    )
    wanted = "Chào shop,\n\n- một\n- hai\n\nXem ở đây <https://x.example/a> và https://y.example\ndòng mới & hết\n\nA 1"
    assert parse_mail(raw_mail("x", "", rich)).text == wanted


def test_our_own_html_is_recognised_as_the_quote_it_becomes():
    assert html.sanitise('<div class="gmail_quote other">x</div>') == '<div class="gmail_quote">x</div>'
