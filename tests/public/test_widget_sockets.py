"""The widget's sockets: who gets in, what is heard, what never is."""

from __future__ import annotations

import json
import queue
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import socketio as client_library
import websocket
from flask import Flask
from sqlalchemy import select

from helpdesk import access
from helpdesk.app import COOKIE
from helpdesk.extensions import db
from helpdesk.models import Channel, Delivery, Ticket
from helpdesk.public import widget_sockets
from helpdesk.services import replies, sessions
from helpdesk.unit_of_work import unit_of_work
from tests.live import serving
from tests.processes.running import until
from tests.public.test_widget import Visitor, answer

pytestmark = pytest.mark.processes

EVENTS = ("message", "head", "typing", "read", "reload")


@pytest.fixture
def channel(make: Any) -> Channel:
    return make.channel("widget", name="Shop chat")


@pytest.fixture
def visitor(app: Flask, channel: Channel) -> Visitor:
    visitor = Visitor(app, channel)
    visitor.begin()
    return visitor


@pytest.fixture
def address(app: Flask) -> Iterator[str]:
    with serving(app) as url:
        yield url


class Heard:
    def __init__(self) -> None:
        self.client = client_library.Client(reconnection=False)
        self.events: queue.Queue[tuple[str, Any]] = queue.Queue()
        for name in EVENTS:
            self.client.on(name, lambda data, name=name: self.events.put((name, data)), namespace="/widget")

    def next(self, name: str, timeout_s: float = 60) -> Any:
        while True:
            got, data = self.events.get(timeout=timeout_s)
            if got == name:
                return data

    def emit(self, name: str, data: Any = None) -> None:
        self.client.emit(name, data, namespace="/widget")


@contextmanager
def listening(address: str, visitor: Visitor, **auth: str) -> Iterator[Heard]:
    heard = Heard()
    given = {"key": visitor.key, "token": visitor.token, **auth}
    heard.client.connect(address, namespaces=["/widget"], auth=given, transports=["websocket"], wait_timeout=60)
    try:
        yield heard
    finally:
        heard.client.disconnect()


def test_a_doorbell_says_only_that_there_is_something(address: str, visitor: Visitor, make: Any) -> None:
    visitor.say("Is anybody there?")
    with listening(address, visitor) as heard:
        heard.emit("hello", {"after": 0})
        assert heard.next("head")["id"] == int(visitor.messages()["items"][-1]["id"])
        sent = answer(make, "canary-text of an answer")
        assert heard.next("message") == {"id": sent.id}
    assert visitor.texts()[-1] == "canary-text of an answer"


def test_the_first_message_makes_the_socket_hear(address: str, visitor: Visitor, make: Any) -> None:
    with listening(address, visitor) as heard:
        visitor.say("First words")
        heard.emit("hello", {"after": 0})
        heard.next("head")
        sent = answer(make, "Good day")
        assert heard.next("message") == {"id": sent.id}


def test_notes_ring_nothing_at_the_visitor(address: str, visitor: Visitor, make: Any) -> None:
    visitor.say("Hello there, a question")
    with listening(address, visitor) as heard:
        heard.emit("hello")
        heard.next("head")
        viewer = make.viewer("admin")
        with unit_of_work(actor=viewer.actor) as work:
            ticket = access.ticket_by_number(
                work.session, viewer, work.session.scalar(select(Ticket.number)), lock=True
            )
            replies.note(work, viewer, ticket, replies.Written(text="canary-note"))
        answer(make, "An answer")
        frames = [("message", heard.next("message"))]
        while not heard.events.empty():
            frames.append(heard.events.get())
        assert [name for name, _ in frames].count("message") == 1 and "canary" not in json.dumps(frames)


def test_two_tabs_hear_each_other(address: str, visitor: Visitor) -> None:
    visitor.say("From the first tab")
    with listening(address, visitor) as first, listening(address, visitor) as second:
        for tab in (first, second):
            tab.emit("hello")
            tab.next("head")
        said = visitor.say("Again from the first")
        assert second.next("message") == {"id": int(said.json["id"])}


def test_reading_moves_the_delivery(address: str, visitor: Visitor, make: Any) -> None:
    visitor.say("A question for you")
    sent = answer(make, "An answer")
    with listening(address, visitor) as heard:
        heard.emit("read", {"message": sent.id})
        state = select(Delivery.state).where(Delivery.message_id == sent.id)
        assert until(lambda: db.session.rollback() or db.session.scalars(state).one() == "read", what="the read mark")


@pytest.mark.parametrize("auth", [{"token": "wrong"}, {"token": ""}, {"key": "nosuchkey"}])
def test_without_a_good_token_nobody_connects(address: str, visitor: Visitor, auth: dict[str, str]) -> None:
    with pytest.raises(client_library.exceptions.ConnectionError), listening(address, visitor, **auth):
        pass


def test_an_agents_cookie_opens_no_widget_socket(address: str, visitor: Visitor, make: Any) -> None:
    admin = make.agent("admin")
    with unit_of_work() as work:
        token = sessions.start(work, admin)
    heard = Heard()
    with pytest.raises(client_library.exceptions.ConnectionError):
        heard.client.connect(
            address, headers={"Cookie": f"{COOKIE}={token}"}, namespaces=["/widget"], auth={"key": visitor.key},
            transports=["websocket"], wait_timeout=60,
        )  # fmt: skip


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1.evil.example"])
def test_a_socket_from_another_site_is_refused(address: str, visitor: Visitor, origin: str) -> None:
    url = address.replace("http", "ws") + "/socket.io/?EIO=4&transport=websocket"
    with pytest.raises(websocket.WebSocketBadStatusException) as refused:
        websocket.create_connection(url, origin=origin, timeout=60)
    assert refused.value.status_code == 400
    websocket.create_connection(url, origin=address, timeout=60).close()


def test_rooms_cannot_be_asked_for(address: str, app: Flask, visitor: Visitor, channel: Channel, make: Any) -> None:
    visitor.say("My secret question")
    thief = Visitor(app, channel)
    thief.begin()
    thief.say("Hello, a thief here")
    identity = db.session.scalars(select(Ticket.identity_id).order_by(Ticket.id)).first()
    with listening(address, thief) as heard:
        for name in ("join", "subscribe", "enter_room", "hello", "read"):
            heard.emit(
                name, {"room": f"visitor:{identity}", "identity": identity, "identity_id": identity, "message": 1}
            )
        heard.next("head")
        widget_sockets.tell(identity or 0, 12345)
        heard.emit("hello")
        heard.next("head")
        assert [e for e in list(heard.events.queue) if e[0] == "message"] == []


def test_an_ended_session_is_hung_up_at_once(address: str, visitor: Visitor, make: Any) -> None:
    visitor.say("Soon signed out")
    with listening(address, visitor) as heard:
        heard.emit("hello")
        heard.next("head")
        assert visitor.ask("POST", "/end").status_code == 204
        heard.next("reload")
        until(lambda: "/widget" not in heard.client.namespaces, what="the end of the socket")


def test_the_heartbeat_tells_the_newest_and_drops_the_ended(app: Flask, address: str, visitor: Visitor) -> None:
    said = visitor.say("Tell me when there is news")
    with listening(address, visitor) as heard:
        heard.emit("hello")
        heard.next("head")
        widget_sockets.beat()
        assert heard.next("head") == {"id": int(said.json["id"])}
        with unit_of_work() as work:  # ended by another process
            from helpdesk.models import VisitorSession

            work.session.scalars(select(VisitorSession)).one().ended_at = work.now
        db.session.rollback()
        widget_sockets.beat()
        heard.next("reload")


def test_typing_reaches_who_may_see_the_ticket(address: str, visitor: Visitor, make: Any) -> None:
    visitor.say("I am typing on")
    linh = make.agent("agent")
    with unit_of_work() as work:
        token = sessions.start(work, linh)
    agent = client_library.Client(reconnection=False)
    told: queue.Queue[Any] = queue.Queue()
    agent.on("typing", told.put, namespace="/agents")
    agent.connect(
        address, headers={"Cookie": f"{COOKIE}={token}"}, namespaces=["/agents"],
        transports=["websocket"], wait_timeout=60,
    )  # fmt: skip
    try:
        with listening(address, visitor) as heard:
            heard.emit("typing")
            number = db.session.scalars(select(Ticket.number)).one()
            assert told.get(timeout=60) == {"ticket": number, "customer": True}
            agent.emit("look", {"ticket": number, "state": "replying"}, namespace="/agents")
            assert heard.next("typing")["on"] is True
            agent.emit("look", {"ticket": number, "state": "viewing"}, namespace="/agents")
            assert heard.next("typing")["on"] is False
    finally:
        agent.disconnect()
