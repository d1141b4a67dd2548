"""The filter language: what a list is narrowed to. A saved view stores the same.

In an address: `status=new,open&tag=-3&created=7d`. A key holds one or more values (any of them fits); a minus before
the first turns it round (none of them fits). What makes no sense filters nothing. Fields of the desk's own are
`field.<key>=value`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, and_, exists, false, not_, or_, select, true
from werkzeug.datastructures import MultiDict

from helpdesk.access import Viewer
from helpdesk.extensions import db
from helpdesk.models import Channel, Customer, Grant, Message, ReadMark, Response, Ticket, TicketTag
from helpdesk.models.ticket import PRIORITIES, STATUSES
from helpdesk.services.search_index import matching
from helpdesk.services.search_query import understand

MOST_VALUES = 40
MAX_TEXT = 100
SLA_STATES = ("late", "soon", "running", "none")
SCORES = ("5", "4", "3", "2", "1", "none")
_DAYS = re.compile(r"(\d{1,4})d")
_ID = re.compile(r"\d{1,15}")
_CODE = re.compile(r"[A-Za-z_-]{1,20}")


@dataclass(frozen=True)
class Term:
    """One condition. `negated`: none of the values fits."""

    key: str
    values: tuple[str, ...]
    negated: bool = False

    def __str__(self) -> str:
        return ("-" if self.negated else "") + ",".join(self.values)


@dataclass(frozen=True)
class Filter:
    terms: tuple[Term, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.terms)

    def data(self) -> dict[str, str]:
        """As it stands in an address, and in a saved view."""
        return {term.key: str(term) for term in self.terms}

    def get(self, key: str) -> Term | None:
        return next((t for t in self.terms if t.key == key), None)

    def predicates(self, viewer: Viewer, at: datetime | None = None) -> list[ColumnElement[bool]]:
        moment = at or datetime.now(UTC)
        found = []
        for term in self.terms:
            make = _own_field if term.key.startswith("field.") else _PREDICATES[term.key]
            made = make(term, viewer, moment)
            found.append(not_(made) if term.negated else made)
        return found


# --- reading -------------------------------------------------------------------------------------------------


def read_filter(values: Mapping[str, Any] | MultiDict[str, str]) -> Filter:
    """From an address, a form or a saved view. `not.<key>` turns a form's choice round, as a minus does."""
    own = sorted(k for k in values if k.startswith("field.") and len(k) < 70)
    terms = (_term(key, values) for key in (*_CHECKS, *own))
    return Filter(tuple(t for t in terms if t is not None))


def _term(key: str, values: Mapping[str, Any] | MultiDict[str, str]) -> Term | None:
    given = values.getlist(key) if isinstance(values, MultiDict) else [values.get(key, "")]
    text = ",".join(str(v) for v in given if v not in (None, ""))
    negated = text.startswith("-") or bool(values.get(f"not.{key}"))
    text = text.removeprefix("-")
    free = key in ("text", "customer") or key.startswith("field.")
    parts = [text.strip()[:MAX_TEXT]] if free else [v.strip() for v in text.split(",")]
    fits = _CHECKS.get(key, bool)
    kept = tuple(dict.fromkeys(v for v in parts if v and fits(v)))[:MOST_VALUES]
    return Term(key, kept, negated) if kept else None


def _one_of(*words: str, ids: bool = False) -> Callable[[str], bool]:
    return lambda value: value in words or (ids and _ID.fullmatch(value) is not None)


def _is_days(value: str) -> bool:
    return value == "today" or _DAYS.fullmatch(value) is not None or _range(value, "UTC") is not None


# --- conditions ----------------------------------------------------------------------------------------------


def _ids(term: Term) -> list[int]:
    return [int(v) for v in term.values if v.isdecimal()]


def _some(column: Any, term: Term) -> ColumnElement[bool]:
    """An id among these, or none at all."""
    found = column.in_(_ids(term))
    return or_(column.is_(None), found) if "none" in term.values else found


def _assignee(term: Term, viewer: Viewer, _at: datetime) -> ColumnElement[bool]:
    ids = _ids(term) + ([viewer.agent_id] if "me" in term.values else [])
    if "none" not in term.values:
        return _known(Ticket.assignee_id, Ticket.assignee_id.in_(ids))
    return or_(Ticket.assignee_id.is_(None), Ticket.assignee_id.in_(ids))


def _known(column: Any, found: ColumnElement[bool]) -> ColumnElement[bool]:
    """False, not unknown, where there is nothing: so that the opposite finds it."""
    return and_(column.is_not(None), found)


def _team(term: Term, viewer: Viewer, _at: datetime) -> ColumnElement[bool]:
    ids = _ids(term) + (sorted(viewer.team_ids) if "mine" in term.values else [])
    return Ticket.visible_team_id.in_([*ids, *([0] if "none" in term.values else [])])


def _tag(term: Term, _viewer: Viewer, _at: datetime) -> ColumnElement[bool]:
    tagged = exists().where(TicketTag.ticket_id == Ticket.id)
    found = exists().where(TicketTag.ticket_id == Ticket.id, TicketTag.tag_id.in_(_ids(term)))
    return or_(~tagged, found) if "none" in term.values else found


def _kind(term: Term, _viewer: Viewer, _at: datetime) -> ColumnElement[bool]:
    return _known(Ticket.channel_id, Ticket.channel_id.in_(select(Channel.id).where(Channel.kind.in_(term.values))))


def _customer(term: Term, _viewer: Viewer, _at: datetime) -> ColumnElement[bool]:
    """A number is a customer's; anything else is looked for in names and addresses."""
    if _ID.fullmatch(term.values[0]):
        return Ticket.customer_id == int(term.values[0])
    query = understand(term.values[0])
    if not query.phrases:
        return false()
    index, key, matches = matching(db.session(), "customer_search", query, digits=True)
    return Ticket.customer_id.in_(select(key).select_from(index).where(matches))


def _organization(term: Term, _viewer: Viewer, _at: datetime) -> ColumnElement[bool]:
    return Ticket.customer_id.in_(select(Customer.id).where(_some(Customer.organization_id, term)))


def _sla(term: Term, _viewer: Viewer, at: datetime) -> ColumnElement[bool]:
    due, soon = Ticket.sla_due_at, Ticket.sla_soon_at
    states = {
        "late": and_(due.is_not(None), due <= at),
        "soon": and_(due.is_not(None), due > at, soon.is_not(None), soon <= at),
        "running": and_(due.is_not(None), due > at),
        "none": due.is_(None),
    }
    return or_(*(states[v] for v in term.values))


def _days(column: Any) -> Callable[[Term, Viewer, datetime], ColumnElement[bool]]:
    def within(term: Term, viewer: Viewer, at: datetime) -> ColumnElement[bool]:
        spans = [_span(value, viewer.timezone, at) for value in term.values]
        return or_(*(and_(column >= start, column < end) for start, end in spans))

    return within


def _span(value: str, zone: str, at: datetime) -> tuple[datetime, datetime]:
    """[from, to) of "today", "7d" (the last seven days) or "2026-11-01..2026-11-10"."""
    days = _DAYS.fullmatch(value)
    if days:
        return at - timedelta(days=int(days[1])), datetime.max.replace(tzinfo=UTC)
    found = _range(value, zone)
    if found is not None:
        return found
    today = at.astimezone(ZoneInfo(zone)).date()
    return _midnight(today, zone), _midnight(today + timedelta(days=1), zone)


def _range(value: str, zone: str) -> tuple[datetime, datetime] | None:
    first, dots, last = value.partition("..")
    try:
        start = _midnight(date.fromisoformat(first), zone) if first else datetime.min.replace(tzinfo=UTC, year=1970)
        end = date.fromisoformat(last) if last else (date.fromisoformat(first) if not dots else None)
        until = _midnight(end + timedelta(days=1), zone) if end else datetime.max.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
    return (start, until) if first or last else None


def _midnight(day: date, zone: str) -> datetime:
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)


def _text(term: Term, _viewer: Viewer, _at: datetime) -> ColumnElement[bool]:
    """Words of a message or note, or of a subject changed by hand."""
    query = understand(term.values[0])
    if not query.phrases:
        return false()
    session = db.session()
    said, key, matches = matching(session, "message_search", query)
    messages = select(Message.ticket_id).select_from(said).join(Message, Message.id == key).where(matches)
    named, ticket_key, names = matching(session, "ticket_search", query)
    return or_(Ticket.id.in_(messages), Ticket.id.in_(select(ticket_key).select_from(named).where(names)))


def _unread(_term: Term, viewer: Viewer, _at: datetime) -> ColumnElement[bool]:
    mark = and_(ReadMark.ticket_id == Ticket.id, ReadMark.agent_id == viewer.agent_id, ReadMark.seq >= Ticket.seq)
    return and_(Ticket.last_author == "customer", ~exists().where(mark))


def _granted(why: str) -> Callable[[Term, Viewer, datetime], ColumnElement[bool]]:
    return lambda _term, viewer, _at: exists().where(
        Grant.ticket_id == Ticket.id, Grant.agent_id == viewer.agent_id, Grant.why == why
    )


def _rating(term: Term, _viewer: Viewer, _at: datetime) -> ColumnElement[bool]:
    rated = Response.ticket_id == Ticket.id
    found = exists().where(rated, Response.score.in_(_ids(term)))
    return or_(~exists().where(rated), found) if "none" in term.values else found


def _vip(_term: Term, _viewer: Viewer, _at: datetime) -> ColumnElement[bool]:
    return Ticket.customer_id.in_(select(Customer.id).where(Customer.vip == true()))


def _own_field(term: Term, _viewer: Viewer, _at: datetime) -> ColumnElement[bool]:
    value, held = term.values[0], Ticket.custom[term.key.removeprefix("field.")]
    if value in ("true", "false"):
        return _known(held.as_string(), held.as_boolean() == (value == "true"))
    return _known(held.as_string(), held.as_string() == value)


# Key -> which values make sense; the order is that of chips and of addresses.
_CHECKS: dict[str, Callable[[str], bool]] = {
    "status": _one_of(*STATUSES),
    "priority": _one_of(*PRIORITIES),
    "assignee": _one_of("me", "none", ids=True),
    "team": _one_of("mine", "none", ids=True),
    "tag": _one_of("none", ids=True),
    "channel": _one_of(ids=True),
    "kind": lambda v: _CODE.fullmatch(v) is not None,
    "customer": bool,
    "organization": _one_of("none", ids=True),
    "vip": _one_of("1"),
    "sla": _one_of(*SLA_STATES),
    "reason": _one_of("none", ids=True),
    "created": _is_days,
    "activity": _is_days,
    "text": bool,
    "unread": _one_of("1"),
    "mentions": _one_of("1"),
    "following": _one_of("1"),
    "waiting": _one_of("1"),
    "language": lambda v: _CODE.fullmatch(v) is not None,
    "rating": _one_of(*SCORES),
}
KEYS = tuple(_CHECKS)
FLAGS = ("vip", "unread", "mentions", "following", "waiting")

_PREDICATES: dict[str, Callable[[Term, Viewer, datetime], ColumnElement[bool]]] = {
    "status": lambda t, _v, _a: Ticket.status.in_(t.values),
    "priority": lambda t, _v, _a: Ticket.priority.in_(t.values),
    "assignee": _assignee,
    "team": _team,
    "tag": _tag,
    "channel": lambda t, _v, _a: _known(Ticket.channel_id, Ticket.channel_id.in_(_ids(t))),
    "kind": _kind,
    "customer": _customer,
    "organization": _organization,
    "vip": _vip,
    "sla": _sla,
    "reason": lambda t, _v, _a: _some(Ticket.reason_id, t) if "none" in t.values else _known(
        Ticket.reason_id, Ticket.reason_id.in_(_ids(t))
    ),
    "created": _days(Ticket.created_at),
    "activity": _days(Ticket.last_activity_at),
    "text": _text,
    "unread": _unread,
    "mentions": _granted("mention"),
    "following": _granted("follow"),
    "waiting": lambda _t, _v, _a: Ticket.needs_reply == true(),
    "language": lambda t, _v, _a: Ticket.language.in_(t.values),
    "rating": _rating,
}  # fmt: skip
