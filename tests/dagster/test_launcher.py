"""Who notices that the process of a run is gone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from dagster import DagsterInstance, DagsterRun, job
from dagster._core.events import EngineEventData
from dagster._core.launcher import DefaultRunLauncher, WorkerStatus
from dagster._core.storage.dagster_run import DagsterRunStatus
from dagster._core.storage.tags import GRPC_INFO_TAG

from segflow.dagster import launcher
from segflow.dagster.__main__ import prepare_home
from segflow.dagster.launcher import WatchedRunLauncher
from tests.dagster.homes import instance_of

HERE, SOCKET, ELSEWHERE = {"host": "127.0.0.1", "port": 1}, {"host": "localhost", "socket": "/none"}, {
    "host": "203.0.113.1", "port": 1}  # fmt: skip


@job
def nothing() -> None: ...


def started(instance: DagsterInstance, server: dict[str, object], pid: int) -> DagsterRun:
    run = instance.create_run_for_job(
        nothing, tags={GRPC_INFO_TAG: json.dumps(server)}, status=DagsterRunStatus.STARTED
    )
    instance.report_engine_event("Started", run, EngineEventData.in_process(pid))
    return run


def gone() -> int:
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


@pytest.mark.parametrize(
    ("server", "pid", "status"),
    [
        pytest.param(HERE, os.getpid(), WorkerStatus.RUNNING, id="its process is there"),
        pytest.param(HERE, gone(), WorkerStatus.RUNNING, id="its process and the server are gone"),
        pytest.param(SOCKET, gone(), WorkerStatus.NOT_FOUND, id="gone, behind a socket"),
        pytest.param(ELSEWHERE, gone(), WorkerStatus.RUNNING, id="another machine that does not answer"),
    ],
)
def test_a_run_is_judged_by_its_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: dict[str, object], pid: int, status: WorkerStatus
) -> None:
    monkeypatch.setattr(launcher, "_YOUNG", -1)
    if server is ELSEWHERE:
        monkeypatch.setattr(WatchedRunLauncher, "_server_has", lambda self, run: None)
    with instance_of(prepare_home(tmp_path)) as instance:
        assert isinstance(instance.run_launcher, WatchedRunLauncher)
        found = instance.run_launcher.check_run_worker_health(started(instance, server, pid))
    assert found.status == status


def test_a_code_server_that_does_not_come_back_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until then the run counts as alive: Dagster gives up a retry that finds no code server."""
    monkeypatch.setattr(launcher, "_YOUNG", -1)
    with instance_of(prepare_home(tmp_path)) as instance:
        run = started(instance, HERE, gone())
        assert instance.run_launcher.check_run_worker_health(run).status == WorkerStatus.RUNNING
        monkeypatch.setattr(launcher, "_LONGEST", 0.5)
        time.sleep(0.6)
        assert instance.run_launcher.check_run_worker_health(run).status == WorkerStatus.NOT_FOUND


def test_a_number_that_was_given_again_is_not_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launcher, "_YOUNG", -1)
    with instance_of(prepare_home(tmp_path)) as instance:
        run = started(instance, SOCKET, os.getpid())
        monkeypatch.setattr(launcher, "_began", lambda pid: time.time() + 60)
        assert instance.run_launcher.check_run_worker_health(run).status == WorkerStatus.NOT_FOUND


def test_dagsters_own_does_not_notice() -> None:
    """If this fails, Dagster has learned it and ours can go."""
    assert not DefaultRunLauncher().supports_check_run_worker_health
