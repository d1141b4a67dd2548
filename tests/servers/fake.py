"""What the fakes of HTTP services share: a server on a port of its own, what was asked of it, and trouble on demand.

with FakeZalo() as zalo:
    zalo.fail("/v3.0/oa/message/cs", 429)          # the next call there goes wrong; others as usual
    zalo.drop("/v3.0/oa/message/cs")               # takes it and breaks the connection instead of answering
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

from flask import Flask, Response, jsonify, request
from werkzeug.serving import WSGIRequestHandler, make_server

from tests.servers.machine import PATIENCE_S


class _Quiet(WSGIRequestHandler):
    def log(self, *_: object) -> None:
        """Lines of an access log would hold tokens, and tests look for tokens in logs."""

    def make_environ(self) -> Any:
        """With the headers as they came: werkzeug leaves out those with an underscore in their name."""
        return super().make_environ() | {"fake.headers": {k.lower(): v for k, v in self.headers.items()}}


@dataclass
class Call:
    """One request: `values` from query, form or JSON; `files` as (file name, content); names of headers in lower case."""

    verb: str
    path: str
    values: dict[str, Any]
    headers: dict[str, str]
    files: dict[str, tuple[str, bytes]] = field(default_factory=dict)


class FakeService:
    """Below this, `answer(call)` returns JSON, or a (JSON, status) pair, or a Response."""

    call_class: type[Call] = Call

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.media: dict[str, bytes] = {}  # path -> content of files this service hands out
        self._trouble: dict[str, list[Callable[[], Any]]] = {}
        self._lock = threading.Condition()  # told of each call and answer
        self._server = make_server("127.0.0.1", 0, self._app(), threaded=True, request_handler=_Quiet)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(60)

    # --- trouble ----------------------------------------------------------------------------------------------

    def fail(self, path: str, status: int = 200, body: Any = None, times: int = 1) -> None:
        def answer() -> Any:
            return jsonify(body if body is not None else {}), status

        self._trouble.setdefault(path, []).extend([answer] * times)

    def drop(self, path: str) -> None:
        def answer() -> Response:
            request.environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
            return Response()

        self._trouble.setdefault(path, []).append(answer)

    def garble(self, path: str) -> None:
        self._trouble.setdefault(path, []).append(lambda: Response("<html>", 200))

    def called(self, path: str) -> list[Call]:
        return [call for call in self.calls if self.name_of(call) == path]

    def name_of(self, call: Call) -> str:
        """What a call is known by, when it is looked for and when it shall go wrong."""
        return call.path

    def wait_for(self, found: Callable[[], Any], timeout_s: float = PATIENCE_S) -> Any:
        """Until `found()` is true; returns its value."""
        with self._lock:
            self._lock.wait_for(found, timeout=timeout_s)
            value = found()
        assert value, f"nothing came within {timeout_s} s; calls: {[self.name_of(call) for call in self.calls][-20:]}"
        return value

    # --- the server -------------------------------------------------------------------------------------------

    def _app(self) -> Flask:
        app = Flask(type(self).__name__)
        app.add_url_rule("/", defaults={"path": ""}, view_func=self._any, methods=["GET", "POST", "DELETE"])
        app.add_url_rule("/<path:path>", view_func=self._any, methods=["GET", "POST", "DELETE"])
        return app

    def _any(self, path: str) -> Any:
        values = {**request.args, **request.form, **(request.get_json(silent=True) or {})}
        files = {key: (item.filename or "", item.read()) for key, item in request.files.items()}
        call = self.call_class(
            request.method,
            f"/{path}",
            {k: _value(v) for k, v in values.items()},
            dict(request.environ["fake.headers"]),
            files,
        )
        with self._lock:
            self.calls.append(call)
            self._lock.notify_all()
            trouble = self._trouble.get(self.name_of(call))
            wrong = trouble.pop(0) if trouble else None
        if wrong:
            return wrong()
        if call.path in self.media:
            return Response(self.media[call.path])
        return self.answer(call)

    def answer(self, call: Call) -> Any:
        raise NotImplementedError


def _value(value: Any) -> Any:
    if not isinstance(value, str) or value[:1] not in ("{", "["):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value
