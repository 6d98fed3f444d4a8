"""Triggers that look at a clock against plain Python that looks at one contact at a time: contacts move between zones
and cities and get other dates, ticks come often, seldom, and over days on which clocks are set."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from segflow.firings import moment_of
from segflow.zones import zone_of
from tests.world import World

PROJECT = "Europe/Berlin"
ZONES = ("America/New_York", "Australia/Lord_Howe", "Europe/Berlin", "Asia/Kathmandu", "Mars/Olympus", None)
START = datetime(2026, 3, 27, 6, tzinfo=UTC)
"""In the days after it clocks are set in Berlin (29 March) and on Lord Howe (5 April)."""
DAY = timedelta(days=1)
FLOWS: dict[str, dict[str, Any]] = {
    "daily": {"every_day_at": "02:30", "segment": "londoners", "timezone": "contact"},
    "some_days": {"every_day_at": "23:45", "segment": "londoners", "timezone": "America/New_York", "on": ["sat-tue"]},
    "of_month": {"every_day_at": "02:15", "segment": "londoners", "timezone": "contact", "on": [1, "last"]},
    "once": {"date": "birthday", "offset": "2 days", "at": "02:30", "timezone": "contact"},
    "of_members": {"date": "renews_at", "at": "12:00", "segment": "londoners"},
    "yearly": {"date": "birthday", "offset": "-1 month", "at": "02:00", "repeat": "yearly"},
    "cast": {"broadcast": {"segment": "londoners", "at": "2026-03-29T02:30", "timezone": "contact"}},
}
Contact = dict[str, Any]


@pytest.mark.parametrize("seed", [1, 2])
def test_the_same_as_one_contact_at_a_time(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    world = World(tmp_path, settings={"time_zone": PROJECT})
    world.segment("londoners", {"where": {"attribute": "city", "is": "London"}})
    for name, trigger in FLOWS.items():
        flow = {"status": "active", "reentry": "always", "trigger": trigger, "steps": [{"id": "a", "add_to_list": "a"}]}
        world.flow(name, flow)
    contacts = {f"c{number}": someone(chance, f"c{number}") for number in range(14)}
    done: set[tuple[str, str, str]] = set()
    before, now = None, START
    for _ in range(9):
        for one in chance.sample(sorted(contacts), 3):
            contacts[one] = {**contacts[one], **dict([chance.choice(list(someone(chance, one).items()))])}
        world.rows_of("contacts", list(contacts.values()))
        report = world.tick(now)
        expected = {
            (flow, contact, occasion)
            for contact, row in contacts.items()
            for flow, occasion in occasions(row, before or now - timedelta(microseconds=1), now)
        } - done
        found = world.rows(
            "SELECT flow, contact_id, trigger_data ->> 'day' AS day FROM segflow.flow_enrollment_starts "
            f"WHERE tick_id = '{report.tick_id}'"
        )
        assert sorted((row["flow"], row["contact_id"], row["day"]) for row in found) == sorted(
            (flow, contact, occasion.split()[0]) for flow, contact, occasion in expected
        ), now
        done |= expected
        before, now = now, now + timedelta(minutes=chance.choice((30, 300, 1440, 2500, 1441)))
    assert {flow for flow, _, _ in done} >= {"daily", "some_days", "once", "yearly", "cast"}
    world.check_replay()


def someone(chance: random.Random, name: str) -> Contact:
    return {
        "contact_id": name,
        "city": chance.choice(("London", "London", "Rome")),
        "zone": chance.choice(ZONES),
        "birthday": chance.choice((date(2026, 3, 26), date(1980, 4, 29), date(1996, 2, 29), date(1990, 4, 30)))
        + chance.randint(0, 5) * DAY,
        "renews_at": datetime(2026, 3, 27, chance.randint(0, 23)) + chance.randint(0, 9) * DAY,
    }


def occasions(row: Contact, since: datetime, now: datetime) -> Iterator[tuple[str, str]]:
    """(flow, the day that is due and what makes it one of its own) of what comes after `since` up to `now`."""
    berlin, member = zone_of(PROJECT), row["city"] == "London"
    own = berlin if row["zone"] in (None, "Mars/Olympus") else zone_of(row["zone"])
    days = [since.date() + number * DAY for number in range(-2, (now - since).days + 4)]

    def came(day: date, at: str, zone: ZoneInfo) -> bool:
        return since < moment_of(day, time.fromisoformat(at), zone) <= now

    if member:
        for flow, at, zone, some in (
            ("daily", "02:30", own, lambda day: True),
            ("some_days", "23:45", zone_of("America/New_York"), lambda day: day.weekday() in (5, 6, 0, 1)),
            ("of_month", "02:15", own, lambda day: day.day == 1 or (day + DAY).day == 1),
            ("cast", "02:30", own, lambda day: day == date(2026, 3, 29)),
        ):
            fired = [day for day in days if some(day) and came(day, at, zone)]
            yield from ((flow, str(day)) for day in fired[-1:])
        renews = row["renews_at"].replace(tzinfo=UTC).astimezone(berlin).date()
        if came(renews, "12:00", berlin):
            yield "of_members", f"{renews}"
    born = row["birthday"]
    if came(born + 2 * DAY, "02:30", own):
        yield "once", f"{born + 2 * DAY} {born}"
    for year in range(born.year, 2028):
        leap = born.month == 2 and born.day == 29
        comes = date(year, 2, 28) if leap and year % 4 else born.replace(year=year)
        due = min(comes.replace(day=1) - DAY, (comes.replace(day=1) - DAY).replace(day=1) + (comes.day - 1) * DAY)
        if came(due, "02:00", berlin):
            yield "yearly", f"{due} {comes}"
