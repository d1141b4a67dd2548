"""Survey settings: when and how often customers are asked."""

from __future__ import annotations

from typing import Any

from flask import flash
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from helpdesk.errors import NotFound
from helpdesk.extensions import db
from helpdesk.forms import attempt, typed
from helpdesk.services import survey_words
from helpdesk.services.settings import LOCALES
from helpdesk.settings.blueprint import bp, go, me, needs, page, posted
from helpdesk.settings.general import put_all, stored
from helpdesk.unit_of_work import unit_of_work

SURVEY = {
    "enabled": "survey.csat.enabled",
    "delay_minutes": "survey.csat.delay_minutes",
    "quiet_from": "survey.quiet_from",
    "quiet_until": "survey.quiet_until",
    "fatigue_days": "survey.fatigue_days",
    "expire_days": "survey.expire_days",
    "recovery_max_score": "survey.recovery_max_score",
    "recovery_hours": "survey.recovery_hours",
}


@bp.route("/surveys", methods=["GET", "POST"])
@needs("surveys")
def surveys() -> Response:
    """Supervisors read them; they hold for the whole desk, so administrators change them."""
    form = typed(stored(SURVEY) | _questions())
    errors: dict[str, str] = {}
    if posted():
        if not me().may("settings"):
            raise NotFound
        done, errors = attempt(lambda: _save(form), form)
        if done:
            return go("settings.surveys")
    return page("surveys.html", errors, form=form, may=me().may("settings"))


def _questions() -> dict[str, str]:
    survey = survey_words.asking(db.session())
    own = (survey.question or {}) if survey is not None else {}
    return {f"question_{locale}": own.get(locale, "") for locale in LOCALES}


def _save(form: dict[str, Any]) -> bool:
    with unit_of_work(actor=me().actor) as work:
        put_all(work, SURVEY, form)
        survey_words.word(work, {locale: form[f"question_{locale}"] for locale in LOCALES})
    flash(_("Saved."))
    return True
