"""Fields that the desk adds to its tickets: declare, order, archive."""

from __future__ import annotations

from typing import Any

from flask import flash
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from werkzeug.wrappers import Response

from helpdesk.extensions import db
from helpdesk.forms import attempt, typed
from helpdesk.services import fields as service
from helpdesk.settings.blueprint import bp, go, me, needs, page, posted
from helpdesk.unit_of_work import unit_of_work

KIND_WORDS = {
    "text": lazy_gettext("Text"),
    "number": lazy_gettext("Number"),
    "date": lazy_gettext("Date"),
    "choice": lazy_gettext("Choice of a list"),
    "checkbox": lazy_gettext("Checkbox"),
}
_EMPTY = {"name": "", "name_vi": "", "kind": "text", "choices": "", "required": False}


@bp.route("/fields", methods=["GET", "POST"])
@needs("settings")
def fields() -> Response:
    form = typed(_EMPTY)
    errors: dict[str, str] = {}
    if posted():
        done, errors = attempt(lambda: _save(None, form), form)
        if done:
            return go("settings.fields")
    rows = service.every(db.session(), archived=True)
    return page("fields.html", errors, form=form, rows=rows, kinds=KIND_WORDS, row=None)


@bp.route("/fields/<int:field_id>", methods=["GET", "POST"])
@needs("settings")
def one_field(field_id: int) -> Response:
    row = service.by_id(db.session(), field_id)
    shown = {"name": row.name, "name_vi": row.name_vi, "kind": row.kind, "required": row.required}
    form = typed({**shown, "choices": "\n".join(row.choices)})
    errors: dict[str, str] = {}
    if posted():
        done, errors = attempt(lambda: _save(field_id, form), form)
        if done:
            return go("settings.fields")
        row = service.by_id(db.session(), field_id)
    return page("field.html", errors, form=form, row=row, kinds=KIND_WORDS)


def _save(field_id: int | None, form: dict[str, Any]) -> bool:
    with unit_of_work(actor=me().actor) as work:
        service.save(work, me(), field_id, form)
    flash(_("Saved."))
    return True


@bp.post("/fields/<int:field_id>/<any(archive, restore, up, down):what>")
@needs("settings")
def field_do(field_id: int, what: str) -> Response:
    db.session.rollback()
    with unit_of_work(actor=me().actor) as work:
        if what in ("up", "down"):
            service.shift(work, me(), field_id, -1 if what == "up" else 1)
        else:
            service.archive(work, me(), field_id, on=what == "archive")
    flash(_("Done."))
    return go("settings.fields")
