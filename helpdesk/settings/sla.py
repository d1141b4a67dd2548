"""SLA policies."""

from __future__ import annotations

from flask import flash, request
from flask_babel import gettext as _
from sqlalchemy import select
from werkzeug.wrappers import Response

from connectors.registry import kinds
from helpdesk.errors import Conflict, NotFound
from helpdesk.extensions import db
from helpdesk.forms import attempt, typed
from helpdesk.models import SlaPolicy, Team
from helpdesk.models.sla import TARGETS
from helpdesk.models.ticket import PRIORITIES
from helpdesk.services import calendars
from helpdesk.services import sla_policies as service
from helpdesk.settings.blueprint import bp, go, me, needs, page, posted
from helpdesk.unit_of_work import unit_of_work

SPARE_ROWS = 3
MOST_ROWS = 200


@bp.get("/sla")
@needs("sla")
def sla() -> Response:
    rows = service.every(db.session)
    teams: dict[int, list[str]] = {}
    for policy_id, name in db.session.execute(
        select(Team.sla_policy_id, Team.name).where(Team.sla_policy_id.is_not(None), Team.archived_at.is_(None))
    ):
        teams.setdefault(policy_id, []).append(name)
    return page(
        "sla.html", rows=rows, teams=teams, may_add=service.may_change(db.session, me(), None), spelled=service.spelled
    )


@bp.route("/sla/new", methods=["GET", "POST"])
@needs("sla")
def new_policy() -> Response:
    if not service.may_change(db.session, me(), None):
        raise NotFound
    return _edit(None, [service.Row("first_response", time="4 h"), service.Row("resolution", time="24 h")])


@bp.route("/sla/<int:policy_id>", methods=["GET", "POST"])
@needs("sla")
def policy(policy_id: int) -> Response:
    found = service.one(db.session, policy_id)
    ordered = sorted(found.targets, key=lambda t: (TARGETS.index(t.target), t.channel_kind, t.priority))
    return _edit(
        found, [service.Row(t.target, t.channel_kind, t.priority, service.spelled(t.minutes)) for t in ordered]
    )


def _edit(found: SlaPolicy | None, rows: list[service.Row]) -> Response:
    form = typed(
        {"name": found.name if found else "", "business_hours_id": (found.business_hours_id or "") if found else ""}
    )
    policy_id = found.id if found else None
    errors: dict[str, str] = {}
    if posted():
        rows = _rows()
        known = {**form, **{f"time-{n}": "" for n in range(len(rows))}}
        done, errors = attempt(lambda: _save(policy_id, form, rows), known)
        if done:
            return go("settings.sla")
        found = service.one(db.session, policy_id) if policy_id else None
    rows = [*rows, *(service.Row("") for _n in range(max(0, SPARE_ROWS - sum(not r.time for r in rows))))]
    return page(
        "sla_edit.html",
        errors,
        form=form,
        policy=found,
        rows=rows,
        targets=TARGETS,
        kinds=kinds(),
        priorities=PRIORITIES,
        hours=calendars.every(db.session),
        may=service.may_change(db.session, me(), found),
    )


def _rows() -> list[service.Row]:
    lists = [request.form.getlist(n)[:MOST_ROWS] for n in ("target", "kind", "priority", "time")]
    return [service.Row(*cells) for cells in zip(*lists, strict=False)]


def _save(policy_id: int | None, form: dict[str, str], rows: list[service.Row]) -> bool:
    with unit_of_work(actor=me().actor) as work:
        service.save(work, me(), policy_id, name=form["name"], business_hours_id=form["business_hours_id"], rows=rows)
    flash(_("Saved. Open promises are reckoned anew."))
    return True


@bp.post("/sla/<int:policy_id>/<any(default, on, off):what>")
@needs("sla")
def policy_do(policy_id: int, what: str) -> Response:
    db.session.rollback()
    if what == "default" and not me().may("settings"):
        raise NotFound
    try:
        with unit_of_work(actor=me().actor) as work:
            if what == "default":
                service.make_default(work, me(), policy_id)
            else:
                service.set_active(work, me(), policy_id, what == "on")
    except Conflict as error:
        flash(error.message, "bad")
    else:
        flash(_("Done."))
    return go("settings.sla")
