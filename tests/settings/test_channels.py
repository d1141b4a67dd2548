"""Channels: a form drawn from the declaration; secrets go in and never come out; the test says what works."""

from __future__ import annotations

import re
import socket
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from markupsafe import escape
from sqlalchemy import select

from connectors.email.providers import Found
from connectors.registry import kinds
from helpdesk.extensions import db
from helpdesk.models import Channel
from helpdesk.services import channels
from helpdesk.unit_of_work import unit_of_work
from tests.servers.smtp_sink import SmtpSink

pytestmark = pytest.mark.processes

CANARY = "s3cret-canary"
EMAIL = {
    "name": "Support mailbox", "s.address": "help@doigio.example", "s.smtp_host": "127.0.0.1", "s.smtp_port": "2525",
    "s.smtp_security": "none", "s.imap_security": "tls", "s.imap_folder": "INBOX", "s.import_from": "now",
    "s.smtp_password": CANARY,
}  # fmt: skip


@pytest.fixture
def admin(make: Any) -> Any:
    return make.client(make.agent("admin"))


def _one() -> Channel:
    db.session.rollback()
    return db.session.scalars(select(Channel)).one()


@pytest.mark.parametrize("kind", sorted(kinds()))
def test_every_declared_setting_has_its_field(admin: Any, kind: str) -> None:
    page = admin.get(f"/settings/channels/new/{kind}").text
    for setting in kinds()[kind].settings:
        name = setting.name if setting.name in channels.COMMON else f"s.{setting.name}"
        assert f'name="{name}"' in page, setting.name
        if setting.secret:
            assert re.search(rf'name="s\.{setting.name}" type="password"', page)


def test_connect_a_mailbox(admin: Any) -> None:
    answer = admin.post("/settings/channels/new/email", data={**EMAIL, "signature": "Đồi Gió", "acknowledge": "1"})
    channel = _one()
    assert answer.headers["Location"] == f"/settings/channels/{channel.id}"
    assert channel.settings["smtp_port"] == 2525 and channel.signature == "Đồi Gió" and channel.acknowledge
    assert channels.secrets_of(channel) == {"smtp_password": CANARY}
    assert CANARY not in str(channel.settings) + channel.secrets_sealed


def test_a_wrong_form_says_which_field_and_keeps_the_rest(admin: Any) -> None:
    answer = admin.post(
        "/settings/channels/new/email", data={**EMAIL, "s.address": "", "s.smtp_port": "many", "name": " "}
    )
    assert answer.status_code == 422
    for field in ("address", "smtp_port", "name"):
        assert f'id="f-{field}-error"' in answer.text
    assert 'value="many"' in answer.text and CANARY not in answer.text
    assert db.session.scalar(select(Channel.id)) is None
    assert admin.post("/settings/channels/new/telegram", data={"name": "Bot"}).status_code == 422  # its token is needed


def test_a_secret_is_replaced_kept_and_removed_but_never_shown(admin: Any) -> None:
    admin.post("/settings/channels/new/email", data=EMAIL)
    channel = _one()
    where = f"/settings/channels/{channel.id}"
    assert "Replace" in admin.get(where).text
    kept = {k: v for k, v in EMAIL.items() if k != "s.smtp_password"}
    assert admin.post(where, data={**kept, "s.from_name": "Shop"}).status_code == 303
    assert channels.secrets_of(_one()) == {"smtp_password": CANARY}
    assert admin.post(where, data={**kept, "s.smtp_password": CANARY + "2"}).status_code == 303
    assert channels.secrets_of(_one()) == {"smtp_password": CANARY + "2"}
    for path in (where, "/settings/channels", "/settings/health"):
        assert CANARY not in admin.get(path).text
    assert admin.post(f"{where}/forget/smtp_password").status_code == 303
    assert channels.secrets_of(_one()) == {}


@pytest.mark.parametrize(
    "change", [{"s.smtp_host": "evil.example"}, {"s.smtp_port": "25"}, {"s.imap_host": "evil.example"}]
)
def test_another_server_does_not_get_the_stored_secret(admin: Any, change: dict[str, str]) -> None:
    admin.post("/settings/channels/new/email", data=EMAIL)
    where = f"/settings/channels/{_one().id}"
    kept = {k: v for k, v in EMAIL.items() if k != "s.smtp_password"}
    answer = admin.post(where, data={**kept, **change}, follow_redirects=True)
    assert "Enter again: Password" in answer.text
    assert channels.secrets_of(_one()) == {}


def test_the_test_does_not_give_the_stored_secret_to_another_server_either(admin: Any, make: Any) -> None:
    with SmtpSink() as sink, socket.create_server(("127.0.0.1", 0)) as other:
        form = {**EMAIL, "s.smtp_port": str(sink.port), "s.smtp_user": "help", "s.smtp_password": sink.password}
        admin.post("/settings/channels/new/email", data=form)
        channel = _one()
        kept = {k: v for k, v in form.items() if k != "s.smtp_password"}
        trial = channels.trial(db.session, "email", {"smtp_port": str(other.getsockname()[1])}, channel)
        assert trial.config.get("smtp_password") == ""
        assert (
            channels.trial(db.session, "email", {"from_name": "x"}, channel).config.get("smtp_password")
            == sink.password
        )
        good = admin.post(f"/settings/channels/{channel.id}/test", data=kept, headers={"X-Live": "1"}).text
        assert good.count('class="is-good"') == good.count("<li") > 1
        assert "SMTP: login" in good
        stored = _one()
        assert stored.last_success_at is not None and stored.state == "ok"


def test_the_test_names_the_step_that_fails_and_what_to_do(admin: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    form = {**EMAIL, "s.smtp_port": str(port)}
    live = admin.post("/settings/channels/new/email/test", data=form, headers={"X-Live": "1"}).text
    assert live.count('class="is-good"') == 1 and live.count('class="is-bad"') == 1
    assert "SMTP: connection" in live and "firewall" in live
    assert CANARY not in live
    whole = admin.post("/settings/channels/new/email/test", data=form)  # without scripts: the page, with what was typed
    assert whole.status_code == 200 and 'class="is-bad"' in whole.text and f'value="{port}"' in whole.text
    assert CANARY not in whole.text
    assert db.session.scalar(select(Channel.id)) is None


def test_the_outcome_of_a_test_is_kept_only_for_what_is_stored(admin: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    form = {**EMAIL, "s.smtp_port": str(port)}
    admin.post("/settings/channels/new/email", data=form)
    where = f"/settings/channels/{_one().id}"
    kept = {k: v for k, v in form.items() if k != "s.smtp_password"}
    admin.post(f"{where}/test", data={**kept, "s.address": "other@doigio.example"})
    assert _one().last_error == ""
    admin.post(f"{where}/test", data=kept)
    assert _one().last_error.startswith("SMTP: connection") and _one().state == "failing"


def test_private_addresses_are_not_asked(app: Flask, admin: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.email.probe.detect", lambda *_: Found())  # nothing is known of the domain
    app.extensions["settings"] = replace(app.extensions["settings"], network=type(app.extensions["settings"].network)())
    for host in ("127.0.0.1", "localhost", "169.254.169.254", "10.0.0.1", "[::1]", "0.0.0.0", "::ffff:127.0.0.1"):  # noqa: S104
        form = {**EMAIL, "s.smtp_host": host}
        said = admin.post("/settings/channels/new/email/test", data=form, headers={"X-Live": "1"}).text
        assert 'class="is-good"' not in said and said.count('class="is-bad"') == 1, host


def test_the_widget_says_what_to_paste(admin: Any) -> None:
    admin.post("/settings/channels/new/widget", data={"name": "Shop", "s.locale": "auto", "s.colour": "#0b7268"})
    channel = _one()
    page = admin.get(f"/settings/channels/{channel.id}").text
    assert f"/widget/{channel.key}.js&#34;&gt;&lt;/script&gt;" in page
    assert "Script tag" in page
    assert re.search(r"/widget/[a-z2-7]+/chat", page)
    assert re.search(r"/widget/[a-z2-7]+/qr\.svg", page)


def test_a_phone_system_gets_its_address(admin: Any) -> None:
    admin.post(
        "/settings/channels/new/phone", data={"name": "Hotline", "s.provider": "generic", "s.webhook_secret": CANARY}
    )
    channel = _one()
    page = admin.get(f"/settings/channels/{channel.id}").text
    assert f"/hooks/{channel.key}" in page and CANARY not in page
    assert 'name="acknowledge"' not in page  # a phone answers nobody by itself


def test_a_channel_of_config_toml_is_read_only(admin: Any, make: Any) -> None:
    channel = make.channel("email", config={"address": "help@x.example", "smtp_password": CANARY}, from_config=True)
    where = f"/settings/channels/{channel.id}"
    page = admin.get(where).text
    assert (
        "Declared in config.toml" in page
        and ">Save<" not in page.split("<main")[1].split("</main>")[0]
        and CANARY not in page
    )
    assert admin.post(where, data=EMAIL).status_code == 422
    for what in ("disable", "disconnect", "forget/smtp_password"):
        admin.post(f"{where}/{what}")
    stored = _one()
    assert stored.enabled and stored.archived_at is None
    assert stored.settings["address"] == "help@x.example" and channels.secrets_of(stored) == {"smtp_password": CANARY}


def test_more_than_the_form_is_ignored(admin: Any) -> None:
    more = {
        "key": "chosen",
        "kind": "phone",
        "enabled": "",
        "from_config": "1",
        "s.unknown": "x",
        "cursor": "{}",
        "version": "9",
    }
    assert (
        admin.post("/settings/channels/new/widget", data={"name": "Shop", "s.locale": "auto", **more}).status_code
        == 303
    )
    channel = _one()
    assert (channel.kind, channel.enabled, channel.from_config, channel.version) == ("widget", True, False, 1)
    assert channel.key != "chosen" and "unknown" not in channel.settings


def test_off_on_and_disconnected(admin: Any, make: Any) -> None:
    channel = make.channel("email", config={"address": "help@x.example", "smtp_password": CANARY})
    where = f"/settings/channels/{channel.id}"
    admin.post(f"{where}/disable")
    assert not _one().enabled
    admin.post(f"{where}/enable")
    assert _one().enabled
    admin.post(f"{where}/disconnect")
    stored = _one()
    assert stored.archived_at is not None and not stored.enabled and stored.secrets_sealed == ""
    assert admin.get(where).status_code == 404


@pytest.mark.parametrize("role", ["agent", "supervisor"])
def test_others_do_not_touch_channels(make: Any, role: str) -> None:
    channel = make.channel("widget")
    client = make.client(make.agent(role))
    where = f"/settings/channels/{channel.id}"
    assert client.get(where).status_code == 404
    for path in (
        where,
        f"{where}/test",
        f"{where}/disconnect",
        "/settings/channels/new/email",
        "/settings/channels/new/email/test",
    ):
        assert client.post(path, data=EMAIL).status_code == 404
    with unit_of_work() as work:
        assert work.session.get_one(Channel, channel.id).enabled


@pytest.mark.parametrize("kind", sorted(set(kinds()) - {"email"}))
@pytest.mark.parametrize("locale", ["en", "vi"])
def test_every_kind_says_step_by_step_what_to_do(make: Any, kind: str, locale: str) -> None:
    """A mailbox finds its settings by itself; everything else has a guide, in both languages."""
    page = make.client(make.agent("admin", locale=locale)).get(f"/settings/channels/new/{kind}").text
    assert len(kinds()[kind].guide) >= 4
    for line in kinds()[kind].guide:
        assert (str(escape(line)) in page) is (locale == "en")
    assert page.count("<li>") >= len(kinds()[kind].guide)


@pytest.mark.parametrize("kind", ["zalo", "messenger", "instagram", "whatsapp"])
def test_a_messenger_is_connected_along_its_guide(admin: Any, kind: str) -> None:
    page = admin.get(f"/settings/channels/new/{kind}").text
    assert "Step by step" in page and page.count("<li>") >= len(kinds()[kind].guide) >= 5
    values = {f"s.{s.name}": str(s.default or "1234567890") for s in kinds()[kind].settings if s.type == "text"}
    answer = admin.post(f"/settings/channels/new/{kind}", data={**values, "name": kind, "s.app_secret": CANARY, **(
        {"s.signature": "sha256"} if kind == "zalo" else {})})  # fmt: skip
    assert answer.status_code == 303, answer.text
    channel = _one()
    page = admin.get(f"/settings/channels/{channel.id}").text
    assert f"/hooks/{channel.key}" in page and 'data-copy="hook"' in page and CANARY not in page


def test_the_page_of_a_channel_shows_live_what_happens(admin: Any, client: Any, make: Any) -> None:
    channel = make.channel("messenger", config={"page_id": "1", "app_secret": CANARY, "verify_token": "v"})
    page = admin.get(f"/settings/channels/{channel.id}").text
    assert f'hx-get="/settings/channels/{channel.id}/live"' in page
    assert client.post(f"/hooks/{channel.key}", data=b"{}").status_code == 401
    shown = admin.get(f"/settings/channels/{channel.id}/live").text
    assert "The signature is wrong or missing." in shown and CANARY not in shown
    first = _one().last_error_at
    client.post(f"/hooks/{channel.key}", data=b"{}")
    assert _one().last_error_at == first, "nonsense is not written down every time"


def test_what_can_never_work_is_said_beside_its_field(admin: Any) -> None:
    """A mailbox whose address is none, or whose import nobody understands, would silently do something else."""
    form = {"name": "Mail", "s.address": "nonsense", "s.import_from": "last month"}
    page = admin.post("/settings/channels/new/email", data=form)
    assert page.status_code == 422
    assert "This is not an email address." in page.text and "such as days=30." in page.text
    assert 'value="nonsense"' in page.text and 'value="last month"' in page.text
    for said in ("now", "all", "days=30", "Days = 7"):
        form = {"name": said, "s.address": "help@shop.example", "s.import_from": said}
        assert admin.post("/settings/channels/new/email", data=form).status_code == 303
