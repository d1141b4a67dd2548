"""*Test connection* against real servers, good and bad."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.email import probe
from connectors.email.connector import Email
from tests.connectors.email.mailbox import ADDRESS, config
from tests.servers.dovecot import Dovecot
from tests.servers.smtp_sink import SmtpSink

pytestmark = [pytest.mark.dovecot, pytest.mark.processes]


@pytest.fixture
def both(dovecot: Dovecot, sink: SmtpSink) -> dict[str, Any]:
    return {
        "imap_host": "127.0.0.1",
        "imap_port": dovecot.port,
        "imap_user": ADDRESS,
        "imap_password": "secret",
        "smtp_host": "127.0.0.1",
        "smtp_port": sink.port,
    }


def steps(**settings: Any) -> dict[str, Any]:
    return {step.name: step for step in Email(config(**settings)).test()}


def forward(sink: SmtpSink, dovecot: Dovecot, plus: bool = True) -> None:
    """Let the sink deliver what it gets into the mailbox, as a mail server would."""
    keep = sink._keep

    def deliver(mail) -> None:
        keep(mail)
        if plus or "+" not in mail.recipients[0]:
            dovecot.deliver(mail.raw)

    sink._keep = deliver  # type: ignore[method-assign]


def test_everything_works_and_the_test_mails_are_gone(both, dovecot: Dovecot, sink: SmtpSink):
    forward(sink, dovecot)
    found = steps(**both)
    assert all(step.ok for step in found.values()), found
    assert list(found) == ["IMAP: name", "IMAP: connection", "IMAP: login", "IMAP: folder", "IMAP: sent mail", "SMTP: name",
                           "SMTP: connection", "SMTP: login", "Round trip", "Reply addresses"]  # fmt: skip
    assert found["Reply addresses"].fact == "plus_addressing"
    assert dovecot.mails() == {}
    assert {mail.message["Auto-Submitted"] for mail in sink.mails} == {"auto-generated"}


def test_without_plus_addressing_nothing_is_promised(both, dovecot: Dovecot, sink: SmtpSink, monkeypatch):
    forward(sink, dovecot, plus=False)
    found = steps(**both)
    assert found["Reply addresses"].ok and found["Reply addresses"].fact == ""


def test_a_mail_that_does_not_come_back_fails_the_round_trip(both, monkeypatch):
    monkeypatch.setattr(probe, "ROUND_TRIP_S", 1.0)
    found = steps(**both)
    assert not found["Round trip"].ok and "spam" in found["Round trip"].advice
    assert list(found)[-1] == "Round trip"


@pytest.mark.parametrize(
    ("change", "last"),
    [
        ({"imap_host": "no-such-host.invalid"}, "IMAP: name"),
        ({"imap_port": 1}, "IMAP: connection"),
        ({"imap_security": "tls"}, "IMAP: encryption"),
        ({"imap_password": "canary-7"}, "IMAP: login"),
        ({"imap_folder": "Không có"}, "IMAP: folder"),
        ({"smtp_port": 1}, "SMTP: connection"),
        ({"smtp_user": "x", "smtp_password": "canary-7"}, "SMTP: login"),
        ({"smtp_security": "starttls"}, "SMTP: encryption"),
        ({"imap_host": "", "smtp_host": ""}, "Settings"),
    ],
)
def test_what_fails_is_named_with_advice(both, change: dict[str, Any], last: str):
    found = steps(**{**both, **change})
    assert list(found)[-1] == last and not found[last].ok
    assert found[last].advice and found[last].detail and "canary" not in repr(found)
    assert all(step.ok for name, step in found.items() if name != last)


def test_a_private_address_is_refused(both):
    found = {step.name: step for step in Email(config(**both, allow_private=())).test()}
    assert list(found) == ["IMAP: name"] and "private" in found["IMAP: name"].detail
    assert found["IMAP: name"].advice == ""  # the sentence itself says what to do: its spelling is right
