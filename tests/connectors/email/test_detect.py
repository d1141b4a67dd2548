"""Servers found from an address: known providers, DNS, what the domain publishes, and trying real servers."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.email import autoconfig, detect, pinned, reach
from connectors.email.providers import Found, Server
from tests.connectors.email.mailbox import LOCAL, config
from tests.servers.certificates import Certificate, make_certificate
from tests.servers.dns import NameServer
from tests.servers.dovecot import Dovecot
from tests.servers.smtp_sink import SmtpSink

pytestmark = pytest.mark.processes


@pytest.fixture(autouse=True)
def calm(monkeypatch: pytest.MonkeyPatch) -> None:
    """The domains of these tests have no web server; the machine may be busy."""
    monkeypatch.setattr(autoconfig, "ask", lambda *_: None)
    monkeypatch.setattr(reach, "PATIENCE_S", 30.0)


def places(found: Found) -> list[tuple[str, int, str] | None]:
    return [(s.host, s.port, s.security) if s else None for s in (found.imap, found.smtp)]


@pytest.mark.parametrize(
    ("address", "imap", "smtp", "sign_in"),
    [
        ("Shop@Gmail.com", ("imap.gmail.com", 993, "tls"), ("smtp.gmail.com", 465, "tls"), "google"),
        (
            "a@hotmail.com",
            ("outlook.office365.com", 993, "tls"),
            ("smtp-mail.outlook.com", 587, "starttls"),
            "microsoft",
        ),
        ("a@yahoo.com.vn", ("imap.mail.yahoo.com", 993, "tls"), ("smtp.mail.yahoo.com", 465, "tls"), "password"),
        ("a@icloud.com", ("imap.mail.me.com", 993, "tls"), ("smtp.mail.me.com", 587, "starttls"), "password"),
    ],
)
def test_known_providers_need_no_network(address, imap, smtp, sign_in):
    with NameServer({}) as names:
        found = detect.detect(address, (), names.resolver)
    assert (places(found), found.sign_in, names.asked) == ([imap, smtp], sign_in, [])


@pytest.mark.parametrize(
    ("exchangers", "imap", "smtp", "sign_in"),
    [
        (["1 smtp.google.com."], "imap.gmail.com", "smtp.gmail.com", "google"),
        (["0 shop-example.mail.protection.outlook.com."], "outlook.office365.com", "smtp.office365.com", "microsoft"),
        (["20 backup.example.net.", "10 mx.zoho.com."], "imappro.zoho.com", "smtppro.zoho.com", "password"),
        (["10 pro51.emailserver.vn."], "pro51.emailserver.vn", "pro51.emailserver.vn", "password"),
        (["5 mail02.haravan.vn."], "mail02.haravan.vn", "mail02.haravan.vn", "password"),
    ],
)
def test_a_domain_of_ones_own_is_known_by_who_takes_its_mail(exchangers, imap, smtp, sign_in):
    with NameServer({("shop.example", "MX"): exchangers}) as names:
        found = detect.detect("support@shop.example", (), names.resolver)
    assert found.imap and found.smtp
    assert (found.imap.host, found.smtp.host, found.sign_in) == (imap, smtp, sign_in)
    assert "MX" in found.source


def test_what_the_domain_says_in_its_dns_comes_first():
    records = {
        ("_imaps._tcp.shop.example", "SRV"): ["20 1 993 slow.shop.example.", "10 1 1993 imap.shop.example."],
        ("_submissions._tcp.shop.example", "SRV"): ["0 0 0 ."],  # not offered
        ("_submission._tcp.shop.example", "SRV"): ["0 1 587 out.shop.example."],
        ("shop.example", "MX"): ["1 smtp.google.com."],
    }
    with NameServer(records) as names:
        found = detect.detect("support@shop.example", (), names.resolver)
    assert places(found) == [("imap.shop.example", 1993, "tls"), ("out.shop.example", 587, "starttls")]
    assert found.settings["imap_port"] == 1993 and found.settings["sign_in"] == "password"


def test_what_the_domain_publishes():
    document = b"""<?xml version="1.0"?><clientConfig version="1.1"><emailProvider id="shop.example">
      <incomingServer type="pop3"><hostname>pop.x</hostname><port>995</port><socketType>SSL</socketType></incomingServer>
      <incomingServer type="imap"><hostname>plain.x</hostname><port>143</port><socketType>plain</socketType></incomingServer>
      <incomingServer type="imap"><hostname>mail.%EMAILDOMAIN%</hostname><port>993</port><socketType>SSL</socketType></incomingServer>
      <outgoingServer type="smtp"><hostname>mail.shop.example</hostname><port>587</port><socketType>STARTTLS</socketType></outgoingServer>
    </emailProvider></clientConfig>"""
    found = autoconfig.read(document, "shop.example", "support@shop.example")
    assert found and places(found) == [("mail.shop.example", 993, "tls"), ("mail.shop.example", 587, "starttls")]
    hostile = document.replace(b"mail.%EMAILDOMAIN%", b"evil/../x").replace(b"587", b"99999")
    assert autoconfig.read(hostile, "shop.example", "support@shop.example") is None
    for junk in (b"", b"<html>", b"<!DOCTYPE x [<!ENTITY a 'b'>]><clientConfig/>", b"\xff\xfe", b"<clientConfig/>"):
        assert autoconfig.read(junk, "shop.example", "support@shop.example") is None


def test_nothing_is_found_where_nothing_is():
    with NameServer({}) as names:
        found = detect.detect("support@nowhere.invalid", LOCAL, names.resolver)
    assert places(found) == [None, None] and found.settings == {}
    with pytest.raises(ValueError, match="not an email address"):
        detect.detect("support", LOCAL)


@pytest.fixture
def certificate(tmp_path: Path) -> Certificate:
    return make_certificate(tmp_path)


@pytest.mark.dovecot
def test_the_server_that_takes_the_mail_is_tried_and_proves_itself(certificate: Certificate, monkeypatch):
    monkeypatch.setattr(pinned, "tls_context", certificate.client_context)
    with Dovecot(certificate) as imap, SmtpSink(certificate=certificate) as smtp:
        usual = {"imap": ((imap.tls_port, "tls"), (imap.port, "starttls")), "smtp": ((smtp.port, "starttls"),)}
        monkeypatch.setattr(reach, "USUAL", usual)
        with NameServer({("shop.invalid", "MX"): ["10 localhost."]}) as names:
            found = detect.detect("support@shop.invalid", LOCAL, names.resolver)
            assert places(found) == [("localhost", imap.tls_port, "tls"), ("localhost", smtp.port, "starttls")]
            guarded = detect.detect("support@shop.invalid", (), names.resolver)
    assert places(guarded) == [None, None], "private addresses are not tried unless they are admitted"


@pytest.mark.dovecot
def test_a_failed_test_proposes_what_works(certificate: Certificate, monkeypatch):
    from connectors.email.connector import Email

    monkeypatch.setattr(pinned, "tls_context", certificate.client_context)
    with Dovecot(certificate) as imap:
        monkeypatch.setattr(reach, "USUAL", {"imap": ((imap.tls_port, "tls"), (imap.port, "starttls"))})
        right = {"imap_host": "localhost", "imap_user": imap.user, "imap_password": imap.password}

        def last(**settings):
            return list(Email(config(**{**right, **settings})).test())[-1]

        proposed = (("imap_host", "localhost"), ("imap_port", imap.tls_port), ("imap_security", "tls"))
        closed = last(imap_port=1, imap_security="tls")
        assert (closed.name, closed.fix) == ("IMAP: connection", proposed)
        wrong = last(imap_port=imap.port, imap_security="tls")
        assert (wrong.name, wrong.fix) == ("IMAP: encryption", proposed)
        folder = last(**dict(closed.fix), imap_folder="sent")
        assert (folder.name, folder.fix) == ("IMAP: folder", (("imap_folder", "Sent"),))
        good = list(Email(config(**{**right, **dict(closed.fix)})).test())
        assert all(step.ok for step in good) and "IMAP: encryption" in [step.name for step in good]
        misspelt = last(imap_host="imap.gmial.invalid", address="shop@gmail.com")
        assert (misspelt.name, dict(misspelt.fix)["imap_host"]) == ("IMAP: name", "imap.gmail.com")


def test_a_place_of_known_providers_is_encrypted():
    from connectors.email import providers

    every = [*providers._DOMAINS.values(), *providers._EXCHANGERS.values()]
    servers = [server for found in every for server in (found.imap, found.smtp)]
    assert {(s.port, s.security) for s in servers if isinstance(s, Server)} == {
        (993, "tls"), (465, "tls"), (587, "starttls"),
    }  # fmt: skip
