"""Tables of a report: the same cells are drawn on the page and written to the CSV, each number with its way down."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from flask import url_for
from flask_babel import format_date, format_decimal
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from helpdesk.models import Agent, Channel, Team
from helpdesk.reports.measures import MEASURES
from helpdesk.reports.queries import Figures, Tally
from helpdesk.services.survey_words import REASONS, SCALE
from helpdesk.words import span

NOTHING = "–"


@dataclass(frozen=True)
class Cell:
    text: str
    url: str = ""
    bad: bool = False
    kind: str = ""  # of a channel: draws its glyph


@dataclass(frozen=True)
class Column:
    title: str
    definition: str = ""
    number: bool = True


@dataclass(frozen=True)
class Table:
    name: str
    title: str
    columns: list[Column]
    rows: list[list[Cell]] = field(default_factory=list)
    note: str = ""

    def texts(self) -> list[list[str]]:
        """Heading and rows, as shown."""
        return [[c.title for c in self.columns], *([cell.text for cell in row] for row in self.rows)]


# --- how numbers read ----------------------------------------------------------------------------------------


def number(value: float) -> str:
    return str(format_decimal(value))


def percent(value: float | None, digits: int = 0) -> str:
    if value is None:
        return NOTHING
    return str(format_decimal(round(value, digits), format=f"0.{'0' * digits}" if digits else "0")) + "%"


def duration(seconds: float | None) -> str:
    if seconds is None:
        return NOTHING
    return span(seconds) if seconds >= 60 or seconds == 0 else _("%(n)s s", n=int(seconds))


def score(value: float | None) -> str:
    return NOTHING if value is None else str(format_decimal(round(value, 2), format="0.00"))


def day_label(first: date, last: date) -> str:
    pattern = _("d MMM")
    short = str(format_date(first, pattern))
    return short if first == last else f"{short} – {format_date(last, pattern)}"


# --- names ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Names:
    teams: dict[int, str]
    channels: dict[int, tuple[str, str]]  # id -> (name, kind)
    agents: dict[int, str]


def names(session: Session) -> Names:
    teams = dict(session.execute(select(Team.id, Team.name)).all())
    agents = dict(session.execute(select(Agent.id, Agent.name)).all())
    channels = {i: (name, kind) for i, name, kind in session.execute(select(Channel.id, Channel.name, Channel.kind))}
    return Names({0: _("No team")} | teams, {0: (_("No channel"), "")} | channels, {0: _("Nobody")} | agents)


# --- building ------------------------------------------------------------------------------------------------

Value = Callable[[Tally], tuple[str, str]]  # tally -> (text, measure its list shows; empty: no list)


def _count(measure: str) -> tuple[Column, Value]:
    m = MEASURES[measure]
    return Column(str(m.title), str(m.definition)), lambda t: (number(t.counts[measure]), measure)


def _share(short: str, title: str = "") -> tuple[Column, Value]:
    m = MEASURES[f"{short}_decided"]
    return Column(title or str(m.title), str(m.definition)), lambda t: (percent(t.share(short)), f"{short}_decided")


def _middle(short: str, which: str, heading: str = "") -> tuple[Column, Value]:
    m = MEASURES[f"{short}_times"]
    if which == "median":
        title = _("%(what)s, median", what=m.title)
        said = _("Half were faster.")
    else:
        title = _("%(what)s, 90%%", what=m.title)
        said = _("Nine of ten were faster.")

    def value(tally: Tally) -> tuple[str, str]:
        return duration(tally.median(short) if which == "median" else tally.p90(short)), f"{short}_times"

    return Column(heading or title, f"{said} {m.definition}"), value


def _csat() -> tuple[Column, Value]:
    m = MEASURES["good"]
    return Column(str(m.title), str(m.definition)), lambda t: (percent(t.csat), "ratings")


def _average() -> tuple[Column, Value]:
    said = _("Mean of all ratings given in the period, from 1 to 5.")
    return Column(_("Average"), said), lambda t: (score(t.average), "ratings")


def _answered() -> tuple[Column, Value]:
    m = MEASURES["asked_answered"]
    return Column(str(m.title), str(m.definition)), lambda t: (percent(t.answered), "asked")


@dataclass
class Builder:
    """Makes the tables of one page. `query` are the filters every link carries on."""

    found: Figures
    names: Names
    query: dict[str, Any]

    def link(self, measure: str, **narrower: Any) -> str:
        values = {k: v for k, v in (self.query | narrower).items() if v not in (None, "")}
        return f"{self.lists}{measure}?{urlencode(values)}"

    @cached_property
    def lists(self) -> str:
        """Where lists are; asked for once, because a page has hundreds of links."""
        return url_for("reports.items", measure="-").removesuffix("-")

    def cell(self, tally: Tally, value: Value, **narrower: Any) -> Cell:
        text, measure = value(tally)
        bad = text != NOTHING and measure in ("late_now", "failed") and bool(tally.counts[measure])
        return Cell(text, self.link(measure, **narrower) if measure and tally.counts[measure] else "", bad)

    def table(
        self,
        name: str,
        title: str,
        head: str,
        lines: Iterable[tuple[Cell, Tally, dict[str, Any]]],
        values: list[tuple[Column, Value]],
    ) -> Table:
        columns = [Column(head, number=False), *(column for column, _value in values)]
        rows = [[first, *(self.cell(t, v, **narrower) for _column, v in values)] for first, t, narrower in lines]
        return Table(name, title, columns, rows)

    # lines: (first cell, tally, what narrows the lists behind it)

    def team_lines(self) -> list[tuple[Cell, Tally, dict[str, Any]]]:
        keys = sorted(self.found.teams, key=lambda k: (-self.found.teams[k].counts["tickets"], k))
        return [(Cell(self.names.teams.get(k, NOTHING)), self.found.teams[k], {"team": k}) for k in keys]

    def agent_lines(self) -> list[tuple[Cell, Tally, dict[str, Any]]]:
        keys = sorted(self.found.agents, key=lambda k: (k == 0, self.names.agents.get(k, "")))
        return [(Cell(self.names.agents.get(k, NOTHING)), self.found.agents[k], {"agent": k}) for k in keys]

    def channel_lines(self) -> list[tuple[Cell, Tally, dict[str, Any]]]:
        keys = sorted(self.found.channels, key=lambda k: (-self.found.channels[k].counts["tickets"], k))
        found = []
        for key in keys:
            name, kind = self.names.channels.get(key, (NOTHING, ""))
            found.append((Cell(name, kind=kind), self.found.channels[key], {"channel": key}))
        return found

    def day_lines(self) -> list[tuple[Cell, Tally, dict[str, Any]]]:
        from helpdesk.reports.queries import merged

        found = []
        for first, last in self.found.period.buckets():
            days = [tally for day, tally in self.found.days.items() if first <= day <= last]
            narrower = {"from": first.isoformat(), "to": last.isoformat()}
            found.append((Cell(day_label(first, last)), merged(days), narrower))
        return found

    # tables

    def teams(self) -> Table:
        values = [_count("tickets"), _share("first"), _share("resolution")]
        values += [_middle("first", "median", _("Median reply")), _csat(), _count("late_now")]
        return self.table("teams", _("By team"), _("Team"), self.team_lines(), values)

    def channels(self) -> Table:
        values = [_count("tickets"), _share("first", _("In time")), _middle("first", "median", _("Median"))]
        values += [_csat(), _count("failed")]
        return self.table("channels", _("By channel"), _("Channel"), self.channel_lines(), values)

    def agents(self) -> Table:
        values = [_count("tickets"), _count("solved"), _share("first"), _share("resolution")]
        values += [_middle("first", "median", _("Median reply")), _csat(), _average(), _count("ratings")]
        values.append(_count("late_now"))
        return self.table("agents", _("By agent"), _("Agent"), self.agent_lines(), values)

    def days(self) -> Table:
        values = [_count("tickets"), _share("first"), _share("resolution"), _csat(), _count("ratings")]
        return self.table("days", _("By day"), _("Day"), self.day_lines(), values)

    def promises(self, name: str, title: str, head: str, lines: Any) -> Table:
        values = [_share("first"), _count("first_late"), _middle("first", "median"), _middle("first", "p90")]
        values += [_share("next"), _share("resolution"), _count("resolution_late")]
        values += [_middle("resolution", "median"), _middle("resolution", "p90")]
        columns = self.table(name, title, head, lines, values)
        late = _("Late")
        renamed = [
            Column(late if c.definition and i in (2, 7) else c.title, c.definition, c.number)
            for i, c in enumerate(columns.columns)
        ]
        return Table(name, title, renamed, columns.rows)

    def opinions(self, name: str, title: str, head: str, lines: Any) -> Table:
        values = [_count("ratings"), _csat(), _average(), _count("low"), _count("asked"), _answered()]
        return self.table(name, title, head, lines, values)

    def ratings(self) -> Table:
        total = self.found.total
        said = str(MEASURES["ratings"].definition)
        columns = [Column(_("Score"), number=False), Column(_("Ratings"), said), Column("%")]
        rows = []
        for n, label in SCALE.items():
            part = total.counts[f"score{n}"]
            share = percent(100 * part / total.counts["ratings"]) if total.counts["ratings"] else NOTHING
            rows.append([Cell(f"{n} {label}"), Cell(number(part), self.link(f"score{n}") if part else ""), Cell(share)])
        return Table("ratings", _("Ratings"), columns, rows)

    def reasons(self) -> Table:
        columns = [Column(_("What was wrong"), number=False), Column(_("Answers"))]
        rows = [
            [Cell(str(label)), Cell(number(self.found.total.reasons[code]), self._reason_url(code))]
            for code, label in REASONS.items()
        ]
        return Table("reasons", _("What was wrong"), columns, rows)

    def _reason_url(self, code: str) -> str:
        return self.link("low", reason=code) if self.found.total.reasons[code] else ""

    def hours(self) -> Table:
        columns = [Column(_("Day"), number=False), *(Column(str(h)) for h in range(24))]
        rows = []
        for weekday in range(7):
            counts = [self.found.hours[weekday, hour] for hour in range(24)]
            # 2024 began on a Monday.
            name = str(format_date(date(2024, 1, 1 + weekday), "EEE"))
            rows.append([Cell(name), *(self._hour(weekday, h, n) for h, n in enumerate(counts))])
        return Table("hours", _("When tickets come"), columns, rows)

    def _hour(self, weekday: int, hour: int, count: int) -> Cell:
        return Cell(number(count), self.link("tickets", weekday=weekday, hour=hour) if count else "")
