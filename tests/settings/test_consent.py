"""Connect: to the authorisation server and back; nothing is stored on the way, and only who began can end it."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from connectors.contract import PermanentFailure
from connectors.email import oauth
from helpdesk.extensions import db
from helpdesk.models import Channel, ChannelTokens, now
from helpdesk.services import channels, consents, listening
from helpdesk.unit_of_work import unit_of_work
from tests.servers.oauth import AuthServer


@pytest.fixture
def auth() -> Iterator[AuthServer]:
    with AuthServer(account="help@doigio.example") as server:
        yield server


@pytest.fixture
def channel(make: Any, auth: AuthServer) -> Channel:
    return make.channel("email", name="Support", config={"address": "help@doigio.example", **auth.settings})


@pytest.fixture
def admin(make: Any) -> FlaskClient:
    return make.client(make.agent("admin"))


def leave(client: FlaskClient, channel: Channel) -> str:
    """Pressing Connect: the address one is sent to."""
    answer = client.get(f"/settings/channels/{channel.id}/consent")
    assert answer.status_code == 303
    return answer.headers["Location"]


def state(channel: Channel) -> str:
    db.session.rollback()
    return consents.state_of(db.session.get_one(Channel, channel.id), db.session())


def tokens() -> list[ChannelTokens]:
    db.session.rollback()
    return list(db.session.scalars(select(ChannelTokens)))


def test_connect_and_come_back(admin: FlaskClient, channel: Channel, auth: AuthServer) -> None:
    where = f"/settings/channels/{channel.id}"
    page = admin.get(where).text
    assert "Nobody gave access yet" in page and f"{where}/consent" in page and "/settings/channels/consent" in page
    back = auth.consent(leave(admin, channel))
    shown = admin.get("/settings/channels/consent", query_string=back)
    assert shown.status_code == 200 and "help@doigio.example" in shown.text
    assert tokens() == [] and auth.questions == [], "coming back alone stores nothing and asks nothing"
    form = {n: html.unescape(v) for n, v in re.findall(r'name="(code|state)" value="([^"]+)"', shown.text)}
    version = channel.version
    assert admin.post("/settings/channels/consent", data=form).headers["Location"] == where
    assert state(channel) == "connected"
    (row,) = tokens()
    assert not [t for t in auth.access | auth.refresh if t in row.sealed]
    assert db.session.get_one(Channel, channel.id).version == version + 1, "the listener begins anew at once"
    page = admin.get(where).text
    assert "renewed by itself" in page and not [t for t in auth.access | auth.refresh if t in page]
    again = admin.post("/settings/channels/consent", data=form, follow_redirects=True)
    assert "try to connect once more" in again.text, "a code is good once"
    assert state(channel) == "connected"


def test_taken_back_is_said_on_the_channel_and_on_health(
    admin: FlaskClient, channel: Channel, auth: AuthServer
) -> None:
    admin.post("/settings/channels/consent", data=auth.consent(leave(admin, channel)))
    config = channels.config_of(db.session.get_one(Channel, channel.id), db.session())
    token = oauth.access_token(config)
    auth.revoke()
    with pytest.raises(PermanentFailure) as failure:
        oauth.access_token(config, refused=token)
    with unit_of_work() as work:  # what the listener does with it
        listening.failed(work, channel.id, str(failure.value))
    db.session.rollback()
    assert state(channel) == "lost"
    assert "Until somebody connects again" in admin.get(f"/settings/channels/{channel.id}").text
    assert "connect again" in admin.get("/settings/health").text
    admin.post("/settings/channels/consent", data=auth.consent(leave(admin, channel)))
    assert state(channel) == "connected"
    assert db.session.get_one(Channel, channel.id).last_error == ""


def test_only_who_began_can_end_it_and_not_for_ever(
    admin: FlaskClient, channel: Channel, auth: AuthServer, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    back = auth.consent(leave(admin, channel))
    other = make.client(make.agent("admin"))
    assert "Somebody else began this" in other.post("/settings/channels/consent", data=back, follow_redirects=True).text
    for forged in ("", "x", back["state"][:-6] + "AAAAAA"):
        answer = admin.post("/settings/channels/consent", data={**back, "state": forged}, follow_redirects=True)
        assert "did not begin here" in answer.text
    monkeypatch.setattr(consents, "now", lambda: now() + timedelta(hours=1))
    assert "took too long" in admin.post("/settings/channels/consent", data=back, follow_redirects=True).text
    assert auth.questions == [] and tokens() == []


def test_saying_no_there_is_told(admin: FlaskClient, channel: Channel, auth: AuthServer) -> None:
    back = auth.consent(leave(admin, channel))
    no = {"error": "access_denied", "state": back["state"]}
    answer = admin.get("/settings/channels/consent", query_string=no, follow_redirects=True)
    assert "The access was not given." in answer.text and state(channel) == "wanted"


def test_what_is_missing_is_told_before_one_leaves(admin: FlaskClient, make: Any) -> None:
    bare = make.channel("email", config={"address": "a@b.example", "sign_in": "google"})
    answer = admin.get(f"/settings/channels/{bare.id}/consent", follow_redirects=True)
    assert "Set the client id" in answer.text
    widget = make.channel("widget")
    assert "needs no consent" in admin.get(f"/settings/channels/{widget.id}/consent", follow_redirects=True).text


def test_the_challenge_is_the_one_of_rfc_7636() -> None:
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    assert consents.challenge(verifier) == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
