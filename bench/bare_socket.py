"""The reference of doorbell.py: one INSERT committed, one emit."""

from __future__ import annotations

import sqlite3
import sys
import threading

from flask import Flask, jsonify, request
from flask_socketio import SocketIO
from werkzeug.serving import WSGIRequestHandler, make_server


def make(path: str) -> Flask:
    app = Flask(__name__)
    sockets = SocketIO(app, async_mode="threading")
    local = threading.local()

    @app.post("/say")
    def say() -> object:
        if not hasattr(local, "database"):
            local.database = sqlite3.connect(path, timeout=30)
            local.database.execute("pragma journal_mode=wal")
            local.database.execute("pragma synchronous=full")
            local.database.execute("create table if not exists m (id integer primary key, text text)")
        with local.database as database:
            row = database.execute("insert into m (text) values (?)", (request.get_json()["text"],))
        sockets.emit("message", {"id": row.lastrowid})
        return jsonify(id=row.lastrowid)

    return app


if __name__ == "__main__":
    WSGIRequestHandler.protocol_version = "HTTP/1.1"
    WSGIRequestHandler.log = lambda *_: None  # type: ignore[method-assign,assignment]
    server = make_server("127.0.0.1", 0, make(sys.argv[1]), threaded=True)
    print(server.server_port, flush=True)
    server.serve_forever()
