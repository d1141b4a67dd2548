"""Webhooks out: signed, in order, nothing lost while the far side is down; off after too many failures."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from datetime import timedelta
from threading import Thread
from typing import Any

import pytest
from flask import Flask

from connectors.contract import Address
from helpdesk.extensions import db
from helpdesk.models import OutboxRow, Ticket, Webhook, now
from helpdesk.services import people, replies, tokens, webhooks
from helpdesk.unit_of_work import unit_of_work
from tests.processes.running import until
from tests.servers.receiver import Receiver
from tests.servers.smtp_sink import SmtpSink
from workers.jobs import run

pytestmark = pytest.mark.processes

SECRET = "long-enough-for-a-secret-1"


@pytest.fixture
def server() -> Iterator[Receiver]:
    with Receiver() as found:
        yield found


@pytest.fixture
def admin(make: Any) -> Any:
    return make.agent("admin")


@pytest.fixture
def ask(client: Any, admin: Any) -> Any:
    with unit_of_work() as work:
        _row, token = tokens.create(work, None, agent_id=admin.id, name="t", scopes=("read", "write", "admin"))

    def call(method: str, path: str, body: Any = None) -> Any:
        headers = {"Authorization": f"Bearer {token}"}
        return client.open(f"/api/v1{path}", method=method, json=body, headers=headers)

    return call


@pytest.fixture
def hook(ask: Any, server: Receiver) -> int:
    made = ask("POST", "/webhooks", {"url": f"{server.url}/in?a=1", "secret": SECRET, "events": ["message_received"]})
    assert made.status_code == 201 and SECRET not in made.text
    return int(made.json["id"])


def row(hook: int) -> Webhook:
    db.session.rollback()
    return db.session.get_one(Webhook, hook)


def again() -> None:
    """The pause before the next try is over."""
    with unit_of_work() as work:
        work.session.query(OutboxRow).filter_by(drain="deliveries").update({"run_at": now() - timedelta(seconds=1)})


def test_what_happens_is_told_once_signed_and_in_order(make: Any, drain: Any, server: Receiver, hook: int) -> None:
    channel = make.channel()
    for text in ("one", "two", "three"):
        make.inbound(channel, text)
    drain()
    told = [json.loads(post.body) for post in server.came]
    assert [t["type"] for t in told] == ["message_received"] * 3
    assert [t["data"]["ticket"] for t in told] == [1001, 1002, 1003]
    assert "one" not in server.came[0].body.decode(), "ids, never words of people"
    seqs = [t["data"]["seq"] for t in told]
    assert seqs == sorted(seqs) and row(hook).seq >= seqs[-1] and row(hook).last_success_at
    post = server.came[0]
    content = f"{post.headers['webhook-id']}.{post.headers['webhook-timestamp']}.".encode() + post.body
    digest = hmac.new(SECRET.encode(), content, hashlib.sha256).digest()
    assert post.headers["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"
    assert post.path == "/in?a=1" and post.headers["webhook-id"] == f"evt_{hook}_{seqs[0]}"
    drain()
    assert len(server.came) == 3


def test_a_server_that_was_down_misses_nothing(make: Any, drain: Any, server: Receiver, hook: int) -> None:
    channel = make.channel()
    server.answers = [(500, b""), (302, b"")]
    for text in ("one", "two"):
        make.inbound(channel, text)
        drain()
    assert row(hook).failures == 1 and "500" in row(hook).last_error
    assert db.session.query(OutboxRow).filter_by(kind=webhooks.TASK, state="due").count() == 1, "one waits, not many"
    again()
    drain()
    assert row(hook).failures == 2 and len(server.came) == 2
    again()
    drain()
    assert [json.loads(p.body)["data"]["ticket"] for p in server.came] == [1001, 1001, 1001, 1002]
    assert len({p.headers["webhook-id"] for p in server.came[:3]}) == 1 and row(hook).failures == 0


def test_after_many_failures_it_is_off_and_goes_on_where_it_stopped(
    make: Any, drain: Any, ask: Any, server: Receiver, hook: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "GIVE_UP_AFTER", 2)
    server.answers = [(503, b""), (503, b"")]
    make.inbound(make.channel(), "one")
    drain()
    again()
    drain()
    assert (row(hook).active, row(hook).stopped_why) == (False, "The server answered 503.")
    assert ask("PATCH", f"/webhooks/{hook}", {"active": True}).json["active"] is True
    drain()
    assert len(server.came) == 3 and row(hook).last_success_at


def test_gone_means_off_at_once(make: Any, drain: Any, server: Receiver, hook: int) -> None:
    server.answers = [(410, b"")]
    make.inbound(make.channel(), "one")
    drain()
    assert not row(hook).active and "410" in row(hook).stopped_why


def test_a_server_that_hangs_holds_up_no_reply_and_no_other_subscription(
    app: Flask, make: Any, ask: Any, server: Receiver, hook: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "ANSWER_S", 60.0)  # longer than everything else together
    with Receiver() as other, SmtpSink() as sink:
        ask("POST", "/webhooks", {"url": f"{other.url}/in", "secret": SECRET, "events": ["message_received"]})
        smtp = {"smtp_host": "127.0.0.1", "smtp_port": sink.port, "smtp_security": "none"}
        mail = make.channel("email", config={"address": "hotro@shop.example", **smtp})
        server.free.clear()
        got = make.inbound(mail, "Where is it?", sender=Address("email", "lan@customer.example"))
        with unit_of_work() as work:
            replies.automatic(work, work.session.get_one(Ticket, got.ticket_id), "On its way.")
        worker = Thread(target=deliver, args=(app,))
        worker.start()
        try:
            sink.wait_for("lan@customer.example")
            until(lambda: other.came, what="the other subscription's telling")
            until(lambda: server.came, what="the call that hangs")
            assert row(hook).failures == 0 and row(hook).last_success_at is None, "it hangs still"
        finally:
            server.free.set()
            worker.join(60)
    assert row(hook).last_success_at and len(server.came) == len(other.came) == 1


def deliver(app: Flask) -> None:
    with app.app_context():
        run("deliveries")
        db.session.remove()


def test_a_server_that_hangs_is_left_in_time_and_told_later(
    make: Any, drain: Any, server: Receiver, hook: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "ANSWER_S", 0.3)
    server.free.clear()
    make.inbound(make.channel(), "one")
    drain()
    assert row(hook).failures == 1 and row(hook).last_error
    monkeypatch.setattr(webhooks, "ANSWER_S", 60.0)
    server.free.set()
    again()
    drain()
    assert row(hook).failures == 0 and len({p.headers["webhook-id"] for p in server.came}) == 1


def test_a_private_address_is_refused_unless_admitted(make: Any, drain: Any, ask: Any) -> None:
    made = ask("POST", "/webhooks", {"url": "http://10.0.0.1/in", "secret": SECRET})
    make.inbound(make.channel(), "one")
    drain()
    assert not row(int(made.json["id"])).active and "private address" in row(int(made.json["id"])).stopped_why


def test_it_is_told_only_what_its_owner_may_know(
    make: Any, drain: Any, server: Receiver, hook: int, admin: Any
) -> None:
    theirs, mine = make.team(), make.team()
    agent = make.agent("agent", teams=[mine])
    with unit_of_work() as work:
        work.session.get_one(Webhook, hook).agent_id = agent.id
    make.inbound(make.channel(team_id=theirs), "secret")
    make.inbound(make.channel(team_id=mine), "open")
    drain()
    assert [json.loads(p.body)["data"]["ticket"] for p in server.came] == [1002]
    with unit_of_work() as work:
        people.disable(work, None, agent.id)
    make.inbound(make.channel(team_id=mine), "later")
    drain()
    assert len(server.came) == 1, "whoever left is told nothing"


def test_only_administrators_tokens_manage_them(client: Any, make: Any, ask: Any, hook: int) -> None:
    other = make.agent("admin")
    with unit_of_work() as work:
        _row, token = tokens.create(work, None, agent_id=other.id, name="t", scopes=("read", "write"))
    refused = client.get("/api/v1/webhooks", headers={"Authorization": f"Bearer {token}"})
    assert refused.status_code in (403, 404)
    listed = ask("GET", "/webhooks")
    assert [w["id"] for w in listed.json["items"]] == [str(hook)] and SECRET not in listed.text
    assert ask("DELETE", f"/webhooks/{hook}").status_code == 200
    assert ask("GET", f"/webhooks/{hook}").status_code == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"url": "ftp://x.example", "secret": SECRET}, "url"),
        ({"url": "https://me:pw@x.example", "secret": SECRET}, "url"),
        ({"url": "https://x.example:99999/", "secret": SECRET}, "url"),
        ({"url": "https://x\r\n.example/", "secret": SECRET}, "url"),
        ({"url": "https://x.example", "secret": "short"}, "secret"),
        ({"url": "https://x.example", "secret": SECRET, "events": ["no_such_thing"]}, "events"),
    ],
)
def test_what_is_wrong_is_named(ask: Any, body: Any, field: str) -> None:
    answer = ask("POST", "/webhooks", body)
    assert answer.status_code == 422 and field in answer.json["errors"]


def test_the_settings_page_makes_tests_and_ends_one(make: Any, admin: Any, server: Receiver, drain: Any) -> None:
    browser = make.client(admin)
    made = browser.post("/settings/webhooks", data={"url": f"{server.url}/in", "events": ["ticket_opened"]})
    assert made.status_code == 200 and "whsec_" in made.text
    hook = db.session.query(Webhook).one()
    assert browser.post(f"/settings/webhooks/{hook.id}/try").status_code == 303
    assert json.loads(server.came[0].body)["type"] == "test"
    server.answers = [(500, b"")]
    make.inbound(make.channel(), "one")
    drain()
    page = browser.get("/settings/webhooks")
    assert "The server answered 500." in page.text and "whsec_" not in page.text
    assert browser.post(f"/settings/webhooks/{hook.id}/end").status_code == 303
    db.session.rollback()
    assert db.session.query(Webhook).count() == 0
