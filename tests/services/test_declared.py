"""Channels of config.toml."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from helpdesk.errors import ConfigError, Invalid
from helpdesk.extensions import db
from helpdesk.models import Channel
from helpdesk.services import channels, declared
from helpdesk.unit_of_work import unit_of_work

BOT = {"kind": "telegram", "name": "Bot", "token": "env:BOT_TOKEN"}


def sync(*entries: dict[str, Any]) -> dict[str, Channel]:
    with unit_of_work() as work:
        declared.sync(work, entries)
    db.session.rollback()
    return {c.name: c for c in db.session.scalars(select(Channel))}


def test_a_declared_channel_follows_the_file(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOT_TOKEN", "123456:one")
    first = sync(BOT)["Bot"]
    assert channels.secrets_of(first)["token"] == "123456:one" and first.from_config
    version = first.version
    assert sync(BOT)["Bot"].version == version, "nothing changed, so no listener starts again"
    monkeypatch.setenv("BOT_TOKEN", "123456:two")
    second = sync(BOT)["Bot"]
    assert second.id == first.id and second.version > version
    assert channels.secrets_of(second)["token"] == "123456:two"
    assert not sync()["Bot"].enabled
    assert sync(BOT)["Bot"].enabled


def test_it_is_read_only_elsewhere_and_leaves_others_alone(
    app: Flask, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOT_TOKEN", "123456:one")
    own = make.channel("widget", name="Chat")
    found = sync(BOT)
    assert found["Chat"].enabled and not found["Chat"].from_config
    with pytest.raises(Invalid, match=r"config\.toml"), unit_of_work() as work:
        channels.update(work, work.session.get_one(Channel, found["Bot"].id), {"mode": "webhook"})
    assert sync()["Chat"].id == own.id


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ({"kind": "fax", "name": "Fax"}, r"`channels\[0\].kind`"),
        ({"kind": "widget"}, r"`channels\[0\].name`"),
        ({"kind": "widget", "name": "Chat", "colr": "red"}, "colr"),
        (BOT, "BOT_TOKEN"),
    ],
)
def test_a_mistake_is_named(app: Flask, entry: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        sync(entry)


def test_a_declared_channel_may_be_renamed_though_an_account_has_one_channel(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOT_TOKEN", "123456:one")
    sync(BOT)
    after = sync({**BOT, "name": "Shop bot"})
    assert {name: channel.enabled for name, channel in after.items()} == {"Bot": False, "Shop bot": True}
