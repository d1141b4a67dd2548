"""The live inbox: its pages and fragments. What changes something is in actions.py, files in files.py."""

from __future__ import annotations

from typing import Any

from flask import Response, g, jsonify, make_response, redirect, render_template, request, url_for
from flask_babel import gettext
from werkzeug.wrappers import Response as BaseResponse

from helpdesk import access
from helpdesk.extensions import db
from helpdesk.inbox import (
    actions,
    belonging,
    bulk,
    changes,
    details,
    elsewhere,
    files,
    filter_words,
    formats,
    joining,
    lists,
    macros,
    mail,
    navigation,
    notices,
    painting,
    palette,
    panel,
    paper,
    queries,
    saved,
    sharing,
    socket_cap,
    sockets,
    tickets,
    waiting,
    writing,
)
from helpdesk.inbox.blueprint import bp
from helpdesk.inbox.shelves import BY_KEY
from helpdesk.inbox.thread import MANY, PAGE
from helpdesk.services import replies

# importing them registers their routes
__all__ = [
    "actions", "belonging", "bp", "bulk", "elsewhere", "files", "joining", "macros", "mail", "notices", "palette", "paper", "saved",
    "sharing", "waiting", "writing",
]  # fmt: skip

formats.install(bp)
bp.add_app_template_filter(panel.reach_words)
for _name, _value in (
    ("nav", navigation.navigation),
    ("words", navigation.words),
    ("nav_brand", lambda: navigation.navigation().brand),
    ("shortcuts", navigation.shortcuts),
    ("sort_key", lists.sort_key),
    ("row_html", painting.row_html),
):
    bp.add_app_template_global(_value, _name)


bp.record_once(lambda state: sockets.init_app(state.app))
bp.record_once(lambda state: socket_cap.init_app(state.app))


@bp.get("/")
def home() -> str:
    """Three panes; without a ticket open."""
    return render_template("inbox/home.html", t=None, cursor=changes.head(), **lists.context(g.viewer))


@bp.get("/inbox/list")
def list_fragment() -> Response:
    """The list alone: whole (another view or filter), or only the rows after a cursor."""
    whole = not request.args.get("cursor")
    values = lists.context(g.viewer, whole=whole)
    values["selected"] = request.args.get("open", type=int)
    template = "inbox/_list.html" if whole else "inbox/_rows.html"
    return make_response(render_template(template, **values))


@bp.get("/inbox/list/numbers")
def list_numbers() -> Response:
    """JSON: the numbers of a list's tickets from its first on, to do something to all of them; whether there are more."""
    asked, _saved = lists.asked_for(g.viewer)
    numbers, more = queries.numbers(db.session, g.viewer, asked)
    return jsonify(numbers=numbers, more=more)


@bp.get("/inbox/filters")
def filter_form() -> str:
    """The builder: every condition, with what is chosen now."""
    asked, _ = lists.asked_for(g.viewer)
    fields = filter_words.builder(g.viewer, asked.filter)
    kept = {k: v for k, v in request.args.items() if k in ("saved", "sort")}
    return render_template("inbox/_filter_form.html", asked=asked, fields=fields, kept=kept, views=BY_KEY.values())


@bp.get("/tickets/<int:number>")
def ticket(number: int) -> str | BaseResponse:
    """A ticket: its pane for a page that is open, or the whole page for a link. A merged one leads on."""
    if request.headers.get("HX-Request"):
        asked, saved = lists.asked_for(g.viewer)
        page = tickets.load(db.session, g.viewer, number)
        return render_template("inbox/_ticket.html", t=page, list_query=lists.query_of(asked, saved))
    cursor = changes.head()
    page = tickets.load(db.session, g.viewer, number)
    if page.merged_into and not request.args.get("stay"):  # an old link or bookmark: where the matter went
        return redirect(url_for("inbox.ticket", number=page.merged_into, _anchor="merged"))
    values = lists.context(g.viewer)
    values["selected"] = number
    return render_template("inbox/home.html", t=page, cursor=cursor, **values)


@bp.get("/tickets/<int:number>/earlier")
def earlier(number: int) -> str:
    """The messages before one, oldest first; `far`: many at once, on the way to one that is linked to."""
    before, limit = request.args.get("before", type=int) or 0, MANY if request.args.get("far") else PAGE
    page = tickets.load(db.session, g.viewer, number, before=before, limit=limit)
    return render_template("inbox/_thread.html", t=page)


@bp.get("/tickets/<int:number>/side")
def side(number: int) -> str:
    """What is filled in after paint: the customer, and the ways to answer."""
    found = access.ticket_by_number(db.session, g.viewer, number)
    return render_template(
        "inbox/_side.html",
        t={"ticket": found},
        s=panel.load_side(db.session, g.viewer, found),
        d=details.load(db.session, g.viewer, found),
        via=replies.options(db.session, found),
    )


@bp.app_context_processor
def _words() -> dict[str, Any]:
    """Words of codes that connectors and surveys write."""
    return {
        "REASON_WORDS": _LazyWords(_reasons),
        "OUTCOME_WORDS": _LazyWords(_outcomes),
        "AUTO_WORDS": _LazyWords(_autos),
    }


class _LazyWords:
    """A dictionary that is made only when a template asks."""

    def __init__(self, build: Any) -> None:
        self._build = build

    def get(self, key: str, default: str = "") -> str:
        return str(self._build().get(key, default))


def _reasons() -> dict[str, str]:
    return {
        "slow": gettext("Slow"),
        "attitude": gettext("Attitude"),
        "not_solved": gettext("Not solved"),
        "price": gettext("Price"),
    }


def _outcomes() -> dict[str, str]:
    return {
        "answered": gettext("answered"),
        "missed": gettext("missed"),
        "no_answer": gettext("no answer"),
        "busy": gettext("busy"),
        "voicemail": gettext("voicemail"),
        "rejected": gettext("rejected"),
        "abandoned": gettext("hung up while waiting"),
        "failed": gettext("did not connect"),
    }


def _autos() -> dict[str, str]:
    return {
        "auto-reply": gettext("automatic answer"),
        "bulk": gettext("bulk mail"),
        "bounce": gettext("delivery notice"),
    }
