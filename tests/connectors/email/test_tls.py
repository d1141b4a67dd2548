"""Encrypted connections: to the pinned address, with the certificate checked for the host's name."""

from __future__ import annotations

import datetime
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from connectors.contract import Address, Outbound, PermanentFailure, TemporaryFailure
from connectors.email import pinned
from connectors.email.connector import Email
from tests.connectors.email.mailbox import ADDRESS, config, listening, mail
from tests.servers.certificates import make_certificate
from tests.servers.dovecot import Dovecot
from tests.servers.machine import free_port

pytestmark = pytest.mark.processes


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Key and certificate for localhost in one file, its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture
def trusted(certificate: Path, monkeypatch) -> None:
    monkeypatch.setattr(pinned, "tls_context", lambda: ssl.create_default_context(cafile=str(certificate)))


def server_context(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


class Keep:
    def __init__(self) -> None:
        self.mails: list[bytes] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.mails.append(envelope.original_content)
        return "250 OK"


@contextmanager
def smtp(certificate: Path, security: str) -> Iterator[tuple[int, Keep]]:
    keep = Keep()
    options: dict[str, Any] = (
        {"ssl_context": server_context(certificate)}
        if security == "tls"
        else {"tls_context": server_context(certificate), "require_starttls": True}
    )
    controller = Controller(keep, hostname="127.0.0.1", port=free_port(), **options)
    controller.start()
    try:
        yield controller.port, keep
    finally:
        controller.stop()


def outbound() -> Outbound:
    return Outbound(1, (Address("email", "lan@customer.example"),), "Xin chào", subject="Hi", message_id="a@b")


@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_sending_encrypted(certificate: Path, trusted: None, security: str):
    with smtp(certificate, security) as (port, keep):
        Email(config(smtp_host="localhost", smtp_port=port, smtp_security=security)).send(outbound())
    assert len(keep.mails) == 1


@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_a_certificate_of_nobody_we_know_is_refused(certificate: Path, security: str):
    with smtp(certificate, security) as (port, keep):
        email = Email(config(smtp_host="localhost", smtp_port=port, smtp_security=security))
        with pytest.raises(PermanentFailure, match="certificate"):
            email.send(outbound())
    assert keep.mails == []


def test_a_certificate_for_another_name_is_refused(certificate: Path, trusted: None):
    with smtp(certificate, "tls") as (port, keep), pytest.raises(PermanentFailure, match="certificate"):
        Email(config(smtp_host="127.0.0.1", smtp_port=port, smtp_security="tls")).send(outbound())


def test_a_server_without_starttls_gets_no_mail(certificate: Path, trusted: None):
    controller = Controller(Keep(), hostname="127.0.0.1", port=free_port())
    controller.start()
    try:
        with pytest.raises(PermanentFailure, match="STARTTLS"):
            Email(config(smtp_host="localhost", smtp_port=controller.port, smtp_security="starttls")).send(outbound())
    finally:
        controller.stop()


@pytest.mark.dovecot
def test_a_mailbox_over_tls_with_idle(tmp_path: Path, monkeypatch):
    certificate = make_certificate(tmp_path)
    monkeypatch.setattr(pinned, "tls_context", certificate.client_context)
    with Dovecot(certificate) as dovecot:
        dovecot.deliver(mail(1, "x" * 100_000), user=ADDRESS)
        settings = {
            "imap_host": "localhost",
            "imap_port": dovecot.tls_port,
            "imap_security": "tls",
            "import_from": "all",
        }
        email = Email(config(imap_user=ADDRESS, imap_password="secret", **settings))
        with listening(email) as found:
            assert len(found.wait(1)[0].body) > 100_000
            dovecot.deliver(mail(2), user=ADDRESS)
            assert b"Question 2" in found.wait(2)[1].body


@pytest.mark.dovecot
def test_tls_on_a_plain_port_is_said_in_words(dovecot: Dovecot, monkeypatch):
    monkeypatch.setattr(pinned.ImapSession.__init__, "__defaults__", (2.0,))
    email = Email(config(imap_host="localhost", imap_port=dovecot.port, imap_security="tls", imap_password="secret"))
    with pytest.raises((TemporaryFailure, PermanentFailure), match="encrypted|answer"):
        next(email.listen({}, threading.Event()))


def test_the_address_is_resolved_once_and_pinned(certificate: Path, trusted: None, monkeypatch):
    """A second answer of the name server cannot lead elsewhere."""
    asked = []
    real = socket.getaddrinfo

    def rebinding(host: Any, *args: Any, **options: Any) -> Any:
        if host == "localhost":
            asked.append(host)
            return real("127.0.0.1" if len(asked) == 1 else "203.0.113.9", *args, **options)
        return real(host, *args, **options)

    with smtp(certificate, "tls") as (port, keep):
        monkeypatch.setattr(socket, "getaddrinfo", rebinding)
        Email(config(smtp_host="localhost", smtp_port=port, smtp_security="tls")).send(outbound())
        monkeypatch.undo()
    assert len(keep.mails) == 1 and len(asked) == 1
    assert ipaddress.ip_address("203.0.113.9")
