"""Crossings and flows where builds are patched and computed in full by turns, beside the same life all in full.

`SEGFLOW_MIXED_EXAMPLES=50 pytest tests/test_properties_builds.py` lives more lives.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from segflow.models import build_plans
from tests.flow_passage import Spec
from tests.flow_stories import programs, ready
from tests.mixed_life import FLOWS, MixedWorld, told

EXAMPLES = int(os.environ.get("SEGFLOW_MIXED_EXAMPLES", "0"))
TICKS = 6


def _nothing(world: MixedWorld, chance: Random) -> None:
    pass


def _all_notes(world: MixedWorld, chance: Random) -> None:
    world.run("DELETE FROM segflow.model_builds")


def _some_notes(world: MixedWorld, chance: Random) -> None:
    """As whoever builds models by hand does it."""
    models = sorted(row["model"] for row in world.rows("SELECT model FROM segflow.model_builds"))
    gone = ", ".join(f"'{model}'" for model in chance.sample(models, len(models) // 2))
    world.run(f"DELETE FROM segflow.model_builds WHERE model IN ({gone or 'NULL'})")


def _a_table(world: MixedWorld, chance: Random) -> None:
    models = sorted(row["model"] for row in world.rows("SELECT model FROM segflow.model_builds"))
    if models:
        world.run(f'DROP TABLE segflow."{chance.choice(models)}"')


FORGETTING: list[Callable[[MixedWorld, Random], None]] = [*[_nothing] * 5, _all_notes, _some_notes, _a_table]


def live_beside(folder: Path, seed: int, flows: dict[str, Spec], zone: str) -> None:
    """Live one life in two worlds, one of which computes all in full, and compare all ledgers."""
    chance = Random(seed)
    mixed, whole = MixedWorld(folder / "mixed", zone, every=5), MixedWorld(folder / "whole", zone)
    with pytest.MonkeyPatch.context() as patch:
        for number, day in enumerate(told(seed, TICKS, flows)):
            if number:
                chance.choice(FORGETTING)(mixed, chance)
                _all_notes(whole, chance)
            # Of most contacts, too, which is another way, and otherwise the way of large tables alone.
            patch.setattr(build_plans, "FEW", chance.choice([0, 1000]))
            for world in (mixed, whole):
                world.live(day)
    expected, found = whole.ledgers(), mixed.ledgers()
    for table, rows in expected.items():
        assert found[table] == rows, table
    assert mixed.mailbox() == whole.mailbox()
    mixed.check_replay()
    for world in (mixed, whole):
        world.project.store.close()
        world.close()


@settings(
    max_examples=EXAMPLES or 2,
    deadline=None,
    derandomize=not EXAMPLES,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)
@given(programs(2), st.integers(0, 2**32 - 1), st.sampled_from(["UTC", "Europe/Berlin"]))
def test_the_same_life_all_in_full(specs: list[Spec], seed: int, zone: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        live_beside(Path(folder), seed, ready(specs), zone)


@pytest.mark.parametrize("seed", range(2))
def test_the_same_life_of_two_flows(tmp_path: Path, seed: int) -> None:
    """Flows that many enter and leave, which those that are drawn need not be."""
    live_beside(tmp_path, seed, FLOWS, "Europe/Berlin")
