"""How mail leaves: one connection for a burst, signed, with the question below the answer and links to large files."""

from __future__ import annotations

import base64
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from connectors.contract import ChannelConfig, FileLink, PermanentFailure, Quote, TemporaryFailure
from connectors.email import lines, pinned
from connectors.email.parse import parse_mail
from tests.connectors.email.test_send import channel, outbound
from tests.servers.smtp_sink import SmtpSink

pytestmark = pytest.mark.processes


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """Every connection that was made; idle ones are ended after the test."""
    made: list[Any] = []

    def count(config: ChannelConfig) -> Any:
        made.append(pinned.open_smtp(config))
        return made[-1]

    kept = lines.Lines(count)
    monkeypatch.setattr(lines, "shared", kept)
    yield made
    kept.close()


def test_a_burst_uses_one_connection(sink: SmtpSink, opened: list[Any]) -> None:
    for n in range(5):
        channel(sink.port).send(outbound(message_id=f"m{n}@example.com"))
    assert len(sink.wait(5)) == 5
    assert len(opened) == 1


def test_another_channel_or_password_has_its_own(sink: SmtpSink, opened: list[Any]) -> None:
    channel(sink.port, smtp_user="a", smtp_password=sink.password).send(outbound())
    channel(sink.port, smtp_user="b", smtp_password=sink.password).send(outbound())
    assert len(opened) == 2


def test_a_connection_that_died_while_idle_costs_nothing(sink: SmtpSink, opened: list[Any]) -> None:
    channel(sink.port).send(outbound(message_id="one@example.com"))
    opened[0].sock.shutdown(socket.SHUT_RDWR)
    channel(sink.port).send(outbound(message_id="two@example.com"))
    assert len(opened) == 2
    assert [m.message["Message-ID"] for m in sink.wait(2)] == ["<one@example.com>", "<two@example.com>"]


def test_after_a_refusal_the_connection_is_not_kept(sink: SmtpSink, opened: list[Any]) -> None:
    sink.answer("DATA", "451 later", times=1)
    with pytest.raises(TemporaryFailure):
        channel(sink.port).send(outbound())
    channel(sink.port).send(outbound())
    assert len(opened) == 2


# --- DKIM ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def keys() -> tuple[str, bytes]:
    """A private key as PEM, and what stands in the DNS."""
    private = rsa.generate_private_key(65537, 2048)
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = private.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return pem.decode(), b"v=DKIM1; k=rsa; p=" + base64.b64encode(public)


def test_a_signed_mail_verifies_and_a_changed_one_does_not(
    sink: SmtpSink, opened: list[Any], keys: tuple[str, bytes]
) -> None:
    pem, record = keys
    asked: list[bytes] = []

    def dns(name: bytes, timeout: float = 5) -> bytes:
        asked.append(name)
        return record

    signing = channel(sink.port, dkim_selector="desk", dkim_key=pem)
    signing.send(outbound(subject="Đơn hàng rất dài " * 12, automatic=True))
    raw = sink.wait(1)[0].raw
    assert dkim.verify(raw, dnsfunc=dns)
    assert asked == [b"desk._domainkey.example.com."]
    assert not dkim.verify(raw.replace(b"\r\nTo: ", b"\r\nTo: x@evil.example, ", 1), dnsfunc=dns)


def test_a_key_pasted_without_line_ends_still_signs(sink: SmtpSink, opened: list[Any], keys: tuple[str, bytes]) -> None:
    one_line = keys[0].replace("\n", " ")
    channel(sink.port, dkim_selector="desk", dkim_key=one_line).send(outbound())
    assert sink.wait(1)[0].raw.startswith(b"DKIM-Signature:")


@pytest.mark.parametrize("settings", [{"dkim_key": "nonsense!", "dkim_selector": "desk"}, {"dkim_key": "YWJj"}])
def test_a_key_that_cannot_sign_is_told_and_nothing_leaves(
    sink: SmtpSink, opened: list[Any], settings: dict[str, str]
) -> None:
    with pytest.raises(PermanentFailure, match="DKIM"):
        channel(sink.port, **settings).send(outbound())
    assert sink.mails == []


def test_without_a_key_nothing_is_signed(sink: SmtpSink, opened: list[Any]) -> None:
    channel(sink.port).send(outbound())
    assert b"DKIM-Signature" not in sink.wait(1)[0].raw


# --- what stands in it ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("locale", ["vi", "en"])
def test_the_question_stands_below_and_our_own_reader_folds_it(sink: SmtpSink, opened: list[Any], locale: str) -> None:
    quote = Quote("Lan Trần", "Đơn của mình đâu ạ?\nMình chờ lâu rồi.", datetime(2026, 11, 20, 2, 12, tzinfo=UTC))
    channel(sink.port).send(outbound(text="Đơn đang giao ạ.", quote=quote, locale=locale))
    mail = parse_mail(sink.wait(1)[0].raw)
    assert "> Mình chờ lâu rồi." in mail.text
    assert mail.reply_text == "Đơn đang giao ạ."
    assert "Lan Trần" in mail.quoted_text
    assert "Mình chờ lâu rồi." in mail.html


def test_links_to_large_files_stand_in_text_and_html(sink: SmtpSink, opened: list[Any]) -> None:
    link = FileLink("bản vẽ.pdf", 31 * 1024 * 1024, "https://desk.example/get/1/2/x")
    channel(sink.port).send(outbound(links=(link,)))
    mail = parse_mail(sink.wait(1)[0].raw)
    assert "bản vẽ.pdf (31.0 MB): https://desk.example/get/1/2/x" in mail.text
    assert 'href="https://desk.example/get/1/2/x"' in mail.html
