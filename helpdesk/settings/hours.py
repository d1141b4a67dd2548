"""Business hours."""

from __future__ import annotations

from typing import Any

from flask import flash
from flask_babel import get_locale, lazy_gettext
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from helpdesk.business_time import DAYS
from helpdesk.errors import Conflict
from helpdesk.extensions import db
from helpdesk.forms import attempt, typed, zones
from helpdesk.services import calendars as service
from helpdesk.services import settings as desk_settings
from helpdesk.settings.blueprint import bp, go, me, needs, page, posted
from helpdesk.unit_of_work import unit_of_work

DAY_WORDS = dict(
    zip(
        DAYS,
        (
            lazy_gettext("Monday"),
            lazy_gettext("Tuesday"),
            lazy_gettext("Wednesday"),
            lazy_gettext("Thursday"),
            lazy_gettext("Friday"),
            lazy_gettext("Saturday"),
            lazy_gettext("Sunday"),
        ),
        strict=True,
    )
)
_OFFICE = "08:00-12:00, 13:00-17:30"


@bp.get("/hours")
@needs("settings")
def hours() -> Response:
    rows = service.every(db.session)
    return page("hours.html", rows=rows, shown={r.id: service.shown(r) for r in rows}, days=DAY_WORDS)


@bp.route("/hours/new", methods=["GET", "POST"])
@needs("settings")
def new_hours() -> Response:
    zone = str(desk_settings.get(db.session, "timezone.default"))
    week = {d: _OFFICE if d not in ("sat", "sun") else "" for d in DAYS}
    return _edit(None, {"name": "", "timezone": zone, **week, "holiday_country": "VN", "holidays": "", "workdays": ""})


@bp.route("/hours/<int:hours_id>", methods=["GET", "POST"])
@needs("settings")
def one_hours(hours_id: int) -> Response:
    found = service.one(db.session, hours_id)
    return _edit(
        hours_id,
        {
            "name": found.name,
            "timezone": found.timezone,
            **service.shown(found),
            "holiday_country": found.holiday_country,
            "holidays": "\n".join(found.holidays or []),
            "workdays": "\n".join(found.workdays or []),
        },
    )


def _edit(hours_id: int | None, defaults: dict[str, Any]) -> Response:
    form = typed(defaults)
    errors: dict[str, str] = {}
    if posted():
        saved, errors = attempt(lambda: _save(hours_id, form), form)
        if saved:
            return go("settings.hours")
    row = service.one(db.session, hours_id) if hours_id else None
    return page("hours_edit.html", errors, form=form, row=row, days=DAY_WORDS, zones=zones(), countries=_countries())


def _save(hours_id: int | None, form: dict[str, Any]) -> bool:
    with unit_of_work(actor=me().actor) as work:
        service.save(work, me(), hours_id, form)
    flash(_("Saved. Open promises are reckoned anew."))
    return True


def _countries() -> list[tuple[str, str]]:
    names = get_locale().territories
    found = sorted(((c, names.get(c, c)) for c in service.countries()), key=lambda pair: pair[1])
    return [("", _("None")), *found]


@bp.post("/hours/<int:hours_id>/<any(delete, default):what>")
@needs("settings")
def hours_do(hours_id: int, what: str) -> Response:
    db.session.rollback()
    try:
        with unit_of_work(actor=me().actor) as work:
            (service.delete if what == "delete" else service.make_default)(work, me(), hours_id)
    except Conflict as error:
        flash(error.message, "bad")
    else:
        flash(_("Done."))
    return go("settings.hours")
