"""From an address to a list on the page: view, filters, sort, page."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from flask import request
from flask_babel import gettext, ngettext

from helpdesk.access import Viewer
from helpdesk.errors import NotFound
from helpdesk.extensions import db
from helpdesk.inbox import queries
from helpdesk.inbox.cursors import read_cursor
from helpdesk.inbox.filter_words import chips
from helpdesk.inbox.filters import read_filter
from helpdesk.inbox.navigation import saved_views, show_counts
from helpdesk.inbox.queries import Asked
from helpdesk.inbox.shelves import BY_KEY
from helpdesk.models import View
from helpdesk.services import views

DEFAULT = "needs_reply"


def asked_for(viewer: Viewer, values: Any = None) -> tuple[Asked, View | None]:
    """What list an address names. Raises NotFound for a saved view that is not the viewer's to see."""
    values = request.args if values is None else values
    key = values.get("view", "") or DEFAULT
    if key not in BY_KEY:
        saved = _saved(viewer, key)
        if saved is None:
            raise NotFound("There is no such view.")
        return asked_by(saved, values.get("sort", "")), saved
    return Asked(BY_KEY[key], read_filter(values), values.get("sort", "")), None


def _saved(viewer: Viewer, key: str) -> View | None:
    return next((v for v in saved_views(viewer) if f"v{v.id}" == key), None) if key.startswith("v") else None


def asked_by(saved: View, sort: str = "") -> Asked:
    """The list a saved view names."""
    stored = dict(saved.filter)
    return Asked(BY_KEY.get(stored.get("view", ""), BY_KEY["open"]), read_filter(stored), sort or saved.sort)


def query_of(asked: Asked, saved: View | None) -> str:
    """The address of a list, without a page."""
    parts = {"view": f"v{saved.id}"} if saved is not None else {"view": asked.view.key, **asked.filter.data()}
    if asked.sort and (saved is None or asked.sort != saved.sort):
        parts["sort"] = asked.sort
    return urlencode(parts, safe=",.")


def open_query(asked: Asked, saved: View | None) -> str:
    """The same list by its conditions, so that one can be changed; `saved` remembers the view they come from."""
    parts = {"view": asked.view.key, **asked.filter.data(), **({"sort": asked.sort} if asked.sort else {})}
    return urlencode({**parts, **({"saved": f"v{saved.id}"} if saved is not None else {})}, safe=",.")


def context(viewer: Viewer, *, whole: bool = True) -> dict[str, Any]:
    """What the list's templates need. `whole`: with counts and heads, else only rows."""
    asked, saved = asked_for(viewer)
    page = queries.page(db.session, viewer, asked, read_cursor(request.args.get("cursor", "")))
    values: dict[str, Any] = {
        "asked": asked,
        "saved": saved,
        "list_query": query_of(asked, saved),
        "list_name": saved.name if saved else str(asked.view.name),
        "page": page,
        "selected": None,
    }
    if whole:
        counts = queries.counts(db.session, viewer)
        changing = saved or _saved(viewer, request.args.get("saved", ""))
        show_counts(counts, f"v{saved.id}" if saved else asked.view.key)
        values["list_count"] = counts.get(asked.view.key) if not asked.filter else None
        values["sorts"] = _sorts(asked)
        values["open_query"] = open_query(asked, changing)
        values["changing"] = changing if changing is not None and views.may_change(viewer, changing) else None
        values["view_scopes"] = views.scopes(db.session(), viewer)
        values["chips"] = chips(viewer, asked.filter)
        values["offer"] = _offer(counts) if not page.rows else ""
    return values


def _sorts(asked: Asked) -> list[tuple[str, str]]:
    words = [
        ("activity", gettext("Newest first")),
        ("oldest", gettext("Oldest first")),
        ("created", gettext("Newest ticket first")),
        ("due", gettext("Most urgent")),
    ]
    return [("due", gettext("Most urgent"))] if asked.view.order == "due" else words


def _offer(counts: dict[str, int]) -> str:
    n = counts.get("unassigned", 0)
    return ngettext("%(num)d ticket has nobody yet.", "%(num)d tickets have nobody yet.", n) if n else ""


def sort_key(asked: Asked, row: queries.Row) -> str:
    """What the page orders rows by, as text: greater comes first."""
    if asked.order == "oldest":
        return _flip(row.last_activity_at) + f"{10**12 - row.id:013d}"
    if asked.order == "created":
        return f"{int(row.created_at.timestamp() * 1_000_000):017d}{row.id:013d}"
    if asked.order == "due" and row.sla_due_at is not None:
        return "z" + _flip(row.sla_due_at) + f"{10**12 - row.id:013d}"
    return f"{int(row.last_activity_at.timestamp() * 1_000_000):017d}{row.id:013d}"


def _flip(at: datetime) -> str:
    return f"{10**17 - int(at.timestamp() * 1_000_000):017d}"
