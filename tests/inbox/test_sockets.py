"""Sockets: doorbells only for who may hear, presence, hanging up, and a cap that visitors cannot use against agents."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import socketio as clients
from flask import Flask

from connectors.contract import Address
from helpdesk.app import COOKIE
from helpdesk.inbox import sockets
from helpdesk.inbox.presence import Presence
from helpdesk.inbox.socket_cap import SocketCap
from helpdesk.models import Agent, Ticket
from helpdesk.services import sessions
from helpdesk.unit_of_work import unit_of_work
from tests.live import serving
from tests.processes.running import until

pytestmark = pytest.mark.processes

LAN = Address("widget", "v-lan", name="Nguyễn Lan Anh")


class Page:
    """One agent's page: a socket and what it heard."""

    def __init__(self, url: str, cookie: str, origin: str = "") -> None:
        self.heard: list[tuple[str, Any]] = []
        self.io = clients.Client(reconnection=False, websocket_extra_options={"origin": origin} if origin else {})
        for name in ("event", "head", "presence", "reload"):
            self.io.on(name, lambda told=None, name=name: self.heard.append((name, told)), namespace="/agents")
        headers = {"Cookie": f"{COOKIE}={cookie}"}
        self.io.connect(url, headers=headers, namespaces=["/agents"], transports=["websocket"], wait_timeout=60)

    def wait(self, name: str, fits: Callable[[Any], bool] = lambda told: True, seconds: float = 60) -> Any:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for kind, told in self.heard:
                if kind == name and fits(told):
                    return told
            time.sleep(0.02)
        raise AssertionError(f"no {name} in {self.heard}")


def token_of(agent: Agent) -> str:
    with unit_of_work() as work:
        return sessions.start(work, agent)


@pytest.fixture
def live(app: Flask) -> Iterator[str]:
    with serving(app) as url:
        yield url


@pytest.fixture
def page(live: str) -> Iterator[Callable[..., Page]]:
    opened: list[Page] = []

    def _open(agent: Agent, **options: Any) -> Page:
        opened.append(Page(live, token_of(agent), **options))
        return opened[-1]

    yield _open
    for one in opened:
        one.io.disconnect()


def test_a_doorbell_has_ids_only_and_reaches_only_who_may_see(
    make: Any, channel: Any, page: Callable[..., Page]
) -> None:
    hidden = make.team()
    admin, agent = page(make.agent("admin")), page(make.agent("agent"))
    make.inbound(channel, "For everybody", sender=LAN)
    told = agent.wait("event", lambda t: t["type"] == "message_received")
    assert set(told) <= {"seq", "type", "ticket", "message", "customer"} and told["ticket"] == 1001
    with unit_of_work() as work:
        work.session.query(Ticket).one().set_team(hidden)
    agent.heard.clear()
    make.inbound(channel, "Only for the team", sender=LAN)
    admin.wait("event", lambda t: t["type"] == "message_received" and t["message"] == 2)
    make.inbound(channel, "For everybody again", sender=Address("widget", "v-hoa", name="Hoà"))
    agent.wait("event", lambda t: t["type"] == "message_received" and t["message"] == 3)  # the bells keep their order
    assert not [t for name, t in agent.heard if name == "event" and t["ticket"] == 1001]


def test_a_doorbell_rings_once_for_who_hears_of_a_ticket_twice(
    make: Any, channel: Any, page: Callable[..., Page]
) -> None:
    agent = make.agent("agent")
    mine = page(agent)
    make.inbound(channel, "Mine", sender=LAN)
    with unit_of_work() as work:
        work.session.query(Ticket).one().assignee_id = agent.id  # by the team's room and by the agent's own
    make.inbound(channel, "Once", sender=LAN)
    make.inbound(channel, "The last", sender=LAN)
    mine.wait("event", lambda t: t["type"] == "message_received" and t["message"] == 3)
    rung = [t["seq"] for name, t in mine.heard if name == "event" and t.get("message") == 2]
    assert len(rung) == len(set(rung)) == 1


def test_hello_answers_with_the_newest_number(make: Any, channel: Any, page: Callable[..., Page]) -> None:
    one = page(make.agent("agent"))
    make.inbound(channel, "Hello", sender=LAN)
    seq = one.wait("event")["seq"]
    one.io.emit("hello", {"seq": 0}, namespace="/agents")
    assert one.wait("head")["seq"] >= seq


def test_strangers_and_other_origins_are_refused(live: str, make: Any) -> None:
    agent = make.agent("agent")
    good = token_of(agent)
    for cookie, origin in (("", ""), ("made-up", ""), (good, "https://evil.example")):
        with pytest.raises(clients.exceptions.ConnectionError):
            Page(live, cookie, origin)
    mine = Page(live, good, live)
    mine.io.disconnect()


def test_presence_is_told_and_forgotten(make: Any, channel: Any, page: Callable[..., Page]) -> None:
    hidden = make.team()
    make.inbound(channel, "Hello", sender=LAN)
    linh, minh = page(make.agent("admin", name="Linh")), page(make.agent("agent", name="Minh"))
    minh.io.emit("look", {"ticket": 1001, "state": "replying"}, namespace="/agents")
    told = linh.wait("presence", lambda t: t["who"])
    assert told["ticket"] == 1001 and told["who"][0]["name"] == "Minh" and told["who"][0]["state"] == "replying"
    minh.io.emit("look", "nonsense", namespace="/agents")
    minh.io.emit("look", {"ticket": 999, "state": "viewing"}, namespace="/agents")
    linh.wait("presence", lambda t: not t["who"])  # looking elsewhere is leaving
    linh.heard.clear()
    minh.io.emit("look", {"ticket": 1001, "state": "viewing"}, namespace="/agents")
    linh.wait("presence", lambda t: t["who"])
    minh.io.disconnect()
    linh.wait("presence", lambda t: not t["who"])
    with unit_of_work() as work:
        work.session.query(Ticket).one().set_team(hidden)
    other = page(make.agent("agent", name="Phúc"))
    linh.heard.clear()
    other.io.emit("look", {"ticket": 1001, "state": "viewing"}, namespace="/agents")
    time.sleep(0.3)
    assert not linh.heard  # who may not see the ticket cannot show up there


def test_who_gives_no_sign_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    presence = Presence()
    presence.set(7, {"id": 1, "name": "An", "state": "viewing"})
    assert presence.of(7)
    later = time.time() + 31
    monkeypatch.setattr("helpdesk.inbox.presence.time.time", lambda: later)
    assert presence.everywhere() == {}


def test_a_revoked_session_is_hung_up(make: Any, page: Callable[..., Page]) -> None:
    agent = make.agent("agent")
    one = page(agent)
    with unit_of_work() as work:
        sessions.end(work, agent_id=agent.id)
    one.wait("reload")
    until(lambda: not one.io.connected or "/agents" not in one.io.namespaces, what="the end of the socket")


def test_a_session_revoked_by_another_process_is_hung_up_by_the_check(make: Any, page: Callable[..., Page]) -> None:
    from helpdesk.models import AgentSession, now

    one = page(make.agent("agent"))
    with unit_of_work() as work:
        work.session.query(AgentSession).update({"revoked_at": now()})
    assert sockets.CHECK_EVERY_S < 5
    assert sockets.hang_up_ended() >= 1
    one.wait("reload")


# --- the cap -------------------------------------------------------------------------------------------------


def test_visitors_cannot_lock_agents_out(app: Flask, make: Any) -> None:
    """Handshakes that never end: visitors fill their share and no more, agents still come in, and the inbox loads."""
    inside: list[Any] = []
    cap = SocketCap(app, lambda environ, start: inside.append(environ) or [], threads=48, per_holder=4)

    def enter(address: str, cookie: str = "") -> bool:
        environ = {"PATH_INFO": "/socket.io/", "REMOTE_ADDR": address, "HTTP_COOKIE": f"{COOKIE}={cookie}"}
        agent = cap._agent(environ)
        return cap._enter(f"agent:{agent}" if agent is not None else f"address:{address}", agent is not None)

    assert [enter("10.0.0.1") for _ in range(6)] == [True] * 4 + [False] * 2  # one address
    assert sum(enter(f"10.0.1.{i}", "made-up-cookie") for i in range(50)) == cap.for_visitors - 4
    cookies = [token_of(make.agent("agent")) for _ in range(8)]
    assert [enter("10.9.9.9", c) for c in cookies] == [True] * (cap.total - cap.for_visitors)
    assert not enter("10.9.9.9", cookies[0])  # everything is taken now


def test_past_the_cap_the_handshake_gets_503_and_pages_still_load(app: Flask, make: Any) -> None:
    from threading import Event, Thread

    cap: SocketCap = app.extensions["socket_cap"]
    release, entered = Event(), []

    def hold(environ: Any, start: Any) -> Any:
        entered.append(environ)
        release.wait(60)
        return []

    real, cap.inner = cap.inner, hold
    cap.total, cap.for_visitors = 3, 2
    environ = {"PATH_INFO": "/socket.io/", "REQUEST_METHOD": "GET"}
    threads = [Thread(target=cap, args=({**environ, "REMOTE_ADDR": f"10.0.0.{i}"}, None)) for i in range(2)]
    for thread in threads:
        thread.start()
    until(lambda: len(entered) == 2, what="two handshakes that are held")
    told: list[str] = []
    body = cap({**environ, "REMOTE_ADDR": "10.0.0.9"}, lambda status, headers: told.append(status))
    assert told == ["503 Service Unavailable"] and b"poll" in b"".join(body)
    cap.inner = real
    assert make.client(make.agent("agent")).get("/").status_code == 200
    release.set()
    for thread in threads:
        thread.join()
    assert cap._visitors == 0 and not cap._holders
