"""A run that was killed is retried once, under the same tick; which runs are, and what a retry finds."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from dagster import (
    AssetKey,
    DagsterRun,
    ReexecutionOptions,
    build_sensor_context,
    execute_job,
    reconstructable,
)
from dagster._core.instance.config import validate_concurrency_config
from dagster._core.storage.dagster_run import DagsterRunStatus, RunsFilter
from dagster._core.storage.tags import (
    MAX_RETRIES_TAG,
    PARENT_RUN_ID_TAG,
    RETRY_NUMBER_TAG,
    ROOT_RUN_ID_TAG,
    TAGS_TO_MAYBE_OMIT_ON_RETRY,
    WILL_RETRY_TAG,
)
from dagster._daemon.auto_run_reexecution.auto_run_reexecution import filter_runs_to_should_retry
from dagster._utils.tags import TagConcurrencyLimitsCounter

from segflow.dagster.__main__ import prepare_home
from segflow.dagster.run_tags import first_try, will_be_retried
from tests.dagster.conftest import CHRIS, DAY, PEOPLE, START, Station, failures, metadata
from tests.dagster.homes import instance_of
from tests.dagster.jobs import tick
from tests.world import World

FIRST, SECOND = "20260301T060000Z", "20260302T060000Z"
ROOT = Path(__file__).parents[2]
JOBS = {
    "tick": "1", "tick_multiprocess": "1", "catalog_checks": None, "release": "0", "pause_flow": "0", "send_test": "0",
    "import_contacts": "0", "drain": "0",
}  # fmt: skip


@pytest.fixture
def shipped(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Station]:
    """The world with the settings that ship, in the home that `segflow ui` makes."""
    home = prepare_home(world.root)
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    monkeypatch.setenv("SEGFLOW_PROJECT_DIR", str(world.root))
    with instance_of(home) as instance:
        yield Station(world, instance)


def killed(station: Station, at: str, config: dict[str, object]) -> DagsterRun:
    """A run of job tick whose process kills itself at a crash point, as run monitoring then finds it."""
    script = (
        "import json, sys\n"
        "from dagster import DagsterInstance, execute_job, reconstructable\n"
        "from tests.dagster.jobs import tick\n"
        "with DagsterInstance.get() as instance:\n"
        "    execute_job(reconstructable(tick), instance, json.loads(sys.argv[1]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, json.dumps(config)], cwd=ROOT, env={**os.environ, "SEGFLOW_CRASH": at},
        capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL, done.stderr[-2000:]
    [record] = station.instance.get_run_records(RunsFilter(statuses=[DagsterRunStatus.STARTED]))
    station.instance.report_run_failed(record.dagster_run, "the process of the run is gone")
    found = station.instance.get_run_by_id(record.dagster_run.run_id)
    assert found is not None
    return found


def retried(station: Station, run: DagsterRun, config: dict[str, object]) -> bool:
    """Repeat a run as the daemon does. Did it succeed?"""
    options = ReexecutionOptions.from_failure(run.run_id, station.instance)
    kept = {name: value for name, value in run.tags.items() if name not in TAGS_TO_MAYBE_OMIT_ON_RETRY}
    tags = {**kept, RETRY_NUMBER_TAG: "1", PARENT_RUN_ID_TAG: run.run_id, ROOT_RUN_ID_TAG: run.run_id}
    with execute_job(reconstructable(tick), station.instance, config, reexecution_options=options, tags=tags) as result:
        again = station.instance.get_run_by_id(result.run_id)
        assert again is not None
        assert first_try(station.instance, again).run_id == run.run_id
        return bool(result.success)


@pytest.mark.parametrize(
    "at", ["begin.committed", "build.ran", "finish.before_commit"], ids=["as it begins", "in a stage", "as it ends"]
)
def test_a_killed_tick_is_retried_under_its_own_time(shipped: Station, world: World, at: str) -> None:
    assert shipped.tick(START).success
    world.rows_of("contacts", [*PEOPLE, CHRIS])
    config = {"ops": {"ingest": {"config": {"as_of": (START + DAY).isoformat()}}}}
    run = killed(shipped, at, config)
    assert list(filter_runs_to_should_retry([run], shipped.instance)) == [run]
    assert will_be_retried(shipped.instance, run)
    early = run.with_tags({name: value for name, value in run.tags.items() if name != WILL_RETRY_TAG})
    assert will_be_retried(shipped.instance, early), "before Dagster has said so"
    assert retried(shipped, run, config)
    assert shipped.stages() == [(FIRST, "export", "done"), (SECOND, "export", "done")]
    assert len(world.mailbox()) == 1
    assert shipped.lease_is_free()
    [last] = shipped.instance.get_run_records(limit=1)
    shipped.instance.report_run_failed(last.dagster_run, "killed again")
    again = shipped.instance.get_run_by_id(last.dagster_run.run_id)
    assert again is not None
    assert not will_be_retried(shipped.instance, again), "once is enough"


def test_a_retry_without_a_time_has_the_one_of_the_run_that_was_killed(shipped: Station) -> None:
    run = killed(shipped, "begin.committed", {})
    created = shipped.instance.get_run_record_by_id(run.run_id).create_timestamp  # type: ignore[union-attr]
    assert retried(shipped, run, {})
    assert [row[0] for row in shipped.stages()] == [created.strftime("%Y%m%dT%H%M%SZ")]


def test_a_red_verdict_is_not_retried(shipped: Station, world: World) -> None:
    world.segment("vips", {"where": {"attribute": "score", "gt": 1}})
    shipped.load()
    assert shipped.tick(START).success
    world.missing.add("contacts.score")
    world.rows_of("contacts", PEOPLE)
    red = shipped.tick(START + DAY)
    assert list(failures(red)) == ["verdict"]
    run = shipped.instance.get_run_by_id(red.run_id)
    assert run is not None
    assert not will_be_retried(shipped.instance, run)
    assert list(filter_runs_to_should_retry([run], shipped.instance)) == []


def test_a_retry_that_comes_after_the_next_tick_shows_nothing_twice(shipped: Station, world: World) -> None:
    config = {"ops": {"ingest": {"config": {"as_of": START.isoformat()}}}}
    run = killed(shipped, "build.ran", config)
    later = shipped.tick(START + DAY)
    assert later.success
    assert {told["tick"] for told in metadata(later).values()} == {SECOND}
    assert retried(shipped, run, config)
    sizes = shipped.instance.fetch_materializations(AssetKey(["segments", "londoners"]), limit=10).records
    ticks = [one.asset_materialization.metadata["tick"].value for one in sizes if one.asset_materialization]
    assert ticks == [SECOND, FIRST], "the tick that was ended by another run is shown as well, before it"
    world.tick(START + 2 * DAY)
    sensor = shipped.definitions.resolve_sensor_def("ticks_from_elsewhere")
    with build_sensor_context(instance=shipped.instance) as context:
        assert str(sensor.evaluate_tick(context).skip_message) == "Shown: 20260303T060000Z"


@pytest.mark.parametrize(("job", "most"), JOBS.items(), ids=JOBS)
def test_which_runs_are_retried(station: Station, job: str, most: str | None) -> None:
    assert station.definitions.resolve_job_def(job).tags.get(MAX_RETRIES_TAG) == most


def test_a_limit_on_a_sender_holds_over_jobs(station: Station) -> None:
    """What a pool per sender would be: Dagster counts the tags that our jobs have."""
    page = (ROOT / "docs" / "DEPLOY.md").read_text(encoding="utf-8")
    [snippet] = [part.split("```")[0] for part in page.split("```yaml\n")[1:] if "tag_concurrency_limits" in part]
    limits = yaml.safe_load(snippet)["concurrency"]["runs"]["tag_concurrency_limits"]
    validate_concurrency_config({"concurrency": yaml.safe_load(snippet)["concurrency"]})
    [limit] = [{**one, "key": "segflow.sender/mailbox"} for one in limits]
    assert limit["limit"] == 1

    def run(job: str, status: DagsterRunStatus) -> DagsterRun:
        definition = station.definitions.resolve_job_def(job)
        return station.instance.create_run_for_job(definition, status=status, tags=dict(definition.tags))

    def blocked(waiting: list[DagsterRun]) -> list[bool]:
        at_work = station.instance.get_runs(RunsFilter(statuses=[DagsterRunStatus.STARTED]))
        return [TagConcurrencyLimitsCounter([limit], at_work).is_blocked(one) for one in waiting]

    waiting = [run(job, DagsterRunStatus.NOT_STARTED) for job in ("tick", "drain", "plan")]
    assert blocked(waiting) == [False, False, False]
    run("tick", DagsterRunStatus.STARTED)
    assert blocked(waiting) == [True, True, False]
