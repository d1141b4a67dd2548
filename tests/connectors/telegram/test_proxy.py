"""Where Telegram is blocked, everything goes through the proxy, names included."""

from __future__ import annotations

import http.client
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from connectors.contract import Address, Outbound, PermanentFailure, TemporaryFailure
from connectors.telegram.connector import Telegram
from tests.connectors.kits import telegram_config
from tests.servers.telegram import FakeTelegram

pytestmark = pytest.mark.processes

MESSAGE = Outbound(1, (Address("telegram", "5201001", "7100000042"),), "qua proxy")


class _Forward(BaseHTTPRequestHandler):
    """A plain HTTP proxy that leads every name to the fake."""

    asked: list[str]
    target: int

    def do_POST(self) -> None:
        self.asked.append(self.path.split("/bot")[0])
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        connection = http.client.HTTPConnection("127.0.0.1", self.target)
        connection.request("POST", "/bot" + self.path.split("/bot")[1], body, {"content-type": "application/json"})
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        self.send_response(answer.status)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def proxy():
    with FakeTelegram() as fake:
        handler = type("Forward", (_Forward,), {"asked": [], "target": int(fake.url.rpartition(":")[2])})
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield fake, server.server_port, handler.asked
        server.shutdown()
        server.server_close()
        thread.join(60)


def test_the_proxy_resolves_the_name(proxy):
    fake, port, asked = proxy
    config = telegram_config("http://telegram.invalid", proxy=f"http://127.0.0.1:{port}")
    Telegram(config).send(MESSAGE)
    assert asked == ["http://telegram.invalid"]
    assert fake.sent()[0].params["text"] == "qua proxy"


def test_a_proxy_that_is_down_is_a_temporary_failure():
    with pytest.raises(TemporaryFailure):
        Telegram(telegram_config("http://telegram.invalid", proxy="socks5://127.0.0.1:9")).send(MESSAGE)


@pytest.mark.parametrize(
    "proxy_url", ["127.0.0.1:80", "ftp://127.0.0.1", "http://", "http://127.0.0.1:99999", "http://10.1.2.3:80"]
)
def test_a_proxy_that_cannot_be_used_is_said(proxy_url):
    with pytest.raises(PermanentFailure):
        Telegram(telegram_config("http://telegram.invalid", proxy=proxy_url)).send(MESSAGE)


def test_a_private_bot_api_address_is_not_reached_through_the_proxy_either():
    config = telegram_config("http://10.1.2.3", proxy="http://127.0.0.1:9")
    with pytest.raises(PermanentFailure, match="private address"):
        Telegram(config).send(MESSAGE)
