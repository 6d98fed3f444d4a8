"""A small project that real dbt builds, and the Dagster runs over it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from dagster import AssetKey, DagsterInstance, Definitions, ExecuteInProcessResult
from dagster._core.definitions.reconstruct import ReconstructableJob

from segflow.dagster.build import build_definitions
from segflow.project import Project
from tests.world import World

DAY = timedelta(days=1)
START = datetime(2026, 3, 1, 6, tzinfo=UTC)
PEOPLE = [
    {"contact_id": "ana", "city": "London", "age": 40, "email": "ana@example.com", "created_at": START - DAY},
    {"contact_id": "ben", "city": "Paris", "age": 30, "email": "ben@example.com", "created_at": START - DAY},
]
CHRIS = {"contact_id": "chris", "city": "London", "age": 20, "email": "chris@example.com", "created_at": START}
HELLO = {"send_email": {"subject": "Hello", "text": "Welcome to London."}}


class Station:
    """A project, the Dagster instance that it runs on, and its definitions as last loaded."""

    def __init__(self, world: World, instance: DagsterInstance) -> None:
        self.world, self.instance = world, instance
        self.definitions: Definitions = self.load()

    def load(self) -> Definitions:
        """Load the definitions again, as a new run does."""
        self.project = Project(self.world.root)
        self.definitions = build_definitions(self.project)
        return self.definitions

    def tick(self, as_of: datetime | None, *, send: bool = True, job: str = "tick") -> ExecuteInProcessResult:
        ops: dict[str, Any] = {"send": {"config": {"send": send}}}
        if as_of is not None:
            ops["ingest"] = {"config": {"as_of": as_of.isoformat()}}
        found = self.definitions.resolve_job_def(job)
        return found.execute_in_process(instance=self.instance, run_config={"ops": ops}, raise_on_error=False)

    def materialize(self, *keys: str) -> ExecuteInProcessResult:
        """Pick assets by hand, as the UI's button does."""
        job = self.definitions.resolve_implicit_global_asset_job_def()
        return job.execute_in_process(
            instance=self.instance,
            asset_selection=[AssetKey(key.split("/")) for key in keys],
            raise_on_error=False,
        )

    def stages(self) -> list[tuple[str, str, str]]:
        """(tick_id, stage, status) of every tick."""
        rows = self.world.rows("SELECT tick_id, stage, status FROM segflow.ticks ORDER BY tick_id")
        return [(row["tick_id"], row["stage"], row["status"]) for row in rows]

    def lease_is_free(self) -> bool:
        """Can another worker start right now?"""
        self.project.store.leases.release(self.project.store.leases.acquire("somebody else", 5))
        return True


NOT_COMPARED = (
    "as_of", "dagster/row_count", "seconds", "dbt_seconds",
    "entered_by_cause", "exited_by_cause", "who_entered", "who_exited",
    "dagster/column_lineage",
)  # fmt: skip


def metadata(result: ExecuteInProcessResult) -> dict[str, dict[str, Any]]:
    """asset -> its metadata, less what all assets have and what is compared elsewhere."""
    return {
        event.materialization.asset_key.to_user_string(): {
            name: value.value for name, value in event.materialization.metadata.items() if name not in NOT_COMPARED
        }
        for event in result.get_asset_materialization_events()
    }


def observed(result: ExecuteInProcessResult) -> dict[str, dict[str, Any]]:
    """asset -> the metadata of what the tick left as it was, and why."""
    return {
        seen.asset_key.to_user_string(): {
            "why": seen.description, **{name: value.value for name, value in seen.metadata.items()}
        }
        for event in result.all_events
        if event.is_asset_observation and (seen := event.asset_observation_data.asset_observation)
    }  # fmt: skip


def checks(result: ExecuteInProcessResult) -> dict[str, str | None]:
    """asset:check -> the reason why it failed; None when it passed."""
    return {
        f"{one.asset_key.to_user_string()}:{one.check_name}": None if one.passed else str(one.description)
        for one in result.get_asset_check_evaluations()
    }


def failures(result: ExecuteInProcessResult) -> dict[str, str]:
    """step -> the messages of its error, causes included."""
    found = {}
    for event in result.get_step_failure_events():
        error, text = event.step_failure_data.error, ""
        if event.step_failure_data.user_failure_data is not None:
            text = event.step_failure_data.user_failure_data.description or ""
        while error is not None:
            text, error = text + error.message, error.cause
        found[str(event.step_key)] = text
    return found


@pytest.fixture(autouse=True)
def jobs_of_this_test() -> None:
    """Dagster keeps the last job that it loaded by name, and with it the project of the test before this one."""
    for loaded in (ReconstructableJob.get_repository_definition, ReconstructableJob.get_definition):
        loaded.cache_clear()


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Londoners get a letter; nobody is in the broken segment's flow."""
    world = World(tmp_path / "world", real=True)
    world.rows_of("contacts", PEOPLE)
    world.segment("londoners", {"owner": "ana@example.com", "where": {"attribute": "city", "is": "London"}})
    world.segment("grown_up", {"owner": "sales", "where": {"attribute": "age", "gte": 18}})
    world.flow("hello", {"status": "active", "trigger": {"enters": "londoners"}, "steps": [{"id": "letter", **HELLO}]})
    return world


@pytest.fixture
def station(world: World) -> Iterator[Station]:
    with DagsterInstance.ephemeral() as instance:
        yield Station(world, instance)
