"""What a report page holds: filters read from the address, figures of the period and the one before, tables, KPIs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask_babel import format_date
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from helpdesk import access
from helpdesk.access import Viewer
from helpdesk.errors import NotFound
from helpdesk.reports import periods
from helpdesk.reports.measures import MEASURES, Filter
from helpdesk.reports.periods import Period
from helpdesk.reports.queries import Figures, Tally, figures
from helpdesk.reports.tables import (
    NOTHING,
    Builder,
    Cell,
    Column,
    Names,
    Table,
    duration,
    names,
    number,
    percent,
    score,
)
from helpdesk.services.surveys import REASONS

TABS = ("overview", "sla", "csat", "agents")


@dataclass(frozen=True)
class Asked:
    """The question a page answers. `query`: what its links carry on."""

    period: Period
    wanted: Filter
    query: dict[str, Any]


@dataclass(frozen=True)
class Kpi:
    title: str
    definition: str
    value: str
    unit: str
    url: str
    delta: str
    good: bool | None  # None: neither good nor bad
    up: bool


@dataclass(frozen=True)
class Page:
    asked: Asked
    now: Figures
    before: Figures
    names: Names
    tables: dict[str, Table]
    builder: Builder


def ask(session: Session, viewer: Viewer, args: Mapping[str, str]) -> Asked:
    """Filters of the address. Raises Forbidden (no reports for agents) and NotFound (a team that is not theirs)."""
    teams = access.teams_reported(viewer, session)
    now = datetime.now(UTC)
    period = periods.read(args, viewer.timezone, now.astimezone(ZoneInfo(viewer.timezone)).date())
    team, channel, agent = (_number(args.get(k, "")) for k in ("team", "channel", "agent"))
    if team is not None and teams is not None and team not in teams:
        raise NotFound()
    reason = args.get("reason", "") if args.get("reason", "") in REASONS else ""
    wanted = Filter(
        period.start,
        period.end,
        now,
        teams=tuple(teams) if teams is not None else None,
        team=team,
        channel=channel,
        agent=agent,
        reason=reason,
    )
    query = period.query() | {"team": team, "channel": channel, "agent": agent}
    return Asked(period, wanted, query)


def build(session: Session, asked: Asked, tab: str) -> Page:
    """The figures of a tab, now and before, and its tables by name."""
    before = asked.period.previous()
    now = figures(session, asked.wanted, asked.period)
    then = figures(session, asked.wanted.within(before.start, before.end), before)
    known = names(session)
    builder = Builder(now, known, asked.query)
    tables = {t.name: t for t in _tables(tab, builder, then)}
    return Page(asked, now, then, known, tables, builder)


def _tables(tab: str, b: Builder, then: Figures) -> list[Table]:
    if tab == "sla":
        return [
            b.promises("days", _("By day"), _("Day"), b.day_lines()),
            b.promises("channels", _("By channel"), _("Channel"), b.channel_lines()),
            b.promises("teams", _("By team"), _("Team"), b.team_lines()),
            b.promises("agents", _("By agent"), _("Agent"), b.agent_lines()),
        ]
    if tab == "csat":
        return [
            b.ratings(),
            b.reasons(),
            b.opinions("days", _("By day"), _("Day"), b.day_lines()),
            b.opinions("channels", _("By channel"), _("Channel"), b.channel_lines()),
            b.opinions("teams", _("By team"), _("Team"), b.team_lines()),
            b.opinions("agents", _("By agent"), _("Agent"), b.agent_lines()),
        ]
    if tab == "agents":
        return [b.agents()]
    return [_summary(b, then), b.days(), b.ratings(), b.teams(), b.channels(), b.agents(), b.hours()]


# --- key figures ---------------------------------------------------------------------------------------------


def kpis(page: Page) -> list[Kpi]:
    now, then = page.now.total, page.before.total
    return [
        _points(page, "first_decided", now.share("first"), then.share("first"), "first_decided", 1),
        _points(page, "resolution_decided", now.share("resolution"), then.share("resolution"), "resolution_decided", 1),
        _time(page),
        _points(page, "good", now.csat, then.csat, "ratings", 0),
        _volume(page),
    ]


def _points(page: Page, measure: str, now: float | None, then: float | None, shown: str, digits: int) -> Kpi:
    m = MEASURES[measure]
    delta, up, good = "", True, None
    if now is not None and then is not None:
        change = round(now, digits) - round(then, digits)
        delta = _("%(n)s pt", n=_signed(change, digits))
        up, good = change >= 0, None if not round(change, digits) else change > 0
    value = percent(now, digits).rstrip("%")
    url = page.builder.link(shown) if page.now.total.counts[shown] else ""
    return Kpi(str(m.title), str(m.definition), value, "%" if now is not None else "", url, delta, good, up)


def _time(page: Page) -> Kpi:
    m = MEASURES["first_times"]
    now, then = page.now.total.median("first"), page.before.total.median("first")
    delta, up, good = "", True, None
    if now is not None and then is not None:
        change = now - then
        delta = ("+" if change >= 0 else "−") + duration(abs(change))
        up, good = change >= 0, None if abs(change) < 60 else change < 0
    url = page.builder.link("first_times") if page.now.total.counts["first_times"] else ""
    said = _("Half were faster.") + f" {m.definition}"
    return Kpi(_("Median first reply"), said, duration(now), "", url, delta, good, up)


def _volume(page: Page) -> Kpi:
    m = MEASURES["tickets"]
    now, then = page.now.total.counts["tickets"], page.before.total.counts["tickets"]
    delta, up = "", True
    if then:
        change = 100 * (now - then) / then
        delta, up = _signed(change, 0) + "%", change >= 0
    url = page.builder.link("tickets") if now else ""
    return Kpi(str(m.title), str(m.definition), number(now), "", url, delta, None, up)


def _signed(value: float, digits: int) -> str:
    text = percent(abs(value), digits).rstrip("%")
    return ("+" if value >= 0 else "−") + text


def _summary(b: Builder, then: Figures) -> Table:
    """The key figures as a table, for the CSV and beside the tiles."""
    now = b.found.total
    columns = [
        Column(_("Figure"), number=False),
        Column(period_label(b.found.period)),
        Column(period_label(then.period)),
    ]

    def line(measure: str, text: Any, title: str = "", shown: str = "") -> list[Cell]:
        counted = shown or measure
        url = b.link(counted) if now.counts[counted] else ""
        return [Cell(title or str(MEASURES[measure].title)), Cell(text(now), url), Cell(text(then.total))]

    def share(short: str) -> Any:
        return lambda t: percent(t.share(short), 1)

    def slow(short: str) -> str:
        return str(_("%(what)s, 90%%", what=MEASURES[f"{short}_times"].title))

    rows = [
        line("first_decided", share("first")),
        line("resolution_decided", share("resolution")),
        line("first_times", lambda t: duration(t.median("first")), _("Median first reply")),
        line("first_times", lambda t: duration(t.p90("first")), slow("first")),
        line("resolution_times", lambda t: duration(t.median("resolution")), _("Median time to solve")),
        line("resolution_times", lambda t: duration(t.p90("resolution")), slow("resolution")),
        line("good", lambda t: percent(t.csat), "", "ratings"),
        line("ratings", lambda t: score(t.average), _("Average rating")),
        line("ratings", lambda t: number(t.counts["ratings"])),
        line("asked_answered", lambda t: percent(t.answered), "", "asked"),
        line("tickets", lambda t: number(t.counts["tickets"])),
        line("solved", lambda t: number(t.counts["solved"])),
    ]
    return Table("summary", _("Summary"), columns, rows)


def period_label(period: Period) -> str:
    """1–21 Nov 2026; 25 Oct – 3 Nov 2026; 1–21/11/2026."""
    first, last, day, dated = period.first, period.last, _("d MMM"), _("d MMM y")
    if first == last:
        return str(format_date(last, dated))
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day}–{format_date(last, dated)}"
    return f"{format_date(first, day if first.year == last.year else dated)} – {format_date(last, dated)}"


def short_label(period: Period) -> str:
    return period_label(period).removesuffix(f" {period.last.year}").removesuffix(f"/{period.last.year}")


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) < 18 else None


__all__ = ["NOTHING", "TABS", "Asked", "Kpi", "Page", "Tally", "ask", "build", "kpis", "period_label", "short_label"]
