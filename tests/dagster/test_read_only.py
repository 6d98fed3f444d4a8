"""`segflow ui --read-only`: those who look see the project, and nothing else."""

from __future__ import annotations

from tests.dagster.served import ask, launch, served
from tests.world import World

ASSETS = "{assetNodes {assetKey {path}}}"


def test_it_shows_the_graph_and_launches_nothing(world: World) -> None:
    with served(world.root, "--read-only") as url:
        shown = {"/".join(node["assetKey"]["path"]) for node in ask(url, ASSETS)["assetNodes"]}
        told = launch(url, "world", "tick", {})
    assert {"segments/londoners", "flows/hello"} <= shown
    assert told["__typename"] == "UnauthorizedError"
    assert world.rows("SELECT table_name FROM information_schema.tables WHERE table_name = 'ticks'") == []
