"""General: language, time zone, public address, phone country, shadow mode."""

from __future__ import annotations

from typing import Any

import phonenumbers
from flask import flash, request
from flask_babel import get_locale
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from helpdesk.errors import Invalid
from helpdesk.extensions import db
from helpdesk.forms import LANGUAGES, attempt, typed, zones
from helpdesk.services import settings as desk_settings
from helpdesk.settings.blueprint import bp, go, me, needs, page, posted
from helpdesk.unit_of_work import UnitOfWork, unit_of_work

# Form field -> setting. Only these can be changed here, whatever is sent.
GENERAL = {
    "locale": "locale.default",
    "timezone": "timezone.default",
    "public_url": "public_url",
    "phone_region": "phone.region",
    "reopen_days": "ticket.reopen_days",
    "undo_seconds": "email.undo_seconds",
    "acknowledge_cap": "acknowledge.per_address_hour",
    "acknowledge_ticket_cap": "acknowledge.per_ticket_hour",
    "acknowledge_desk_cap": "acknowledge.per_desk_hour",
    "blocked_senders": "blocked_senders",
    "reason_required": "ticket.reason_required",
    "fallback": "fallback.automatic",
    "requests_link": "requests.link",
    "shadow_mode": "shadow_mode",
}


def stored(fields: dict[str, str]) -> dict[str, Any]:
    found = desk_settings.many(db.session, *fields.values())
    return {field: found[key] for field, key in fields.items()}


def put_all(work: UnitOfWork, fields: dict[str, str], form: dict[str, Any]) -> None:
    """Store what changed; raises Invalid naming every wrong field at once."""
    wrong: dict[str, str] = {}
    for field, key in fields.items():
        if str(desk_settings.get(work.session, key)) == str(form[field]):
            continue
        try:
            desk_settings.put(work, key, form[field])
        except Invalid as error:
            wrong[field] = next(iter(error.fields.values()))
    if wrong:
        raise Invalid(fields=wrong)


def save(fields: dict[str, str], form: dict[str, Any]) -> bool:
    with unit_of_work(actor=me().actor) as work:
        put_all(work, fields, form)
    flash(_("Saved."))
    return True


@bp.route("/general", methods=["GET", "POST"])
@needs("settings")
def general() -> Response:
    form = typed(stored(GENERAL))
    errors: dict[str, str] = {}
    if posted():
        if form["phone_region"] not in phonenumbers.SUPPORTED_REGIONS:
            errors["phone_region"] = _("Choose one of the list.")
        else:
            done, errors = attempt(lambda: save(GENERAL, form), form)
            if done:
                return go("settings.general")
    same = not form["public_url"] or form["public_url"].rstrip("/") == request.url_root.rstrip("/")
    return page("general.html", errors, form=form, languages=LANGUAGES, zones=zones(), regions=regions(), same=same)


def regions() -> list[tuple[str, str]]:
    """Countries with a phone prefix, by name in the reader's language."""
    names = get_locale().territories
    found = [
        (r, f"{names.get(r, r)} (+{phonenumbers.country_code_for_region(r)})") for r in phonenumbers.SUPPORTED_REGIONS
    ]
    return sorted(found, key=lambda pair: pair[1])
