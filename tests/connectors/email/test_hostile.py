"""Mails made to stop a parser: each costs at most ten seconds of one child, and the next mail is read."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

import pytest
from selectolax.lexbor import SelectolaxError

from connectors.contract import InboundMessage, Raw, Unparseable
from connectors.email import child as child_module
from connectors.email import html, htmltext, limits, quotes
from connectors.email.children import Child, ParsingFailed
from connectors.email.connector import Email
from connectors.email.parse import parse_mail
from tests.connectors.email.mailbox import config, mail

pytestmark = pytest.mark.processes

HEAD = b"From: a@b.example\r\nTo: c@d.example\r\nSubject: bomb\r\nMIME-Version: 1.0\r\n"


def nested(kind: bytes, depth: int) -> bytes:
    out = [HEAD]
    for level in range(depth):
        out.append(b'Content-Type: %s; boundary="b%d"\r\n\r\n--b%d\r\n' % (kind, level, level))
    return b"".join(out) + b"Content-Type: text/plain\r\n\r\nbottom\r\n"


def messages(depth: int) -> bytes:
    return HEAD + b"Content-Type: message/rfc822\r\n\r\nX: y\r\n" * depth + b"\r\nbottom"


BOMBS = {
    "2000 nested multiparts": nested(b"multipart/mixed", 2000),
    "2000 nested alternatives": nested(b"multipart/alternative", 2000),
    "2000 nested messages": messages(2000),
    "100000 commas": b"From: a@b.example\r\nTo: " + b"," * 100_000 + b"\r\n\r\nx",
    "20000 addresses": b"From: a@b.example\r\nTo: " + b"u@x.example, v@x.example, " * 10_000 + b"\r\n\r\nx",
    "100000 parts": HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 100_000,
    "5000 nested comments": b"From: " + b"(" * 5000 + b"a@b.example" + b")" * 5000 + b"\r\n\r\nx",
    "an id of brackets": HEAD + b"Message-ID: " + b"<" * 50_000 + b"\r\n\r\nx",
    "references of brackets": HEAD + b"References: " + b"<a@b>" * 50_000 + b"\r\n\r\nx",
    "half words": HEAD.replace(b"bomb", b"=?utf-8?q?" * 6000) + b"\r\nx",
    "half words that end": HEAD.replace(b"bomb", b"=?" * 30_000 + b"?=") + b"\r\nx",
    "backslashes": b'From: "' + b"\\" * 60_000 + b'" <a@b.example>\r\n\r\nx',
    "quotes": b"From: " + b'"' * 60_000 + b" <a@b.example>\r\n\r\nx",
    "parameters": HEAD + b"Content-Type: text/plain; " + b'a*0*="x";' * 6000 + b"\r\n\r\nx",
    "a header of a megabyte": HEAD + b"X: " + b"y" * 1_000_000 + b"\r\n\r\nx",
    "100000 headers": HEAD + b"X: y\r\n" * 100_000 + b"\r\nx",
    "folded 100000 times": HEAD + b"X: y\r\n" + b" z\r\n" * 100_000 + b"\r\nx",
    "On a,": HEAD + b"\r\n" + b"On a,\n" * 3000,
    "On On On": HEAD + b"\r\n" + b"On " * 20_000,
    "30000 blank lines": HEAD + b"\r\n" + b"\n" * 30_000 + b"x",
    "30000 quote marks": HEAD + b"\r\nhi\n" + b"> x\ny\n" * 30_000,
    "quote towers": HEAD + b"\r\n" + b">" * 200_000 + b" x",
    "From: lines": HEAD + b"\r\n" + b"From: a@b\nTo: c@d\n" * 20_000,
    "many begins": HEAD + b"\r\n" + b"begin 644 a\n" * 50_000,
    "many begins and ends": HEAD + b"\r\n" + b"begin 644 a\nend\n" * 30_000,
    "base64 junk": HEAD + b"Content-Transfer-Encoding: base64\r\n\r\n" + b"=" * 2_000_000,
    "quoted junk": HEAD + b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + b"=" * 1_000_000,
    "100000 nested divs": HEAD + b"Content-Type: text/html\r\n\r\n" + b"<div>" * 100_000 + b"x",
    "100000 quotes in HTML": HEAD + b"Content-Type: text/html\r\n\r\n" + b"<blockquote type=cite>" * 50_000 + b"x",
    "unclosed formats": HEAD + b"Content-Type: text/html\r\n\r\n" + b"<b><i><font>" * 30_000 + b"<p>x</p>" * 1000,
    "formats in paragraphs": HEAD + b"Content-Type: text/html\r\n\r\n" + b"<p><b>x" * 900,
    "half pictures": HEAD + b"Content-Type: text/html\r\n\r\n" + b"<img src=data:image/png;base64," * 9000,
    "5000 links": HEAD + b"Content-Type: text/html\r\n\r\n" + b"<a href='http://x.example/'>y</a>" * 5000,
    "open tags": HEAD + b"Content-Type: text/html\r\n\r\n" + b"<a " * 300_000,
    "style urls": HEAD + b"Content-Type: text/html\r\n\r\n<p style='" + b"a:url(" * 100_000 + b"'>x",
    "boundaries alike": HEAD + b'Content-Type: multipart/mixed; boundary="a"\r\n\r\n' + b"--ab\r\n" * 100_000,
    "a winmail.dat of nothing": HEAD
    + b"Content-Type: application/ms-tnef\r\n\r\n\x78\x9f\x3e\x22\x00\x00"
    + b"\x01\x05\x90\x06\x00\xff\xff\xff\xff" * 1000,
    "a delivery report of groups": HEAD
    + b"Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n"
    + b"Final-Recipient: rfc822; a@b.example\r\nAction: failed\r\n\r\n" * 20_000,
    "results of checks": b"Authentication-Results: x" + b";(((((" * 10_000 + b"\r\n" + HEAD + b"\r\nx",
}  # fmt: skip


FORBIDDEN = (
    *("<script", "<svg", "<form", "<input", "<base", "<meta", "<iframe", "<style", "<object", "<video", "<link"),
    *("onerror=", "onload=", "javascript:", "position:", "expression(", "url(", "srcset", "background="),
)


@pytest.fixture(scope="module")
def child():
    with Child() as one:
        yield one


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_read_or_given_up_in_time_and_the_next_mail_is_read(child: Child, name: str):
    try:  # the limit of time itself is tried below, with a mail that hangs
        found = child.parse(BOMBS[name])
        assert not any(defect.startswith("parser") for defect in found.defects), found.defects
    except ParsingFailed:
        pass
    assert child.parse(mail("next")).subject == "Question next"


@pytest.mark.parametrize("name", BOMBS)
def test_our_parser_is_linear(name: str):
    """None of the known bombs needs the knife: all are read, with their sender, with less than three seconds' work."""
    began = time.thread_time()
    found = parse_mail(BOMBS[name])
    assert time.thread_time() - began < 3
    assert found.subject or found.text or found.sender.email or found.files


def test_what_lies_too_deep_is_a_file():
    found = parse_mail(BOMBS["2000 nested multiparts"])
    assert [f.filename for f in found.files] == ["unopened-parts.txt"] and b"bottom" in found.files[0].data
    assert found.text == "" and "structure: nested too deep, kept as a file" in found.defects


HTML = b"Content-Type: text/html; charset=utf-8\r\n\r\n"


@pytest.mark.parametrize(
    "page",
    [
        b"<style>p {}</style><p>words</p>" + b"<div>" * 5000 + b"below" + b"</div>" * 5000,
        b"<p>words</p>" + b"<div>" * 300_000 + b"below",
        b"<p>words below</p>" + b"<!-- -->" * 200_000,
    ],
)
def test_of_html_that_cannot_be_shown_the_words_are(page: bytes):
    found = parse_mail(HEAD + HTML + page)
    assert found.text.split() == ["words", "below"] and found.html == ""
    assert any(defect.startswith("html: ") for defect in found.defects)


def test_an_html_parser_that_gives_up_costs_no_words(monkeypatch):
    def full(_html: str) -> None:
        raise SelectolaxError("out of memory")

    monkeypatch.setattr(htmltext, "LexborHTMLParser", full)
    found = parse_mail(HEAD + HTML + b"<p>xin ch\xc3\xa0o</p>")
    assert (found.text, found.reply_text, found.defects) == ("xin chào", "xin chào", [])


def test_an_address_after_a_long_comment_is_found():
    found = parse_mail(HEAD.replace(b"a@b.example", b"(" * 5000 + b")" * 5000 + b" <a@b.example>") + b"\r\nx")
    assert found.sender.email == "a@b.example"


def test_a_parser_that_hangs_is_killed_and_the_mail_becomes_a_stub(monkeypatch, tmp_path: Path):
    with slow_child(monkeypatch, tmp_path, timeout_s=1.0) as child:
        email = Email(config(), child)
        assert email.parse(Raw("0", mail("before")))[0].subject == "Question before"
        pid = child.pid
        with pytest.raises(Unparseable, match="longer than 1 s") as failure:
            email.parse(Raw("1", mail("hang", "HANG")))
        partial = failure.value.partial
        assert (
            partial is not None
            and partial.subject == "Question hang"
            and partial.sender.value == "lan@customer.example"
        )
        assert email.parse(Raw("2", mail("after")))[0].subject == "Question after"
        assert child.pid != pid


def test_a_parser_that_dies_takes_only_its_mail_with_it(monkeypatch, tmp_path: Path):
    with slow_child(monkeypatch, tmp_path) as child:
        answers = Email(config(), child).parse_many(
            [Raw(str(n), mail(n, body)) for n, body in enumerate(["a", "DIE", "b", "EAT", "c"])]
        )
    assert [isinstance(answer, Unparseable) for answer in answers] == [False, True, False, True, False]
    assert "memory" in str(answers[3])


def test_an_idle_child_that_left_is_replaced_without_losing_a_mail(monkeypatch, tmp_path: Path):
    with slow_child(monkeypatch, tmp_path, idle_s=0.3) as child:
        for number in range(4):
            assert child.parse(mail(number)).subject == f"Question {number}"
            time.sleep(0.3)


def slow_child(monkeypatch, folder: Path, timeout_s: float = 10.0, idle_s: float = 300) -> Child:
    """A child whose parser stumbles over words in the mail, to see what the parent does."""
    script = folder / "stumbling.py"
    script.write_text(
        "import time, os\n"
        "from connectors.email import child\n"
        f"child.IDLE_S = {idle_s}\n"
        "real = child.parse_mail\n"
        "def stumble(raw, *rest):\n"
        "    if b'HANG' in raw:\n        time.sleep(600)\n"
        "    if b'DIE' in raw:\n        os._exit(9)\n"
        "    if b'EAT' in raw:\n        raise MemoryError\n"
        "    return real(raw, *rest)\n"
        "child.parse_mail = stumble\n"
        "child.main()\n"
    )
    monkeypatch.setattr("connectors.email.children.COMMAND", (str(script),))
    return Child(timeout_s)


def test_the_child_has_a_limit_of_memory_and_of_processor_time():
    with Child() as child:
        child.parse(mail(1))
        text = Path(f"/proc/{child.pid}/limits").read_text()
    assert f"{child_module.MEMORY_BYTES}" in next(
        line for line in text.splitlines() if line.startswith("Max address space")
    )
    soft = next(line for line in text.splitlines() if line.startswith("Max cpu time")).split()[3]
    assert int(soft) <= child_module.CPU_S + 2


def test_the_child_knows_nothing_of_the_product():
    with Child() as child:
        child.parse(mail(1))
        environment = Path(f"/proc/{child.pid}/environ").read_bytes()
        maps = Path(f"/proc/{child.pid}/maps").read_text()
    assert b"HELPDESK" not in environment
    assert "sqlalchemy" not in maps and "telegram" not in maps


def test_a_child_started_before_a_fork_is_not_shared():
    with Child() as child:
        child.parse(mail(1))
        pid = os.fork()
        if pid == 0:
            try:
                good = child.parse(mail("in the fork")).subject == "Question in the fork"
                child.close()
            finally:
                os._exit(0 if good else 1)
        assert os.waitpid(pid, 0)[1] == 0
        assert child.parse(mail(2)).subject == "Question 2"


def test_random_damage_never_raises():
    source = random.Random(20261122)
    samples = [path.read_bytes() for path in (Path(child_module.__file__).parent / "examples").glob("*.eml")]
    for _ in range(1500):
        raw = bytearray(source.choice(samples))
        for _ in range(source.randrange(1, 30)):
            at = source.randrange(len(raw))
            match source.randrange(4):
                case 0:
                    raw[at] = source.randrange(256)
                case 1:
                    del raw[at : at + source.randrange(40)]
                case 2:
                    raw[at:at] = bytes(source.randrange(256) for _ in range(source.randrange(20)))
                case 3:
                    raw[at:at] = raw[at - 60 : at] * source.randrange(4)
            if not raw:
                raw = bytearray(b"x")
        found = parse_mail(bytes(raw))
        assert not any(defect.startswith("parser") for defect in found.defects), (found.defects, bytes(raw))
        assert bool(found.text.strip()) <= bool(found.reply_text.strip())
        for text in (found.text, found.html, found.subject, found.sender.name, found.reply_text):
            assert "\x00" not in text
            text.encode("utf-8")


def test_text_is_always_storable():
    raw = HEAD + b"Content-Type: text/plain; charset=utf-16\r\n\r\n" + "a\x00b".encode("utf-16") + b"\x00\xd8"
    assert "\x00" not in parse_mail(raw).text
    assert parse_mail(HEAD + b"Content-Type: text/plain; charset=utf-7\r\n\r\n+ADw-script+AD4-").html == ""
    assert "\x00" not in parse_mail(b"From: a\x00b <a@b.example>\r\nSubject: \x00x\r\n\r\n\x00y").sender.name


@pytest.mark.parametrize(
    "evil",
    [
        "<svg onload=alert(1)>",
        "<img src=x onerror=alert(1)>",
        '<a href="javascript:alert(1)">x</a>',
        '<a href="&#9;java&#10;script:alert(1)">x</a>',
        '<a href="data:text/html,<script>1</script>">x</a>',
        "<form action=http://evil.example><input name=p></form>",
        "<base href=http://evil.example>",
        '<meta http-equiv=refresh content="0;url=http://evil.example">',
        '<div style="position:fixed;top:0;left:0;width:100%;background:url(http://evil.example/x)">x</div>',
        "<style>@import url(http://evil.example)</style>",
        "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
        '<table background="http://evil.example/x"><tr><td>x</table>',
        '<img srcset="http://evil.example/x 2x" src="cid:a">',
        "<iframe src=http://evil.example></iframe><object data=x><embed src=x>",
        '<p style="width:expression(alert(1))">x</p>',
        '<noscript><p title="</noscript><img src=x onerror=alert(1)>">',
        '<img src="http://evil.example/pixel.gif" width=1 height=1>',
        '<video src="http://evil.example/v" poster="http://evil.example/p"></video>',
        '<img alt="<img src=\'http://evil.example/1\'>" src="http://evil.example/2">',
        '<input type=image src="http://evil.example/x"><link rel=stylesheet href="http://evil.example">',
    ],
)
def test_html_can_do_nothing_and_loads_nothing(evil: str):
    safe = html.sanitise(f"<p>words</p>{evil}").lower()
    assert "words" in safe
    for word in FORBIDDEN:
        assert word not in safe.replace("&lt;", ""), safe
    assert ' src="http' not in safe


def test_remote_pictures_wait_and_own_ones_stay():
    safe = html.sanitise(
        '<img src="cid:a@b"><img src="https://x.example/p.png" alt="p"><img src="https://x.example/t" width="1">'
    )
    assert '<img src="cid:a@b">' in safe
    assert '<img data-src="https://x.example/p.png" alt="p">' in safe
    assert safe.count("data-tracker") == 1


def test_links_leave_no_trace():
    safe = html.sanitise('<a href="https://x.example" onclick="x()">y</a>')
    assert 'rel="noopener noreferrer nofollow"' in safe and 'target="_blank"' in safe and "onclick" not in safe


def test_a_very_long_text_is_not_searched_for_quotes_beyond_the_limit():
    text = "new words\n\n" + "x\n" * 5000 + "On 1 May 2026 at 10:00 A <a@b.example> wrote:\n> old"
    began = time.thread_time()
    split = quotes.split_reply(text)
    assert time.thread_time() - began < 1
    assert split.reply.startswith("new words")


def test_files_beyond_the_limits_are_named(monkeypatch):
    monkeypatch.setattr(limits, "MAX_FILES", 3)
    monkeypatch.setattr(limits, "MAX_FILE_BYTES", 1000)
    parts = b"".join(
        b"--b\r\nContent-Type: image/png\r\nContent-Disposition: attachment; filename=f%d.png\r\n\r\n%s\r\n"
        % (n, b"x" * (2000 if n == 1 else 10))
        for n in range(5)
    )
    found = parse_mail(HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + parts + b"--b--\r\n")
    assert [bool(file.problem) for file in found.files] == [False, True, False, True, True]
    assert found.files[1].size_bytes == 2000 and found.files[1].data == b""
    assert any("f1.png not imported" in defect for defect in found.defects)


def test_an_unreadable_mail_is_unparseable_with_what_it_has():
    email = Email(config())
    for raw in (b"", b"\x00\xff" * 50, b"just words without any header"):
        with pytest.raises(Unparseable) as failure:
            email.parse(Raw("x", raw))
        assert isinstance(failure.value.partial, InboundMessage)


def test_of_several_mails_each_has_its_own_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    requests = [
        child_module.Request(raw, [], []) for raw in (mail(1), mail("HANG"), mail(3), mail("DIE"), mail("EAT"), mail(6))
    ]
    with slow_child(monkeypatch, tmp_path, timeout_s=2) as child:
        found = child.parse_many(requests)
        told = [str(f) if isinstance(f, ParsingFailed) else f.subject for f in found]
        assert told == [
            "Question 1",
            "it takes longer than 2 s",
            "Question 3",
            "its parser was ended",
            "it needs too much memory",
            "Question 6",
        ]
        many = child.parse_many([child_module.Request(mail(n) + b"x" * 300_000, [], []) for n in range(8)])
    assert [m.subject for m in many if not isinstance(m, ParsingFailed)] == [f"Question {n}" for n in range(8)]
