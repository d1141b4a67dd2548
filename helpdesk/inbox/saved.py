"""Saved views: keeping what is filtered under a name, changing it, its sharing and its place."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

from flask import g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from helpdesk.extensions import db
from helpdesk.inbox.actions import done
from helpdesk.inbox.blueprint import bp
from helpdesk.inbox.filter_words import chips
from helpdesk.inbox.filters import read_filter
from helpdesk.inbox.queries import SORTS
from helpdesk.inbox.shelves import BY_KEY
from helpdesk.services import views
from helpdesk.unit_of_work import unit_of_work


@bp.get("/views")
def all_views() -> str:
    """Every saved view one sees: where it stands, who sees it, what it holds."""
    rows = []
    for view in views.seen(db.session(), g.viewer):
        base = BY_KEY.get((view.filter or {}).get("view", ""), BY_KEY["open"])
        rows.append((view, base, chips(g.viewer, read_filter(view.filter or {})), views.may_change(g.viewer, view)))
    return render_template(
        "inbox/views.html", rows=rows, scopes=views.scopes(db.session(), g.viewer), scope_of=views.scope_of
    )


@bp.post("/views")
def save_view() -> BaseResponse:
    """The conditions on screen as a view: personal, or a team's or everybody's where the role allows."""
    stored, sort = _asked()
    name, scope = request.form.get("name", ""), request.form.get("scope", "all" if request.form.get("shared") else "")
    with unit_of_work(actor=g.viewer.actor) as work:
        key = f"v{views.save(work, g.viewer, name, stored, sort, scope=scope).id}"
    return redirect(url_for("inbox.home", view=key), 303)


@bp.post("/views/<int:view_id>")
def change_view(view_id: int) -> BaseResponse:
    """Its name and who sees it; or, with a `query`, what it holds."""
    form = request.form
    given: dict[str, Any] = {"name": form.get("name"), "scope": form.get("scope")}
    if form.get("query"):
        given["filter_"], given["sort"] = _asked()
    with unit_of_work(actor=g.viewer.actor) as work:
        views.change(work, g.viewer, view_id, **given)
    if form.get("query"):
        return redirect(url_for("inbox.home", view=f"v{view_id}"), 303)
    return redirect(url_for("inbox.all_views"), 303)


@bp.post("/views/<int:view_id>/move")
def move_view(view_id: int) -> BaseResponse:
    with unit_of_work(actor=g.viewer.actor) as work:
        views.move(work, g.viewer, view_id, request.form.get("by", ""))
    return redirect(url_for("inbox.all_views"), 303)


@bp.post("/views/<int:view_id>/delete")
def delete_view(view_id: int) -> BaseResponse:
    with unit_of_work(actor=g.viewer.actor) as work:
        views.delete(work, g.viewer, view_id)
    return done() if not request.form.get("back") else redirect(url_for("inbox.all_views"), 303)


def _asked() -> tuple[dict[str, Any], str]:
    """The conditions and the order that a list's address names."""
    asked = {k: v[0] for k, v in parse_qs(request.form.get("query", "")).items()}
    base = asked.get("view", "")
    sort = asked.get("sort", "")
    return {"view": base if base in BY_KEY else "open", **read_filter(asked).data()}, sort if sort in SORTS else ""
