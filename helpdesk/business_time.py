"""Business time: when a promise of so many minutes falls due, and how much of it was used. Pure: no database, no clock.

An instant is business time when its wall clock lies in an interval of that weekday and the date is no holiday. That
one sentence also decides what daylight saving does: an hour that does not exist is not worked, one that comes twice is.
Instants are aware; everything is reckoned and given back in UTC.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_MINUTES = 24 * 60
# Nothing is promised further ahead; a calendar that is closed for so long is a mistake in its hours.
HORIZON = timedelta(days=366 * 12)

Span = tuple[datetime, datetime]
Pause = tuple[datetime, datetime | None]


@dataclass(frozen=True)
class Calendar:
    """Working hours. `week`: seven tuples (Monday first) of (from, to) in minutes after midnight, apart and in order;
    None: always open. `days_off` and `workdays` are single dates; a workday beats a holiday."""

    timezone: str = "UTC"
    week: tuple[tuple[tuple[int, int], ...], ...] | None = None
    country: str = ""
    days_off: frozenset[date] = frozenset()
    workdays: frozenset[date] = frozenset()

    @classmethod
    def of(
        cls,
        timezone: str,
        week: Mapping[str, Sequence[Sequence[str]]],
        country: str = "",
        days_off: Sequence[str] = (),
        workdays: Sequence[str] = (),
    ) -> Calendar:
        """From the plain shape of settings: {"mon": [["08:00", "12:00"]]}, ISO dates. No hours at all: always open.
        An interval that ends before it begins runs over midnight. Raises ValueError with a sentence."""
        return cls(
            timezone,
            _read_week(week),
            country,
            frozenset(date.fromisoformat(d) for d in days_off),
            frozenset(date.fromisoformat(d) for d in workdays),
        )

    # --- questions -------------------------------------------------------------------------------------------

    def add(self, start: datetime, minutes: float, pauses: Sequence[Pause] = ()) -> datetime:
        """The first instant at which `minutes` of business time have passed since `start`, pauses left out.

        An open pause (no end) must be the caller's answer "not now": raises ValueError.
        """
        if any(end is None for _, end in pauses):
            raise ValueError("a pause is open: there is no due time")
        start = start.astimezone(UTC)
        left = timedelta(minutes=minutes)
        if left <= timedelta(0):
            return start
        for begin, end in _without(self._spans(start), pauses):
            if end - begin >= left:
                return begin + left
            left -= end - begin
        raise ValueError("these hours never open")

    def between(self, start: datetime, end: datetime, pauses: Sequence[Pause] = ()) -> int:
        """Business seconds from `start` to `end`, pauses left out; 0 when `end` comes first."""
        start, end = start.astimezone(UTC), end.astimezone(UTC)
        if end <= start:
            return 0
        total = timedelta(0)
        for begin, stop in _without(self._spans(start, end), pauses):
            total += stop - begin
        return round(total.total_seconds())

    def is_open(self, at: datetime) -> bool:
        return next((b <= at < e for b, e in self._spans(at.astimezone(UTC), at + timedelta(seconds=1))), False)

    def opens(self, at: datetime) -> datetime:
        """The next instant of business time, `at` itself when open. Raises ValueError when there is none."""
        for begin, _ in self._spans(at.astimezone(UTC)):
            return begin
        raise ValueError("these hours never open")

    def closes(self, at: datetime) -> datetime | None:
        """When the open span around `at` ends; None when closed at `at`, or never closing."""
        if self.week is None:
            return None
        for begin, end in self._spans(at.astimezone(UTC), at + timedelta(days=1)):
            return end if begin <= at else None
        return None

    # --- spans -----------------------------------------------------------------------------------------------

    def _spans(self, start: datetime, end: datetime | None = None) -> Iterator[Span]:
        """Open spans in UTC from `start` to `end` (or the horizon), in order, cut to fit."""
        limit = end.astimezone(UTC) if end else start + HORIZON
        if self.week is None:
            yield start, limit
            return
        # A day earlier: where the clock goes back over midnight, yesterday is not over yet.
        day = start.astimezone(ZoneInfo(self.timezone)).date() - timedelta(days=1)
        last = limit.astimezone(ZoneInfo(self.timezone)).date() + timedelta(days=1)
        while day <= last:
            for begin, stop in _open_on(self, day):
                begin, stop = max(begin, start), min(stop, limit)
                if begin < stop:
                    yield begin, stop
            day += timedelta(days=1)

    def works(self, day: date) -> bool:
        """Is `day` no holiday? (It may still have no hours.)"""
        return day in self.workdays or not (day in self.days_off or day in holidays_of(self.country, day.year))


ALWAYS = Calendar()


@lru_cache(maxsize=8192)
def _open_on(calendar: Calendar, day: date) -> tuple[Span, ...]:
    """Open spans of one local date, in UTC: each interval once for every UTC offset in force on that date."""
    week = calendar.week or ()
    if not week[day.weekday()] or not calendar.works(day):
        return ()
    midnight = datetime.combine(day, time(), UTC)
    spans = []
    for offset, since, until in _offsets(calendar.timezone, midnight):
        for a, b in week[day.weekday()]:
            begin = max(midnight + timedelta(minutes=a) - offset, since)
            end = min(midnight + timedelta(minutes=b) - offset, until)
            if begin < end:
                spans.append((begin, end))
    return tuple(sorted(spans))


def _offsets(timezone: str, midnight: datetime) -> list[tuple[timedelta, datetime, datetime]]:
    """(UTC offset, from, to) around one date; two entries when the clocks change near it."""
    zone = ZoneInfo(timezone)

    def offset(at: datetime) -> timedelta:
        return at.astimezone(zone).utcoffset() or timedelta(0)

    low, high = midnight - timedelta(hours=26), midnight + timedelta(hours=50)
    before, after = offset(low), offset(high)
    if before == after:
        return [(before, low, high)]
    since, until = low, high
    while until - since > timedelta(seconds=1):
        middle = since + (until - since) // 2
        since, until = (middle, until) if offset(middle) == before else (since, middle)
    change = until.replace(microsecond=0)  # clocks change on a whole second
    return [(before, low, change), (after, change, high)]


def _without(spans: Iterator[Span], pauses: Sequence[Pause]) -> Iterator[Span]:
    """The spans with every pause cut out; pauses may overlap and come in any order; an open one lasts for ever."""
    cuts = sorted((a.astimezone(UTC), b.astimezone(UTC) if b else None) for a, b in pauses)
    for begin, end in spans:
        for a, b in cuts:
            if b is not None and b <= begin:
                continue
            if a >= end:
                break
            if a > begin:
                yield begin, a
            begin = end if b is None else max(begin, b)
            if begin >= end:
                break
        if begin < end:
            yield begin, end


# --- reading hours -------------------------------------------------------------------------------------------


def _read_week(week: Mapping[str, Sequence[Sequence[str]]]) -> tuple[tuple[tuple[int, int], ...], ...] | None:
    days: list[list[tuple[int, int]]] = [[] for _ in DAYS]
    for name, intervals in week.items():
        if name not in DAYS:
            raise ValueError(f"{name!r} is not a weekday (mon … sun)")
        number = DAYS.index(name)
        for begin, end in intervals:
            a, b = minutes_of(begin), minutes_of(end)
            if b > a:
                days[number].append((a, b))
            else:  # over midnight; "00:00" to "00:00" is the whole day
                days[number].append((a, DAY_MINUTES))
                days[(number + 1) % 7].append((0, b))
    merged = tuple(_merge(day) for day in days)
    return merged if any(merged) else None


def _merge(intervals: list[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    joined: list[tuple[int, int]] = []
    for a, b in sorted(i for i in intervals if i[0] < i[1]):
        if joined and a <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(b, joined[-1][1])
        else:
            joined.append((a, b))
    return tuple(joined)


def minutes_of(clock: str) -> int:
    """Minutes after midnight of "08:30"; "24:00" is the end of the day. Raises ValueError with a sentence."""
    hours, _, minutes = str(clock).strip().partition(":")
    if not (hours.isdecimal() and minutes.isdecimal() and len(minutes) == 2):
        raise ValueError(f"{clock!r} is not a time like 08:30")
    total = int(hours) * 60 + int(minutes)
    if int(minutes) > 59 or total > DAY_MINUTES:
        raise ValueError(f"{clock!r} is not a time of day")
    return total


@lru_cache(maxsize=256)
def holidays_of(country: str, year: int) -> frozenset[date]:
    """Public holidays of a country ("VN", with Tết and its substitute days); empty for an unknown one."""
    if not country:
        return frozenset()
    import holidays  # slow to import, and only who has business hours needs it

    try:
        found: Any = holidays.country_holidays(country, years=year)
    except NotImplementedError:
        return frozenset()
    return frozenset(found)


# --- quiet hours ---------------------------------------------------------------------------------------------


def after_quiet(at: datetime, timezone: str, quiet_from: int, quiet_until: int) -> datetime:
    """`at`, or when that lies in the quiet hours of `timezone`, the moment they end. Equal hours: never quiet."""
    zone = ZoneInfo(timezone)
    local = at.astimezone(zone)
    hour = local.hour
    if quiet_from < quiet_until:
        quiet = quiet_from <= hour < quiet_until
    else:
        quiet = quiet_from != quiet_until and (hour >= quiet_from or hour < quiet_until)
    if not quiet:
        return at.astimezone(UTC)
    day = local.date() + timedelta(days=1 if hour >= quiet_until else 0)
    return datetime.combine(day, time(quiet_until), zone).astimezone(UTC)
