"""45 daily ticks over real data give every crossing that plain pandas sets give. Also says what a tick costs.

The data is not part of the project; examples/online_retail/README.md says where it comes from.
"""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sys
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict
from sqlglot import exp

from segflow.project import Project
from segflow.stages.order import STAGES
from segflow.stages.tick_report import TickReport
from segflow.warehouse.base import relation
from segflow.warehouse.spark.warehouse import SparkWarehouse
from segflow.warehouse.tidied import TidyWarehouse
from tests.cpu import used
from tests.postgres import server
from tests.sail import sail
from tests.spark_project import new_server_url

REPO = Path(__file__).parents[1]
DATA = Path(os.environ.get("ONLINE_RETAIL_PARQUET", REPO.parent / "shared/data/online_retail.parquet")).resolve()
ANSWERS = DATA.with_name("online_retail_answers")
SEGMENTS = ("tea_buyers_90d", "big_spenders_30d")
FIRST = datetime(2011, 6, 1, tzinfo=UTC)
TICKS = 45

pytestmark = pytest.mark.skipif(
    not DATA.exists() or not ANSWERS.exists(),
    reason="the Online Retail data and its answers are not there; set ONLINE_RETAIL_PARQUET",
)


# One test: its parts would land on several workers, and each would live through all the ticks again.
def test_every_crossing_and_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ONLINE_RETAIL_PARQUET", str(DATA))
    _check_ticks(_copy(tmp_path / "project"), "duckdb", capsys)


@pytest.mark.skipif("SEGFLOW_POSTGRES_WHOLE" not in os.environ, reason="minutes: make test-postgres")
def test_every_crossing_and_size_on_postgres(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = _copy(tmp_path / "project")
    shutil.copytree(root / "postgres", root, dirs_exist_ok=True)
    with server() as postgres:
        url = postgres.new_database()
        for name, value in conninfo_to_dict(url).items():
            monkeypatch.setenv({"dbname": "PGDATABASE"}.get(name, f"PG{name.upper()}"), str(value))
        rows = subprocess.run([sys.executable, root / "load.py", DATA], check=True, capture_output=True, text=True)
        assert rows.stdout == "541,909 rows\n"
        project = _check_ticks(root, "postgres", capsys)
        project.store.close()


@pytest.mark.skipif("SEGFLOW_SPARK_WHOLE" not in os.environ, reason="minutes: make test-spark")
def test_every_crossing_and_size_on_spark(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    mode = os.environ.get("SEGFLOW_SAIL_MODE", "local")
    if mode == "local-cluster":
        # Its workers open every file with every statement, and 45 days go by in minutes: rows that no longer count go
        # at once, and not after an hour, and those of few ticks are brought together.
        monkeypatch.setitem(TidyWarehouse.sweep.__kwdefaults__, "kept", timedelta(0))
        monkeypatch.setitem(SparkWarehouse.tidy.__kwdefaults__, "least", 3)
    root = _copy(tmp_path / "project")
    shutil.copytree(root / "spark", root, dirs_exist_ok=True)
    with sail(SAIL_MODE=mode) as server:
        # Sail's catalog is that of a session: who loads the rows names the one that the ticks are in.
        url = new_server_url(server)
        monkeypatch.setenv("SPARK_REMOTE", url)
        rows = subprocess.run([sys.executable, root / "load.py", DATA], check=True, capture_output=True, text=True)
        assert rows.stdout == "541,909 rows\n"
        project = _check_ticks(root, "spark", capsys)
        project.store.close()


def _copy(root: Path) -> Path:
    ignored = shutil.ignore_patterns(".segflow", "exports", "target", "logs", "*.parquet")
    return shutil.copytree(REPO / "examples/online_retail", root, ignore=ignored)


def _check_ticks(root: Path, engine: str, capsys: pytest.CaptureFixture[str]) -> Project:
    project = Project(root)
    assert project.specs.engine == engine
    reports = [project.tick(FIRST, send=True)]
    before = used()
    reports += [project.tick(FIRST + timedelta(days=day), send=True) for day in range(1, TICKS)]
    own, server = ((now - then) / (TICKS - 1) for now, then in zip(used(), before, strict=True))
    with capsys.disabled():
        print(f"\nonline_retail on {engine}: {_costs(reports[1:])}; CPU {own:.2f} s, and {server:.2f} s of a server")
    assert [error for report in reports for error in report.errors] == []
    for segment in SEGMENTS:
        _check_crossings(project, segment)
        _check_sizes(reports, segment)
    return project


def _check_crossings(project: Project, segment: str) -> None:
    found = {
        "enter": _crossings(project, segment, "segment_entries"),
        "exit": _crossings(project, segment, "segment_exits"),
    }
    wanted: dict[str, set[tuple[str, str, bool]]] = defaultdict(set)
    for row in _answers(f"{segment}_crossings.csv"):
        wanted[row["crossing"]].add((row["as_of"], row["customer_id"], True))
    baseline = {row for row in found["enter"] if row[0] == FIRST.date().isoformat()}
    assert found["exit"] == wanted["exit"], segment
    assert found["enter"] - baseline == wanted["enter"], segment
    assert {triggers for _, _, triggers in baseline} == {False}, segment


def _check_sizes(reports: list[TickReport], segment: str) -> None:
    found = [
        (report.as_of.date().isoformat(), one.members, one.entered, one.exited)
        for report in reports
        for one in report.segments
        if one.segment == segment
    ]
    wanted = [
        (row["as_of"], int(row["members"]), int(row["entered"]), int(row["exited"]))
        for row in _answers(f"{segment}.csv")
    ]
    assert len(found) == TICKS
    assert found == wanted, segment


def _costs(reports: list[TickReport]) -> str:
    """Seconds per tick, by stage."""
    stages = {stage.name: sum(r.seconds[stage.name] for r in reports) / len(reports) for stage in STAGES}
    whole = sum(stages.values())
    dbt = sum(report.dbt_seconds for report in reports) / len(reports)
    told = ", ".join(f"{name} {seconds:.2f}" for name, seconds in stages.items())
    return f"{whole:.2f} s per tick ({told}); dbt {dbt:.2f} s of it, {dbt / whole:.0%}"


def _crossings(project: Project, segment: str, ledger: str) -> set[tuple[str, str, bool]]:
    at = "entered_at" if ledger == "segment_entries" else "exited_at"
    query = exp.select(exp.alias_(exp.column(at), "at"), "contact_id", "triggers").from_(relation(ledger))
    with project.warehouse() as warehouse:
        rows = warehouse.rows(query.where(exp.column("segment").eq(exp.Literal.string(segment))))
    assert all(row["at"].time() == FIRST.time() for row in rows)
    return {(row["at"].date().isoformat(), row["contact_id"], row["triggers"]) for row in rows}


def _answers(name: str) -> list[dict[str, str]]:
    with (ANSWERS / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
