"""Channels as they are configured, and the connectors built from that."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.contract import Address, Outbound, PermanentFailure
from helpdesk.extensions import db
from helpdesk.services import channels


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
