"""Webhooks: verified before anything else, acknowledged only after they are stored."""

from __future__ import annotations

import json
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, text
from sqlalchemy.exc import OperationalError

import connectors
from helpdesk.extensions import db
from helpdesk.models import Channel, Inbound, Message, OutboxRow, Ticket
from helpdesk.services import listening
from helpdesk.unit_of_work import unit_of_work

pytestmark = pytest.mark.processes

SECRET = "hook-secret-0123456789"
UPDATE = json.loads((Path(connectors.__file__).parent / "telegram" / "examples" / "text.json").read_text())


@pytest.fixture
def channel(make: Any) -> Channel:
    return make.channel(
        "telegram", name="Bot", config={"token": "1:canary-token", "mode": "webhook", "webhook_secret": SECRET}
    )


def post(client: FlaskClient, channel: Channel, body: Any = UPDATE, secret: str | None = SECRET, **given: Any) -> Any:
    headers = {} if secret is None else {"X-Telegram-Bot-Api-Secret-Token": secret}
    data = body if isinstance(body, bytes) else json.dumps(body)
    return client.post(f"/hooks/{channel.key}", data=data, headers=headers, content_type="application/json", **given)


def stored() -> int:
    return db.session.scalar(select(func.count(Inbound.id))) or 0


def test_a_verified_call_is_stored_before_it_is_answered(client: FlaskClient, channel: Channel) -> None:
    answer = post(client, channel)
    assert answer.status_code == 200 and "Set-Cookie" not in answer.headers
    row = db.session.scalars(select(Inbound)).one()
    assert row.channel_id == channel.id and row.state == "pending" and row.size_bytes > 0
    assert db.session.scalar(select(func.count(OutboxRow.id)).where(OutboxRow.drain == "arrivals")) == 1
    assert db.session.scalar(select(func.count(Message.id))) == 0  # read later, by the worker


def test_the_worker_makes_a_ticket_of_it(client: FlaskClient, channel: Channel, drain: Any) -> None:
    post(client, channel)
    drain()
    assert db.session.scalar(select(func.count(Message.id))) == 1


def test_the_same_call_twice_is_one(client: FlaskClient, channel: Channel, drain: Any) -> None:
    assert post(client, channel).status_code == post(client, channel).status_code == 200
    assert stored() == 1 and db.session.scalars(select(Inbound.duplicates)).one() == 1
    drain()
    assert db.session.scalar(select(func.count(Message.id))) == 1


def test_a_slow_database_is_waited_for_and_nothing_is_acknowledged_before(app: Flask, channel: Channel) -> None:
    holds, go_on, answered = Event(), Event(), Event()
    codes: list[int] = []

    def hold() -> None:
        with app.app_context(), unit_of_work() as work:
            if work.session.get_bind().dialect.name == "postgresql":
                work.session.execute(text(f"LOCK TABLE {Inbound.__tablename__} IN ACCESS EXCLUSIVE MODE"))
            holds.set()
            assert go_on.wait(60)

    def call() -> None:
        codes.append(post(app.test_client(), channel).status_code)
        answered.set()

    holder, callers = Thread(target=hold), [Thread(target=call) for _ in range(2)]
    holder.start()
    try:
        assert holds.wait(60)
        for caller in callers:
            caller.start()
        assert not answered.wait(0.3), "nothing is stored, so nothing may be acknowledged"
    finally:
        go_on.set()
        for thread in (holder, *callers):
            thread.join(60)
    assert codes == [200, 200] and stored() == 1


def test_what_could_not_be_stored_is_not_acknowledged(
    client: FlaskClient, channel: Channel, drain: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The provider brings it again, and then it is one message."""

    def broken(*_: Any) -> None:
        raise OperationalError("INSERT", {}, Exception("the disk is full"))

    client.application.config["PROPAGATE_EXCEPTIONS"] = False
    client.application.testing = False
    with monkeypatch.context() as patched:
        patched.setattr(listening, "store", broken)
        assert post(client, channel).status_code >= 500
    assert stored() == 0
    assert post(client, channel).status_code == 200
    drain()
    assert db.session.scalar(select(func.count(Message.id))) == 1


def test_calls_in_the_wrong_order_end_as_one_message(client: FlaskClient, channel: Channel, drain: Any) -> None:
    """Telegram's edit overtakes the message it changes."""
    said = UPDATE["message"]
    edit = {
        "update_id": UPDATE["update_id"] + 1,
        "edited_message": {**said, "text": "lần hai", "edit_date": 1781000999},
    }
    assert post(client, channel, edit).status_code == 200
    drain()
    assert post(client, channel).status_code == 200
    drain()
    texts = db.session.scalars(select(Message.text).where(Message.direction == "in")).all()
    assert texts == ["lần hai"] and db.session.scalar(select(func.count(Ticket.id))) == 1


@pytest.mark.parametrize("secret", [None, "", "wrong", SECRET + "x"])
def test_a_call_nobody_vouches_for_is_not_stored(client: FlaskClient, channel: Channel, secret: str | None) -> None:
    answer = post(client, channel, secret=secret)
    assert answer.status_code in (401, 403) and answer.mimetype == "application/problem+json"
    assert stored() == 0 and "canary" not in answer.text and SECRET not in answer.text


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff\xfe"])
def test_a_verified_call_that_makes_no_sense_never_breaks(
    client: FlaskClient, channel: Channel, body: bytes, drain: Any
) -> None:
    assert post(client, channel, body).status_code in (200, 400)
    drain()
    assert post(client, channel).status_code == 200
    drain()
    assert db.session.scalar(select(func.count(Message.id)).where(Message.text == UPDATE["message"]["text"])) == 1


def test_too_large_is_refused_unread(client: FlaskClient, channel: Channel) -> None:
    assert post(client, channel, b"x" * (2 * 1024 * 1024 + 1)).status_code == 413
    assert stored() == 0


def test_unknown_disabled_and_deaf_channels_are_not_there(app: Flask, client: FlaskClient, make: Any) -> None:
    off = make.channel("telegram", name="Off", config={"token": "1:x", "mode": "webhook"}, enabled=False)
    widget = make.channel("widget", name="Chat")
    for key in ("nosuchkey", off.key, widget.key, "../../etc/passwd"):
        assert client.post(f"/hooks/{key}", json=UPDATE).status_code == 404
    assert stored() == 0
