"""Find the servers, and the button that mends a failed test: both fill the form, nothing is saved by them."""

from __future__ import annotations

import html
import json
import re
from typing import Any

import pytest
from sqlalchemy import select

from connectors.email import detect
from helpdesk.extensions import db
from helpdesk.models import Channel
from tests.servers.dns import NameServer
from tests.servers.smtp_sink import SmtpSink

pytestmark = pytest.mark.processes


@pytest.fixture
def admin(make: Any) -> Any:
    return make.client(make.agent("admin"))


def value(page: str, name: str) -> str:
    field = re.search(rf'<input[^>]*name="s\.{name}"[^>]*>', page)
    assert field, name
    found = re.search(r'value="([^"]*)"', field[0])
    return html.unescape(found[1]) if found else ""


def test_an_address_fills_the_servers(admin: Any) -> None:
    page = admin.get("/settings/channels/new/email").text
    assert 'formaction="/settings/channels/new/email/find"' in page
    typed = {"name": "Support", "s.address": "shop@gmail.com", "s.from_name": "Đồi Gió", "s.smtp_password": "canary-8"}
    page = admin.post("/settings/channels/new/email/find", data=typed).text
    assert (value(page, "imap_host"), value(page, "imap_port")) == ("imap.gmail.com", "993")
    assert (value(page, "smtp_host"), value(page, "from_name")) == ("smtp.gmail.com", "Đồi Gió")
    assert re.search(r'<option value="google" selected', page)
    assert "the list of known providers" in page and "canary-8" not in page
    db.session.rollback()
    assert db.session.scalar(select(Channel.id)) is None


def test_what_is_not_found_and_not_an_address_is_said(admin: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    typed = {"name": "Support", "s.address": "shop@nowhere.invalid"}
    with NameServer({}) as names:
        asks_only_us = names.resolver
        monkeypatch.setattr(detect.dns.resolver, "Resolver", lambda: asks_only_us)
        assert "Nothing was found" in admin.post("/settings/channels/new/email/find", data=typed).text
    wrong = admin.post("/settings/channels/new/email/find", data={"name": "x", "s.address": "shop"})
    assert wrong.status_code == 422 and "not an email address" in wrong.text
    assert admin.post("/settings/channels/new/email/find", data={"name": "x"}).status_code == 422


def test_a_stored_channel_is_filled_and_not_saved(admin: Any, make: Any) -> None:
    channel = make.channel("email", config={"address": "a@b.example"})
    where = f"/settings/channels/{channel.id}"
    page = admin.post(f"{where}/find", data={"name": "x", "s.address": "a@yahoo.com"}).text
    assert value(page, "imap_host") == "imap.mail.yahoo.com"
    db.session.rollback()
    assert "imap_host" not in db.session.get_one(Channel, channel.id).settings


def test_one_press_uses_what_a_failed_step_proposes(admin: Any) -> None:
    form = {"name": "Support", "s.address": "shop@yahoo.com", "s.smtp_host": "smtp.mail.yaho.invalid",
            "s.smtp_security": "tls"}  # fmt: skip
    steps = admin.post("/settings/channels/new/email/test", data=form, headers={"X-Live": "1"}).text
    button = re.search(r"<button[^>]*data-fix[^>]*>", steps)
    assert button and 'form="channel-form"' in button[0]
    proposed = re.search(r'value="([^"]*)"', button[0])
    assert proposed
    fix = json.loads(html.unescape(proposed[1]))
    assert fix == {"smtp_host": "smtp.mail.yahoo.com", "smtp_port": 465, "smtp_security": "tls"}
    assert "Use smtp.mail.yahoo.com · 465 · tls and test again" in html.unescape(steps)
    with SmtpSink() as sink:  # without scripts: the page comes back with the new values and their test
        fix = {
            "smtp_host": "127.0.0.1",
            "smtp_port": sink.port,
            "smtp_security": "none",
            "smtp_password": "x",
            "key": 1,
        }
        page = admin.post("/settings/channels/new/email/test", data={**form, "fix": json.dumps(fix)}).text
    assert value(page, "smtp_port") == str(sink.port) and 'class="is-bad"' not in page
    for junk in ("", "[1]", "{", '"x"'):
        assert admin.post("/settings/channels/new/email/test", data={**form, "fix": junk}).status_code == 200
