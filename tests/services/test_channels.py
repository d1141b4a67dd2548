"""Channels as they are configured, and the connectors built from that."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.contract import Address, Outbound, PermanentFailure
from helpdesk.errors import Invalid
from helpdesk.extensions import db
from helpdesk.models import Channel
from helpdesk.services import channels
from helpdesk.unit_of_work import unit_of_work


def test_the_connector_of_a_channel_knows_that_it_only_receives(make: Any) -> None:
    channel = make.channel("email", config={"address": "support@shop.example", "receive_only": "true"})
    assert channel.receive_only and "receive_only" not in channel.settings
    connector: Any = channels.connector_of(channel)
    with pytest.raises(PermanentFailure, match="only receives"):
        connector.send(Outbound(delivery_id=1, to=(Address("email", "lan@example.com"),), text="Hello"))


def test_a_trial_takes_receive_only_from_the_form_or_else_the_channel(make: Any) -> None:
    channel = make.channel("email", config={"address": "support@shop.example", "receive_only": True})
    kept, changed = (channels.trial(db.session(), "email", v, channel) for v in ({}, {"receive_only": False}))
    assert (kept.config.settings["receive_only"], changed.config.settings["receive_only"]) == (True, False)


def test_one_account_is_read_by_one_channel(make: Any) -> None:
    first = make.channel("telegram", name="Shop bot", config={"token": "42:abc"})
    make.channel("telegram", config={"token": "43:abc"})
    with pytest.raises(Invalid, match="Shop bot"):
        make.channel("telegram", config={"token": "42:another"})
    with unit_of_work() as work:
        channels.set_enabled(work, work.session.get_one(Channel, first.id), False)
    make.channel("telegram", config={"token": "42:another"})
    with pytest.raises(Invalid), unit_of_work() as work:
        channels.set_enabled(work, work.session.get_one(Channel, first.id), True)
