"""Points in time: durations against dateutil, keys that come back, literals, days of a zone."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from dateutil.relativedelta import relativedelta
from hypothesis import given
from hypothesis import strategies as st

from segflow.durations import Duration
from segflow.errors import InputError
from segflow.segments.bounds import Bound, bound_from_key, bounds_json, day_bounds, month_days
from segflow.warehouse.engines import words

UNITS = ("second", "minute", "hour", "day", "week", "month", "quarter", "year")
durations = st.builds(
    lambda number, unit: Duration.parse(f"{number} {unit}s"), st.integers(1, 400), st.sampled_from(UNITS)
)
UNITS_OF_THE_CALENDAR = ("day", "week", "sunday week", "saturday week", "month", "quarter", "year")
bounds = st.one_of(
    st.builds(
        Bound,
        st.sampled_from(["instant", "date"]),
        st.none() | durations,
        st.just(False),
        st.sampled_from(UNITS_OF_THE_CALENDAR),
        st.integers(-40, 40),
    ),
    st.builds(Bound, st.sampled_from(["instant", "date"]), st.none() | durations),
    st.builds(Bound, st.sampled_from(["instant", "date"]), durations, st.booleans()),
    st.builds(Bound, st.just("anniversaries"), durations),
)
moments = st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))


@given(st.integers(0, 500), st.sampled_from(UNITS), moments)
def test_a_duration_is_what_dateutil_calls_it(number: int, unit: str, moment: datetime) -> None:
    span = Duration.parse(f"{number} {unit}")
    step = relativedelta(months=3 * number) if unit == "quarter" else relativedelta(**{f"{unit}s": number})
    assert span.before(moment, ZoneInfo("UTC")) == moment - step
    assert span.after(moment, ZoneInfo("UTC")) == moment + step


@given(bounds)
def test_a_bound_comes_back_from_its_key(bound: Bound) -> None:
    again = bound_from_key(bound.key)
    assert again == bound
    assert again.key == bound.key


@given(bounds, bounds)
def test_bounds_have_equal_keys_exactly_when_they_are_equal(one: Bound, other: Bound) -> None:
    assert (one == other) == (one.key == other.key)


SAME = [
    ("12 months", "1 year"),
    ("4 quarters", "1 year"),
    ("24 hours", "1 day"),
    ("2 weeks", "14 days"),
    ("90 minutes", "5400 seconds"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_two_spellings_of_a_span_are_one_bound(one: str, other: str) -> None:
    assert Bound("instant", Duration.parse(one)).key == Bound("instant", Duration.parse(other)).key


LITERALS = {
    "as_of": (Bound("instant"), "CAST('2026-03-28 23:30:00' AS TIMESTAMP)"),
    "a day back is 24 hours, over a change of clocks too": (
        Bound("instant", Duration.parse("1 day")),
        "CAST('2026-03-27 23:30:00' AS TIMESTAMP)",
    ),
    "a month back goes to the last day on the clocks of the zone": (
        Bound("instant", Duration.parse("1 month")),  # from 29 March, 00:30, to 28 February, 00:30
        "CAST('2026-02-27 23:30:00' AS TIMESTAMP)",
    ),
    "a week of the calendar": (Bound("instant", unit="week"), "CAST('2026-03-22 23:00:00' AS TIMESTAMP)"),
    "a week that begins on Sunday": (Bound("date", unit="sunday week"), "CAST('2026-03-29' AS DATE)"),
    "the end of a day of 23 hours": (
        Bound("instant", unit="day", number=1),
        "CAST('2026-03-29 22:00:00' AS TIMESTAMP)",
    ),
    "the quarter before": (Bound("date", unit="quarter", number=-1), "CAST('2025-10-01' AS DATE)"),
    "the day of a month ago": (
        Bound("instant", Duration.parse("1 month"), unit="day"),
        "CAST('2026-02-27 23:00:00' AS TIMESTAMP)",
    ),
    "and the day after it": (
        Bound("instant", Duration.parse("1 month"), unit="day", number=1),
        "CAST('2026-02-28 23:00:00' AS TIMESTAMP)",
    ),
    "today is a day of the zone": (Bound("date"), "CAST('2026-03-29' AS DATE)"),
    "days ahead": (Bound("date", Duration.parse("1 week"), forward=True), "CAST('2026-04-05' AS DATE)"),
    "anniversaries": (Bound("anniversaries", Duration.parse("4 days")), "(329, 330, 331, 401)"),
}


@pytest.mark.parametrize(("bound", "expected"), LITERALS.values(), ids=LITERALS)
def test_literals(bound: Bound, expected: str) -> None:
    as_of = datetime(2026, 3, 28, 23, 30, tzinfo=UTC)
    assert bound.literal(as_of, ZoneInfo("Europe/Berlin")).sql("duckdb") == expected


MONTH_DAYS = {
    "29 February comes with the 28th in a common year": (date(2026, 2, 28), 1, [228, 229]),
    "29 February is a day of its own in a leap year": (date(2024, 2, 28), 1, [228]),
    "over new year": (date(2026, 12, 31), 2, [101, 1231]),
    "a leap day": (date(2024, 2, 29), 2, [229, 301]),
}


@pytest.mark.parametrize(("first", "days", "expected"), MONTH_DAYS.values(), ids=MONTH_DAYS)
def test_month_days(first: date, days: int, expected: list[int]) -> None:
    assert month_days(first, days) == expected


@pytest.mark.parametrize("days", [365, 366, 400, 5000])
def test_a_year_or_more_has_every_day(days: int) -> None:
    assert len(month_days(date(2026, 3, 1), days)) == 366


@given(st.dates(date(1990, 1, 1), date(2050, 1, 1)), st.sampled_from(["Europe/London", "America/New_York", "UTC"]))
def test_days_of_a_zone_follow_each_other(day: date, name: str) -> None:
    start, end = day_bounds(day, ZoneInfo(name))
    assert end == day_bounds(day + timedelta(days=1), ZoneInfo(name))[0]
    assert start.astimezone(ZoneInfo(name)).date() == day
    assert timedelta(hours=23) <= end - start <= timedelta(hours=25)


def test_what_a_tick_supplies_is_sql_by_key_and_always_has_as_of() -> None:
    found = json.loads(bounds_json({Bound("date")}, datetime(2026, 1, 1, tzinfo=UTC), ZoneInfo("UTC"), words()))
    assert found == {
        "as_of": "CAST('2026-01-01 00:00:00' AS TIMESTAMP)",
        "today": "CAST('2026-01-01' AS DATE)",
    }


def test_a_bound_that_leaves_the_calendar_says_so() -> None:
    with pytest.raises(InputError, match="'as_of - 3000 years' leaves the calendar"):
        Bound("instant", Duration.parse("3000 years")).literal(datetime(2026, 1, 1, tzinfo=UTC), ZoneInfo("UTC"))


@pytest.mark.parametrize("key", ["", "yesterday", "as_of - ", "as_of - soon", "anniversaries"])
def test_a_key_that_is_none_is_refused(key: str) -> None:
    with pytest.raises((KeyError, ValueError)):
        bound_from_key(key)


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/New_York"])
@pytest.mark.parametrize("day", [date.min, date.max], ids=["the first day", "the last day"])
def test_a_day_at_the_calendar_s_end_has_bounds(day: date, zone: str) -> None:
    start, end = day_bounds(day, ZoneInfo(zone))
    assert start < end
    assert abs(start.replace(tzinfo=None) - datetime.combine(day, time.min)) < timedelta(days=1)
