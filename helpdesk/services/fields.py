"""Fields that a desk adds to its tickets: declared by administrators, filled by agents, perhaps before solving."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from helpdesk.access import Viewer, require, require_write
from helpdesk.errors import Invalid, NotFound
from helpdesk.events import FieldChanged, SettingChanged
from helpdesk.folding import fold, one_line
from helpdesk.models import Ticket, TicketField
from helpdesk.models.field import FIELD_KINDS
from helpdesk.unit_of_work import UnitOfWork

MOST = 50
MAX_TEXT = 1000

Value = str | int | float | bool | None


def every(session: Session, *, archived: bool = False) -> list[TicketField]:
    """In the order people gave them."""
    statement = select(TicketField).order_by(TicketField.position, TicketField.id)
    return list(session.scalars(statement if archived else statement.where(TicketField.archived_at.is_(None))))


def label(field: TicketField, locale: str) -> str:
    return field.name_vi if locale == "vi" and field.name_vi else field.name


# --- on a ticket ---------------------------------------------------------------------------------------------


def set_values(work: UnitOfWork, viewer: Viewer, ticket: Ticket, values: Mapping[str, Any]) -> None:
    """Key -> what was typed (text, or JSON from the API); empty takes it away. Raises Invalid, by "field.<key>"."""
    require_write(viewer)
    known = {f.key: f for f in every(work.session)}
    stored, wrong = dict(ticket.custom or {}), {}
    for key, given in values.items():
        if key not in known:
            wrong[f"field.{key}"] = _("There is no such field.")
            continue
        try:
            stored[key] = read(known[key], given)
        except ValueError as error:
            wrong[f"field.{key}"] = str(error)
    if wrong:
        raise Invalid(fields=wrong)
    stored = {k: v for k, v in stored.items() if v is not None}
    changed = [k for k in values if stored.get(k) != (ticket.custom or {}).get(k)]
    if not changed:
        return
    ticket.custom, ticket.updated_at = stored, work.now
    for key in changed:
        work.record(FieldChanged(ticket_id=ticket.id, key=key))


def read(field: TicketField, given: Any) -> Value:
    """The value as its kind stores it; None when empty. Raises ValueError with a sentence."""
    if field.kind == "checkbox":
        return given if isinstance(given, bool) else str(given).lower() in ("1", "true", "yes", "on")
    if given is None or (isinstance(given, str) and not given.strip()):
        return None
    return {"text": _text, "number": _number, "date": _date, "choice": _choice}[field.kind](field, given)


def _text(field: TicketField, given: Any) -> Value:
    text = one_line(str(given), MAX_TEXT + 1)
    if len(text) > MAX_TEXT:
        raise ValueError(_("Use at most %(count)s characters.", count=MAX_TEXT))
    return text


def _number(field: TicketField, given: Any) -> Value:
    text = re.sub(r"\s", "", str(given))
    text = text.replace(",", ".") if "." not in text and text.count(",") == 1 else text.replace(",", "")
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if isinstance(given, bool) or not math.isfinite(number):
        raise ValueError(_("Enter a number."))
    return int(number) if number.is_integer() and abs(number) < 2**53 else number


def _date(field: TicketField, given: Any) -> Value:
    try:
        return date.fromisoformat(str(given).strip()).isoformat()
    except ValueError:
        raise ValueError(_("Enter a date.")) from None


def _choice(field: TicketField, given: Any) -> Value:
    if str(given) not in field.choices:
        raise ValueError(_("Choose one of the list."))
    return str(given)


def missing(session: Session, ticket: Ticket) -> list[TicketField]:
    """Fields that have to be filled before it can be solved; a box has to be ticked."""
    required = [f for f in every(session) if f.required]
    return [f for f in required if (ticket.custom or {}).get(f.key) in (None, "", False)]


# --- declared ------------------------------------------------------------------------------------------------


def save(work: UnitOfWork, viewer: Viewer, field_id: int | None, values: Mapping[str, Any]) -> TicketField:
    """`name`, `name_vi`, `kind` (fixed once made), `choices` (one a line), `required`. Raises Invalid."""
    _allow(viewer)
    row = by_id(work.session, field_id) if field_id else TicketField(key="")
    name = one_line(str(values.get("name", "")), 200)
    kind = row.kind if row.id else str(values.get("kind", ""))
    lines = dict.fromkeys(one_line(c, 200) for c in str(values.get("choices", "")).splitlines())
    choices = [c for c in lines if c]
    wrong = _wrong(work.session, row, name, kind, choices)
    if wrong:
        raise Invalid(fields=wrong)
    row.name, row.name_vi, row.kind = name, one_line(str(values.get("name_vi", "")), 200), kind
    row.choices = choices if kind == "choice" else []
    row.required = bool(values.get("required"))
    if not row.id:
        row.key = _key(work.session, name)
        row.position = (work.session.scalar(select(func.max(TicketField.position))) or 0) + 1
        work.session.add(row)
    work.session.flush()
    work.record(SettingChanged(key=f"field.{row.key}"))
    return row


def _wrong(session: Session, row: TicketField, name: str, kind: str, choices: list[str]) -> dict[str, str]:
    wrong = {}
    taken = session.scalar(select(TicketField.id).where(TicketField.name == name, TicketField.id != (row.id or 0)))
    if not name:
        wrong["name"] = _("Enter a name.")
    elif taken is not None:
        wrong["name"] = _("There is a field with this name already.")
    if kind not in FIELD_KINDS:
        wrong["kind"] = _("Choose one of the list.")
    if kind == "choice" and len(choices) < 2:
        wrong["choices"] = _("Give at least two choices, one a line.")
    if not row.id and (session.scalar(select(func.count(TicketField.id))) or 0) >= MOST:
        wrong["name"] = _("There are %(count)s fields already; that is the most.", count=MOST)
    return wrong


def _key(session: Session, name: str) -> str:
    """A short name for programs: "Mã đơn hàng" -> "ma_don_hang", with a number when that is taken."""
    base = re.sub(r"[^a-z0-9]+", "_", fold(name)).strip("_")[:50] or "field"
    taken = set(session.scalars(select(TicketField.key).where(TicketField.key.startswith(base, autoescape=True))))
    return next(k for k in (base, *(f"{base}_{n}" for n in range(2, MOST + 3))) if k not in taken)


def archive(work: UnitOfWork, viewer: Viewer, field_id: int, *, on: bool = True) -> None:
    """Not asked for any more; tickets keep what they have."""
    _allow(viewer)
    row = by_id(work.session, field_id)
    row.archived_at = work.now if on else None
    work.record(SettingChanged(key=f"field.{row.key}"))


def shift(work: UnitOfWork, viewer: Viewer, field_id: int, by: int) -> None:
    """One place up (-1) or down (1) in the order they are asked in."""
    _allow(viewer)
    rows = every(work.session, archived=True)
    at = next((i for i, r in enumerate(rows) if r.id == field_id), None)
    if at is None:
        raise NotFound()
    to = at + by
    if 0 <= to < len(rows):
        rows.insert(to, rows.pop(at))
    for position, row in enumerate(rows):
        row.position = position
    work.record(SettingChanged(key="fields"))


def by_id(session: Session, field_id: int) -> TicketField:
    row = session.get(TicketField, field_id)
    if row is None:
        raise NotFound()
    return row


def _allow(viewer: Viewer) -> None:
    require(viewer, "settings")
    require_write(viewer)


__all__ = ["Value", "archive", "by_id", "every", "label", "missing", "read", "save", "set_values", "shift"]
