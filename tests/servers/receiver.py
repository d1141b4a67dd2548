"""A server of somebody else's that takes POSTs: keeps what came, answers what it was told to."""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Post:
    path: str
    headers: dict[str, str]
    body: bytes
    method: str = "POST"


@dataclass
class Receiver:
    """`answers`: (status, body) one call after another; then 200. A context manager; `url` is where it listens."""

    answers: list[tuple[int, bytes]] = field(default_factory=list)
    came: list[Post] = field(default_factory=list)
    free: threading.Event = field(default_factory=threading.Event)  # while it is clear, calls are taken and hang

    def __enter__(self) -> Receiver:
        outer = self
        self.free.set()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                size = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(size)
                outer.came.append(Post(self.path, {k.lower(): v for k, v in self.headers.items()}, body, self.command))
                outer.free.wait(600)
                status, said = outer.answers.pop(0) if outer.answers else (200, b"{}")
                self.send_response(status)
                self.send_header("Content-Length", str(len(said)))
                if 300 <= status < 400:
                    self.send_header("Location", "/elsewhere")
                with suppress(OSError):  # who hung up does not hear it
                    self.end_headers()
                    self.wfile.write(said)

            do_GET = do_POST  # noqa: N815 - the name the library looks for

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __exit__(self, *_: object) -> None:
        self.free.set()
        self._server.shutdown()
        self._thread.join(60)
        self._server.server_close()


__all__ = ["Post", "Receiver"]
