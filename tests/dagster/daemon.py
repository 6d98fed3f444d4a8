"""A real daemon, code server and run processes on a project, with its schedule on. What they leave is compared with the
same ticks by the CLI."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import yaml
from click.testing import CliRunner
from dagster import DagsterEventType, DagsterInstance, DagsterRun, DagsterRunStatus
from dagster._cli.schedule import schedule_start_command
from dagster._core.scheduler.instigation import InstigatorStatus, InstigatorType
from dagster._core.storage.tags import RETRY_NUMBER_TAG
from dagster._core.test_utils import freeze_time

from segflow.dagster.__main__ import prepare_home
from segflow.dagster.launcher import warm_process
from tests.dagster.homes import instance_of
from tests.senders.servers import free_port
from tests.world import World

MODULE = "tests.dagster.daemon_location"
MINUTE = timedelta(minutes=1)
MOST = 60
"""So many minutes the shop is lively."""
ROOT = Path(__file__).parents[2]
LETTER = {"send_email": {"subject": "Hello", "text": "You were seen."}}


def lively(root: Path, begin: datetime, minutes: int) -> World:
    """A shop in which somebody enters and somebody exits at each of the minutes after `begin`."""
    world = World(root, real=True, settings={"cadence": "* * * * *"})
    people = range(minutes + 2)
    world.rows_of("contacts", [
        {"contact_id": f"c{n:02}", "city": "London", "email": f"c{n}@example.com", "created_at": begin - MINUTE}
        for n in people
    ])  # fmt: skip
    world.rows_of("events", [
        {"contact_id": f"c{n:02}", "name": "visit", "at": begin + n * MINUTE - timedelta(seconds=30), "id": f"e{n}"}
        for n in people
    ])  # fmt: skip
    world.segment("seen_lately", {"where": {"event": "visit", "within_last": "2 minutes"}})
    world.flow("hello", {
        "status": "active", "trigger": {"enters": "seen_lately"},
        "steps": [{"id": "letter", **LETTER}, {"id": "rest", "wait": "1 minute"}, {"id": "again", **LETTER}],
    })  # fmt: skip
    return world


@dataclass
class Life:
    """A project whose schedule runs."""

    root: Path
    instance: DagsterInstance
    code: Kept

    def runs(self) -> list[DagsterRun]:
        """All runs of ticks, the first one first."""
        return sorted(self.instance.get_runs(), key=lambda run: run.run_id if not run.tags else self._as_of(run))

    @staticmethod
    def _as_of(run: DagsterRun) -> str:
        return str(run.run_config["ops"]["ingest"]["config"]["as_of"])

    def wait(self, what: str, found: Callable[[], bool], seconds: float = 240) -> None:
        """Wait until `found`; otherwise fail with the state of all runs."""
        end = time.monotonic() + seconds
        while not found():
            assert time.monotonic() < end, f"no {what}: {[(run.job_name, run.status) for run in self.runs()]}"
            time.sleep(0.2)

    def kill_in_tick(self, number: int) -> DagsterRun:
        """Kill the code server, the run's process and what it started, once tick `number` (from 0) is at work."""

        def at_work() -> bool:
            runs = self.runs()
            if len(runs) <= number:
                return False
            steps = self.instance.all_logs(runs[number].run_id, of_type=DagsterEventType.STEP_START)
            return any(one.dagster_event.step_key == "build" for one in steps if one.dagster_event is not None)

        self.wait(f"tick {number} at work", at_work, 240 + 90 * number)
        server, told = self.code.process, warm_process(self.runs()[number])
        # A run that the daemon has started itself is no child of the code server.
        warm = [psutil.Process(told[0])] if told is not None else []
        victims = [*psutil.Process(server.pid).children(recursive=True), server]
        victims += [victim for one in warm for victim in (*one.children(recursive=True), one)]
        for victim in victims:
            try:
                os.kill(victim.pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        return self.runs()[number]


class Kept:
    """A process that is started again whenever it ends, as systemd does with `Restart=always`."""

    def __init__(self, words: list[str], environment: dict[str, str], log: Path) -> None:
        self._words, self._environment, self._log = words, environment, log
        self._over = threading.Event()
        self.process = self._start()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _start(self) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", *self._words], env=self._environment, stdout=log, stderr=log, cwd=ROOT
            )

    def _watch(self) -> None:
        while not self._over.wait(0.2):
            if self.process.poll() is not None:
                self.process = self._start()

    def end(self) -> None:
        """Stop it for good, with all that it started."""
        self._over.set()
        self._thread.join()
        children = psutil.Process(self.process.pid).children(recursive=True) if self.process.poll() is None else []
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for one in children:
            if one.is_running():
                one.kill()


@contextmanager
def schedule_on(world: World, job: str, since: datetime) -> Iterator[Life]:
    """Code server and daemon as docs/DEPLOY.md has them, with the schedule turned on at `since`, which may have been a
    while ago: of the ticks that it missed, Dagster starts the last one at once."""
    home = prepare_home(world.root)
    settings = yaml.safe_load((home / "dagster.yaml").read_text(encoding="utf-8"))
    # As it ships, but for the seconds until a killed run is noticed.
    settings["run_monitoring"] |= {"poll_interval_seconds": 2, "free_slots_after_run_end_seconds": 2}
    (home / "dagster.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    environment = {
        "DAGSTER_HOME": str(home), "SEGFLOW_PROJECT_DIR": str(world.root), "SEGFLOW_TEST_JOB": job,
        "PYTHONPATH": str(ROOT),
    }  # fmt: skip
    port, workspace = str(free_port()), home / "workspace.yaml"
    served = {"host": "127.0.0.1", "port": int(port), "location_name": "world"}
    workspace.write_text(yaml.safe_dump({"load_from": [{"grpc_server": served}]}), encoding="utf-8")
    whole = {**os.environ, **environment}
    grpc = ["dagster", "api", "grpc", "-m", MODULE, "--host", "127.0.0.1", "--port", port]
    code = Kept(grpc, whole, home / "code.log")
    try:
        _turn_on(workspace, environment, since)
        daemon = Kept(["dagster._daemon", "run", "-w", str(workspace)], whole, home / "daemon.log")
        try:
            with instance_of(home) as instance:
                yield Life(world.root, instance, code)
        finally:
            daemon.end()
    finally:
        code.end()


def _turn_on(workspace: Path, environment: dict[str, str], since: datetime) -> None:
    end = time.monotonic() + 240
    while True:
        with freeze_time(since):
            words = ["tick_schedule", "-w", str(workspace)]
            told = CliRunner().invoke(schedule_start_command, words, env=environment)
        if told.exit_code == 0:
            return
        assert time.monotonic() < end, told.output
        time.sleep(1)


def live(root: Path, job: str, ticks: int, kill_in: int, since: datetime) -> tuple[World, DagsterRun, list[DagsterRun]]:
    """Let at least `ticks` ticks pass, killing all that runs code in one of them. Returns the world, the run that was
    killed and all runs."""
    world = lively(root / "dagster", since, MOST)
    with schedule_on(world, job, since) as life:
        killed = life.kill_in_tick(kill_in)

        def done() -> list[DagsterRun]:
            return [run for run in life.runs() if run.status == DagsterRunStatus.SUCCESS]

        life.wait("retry of the run that was killed", lambda: any(run.parent_run_id == killed.run_id for run in done()))
        life.wait(
            "ticks after the kill",
            lambda: len([run for run in done() if run.parent_run_id is None]) >= ticks - 1,
            240 + 90 * ticks,
        )
        for state in life.instance.all_instigator_state(instigator_type=InstigatorType.SCHEDULE):
            life.instance.update_instigator_state(state.with_status(InstigatorStatus.STOPPED))
        life.wait("end of the last tick", lambda: all(run.is_finished for run in life.runs()))
        found = life.instance.get_run_by_id(killed.run_id)
        assert found is not None
        return world, found, life.runs()


def by_cli(root: Path, other: World, since: datetime) -> World:
    """The same ticks of the same shop by the CLI, each in a process of its own."""
    done = [row["as_of"] for row in other.rows("SELECT as_of FROM segflow.ticks ORDER BY as_of")]
    world = lively(root / "cli", since, MOST)
    for as_of in done:
        at = as_of.replace(tzinfo=UTC).isoformat()
        words = ["-m", "segflow", "--project-dir", str(world.root), "tick", "--as-of", at]
        subprocess.run([sys.executable, *words], check=True, capture_output=True, cwd=ROOT)
    return world


def check(root: Path, job: str, ticks: int, kill_in: int, since: datetime) -> None:
    """Everything that must hold after a life with a kill in it."""
    world, killed, runs = live(root, job, ticks, kill_in, since)
    assert killed.status == DagsterRunStatus.FAILURE, "the kill came too late to prove anything"
    [retry] = [run for run in runs if run.parent_run_id == killed.run_id]
    assert retry.tags[RETRY_NUMBER_TAG] == "1"
    others = {run.status for run in runs if run.run_id != killed.run_id}
    assert others == {DagsterRunStatus.SUCCESS}
    twin = by_cli(root, world, since)
    assert len(twin.rows("SELECT * FROM segflow.ticks")) >= ticks
    assert world.mailbox() == twin.mailbox() != []
    ours, theirs = world.ledgers(), twin.ledgers()
    assert [name for name in ours if ours[name] != theirs[name]] == []
