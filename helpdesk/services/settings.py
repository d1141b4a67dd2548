"""Settings a person changes while it runs. Every key is declared here with its default and kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from zoneinfo import available_timezones

from flask_babel import gettext
from sqlalchemy import select
from sqlalchemy.orm import Session

from helpdesk.database import keeps, kept, rows
from helpdesk.errors import Invalid
from helpdesk.events import SettingChanged
from helpdesk.models import Setting
from helpdesk.unit_of_work import UnitOfWork

LOCALES = ("en", "vi")


@dataclass(frozen=True)
class Declared:
    kind: type
    default: Any
    help: str = ""
    low: int | None = None
    high: int | None = None
    choices: tuple[str, ...] = ()
    secret: bool = False


DECLARED: dict[str, Declared] = {
    "brand.name": Declared(str, "Helpdesk", "The business's name, as customers see it"),
    "brand.colour": Declared(str, "#0b7a66", "Accent colour on pages and mails for customers"),
    "brand.logo": Declared(str, "", "Token of the uploaded logo"),
    "brand.reply_name": Declared(str, "agent_at_brand", "Sender name", choices=("agent_at_brand", "brand", "agent")),
    "brand.address": Declared(str, "", "Where the business is, as it is told to customers"),
    "brand.place": Declared(str, "", "The same on the map: a link of a map, or latitude and longitude"),
    "public_url": Declared(str, "", "The address people and customers reach this desk at"),
    "locale.default": Declared(str, "en", "Language of people and customers we know nothing else of", choices=LOCALES),
    "timezone.default": Declared(str, "Asia/Ho_Chi_Minh", "Time zone"),
    "phone.region": Declared(str, "VN", "Country of phone numbers written without a country code"),
    "survey.csat.enabled": Declared(bool, True, "Ask for a rating after a ticket is solved"),
    "survey.csat.delay_minutes": Declared(int, 60, "Minutes between solving and asking", low=0, high=60 * 24 * 14),
    "survey.quiet_from": Declared(int, 21, "No surveys from this hour", low=0, high=23),
    "survey.quiet_until": Declared(int, 8, "Until this hour", low=0, high=23),
    "survey.fatigue_days": Declared(int, 14, "At most one survey a person in so many days", low=0, high=365),
    "survey.expire_days": Declared(int, 30, "A survey can be answered so many days", low=1, high=365),
    "survey.recovery_max_score": Declared(
        int, 2, "A rating up to this opens a recovery task (0: never)", low=0, high=5
    ),
    "survey.recovery_hours": Declared(int, 4, "The recovery task is due after so many hours", low=1, high=240),
    "ticket.first_number": Declared(int, 1001, "Number of the first ticket", low=1),
    "ticket.reason_required": Declared(bool, False, "Ask for the contact reason before solving"),
    "ticket.reopen_days": Declared(int, 14, "Solved tickets close after so many days", low=1, high=365),
    "email.undo_seconds": Declared(int, 10, "A mail can be called back so many seconds", low=0, high=60),
    "acknowledge.per_address_hour": Declared(
        int, 3, "At most so many automatic answers an address and hour", low=0, high=50
    ),
    "acknowledge.per_ticket_hour": Declared(
        int, 2, "At most so many automatic answers in one ticket and hour", low=0, high=50
    ),
    "acknowledge.per_desk_hour": Declared(
        int, 300, "At most so many automatic answers of the whole desk in an hour", low=0, high=100_000
    ),
    "blocked_senders": Declared(str, "", "Addresses and @domains whose messages go to Spam, one a line"),
    "requests.link": Declared(bool, True, "Mails to a customer end with a link to what they asked"),
    "fallback.automatic": Declared(bool, False, "When a delivery fails, try the customer's next channel by itself"),
    "shadow_mode": Declared(bool, False, "The whole desk only receives; nothing is ever sent"),
    "instance.kind": Declared(str, "", "Written by `helpdesk demo` into an empty folder", choices=("", "demo")),
    "push.vapid": Declared(str, "", "Key pair of Web Push, sealed; made by itself", secret=True),
    "setup.done": Declared(bool, False, "The first administrator exists"),
}


_VALUES = select(Setting.key, Setting.value)
keeps(Setting)


def get(session: Session, key: str) -> Any:
    """The value, or the declared default. KeyError for a key nobody declared."""
    return _stored(session).get(key, DECLARED[key].default)


def many(session: Session, *keys: str) -> dict[str, Any]:
    """Several values."""
    stored = _stored(session)
    return {key: stored.get(key, DECLARED[key].default) for key in keys}


def _stored(session: Session) -> dict[str, Any]:
    """All that is set: few rows, read once a transaction."""
    return kept(session, Setting, lambda: {row.key: row.value for row in rows(session, _VALUES)})


def put(work: UnitOfWork, key: str, value: Any) -> Any:
    """Check, store and record; text is read as the declared kind. Returns the stored value. Raises Invalid."""
    if key not in DECLARED:
        raise Invalid(fields={"key": f"There is no setting {key}."})
    value = _read(key, value)
    row = work.session.get(Setting, key)
    if row is None:
        work.session.add(Setting(key=key, value=value))
    else:
        row.value = value
    work.record(SettingChanged(key=key))
    return value


def _read(key: str, value: Any) -> Any:
    declared = DECLARED[key]
    if declared.kind is bool:
        if isinstance(value, str) and value.lower() in ("true", "yes", "on", "1", "false", "no", "off", "0", ""):
            value = value.lower() in ("true", "yes", "on", "1")
        if not isinstance(value, bool):
            raise Invalid(fields={key: gettext("This must be true or false.")})
    elif declared.kind is int:
        try:
            value = int(value)
        except (TypeError, ValueError):
            raise Invalid(fields={key: gettext("This must be a whole number.")}) from None
        if (declared.low is not None and value < declared.low) or (declared.high is not None and value > declared.high):
            told = gettext("This must lie between %(low)s and %(high)s.", low=declared.low, high=declared.high)
            raise Invalid(fields={key: told})
    else:
        value = str(value).strip()
        if declared.choices and value not in declared.choices:
            offered = ", ".join(c for c in declared.choices if c)
            raise Invalid(fields={key: gettext("This must be one of %(choices)s.", choices=offered)})
        if key == "brand.name" and not value:
            raise Invalid(fields={key: gettext("Enter a name.")})
        if key.startswith("timezone") and value not in available_timezones():
            raise Invalid(fields={key: gettext("%(value)s is not a time zone.", value=value[:100])})
        if key == "public_url":
            value = value.rstrip("/")
            if value and not value.startswith(("http://", "https://")):
                raise Invalid(fields={key: gettext("The address must start with https:// or http://.")})
    return value
