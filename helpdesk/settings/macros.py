"""Macros: one's own for everybody, a team's for its leads, everybody's for administrators."""

from __future__ import annotations

from typing import Any

from flask import flash
from flask_babel import gettext as _
from sqlalchemy import select
from werkzeug.wrappers import Response

from helpdesk.extensions import db
from helpdesk.forms import attempt, typed
from helpdesk.models import Agent, Macro, Team
from helpdesk.models.ticket import PRIORITIES
from helpdesk.services import macros as service
from helpdesk.settings.blueprint import bp, go, me, page, posted
from helpdesk.unit_of_work import unit_of_work

_DOES = ("status", "priority", "assignee", "team")


def _agent_names() -> dict[int, str]:
    active = select(Agent.id, Agent.name).where(Agent.disabled_at.is_(None))
    return dict(db.session.execute(active.order_by(Agent.name)).all())


def _team_names() -> dict[int, str]:
    return dict(db.session.execute(select(Team.id, Team.name)).all())


@bp.get("/macros")
def macros() -> Response:
    rows = [(m, service.may_change(me(), m)) for m in service.seen(db.session, me())]
    return page("macros.html", rows=rows, teams=_team_names())


@bp.route("/macros/new", methods=["GET", "POST"])
def new_macro() -> Response:
    return _edit(None, {"name": "", "text": "", "text_vi": "", "scope": "me", **dict.fromkeys(_DOES, ""), "tags": ""})


@bp.route("/macros/<int:macro_id>", methods=["GET", "POST"])
def macro(macro_id: int) -> Response:
    found = service.one(db.session, me(), macro_id)
    actions = found.actions or {}
    texts = {"text": found.text, "text_vi": found.text_vi}
    defaults = {"name": found.name, **texts, "scope": service.scope_of(found)}
    does = {name: str(actions.get(name, "")) for name in _DOES}
    return _edit(found, {**defaults, **does, "tags": ", ".join(actions.get("tags", []))})


def _edit(found: Macro | None, defaults: dict[str, Any]) -> Response:
    form = typed(defaults)
    macro_id = found.id if found else None
    errors: dict[str, str] = {}
    if posted():
        done, errors = attempt(lambda: _save(macro_id, form), form)
        if done:
            return go("settings.macros")
        found = service.one(db.session, me(), macro_id) if macro_id else None
    words = {"macro": found, "scopes": _scopes(), "statuses": service.STATUSES, "priorities": ("", *PRIORITIES)}
    words |= {"teams": _team_names(), "agents": _agent_names()}
    return page("macro.html", errors, form=form, placeholders=service.PLACEHOLDERS, **words)


def _scopes() -> list[tuple[str, str]]:
    teams = _team_names()
    led = teams if me().sees_all else {i: n for i, n in teams.items() if f"team:{i}" in service.scopes(me())}
    found = [("me", _("Only me")), *((f"team:{i}", _("Team %(name)s", name=n)) for i, n in led.items())]
    return [*found, ("all", _("Everybody"))] if me().sees_all else found


def _save(macro_id: int | None, form: dict[str, Any]) -> bool:
    with unit_of_work(actor=me().actor) as work:
        service.save(work, me(), macro_id, form)
    flash(_("Saved."))
    return True


@bp.post("/macros/<int:macro_id>/delete")
def delete_macro(macro_id: int) -> Response:
    db.session.rollback()
    with unit_of_work(actor=me().actor) as work:
        service.delete(work, me(), macro_id)
    flash(_("Deleted."))
    return go("settings.macros")
