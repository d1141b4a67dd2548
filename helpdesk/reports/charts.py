"""Shapes of the charts, drawn as SVG by the templates: numbers in, coordinates out. Attributes only, no style."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from flask_babel import format_date, gettext

from helpdesk.reports.queries import Figures, merged

LEFT, RIGHT, TOP, BOTTOM = 44.0, 616.0, 20.0, 180.0


@dataclass(frozen=True)
class Mark:
    x: float
    y: float
    label: str
    anchor: str = "middle"
    below: bool = False  # where its words stand


@dataclass(frozen=True)
class Lines:
    """A line over time, the period before dashed under it. Paths in the box 640 × 208."""

    now: str
    before: str
    dots: list[tuple[float, float]]  # alone between gaps: a line of one point would not show
    grid: list[Mark]
    ticks: list[Mark]
    marks: list[Mark]
    summary: str
    any: bool


def in_time(now: Figures, before: Figures, short: str = "first") -> Lines:
    """Percent kept of a promise, by day or week; where nothing was decided there is a gap."""
    return _lines([b for b, _ in now.period.buckets()], _shares(now, short), _shares(before, short))


def _shares(found: Figures, short: str) -> list[float | None]:
    values = []
    for first, last in found.period.buckets():
        values.append(merged(t for day, t in found.days.items() if first <= day <= last).share(short))
    return values


def _lines(days: Sequence[date], now: list[float | None], before: list[float | None]) -> Lines:
    known = [v for v in now + before if v is not None]
    low = max(0, (int(min(known, default=80)) // 10) * 10 - (10 if min(known, default=80) % 10 == 0 else 0))
    low = min(low, 90)
    step = (RIGHT - LEFT) / max(1, len(days) - 1)

    def place(i: int, value: float) -> tuple[float, float]:
        return round(LEFT + i * step, 1), round(BOTTOM - (value - low) / (100 - low) * (BOTTOM - TOP), 1)

    levels = [low + (100 - low) * n / 4 for n in range(5)]
    grid = [Mark(LEFT, place(0, level)[1], f"{level:g}%") for level in levels]
    every = max(1, round(len(days) / 5))
    pattern = gettext("d MMM")
    ticks = [Mark(place(i, 0)[0], 202, str(format_date(day, pattern))) for i, day in enumerate(days) if i % every == 0]
    marks = _extremes(now, place)
    values = [v for v in now if v is not None]
    summary = f"{min(values):.0f}–{max(values):.0f}%" if values else ""
    older = _path(before[: len(days)], place)
    return Lines(_path(now, place), older, _lonely(now, place), grid, ticks, marks, summary, bool(values))


def _path(values: Sequence[float | None], place: object) -> str:
    parts, drawing = [], False
    for i, value in enumerate(values):
        if value is None:
            drawing = False
            continue
        x, y = place(i, value)  # type: ignore[operator]
        parts.append(f"{'L' if drawing else 'M'}{x} {y}")
        drawing = True
    return "".join(parts)


def _lonely(values: Sequence[float | None], place: object) -> list[tuple[float, float]]:
    padded = [None, *values, None]
    return [
        place(i, value)  # type: ignore[operator]
        for i, value in enumerate(values)
        if value is not None and padded[i] is None and padded[i + 2] is None
    ]


def _extremes(values: Sequence[float | None], place: object) -> list[Mark]:
    """The lowest point and the newest one are named."""
    known = [(i, v) for i, v in enumerate(values) if v is not None]
    if not known:
        return []
    lowest, newest = min(known, key=lambda p: (p[1], -p[0])), known[-1]
    found = []
    for i, value in dict.fromkeys((newest, lowest)):
        x, y = place(i, value)  # type: ignore[operator]
        anchor = "end" if x > RIGHT - 30 else "start" if x < LEFT + 30 else "middle"
        found.append(Mark(x, y, f"{value:.0f}%", anchor, below=y < 36 or (i, value) == lowest))
    return found


@dataclass(frozen=True)
class Bar:
    score: int
    y: int
    width: float
    count: int
    percent: str
    css: str


def bars(counts: dict[int, int]) -> list[Bar]:
    """The five scores, the best first, in the box 420 × 208; the longest fills its track of 252."""
    whole, longest = sum(counts.values()), max(counts.values(), default=0)
    css = {5: "s1", 4: "s2", 3: "s3", 2: "swarn", 1: "sbad"}
    found = []
    for row, n in enumerate((5, 4, 3, 2, 1)):
        width = round(252 * counts[n] / longest, 1) if longest else 0.0
        percent = f"{100 * counts[n] / whole:.0f}%" if whole else ""
        found.append(Bar(n, 12 + 40 * row, max(width, 4.0) if counts[n] else 0.0, counts[n], percent, css[n]))
    return found


@dataclass(frozen=True)
class Square:
    x: int
    y: int
    css: str
    count: int
    loud: bool


def heat(found: Figures) -> list[list[Square]]:
    """Seven rows of 24 squares, in the box 658 × 184; five steps of grey-safe shade."""
    most = max(found.hours.values(), default=0)
    rows = []
    for weekday in range(7):
        row = []
        for hour in range(24):
            count = found.hours[weekday, hour]
            step = 0 if not count else 4 - min(3, int(4 * (count - 1) / max(1, most)))
            loud = bool(count) and step == 1
            row.append(Square(34 + 26 * hour, 23 * weekday, f"s{step}", count, loud))
        rows.append(row)
    return rows
