"""The figures: a handful of queries over one period, tallied by day, team, channel and agent in one pass."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func
from sqlalchemy.orm import Session

from helpdesk.models import Invitation, Response, SlaClock, Ticket
from helpdesk.reports.measures import MEASURES, TARGETS, Filter
from helpdesk.reports.periods import Period

_SHORT = {target: short for short, target in TARGETS.items()}


@dataclass
class Tally:
    """What is counted of one day, team, channel, agent, or of everything. Times in business seconds."""

    counts: Counter[str] = field(default_factory=Counter)
    times: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    reasons: Counter[str] = field(default_factory=Counter)

    def share(self, short: str) -> float | None:
        """Percent kept of the promises of a target ("first") that are decided; None without any."""
        return _percent(self.counts[f"{short}_met"], self.counts[f"{short}_decided"])

    @property
    def csat(self) -> float | None:
        return _percent(self.counts["good"], self.counts["ratings"])

    @property
    def answered(self) -> float | None:
        return _percent(self.counts["asked_answered"], self.counts["asked"])

    @property
    def average(self) -> float | None:
        total = sum(n * self.counts[f"score{n}"] for n in range(1, 6))
        return total / self.counts["ratings"] if self.counts["ratings"] else None

    def median(self, short: str) -> int | None:
        times = self.times[short]
        return round(median(times)) if times else None

    def p90(self, short: str) -> int | None:
        """Nine of ten were faster, or as fast."""
        times = sorted(self.times[short])
        return times[math.ceil(0.9 * len(times)) - 1] if times else None


@dataclass
class Figures:
    """Tallies of one period. Keys: local days, team ids (0: none), channel ids (0: none), agent ids (0: nobody)."""

    period: Period
    total: Tally = field(default_factory=Tally)
    days: dict[date, Tally] = field(default_factory=lambda: defaultdict(Tally))
    teams: dict[int, Tally] = field(default_factory=lambda: defaultdict(Tally))
    channels: dict[int, Tally] = field(default_factory=lambda: defaultdict(Tally))
    agents: dict[int, Tally] = field(default_factory=lambda: defaultdict(Tally))
    hours: Counter[tuple[int, int]] = field(default_factory=Counter)  # (weekday, hour) a ticket began

    def of(self, day: date | None, team: int | None, channel: int | None, agent: int | None) -> list[Tally]:
        found = [self.total, self.teams[team or 0], self.channels[channel or 0], self.agents[agent or 0]]
        return [*found, self.days[day]] if day is not None else found


def figures(session: Session, wanted: Filter, period: Period) -> Figures:
    """Everything of one period that the reports show."""
    found = Figures(period)
    _count_tickets(session, wanted, found)
    _count_clocks(session, wanted, found)
    _count_ratings(session, wanted, found)
    _count_asked(session, wanted, found)
    for name in ("solved", "late_now", "failed"):
        _count_plain(session, wanted, found, name)
    return found


def _count_tickets(session: Session, wanted: Filter, found: Figures) -> None:
    zone = ZoneInfo(found.period.timezone)
    columns = (Ticket.created_at, Ticket.visible_team_id, Ticket.origin_channel_id, Ticket.assignee_id)
    for at, team, channel, agent in session.execute(MEASURES["tickets"].rows(wanted, *columns)):
        local = at.astimezone(zone)
        found.hours[local.weekday(), local.hour] += 1
        for tally in found.of(local.date(), team, channel, agent):
            tally.counts["tickets"] += 1


def _count_clocks(session: Session, wanted: Filter, found: Figures) -> None:
    columns = (SlaClock.target, SlaClock.state, SlaClock.started_at, SlaClock.stopped_at, SlaClock.used_s)
    where = (Ticket.visible_team_id, Ticket.origin_channel_id, Ticket.assignee_id)
    for short in TARGETS:
        statement = MEASURES[f"{short}_decided"].rows(wanted, *columns, *where)
        for target, state, at, stopped, used_s, team, channel, agent in session.execute(statement):
            name = _SHORT[target]
            for tally in found.of(found.period.day_of(at), team, channel, agent):
                tally.counts[f"{name}_decided"] += 1
                tally.counts[f"{name}_met" if state == "met" else f"{name}_late"] += 1
                if stopped is not None:
                    tally.counts[f"{name}_times"] += 1
                    tally.times[name].append(used_s)


def _count_ratings(session: Session, wanted: Filter, found: Figures) -> None:
    columns = (Response.created_at, Response.score, Response.reason_code, Response.team_id, Response.agent_id)
    statement = MEASURES["ratings"].rows(wanted, *columns, Ticket.origin_channel_id)
    for at, score, codes, team, agent, channel in session.execute(statement):
        for tally in found.of(found.period.day_of(at), team, channel, agent):
            tally.counts.update(["ratings", f"score{score}", "good" if score >= 4 else "low"])
            tally.reasons.update(code for code in codes.split(",") if code)


def _count_asked(session: Session, wanted: Filter, found: Figures) -> None:
    columns = (Invitation.sent_at, Invitation.state, Invitation.team_id, Invitation.agent_id, Ticket.origin_channel_id)
    for at, state, team, agent, channel in session.execute(MEASURES["asked"].rows(wanted, *columns)):
        for tally in found.of(found.period.day_of(at), team, channel, agent):
            tally.counts["asked"] += 1
            tally.counts["asked_answered"] += state == "answered"


def _count_plain(session: Session, wanted: Filter, found: Figures, name: str) -> None:
    """Counted by the database: no times are needed of these."""
    measure = MEASURES[name]
    keys = (Ticket.visible_team_id, Ticket.origin_channel_id, measure.agent)
    statement = measure.rows(wanted, *keys, func.count()).group_by(*keys)
    for team, channel, agent, number in session.execute(statement):
        for tally in found.of(None, team, channel, agent):
            tally.counts[name] += number


def merged(tallies: Iterable[Tally]) -> Tally:
    """Several days as one."""
    total = Tally()
    for tally in tallies:
        total.counts.update(tally.counts)
        total.reasons.update(tally.reasons)
        for short, times in tally.times.items():
            total.times[short].extend(times)
    return total


def _percent(part: int, whole: int) -> float | None:
    return 100 * part / whole if whole else None


# --- as data -------------------------------------------------------------------------------------------------


def as_data(tally: Tally) -> dict[str, Any]:
    """One tally for the API: counts as they are, shares in percent (one decimal), times in business seconds."""

    def rounded(value: float | None, digits: int = 1) -> float | None:
        return None if value is None else round(value, digits)

    promises = {
        target: {
            "decided": tally.counts[f"{short}_decided"],
            "met": tally.counts[f"{short}_met"],
            "breached": tally.counts[f"{short}_late"],
            "attainment_percent": rounded(tally.share(short)),
            "median_s": tally.median(short),
            "p90_s": tally.p90(short),
        }
        for short, target in TARGETS.items()
    }
    csat = {
        "answers": tally.counts["ratings"],
        "scores": {str(n): tally.counts[f"score{n}"] for n in range(1, 6)},
        "csat_percent": rounded(tally.csat),
        "average": rounded(tally.average, 2),
        "asked": tally.counts["asked"],
        "answered_percent": rounded(tally.answered),
        "reasons": dict(tally.reasons),
    }
    volume = {k: tally.counts[k] for k in ("tickets", "solved", "late_now", "failed")}
    return {"volume": volume, "sla": promises, "csat": csat}


REPORTS = ("volume", "sla", "csat")


def report(session: Session, name: str, wanted: Filter, period: Period) -> dict[str, Any]:
    """One report (of REPORTS) as plain data: total, the period before, and by day, team, channel and agent.
    KeyError for another name."""
    if name not in REPORTS:
        raise KeyError(name)
    before = period.previous()
    now_, then = figures(session, wanted, period), figures(session, wanted.within(before.start, before.end), before)

    def part(tally: Tally) -> Any:
        return as_data(tally)[name]

    return {
        "name": name,
        "from": period.first.isoformat(),
        "to": period.last.isoformat(),
        "timezone": period.timezone,
        "total": part(now_.total),
        "before": part(then.total),
        "by_day": {day.isoformat(): part(now_.days[day]) for day in sorted(now_.days)},
        "by_team": {str(key): part(tally) for key, tally in sorted(now_.teams.items())},
        "by_channel": {str(key): part(tally) for key, tally in sorted(now_.channels.items())},
        "by_agent": {str(key): part(tally) for key, tally in sorted(now_.agents.items())},
    }
