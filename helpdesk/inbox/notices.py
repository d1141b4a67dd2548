"""The notice centre: what the viewer was told, what is new for open pages, marking it read, and browsers to wake."""

from __future__ import annotations

import json
from typing import Any

from flask import Response, g, jsonify, render_template, request
from flask_babel import gettext
from werkzeug.wrappers import Response as BaseResponse

from helpdesk.errors import Invalid
from helpdesk.extensions import db
from helpdesk.inbox.actions import done
from helpdesk.inbox.blueprint import bp
from helpdesk.models import now
from helpdesk.services import notice_choices, notice_words, push
from helpdesk.services import notices as notices_service
from helpdesk.unit_of_work import unit_of_work

PAGE = 30
MOST_NEW = 10


@bp.get("/notices")
def notices() -> str:
    """The whole page; for phones, and without a script."""
    return render_template("inbox/notices.html", **_page())


@bp.get("/notices/list")
def notice_list() -> str:
    """What the bell opens, or older ones below an id."""
    return render_template("inbox/_notices.html", **_page())


def _page() -> dict[str, Any]:
    before = max(request.args.get("before", 0, type=int), 0)
    rows = notices_service.page(db.session(), g.viewer.agent_id, before=before, limit=PAGE + 1)
    older = rows[PAGE - 1].id if len(rows) > PAGE else 0
    told = notice_words.tell(db.session(), g.viewer, rows[:PAGE])
    return {"notices": told, "older": older, "first": not before, "newest": rows[0].id if rows else 0}


@bp.get("/notices/new")
def new_notices() -> Response:
    """JSON: how many are unread, the newest id, and what came after an id with the ways it is to be told by."""
    after = max(request.args.get("after", 0, type=int), 0)
    me = g.viewer.agent_id
    rows = notices_service.page(db.session(), me, after=after, limit=MOST_NEW) if after else []
    choices = notice_choices.read(g.viewer.preferences, g.viewer.timezone)
    calm = choices.quiet_until(now()) is not None
    items = [
        {"id": t.id, "title": t.title, "body": t.about, "url": t.url, "number": t.number, "unread": t.unread,
         "ways": [] if calm else sorted(choices.of(t.kind))}
        for t in notice_words.tell(db.session(), g.viewer, rows)
    ]  # fmt: skip
    unread, newest = notices_service.unread(db.session(), me), notices_service.newest(db.session(), me)
    return jsonify(unread=unread, newest=newest, items=items)


@bp.post("/notices/read")
def read_notices() -> BaseResponse:
    """Those named, or all up to `up_to`. Without a script, back to the page."""
    ids = [int(i) for i in request.form.getlist("id")[:200] if i.isdecimal() and len(i) < 16]
    up_to = max(request.form.get("up_to", 0, type=int), 0)
    with unit_of_work(actor=g.viewer.actor) as work:
        notices_service.read(work, g.viewer, ids=ids, up_to=up_to)
    return done(unread=notices_service.unread(db.session(), g.viewer.agent_id))


# --- browsers to wake ----------------------------------------------------------------------------------------


@bp.post("/me/push/key")
def push_key() -> Response:
    """The desk's public key; the pair is made when there is none."""
    with unit_of_work(actor=g.viewer.actor) as work:
        return jsonify(key=push.public_key(work))


@bp.post("/me/push")
def push_subscribe() -> BaseResponse:
    """Wake this browser, until it signs out."""
    with unit_of_work(actor=g.viewer.actor) as work:
        push.subscribe(work, g.viewer, g.signed_in.session_id, _subscription())
    return done()


@bp.post("/me/push/forget")
def push_forget() -> BaseResponse:
    with unit_of_work(actor=g.viewer.actor) as work:
        push.unsubscribe(work, g.viewer, request.form.get("endpoint", "")[:2000])
    return done()


def _subscription() -> dict[str, Any]:
    try:
        given = json.loads(request.form.get("subscription", ""))
    except ValueError:
        given = None
    if not isinstance(given, dict):
        raise Invalid(fields={"subscription": gettext("This browser did not say how it can be woken.")})
    return given
