"""The process that waits for a run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml
from dagster import DagsterRun, DagsterRunStatus

from segflow.dagster.__main__ import prepare_home
from segflow.dagster.launcher import PROCESS_TAG, WatchedRunLauncher, warm_process
from segflow.dagster.spare import MODULE, Spare
from segflow.outbox.processes import process_identity
from tests.dagster.conftest import DAY, START
from tests.dagster.homes import instance_of
from tests.dagster.served import ask, launch, served
from tests.world import World

RUN = "query($run: ID!) {runOrError(runId: $run) {... on Run {status tags {key value}}}}"
STOP = "mutation($run: String!) {terminateRun(runId: $run) {__typename}}"


def spares() -> list[psutil.Process]:
    """Processes below this one that wait for a run, or do one."""
    found = {}
    for one in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # a zombie is one of these
            if MODULE in " ".join(one.cmdline()):
                found[one] = one.ppid()
    # One of them that starts a program (croniter asks `file` about Python) is there twice until the program begins.
    numbers = {one.pid for one in found}
    return [one for one, parent in found.items() if parent not in numbers]


def until(what: str, found: Any, seconds: float = 120) -> Any:
    end = time.monotonic() + seconds
    while not (told := found()):
        assert time.monotonic() < end, what
        time.sleep(0.2)
    return told


def test_nobody_waits_until_one_is_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(prepare_home(tmp_path)))
    spare = Spare()
    assert spare.take("{}", "{}") is None
    spare.start()
    spare.start()
    [waiting] = spares()
    spare.end()
    assert not waiting.is_running()
    # What was ended stays so.
    spare.start()
    assert (spares(), spare.take("{}", "{}")) == ([], None)


def test_it_ends_with_whoever_started_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(prepare_home(tmp_path)))
    script = (
        "import time; from segflow.dagster.spare import Spare; spare = Spare(); spare.start();"
        "print(spare._process.pid, flush=True); time.sleep(60)"
    )
    starter = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert starter.stdout is not None
    waiting = psutil.Process(int(starter.stdout.readline()))
    starter.kill()
    starter.wait()
    waiting.wait(60)


def test_one_that_has_died_takes_no_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(prepare_home(tmp_path)))
    spare = Spare()
    spare.start()
    [waiting] = spares()
    waiting.kill()
    until("its end", lambda: waiting.status() == psutil.STATUS_ZOMBIE)
    assert spare.take("{}", "{}") is None
    spare.start()
    assert len(spares()) == 1
    spare.end()


@pytest.mark.parametrize("whose", ["its own", "another's"])
def test_a_run_is_stopped_by_its_process_alone(tmp_path: Path, whose: str) -> None:
    """The number of a process that has ended is given again: whoever has it now is let alone."""
    sleeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    identity = process_identity(sleeper.pid) if whose == "its own" else "boot/1"
    with instance_of(prepare_home(tmp_path)) as instance:
        run = DagsterRun(
            job_name="tick", run_id="a", status=DagsterRunStatus.STARTED,
            tags={PROCESS_TAG: f"a {sleeper.pid} {identity}"},
        )  # fmt: skip
        instance.add_run(run)
        time.sleep(0.3)  # until Python has its handler for the signal
        assert instance.run_launcher.terminate(run.run_id) is (whose == "its own")
        stored = instance.get_run_by_id(run.run_id)
        assert stored is not None
        assert stored.status == DagsterRunStatus.CANCELING
    if whose == "its own":
        assert sleeper.wait(20) == -signal.SIGINT
    else:
        assert sleeper.poll() is None
        sleeper.kill()
        sleeper.wait()


def test_the_process_of_the_run_before_is_not_that_of_its_retry(tmp_path: Path) -> None:
    """Whoever runs a run again copies its tags."""
    identity = process_identity(os.getpid())
    tags = {PROCESS_TAG: f"first {os.getpid()} {identity}"}
    assert warm_process(DagsterRun(job_name="tick", run_id="first", tags=tags)) == (os.getpid(), identity)
    retry = DagsterRun(job_name="tick", run_id="second", status=DagsterRunStatus.STARTED, tags=tags)
    assert warm_process(retry) is None
    with instance_of(prepare_home(tmp_path)) as instance:
        instance.add_run(retry)
        # Dagster's own way, which finds no code server: this process is let alone.
        assert instance.run_launcher.terminate("second") is False


def test_what_ships_is_warm_and_the_default_is_not(tmp_path: Path) -> None:
    with instance_of(prepare_home(tmp_path)) as instance:
        assert isinstance(instance.run_launcher, WatchedRunLauncher)
        assert instance.run_launcher._spare is not None
    assert WatchedRunLauncher()._spare is None


def test_the_second_tick_of_a_ui_is_warm_reads_the_files_as_they_are_and_can_be_stopped(world: World) -> None:
    def ticked(url: str, day: int) -> tuple[str, dict[str, str]]:
        config = {"ops": {"ingest": {"config": {"as_of": (START + day * DAY).isoformat()}}}}
        run = launch(url, "world", "tick", config)["run"]["runId"]

        def ended() -> Any:
            told = ask(url, RUN, run=run)["runOrError"]
            return told if told["status"] in ("SUCCESS", "FAILURE", "CANCELED") else None

        told = until("the end of a run", ended)
        return told["status"], {tag["key"]: tag["value"] for tag in told["tags"]}

    # Dagster's code server reads `.env` in its folder, and its runs have it.
    settings = {
        "name": "world", "senders": {"post": {"type": "mailbox", "path": "${env:SEGFLOW_TEST_BOX}"}},
        "default_senders": {"email": "post"},
    }  # fmt: skip
    (world.root / "segflow.yml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    (world.root / ".env").write_text("SEGFLOW_TEST_BOX=letters\n", encoding="utf-8")
    with served(world.root, cwd=world.root) as url:
        status, tags = ticked(url, 0)
        assert (status, PROCESS_TAG in tags) == ("SUCCESS", False)
        [waiting] = until("a process that waits", spares)
        flow = world.root / "flow_specs" / "hello.yml"
        flow.write_text(
            flow.read_text(encoding="utf-8").replace("Welcome to London.", "Good to see you."), encoding="utf-8"
        )
        world.rows_of("contacts", [{
            "contact_id": "dora", "city": "London", "age": 50, "email": "dora@example.com", "created_at": START,
        }])  # fmt: skip
        status, tags = ticked(url, 1)
        assert status == "SUCCESS"
        assert tags[PROCESS_TAG].split(" ")[1] == str(waiting.pid)
        [other] = until("the next one", lambda: [one for one in spares() if one.pid != waiting.pid])

        # Stopped by a person, it is canceled, and the tick is resumed by the next one.
        config = {"ops": {"ingest": {"config": {"as_of": (START + 2 * DAY).isoformat()}}}}
        run = launch(url, "world", "tick", config)["run"]["runId"]
        until("a start", lambda: ask(url, RUN, run=run)["runOrError"]["status"] == "STARTED")
        assert ask(url, STOP, run=run)["terminateRun"]["__typename"] == "TerminateRunSuccess"
        until("its end", lambda: ask(url, RUN, run=run)["runOrError"]["status"] == "CANCELED")
        until("the end of its process", lambda: not other.is_running() or other.status() == psutil.STATUS_ZOMBIE)
        status, _ = ticked(url, 3)
        assert status == "SUCCESS", (world.root / "ui.log").read_text(encoding="utf-8")[-6000:]
    until("the end of all", lambda: not spares(), 30)
    letters = [path.read_text(encoding="utf-8") for path in (world.root / "letters").rglob("*.eml")]
    assert len(letters) == 1
    assert "Good to see you." in letters[0]
    ticks = world.rows("SELECT status FROM segflow.ticks ORDER BY tick_id")
    assert [row["status"] for row in ticks] == ["done"] * len(ticks)
