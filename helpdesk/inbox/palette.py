"""What the command palette finds: tickets, customers and views, marks optional."""

from __future__ import annotations

from typing import Any

from flask import Response, current_app, g, jsonify, request, url_for
from flask_babel import gettext
from sqlalchemy import select

from helpdesk import access
from helpdesk.extensions import db
from helpdesk.folding import fold
from helpdesk.inbox.blueprint import bp
from helpdesk.inbox.navigation import saved_views
from helpdesk.inbox.shelves import VIEWS
from helpdesk.models import Ticket
from helpdesk.services import search, search_complete
from helpdesk.words import STATUS_WORDS

MOST = 6


@bp.get("/inbox/palette")
def find() -> Response:
    """JSON: groups of items {label, hint, url, status?}; the commands themselves are in the page."""
    typed = " ".join(request.args.get("q", "").split())[:100]
    return jsonify(
        words={
            "tickets": gettext("Tickets"),
            "customers": gettext("Customers"),
            "views": gettext("Views"),
            "macros": gettext("Macros"),
            "settings": gettext("Settings"),
        },
        tickets=_tickets(typed) if typed else [],
        customers=_customers(typed) if typed else [],
        views=_views(typed),
        settings=_settings(typed) if typed else [],
    )


@bp.get("/search/complete")
def complete() -> Response:
    """JSON: what may come next in the search box, as items {text, hint}; `text` takes the place of the last word."""
    typed = request.args.get("q", "")[:500]
    items = search_complete.complete(db.session(), g.viewer, typed)
    return jsonify(items=[{"text": item.text, "hint": item.hint} for item in items])


def _tickets(typed: str) -> list[dict[str, Any]]:
    statement = select(Ticket).where(access.seen(g.viewer), Ticket.shelf.notin_(["merged"]))
    number = typed.lstrip("#")
    if number.isdecimal() and len(number) < 10:
        exact = db.session.scalars(statement.where(Ticket.number == int(number))).all()
        if exact:
            return [_item(t) for t in exact]
    ids = _searched(typed)
    rows = {t.id: t for t in db.session.scalars(statement.where(Ticket.id.in_(ids)))} if ids else {}
    return [_item(rows[i]) for i in ids if i in rows][:MOST]


def _searched(typed: str) -> list[int]:
    """Ids by the one search."""
    return [hit.ticket_id for hit in search.tickets(db.session, g.viewer, typed, limit=MOST)]


def _item(t: Ticket) -> dict[str, Any]:
    hint = f"#{t.number} · {STATUS_WORDS[t.status]}"
    return {
        "label": t.subject or f"#{t.number}",
        "hint": hint,
        "url": f"/tickets/{t.number}",
        "number": t.number,
        "status": t.status,
    }


def _customers(typed: str) -> list[dict[str, Any]]:
    if "customers.profile" not in current_app.view_functions:
        return []
    return [
        {
            "label": person.name,
            "hint": "".join(piece for piece, _found in person.label),
            "url": url_for("customers.profile", customer_id=person.id),
        }
        for person in search.customers(db.session, g.viewer, typed, limit=MOST)
    ]


def _settings(typed: str) -> list[dict[str, Any]]:
    """Pages of settings this viewer has, by their names in the navigation of the settings."""
    navigation = current_app.jinja_env.globals.get("settings_navigation")
    wanted = fold(typed)
    pages = [entry for _heading, entries in navigation() for entry in entries] if callable(navigation) else []
    fits = [entry for entry in pages if wanted in fold(str(entry.words))]
    return [{"label": str(entry.words), "url": url_for(entry.endpoint)} for entry in fits][:MOST]


def _views(typed: str) -> list[dict[str, Any]]:
    wanted = fold(typed)
    every = [(str(v.name), v.key, v.symbol) for v in VIEWS]
    every += [(v.name, f"v{v.id}", "filter") for v in saved_views(g.viewer)]
    fits = [view for view in every if wanted in fold(view[0])]
    return [{"label": name, "url": url_for("inbox.home", view=key), "icon": symbol} for name, key, symbol in fits][
        :MOST
    ]
