"""Where connectors, webhooks and fetched files may connect to, in every spelling an attacker knows."""

from __future__ import annotations

import ipaddress
import socket
from typing import Any

import pytest

from connectors import network
from connectors.contract import PermanentFailure, TemporaryFailure
from connectors.web import Web
from tests.servers.receiver import Receiver

pytestmark = pytest.mark.processes

LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)
INSIDE = [
    "127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1", "017700000001", "0",
    "0.0.0.0", "127.255.255.254", "localhost", "LOCALHOST", "::1", "::", "0:0:0:0:0:0:0:1", "::ffff:127.0.0.1",  # noqa: S104
    "::ffff:7f00:1", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2002:a00:1::1",
    "169.254.169.254", "2852039166", "0xa9fea9fe", "::ffff:a9fe:a9fe", "fd00:ec2::254", "fe80::1", "10.0.0.1",
    "172.16.0.1", "192.168.1.1", "100.64.0.1", "224.0.0.1", "ff02::1", "255.255.255.255", "198.18.0.1",
]  # fmt: skip


@pytest.mark.parametrize("host", INSIDE)
def test_no_spelling_leads_inside(host: str) -> None:
    with pytest.raises((PermanentFailure, TemporaryFailure)):
        network.resolve(host, 80, ())


@pytest.mark.parametrize("host", ["1.1.1.1", "2606:4700:4700::1111", "::ffff:1.1.1.1"])
def test_public_addresses_are_where_they_say(host: str) -> None:
    assert network.resolve(host, 443, ()) == host.removeprefix("::ffff:") or host.startswith("::ffff:")


def answers(monkeypatch: pytest.MonkeyPatch, *rounds: str) -> list[str]:
    """What the name server says, one question after another; the last goes on."""
    left, asked = list(rounds), []

    def look_up(host: str | bytes, port: int, *_: Any, **__: Any) -> list[Any]:
        name = host.decode() if isinstance(host, bytes) else host
        asked.append(name)
        address = name
        if name.endswith(".example"):
            address = left.pop(0) if len(left) > 1 else left[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return asked


def test_a_name_that_leads_inside_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch, "127.0.0.1")
    with pytest.raises(PermanentFailure, match="private address"):
        Web("The server", "https://rebind.example", ())


def test_a_name_is_asked_for_once_so_a_second_answer_leads_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    with Receiver() as server:
        port = server.url.rpartition(":")[2]
        asked = answers(monkeypatch, "127.0.0.1", "10.0.0.1")
        with Web("The server", f"http://rebind.example:{port}", LOOPBACK) as web:
            for _ in range(2):
                answer = web.request("GET", "x")
                assert answer is not None and answer[0] == 200
        assert asked.count("rebind.example") == 1
        assert server.came[0].headers["host"] == f"rebind.example:{port}"


def test_nobody_is_sent_on_to_another_address() -> None:
    with Receiver(answers=[(302, b"")]) as server, Web("The server", server.url, LOOPBACK) as web:
        answer = web.request("GET", "x")
        assert answer is not None and answer[0] == 302
        assert [post.path for post in server.came] == ["/x"]


@pytest.mark.parametrize(
    "address",
    ["file:///etc/passwd", "gopher://1.1.1.1/", "ftp://1.1.1.1/", "//1.1.1.1", "https://user@1.1.1.1/", "https://", ""],
)
def test_only_the_web_is_spoken(address: str) -> None:
    with pytest.raises(PermanentFailure):
        Web("The server", address, LOOPBACK)


def test_what_a_refused_address_answers_stands_in_no_error() -> None:
    with Receiver(answers=[(500, b"root:x:0:0 canary")]) as server, Web("The server", server.url, LOOPBACK) as web:
        answer = web.request("GET", "x", limit_bytes=3)
        assert answer is None, "more than was asked for is not read"
