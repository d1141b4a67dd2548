"""A company's own app: its customers' messages in, answers out, over the real doors and a real server."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from connectors.signatures import signed
from helpdesk import access
from helpdesk.extensions import db
from helpdesk.models import Delivery, Message, OutboxRow, Ticket, now
from helpdesk.services import replies
from helpdesk.services.replies import Written
from helpdesk.unit_of_work import unit_of_work
from tests.servers.receiver import Receiver

pytestmark = pytest.mark.processes

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
TOKEN = "a-long-random-token"


@pytest.fixture
def app_server() -> Iterator[Receiver]:
    with Receiver() as server:
        yield server


@pytest.fixture
def channel(make: Any, app_server: Receiver) -> Any:
    return make.channel(
        "api", config={"token": TOKEN, "webhook_url": f"{app_server.url}/desk?x=1", "webhook_secret": SECRET}
    )


def post(client: Any, channel: Any, body: dict[str, Any], token: str = TOKEN) -> int:
    headers = {"Authorization": f"Bearer {token}"}
    return int(client.post(f"/hooks/{channel.key}", json=body, headers=headers).status_code)


def say(client: Any, channel: Any, drain: Any, **more: Any) -> Ticket:
    body = {"id": "m-1", "user": {"id": "u-7", "name": "Lan"}, "text": "Where is it?"} | more
    assert post(client, channel, body) == 200
    drain()
    db.session.rollback()
    return db.session.query(Ticket).order_by(Ticket.id.desc()).first()


def answer(make: Any, ticket: Ticket, text: str = "Tomorrow.") -> int:
    viewer = make.viewer("admin")
    with unit_of_work(actor=viewer.actor) as work:
        found = access.ticket_by_id(work.session, viewer, ticket.id, lock=True)
        return replies.reply(work, viewer, found, Written(text=text)).id


def delivery(message_id: int) -> Delivery:
    db.session.rollback()
    return db.session.query(Delivery).filter_by(message_id=message_id).one()


def test_the_golden_vectors() -> None:
    first = signed(SECRET, "msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}', 1614265330)
    assert first["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    body = b'{"type":"ticket.created","timestamp":"2026-11-21T08:00:00Z","data":{"id":"tkt_01J8"}}'
    second = signed(SECRET, "msg_01J8ABCDEF", body, 1795248000)
    assert second["webhook-signature"] == "v1,Mhj0jxCZp5NWWDmKpLbErQqrYE0NCP4xRVRqB4PCN4g="


def test_a_message_comes_in_an_answer_goes_out_and_is_read(
    client: Any, channel: Any, drain: Any, make: Any, app_server: Receiver
) -> None:
    ticket = say(client, channel, drain)
    assert (ticket.subject, ticket.customer.name) == ("Where is it?", "Lan")
    sent = answer(make, ticket)
    drain()
    assert delivery(sent).state == "sent"
    (came,) = app_server.came
    told = json.loads(came.body)
    assert came.path == "/desk?x=1" and told["type"] == "message.created"
    assert (told["data"]["user"]["id"], told["data"]["text"], told["data"]["ticket"]) == (
        "u-7",
        "Tomorrow.",
        ticket.number,
    )
    content = f"{came.headers['webhook-id']}.{came.headers['webhook-timestamp']}.".encode() + came.body
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    expected = "v1," + base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    assert came.headers["webhook-signature"] == expected
    for state in ("read", "delivered", "read"):  # out of order and twice
        assert post(client, channel, {"type": "status", "message": told["data"]["id"], "state": state}) == 200
        drain()
    assert delivery(sent).state == "read"


def test_a_server_that_is_down_gets_the_same_message_later(
    client: Any, channel: Any, drain: Any, make: Any, app_server: Receiver
) -> None:
    app_server.answers = [(503, b""), (302, b"")]
    sent = answer(make, say(client, channel, drain))
    for state in ("queued", "queued", "sent"):
        drain()
        assert delivery(sent).state == state
        with unit_of_work() as work:
            work.session.query(OutboxRow).filter_by(drain="deliveries").update({"run_at": now() - timedelta(seconds=1)})
    assert len(app_server.came) == 3 and len({c.headers["webhook-id"] for c in app_server.came}) == 1


def test_a_refusal_is_shown_in_plain_words(
    client: Any, channel: Any, drain: Any, make: Any, app_server: Receiver
) -> None:
    app_server.answers = [(422, b"no")]
    sent = answer(make, say(client, channel, drain))
    drain()
    assert (delivery(sent).state, delivery(sent).error) == ("failed", "Your server refused the message.")


def test_the_same_call_twice_is_one_message(client: Any, channel: Any, drain: Any) -> None:
    say(client, channel, drain)
    say(client, channel, drain)
    assert db.session.query(Message).count() == 1


def test_files_come_inside_or_by_address_and_private_ones_only_where_admitted(
    client: Any, channel: Any, drain: Any, app_server: Receiver
) -> None:
    app_server.answers = [(200, b"from afar"), (404, b"")]
    files = [
        {"filename": "a.txt", "content_type": "text/plain", "data": base64.b64encode(b"inside").decode()},
        {"filename": "b.txt", "url": f"{app_server.url}/b.txt"},
        {"filename": "c.txt", "url": f"{app_server.url}/c.txt"},
        {"filename": "d.txt", "url": "http://10.0.0.1/d.txt"},
        {"filename": "e.txt", "data": "not base64!"},
    ]
    say(client, channel, drain, files=files)
    found = {a.filename: (a.size_bytes, bool(a.problem)) for a in db.session.query(Message).one().attachments}
    assert found["a.txt"] == (6, False) and found["b.txt"] == (9, False)
    assert all(found[name][1] for name in ("c.txt", "d.txt", "e.txt"))


def test_a_user_of_another_app_is_another_person(client: Any, channel: Any, make: Any, drain: Any) -> None:
    other = make.channel("api", config={"token": TOKEN})
    first, second = say(client, channel, drain), say(client, other, drain)
    assert first.customer_id != second.customer_id


def test_a_blocked_user_is_not_written_to(client: Any, channel: Any, make: Any, drain: Any) -> None:
    ticket = say(client, channel, drain)
    gone = {"type": "user", "user": {"id": "u-7"}, "state": "blocked", "reason": "Signed out of messages."}
    assert post(client, channel, gone) == 200
    drain()
    from helpdesk.services import ways

    db.session.rollback()
    assert [(o.ok, o.reason) for o in ways.options(db.session(), ticket)] == [(False, "Signed out of messages.")]


def test_only_the_token_opens_the_door(client: Any, channel: Any) -> None:
    assert post(client, channel, {"id": "1", "user": {"id": "u"}, "text": "x"}, token="wrong") == 401  # noqa: S106
    assert client.post(f"/hooks/{channel.key}", json={"id": "1"}).status_code == 401
    assert post(client, channel, {"user": {"id": "u"}, "text": "x"}) == 400
    assert post(client, channel, {"id": "1", "text": "x"}) == 400
