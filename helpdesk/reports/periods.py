"""Periods of a report: whole local days, and the period each is compared with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

PRESETS = ("today", "7d", "30d", "90d", "month", "last_month")
LONGEST_DAYS = 366 * 2


@dataclass(frozen=True)
class Period:
    """From `first` to `last`, both included, in `timezone`; `before` is what it is compared with."""

    first: date
    last: date
    timezone: str
    before: tuple[date, date]
    preset: str = ""

    @property
    def start(self) -> datetime:
        return _midnight(self.first, self.timezone)

    @property
    def end(self) -> datetime:
        """The first instant that is not in it any more."""
        return _midnight(self.last + timedelta(days=1), self.timezone)

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    def previous(self) -> Period:
        first, last = self.before
        return Period(first, last, self.timezone, _before(first, last))

    def day_of(self, at: datetime) -> date:
        return at.astimezone(ZoneInfo(self.timezone)).date()

    def buckets(self) -> list[tuple[date, date]]:
        """Days, or weeks (from Monday) when there are more than two months of them."""
        if self.days <= 62:
            return [(day, day) for day in (self.first + timedelta(days=n) for n in range(self.days))]
        found, begin = [], self.first
        while begin <= self.last:
            end = min(begin + timedelta(days=6 - begin.weekday()), self.last)
            found.append((begin, end))
            begin = end + timedelta(days=1)
        return found

    def query(self) -> dict[str, str]:
        return {"from": self.first.isoformat(), "to": self.last.isoformat()}


def read(args: Mapping[str, str], timezone: str, today: date) -> Period:
    """From a query string: `period` (one of PRESETS) or `from` and `to`. What cannot be read is this month."""
    first, last = day(args.get("from", "")), day(args.get("to", ""))
    if first is not None and last is not None:
        first, last = min(first, last), max(first, last)
        first = max(first, last - timedelta(days=LONGEST_DAYS))
        return Period(first, last, timezone, _before(first, last))
    preset = args.get("period", "")
    return _preset(preset if preset in PRESETS else "month", timezone, today)


def _preset(preset: str, timezone: str, today: date) -> Period:
    if preset == "month":
        first = today.replace(day=1)
        last_month = (first - timedelta(days=1)).replace(day=1)
        same_day = min(last_month + timedelta(days=today.day - 1), first - timedelta(days=1))
        return Period(first, today, timezone, (last_month, same_day), preset)
    if preset == "last_month":
        last = today.replace(day=1) - timedelta(days=1)
        before = last.replace(day=1) - timedelta(days=1)
        return Period(last.replace(day=1), last, timezone, (before.replace(day=1), before), preset)
    days = {"today": 1, "7d": 7, "30d": 30, "90d": 90}[preset]
    first = today - timedelta(days=days - 1)
    return Period(first, today, timezone, _before(first, today), preset)


def _before(first: date, last: date) -> tuple[date, date]:
    """As many days, right before."""
    length = last - first
    return first - length - timedelta(days=1), first - timedelta(days=1)


def _midnight(day: date, timezone: str) -> datetime:
    return datetime.combine(day, time(), ZoneInfo(timezone)).astimezone(UTC)


def day(text: str) -> date | None:
    """A day as 2026-11-22; None for what is none."""
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if date(2000, 1, 1) <= found <= date(2200, 1, 1) else None
