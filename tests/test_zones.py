"""Time zones: from the package alone, local times that are there twice or not at all, steps, the list of offsets."""

from __future__ import annotations

import ast
import subprocess
import sys
from bisect import bisect_right
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segflow.durations import Duration
from segflow.zones import LAST, day_start, known_zone, offsets, to_local, to_utc, zone_names, zone_of

ENGINE = Path(__file__).parents[1] / "segflow"
ZONES = (
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Asia/Kathmandu",
    "Africa/Casablanca",
)

LOCAL = {
    "winter": ("Europe/Berlin", "2026-01-31 00:00", "2026-01-30 23:00"),
    "summer": ("Europe/Berlin", "2026-07-01 00:00", "2026-06-30 22:00"),
    "the hour that is not there": ("Europe/Berlin", "2026-03-29 02:30", "2026-03-29 01:00"),
    "the first moment that is not there": ("Europe/Berlin", "2026-03-29 02:00", "2026-03-29 01:00"),
    "the hour that is there twice": ("Europe/Berlin", "2026-10-25 02:30", "2026-10-25 00:30"),
    "half an hour that is not there": ("Australia/Lord_Howe", "2026-10-04 02:15", "2026-10-03 15:30"),
    "half an hour that is there twice": ("Australia/Lord_Howe", "2026-04-05 01:45", "2026-04-04 14:45"),
    "a day that is not there": ("Pacific/Apia", "2011-12-30 12:00", "2011-12-30 10:00"),
    "midnight that is not there": ("Africa/Cairo", "2026-04-24 00:00", "2026-04-23 22:00"),
    "three quarters of an hour": ("Asia/Kathmandu", "2026-01-01 00:00", "2025-12-31 18:15"),
    "a rule of 2025": ("America/Winnipeg", "2027-01-15 12:00", "2027-01-15 17:00"),
}


@pytest.mark.parametrize(("zone", "local", "utc"), LOCAL.values(), ids=LOCAL)
def test_a_local_time_is_its_first_instant_or_the_first_after_the_gap(zone: str, local: str, utc: str) -> None:
    assert to_utc(datetime.fromisoformat(local), zone_of(zone)) == datetime.fromisoformat(f"{utc}+00:00")


@given(st.sampled_from(ZONES), st.datetimes(datetime(1950, 1, 1), datetime(2099, 1, 1)))
def test_a_local_time_comes_back(name: str, utc: datetime) -> None:
    zone = zone_of(name)
    local = to_local(utc, zone)
    again = to_utc(local, zone)
    assert to_local(again, zone) == local
    assert again.replace(tzinfo=None) <= utc


@given(st.sampled_from(ZONES), st.dates(date(1950, 1, 1), date(2099, 1, 1)))
def test_days_begin_where_those_before_them_end(name: str, day: date) -> None:
    zone = zone_of(name)
    start = day_start(day, zone)
    assert to_local(start - timedelta(microseconds=1), zone).date() < day
    if day != date(2011, 12, 30):  # not a day of Apia
        assert to_local(start, zone).date() == day


STEPS = {
    "a month before 1 March": ("Europe/Berlin", "2026-02-28 23:00", "1 month", -1, "2026-01-31 23:00"),
    "a month after 1 March": ("Europe/Berlin", "2026-02-28 23:00", "1 month", 1, "2026-03-31 22:00"),
    "a quarter over a change of clocks": ("Europe/Berlin", "2025-12-31 23:00", "1 quarter", 1, "2026-03-31 22:00"),
    "to the month's last day": ("America/New_York", "2026-03-31 16:00", "1 month", -1, "2026-02-28 17:00"),
    "into the hour that is not there": ("Europe/Berlin", "2026-02-28 01:30", "1 month", 1, "2026-03-28 01:30"),
    "into the gap": ("Europe/Berlin", "2026-04-29 00:30", "1 month", -1, "2026-03-29 01:00"),
    "from the second of two hours": ("Europe/Berlin", "2026-10-25 01:30", "1 month", -1, "2026-09-25 00:30"),
    "into two hours": ("Europe/Berlin", "2026-09-25 00:30", "1 month", 1, "2026-10-25 00:30"),
    "days are exact": ("Europe/Berlin", "2026-03-28 23:00", "1 day", 1, "2026-03-29 23:00"),
    "over the day that Apia left out": ("Pacific/Apia", "2012-01-29 22:00", "1 month", -1, "2011-12-30 10:00"),
}


@pytest.mark.parametrize(("zone", "start", "span", "sign", "end"), STEPS.values(), ids=STEPS)
def test_months_are_steps_on_the_clocks_of_the_zone(zone: str, start: str, span: str, sign: int, end: str) -> None:
    duration, moment = Duration.parse(span), datetime.fromisoformat(start).replace(tzinfo=UTC)
    moved = duration.after(moment, zone_of(zone)) if sign > 0 else duration.before(moment, zone_of(zone))
    assert moved == datetime.fromisoformat(end).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "name", [*ZONES, "UTC", "America/Havana", "America/Winnipeg", "America/Vancouver", "Etc/GMT+12"]
)
def test_the_offsets_of_a_zone_are_those_that_it_has(name: str) -> None:
    zone, found = zone_of(name), offsets(name)
    starts = [at for at, _ in found]
    assert starts == sorted(starts)
    day = datetime(1850, 1, 1)
    while day < LAST:
        offset = found[bisect_right(starts, day) - 1][1]
        assert to_local(day, zone) - day == offset, day
        day += timedelta(days=5, hours=7)
    for (at, offset), (_, before) in zip(found[1:], found, strict=False):
        assert to_local(at, zone) - at == offset != before
        assert to_local(at - timedelta(microseconds=1), zone) - at + timedelta(microseconds=1) == before


def test_zones_come_from_the_package_alone(tmp_path: Path) -> None:
    """A machine whose own zones are wrong: Berlin as it lies in Tokyo."""
    from importlib import resources

    wrong = tmp_path / "Europe" / "Berlin"
    wrong.parent.mkdir()
    wrong.write_bytes(resources.files("tzdata").joinpath("zoneinfo/Asia/Tokyo").read_bytes())
    code = (
        "from datetime import datetime; from segflow.zones import to_utc, zone_of; import segflow.project;"
        "print(to_utc(datetime(2026, 1, 1), zone_of('Europe/Berlin')))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONTZPATH": str(tmp_path)}, capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == "2025-12-31 23:00:00+00:00"


def test_no_other_module_loads_zones() -> None:
    loads = [
        f"{path.relative_to(ENGINE)}:{node.lineno}"
        for path in sorted(ENGINE.rglob("*.py"))
        if path != ENGINE / "zones.py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) == "ZoneInfo"
    ]
    assert loads == []


@pytest.mark.parametrize("name", ["", "Nowhere/City", "../etc/passwd", "/etc/localtime", "Europe", "europe/berlin x"])
def test_a_zone_that_is_none(name: str) -> None:
    assert not known_zone(name)


def test_names_are_those_of_the_package() -> None:
    assert {"Europe/Berlin", "UTC"} < set(zone_names())
