"""The filter bar in words: chips of what is filtered, and the choices of the builder."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from flask_babel import gettext, lazy_gettext
from sqlalchemy import select

from helpdesk.access import Viewer
from helpdesk.extensions import db
from helpdesk.inbox.filters import FLAGS, Filter, Term
from helpdesk.inbox.formats import channel_name
from helpdesk.inbox.happenings import Names, load_names
from helpdesk.models import Channel, ContactReason, Customer, Organization, Tag
from helpdesk.services import fields as own_fields
from helpdesk.words import PRIORITY_WORDS, SCORE_WORDS, STATUS_WORDS

MOST = 300
LABELS = {
    "status": lazy_gettext("Status"),
    "priority": lazy_gettext("Priority"),
    "assignee": lazy_gettext("Assignee"),
    "team": lazy_gettext("Team"),
    "tag": lazy_gettext("Tag"),
    "channel": lazy_gettext("Channel"),
    "kind": lazy_gettext("Kind of channel"),
    "customer": lazy_gettext("Customer"),
    "organization": lazy_gettext("Organization"),
    "vip": lazy_gettext("VIP"),
    "sla": lazy_gettext("SLA"),
    "reason": lazy_gettext("Contact reason"),
    "created": lazy_gettext("Created"),
    "activity": lazy_gettext("Last activity"),
    "text": lazy_gettext("Words"),
    "unread": lazy_gettext("Unread by me"),
    "mentions": lazy_gettext("Mentions me"),
    "following": lazy_gettext("I follow it"),
    "waiting": lazy_gettext("Waits for our answer"),
    "language": lazy_gettext("Language"),
    "rating": lazy_gettext("Rating"),
}
SLA_WORDS = {
    "late": lazy_gettext("late"),
    "soon": lazy_gettext("about to break"),
    "running": lazy_gettext("running"),
    "none": lazy_gettext("no promise"),
}
PERIODS = {
    "today": lazy_gettext("today"),
    "7d": lazy_gettext("in the last 7 days"),
    "30d": lazy_gettext("in the last 30 days"),
    "90d": lazy_gettext("in the last 90 days"),
}
LANGUAGES = {"vi": "Tiếng Việt", "en": "English"}


@dataclass(frozen=True)
class Chip:
    key: str
    label: str
    word: str


@dataclass(frozen=True)
class Choice:
    """One row of the builder. kind: many (checkboxes), text, flag, days (checkboxes and two dates)."""

    key: str
    label: str
    kind: str
    options: list[tuple[str, str]] = field(default_factory=list)
    term: Term | None = None

    def has(self, value: str) -> bool:
        return self.term is not None and value in self.term.values

    @property
    def first(self) -> str:
        return self.term.values[0] if self.term is not None else ""

    @property
    def dates(self) -> tuple[str, str]:
        """The two days of a period that was typed."""
        typed = next((v for v in self.term.values if ".." in v), "") if self.term is not None else ""
        return (typed.partition("..")[0], typed.partition("..")[2])


def chips(viewer: Viewer, filter_: Filter) -> list[Chip]:
    """What is filtered, in words; names are looked up only when something is."""
    if not filter_:
        return []
    names = load_names(db.session, viewer.locale)
    found = []
    for term in filter_.terms:
        label = _label(term.key, viewer)
        if term.key in FLAGS:
            found.append(Chip(term.key, gettext("not:") if term.negated else "", label))
            continue
        is_ = gettext("%(name)s is not", name=label) if term.negated else gettext("%(name)s is", name=label)
        words = [_word(term.key, value, viewer, names) for value in term.values]
        found.append(Chip(term.key, is_, gettext(" or ").join(words[:3]) + (" …" if len(words) > 3 else "")))
    return found


def _label(key: str, viewer: Viewer) -> str:
    if not key.startswith("field."):
        return str(LABELS[key])
    row = next((f for f in own_fields.every(db.session(), archived=True) if f"field.{f.key}" == key), None)
    return own_fields.label(row, viewer.locale) if row is not None else key.removeprefix("field.")


def _word(key: str, value: str, viewer: Viewer, names: Names) -> str:
    fixed: dict[str, Any] = {
        "status": STATUS_WORDS, "priority": PRIORITY_WORDS, "sla": SLA_WORDS, "created": PERIODS,
        "activity": PERIODS, "language": LANGUAGES,
    }  # fmt: skip
    if value in fixed.get(key, {}):
        return str(fixed[key][value])
    special = {"none": gettext("none"), "me": viewer.name, "mine": gettext("my teams")}
    if value in special:
        return gettext("nobody") if (key, value) == ("assignee", "none") else special[value]
    if key == "assignee":
        return names.agent(int(value))
    if key == "team":
        return names.team(int(value))
    if key == "kind":
        return channel_name(value)
    if key == "rating":
        return str(SCORE_WORDS[int(value)])
    if key == "created" or key == "activity":
        return _period(value)
    model = {"channel": Channel, "tag": Tag, "organization": Organization, "reason": ContactReason}.get(key)
    if model is not None:
        return db.session.scalar(select(model.name).where(model.id == int(value))) or "?"  # type: ignore[attr-defined]
    if key == "customer" and value.isdecimal():
        return db.session.scalar(select(Customer.name).where(Customer.id == int(value))) or f"#{value}"
    if key.startswith("field.") and value in ("true", "false"):
        return gettext("yes") if value == "true" else gettext("no")
    return f"“{value}”"


def _period(value: str) -> str:
    days = value.removesuffix("d")
    if days.isdecimal():
        return gettext("in the last %(n)s days", n=days)
    first, dots, last = value.partition("..")
    if not dots or first == last:
        return first
    return f"{first} – {last}"


def builder(viewer: Viewer, filter_: Filter) -> list[Choice]:
    """Every condition one can click together, with what is chosen now."""
    names = load_names(db.session, viewer.locale)
    channels = db.session.execute(select(Channel.id, Channel.name, Channel.kind).where(Channel.archived_at.is_(None)))
    known = list(channels)
    options: dict[str, list[tuple[str, str]]] = {
        "status": _pairs(STATUS_WORDS),
        "priority": _pairs(PRIORITY_WORDS),
        "assignee": [("me", gettext("Me")), ("none", gettext("Nobody")), *_named(names.offered["agents"], names.agents)],
        "team": [("mine", gettext("my teams")), ("none", gettext("No team")),
                 *_named(names.offered["teams"], names.teams)],
        "tag": [("none", gettext("none")), *_rows(Tag.id, Tag.name, Tag.name_folded)],
        "channel": [(str(c.id), f"{channel_name(c.kind)} · {c.name}") for c in known],
        "kind": [(k, channel_name(k)) for k in sorted({c.kind for c in known})],
        "organization": [("none", gettext("none")),
                         *_rows(Organization.id, Organization.name, Organization.name_folded)],
        "sla": _pairs(SLA_WORDS),
        "reason": [("none", gettext("none")), *_rows(ContactReason.id, ContactReason.name, ContactReason.name)],
        "created": _pairs(PERIODS),
        "activity": _pairs(PERIODS),
        "language": list(LANGUAGES.items()),
        "rating": [*_pairs(SCORE_WORDS)[::-1], ("none", gettext("none"))],
    }  # fmt: skip
    found = [
        Choice(key, str(label), _kind(key), options.get(key, []), filter_.get(key)) for key, label in LABELS.items()
    ]
    return [c for c in found if c.kind in ("text", "flag") or c.options] + _own(viewer, filter_)


def _own(viewer: Viewer, filter_: Filter) -> list[Choice]:
    """The desk's own fields."""
    found = []
    for row in own_fields.every(db.session()):
        key, label = f"field.{row.key}", own_fields.label(row, viewer.locale)
        options = {
            "choice": [(c, c) for c in row.choices],
            "checkbox": [("true", gettext("yes")), ("false", gettext("no"))],
        }.get(row.kind, [])
        found.append(Choice(key, label, "one" if options else "text", options, filter_.get(key)))
    return found


def _kind(key: str) -> str:
    if key in FLAGS:
        return "flag"
    if key in ("created", "activity"):
        return "days"
    return "text" if key in ("text", "customer") else "many"


def _pairs(words: Any) -> list[tuple[str, str]]:
    return [(str(key), str(word)) for key, word in words.items()]


def _named(ids: Any, names: Any) -> list[tuple[str, str]]:
    return [(str(i), names[i]) for i in ids]


def _rows(id_: Any, name: Any, order: Any) -> list[tuple[str, str]]:
    return [(str(i), n) for i, n in db.session.execute(select(id_, name).order_by(order).limit(MOST))]
