"""SIGKILL inside the builds of whole lives: between the statements of a patch, between models, anywhere in a tick.

dbt makes the tables of the life that is killed, patched where they can be. The same life is lived again without dbt,
all tables in full and nobody killed. `SEGFLOW_KILLED_LIVES=20 pytest tests/crash/test_builds.py` lives more of them.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.crash.bench import KILLED, Victims, victims
from tests.crash.state import state_of
from tests.mixed_life import Day, MixedWorld, told

LIVES = int(os.environ.get("SEGFLOW_KILLED_LIVES", "2"))
TICKS = int(os.environ.get("SEGFLOW_KILLED_TICKS", "6"))
PEOPLE = 20
_OF_THE_FIRST = 40
"""Statements that the first tick runs at least."""
_WRITES = re.compile("insert|delete|create|drop|update|commit", re.IGNORECASE)


@pytest.fixture(scope="module")
def processes() -> Iterator[Victims]:
    with victims(dbt=True) as found:
        yield found


@dataclass
class Storm:
    """A life whose ticks are killed."""

    world: MixedWorld
    processes: Victims
    chance: Random
    lived: list[Day] = field(default_factory=list)
    """What happened, and when; not what was planned."""
    places: list[str] = field(default_factory=list)
    """The statement or the crash point at which each kill met the tick."""
    late: int = 0
    """Kills that came too late."""
    statements: list[str] = field(default_factory=list)
    points: list[str] = field(default_factory=list)
    """What the last tick passed that was left alone."""

    def live(self, day: Day) -> None:
        """A day whose tick is killed inside its build, or anywhere, or not at all, and resumed."""
        self.world.edit(day)
        if self.chance.random() < 0.9:
            day = self._inside(day)
        else:
            self._comes(day)
        if self.points and self.chance.random() < 0.4:
            self._killed(day, crash=self.chance.choice(self.points))
        code = self._tick(day)
        assert code == 0, f"{self.told()}: {self._said()}"
        if statements := self._file("statements"):
            self.statements, self.points = statements, _numbered(self._file("trace"))
        self.world.mends(day)
        self.lived.append(day)

    def _inside(self, day: Day) -> Day:
        """Kill the tick inside its build. Some of the rows come, and a source breaks or is mended, only when it lies
        dead. Returns what was there when it could end."""
        world, chance = self.world, self.chance
        kept = chance.randrange(len(day.rows) + 1)
        first = replace(day, rows=day.rows[:kept], broken=chance.choice([day.broken, None]))
        rest = replace(day, rows=day.rows[kept:], broken=chance.choice([day.broken, None]))
        self._comes(first)
        died = self._killed(day, statement=self._statement())
        world.mends(first)
        if died:
            self._comes(rest)
            return replace(day, broken=rest.broken)
        # The rest came after the tick, and belongs to the next one.
        self.lived.append(first)
        world.happen(*rest.rows)
        return replace(day, rows=rest.rows, broken=None)

    def _statement(self) -> int:
        """The number of a statement, more often than not of one that writes."""
        numbers = range(1, (len(self.statements) or _OF_THE_FIRST) + 1)
        writing = [number for number in numbers if self.statements and _WRITES.match(self.statements[number - 1])]
        return self.chance.choice(writing if writing and self.chance.random() < 0.7 else numbers)

    def _comes(self, day: Day) -> None:
        self.world.happen(*day.rows)
        self.world.breaks(day)

    def _killed(self, day: Day, **kill: Any) -> bool:
        """Kill the tick. Returns whether it died of it."""
        aside = shutil.copyfile(self._warehouse, self.world.root.parent / "raw.duckdb")
        code = self._tick(day, **kill)
        if code == 0:
            self.late += 1
            return False
        if code != KILLED:
            # A kill broke the file, which must have been told in words.
            assert "segflow rebuild" in self._said(), f"{self.told()}: {self._said()}"
            assert self._order(act="rebuild", raw=str(aside)) == 0, self._said()
            return True
        self.places.append(self._file("statements" if "statement" in kill else "trace")[-1])
        return True

    def told(self) -> str:
        """Where it was killed, in a line each."""
        return "\n".join([f"killed {len(self.places)} times, {self.late} too late", *self.places])

    @property
    def _warehouse(self) -> Path:
        return self.world.root / ".segflow/warehouse.duckdb"

    def _tick(self, day: Day, **kill: Any) -> int:
        return self._order(act="tick", at=day.at.isoformat(), real=True, **kill)

    def _order(self, **order: Any) -> int:
        paths = {name: str(self.world.root.parent / name) for name in ("trace", "statements", "error")}
        for path in paths.values():
            Path(path).write_text("", encoding="utf-8")
        code, _ = self.processes.order(root=str(self.world.root), **paths, **order)
        return code

    def _file(self, name: str) -> list[str]:
        return (self.world.root.parent / name).read_text(encoding="utf-8").splitlines()

    def _said(self) -> str:
        return (self.world.root.parent / "error").read_text(encoding="utf-8")


def _numbered(points: list[str]) -> list[str]:
    """Crash points as they are armed: the how manieth time it is that one is passed."""
    return [f"{point}:{points[: number + 1].count(point)}" for number, point in enumerate(points)]


@pytest.mark.parametrize("seed", range(LIVES))
def test_a_life_that_is_killed_inside_its_builds(tmp_path: Path, processes: Victims, seed: int) -> None:
    world = MixedWorld(tmp_path / "storm/world", real=True, every=3)
    world.project.store.close()
    storm = Storm(world, processes, Random(seed))
    for day in told(seed, TICKS, people=PEOPLE):
        storm.live(day)
    calm = MixedWorld(tmp_path / "calm/world", every=3)
    for number, day in enumerate(storm.lived):
        if number:
            calm.run("DELETE FROM segflow.model_builds")
        calm.live(day)
    calm.project.store.close()
    calm.close()
    print(storm.told())
    assert state_of(calm.root).differences(state_of(world.root)) == [], storm.told()
    assert len(storm.places) >= TICKS // 2
