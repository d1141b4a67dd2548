"""A web process is killed under open chats: they come back by themselves and miss nothing."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
import socketio
from flask import current_app
from sqlalchemy import select

from helpdesk.app import create_app
from helpdesk.config import Settings
from helpdesk.extensions import db
from helpdesk.models import Channel, Message, Ticket
from helpdesk.services import replies
from helpdesk.unit_of_work import unit_of_work
from tests.factories import Make
from tests.processes.running import Running, set_up, until

pytestmark = [pytest.mark.slow, pytest.mark.processes]
CHATS = 12


class Chat:
    """One visitor's browser, as small as it can be: a socket that comes back by itself, and a cursor."""

    def __init__(self, address: str, key: str, number: int) -> None:
        self.url, self.key, self.after = f"{address}/widget/{key}", key, 0
        self.web = requests.Session()
        self.web.headers["Origin"] = address
        self.token = self.web.post(f"{self.url}/session", json={"about": {}}, timeout=60).json()["token"]
        self.web.headers["Authorization"] = f"Bearer {self.token}"
        self.say(f"hello {number}")
        self.seen: list[str] = []
        self.socket = socketio.Client(reconnection_delay=0.2, reconnection_delay_max=1, randomization_factor=0.2)
        self.connections = 0
        self.socket.on("connect", self.connected, namespace="/widget")
        self.socket.connect(
            address,
            namespaces=["/widget"],
            auth={"key": key, "token": self.token},
            transports=["websocket"],
            wait_timeout=60,
        )

    def connected(self) -> None:
        self.connections += 1

    def say(self, text: str) -> None:
        body = {"client_msg_id": f"said-{text}"[:60].replace(" ", "-"), "text": text}
        assert self.web.post(f"{self.url}/messages", json=body, timeout=60).status_code in (200, 201)

    def catch_up(self) -> list[str]:
        answer = self.web.get(f"{self.url}/messages", params={"after": self.after}, timeout=60).json()
        for item in answer["items"]:
            self.after = max(self.after, int(item["seq"] if "seq" in item else item["id"]))
            self.seen.append(item["text"])
        return self.seen


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Running]:
    init = (("init", "--admin-email", "an@desk.example", "--admin-password-stdin"), "a good long password\n")
    set_up(init, data=tmp_path / "data")
    with Running(tmp_path) as running:
        app = create_app(Settings(data=running.data))
        with app.app_context():
            yield running
            db.session.remove()
            db.engine.dispose()
            app.extensions["writers"].engine.dispose()


def answers(text: str) -> None:
    """The desk says something in every chat."""
    db.session.rollback()
    for ticket_id in db.session.scalars(select(Ticket.id)).all():
        with unit_of_work() as work:
            replies.automatic(work, work.session.get_one(Ticket, ticket_id), f"{text} {ticket_id}")


def test_chats_come_back_and_miss_nothing(desk: Running) -> None:
    channel: Channel = Make(current_app._get_current_object()).channel("widget", name="Shop chat")  # type: ignore[attr-defined]
    chats = [Chat(desk.url, channel.key, number) for number in range(CHATS)]
    try:
        before = desk.pids["web"]
        os.kill(before, signal.SIGKILL)
        answers("said while it was down")
        until(lambda: all(c.connections > 1 for c in chats), what="all chats back")
        assert desk.pids["web"] != before
        answers("said after it")
        for number, chat in enumerate(chats):
            chat.say(f"hello {number}")  # its acknowledgement could have been lost: the same id is the same message
            texts = chat.catch_up()
            assert [t.rpartition(" ")[0] for t in texts] == ["hello", "said while it was down", "said after it"]
        assert db.session.query(Message).count() == 3 * CHATS
    finally:
        for chat in chats:
            chat.socket.disconnect()
            chat.web.close()
