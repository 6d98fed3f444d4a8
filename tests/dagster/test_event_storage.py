"""The event log with kept connections holds what Dagster's own holds, in the same files."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from dagster import (
    AssetCheckKey,
    AssetCheckResult,
    AssetCheckSpec,
    AssetKey,
    AssetSpec,
    DagsterInstance,
    DagsterInvariantViolationError,
    MaterializeResult,
    materialize,
    multi_asset,
)
from dagster._core.storage.event_log import SqliteEventLogStorage
from sqlalchemy import Engine

from segflow.dagster import event_storage
from segflow.dagster.__main__ import prepare_home
from segflow.dagster.event_storage import KeptConnections

OURS, THEIRS = KeptConnections, SqliteEventLogStorage
TWO_PROCESSES = """
import sys
from dagster import DagsterInstance
from tests.dagster.test_event_storage import run
with DagsterInstance.get() as instance:
    for _ in range(5):
        assert run(instance).success
"""


@multi_asset(
    specs=[AssetSpec("size"), AssetSpec("mails", deps=["size"])],
    check_specs=[AssetCheckSpec("fresh", asset="size"), AssetCheckSpec("small", asset="size")],
)
def made() -> Any:
    yield MaterializeResult("size", metadata={"members": 3}, tags={"as_of": "2026-03-01"})
    yield AssetCheckResult(asset_key="size", check_name="fresh", passed=True)
    yield AssetCheckResult(asset_key="size", check_name="small", passed=False, metadata={"by": 2})
    yield MaterializeResult("mails")


def run(instance: DagsterInstance) -> Any:
    return materialize([made], instance=instance)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory of an instance that is configured as `segflow ui` does it."""
    monkeypatch.setenv("DAGSTER_HOME", str(prepare_home(tmp_path)))
    return Path(prepare_home(tmp_path))


def as_theirs(home: Path) -> DagsterInstance:
    """The same instance, its events in Dagster's own class."""
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n", encoding="utf-8")
    return DagsterInstance.get()


def told(instance: DagsterInstance, run_id: str) -> dict[str, Any]:
    """What the UI asks an instance for, of a run and of its assets."""
    log = instance.event_log_storage
    materialized = instance.fetch_materializations(AssetKey("size"), limit=10, ascending=True).records
    checks = [
        log.get_asset_check_execution_history(AssetCheckKey(AssetKey("size"), name), limit=10)
        for name in ("fresh", "small")
    ]
    return {
        "events": [record.message for record in instance.all_logs(run_id)],
        "stats": sorted(step.step_key for step in log.get_step_stats_for_run(run_id)),
        "assets": sorted(key.to_user_string() for key in instance.all_asset_keys()),
        "planned": [
            key.to_user_string() for key in log.get_records_for_run(run_id).records and instance.all_asset_keys()
        ],
        "materialized": [(one.run_id, one.asset_materialization) for one in materialized],
        "checks": [[(one.run_id, one.status, one.create_timestamp) for one in history] for history in checks],
        "tags": log.get_event_tags_for_asset(AssetKey("size")),
    }


def test_the_shipped_settings_use_it_and_dagsters_own_class_reads_the_same(home: Path) -> None:
    with DagsterInstance.get() as instance:
        assert type(instance.event_log_storage) is OURS
        first = run(instance).run_id
        ours = told(instance, first)
    assert [len(history) for history in ours["checks"]] == [1, 1]
    with as_theirs(home) as instance:
        assert type(instance.event_log_storage) is THEIRS
        assert told(instance, first) == ours
        second = run(instance).run_id
        theirs = told(instance, second)
    (home / "dagster.yaml").unlink()
    prepare_home(home.parents[1])
    with DagsterInstance.get() as instance:
        assert told(instance, second) == theirs
        assert [message.split(" ")[0] for message in theirs["events"]] == [
            message.split(" ")[0] for message in ours["events"]
        ]


def test_an_event_opens_no_database_again(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []
    connect = sqlite3.dbapi2.connect
    monkeypatch.setattr(
        "sqlite3.dbapi2.connect", lambda *words, **named: opened.append(words) or connect(*words, **named)
    )
    with DagsterInstance.get() as instance:
        run(instance)
        opened.clear()
        run(instance)
        [index] = [words for words in opened if "index.db" in words[0]] or [None]
        assert index is None
        logs = [words for words in opened if "history/runs/" in words[0]]
        # One to make the tables of the new run, one that stays.
        assert 1 <= len(logs) <= 2, logs


def test_only_so_many_databases_are_held(home: Path) -> None:
    with DagsterInstance.get() as instance:
        runs = [run(instance).run_id for _ in range(event_storage._KEPT + 3)]
        log = instance.event_log_storage
        assert isinstance(log, OURS)
        assert len(log._engines) == event_storage._KEPT
        assert all(isinstance(one, Engine) for one in log._engines.values())
        # Those that were let go are read as the others.
        assert len({len(instance.all_logs(run_id)) for run_id in runs}) == 1
    assert not log._engines


@pytest.mark.parametrize("wiping", ["this", "another"])
def test_after_all_runs_were_wiped_events_are_kept_again(home: Path, wiping: str) -> None:
    with DagsterInstance.get() as instance:
        first = run(instance).run_id
        if wiping == "this":
            instance.wipe()
        else:
            with DagsterInstance.get() as other:
                other.wipe()
        assert not list(instance.all_logs(first))
        second = run(instance).run_id
        assert len(list(instance.all_logs(second))) > 10
        instance.report_engine_event("Late", run_id=second, job_name="made")
    with as_theirs(home) as other:
        assert "Late" in [record.message for record in other.all_logs(second)]


def test_a_deleted_run_is_gone_and_others_are_not(home: Path) -> None:
    with DagsterInstance.get() as instance:
        first, second = run(instance).run_id, run(instance).run_id
        instance.delete_run(first)
        assert not list(instance.all_logs(first))
        assert list(instance.all_logs(second))


def test_threads_and_processes_write_at_the_same_time(home: Path) -> None:
    processes = [subprocess.Popen([sys.executable, "-c", TWO_PROCESSES], cwd=Path(__file__).parents[2]) for _ in "ab"]
    with DagsterInstance.get() as instance:
        mine = run(instance).run_id

        def tell(number: int) -> None:
            for _ in range(50):
                instance.report_engine_event(f"from {number}", run_id=mine, job_name="made")

        threads = [threading.Thread(target=tell, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [process.wait() for process in processes] == [0, 0]
        told = [record.message for record in instance.all_logs(mine) if record.message.startswith("from ")]
        assert sorted(told) == sorted([f"from {number}" for number in range(4)] * 50)
        assert len(instance.fetch_materializations(AssetKey("size"), limit=100).records) == 11


def test_a_database_is_whole_when_its_writer_was_killed(home: Path) -> None:
    script = "\n".join(
        [
            "import os, signal",
            "from dagster import DagsterInstance",
            "from tests.dagster.test_event_storage import run",
            "with DagsterInstance.get() as instance:",
            "    print(run(instance).run_id, flush=True)",
            "    os.kill(os.getpid(), signal.SIGKILL)",
        ]
    )
    ended = subprocess.run(
        [sys.executable, "-c", script], cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False
    )
    assert ended.returncode == -9
    with DagsterInstance.get() as instance:
        messages = [record.message for record in instance.all_logs(ended.stdout.strip())]
        assert messages[-1].startswith("Finished execution of run")


def test_a_directory_of_ones_own(tmp_path: Path) -> None:
    settings = {
        "event_log_storage": {
            "module": "segflow.dagster.event_storage",
            "class": "KeptConnections",
            "config": {"base_dir": str(tmp_path / "events")},
        }
    }
    (tmp_path / "dagster.yaml").write_text(json.dumps(settings), encoding="utf-8")
    with DagsterInstance.from_config(str(tmp_path)) as instance:
        run_id = run(instance).run_id
    assert (tmp_path / "events" / f"{run_id}.db").exists()


def test_without_a_directory_it_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(Path(event_storage.__file__).with_name("dagster.yaml"), tmp_path)
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    with pytest.raises(DagsterInvariantViolationError, match=r"needs base_dir in dagster\.yaml, or DAGSTER_HOME"):
        DagsterInstance.from_config(str(tmp_path))
