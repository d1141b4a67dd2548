"""Each server starts, does its work and is gone afterwards."""

import imaplib
import smtplib
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TypeVar

import psycopg
import pytest
import redis
from sqlalchemy import create_engine, text

from tests.conftest import missing
from tests.servers import Missing, available
from tests.servers.certificates import make_certificate
from tests.servers.dovecot import Dovecot
from tests.servers.machine import listening
from tests.servers.postgres import Postgres
from tests.servers.proxy import Proxy
from tests.servers.smtp_sink import SmtpSink
from tests.servers.valkey import Valkey

pytestmark = pytest.mark.processes

S = TypeVar("S")

MAIL = "From: lan@example.com\r\nTo: shop@example.com\r\nSubject: Ấm trà\r\n\r\nNắp bị nứt.\r\n".encode()


@contextmanager
def running(server: AbstractContextManager[S]) -> Iterator[S]:
    try:
        with server as started:
            yield started
    except Missing as error:
        missing(str(error))


def test_available_names_each_program_and_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(available()) == {"chromium", "dovecot", "postgresql"}
    monkeypatch.setattr("tests.servers.machine._dovecot", lambda: None)
    with pytest.raises(Missing, match="dovecot is missing.*dovecot-imapd"), Dovecot():
        pass


def test_postgres_copies_a_template_and_leaves_nothing() -> None:
    with running(Postgres()) as server:
        engine = create_engine(server.create_database("first"))
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE seat AS SELECT 'đ' AS letter"))
        engine.dispose()
        copies = [server.create_database(template="first") for _ in range(2)]
        assert len(set(copies)) == 2
        copy = create_engine(copies[1])
        with copy.connect() as connection:
            assert connection.scalar(text("SELECT letter FROM seat")) == "đ"
        copy.dispose()
        folder, port = server.folder, server.port
        server.drop_database("first")
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(host="127.0.0.1", port=port, user="postgres", dbname="first")
    assert not folder.exists()
    assert not listening(port)


def test_dovecot_takes_mail_tells_an_idling_client_and_renumbers() -> None:
    with running(Dovecot()) as server:
        assert server.deliver(MAIL) == 1
        assert server.mails() == {1: MAIL}
        with server.session() as idle:
            idle.select("INBOX")
            idle.send(b"T1 IDLE\r\n")
            assert idle.readline().startswith(b"+")
            server.deliver(MAIL.replace(b"\r\n", b"\n"))
            assert idle.readline() == b"* 2 EXISTS\r\n"
            idle.send(b"DONE\r\n")
            while not idle.readline().startswith(b"T1"):
                pass
        assert server.mails()[2] == MAIL
        assert server.deliver(MAIL, "Spam.Old", "other@example.com") == 1
        before = server.uidvalidity()
        assert server.change_uidvalidity() != before
        assert sorted(server.mails().values()) == [MAIL, MAIL]
        assert server.flags(1) <= {"\\Seen", "\\Recent"}
        with imaplib.IMAP4(server.host, server.port) as imap, pytest.raises(imaplib.IMAP4.error, match="FAILED"):
            imap.login("x", "wrong")
        port = server.port
    assert not listening(port)


@pytest.fixture
def sink() -> Iterator[SmtpSink]:
    with SmtpSink() as sink:
        yield sink


@pytest.fixture
def client(sink: SmtpSink) -> Iterator[smtplib.SMTP]:
    with smtplib.SMTP(sink.host, sink.port, timeout=60) as client:
        yield client


def test_sink_keeps_the_bytes_and_the_envelope(sink: SmtpSink, client: smtplib.SMTP) -> None:
    client.ehlo()
    client.login("shop", sink.password)
    client.sendmail("shop@example.com", ["lan@example.com", "nam@example.com"], MAIL)
    (mail,) = sink.wait_for("nam@example.com")
    assert (mail.sender, mail.recipients) == ("shop@example.com", ["lan@example.com", "nam@example.com"])
    assert (mail.raw, mail.login) == (MAIL, "shop")
    assert mail.message["subject"] == "Ấm trà"


def test_sink_answers_as_told(sink: SmtpSink, client: smtplib.SMTP) -> None:
    sink.answer("RCPT", "550 5.1.1 No such user", "nobody@example.com")
    assert client.sendmail("a@b.c", ["nobody@example.com", "lan@example.com"], MAIL) == {
        "nobody@example.com": (550, b"5.1.1 No such user")
    }
    sink.answer("DATA", "451 4.3.0 Later", times=1)
    with pytest.raises(smtplib.SMTPDataError, match="Later"):
        client.sendmail("a@b.c", ["lan@example.com"], MAIL)
    client.sendmail("a@b.c", ["lan@example.com"], MAIL)
    assert len(sink.wait(2)) == 2
    assert sink.refused == [("RCPT", "nobody@example.com"), ("DATA", "lan@example.com")]
    with pytest.raises(smtplib.SMTPAuthenticationError):
        client.login("shop", "wrong")


def test_sink_can_take_a_mail_and_not_say_so(sink: SmtpSink) -> None:
    sink.drop_after_data()
    with pytest.raises(smtplib.SMTPServerDisconnected), smtplib.SMTP(sink.host, sink.port, timeout=60) as client:
        client.sendmail("a@b.c", ["lan@example.com"], MAIL)
    assert sink.wait(1)[0].raw == MAIL


def test_both_mail_servers_speak_tls(tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path)
    with running(Dovecot(certificate)) as server:
        trusting = certificate.client_context()
        with imaplib.IMAP4_SSL("localhost", server.tls_port, ssl_context=trusting, timeout=60) as imap:
            assert imap.login("x", server.password)[0] == "OK"
        with imaplib.IMAP4(server.host, server.port, timeout=60) as imap:
            assert imap.starttls(trusting)[0] == "OK"
        with pytest.raises(ssl.SSLCertVerificationError, match="self-signed"):
            imaplib.IMAP4_SSL("localhost", server.tls_port, ssl_context=ssl.create_default_context(), timeout=60)
    with SmtpSink(certificate=certificate) as sink, smtplib.SMTP(sink.host, sink.port, timeout=60) as client:
        assert client.starttls(context=trusting)[0] == 220
        client.sendmail("a@b.c", ["lan@example.com"], MAIL)
        assert sink.wait(1)[0].raw == MAIL
    with (
        SmtpSink(certificate=certificate, tls_first=True) as sink,
        smtplib.SMTP_SSL(sink.host, sink.port, context=trusting, timeout=60) as client,
    ):
        assert client.noop()[0] == 250


def test_an_expired_certificate_is_refused(tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path, expired=True)
    with SmtpSink(certificate=certificate) as sink, smtplib.SMTP(sink.host, sink.port, timeout=60) as client:
        with pytest.raises(ssl.SSLCertVerificationError, match="expired"):
            client.starttls(context=certificate.client_context())
        client.close()


def test_valkey_forgets_when_flushed_and_keeps_what_is_durable() -> None:
    with Valkey(durable=True) as server:
        with redis.Redis.from_url(server.url) as client:
            client.set("a", 1)
        server.kill()
        assert not listening(server.port)
        server.restart()
        with redis.Redis.from_url(server.url) as client:
            assert client.get("a") == b"1"
            server.flush()
            assert client.get("a") is None
        folder = server.folder
    assert not folder.exists()


@pytest.fixture
def line(sink: SmtpSink) -> Iterator[Proxy]:
    with Proxy(sink.port) as line:
        yield line


def _greeting(line: Proxy, timeout_s: float = 5) -> bytes:
    with socket.create_connection((line.host, line.port), timeout=timeout_s) as sock:
        return sock.recv(1000)


def test_proxy_passes_delays_and_cuts(line: Proxy) -> None:
    assert _greeting(line).startswith(b"220 ")
    line.delay(0.05)
    assert _greeting(line).startswith(b"220 ")
    line.cut_after(3)
    with socket.create_connection((line.host, line.port), timeout=60) as sock:
        assert sock.recv(1000) == b"220"
        assert sock.recv(1000) == b""
    assert line.connections == 3


@pytest.mark.parametrize("silence", [Proxy.blackhole, lambda line: line.drop("down")], ids=["blackhole", "drop"])
def test_proxy_swallows(line: Proxy, silence: Callable[[Proxy], None]) -> None:
    silence(line)
    with pytest.raises(TimeoutError):
        _greeting(line, timeout_s=0.2)
    line.passing()
    assert _greeting(line).startswith(b"220 ")


def test_proxy_refuses_and_cuts_what_is_open(line: Proxy) -> None:
    with socket.create_connection((line.host, line.port), timeout=60) as sock:
        assert sock.recv(4) == b"220 "
        line.cut()
        while sock.recv(1000):
            pass
    line.refuse()
    assert _greeting(line) == b""


@pytest.mark.browser
def test_chromium_opens_a_page_and_axe_finds_what_is_wrong(tmp_path: Path) -> None:
    from tests.servers.browser import DESKTOP, assert_accessible, chromium

    page_file = tmp_path / "page.html"
    with running(chromium()) as browser:
        page = browser.new_page(viewport=DESKTOP)
        page_file.write_text("<!doctype html><html lang=en><title>Good</title><main><h1>Hello</h1></main></html>")
        page.goto(page_file.as_uri())
        assert page.get_by_role("heading", name="Hello").is_visible()
        assert_accessible(page)
        page_file.write_text("<!doctype html><html lang=en><title>Bad</title><main><h1>Hello</h1><button></button>")
        page.reload()
        with pytest.raises(AssertionError, match="button-name"):
            assert_accessible(page)
