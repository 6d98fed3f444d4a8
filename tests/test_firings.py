"""Times of the day on the clocks of zones: in gaps, twice, at midnight, by half an hour; against a walk by minutes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from segflow.firings import (
    EVERY_DAY,
    Days,
    Window,
    day_reached,
    last_firing,
    next_firing,
    next_opening,
    window_open,
)
from segflow.specs.clock_times import FiringDays, TimeOfDay, Weekdays, written_days
from segflow.zones import offsets, to_local, zone_of

# zone, time, as_of (UTC), the local day and the instant (UTC) of the last firing
FIRINGS = {
    "at the very moment": ("Europe/Berlin", "09:00", "2026-01-05 08:00", "2026-01-05", "2026-01-05 08:00"),
    "a moment before": ("Europe/Berlin", "09:00", "2026-01-05 07:59", "2026-01-04", "2026-01-04 08:00"),
    "in a gap": ("Europe/Berlin", "02:30", "2026-03-29 01:00", "2026-03-29", "2026-03-29 01:00"),
    "before the gap is there": ("Europe/Berlin", "02:30", "2026-03-29 00:59", "2026-03-28", "2026-03-28 01:30"),
    "there twice": ("Europe/Berlin", "02:30", "2026-10-25 00:30", "2026-10-25", "2026-10-25 00:30"),
    "there twice, the second": ("Europe/Berlin", "02:30", "2026-10-25 01:30", "2026-10-25", "2026-10-25 00:30"),
    "midnight in a gap": ("Africa/Cairo", "00:00", "2026-04-23 22:00", "2026-04-24", "2026-04-23 22:00"),
    "midnight twice": ("America/Havana", "00:30", "2026-11-01 05:45", "2026-11-01", "2026-11-01 04:30"),
    "back over midnight": ("America/Sao_Paulo", "23:30", "2018-02-18 02:45", "2018-02-17", "2018-02-18 01:30"),
    "half an hour's gap": ("Australia/Lord_Howe", "02:15", "2026-10-03 15:30", "2026-10-04", "2026-10-03 15:30"),
    "half an hour twice": ("Australia/Lord_Howe", "01:45", "2026-04-04 15:20", "2026-04-05", "2026-04-04 14:45"),
    "a day that is not there": ("Pacific/Apia", "09:00", "2011-12-30 10:00", "2011-12-30", "2011-12-30 10:00"),
    "the day after it": ("Pacific/Apia", "09:00", "2011-12-30 19:00", "2011-12-31", "2011-12-30 19:00"),
    "far ahead of UTC": ("Pacific/Kiritimati", "09:00", "2026-01-01 19:30", "2026-01-02", "2026-01-01 19:00"),
    "far behind UTC": ("Pacific/Pago_Pago", "23:59", "2026-01-02 10:58", "2025-12-31", "2026-01-01 10:59"),
}


@pytest.mark.parametrize("case", FIRINGS.values(), ids=FIRINGS)
def test_the_last_firing(case: tuple[str, str, str, str, str]) -> None:
    name, at, as_of, day, instant = case
    found = last_firing(time.fromisoformat(at), zone_of(name), utc(as_of))
    assert found is not None
    assert (found.day, found.instant) == (date.fromisoformat(day), utc(instant))


# days, as_of (UTC; a Wednesday is 2026-04-01), the day of the last firing of 09:00 in UTC
ON_DAYS = {
    "today": ("wed", "2026-04-01 12:00", "2026-04-01"),
    "today, not yet": ("wed", "2026-04-01 08:59", "2026-03-25"),
    "a weekday before": ("mon-tue", "2026-04-01 12:00", "2026-03-31"),
    "over the weekend": (["fri-mon"], "2026-04-01 12:00", "2026-03-30"),
    "the first": (1, "2026-04-01 12:00", "2026-04-01"),
    "the last of a month": ("last", "2026-04-01 12:00", "2026-03-31"),
    "the last of February": ("last", "2026-03-30 12:00", "2026-02-28"),
    "a leap year": ("last", "2028-03-30 12:00", "2028-02-29"),
    "the 31st in a month without": (31, "2026-03-30 12:00", "2026-01-31"),
    "the 31st, two months on": (31, "2026-08-30 12:00", "2026-07-31"),
    "the nearest of several": ([1, 15, "last"], "2026-04-14 12:00", "2026-04-01"),
}


@pytest.mark.parametrize("case", ON_DAYS.values(), ids=ON_DAYS)
def test_firings_on_some_days(case: tuple[object, str, str]) -> None:
    given_days, as_of, day = case
    days = TypeAdapter(FiringDays).validate_python(given_days)
    found = last_firing(time(9), zone_of("UTC"), utc(as_of), days)
    assert found is not None
    assert found.day == date.fromisoformat(day)
    following = next_firing(time(9), zone_of("UTC"), found.instant, days)
    assert following is not None
    assert following.instant > utc(as_of)


# zone, from, to, days, instant (UTC), is it open, and when does it open next
WINDOWS = {
    "at its start": ("UTC", "09:00", "18:00", "mon-fri", "2026-04-01 09:00", True, "2026-04-01 09:00"),
    "at its end": ("UTC", "09:00", "18:00", "mon-fri", "2026-04-01 18:00", False, "2026-04-02 09:00"),
    "over the weekend": ("UTC", "09:00", "18:00", "mon-fri", "2026-04-03 18:00", False, "2026-04-06 09:00"),
    "over midnight, before": ("UTC", "22:00", "06:00", "fri", "2026-04-03 23:00", True, "2026-04-03 23:00"),
    "over midnight, after": ("UTC", "22:00", "06:00", "fri", "2026-04-04 05:59", True, "2026-04-04 05:59"),
    "over midnight, of the day before": ("UTC", "22:00", "06:00", "fri", "2026-04-03 05:00", False, "2026-04-03 22:00"),
    "to midnight": ("UTC", "18:00", "00:00", "mon-sun", "2026-04-03 23:59", True, "2026-04-03 23:59"),
    "around the clock": ("UTC", "08:00", "08:00", "fri", "2026-04-04 07:59", True, "2026-04-04 07:59"),
    "elsewhere": ("America/New_York", "09:00", "18:00", "mon-fri", "2026-04-01 12:59", False, "2026-04-01 13:00"),
    "it opens in a gap": ("Europe/Berlin", "02:30", "05:00", "sun", "2026-03-29 00:30", False, "2026-03-29 01:00"),
    "all of it in a gap": ("Europe/Berlin", "02:10", "02:50", "sun", "2026-03-29 00:30", False, "2026-04-05 00:10"),
    "it closes once": ("Europe/Berlin", "01:00", "02:30", "sun", "2026-10-25 01:10", False, "2026-11-01 00:00"),
}


@pytest.mark.parametrize("case", WINDOWS.values(), ids=WINDOWS)
def test_windows(case: tuple[str, str, str, str, str, bool, str]) -> None:
    zone, start, end, days, instant, is_open, opens = case
    window = Window(time.fromisoformat(start), time.fromisoformat(end), TypeAdapter(Weekdays).validate_python(days))
    assert window_open(window, zone_of(zone), utc(instant)) is is_open
    assert next_opening(window, zone_of(zone), utc(instant)) == utc(opens)


def test_no_days_never_come() -> None:
    zone, now = zone_of("UTC"), utc("2026-04-01 09:00")
    assert last_firing(time(9), zone, now, Days()) is None
    assert next_firing(time(9), zone, now, Days()) is None
    assert next_opening(Window(time(9), time(10), Days()), zone, now) is None


ZONES = ("Europe/Berlin", "America/Havana", "Africa/Cairo", "Australia/Lord_Howe", "Pacific/Apia", "America/Sao_Paulo",
         "Asia/Kathmandu", "Africa/Casablanca", "Pacific/Kwajalein", "Antarctica/Troll")  # fmt: skip
CHANGES = [(name, at) for name in ZONES for at, _ in offsets(name)[1:] if 1980 < at.year < 2037]
CLOCK = st.times().map(lambda found: time(found.hour, found.minute))
DAYS = st.one_of(
    st.just(EVERY_DAY),
    st.builds(Days, weekdays=st.frozensets(st.integers(0, 6), min_size=1)),
    st.builds(Days, month_days=st.frozensets(st.integers(1, 31), min_size=1), last=st.booleans()),
)


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(CHANGES), st.integers(0, 2880), CLOCK, CLOCK, DAYS)
def test_as_somebody_who_looks_at_the_clock_each_minute(
    change: tuple[str, datetime], before: int, at: time, end: time, days: Days
) -> None:
    zone = zone_of(change[0])
    began = change[1].replace(tzinfo=UTC, second=0) - timedelta(minutes=before)
    window = Window(at, end, days)
    fired: tuple[date, datetime] | None = None
    for number, (instant, past, now) in enumerate(walk(zone, began, 3 * 1440)):
        for day in days_between(past, now):
            if past < datetime.combine(day, at) <= now and day in days:
                fired = (day, instant)
        # A day has passed, so that whatever is open has been seen to open.
        if number > 1440 and (number % 37 == 0 or (fired is not None and fired[1] == instant)):
            found = last_firing(at, zone, instant, days)
            assert found is not None
            if fired is not None:
                assert (found.day, found.instant) == fired
            else:
                assert found.instant <= began
            reached = day_reached(at, zone, instant)
            assert datetime.combine(reached, at) <= now < datetime.combine(reached + timedelta(days=1), at)
            assert window_open(window, zone, instant) is seen_open(window, now)


def walk(zone: ZoneInfo, began: datetime, minutes: int) -> Iterator[tuple[datetime, datetime, datetime]]:
    """Each minute with the latest time that the clock has shown before it, and up to it."""
    latest = max(to_local(began - timedelta(minutes=back), zone) for back in range(1, 1500, 7))
    for number in range(minutes):
        instant = began + timedelta(minutes=number)
        now = max(latest, to_local(instant, zone))
        yield instant, latest, now
        latest = now


def seen_open(window: Window, latest: datetime) -> bool:
    over = timedelta(days=1 if window.end <= window.start else 0)
    around = [latest.date() + timedelta(days=number) for number in (-2, -1, 0)]
    return any(
        datetime.combine(day, window.start) <= latest < datetime.combine(day + over, window.end)
        for day in around
        if day in window.days
    )


def days_between(past: datetime, now: datetime) -> list[date]:
    return [past.date() + timedelta(days=number) for number in range((now.date() - past.date()).days + 1)]


READ = {
    "one": ("mon", ["mon"]),
    "a range": ("mon-fri", ["mon", "tue", "wed", "thu", "fri"]),
    "a range over Sunday": (["sat - mon", "wed"], ["mon", "wed", "sat", "sun"]),
    "of the month": ([15, 1, "last"], [1, 15, "last"]),
    "a number": (31, [31]),
}


@pytest.mark.parametrize(("told", "kept"), READ.values(), ids=READ)
def test_days_as_they_are_written(told: object, kept: list[object]) -> None:
    days = TypeAdapter(FiringDays).validate_python(told)
    assert written_days(days) == kept
    assert TypeAdapter(FiringDays).validate_python(kept) == days


REFUSED = {
    "a long name": (FiringDays, "monday", "did you mean mon?"),
    "no name": (FiringDays, ["mon", "xy"], "'xy' is not a day of the week"),
    "none": (FiringDays, [], "give at least one day"),
    "of both kinds": (FiringDays, ["mon", 15], "not both"),
    "day 0": (FiringDays, [0], "0 is no day of a month"),
    "day 32": (FiringDays, [1, 32], "32 is no day of a month"),
    "true": (FiringDays, True, "'True' is not a day of the week"),
    "of the month in a window": (Weekdays, [1], "'1' is not a day of the week"),
    "an hour": (TimeOfDay, "9", "'9' is not a time of the day"),
    "24:00": (TimeOfDay, "24:00", "'24:00' is not a time of the day"),
    "a number": (TimeOfDay, 900, "'900' is not a time of the day"),
    "seconds": (TimeOfDay, "09:00:30", "'09:00:30' is not a time of the day"),
}


@pytest.mark.parametrize(("kind", "given_value", "told"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(kind: object, given_value: object, told: str) -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(kind).validate_python(given_value)
    assert told in caught.value.errors()[0]["msg"]


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
