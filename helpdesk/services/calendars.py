"""Business hours: weekly plans with several intervals a day, public holidays and single dates."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any
from zoneinfo import available_timezones

import holidays
from flask_babel import gettext as _
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from helpdesk import access
from helpdesk.access import Viewer
from helpdesk.business_time import DAYS, Calendar
from helpdesk.errors import Conflict, Invalid, NotFound
from helpdesk.events import SettingChanged
from helpdesk.folding import one_line
from helpdesk.models import BusinessHours, Channel, SlaPolicy, Team
from helpdesk.services import sla
from helpdesk.unit_of_work import UnitOfWork

_INTERVAL = re.compile(r"(\d{1,2})[:.h](\d{2})?\s*[-–—]\s*(\d{1,2})[:.h](\d{2})?")  # noqa: RUF001 - people type dashes
_DATE = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})|(\d{1,2})/(\d{1,2})/(\d{4})")


def every(session: Session) -> list[BusinessHours]:
    return list(session.scalars(select(BusinessHours).order_by(BusinessHours.is_default.desc(), BusinessHours.name)))


def one(session: Session, hours_id: int) -> BusinessHours:
    hours = session.get(BusinessHours, hours_id)
    if hours is None:
        raise NotFound
    return hours


def save(work: UnitOfWork, viewer: Viewer, hours_id: int | None, values: Mapping[str, Any]) -> BusinessHours:
    """`name`, `timezone`, `mon` … `sun` ("08:00-12:00, 13:30-17:30"; empty: closed), `holiday_country`,
    `holidays` and `workdays` (one date a line). Open promises are reckoned anew. Raises Invalid naming each field."""
    access.require(viewer, "settings")
    access.require_write(viewer)
    hours = one(work.session, hours_id) if hours_id else BusinessHours(name="")
    fields: dict[str, str] = {}
    hours.name = one_line(str(values.get("name", "")), 200)
    if not hours.name:
        fields["name"] = _("Enter a name.")
    hours.timezone = str(values.get("timezone", ""))
    if hours.timezone not in available_timezones():
        fields["timezone"] = _("Choose one of the list.")
    hours.week = {d: found for d in DAYS if (found := _read_day(d, str(values.get(d, "")), fields))}
    if not hours.week and not any(d in fields for d in DAYS):
        fields["mon"] = _("Open at least once a week.")
    hours.holiday_country = str(values.get("holiday_country", "")).upper()
    if hours.holiday_country and hours.holiday_country not in countries():
        fields["holiday_country"] = _("Choose one of the list.")
    hours.holidays = _read_dates("holidays", str(values.get("holidays", "")), fields)
    hours.workdays = _read_dates("workdays", str(values.get("workdays", "")), fields)
    if fields:
        raise Invalid(fields=fields)
    work.session.add(hours)
    if work.session.scalar(select(BusinessHours.id).where(BusinessHours.is_default).limit(1)) is None:
        hours.is_default = True
    work.session.flush()
    _changed(work, hours)
    return hours


def make_default(work: UnitOfWork, viewer: Viewer, hours_id: int) -> None:
    access.require(viewer, "settings")
    access.require_write(viewer)
    hours = one(work.session, hours_id)
    work.session.execute(update(BusinessHours).values(is_default=False))
    hours.is_default = True
    _changed(work, hours)


def delete(work: UnitOfWork, viewer: Viewer, hours_id: int) -> None:
    """Only hours that nothing is reckoned by."""
    access.require(viewer, "settings")
    access.require_write(viewer)
    hours = one(work.session, hours_id)
    used = [
        name
        for model in (Team, Channel, SlaPolicy)
        for name in work.session.scalars(select(model.name).where(model.business_hours_id == hours.id))
    ]
    if hours.is_default or used:
        raise Conflict(_("These hours are still in use: %(names)s.", names=", ".join(used) or _("the desk's own")))
    work.session.delete(hours)
    _changed(work, hours)


def _changed(work: UnitOfWork, hours: BusinessHours) -> None:
    work.record(SettingChanged(key=f"business_hours.{hours.id}"))
    sla.policy_changed(work)


# --- reading and showing -------------------------------------------------------------------------------------


def countries() -> list[str]:
    """ISO codes of the countries whose public holidays are known."""
    return sorted(holidays.list_supported_countries())


def shown(hours: BusinessHours) -> dict[str, str]:
    """The weekly plan as it is typed."""
    return {d: ", ".join(f"{a}-{b}" for a, b in (hours.week or {}).get(d, [])) for d in DAYS}


def _read_day(day: str, text: str, fields: dict[str, str]) -> list[list[str]]:
    """ "8:00-12:00, 13:30 - 17:30" -> [["08:00", "12:00"], ["13:30", "17:30"]]."""
    parts = [p.strip() for p in re.split(r"[,;]|\band\b|\bvà\b", text) if p.strip()]
    found = []
    for part in parts:
        match = _INTERVAL.fullmatch(part)
        if match is None:
            fields[day] = _("“%(text)s” is not like 08:00-12:00.", text=part[:40])
            return []
        h1, m1, h2, m2 = (int(g or 0) for g in match.groups())
        found.append([f"{h1:02}:{m1:02}", f"{h2:02}:{m2:02}"])
    try:
        Calendar.of("UTC", {day: found})
    except ValueError:
        fields[day] = _("“%(text)s” is not a time of day.", text=text[:40])
        return []
    ordered = sorted(found)
    if any(a[1] > b[0] for a, b in zip(ordered, ordered[1:], strict=False)):
        fields[day] = _("The times overlap.")
    return ordered


def _read_dates(name: str, text: str, fields: dict[str, str]) -> list[str]:
    """One date a line, 2027-02-04 or 4/2/2027; further words on the line are for people and dropped."""
    found = []
    for line in filter(None, (line.strip() for line in text.splitlines())):
        match = _DATE.match(line)
        try:
            if match is None:
                raise ValueError
            y, m, d, d2, m2, y2 = match.groups()
            found.append((date(int(y), int(m), int(d)) if y else date(int(y2), int(m2), int(d2))).isoformat())
        except ValueError:
            fields[name] = _("“%(text)s” is not a date like 2027-02-04.", text=line[:40])
    return sorted(set(found))
