"""The jobs on real data: in one process, then with a process per stage, against the answers that come with it."""

from __future__ import annotations

import csv
import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest
from dagster import DagsterInstance, JobDefinition, execute_job, reconstructable

from tests.cheap import ALL_THREADS
from tests.dagster.jobs import tick, tick_multiprocess

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("SEGFLOW_SHARED_DATA") or ROOT.parent / "shared" / "data").resolve()
PARQUET = DATA / "online_retail.parquet"
SEGMENTS = ("big_spenders_30d", "tea_buyers_90d")


@pytest.mark.skipif(not PARQUET.exists(), reason=f"no {PARQUET}: SEGFLOW_SHARED_DATA names the folder of the data")
def test_ticks_in_one_process_and_in_many_give_every_crossing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = tmp_path / "online_retail"
    ignored = shutil.ignore_patterns("target", "logs", ".segflow", "exports", "*.parquet")
    shutil.copytree(ROOT / "examples" / "online_retail", project, ignore=ignored)
    monkeypatch.setenv("SEGFLOW_PROJECT_DIR", str(project))
    monkeypatch.setenv("ONLINE_RETAIL_PARQUET", str(PARQUET))
    monkeypatch.setenv(ALL_THREADS, "yes")  # a million rows: here DuckDB shares out the work, as in the field
    days = [datetime(2011, 6, day, tzinfo=UTC) for day in (1, 2)]
    (tmp_path / "dagster").mkdir()
    with DagsterInstance.local_temp(str(tmp_path / "dagster")) as instance:
        for day, job in zip(days, (tick, tick_multiprocess), strict=True):
            _run(job, instance, day)
    assert _crossings(project / ".segflow" / "warehouse.duckdb") == _answers(days[1:])


def _run(job: Callable[[], JobDefinition], instance: DagsterInstance, as_of: datetime) -> None:
    config = {"ops": {"ingest": {"config": {"as_of": as_of.isoformat()}}}}
    with execute_job(reconstructable(job), instance=instance, run_config=config) as result:
        assert result.success, [event.message for event in result.get_step_failure_events()]
        run = instance.get_run_by_id(result.run_id)
    assert run is not None
    assert run.tags["segflow/tick"] == as_of.strftime("%Y%m%dT%H%M%SZ")


def _crossings(warehouse: Path) -> set[tuple[str, str, str, str]]:
    """(segment, day, contact, enter or exit), the baseline left out."""
    kinds = {"segment_entries": ("entered_at", "enter"), "segment_exits": ("exited_at", "exit")}
    found: set[tuple[str, str, str, str]] = set()
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        for table, (at, kind) in kinds.items():
            rows = connection.execute(
                f"SELECT segment, strftime({at}, '%Y-%m-%d'), contact_id FROM segflow.{table} "
                "WHERE cause <> 'baseline' AND list_contains(?, segment)",
                [list(SEGMENTS)],
            ).fetchall()
            found |= {(segment, day, contact, kind) for segment, day, contact in rows}
    return found


def _answers(days: list[datetime]) -> set[tuple[str, str, str, str]]:
    wanted = {day.date().isoformat() for day in days}
    found = set()
    for segment in SEGMENTS:
        with (DATA / "online_retail_answers" / f"{segment}_crossings.csv").open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                if row["as_of"] in wanted:
                    found.add((segment, row["as_of"], row["customer_id"], row["crossing"]))
    assert found
    return found
