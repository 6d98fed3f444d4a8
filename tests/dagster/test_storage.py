"""The storage that ships: what is in it is what Dagster's own would have there, and either can go on with it."""

from __future__ import annotations

import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from dagster import (
    AssetCheckKey,
    AssetCheckResult,
    AssetCheckSpec,
    AssetKey,
    AssetSpec,
    DagsterEventType,
    DagsterInstance,
    Definitions,
    MaterializeResult,
    multi_asset,
)
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from sqlalchemy.exc import IntegrityError

from segflow.dagster.__main__ import prepare_home
from segflow.dagster.storage import KeptEventLogStorage

THING = AssetKey("thing")
WHOLE = AssetCheckKey(THING, "whole")


@multi_asset(specs=[AssetSpec(THING, tags={"kind": "one"})], check_specs=[AssetCheckSpec("whole", asset=THING)])
def thing() -> Iterator[Any]:
    yield MaterializeResult(THING, metadata={"rows": 3}, tags={"kind": "one"})
    yield AssetCheckResult(asset_key=THING, check_name="whole", passed=False, description="a part is missing")


def home_of(root: Path, *, ours: bool) -> Path:
    """A home with the settings that ship; not `ours`: with Dagster's own storage."""
    home = prepare_home(root)
    if not ours:
        (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n", encoding="utf-8")
    return home


@contextmanager
def instance_of(root: Path, monkeypatch: pytest.MonkeyPatch, *, ours: bool) -> Iterator[DagsterInstance]:
    home = home_of(root, ours=ours)
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    with DagsterInstance.from_config(str(home)) as instance:
        assert isinstance(instance.event_log_storage, KeptEventLogStorage) is ours
        yield instance


def run(instance: DagsterInstance) -> str:
    job = Definitions(assets=[thing]).resolve_implicit_global_asset_job_def()
    return str(job.execute_in_process(instance=instance).run_id)


def shown(instance: DagsterInstance, run_id: str) -> dict[str, Any]:
    """What people see of a run."""
    [check] = instance.event_log_storage.get_asset_check_execution_history(WHOLE, limit=5)
    [made] = instance.fetch_materializations(THING, limit=5).records
    assert made.asset_materialization is not None
    return {
        "status": instance.get_run_by_id(run_id).status,  # type: ignore[union-attr]
        "events": [one.dagster_event.event_type for one in instance.all_logs(run_id) if one.dagster_event is not None],
        "check": (check.status, check.evaluation.description if check.evaluation else None),
        "made": (made.asset_materialization.metadata["rows"].value, made.run_id == run_id),
        "last": instance.get_latest_materialization_event(THING).run_id == run_id,  # type: ignore[union-attr]
    }


def test_it_holds_what_dagsters_own_holds_and_each_reads_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = []
    for ours in (True, False):
        with instance_of(tmp_path / str(ours), monkeypatch, ours=ours) as instance:
            told.append((run_id := run(instance), shown(instance, run_id)))
    (mine, seen), (theirs, expected) = told
    assert {**seen, "events": sorted(seen["events"])} == {**expected, "events": sorted(expected["events"])}
    assert DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED in seen["events"]
    for ours, run_id, before in ((True, mine, seen), (False, theirs, expected)):
        home = tmp_path / str(ours) / ".segflow" / "dagster_home"
        (home / "dagster.yaml").unlink()
        with instance_of(tmp_path / str(ours), monkeypatch, ours=not ours) as instance:
            assert shown(instance, run_id) == before


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DagsterInstance]:
    with instance_of(tmp_path, monkeypatch, ours=True) as instance:
        yield instance


def test_a_batch_is_stored_as_a_whole_or_not_at_all(kept: DagsterInstance) -> None:
    run_id = run(kept)
    entries = [one for one in kept.all_logs(run_id) if one.dagster_event is not None]
    before = len(entries)
    kept.event_log_storage.store_event_batch(entries[:3])
    assert len(kept.all_logs(run_id)) == before + 3
    storage = kept.event_log_storage
    assert isinstance(storage, SqliteEventLogStorage)
    with sqlite3.connect(storage.path_for_shard(run_id)) as shard:
        shard.execute(
            "CREATE TRIGGER full BEFORE INSERT ON event_logs WHEN NEW.dagster_event_type = 'STEP_SUCCESS' "
            "BEGIN SELECT RAISE(ABORT, 'the disk is full'); END"
        )
    [success] = [one for one in entries if one.dagster_event_type == DagsterEventType.STEP_SUCCESS]
    with pytest.raises(IntegrityError, match="the disk is full"):
        storage.store_event_batch([entries[0], success])
    assert len(kept.all_logs(run_id)) == before + 3
    kept.event_log_storage.store_event(entries[0])
    assert len(kept.all_logs(run_id)) == before + 4


def test_an_index_that_was_restored_is_seen(kept: DagsterInstance, tmp_path: Path) -> None:
    storage = kept.event_log_storage
    assert isinstance(storage, SqliteEventLogStorage)
    index = Path(storage.path_for_shard("index"))
    run(kept)
    storage.dispose()
    backup = shutil.copy(index, tmp_path / "backup.db")
    run(kept)
    assert len(kept.fetch_materializations(THING, limit=5).records) == 2
    storage.dispose()
    for more in ("-wal", "-shm"):
        index.with_name(index.name + more).unlink(missing_ok=True)
    Path(backup).replace(index)
    assert len(kept.fetch_materializations(THING, limit=5).records) == 1


def test_threads_write_beside_each_other(kept: DagsterInstance) -> None:
    run_id = run(kept)
    [entry] = [one for one in kept.all_logs(run_id) if one.dagster_event_type == DagsterEventType.ASSET_MATERIALIZATION]
    threads = [
        threading.Thread(target=lambda: [kept.event_log_storage.store_event(entry) for _ in range(20)])
        for _ in range(5)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(kept.fetch_materializations(THING, limit=200).records) == 101


def test_whoever_watches_a_run_hears_of_what_another_process_writes(
    kept: DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id, heard = run(kept), []
    last = kept.get_records_for_run(run_id).cursor
    kept.watch_event_logs(run_id, last, lambda event, cursor: heard.append(event.message))
    with instance_of(tmp_path, monkeypatch, ours=True) as other:
        other.report_engine_event("said elsewhere", other.get_run_by_id(run_id))
        end = time.monotonic() + 20
        while not heard and time.monotonic() < end:
            time.sleep(0.05)
    assert heard == ["said elsewhere"]


def test_few_engines_are_kept(kept: DagsterInstance) -> None:
    for number in range(20):
        kept.event_log_storage.get_records_for_run(f"run{number}")
    assert len(vars(kept.event_log_storage)["_engines"]._kept) == 8
    assert run(kept)
