"""Direct delivery by SMTP and LMTP with the standard library as the sender."""

from __future__ import annotations

import smtplib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from connectors.contract import InboundMessage, PermanentFailure, Raw, TemporaryFailure
from connectors.email import smtp_in
from connectors.email.connector import Email
from tests.connectors.email.mailbox import ADDRESS, config, mail
from tests.servers.certificates import make_certificate
from tests.servers.machine import free_port, listening, wait_until

pytestmark = pytest.mark.processes


class Store:
    def __init__(self) -> None:
        self.raws: list[Raw] = []
        self.fails = False
        self.held = threading.Event()
        self.held.set()

    def __call__(self, raw: Raw) -> None:
        self.held.wait(60)
        if self.fails:
            raise OSError("disk full")
        self.raws.append(raw)


@contextmanager
def door(store: Callable[[Raw], None], **settings: Any) -> Iterator[int]:
    port = free_port()
    stop = threading.Event()
    certificate = settings.pop("certificate", None)
    email = Email(replace(config(listen_port=port, **settings), certificate=certificate))
    assert email.serving
    thread = threading.Thread(target=email.serve, args=(store, stop), daemon=True)
    thread.start()
    wait_until(lambda: listening(port), "the door")
    try:
        yield port
    finally:
        stop.set()
        thread.join(60)
        assert not thread.is_alive()


@pytest.fixture
def store() -> Store:
    return Store()


def test_a_mail_is_taken_with_its_envelope(store: Store):
    with door(store) as port, smtplib.SMTP("127.0.0.1", port, timeout=60) as client:
        client.sendmail("lan@customer.example", ["support+t1-abc@example.com"], mail(1))
    raw = store.raws[0]
    assert raw.meta["door"] == "smtp"
    message = Email(config()).parse(raw)[0]
    assert isinstance(message, InboundMessage)
    assert message.evidence.addressed_to[0] == "support+t1-abc@example.com"
    assert message.authentication["dkim"] == "unknown"


def test_forged_results_of_checks_count_for_nothing(store: Store):
    forged = b"Authentication-Results: mx.example.com; dkim=pass; spf=pass; dmarc=pass\r\n" + mail(1)
    with door(store) as port, smtplib.SMTP("127.0.0.1", port, timeout=60) as client:
        client.sendmail("a@b.example", [ADDRESS], forged)
    channel = config()
    message = Email(type(channel)(1, "k", "n", channel.settings, trusted_hosts=("mx.example.com",))).parse(
        store.raws[0]
    )[0]
    assert "pass" not in message.authentication.values()


def test_the_same_mail_by_two_doors_has_one_id(store: Store):
    from connectors.email.identity import external_id

    with door(store) as port, smtplib.SMTP("127.0.0.1", port, timeout=60) as client:
        client.sendmail("a@b.example", [ADDRESS], mail(1))
    assert store.raws[0].external_id == external_id(b"Received: from x\r\nDelivered-To: y\r\n" + mail(1))


def test_it_is_no_relay(store: Store):
    with door(store) as port, smtplib.SMTP("127.0.0.1", port, timeout=60) as client:
        with pytest.raises(smtplib.SMTPRecipientsRefused):
            client.sendmail("a@b.example", ["someone@else.example"], mail(1))
        with pytest.raises(smtplib.SMTPRecipientsRefused):
            client.sendmail("a@b.example", ["supporter@example.com", "support@sub.example.com"], mail(1))
    assert store.raws == []


def test_the_answer_waits_until_it_is_stored(store: Store):
    store.held.clear()
    answered = threading.Event()
    with door(store) as port:

        def deliver() -> None:
            with smtplib.SMTP("127.0.0.1", port, timeout=60) as client:
                client.sendmail("a@b.example", [ADDRESS], mail(1))
            answered.set()

        thread = threading.Thread(target=deliver)
        thread.start()
        assert not answered.wait(0.5)
        store.held.set()
        assert answered.wait(60)
        thread.join()


def test_what_cannot_be_stored_stays_with_the_sender(store: Store):
    store.fails = True
    with door(store) as port, smtplib.SMTP("127.0.0.1", port, timeout=60) as client:
        with pytest.raises(smtplib.SMTPDataError) as failure:
            client.sendmail("a@b.example", [ADDRESS], mail(1))
        assert failure.value.smtp_code == 451
        store.fails = False
        client.sendmail("a@b.example", [ADDRESS], mail(1))
    assert len(store.raws) == 1


def test_lines_of_a_megabyte_are_read(store: Store):
    body = "x" * 1_000_000
    with door(store) as port, smtplib.SMTP("127.0.0.1", port, timeout=60) as client:
        client.sendmail("a@b.example", [ADDRESS], mail(1, body))
    assert body.encode() in store.raws[0].body


def test_a_mail_that_is_too_large_is_refused(store: Store):
    refusals = (smtplib.SMTPDataError, smtplib.SMTPSenderRefused, smtplib.SMTPServerDisconnected)
    with (
        door(store, max_message_bytes=100_000) as port,
        smtplib.SMTP("127.0.0.1", port, timeout=60) as client,
        pytest.raises(refusals),
    ):
        client.sendmail("a@b.example", [ADDRESS], mail(1, "Xin chào\r\n" * 20_000))
    assert store.raws == []


def test_lmtp_answers_for_each_recipient(store: Store):
    with door(store) as port, socket.create_connection(("127.0.0.1", port), timeout=60) as line:
        answers = line.makefile("rb")
        for said in (b"LHLO there", b"MAIL FROM:<a@b.example>", b"RCPT TO:<support@example.com>",
                     b"RCPT TO:<support+x@example.com>", b"DATA"):  # fmt: skip
            line.sendall(said + b"\r\n")
        line.sendall(mail(1) + b".\r\nQUIT\r\n")
        codes = [answer[:3] for answer in answers if answer[3:4] == b" "]
    # greeting, LHLO, MAIL, twice RCPT, DATA, the mail for each recipient, QUIT
    assert codes == [b"220", b"250", b"250", b"250", b"250", b"354", b"250", b"250", b"221"]
    assert len(store.raws) == 1 and store.raws[0].body.count(b"Delivered-To: ") == 2


def test_lmtp_of_the_standard_library(store: Store):
    with door(store) as port, smtplib.LMTP("127.0.0.1", port, timeout=60) as client:
        client.sendmail("a@b.example", [ADDRESS], mail(1))
        client.sendmail("a@b.example", [ADDRESS], mail(2))
    assert len(store.raws) == 2


def test_peers_that_are_not_named_may_not_deliver(store: Store):
    with (
        door(store, listen_from="192.0.2.0/24\n198.51.100.7") as port,
        smtplib.SMTP("127.0.0.1", port, timeout=60) as client,
        pytest.raises(smtplib.SMTPSenderRefused),
    ):
        client.sendmail("a@b.example", [ADDRESS], mail(1))
    assert store.raws == []


def test_a_bounce_with_an_empty_sender_is_taken(store: Store):
    with door(store) as port, smtplib.SMTP("127.0.0.1", port, timeout=60) as client:
        client.sendmail("", [ADDRESS], mail(1))
    assert store.raws[0].body.startswith(b"Return-Path: <>\r\n")


def test_a_taken_port_and_wrong_settings_are_said():
    with door(Store()) as port, pytest.raises(TemporaryFailure, match=str(port)):
        Email(config(listen_port=port)).serve(Store(), threading.Event())
    with pytest.raises(PermanentFailure, match="listen_from"):
        Email(config(listen_port=free_port(), listen_from="everywhere")).serve(Store(), threading.Event())


def test_without_a_port_there_is_no_door():
    email = Email(config())
    assert not email.serving
    email.serve(Store(), threading.Event())


# --- encryption and limits -----------------------------------------------------------------------------------


def test_starttls_with_the_desks_certificate(store: Store, tmp_path: Path):
    made = make_certificate(tmp_path)
    with door(store, certificate=(str(made.cert), str(made.key))) as port:
        with smtplib.SMTP("localhost", port, timeout=60) as client:
            client.sendmail("a@b.example", [ADDRESS], mail("plain"))  # offered, not required
        with smtplib.SMTP("localhost", port, timeout=60) as client:
            client.starttls(context=made.client_context())
            client.sendmail("a@b.example", [ADDRESS], mail("secret"))
    assert len(store.raws) == 2


def test_required_encryption_is_required(store: Store, tmp_path: Path):
    made = make_certificate(tmp_path)
    with door(store, certificate=(str(made.cert), str(made.key)), listen_tls="required") as port:
        with smtplib.SMTP("localhost", port, timeout=60) as client, pytest.raises(smtplib.SMTPSenderRefused) as refusal:
            client.sendmail("a@b.example", [ADDRESS], mail(1))
        assert refusal.value.smtp_code == 530
        with smtplib.SMTP("localhost", port, timeout=60) as client:
            client.starttls(context=made.client_context())
            client.sendmail("a@b.example", [ADDRESS], mail(1))
            with pytest.raises(smtplib.SMTPRecipientsRefused):
                client.sendmail("a@b.example", ["someone@else.example"], mail(2))
    assert len(store.raws) == 1


def until_said(line: socket.socket, last: bytes) -> list[bytes]:
    """The lines of an answer, read byte by byte, so that nothing of what follows is taken."""
    lines = [b""]
    while True:
        piece = line.recv(1)
        assert piece, lines
        lines[-1] += piece
        if piece == b"\n":
            lines[-1] = lines[-1].strip()
            if lines[-1].startswith(last):
                return lines
            lines.append(b"")


def test_commands_slipped_in_before_the_encryption_count_for_nothing(store: Store, tmp_path: Path):
    made = make_certificate(tmp_path)
    with (
        door(store, certificate=(str(made.cert), str(made.key))) as port,
        socket.create_connection(("127.0.0.1", port), timeout=60) as line,
    ):
        assert until_said(line, b"220 ")
        line.sendall(b"EHLO there\r\n")
        assert until_said(line, b"250 ")
        line.sendall(b"STARTTLS\r\nMAIL FROM:<evil@b.example>\r\nRCPT TO:<support@example.com>\r\n")
        assert until_said(line, b"220 ") == [b"220 Ready to start TLS"]
        with made.client_context().wrap_socket(line, server_hostname="localhost") as tls:
            tls.sendall(b"EHLO there\r\n")
            assert until_said(tls, b"250 ")
            tls.sendall(b"DATA\r\n")
            assert tls.recv(1000).startswith(b"503"), "the encrypted session knows of no sender and recipient"


def test_a_renewed_certificate_is_used_and_a_broken_one_is_not(store: Store, tmp_path: Path):
    first, second = tmp_path / "a", tmp_path / "b"
    first.mkdir()
    second.mkdir()
    made, renewed = make_certificate(first), make_certificate(second)

    def sent_with(context: Any) -> None:
        with smtplib.SMTP("localhost", port, timeout=60) as client:
            client.starttls(context=context)
            client.sendmail("a@b.example", [ADDRESS], mail(1))

    with door(store, certificate=(str(made.cert), str(made.key))) as port:
        sent_with(made.client_context())
        made.key.write_bytes(renewed.key.read_bytes())  # half renewed: the key does not fit
        sent_with(ssl.create_default_context(cafile=_copy(made.cert, tmp_path)))
        made.cert.write_bytes(renewed.cert.read_bytes())
        sent_with(renewed.client_context())
    assert len(store.raws) == 3


def _copy(file: Path, folder: Path) -> str:
    copy = folder / "copy.pem"
    copy.write_bytes(file.read_bytes())
    return str(copy)


def test_what_is_missing_for_encryption_is_said(tmp_path: Path):
    with pytest.raises(PermanentFailure, match="names no certificate"):
        Email(config(listen_port=free_port(), listen_tls="required")).serve(Store(), threading.Event())
    email = Email(replace(config(listen_port=free_port()), certificate=(str(tmp_path / "no"), str(tmp_path / "no"))))
    with pytest.raises(PermanentFailure, match="cannot be read"):
        email.serve(Store(), threading.Event())


def test_a_size_announced_too_large_is_refused_before_it_is_sent(store: Store):
    with door(store, max_message_bytes=100_000) as port, smtplib.SMTP("127.0.0.1", port, timeout=60) as client:
        client.ehlo()
        assert client.esmtp_features["size"] == "100000"
        assert client.mail("a@b.example", ["SIZE=100001"])[0] == 552


def test_more_senders_than_are_served_at_once_come_back_later(store: Store, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(smtp_in, "MAX_CONNECTIONS", 2)
    with door(store) as port:
        held = []
        deadline = time.monotonic() + 60
        while len(held) < 2:  # the look whether the door is open may still count for a moment
            assert time.monotonic() < deadline
            line = socket.create_connection(("127.0.0.1", port), timeout=60)
            if line.recv(3) == b"220":
                held.append(line)
            else:
                line.close()
        with socket.create_connection(("127.0.0.1", port), timeout=60) as third:
            assert third.recv(1000).startswith(b"421 4.3.2")
        held.pop().close()
        while True:
            with socket.create_connection(("127.0.0.1", port), timeout=60) as line:
                if line.recv(3) == b"220":
                    break
            assert time.monotonic() < deadline
        held.pop().close()
