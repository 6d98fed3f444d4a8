"""When segments with `every:` are due."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segflow.segments.turns import next_turn, told, turn
from segflow.specs.every import Every
from segflow.specs.settings import Settings
from segflow.zones import zone_of

REGULAR = (
    *(f"{number} minutes" for number in (1, 5, 15, 20, 30)),
    *(f"{number} hours" for number in (1, 2, 3, 4, 6, 8, 12)),
    *("1 day", "1 week", "1 month", "2 months", "1 quarter", "6 months", "1 year"),
)
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "America/Havana")


def settings(zone: str, week: str = "monday") -> Settings:
    return Settings.model_validate({"name": "shop", "time_zone": zone, "week_starts": week})


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("every", "zone", "week", "as_of", "begun", "following"),
    [
        ("1 day", "UTC", "monday", "2026-03-01T10:00", "2026-03-01T00:00", "2026-03-02T00:00"),
        ("1 day", "Europe/Berlin", "monday", "2026-03-29T10:00", "2026-03-28T23:00", "2026-03-29T22:00"),
        ("6 hours", "Europe/Berlin", "monday", "2026-03-29T01:30", "2026-03-28T23:00", "2026-03-29T04:00"),
        ("2 hours", "Europe/Berlin", "monday", "2026-10-25T01:30", "2026-10-25T00:00", "2026-10-25T03:00"),
        ("1 hour", "Europe/Berlin", "monday", "2026-10-25T01:30", "2026-10-25T01:00", "2026-10-25T02:00"),
        ("30 minutes", "Asia/Kolkata", "monday", "2026-03-01T10:10", "2026-03-01T10:00", "2026-03-01T10:30"),
        ("1 hour", "Asia/Kolkata", "monday", "2026-03-01T10:10", "2026-03-01T09:30", "2026-03-01T10:30"),
        ("1 week", "UTC", "monday", "2026-03-01T10:00", "2026-02-23T00:00", "2026-03-02T00:00"),
        ("1 week", "UTC", "sunday", "2026-03-01T10:00", "2026-03-01T00:00", "2026-03-08T00:00"),
        ("1 month", "Europe/Berlin", "monday", "2026-03-31T22:00", "2026-03-31T22:00", "2026-04-30T22:00"),
        ("1 quarter", "UTC", "monday", "2026-06-30T22:00", "2026-04-01T00:00", "2026-07-01T00:00"),
        ("2 months", "UTC", "monday", "2026-12-30T22:00", "2026-11-01T00:00", "2027-01-01T00:00"),
        ("1 year", "UTC", "monday", "2026-12-30T22:00", "2026-01-01T00:00", "2027-01-01T00:00"),
    ],
)
def test_periods(every: str, zone: str, week: str, as_of: str, begun: str, following: str) -> None:
    period, known = Every.parse(every), settings(zone, week)
    assert turn(period, at(as_of), known) == at(begun)
    assert next_turn(period, at(as_of), known) == at(following)


@given(
    st.sampled_from(REGULAR),
    st.sampled_from(ZONES),
    st.datetimes(datetime(2000, 1, 1), datetime(2040, 1, 1)),
    st.timedeltas(timedelta(0), timedelta(days=40)),
)
def test_time_goes_forward(every: str, zone: str, moment: datetime, later: timedelta) -> None:
    period, known, as_of = Every.parse(every), settings(zone), moment.replace(tzinfo=UTC)
    begun = turn(period, as_of, known)
    assert begun <= as_of < begun + period.longest + timedelta(hours=1)
    assert turn(period, as_of + later, known) >= begun
    assert turn(period, begun, known) == begun


@given(
    st.sampled_from([one for one in REGULAR if "minute" not in one]),
    st.sampled_from(("UTC", "Europe/Berlin", "Asia/Kolkata")),
    st.datetimes(datetime(2000, 1, 1), datetime(2040, 1, 1)),
)
def test_what_is_told_is_what_comes(every: str, zone: str, moment: datetime) -> None:
    period, known, as_of = Every.parse(every), settings(zone), moment.replace(tzinfo=UTC)
    due = next_turn(period, as_of, known)
    assert turn(period, due, known) == due
    assert turn(period, due - timedelta(seconds=1), known) == turn(period, as_of, known)


def test_people_are_told_on_their_clocks() -> None:
    assert told(at("2026-07-01T22:00"), zone_of("Europe/Berlin")) == "2026-07-02 00:00 Europe/Berlin"
