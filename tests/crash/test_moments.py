"""SIGKILL at random moments, in the first tick of all, and while a person decides about messages."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.bench import Bench, bench
from tests.crash.points import DECIDING
from tests.crash.state import store_tables

SEED = 20260301


@pytest.fixture(scope="module")
def tick(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with bench(tmp_path_factory.mktemp("moments")) as found:
        yield found


@pytest.mark.parametrize("number", range(6))
def test_killed_at_random_moments(tick: Bench, number: int) -> None:
    """The even ones are killed once, the odd ones three times."""
    chance = random.Random(SEED + number)
    case = tick.case([chance.uniform(0.02, tick.seconds) for _ in range(1 + number % 2 * 2)])
    case.check()


def test_killed_in_the_first_tick(tmp_path: Path) -> None:
    with bench(tmp_path, first=True) as first:
        case = first.case(["store.create.committed", "warehouse.table:3", "cross.before_commit", "advance.committed"])
        case.check()
        assert case.kills == 4


def test_killed_while_a_person_decides(tick: Bench) -> None:
    """What was decided stays decided, and to say it again does no harm."""
    source = tick.copy()
    unknown = tick.left_unknown(source, times=3)
    assert len(unknown) == 3
    undisturbed = shutil.copytree(source, source.parent / "undisturbed")
    assert not tick.decided(undisturbed, unknown, crash=None)
    wanted = store_tables(undisturbed)
    assert wanted != store_tables(source)
    for point in DECIDING:
        root = shutil.copytree(source, source.parent / point)
        assert tick.decided(root, unknown, crash=point), point
        assert not tick.decided(root, unknown, crash=None)
        assert store_tables(root) == wanted, point
