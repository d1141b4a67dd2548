"""What a mail says: headers in all their broken forms, words, files, who vouches for it, and whether a person wrote."""

# ruff: noqa: E501 - mails have long lines
from __future__ import annotations

import base64
import struct
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.contract import InboundBounce, InboundMessage, Raw, Unparseable
from connectors.email.connector import Email
from connectors.email.identity import external_id
from connectors.email.parse import parse_mail
from tests.connectors.email.mailbox import ADDRESS, config, mail


def read(headers: str, body: bytes | str = "x", **options: Any):
    content = body if isinstance(body, bytes) else body.encode()
    return parse_mail(headers.strip().replace("\n", "\r\n").encode() + b"\r\n\r\n" + content, **options)


@pytest.mark.parametrize(
    ("value", "name", "email"),
    [
        ("Lan <lan@x.example>", "Lan", "lan@x.example"),
        ('"Trần, Lan" <Lan@X.example>', "Trần, Lan", "Lan@X.example"),
        ("=?UTF-8?Q?Lan_Tr=E1=BA=A7n?= <lan@x.example>", "Lan Trần", "lan@x.example"),
        ('"=?UTF-8?B?TGFuIFRy4bqnbg==?=" <lan@x.example>', "Lan Trần", "lan@x.example"),
        ("=?utf-8?b?VHI=?= =?utf-8?b?4bqn?= =?utf-8?b?bg==?= <a@x.example>", "Trần", "a@x.example"),
        ("=?utf-8?Q?Tr=E1=BA?= =?utf-8?Q?=A7n?= <a@x.example>", "Trần", "a@x.example"),
        ("=?unknown-cs?Q?caf=E9?= <a@x.example>", "café", "a@x.example"),
        ("lan@x.example (Lan Trần)", "Lan Trần", "lan@x.example"),
        ("lan@x.example", "", "lan@x.example"),
        ("<lan@x.example>", "", "lan@x.example"),
        ("Lan <lan@x.example", "Lan", "lan@x.example"),
        ("Lan <lan @ x.example>", "Lan", "lan@x.example"),
        ('"Support <support@us.example>" <evil@x.example>', "Support <support@us.example>", "evil@x.example"),
        ("Lan \u202eexe.gpj <a@x.example>", "Lan exe.gpj", "a@x.example"),
        ("a@x.example, b@x.example", "", "a@x.example"),
        ("Group: a@x.example, b@x.example;", "", "a@x.example"),
        ("=?utf-8?q?lan=40x=2Eexample?=", "", "lan@x.example"),
    ],
)
def test_senders(value: str, name: str, email: str):
    sender = read(f"From: {value}").sender
    assert (sender.name, sender.email) == (name, email)


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("=?UTF-8?B?xJDGoW4gaMOgbmc=?=", "Đơn hàng"),
        ("Đơn hàng", "Đơn hàng"),
        ("=?iso-8859-1?Q?a_b=5F?= plain", "a b_ plain"),
        ("=?utf-8?Q?=5B=231042=5D?= x", "[#1042] x"),
        ("=?utf-8?Q?a b?=", "a b"),
        ("=?utf-8?B?xJDGoW4gaMOgbmc?=", "Đơn hàng"),
        ("=?utf-8*vi?Q?=C4=91?=", "đ"),
        ("=?windows-1258?Q?=F0=E3?=", "đă"),
        ("50% =? off ?=", "50% =? off ?="),
        ("a\r\n b", "a b"),
        ("=?gb2312?B?xOO6ww==?=", "你好"),
        ("=?iso-2022-jp?B?GyRCJDMbKEI=?=", "こ"),
        ("=?utf-8?Q?line=0D=0ABcc:_x?=", "line Bcc: x"),
    ],
)
def test_subjects(value: str, wanted: str):
    assert parse_mail(f"From: a@b.example\r\nSubject: {value}\r\n\r\nx".encode()).subject == wanted


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("Sat, 21 Nov 2026 08:10:00 +0700", datetime(2026, 11, 21, 1, 10, tzinfo=UTC)),
        ("21 Nov 2026 08:10 -0000", datetime(2026, 11, 21, 8, 10, tzinfo=UTC)),
        ("Sat, 21 Nov 2026 08:10:00 GMT (comment)", datetime(2026, 11, 21, 8, 10, tzinfo=UTC)),
        ("2026-11-21T08:10:00+07:00", datetime(2026, 11, 21, 1, 10, tzinfo=UTC)),
        ("yesterday", None),
        ("Sat, 99 Foo 2026 99:99:99 +9999", None),
        ("", None),
    ],
)
def test_dates(value: str, wanted: datetime | None):
    assert read(f"From: a@b.example\nDate: {value}").date == wanted


def test_ids_stand_without_brackets():
    found = read(
        "From: a@b.example\nMessage-ID: < x@y >\nIn-Reply-To: <a@b> <c@d>\nReferences: <1@x>\n <2@x>\t<1@x>\nReply-To: R <r@b.example>"
    )
    assert found.message_id == "x@y" and found.in_reply_to == ["a@b", "c@d"] and found.references == ["1@x", "2@x"]
    assert found.reply_to == [("R", "r@b.example")]


def test_the_address_of_delivery_comes_before_those_written():
    found = read("From: a@b.example\nTo: s@x.example\nDelivered-To: s+t1-abc@x.example\nX-Original-To: alias@x.example")
    assert found.addressed_to == ["s+t1-abc@x.example", "alias@x.example", "s@x.example"]


@pytest.mark.parametrize(
    ("charset", "data", "wanted"),
    [
        ("utf-8", "Tiếng Việt 👍".encode(), "Tiếng Việt 👍"),
        ("iso-8859-1", "Tiếng Việt".encode(), "Tiếng Việt"),
        ("us-ascii", "Tiếng Việt".encode(), "Tiếng Việt"),
        ("", "Tiếng Việt".encode(), "Tiếng Việt"),
        ("windows-1258", b"Ti\xea\xecng", "Tiếng"),
        ("utf-16", "Việt".encode("utf-16"), "Việt"),
        ("x-unknown", "Việt".encode(), "Việt"),
        ("iso-8859-1", b"price \x80 5 \x93q\x94", "price € 5 “q”"),
        ("gb2312", "你好".encode("gb18030"), "你好"),
        ("nonsense\x00name", b"abc", "abc"),
        ("rot13", b"abc\xff", "abcÿ"),
    ],
)
def test_charsets(charset: str, data: bytes, wanted: str):
    raw = b'From: a@b.example\r\nContent-Type: text/plain; charset="' + charset.encode() + b'"\r\n\r\n' + data
    assert parse_mail(raw).text == wanted


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        ("attachment; filename*=UTF-8''ho%C3%A1%20%C4%91%C6%A1n.pdf", "hoá đơn.pdf"),
        ('attachment; filename="=?UTF-8?B?aG/DoSDEkcahbi5wZGY=?="', "hoá đơn.pdf"),
        ("attachment; filename*0*=UTF-8''ho%C3%A1; filename*1*=%20%C4%91; filename*2=x.pdf", "hoá đx.pdf"),
        ('attachment; filename="a; b.pdf"', "a; b.pdf"),
        ("attachment; filename=no quotes.pdf", "no quotes.pdf"),
        ('attachment; filename="../../etc/passwd"', "_.._etc_passwd"),
        ('attachment; filename="a\u202egpj.exe"', "agpj.exe"),
        ('attachment; filename="C:\\\\dir\\\\file.txt"', "C__dir_file.txt"),
        ("attachment", "image.png"),
    ],
)
def test_names_of_files(header: str, wanted: str):
    found = read(
        "From: a@b.example\nContent-Type: multipart/mixed; boundary=b",
        f"--b\r\nContent-Type: image/png\r\nContent-Disposition: {header}\r\n\r\nx\r\n--b--",
    )
    assert found.files[0].filename == wanted
    assert found.files[0].sha256 and found.files[0].size_bytes == 1


def test_a_picture_in_the_words_and_a_file_beside_them():
    found = read(
        'From: a@b.example\nContent-Type: multipart/mixed; boundary="m"',
        '--m\r\nContent-Type: multipart/related; boundary="r"\r\n\r\n--r\r\nContent-Type: multipart/alternative; boundary=a\r\n\r\n'
        "--a\r\n\r\nplain\r\n--a\r\nContent-Type: text/html\r\n\r\n<p>rich <img src='cid:i@x'></p>\r\n--a--\r\n"
        "--r\r\nContent-Type: image/png\r\nContent-ID: <i@x>\r\n\r\npng\r\n--r--\r\n"
        "--m\r\nContent-Type: text/csv; name=a.csv\r\n\r\n1,2\r\n--m\r\n\r\nfooter\r\n--m--\r\n",
    )
    assert found.text == "plain\n\nfooter"
    assert '<img src="cid:i@x">' in found.html
    assert [(f.filename, f.inline, f.content_id) for f in found.files] == [
        ("image.png", True, "i@x"),
        ("a.csv", False, ""),
    ]
    assert found.defects == []


def test_a_picture_written_into_the_html_becomes_a_file():
    found = read(
        "From: a@b.example\nContent-Type: text/html", '<p>Ảnh</p><img alt="x" src="data:image/png;base64,iVBORw0K">'
    )
    assert (found.files[0].filename, found.files[0].data, found.files[0].inline) == (
        "picture-1.png",
        b"\x89PNG\r\n",
        True,
    )
    assert f'src="cid:{found.files[0].content_id}"' in found.html


def test_a_mail_in_a_mail_is_a_file_one_can_open():
    inner = "From: c@d.example\r\nSubject: Inner\r\n\r\nhi"
    found = read(
        "From: a@b.example\nContent-Type: multipart/mixed; boundary=b",
        f"--b\r\n\r\nsee\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n{inner}\r\n--b--",
    )
    assert found.text == "see"
    assert (found.files[0].filename, found.files[0].data) == ("Inner.eml", inner.encode())


def test_an_invitation_is_shown_as_one():
    found = read(
        "From: a@b.example\nContent-Type: multipart/alternative; boundary=b",
        "--b\r\n\r\nMeet\r\n--b\r\nContent-Type: text/calendar; method=REQUEST\r\n\r\nBEGIN:VCALENDAR\r\n--b--",
    )
    assert found.text == "Meet" and found.files[0].filename == "invite.ics"


def test_a_winmail_dat_is_unpacked():
    def attribute(kind: int, data: bytes) -> bytes:
        return struct.pack("<BII", 2, kind, len(data)) + data + struct.pack("<H", sum(data) & 0xFFFF)

    packet = struct.pack("<IH", 0x223E9F78, 1) + attribute(0x69002, b"\0" * 14)
    packet += attribute(0x18010, b"hoadon.pdf\0") + attribute(0x6800F, b"%PDF-1.4")
    found = read(
        "From: a@b.example\nContent-Type: application/ms-tnef; name=winmail.dat\nContent-Transfer-Encoding: base64",
        base64.encodebytes(packet),
    )
    assert [(file.filename, file.data) for file in found.files] == [("hoadon.pdf", b"%PDF-1.4")]


def test_flowed_text_is_joined_and_old_attachments_are_found():
    found = read(
        "From: a@b.example\nContent-Type: text/plain; charset=utf-8; format=flowed",
        "one \r\ntwo\r\nthree\r\n> quoted \r\n> more\r\n-- \r\nsig",
    )
    assert found.text.split("\n")[:3] == ["one two", "three", "> quoted more"]
    found = read("From: a@b.example", "see\r\nbegin 644 a.txt\r\n#0V%T\r\n`\r\nend\r\nbye")
    assert found.files[0].data == b"Cat" and "begin 644" not in found.text


@pytest.mark.parametrize(
    "raw", [b"\r\n\r\n", b"Subject: x", b"From a@b Sat Nov 21 08:10:00 2026\nFrom: a@b.example\n\nx"]
)
def test_odd_beginnings(raw: bytes):
    assert not any(defect.startswith("parser") for defect in parse_mail(raw).defects)


def test_broken_structures_lose_nothing():
    found = read(
        "From: a@b.example\nContent-Type: multipart/mixed; boundary=wrong", "--right\r\n\r\nwords\r\n--right--"
    )
    assert found.text == "words"
    found = read("From: a@b.example\nContent-Type: multipart/mixed", "just words")
    assert found.text == "just words"
    found = read("From: a@b.example\nContent-Type: multipart/mixed; boundary=b", "--b\r\n\r\nwords without an end")
    assert found.text == "words without an end" and "structure: closing boundary missing" in found.defects
    found = parse_mail(b"From: a@b.example\r\nSubject: no blank line\r\nHello shop\r\nhow are you")
    assert found.text == "Hello shop\nhow are you" and found.subject == "no blank line"


# --- who vouches for it --------------------------------------------------------------------------------------

GOOD = "Authentication-Results: mx.shop.example; dkim=pass header.d=x; spf=pass; dmarc=pass"
FORGED = "Authentication-Results: mx.shop.example; dkim=pass; spf=pass; dmarc=pass"


@pytest.mark.parametrize(
    ("headers", "trusted", "wanted"),
    [
        (GOOD, ("mx.shop.example",), ("pass", "pass", "pass")),
        (GOOD, (), ("unknown", "unknown", "unknown")),
        ("Authentication-Results: other.example; dkim=fail; spf=softfail", (), ("softfail", "fail", "unknown")),
        ("Authentication-Results: other.example; dkim=pass", ("mx.shop.example",), ("unknown", "unknown", "unknown")),
        (
            f"Authentication-Results: mx.shop.example; dmarc=fail; dkim=none\nReceived: from x\n{FORGED}",
            ("mx.shop.example",),
            ("unknown", "none", "fail"),
        ),
        (
            "Authentication-Results: mx.shop.example; dmarc=pass\nAuthentication-Results: mx.shop.example; dkim=pass",
            ("MX.shop.example",),
            ("unknown", "pass", "pass"),
        ),
        ("Authentication-Results: mx.shop.example 1; dkim=fail (bad (very) ; dkim=pass) x=y", ("mx.shop.example",),
         ("unknown", "fail", "unknown")),
    ],
)  # fmt: skip
def test_authentication(headers: str, trusted: tuple[str, ...], wanted: tuple[str, str, str]):
    found = read(f"{headers}\nFrom: a@b.example", trusted_hosts=trusted).authentication
    assert (found["spf"], found["dkim"], found["dmarc"]) == wanted


# --- a person or a machine -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "auto", "allowed"),
    [
        ("From: a@b.example", "no", True),
        ("From: a@b.example\nAuto-Submitted: no", "no", True),
        ("From: a@b.example\nAuto-Submitted: auto-replied (vacation)", "auto-reply", False),
        ("From: a@b.example\nAuto-Submitted: auto-generated", "auto-reply", False),
        ("From: a@b.example\nX-Autoreply: yes", "auto-reply", False),
        ("From: a@b.example\nPrecedence: auto_reply", "auto-reply", False),
        ("From: a@b.example\nPrecedence: bulk", "bulk", False),
        ("From: a@b.example\nPrecedence: junk", "bulk", False),
        ("From: a@b.example\nList-Id: <l.b.example>", "bulk", False),
        ("From: a@b.example\nList-Unsubscribe: <https://x.example>", "bulk", False),
        ("Return-Path: <>\nFrom: a@b.example", "auto-reply", False),
        ("From: a@b.example\nX-Auto-Response-Suppress: All", "no", False),
        ("From: a@b.example\nX-Auto-Response-Suppress: OOF, AutoReply", "no", False),
        ("From: a@b.example\nX-Auto-Response-Suppress: DR, RN", "no", True),
        ("From: a@b.example\nX-Auto-Response-Suppress: All\nX-MS-Exchange-Inbox-Rules-Loop: a@b", "auto-reply", False),
        ("From: a@b.example\nX-Loop: yes", "no", False),
        ("From: a@b.example\nX-Desk-Loop: other@desk.example", "no", False),
        (f"From: {ADDRESS}", "no", False),
        ("From: support+t1-abc@example.com", "no", False),
        ("From: a@b.example\nMessage-ID: <t1.m1@example.com>", "no", False),
        ("From: no-reply@b.example", "no", False),
        ("From: MAILER-DAEMON@b.example", "auto-reply", False),
        ("From: a@b.example\nSubject: Out of office: back on Monday\nX-Auto-Response-Suppress: All", "auto-reply", False),
        ("From: a@b.example\nSubject: Trả lời tự động: vắng mặt\nX-Auto-Response-Suppress: All", "auto-reply", False),
        ("From: a@b.example\nSubject: Automatic reply buttons do not work", "no", True),
        ("From: a@b.example\nContent-Type: multipart/report; report-type=disposition-notification; boundary=b",
         "auto-reply", False),
    ],
)  # fmt: skip
def test_automatic_mail(headers: str, auto: str, allowed: bool):
    found = read(headers, own_addresses=frozenset({ADDRESS}))
    assert (found.auto, found.auto_reply_allowed) == (auto, allowed)


def test_an_out_of_office_by_its_words():
    found = read("From: a@b.example\nSubject: Tự động trả lời: Tôi đang nghỉ phép", "Tôi đang nghỉ phép đến 25/11.")
    assert found.auto == "auto-reply"


# --- bounces -------------------------------------------------------------------------------------------------


def report(status: str, diagnostic: str, action: str = "failed") -> bytes:
    return (
        "From: MAILER-DAEMON@x.example\r\nSubject: Undelivered\r\nMIME-Version: 1.0\r\n"
        "Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\n\r\nSorry.\r\n"
        "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x.example\r\n\r\n"
        f"Final-Recipient: rfc822; Lan@khach.example\r\nAction: {action}\r\nStatus: {status}\r\n"
        f"Diagnostic-Code: smtp; {diagnostic}\r\n\r\n"
        "--b\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: <t1.m1@shop.example>\r\nSubject: x\r\n\r\n--b--\r\n"
    ).encode()


@pytest.mark.parametrize(
    ("status", "diagnostic", "permanent"),
    [
        ("5.1.1", "550 5.1.1 User unknown", True),
        ("5.1.2", "550 5.1.2 Bad destination system", True),
        ("5.1.10", "550 5.1.10 RESOLVER.ADR.RecipientNotFound", True),
        ("5.0.0", "550 No such user here", True),
        ("5.4.4", "550 5.4.4 Host or domain name not found", True),
        ("5.2.1", "550 5.2.1 The email account that you tried to reach is disabled", True),
        ("5.0.0", "550 Địa chỉ email không tồn tại", True),
        ("5.2.2", "552 5.2.2 Mailbox full", False),
        ("5.0.0", "552 Quota exceeded", False),
        ("5.3.4", "552 5.3.4 Message too big", False),
        ("5.7.1", "550 5.7.1 Message rejected as spam", False),
        ("5.7.26", "550 5.7.26 Unauthenticated email is not accepted due to DMARC policy", False),
        ("5.0.0", "554 Blocked by Spamhaus", False),
        ("5.0.0", "550 Sender verify failed", False),
        ("5.0.0", "552 Hộp thư đã đầy", False),
        ("4.4.1", "Connection timed out", False),
        ("4.2.2", "452 Mailbox full", False),
    ],
)
def test_only_a_dead_address_is_permanent(status: str, diagnostic: str, permanent: bool):
    found = Email(config()).parse(Raw("r", report(status, diagnostic)))[0]
    assert isinstance(found, InboundBounce)
    assert [(one.email, one.permanent) for one in found.recipients] == [("lan@khach.example", permanent)]
    assert found.original_message_id == "t1.m1@shop.example"
    assert found.message is not None and found.message.auto == "bounce" and not found.message.auto_reply_allowed


def test_a_delay_is_never_permanent_and_a_success_is_no_bounce():
    delayed = parse_mail(report("5.1.1", "User unknown", action="delayed")).bounce
    assert delayed is not None and not delayed.recipients[0].permanent
    assert parse_mail(report("2.0.0", "ok", action="delivered")).bounce is None
    assert parse_mail(report("2.0.0", "ok", action="relayed")).auto == "auto-reply"


def test_a_free_text_bounce_in_vietnamese():
    found = read(
        "Return-Path: <>\nFrom: mailer-daemon@mang.example\nSubject: Thư không gửi được",
        "Thư của bạn chưa được gửi đến:\r\n\r\n<minh@khach.example>: địa chỉ không tồn tại\r\n\r\nMessage-ID: <t2.m2@shop.example>",
    )
    assert found.auto == "bounce" and found.bounce is not None
    assert (found.bounce.recipients[0].email, found.bounce.recipients[0].permanent) == ("minh@khach.example", True)
    assert found.bounce.original_message_id == "t2.m2@shop.example"
    found = read(
        "From: mailer-daemon@mang.example\nSubject: Thư không gửi được",
        "Thư không thể gửi đến:\r\n\r\nminh@khach.example\r\n\r\nLý do: Hộp thư không tồn tại (550 5.1.1).\r\n\r\n"
        "----- Thư gốc -----\r\nMessage-ID: <t2.m2@shop.example>",
    )
    assert found.bounce is not None
    assert found.bounce.recipients[0].reason == "minh@khach.example Lý do: Hộp thư không tồn tại (550 5.1.1)."


def test_a_customer_who_forwards_a_bounce_is_a_customer():
    body = "Vì sao thư bị trả lại?\r\n\r\nThe following addresses failed:\r\n<a@b.example>: User unknown"
    found = read("From: lan@khach.example\nSubject: Fwd: Undelivered Mail Returned to Sender", body)
    assert found.bounce is None and found.auto == "no"


# --- identity ------------------------------------------------------------------------------------------------


def test_the_id_of_a_mail_survives_its_travels_only():
    travelled = (
        b"Return-Path: <a@b.example>\r\nReceived: from x by y; z\r\nX-Spam-Status: No\r\nDelivered-To: other@x.example\r\n"
        b"Authentication-Results: mx; dkim=pass\r\n" + mail(1)
    )
    assert external_id(mail(1)) == external_id(travelled)
    assert external_id(mail(1)) == external_id(mail(1).replace(b"\r\n", b"\n"))
    assert external_id(mail(1)) == external_id(b"From a@b Sat Nov 21 08:10:00 2026\n" + mail(1))
    different = [mail(2), mail(1, "other words"), mail(1, message_id="other@x"), mail(1).replace(b"08:10", b"08:11")]
    assert len({external_id(raw) for raw in [mail(1), *different]}) == 5


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (" Lan@Khach.Example ", "lan@khach.example"),
        ("lan@bưuđiện.vn", "lan@xn--buin-x3a6522c.vn"),
        ("mailto:a@b.vn", "a@b.vn"),
        ("o'brien+x@b.co.uk", "o'brien+x@b.co.uk"),
    ],
)
def test_addresses_have_one_spelling(value: str, wanted: str):
    normal = Email(config()).normalise(value)
    assert normal == wanted or (normal.startswith("lan@xn--") and "ư" in value)
    assert Email(config()).normalise(normal) == normal


@pytest.mark.parametrize("value", ["", "lan", "a@", "@b.vn", "a b@c.vn", "a@b@c.vn", "a@b..vn"])
def test_a_wrong_address_is_said_in_words(value: str):
    with pytest.raises(ValueError, match="is not an email address"):
        Email(config()).normalise(value)


def test_a_mail_without_sender_or_too_large_is_a_stub_with_what_it_has():
    with pytest.raises(Unparseable, match="who sent it") as failure:
        Email(config()).parse(Raw("1", "Subject: Hoá đơn\r\n\r\nwords".encode()))
    assert failure.value.partial.text == "words" and failure.value.partial.subject == "Hoá đơn"
    with pytest.raises(Unparseable, match="too large to import .9.5 MB") as failure:
        Email(config()).parse(Raw("2", mail(3).split(b"\r\n\r\n")[0], meta={"too_large": str(10_000_000)}))
    assert failure.value.partial.sender.value == "lan@customer.example"


def test_a_whole_message_for_the_desk():
    message = Email(config(address="hotro@shop.example")).parse(Raw("e1", mail(1, "Mình cần hoá đơn")))[0]
    assert isinstance(message, InboundMessage)
    assert (message.sender.kind, message.sender.value, message.sender.name) == ("email", "lan@customer.example", "Lan")
    assert (
        message.reply_text == "Mình cần hoá đơn"
        and message.auto_reply_allowed
        and message.evidence.subject == "Question 1"
    )


def test_our_own_test_mail_makes_no_ticket():
    raw = mail(1, message_id="helpdesk-test-abc@example.com").replace(b"lan@customer.example", ADDRESS.encode())
    assert list(Email(config()).parse(Raw("t", raw))) == []
    assert len(Email(config()).parse(Raw("t", mail(1, message_id="helpdesk-test-abc@example.com")))) == 1
