"""What somebody typed into the search box, understood: words, phrases, operators. Nothing typed is ever an error."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from helpdesk.folding import fold, nfc, words
from helpdesk.models.ticket import PRIORITIES, SHELVES, STATUSES

MAX_CHARACTERS = 500
MAX_CHUNKS = 12
MAX_TOKENS = 24
OPERATORS = (
    "from", "to", "assignee", "team", "tag", "status", "priority", "channel", "has", "is", "before", "after", "in",
)  # fmt: skip
HAS = ("attachment", "picture", "call", "note", "rating")
IS = ("unread", "unassigned", "mine", "late", "vip")

_CHUNK = re.compile(r'(?:([A-Za-z]+):)?(?:"([^"]*)"?|([^\s"]+))')
_NUMBER = re.compile(r"#?(\d{1,9})")
_DIGITS = re.compile(r"[+(]?[\d\s().+-]{4,30}")
_PHONE_SIGNS = re.compile(r"[\s().+-]")

Phrase = tuple[str, ...]


@dataclass(frozen=True)
class Query:
    """`phrases`: each a run of folded words that must occur together; `prefix`: the last word may go on."""

    typed: str = ""
    phrases: tuple[Phrase, ...] = ()
    prefix: bool = False
    number: int | None = None
    digits: str = ""
    people: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    shelves: tuple[str, ...] = ()
    written_to: tuple[str, ...] = ()
    assignees: tuple[str, ...] = ()
    teams: tuple[str, ...] = ()
    priorities: tuple[str, ...] = ()
    has: tuple[str, ...] = ()
    states: tuple[str, ...] = ()  # of `is:`
    before: datetime | None = None
    after: datetime | None = None
    problems: tuple[str, ...] = ()  # operators whose value means nothing: the word as typed

    @property
    def filtered(self) -> bool:
        """Is there an operator?"""
        found = (
            self.people, self.tags, self.statuses, self.channels, self.shelves, self.before, self.after,
            self.written_to, self.assignees, self.teams, self.priorities, self.has, self.states,
        )  # fmt: skip
        return any(bool(v) for v in found)

    @property
    def empty(self) -> bool:
        return not self.phrases and not self.filtered


@dataclass
class _Reading:
    phrases: list[Phrase] = field(default_factory=list)
    values: dict[str, list[str]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    prefix: bool = False


def understand(typed: str, zone: str = "UTC") -> Query:
    """Read a query. `zone`: whose days `before:` and `after:` are."""
    text = nfc(typed.replace("\x00", " ").encode("utf-8", "replace").decode())[:MAX_CHARACTERS]
    reading = _Reading()
    for chunk in list(_CHUNK.finditer(text))[:MAX_CHUNKS]:
        _read(reading, chunk)
    reading.prefix = reading.prefix and not text.endswith(" ")
    number = _NUMBER.fullmatch(text.strip())
    days = {name: _day(reading, name, zone) for name in ("before", "after")}
    return Query(
        typed=text.strip(),
        phrases=_few(reading.phrases),
        prefix=reading.prefix,
        number=int(number[1]) if number else None,
        digits=_PHONE_SIGNS.sub("", text) if _DIGITS.fullmatch(text.strip()) else "",
        people=tuple(reading.values.get("from", ())),
        tags=tuple(fold(v) for v in reading.values.get("tag", ())),
        statuses=_known(reading, "status", STATUSES),
        channels=tuple(fold(v) for v in reading.values.get("channel", ())),
        shelves=_known(reading, "in", SHELVES),
        written_to=tuple(reading.values.get("to", ())),
        assignees=tuple(fold(v) for v in reading.values.get("assignee", ())),
        teams=tuple(fold(v) for v in reading.values.get("team", ())),
        priorities=_known(reading, "priority", PRIORITIES),
        has=_known(reading, "has", HAS),
        states=_known(reading, "is", IS),
        before=days["before"],
        after=days["after"] + timedelta(days=1) if days["after"] else None,
        problems=tuple(reading.problems),
    )


def _read(reading: _Reading, chunk: re.Match[str]) -> None:
    operator, quoted, plain = (chunk[1] or "").lower(), chunk[2], chunk[3]
    value = quoted if quoted is not None else plain
    if operator in OPERATORS:
        if value.strip():
            reading.values.setdefault(operator, []).append(value.strip())
        reading.prefix = False
        return
    found = tuple(words(chunk[0] if operator else value))
    if found:
        reading.phrases.append(found)
        reading.prefix = quoted is None


def _few(phrases: Iterable[Phrase]) -> tuple[Phrase, ...]:
    """Each once, at its last place: the last one may be a beginning."""
    kept: list[Phrase] = []
    room = MAX_TOKENS
    for phrase in phrases:
        if room:
            kept.append(phrase[:room])
            room -= len(kept[-1])
    return tuple(reversed(dict.fromkeys(reversed(kept))))


def _known(reading: _Reading, name: str, known: Iterable[str]) -> tuple[str, ...]:
    found = []
    for value in reading.values.get(name, ()):
        spelled = fold(value).replace("-", "_").replace(" ", "_")
        if spelled in known:
            found.append(spelled)
        else:
            reading.problems.append(f"{name}:{value}")
    return tuple(found)


def _day(reading: _Reading, name: str, zone: str) -> datetime | None:
    """The beginning of a day like 2026-11-22 or 22/11/2026 in the viewer's zone, as UTC."""
    values = reading.values.get(name, ())
    if not values:
        return None
    value = values[-1]
    try:
        parts = [int(p) for p in re.split(r"[-/.]", value)]
        year, month, day = parts if parts[0] > 31 else parts[::-1]
        return datetime.combine(date(year, month, day), time(), ZoneInfo(zone)).astimezone(UTC)
    except (ValueError, OverflowError, IndexError):
        reading.problems.append(f"{name}:{value}")
        return None


# --- the languages of the two engines ------------------------------------------------------------------------


PLAIN = ("",)  # words that are led by nothing


def fts5(phrases: Iterable[Phrase], prefix: bool, leads: Iterable[str] = PLAIN) -> str:
    """Words are letters and digits only, so that nothing in them can be FTS5 syntax. `leads`: the blocks looked into."""

    def led(lead: str) -> str:
        parts = [f'"{" ".join(lead + w for w in p)}"' for p in phrases]
        if prefix:
            parts[-1] += "*"
        return f"({' AND '.join(parts)})"

    return " OR ".join(led(lead) for lead in leads)


def tsquery(phrases: Iterable[Phrase], prefix: bool, leads: Iterable[str] = PLAIN) -> str:
    def led(lead: str) -> str:
        parts = [[f"'{lead}{w}'" for w in p] for p in phrases]
        if prefix:
            parts[-1][-1] += ":*"
        return " & ".join(f"({' <-> '.join(p)})" for p in parts)

    return " | ".join(f"({led(lead)})" for lead in leads)


def tsvector(terms: str) -> str:
    """A tsvector literal of folded words; positions end at 16,383 as PostgreSQL's do, and so does what it can hold."""
    parts, room = [], 1_000_000
    for i, word in enumerate(terms.split(), 1):
        room -= len(word.encode()) + 8
        if room < 0:
            break
        parts.append(f"'{word}':{min(i, 16383)}")
    return " ".join(parts)
