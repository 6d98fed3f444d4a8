"""What a run holds from its first step to its last."""

from __future__ import annotations

import pytest

from segflow.dagster.kept_warehouse import KeptWarehouse
from segflow.project import Project
from tests.world import World


@pytest.mark.parametrize(
    ("gives_back", "state"),
    [
        pytest.param(True, "free", id="its run ended between two steps"),
        pytest.param(False, "held", id="another process goes on"),
    ],
)
def test_what_ends_gives_back_what_nobody_goes_on_with(world: World, gives_back: bool, state: str) -> None:
    project = Project(world.root)
    lease = project.store.leases.acquire("dagster:a run", 60)
    kept = KeptWarehouse()
    kept.hold(project, lease if gives_back else None)
    kept.hold(project, lease if gives_back else None)
    kept.end()
    assert not kept._held
    assert project.store.leases.look().state == state
    project.store.leases.release(lease)


def test_what_was_closed_leaves_the_lease_to_the_caller(world: World) -> None:
    project = Project(world.root)
    lease = project.store.leases.acquire("dagster:a run", 60)
    kept = KeptWarehouse()
    kept.hold(project, lease)
    kept.close(project)
    kept.close(project)
    kept.end()
    assert project.store.leases.look().state == "held"
    project.store.leases.release(lease)
