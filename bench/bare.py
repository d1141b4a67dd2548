"""The reference: raw sqlite3 + Jinja, no login and no permissions, the same rows of the same file."""

from __future__ import annotations

import sqlite3
import sys
import threading

from flask import Flask, render_template_string

LIST = """<!doctype html><ul>{% for r in rows %}
<li><a href="/ticket/{{ r[1] }}">{{ r[2] }}</a> {{ r[3] }} {{ r[4] }} {{ r[5] }}</li>
{% endfor %}</ul>{{ counts }}"""
TICKET = "<!doctype html><h1>{{ t[0] }}</h1>{% for m in messages %}<p>{{ m[0] }} {{ m[1] }}</p>{% endfor %}"


def make(path: str) -> Flask:
    app = Flask(__name__)
    local = threading.local()

    def database() -> sqlite3.Connection:
        if not hasattr(local, "database"):
            local.database = sqlite3.connect(f"file:{path}?mode=ro", uri=True, check_same_thread=False)
        return local.database

    @app.get("/")
    def inbox() -> str:
        query = (
            "select t.id, number, subject, status, preview, c.name from tickets t "
            "join customers c on c.id = t.customer_id where shelf = 'open' order by last_activity_at desc, t.id desc limit 50"
        )
        counts = [
            database().execute(f"select count(*) from tickets where shelf = 'open' and {more}").fetchone()[0]  # noqa: S608
            for more in ("1", "needs_reply = 1", "assignee_id = 1")
        ]
        return render_template_string(LIST, rows=database().execute(query).fetchall(), counts=counts)

    @app.get("/ticket/<int:number>")
    def ticket(number: int) -> str:
        row = database().execute("select subject, id from tickets where number = ?", (number,)).fetchone()
        messages = database().execute(
            "select text, created_at from messages where ticket_id = ? order by id limit 20", (row[1],)
        )
        return render_template_string(TICKET, t=row, messages=messages.fetchall())

    return app


if __name__ == "__main__":
    from werkzeug.serving import WSGIRequestHandler, make_server

    WSGIRequestHandler.protocol_version = "HTTP/1.1"
    WSGIRequestHandler.log = lambda *_: None  # type: ignore[method-assign,assignment]
    server = make_server("127.0.0.1", 0, make(sys.argv[1]), threaded=True)
    print(server.server_port, flush=True)
    server.serve_forever()
