"""Guards in Dagster: what is held is red, the rest goes on; lost contacts fail the run."""

from __future__ import annotations

from pathlib import Path

from dagster import DagsterInstance

from tests.dagster.conftest import DAY, START, Station, checks, failures, metadata, observed
from tests.fifty import FIFTY_GUARDS, fifty_segments, move_fifty, sizes_of_fifty
from tests.world import World


def test_one_stale_and_one_held_of_fifty_then_lost_contacts(tmp_path: Path) -> None:
    guards = {**FIFTY_GUARDS, "contacts_lost": {"of_at_least": 5}}
    world = World(tmp_path / "world", real=True, settings={"guards": guards})
    fifty_segments(world)
    with DagsterInstance.ephemeral() as instance:
        station = Station(world, instance)
        assert station.tick(START).success
        move_fifty(world)
        result = station.tick(START + DAY)
        assert not result.success
        red = {name: reason for name, reason in checks(result).items() if reason}
        assert sorted(red) == [
            "flows/about_held:not_held",
            "flows/about_stale:not_held",
            "models/contacts:built",
            "segments/londoners:within_guard",
            "segments/vips:evaluated",
        ]
        assert "segflow release londoners" in red["segments/londoners:within_guard"]
        assert list(failures(result)) == ["verdict"]
        assert "segment londoners is held: 3 of 4 members would exit" in failures(result)["verdict"]
        shown = metadata(result)
        left = observed(result)
        assert sorted(left) == ["flows/about_held", "flows/about_stale", "segments/londoners", "segments/vips"]
        assert not set(left) & set(shown)
        told = {**shown, **left}
        assert {name: told[f"segments/{name}"]["size"] for name in sizes_of_fifty()} == sizes_of_fifty()
        assert left["segments/londoners"]["status"] == "held"
        assert "segflow release londoners" in left["segments/londoners"]["to_release"]
        assert {name: told[f"flows/{name}"]["planned"] for name in ("about_fine", "about_held", "about_stale")} == {
            "about_fine": 2, "about_held": 0, "about_stale": 0,
        }  # fmt: skip

        world.missing = set()
        world.rows_of("contacts", [{"contact_id": "c0", "city": "Rome", "age": 30}])
        lost = station.tick(START + 2 * DAY)
        assert list(failures(lost)) == ["build"]
        assert "4 of 5 contacts are missing (80%, the guard allows 20%)" in failures(lost)["build"]
        assert station.stages()[-1] == ("20260303T060000Z", "ingest", "running")
        assert station.lease_is_free()
