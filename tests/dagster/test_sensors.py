"""What starts runs by itself, and what holds it back."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from dagster import (
    DagsterInstance,
    DagsterRunStatus,
    DefaultSensorStatus,
    Failure,
    RunRequest,
    SensorDefinition,
    build_run_status_sensor_context,
    build_schedule_context,
    build_sensor_context,
    job,
    op,
)
from dagster._core.storage.tags import MAX_RETRIES_TAG

from segflow.dagster import sensors as module
from segflow.dagster.by_hand import by_hand
from segflow.dagster.clock_times import moments
from segflow.dagster.run_tags import WHEN_KILLED
from segflow.dagster.schedules import tick_schedule
from segflow.dagster.sensors import sensors
from segflow.outbox.lease import held_lease
from segflow.outbox.spool import LinkUse
from segflow.senders.notify import NotifySender
from tests.dagster.conftest import DAY, HELLO, PEOPLE, START
from tests.world import World

LONDON = {"where": {"attribute": "city", "is": "London"}}
ENDS = [{"id": "end", "exit": True}]
NOTIFY = {"tell": {"type": "notify", "people": {"failures": "json://localhost"}}}


@op
def nothing() -> None: ...


@job(name="tick")
def tick_job() -> None:
    nothing()


class Watch:
    """The sensors of a world, each with its cursor."""

    def __init__(self, world: World, instance: DagsterInstance) -> None:
        self.world, self.instance = world, instance
        self.jobs = {one.name: one for one in by_hand(world.project)}
        self.sensors = {one.name: one for one in sensors(world.project, tick_job, self.jobs)}
        self.cursors: dict[str, str | None] = {}

    def look(self, name: str) -> tuple[list[RunRequest], str]:
        """(the runs that it asks for, why there are none)"""
        sensor: SensorDefinition = self.sensors[name]
        with build_sensor_context(instance=self.instance, cursor=self.cursors.get(name)) as context:
            told = sensor.evaluate_tick(context)
        self.cursors[name] = told.cursor or self.cursors.get(name)
        return list(told.run_requests or []), str(told.skip_message or "")


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[Watch]:
    world = World(tmp_path / "world", settings={"senders": NOTIFY}).stay_open()
    world.rows_of("contacts", PEOPLE)
    world.segment("londoners", LONDON)
    world.flow("hello", {"status": "active", "trigger": {"enters": "londoners"}, "steps": [{"id": "letter", **HELLO}]})
    with DagsterInstance.local_temp(str(tmp_path)) as instance:
        yield Watch(world, instance)


def test_what_sends_or_changes_anything_is_off(watch: Watch) -> None:
    on = {name for name, one in watch.sensors.items() if one.default_status == DefaultSensorStatus.RUNNING}
    assert on == {"spec_files_changed"}
    assert set(watch.sensors) - on == {"clock_times", "outbox_between_ticks", "import_folder", "tell_of_failures"}


def test_a_tick_that_comes_while_one_is_at_work_is_skipped_and_says_so(watch: Watch) -> None:
    schedule = tick_schedule(watch.world.project, tick_job)

    def due() -> Any:
        return schedule.evaluate_tick(build_schedule_context(instance=watch.instance, scheduled_execution_time=START))

    assert len(due().run_requests) == 1
    leases = watch.world.project.store.leases
    with held_lease(leases, "another worker"):
        told = due()
    assert not told.run_requests
    assert told.skip_message.startswith("The tick of 2026-03-01T06:00:00+00:00 is skipped, a tick is at work: another")
    with held_lease(leases, "drain:somebody"):
        assert len(due().run_requests) == 1, "what sends between ticks gives way"
    run = watch.instance.create_run_for_job(tick_job, status=DagsterRunStatus.STARTED)
    assert f"run {run.run_id[:8]} of job tick is started" in due().skip_message


@pytest.mark.parametrize(
    ("day", "trigger", "instants"),
    [
        pytest.param("2026-03-29", {"every_day_at": "02:30"}, ["2026-03-29T01:00"], id="an hour that is left out"),
        pytest.param("2026-10-25", {"every_day_at": "02:30"}, ["2026-10-25T00:30"], id="the first of two such hours"),
        pytest.param(
            "2026-07-01",
            {"every_day_at": "09:00", "timezone": "contact"},
            ["2026-07-01T00:00", "2026-07-01T07:00"],
            id="contacts' own zones",
        ),
        pytest.param("2026-07-01", {"every_day_at": "09:00", "on": ["mon"]}, [], id="another day"),
    ],
)
def test_moments_are_those_of_the_engine(
    tmp_path: Path, day: str, trigger: dict[str, Any], instants: list[str]
) -> None:
    world = World(tmp_path / "world", settings={"time_zone": "Europe/Berlin"})
    world.segment("londoners", LONDON)
    world.flow("daily", {"status": "active", "trigger": {**trigger, "segment": "londoners"}, "steps": ENDS})
    world.flow("draft", {"status": "draft", "trigger": {**trigger, "segment": "londoners"}, "steps": ENDS})
    start = datetime.fromisoformat(f"{day}T00:00").replace(tzinfo=UTC) - timedelta(hours=2)
    found = moments(world.project.specs, ["Asia/Tokyo"], start, start + DAY)
    assert [f"{instant:%Y-%m-%dT%H:%M}" for instant, _ in found] == instants


def test_a_clock_starts_a_tick_once(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    class Clock(datetime):
        at = START + timedelta(hours=1)

        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return cls.at

    monkeypatch.setattr(module, "datetime", Clock)
    window = {"from": "09:00", "to": "17:00"}
    assert watch.look("clock_times") == ([], "Nothing looks at a clock now.")
    flow = {"status": "active", "trigger": {"enters": "londoners"}, "window": window}
    watch.world.flow("hello", {**flow, "steps": [{"id": "letter", **HELLO}]})  # edited while the daemon runs
    Clock.at = START + timedelta(hours=3, minutes=1)
    with held_lease(watch.world.project.store.leases, "another worker"):
        assert "To be looked at again: flow hello: the window 09:00 to 17:00 opens" in watch.look("clock_times")[1]
    [request], _ = watch.look("clock_times")
    assert request.run_config["ops"]["ingest"]["config"]["as_of"] == "2026-03-01T09:00:00+00:00"
    assert watch.look("clock_times") == ([], "Nothing looks at a clock now.")
    Clock.at = START + DAY + timedelta(hours=4)
    watch.world.tick(START + DAY + timedelta(hours=3, minutes=30))
    assert watch.look("clock_times")[1].startswith("Tick 20260302T093000Z has seen to it: flow hello: the window")


def test_answers_that_wait_start_a_drain(watch: Watch) -> None:
    assert watch.look("outbox_between_ticks")[1] == "The spool is empty and no message is due."
    spool = watch.world.project.spool
    assert spool is not None
    spool.prepare()
    used = LinkUse(kind="opened", message_id="m", contact_id="ana", channel="email", received_at=START)
    spool.write([used])
    assert watch.look("outbox_between_ticks")[1] == "It waits for the next tick: there was none yet."
    watch.world.tick(START, send=True)
    spool.write([used])
    assert [one.tags["segflow/answers"] for one in watch.look("outbox_between_ticks")[0]] == ["1"]
    assert watch.jobs["drain"].execute_in_process(instance=watch.instance).success
    assert watch.look("outbox_between_ticks")[1] == "The spool is empty and no message is due."


def test_files_in_the_folder_are_imported_once_and_when_they_are_whole(watch: Watch) -> None:
    folder = watch.world.root / "imports" / "quietly"
    folder.mkdir(parents=True)
    file = folder / "new.csv"
    file.write_text("contact_id,city\neve,Rome\n", encoding="utf-8")
    assert watch.look("import_folder") == ([], "No new file.")
    os.utime(file, (time.time() - 60, time.time() - 60))
    [request], _ = watch.look("import_folder")
    given = request.run_config["ops"]["import_contacts_now"]["config"]
    assert given == {"who": "folder imports/quietly", "file": str(file), "trigger_flows": False}
    assert watch.look("import_folder") == ([], "No new file.")
    assert json.loads(str(watch.cursors["import_folder"])).keys() == {"quietly/new.csv"}


def test_an_edited_file_is_planned(watch: Watch) -> None:
    watch.world.tick(START, send=True)
    assert watch.look("spec_files_changed")[1] == "These are the files to compare with."
    assert watch.look("spec_files_changed")[1] == "No file has changed."
    watch.world.segment("parisians", {"where": {"attribute": "city", "is": "Paris"}})
    with held_lease(watch.world.project.store.leases, "another worker"):
        assert watch.look("spec_files_changed")[1].startswith("Skipped, a tick is at work")
    assert len(watch.look("spec_files_changed")[0]) == 1
    assert watch.look("spec_files_changed")[1] == "No file has changed."
    result = watch.jobs["plan"].execute_in_process(instance=watch.instance)
    [told] = [event.step_output_data.metadata for event in result.all_events if event.is_successful_output]
    assert "parisians" in told["plan"].value
    assert told["differs"].value is True


@pytest.mark.parametrize(
    ("mode", "tags", "told"),
    [
        pytest.param("live", {}, 1, id="told"),
        pytest.param("live", {MAX_RETRIES_TAG: "1"}, 0, id="it will be retried"),
        pytest.param("live", WHEN_KILLED, 1, id="a step failed"),
        pytest.param("simulate", {}, 0, id="nothing leaves"),
    ],
)
def test_failures_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str, tags: dict[str, str], told: int
) -> None:
    world = World(tmp_path / "world", settings={"senders": NOTIFY, "delivery": {"mode": mode}})
    heard: list[Any] = []
    monkeypatch.setattr(NotifySender, "send", lambda self, message: heard.append(message))

    @op
    def fails() -> None:
        raise Failure("segment vips is stale", allow_retries=False)

    @job(name="tick")
    def tick() -> None:
        fails()

    with DagsterInstance.ephemeral(settings={"run_retries": {"enabled": True, "max_retries": 0}}) as instance:
        watch = Watch(world, instance)
        result = tick.execute_in_process(instance=instance, raise_on_error=False, tags=tags)
        context = build_run_status_sensor_context(
            sensor_name="tell_of_failures",
            dagster_event=result.get_run_failure_event(),
            dagster_instance=instance,
            dagster_run=result.dagster_run,
        ).for_run_failure()
        skipped = watch.sensors["tell_of_failures"](context)
    assert len(heard) == told
    if told:
        assert (heard[0].to, heard[0].message_id) == ("failures", result.run_id)
        assert "segment vips is stale" in heard[0].text
    else:
        assert skipped is not None
