"""Business time against a brute-force minute counter, also where clocks change."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpdesk.business_time import ALWAYS, DAYS, Calendar, after_quiet, holidays_of

ZONES = [
    "Asia/Ho_Chi_Minh",
    "America/New_York",
    "Europe/Berlin",
    "Australia/Lord_Howe",
    "Africa/Cairo",
    "America/Santiago",
]
SHOP = {d: [["08:00", "12:00"], ["13:00", "17:30"]] for d in DAYS[:5]} | {"sat": [["08:00", "12:00"]]}
VN = Calendar.of("Asia/Ho_Chi_Minh", SHOP, "VN")


def vn(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Asia/Ho_Chi_Minh")).astimezone(UTC)


# --- brute force: look at every minute's wall clock -----------------------------------------------------------


def worked(calendar: Calendar, at: datetime) -> bool:
    local = at.astimezone(ZoneInfo(calendar.timezone))
    if calendar.week is None:
        return True
    minute = local.hour * 60 + local.minute
    return calendar.works(local.date()) and any(a <= minute < b for a, b in calendar.week[local.weekday()])


def count(calendar: Calendar, start: datetime, minutes: int, pauses: list[tuple[datetime, datetime]]) -> int:
    instants = (start + timedelta(minutes=i) for i in range(minutes))
    return sum(worked(calendar, t) and not any(a <= t < b for a, b in pauses) for t in instants)


# Around the days on which the clocks change, in both halves of the year and both hemispheres.
moments = st.one_of(
    st.integers(0, 12 * 24 * 60).map(lambda m: datetime(2026, 3, 5, tzinfo=UTC) + timedelta(minutes=m)),
    st.integers(0, 40 * 24 * 60).map(lambda m: datetime(2026, 3, 25, tzinfo=UTC) + timedelta(minutes=m)),
    st.integers(0, 40 * 24 * 60).map(lambda m: datetime(2026, 10, 1, tzinfo=UTC) + timedelta(minutes=m)),
)
clock = st.integers(0, 24 * 60).map(lambda m: f"{m // 60:02d}:{m % 60:02d}")
week = st.dictionaries(st.sampled_from(DAYS), st.lists(st.tuples(clock, clock), min_size=1, max_size=3), min_size=1)
calendars = st.builds(
    lambda zone, hours, off: Calendar.of(zone, hours, "", [d.isoformat() for d in off]),
    st.sampled_from(ZONES),
    week,
    st.lists(st.dates(date(2026, 3, 1), date(2026, 11, 30)), max_size=3),
)


@st.composite
def stretches(draw: st.DrawFn) -> tuple[datetime, int, list[tuple[datetime, datetime]]]:
    start, minutes = draw(moments), draw(st.integers(0, 4 * 24 * 60))
    cuts = draw(st.lists(st.tuples(st.integers(-600, 6000), st.integers(0, 900)), max_size=3))
    pauses = [(start + timedelta(minutes=a), start + timedelta(minutes=a + n)) for a, n in cuts]
    return start, minutes, pauses


@settings(max_examples=120, deadline=None)
@given(calendars, stretches())
def test_between_counts_what_a_minute_counter_counts(calendar, stretch):
    start, minutes, pauses = stretch
    end = start + timedelta(minutes=minutes)
    assert calendar.between(start, end, pauses) == 60 * count(calendar, start, minutes, pauses)


@settings(max_examples=150, deadline=None)
@given(calendars, stretches(), st.integers(1, 3000))
def test_add_is_the_first_moment_the_promise_is_used_up(calendar, stretch, promise):
    start, _, pauses = stretch
    try:
        due = calendar.add(start, promise, pauses)
    except ValueError:  # e.g. only 02:00-02:00 of nothing, or hours that never open
        assert calendar.between(start, start + timedelta(days=21), pauses) == 0
        return
    assert calendar.between(start, due, pauses) == promise * 60
    assert calendar.between(start, due - timedelta(minutes=1), pauses) < promise * 60


@settings(max_examples=60, deadline=None)
@given(calendars, moments)
def test_open_and_next_opening_agree_with_the_wall_clock(calendar, at):
    assert calendar.is_open(at) == worked(calendar, at)
    opens = calendar.opens(at)
    assert worked(calendar, opens)
    assert opens >= at and calendar.between(at, opens) == 0


# --- known answers -------------------------------------------------------------------------------------------


def test_lunch_night_and_sunday_are_left_out():
    assert VN.add(vn("2026-11-20T11:50"), 30) == vn("2026-11-20T13:20")  # over lunch
    assert VN.add(vn("2026-11-20T17:10"), 30) == vn("2026-11-21T08:10")  # Friday evening to Saturday morning
    assert VN.add(vn("2026-11-21T11:45"), 30) == vn("2026-11-23T08:15")  # Saturday noon to Monday
    assert VN.between(vn("2026-11-16T00:00"), vn("2026-11-23T00:00")) == (5 * 8.5 + 4) * 3600


def test_tet_is_a_holiday_and_a_workday_beats_it():
    tet = date(2026, 2, 17)  # first day of the year of the horse
    assert tet in holidays_of("VN", 2026)
    assert VN.between(vn("2026-02-17T00:00"), vn("2026-02-18T00:00")) == 0
    worked_anyway = Calendar.of("Asia/Ho_Chi_Minh", SHOP, "VN", workdays=["2026-02-17"])
    assert worked_anyway.between(vn("2026-02-17T00:00"), vn("2026-02-18T00:00")) == 8.5 * 3600
    assert VN.add(vn("2026-02-14T11:30"), 60) == vn("2026-02-21T08:30")  # Saturday noon, over the whole of Tết
    closed = Calendar.of("Asia/Ho_Chi_Minh", SHOP, days_off=["2026-11-20"])
    assert closed.add(vn("2026-11-20T09:00"), 10) == vn("2026-11-21T08:10")
    assert holidays_of("XX", 2026) == frozenset()


def test_the_hour_that_is_missing_is_not_worked_and_the_one_that_comes_twice_is():
    night = Calendar.of("Europe/Berlin", {"sun": [["00:00", "06:00"]]})
    spring, autumn = datetime(2026, 3, 28, 12, tzinfo=UTC), datetime(2026, 10, 24, 12, tzinfo=UTC)
    assert night.between(spring, spring + timedelta(days=1)) == 5 * 3600
    assert night.between(autumn, autumn + timedelta(days=1)) == 7 * 3600


def test_always_open_and_no_hours_at_all():
    at = vn("2026-02-17T03:00")
    assert ALWAYS.add(at, 90) == at + timedelta(minutes=90)
    assert Calendar.of("Asia/Ho_Chi_Minh", {}).week is None
    assert ALWAYS.is_open(at)


def test_over_midnight_and_joined_intervals():
    hours = {"fri": [["22:00", "02:00"], ["01:00", "01:30"]], "sat": [["01:30", "03:00"]]}
    bar = Calendar.of("Asia/Ho_Chi_Minh", hours)
    assert bar.between(vn("2026-11-20T00:00"), vn("2026-11-22T00:00")) == (2 + 3) * 3600 + 30 * 60
    assert Calendar.of("UTC", {"mon": [["00:00", "24:00"]]}).week[0] == ((0, 1440),)


def test_an_open_pause_has_no_due_time():
    start = vn("2026-11-20T09:00")
    with pytest.raises(ValueError, match="pause is open"):
        VN.add(start, 30, [(start, None)])
    assert VN.between(start, start + timedelta(hours=2), [(start + timedelta(hours=1), None)]) == 3600


@pytest.mark.parametrize(
    "hours", [{"monday": []}, {"mon": [["8", "12:00"]]}, {"mon": [["08:00", "25:00"]]}, {"mon": [["08:61", "12:00"]]}]
)
def test_wrong_hours_are_refused_with_a_sentence(hours):
    with pytest.raises(ValueError, match="not a"):
        Calendar.of("UTC", hours)


@pytest.mark.parametrize(
    ("at", "moved"),
    [
        ("2026-11-20T20:59", "2026-11-20T20:59"),
        ("2026-11-20T21:00", "2026-11-21T08:00"),
        ("2026-11-21T03:30", "2026-11-21T08:00"),
        ("2026-11-21T08:00", "2026-11-21T08:00"),
    ],
)
def test_quiet_hours_move_to_the_morning(at, moved):
    assert after_quiet(vn(at), "Asia/Ho_Chi_Minh", 21, 8) == vn(moved)
    assert after_quiet(vn(at), "Asia/Ho_Chi_Minh", 0, 0) == vn(at)


def test_quiet_hours_within_one_day():
    assert after_quiet(vn("2026-11-20T12:30"), "Asia/Ho_Chi_Minh", 12, 14) == vn("2026-11-20T14:00")
    assert after_quiet(vn("2026-11-20T14:30"), "Asia/Ho_Chi_Minh", 12, 14) == vn("2026-11-20T14:30")
