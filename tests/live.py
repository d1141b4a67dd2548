"""The application on a real port of this machine, in a thread: for sockets and browsers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partialmethod
from threading import Thread
from typing import Any

import websocket
from flask import Flask
from werkzeug.serving import WSGIRequestHandler, make_server

from helpdesk.extensions import socketio

# The client waits three seconds for a close frame that a server need not send: tests need not.
websocket.WebSocket.close = partialmethod(websocket.WebSocket.close, timeout=0)  # type: ignore[assignment]


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:
        """Errors come out of the application's own log."""


@contextmanager
def serving(app: Flask, port: int = 0) -> Iterator[str]:
    """Serve `app` on 127.0.0.1; yields its address. Open sockets are let go of at the end."""
    server = make_server("127.0.0.1", port, app, threaded=True, request_handler=_Quiet)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, name="live", daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        for held in list(socketio.server.eio.sockets.values()) if socketio.server is not None else []:
            held.close(wait=False)
        server.shutdown()
        server.server_close()
        thread.join(60)
