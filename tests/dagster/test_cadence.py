"""What `segflow validate` lets pass as a cadence fires in Dagster's iterator, and at the times that are written."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest
from dagster._utils.schedules import is_valid_cron_string, schedule_execution_time_iterator

from segflow.specs.cron import cron_problem

FIELDS = ((0, 59, ""), (0, 23, ""), (1, 31, ""), (1, 12, "jan feb mar apr may jun jul aug sep oct nov dec"),
          (0, 7, "sun mon tue wed thu fri sat"))  # fmt: skip
START = datetime(2026, 1, 1, tzinfo=UTC)
FIRINGS = 4


def drawn(rng: random.Random, low: int, high: int, words: str) -> str:
    """A field, valid or not."""

    def one() -> str:
        number = rng.randint(low, high)
        names = words.split()
        return names[number - low] if number - low < len(names) and rng.random() < 0.3 else str(number)

    kinds = {
        "*": 8,
        one(): 4,
        f"*/{rng.randint(1, high)}": 2,
        f"{one()}-{one()}": 3,
        f"{one()}-{one()}/{rng.randint(1, high)}": 2,
    }
    found = rng.choices(list(kinds), list(kinds.values()))[0]
    return f"{found},{drawn(rng, low, high, words)}" if rng.random() < 0.15 else found


def meant(cron: str) -> list[datetime]:
    """The first firings, read from the words of a cron manual."""
    minutes, hours, month_days, months, week_days = (
        numbers(field, *known) for field, known in zip(cron.split(), FIELDS, strict=True)
    )
    either = "*" not in (cron.split()[2], cron.split()[4])
    found: list[datetime] = []
    day = START
    while len(found) < FIRINGS:
        of_month, of_week = day.day in month_days, day.isoweekday() % 7 in {one % 7 for one in week_days}
        if day.month in months and ((of_month or of_week) if either else (of_month and of_week)):
            found += [day.replace(hour=hour, minute=minute) for hour in sorted(hours) for minute in sorted(minutes)]
        day += timedelta(days=1)
    return found[:FIRINGS]


def numbers(field: str, low: int, high: int, words: str) -> set[int]:
    names = {name: number + low for number, name in enumerate(words.split())}
    found: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        ends = (
            (low, high)
            if span == "*"
            else tuple(names[one] if one in names else int(one) for one in (first, last or first))
        )
        found |= set(range(ends[0], ends[1] + 1, int(step or 1)))
    return found


def fired(cron: str) -> list[datetime]:
    iterator = schedule_execution_time_iterator(START.timestamp(), cron, "UTC", True)
    return [datetime.fromtimestamp(next(iterator).timestamp(), UTC) for _ in range(FIRINGS)]


def test_random_schedules() -> None:
    rng = random.Random(7)
    passed = 0
    for _ in range(2000):
        cron = " ".join(drawn(rng, *field) for field in FIELDS)
        if cron_problem(cron) is None:
            assert is_valid_cron_string(cron), cron
            assert fired(cron) == meant(cron), cron
            passed += 1
    assert passed > 500


@pytest.mark.parametrize(
    "cron", ["0 0 31 2 *", "0 9 31 4 *", "0 9 31 2 1", "0 9 * * 7-7", "0 9 * 4-4 *", "0 9 *,15 * 1"]
)
def test_what_the_iterator_reads_in_another_way(cron: str) -> None:
    """If this fails, Dagster has learned it and `validate` need not refuse it any more."""
    assert cron_problem(cron) is not None
    try:
        wrong = not is_valid_cron_string(cron) or fired(cron) != meant(cron)
    except Exception as error:
        wrong = "failed to find" in str(error)
    assert wrong


@pytest.mark.parametrize(
    "cron", ["0 0 29 2 *", "0 0 31 1-6 *", "30 6 * * mon-fri", "0 */4 * * *", "0 9 1,15 * *", "0 9 * * 0-7"]
)
def test_what_people_write_passes(cron: str) -> None:
    assert cron_problem(cron) is None
    assert len(fired(cron)) == FIRINGS
