"""The first run: the first administrator and what the desk is called, once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask_babel import gettext as _
from sqlalchemy.exc import IntegrityError

from helpdesk.errors import Conflict, Invalid
from helpdesk.models import Agent
from helpdesk.services import desk_defaults, people
from helpdesk.services import settings as desk_settings
from helpdesk.unit_of_work import UnitOfWork

# Form field -> setting.
_SETTINGS = {
    "brand": "brand.name",
    "locale": "locale.default",
    "timezone": "timezone.default",
    "public_url": "public_url",
}


def run(work: UnitOfWork, values: Mapping[str, Any]) -> Agent:
    """`name`, `email`, `password`, and optionally `brand`, `locale`, `timezone`, `public_url`.

    Raises Invalid naming each wrong field, Conflict when somebody was faster: exactly one call ever succeeds.
    """
    if desk_settings.get(work.session, "setup.done"):
        raise Conflict(_("This helpdesk is set up already."))
    try:
        desk_settings.put(work, "setup.done", True)
        work.session.flush()
    except IntegrityError:
        raise Conflict(_("This helpdesk is set up already.")) from None
    fields: dict[str, str] = {}
    for field, key in _SETTINGS.items():
        if not values.get(field):
            continue
        try:
            desk_settings.put(work, key, values[field])
        except Invalid as error:
            fields[field] = next(iter(error.fields.values()))
    try:
        agent = people.add_agent(
            work,
            None,
            email=str(values.get("email", "")),
            name=str(values.get("name", "")),
            role="admin",
            password=str(values.get("password", "")),
            locale="" if "locale" in fields else str(values.get("locale", "")),
            timezone="" if "timezone" in fields else str(values.get("timezone", "")),
        )
    except Invalid as error:
        raise Invalid(fields={**error.fields, **fields}) from error
    if fields:
        raise Invalid(fields=fields)
    desk_defaults.ensure_defaults(work)
    return agent
