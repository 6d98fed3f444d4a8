"""Job `dbt_tests`: the tests of the user's models as asset checks."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
import yaml
from dagster import AssetKey, DagsterInstance

from segflow.outbox.lease import held_lease
from tests.dagster.conftest import PEOPLE, START, Station, checks, failures
from tests.world import World

PROPERTIES = {
    "version": 2,
    "models": [
        {
            "name": "stg_contacts",
            "columns": [
                {"name": "contact_id", "data_tests": ["unique", "not_null"]},
                {"name": "phone", "data_tests": [{"not_null": {"config": {"severity": "warn"}}}]},
            ],
        }
    ],
}


def visit(event_id: str, at: datetime) -> dict[str, Any]:
    return {"contact_id": "ana", "name": "visit", "at": at, "id": event_id}


@pytest.fixture
def world(world: World) -> World:
    (world.root / "dbt/models/staging/schema.yml").write_text(yaml.safe_dump(PROPERTIES), encoding="utf-8")
    world.segment("visitors", {"where": {"event": "visit"}})
    return world


def test_dbt_tests_are_checks_of_their_models_and_tell_failures_from_warnings(world: World) -> None:
    with DagsterInstance.ephemeral() as instance:
        station = Station(world, instance)
        tick = station.tick(START)
        assert tick.success
        assert [name for name in checks(tick) if name.startswith("staging/")] == [
            "staging/stg_contacts:built", "staging/stg_events:built",
        ]  # fmt: skip
        world.rows_of("contacts", [*PEOPLE, PEOPLE[0]])
        world.rows_of("events", [visit("e1", START), visit("e2", datetime(2999, 1, 1, tzinfo=UTC))])
        job = station.definitions.resolve_job_def("dbt_tests")
        result = job.execute_in_process(instance=instance, raise_on_error=False)
        found = {one.check_name: one for one in result.get_asset_check_evaluations()}
        assert {one.asset_key for one in found.values()} == {AssetKey(["staging", "stg_contacts"])}
        told = {name: (one.passed, one.severity.value, one.metadata["status"].value) for name, one in found.items()}
        assert told == {
            "unique_stg_contacts_contact_id": (False, "ERROR", "fail"),
            "not_null_stg_contacts_contact_id": (True, "ERROR", "pass"),
            "not_null_stg_contacts_phone": (False, "WARN", "warn"),
        }
        looked = station.definitions.resolve_job_def("catalog_checks").execute_in_process(instance=instance)
        assert looked.success, "what the catalog promises is no error of a run"
        assert {name: reason for name, reason in checks(looked).items() if reason} == {
            "staging/stg_contacts:contact_id_unique": "1 rows repeat one that another has",
            "staging/stg_events:at_not_in_future": "1 rows lie in the future, up to 2999-01-01 00:00:00 UTC",
        }
        assert "Got 1 result" in str(found["unique_stg_contacts_contact_id"].description)
        assert station.lease_is_free()
        with held_lease(station.project.store.leases, "a tick"):
            refused = job.execute_in_process(instance=instance, raise_on_error=False)
        assert "a tick" in failures(refused)["run_dbt_tests"]
