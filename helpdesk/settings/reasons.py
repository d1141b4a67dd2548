"""Contact reasons: why customers come, each with its touchpoint."""

from __future__ import annotations

from typing import Any

from flask import flash, g
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from helpdesk.errors import NotFound
from helpdesk.extensions import db
from helpdesk.forms import attempt, typed
from helpdesk.models import ContactReason
from helpdesk.services import reasons as service
from helpdesk.services.teams import whole
from helpdesk.settings.blueprint import bp, go, me, needs, page, posted
from helpdesk.unit_of_work import unit_of_work

_EMPTY = {"name": "", "name_vi": "", "touchpoint_id": ""}


@bp.route("/reasons", methods=["GET", "POST"])
@needs("settings")
def reasons() -> Response:
    form = typed(_EMPTY)
    errors: dict[str, str] = {}
    if posted():
        done, errors = attempt(lambda: _save(None, form), form)
        if done:
            return go("settings.reasons")
    return page("reasons.html", errors, form=form, rows=service.every(db.session, archived=True), **_touchpoints())


@bp.route("/reasons/<int:reason_id>", methods=["GET", "POST"])
@needs("settings")
def reason(reason_id: int) -> Response:
    row = db.session.get(ContactReason, reason_id)
    if row is None:
        raise NotFound
    form = typed({name: getattr(row, name) for name in _EMPTY})
    errors: dict[str, str] = {}
    if posted():
        done, errors = attempt(lambda: _save(reason_id, form), form)
        if done:
            return go("settings.reasons")
        row = db.session.get(ContactReason, reason_id)
    return page("reason.html", errors, form=form, row=row, **_touchpoints())


def _touchpoints() -> dict[str, Any]:
    found = service.touchpoints(db.session)
    return {"touchpoints": [(t.id, service.label(t, g.viewer.locale)) for t in found]}


def _save(reason_id: int | None, form: dict[str, Any]) -> bool:
    touchpoint = whole(form["touchpoint_id"], 1, 2**62) or 0
    with unit_of_work(actor=me().actor) as work:
        if reason_id is None:
            service.create(work, me(), form["name"], touchpoint, form["name_vi"])
        else:
            service.change(work, me(), reason_id, form["name"], touchpoint, form["name_vi"])
    flash(_("Saved."))
    return True


@bp.post("/reasons/<int:reason_id>/<any(archive, restore):what>")
@needs("settings")
def reason_do(reason_id: int, what: str) -> Response:
    db.session.rollback()
    with unit_of_work(actor=me().actor) as work:
        service.archive(work, me(), reason_id, on=what == "archive")
    flash(_("Done."))
    return go("settings.reasons")
