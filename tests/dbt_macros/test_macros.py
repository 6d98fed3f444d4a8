"""The macros that generated models call, run through dbt itself on a tiny project."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import duckdb
import pytest
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.cli.main import dbtRunner

from segflow.segments.emit import value_macros
from segflow.warehouse import engines

ROOT = Path(__file__).parents[2]
ORIGINALS = ROOT / "segflow" / "warehouse" / "dbt_project"
MODEL = """{{ config(materialized='segflow_table', schema='segflow', alias='probe') }}
select
    {{ segflow_as_of() }} as as_of,
    {{ segflow_bound('minus_30_days') }} as month_ago,
    {{ segflow_tick_id() }} as tick_id
"""
STORED = {"as_of": "TIMESTAMP '2026-01-30 00:00:00'", "minus_30_days": "TIMESTAMP '2025-12-31 00:00:00'"}
PASSED = {"as_of": "TIMESTAMP '2026-01-31 00:00:00'", "minus_30_days": "TIMESTAMP '2026-01-01 00:00:00'"}


class Project:
    """The demo's dbt project with one model of its own, and an empty warehouse."""

    def __init__(self, folder: Path) -> None:
        self.dbt = folder / "dbt"
        self.warehouse = folder / "warehouse.duckdb"
        (self.dbt / "models" / "segflow").mkdir(parents=True)
        shutil.copytree(ROOT / "dbt" / "macros", self.dbt / "macros")
        for name in ("dbt_project.yml", "profiles.yml"):
            shutil.copy(ROOT / "dbt" / name, self.dbt / name)
        (self.dbt / "models" / "segflow" / "segflow__probe.sql").write_text(MODEL)

    def sql(self, text: str, *values: Any) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.warehouse)) as connection:
            return connection.execute(text, list(values)).fetchall()

    def store_tick(self, tick_id: str, bounds: dict[str, str] | None) -> None:
        self.sql("create schema if not exists segflow")
        self.sql("create table if not exists segflow.ticks (tick_id varchar, bounds varchar)")
        self.sql("insert into segflow.ticks values (?, ?)", tick_id, json.dumps(bounds) if bounds else None)

    def run(self, variables: dict[str, Any] | None = None) -> tuple[bool, str]:
        """Run the model; return whether it went well, and dbt's message."""
        places = ["--project-dir", str(self.dbt), "--profiles-dir", str(self.dbt)]
        given = ["--vars", json.dumps({"segflow": variables})] if variables else []
        try:
            result = dbtRunner().invoke(["run", "--quiet", *places, *given])
        finally:
            DuckDBConnectionManager.close_all_connections()
        messages = [str(node.message) for node in getattr(result.result, "results", [])]
        return result.success, "\n".join([*messages, str(result.exception or "")])


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    made = Project(tmp_path)
    monkeypatch.setenv("SEGFLOW_WAREHOUSE", str(made.warehouse))
    return made


def _tick(number: int, bounds: dict[str, str]) -> dict[str, Any]:
    return {"tick_id": f"tick-{number}", "bounds": bounds}


READ = "select cast(as_of as varchar), cast(month_ago as varchar), tick_id from segflow.probe"
FROM_VAR = ("2026-01-31 00:00:00", "2026-01-01 00:00:00", "tick-31")


def test_the_var_wins_over_the_stored_tick_and_the_model_lands_in_schema_segflow(project: Project) -> None:
    project.store_tick("tick-30", STORED)
    succeeded, message = project.run(_tick(31, PASSED))
    assert succeeded, message
    assert project.sql(READ) == [FROM_VAR]


def test_a_quote_in_the_tick_id_stays_text(project: Project) -> None:
    succeeded, message = project.run({"tick_id": "it's", "bounds": PASSED})
    assert succeeded, message
    assert project.sql("select tick_id from segflow.probe") == [("it's",)]


def test_without_the_var_the_last_tick_that_has_bounds_is_taken(project: Project) -> None:
    for tick_id, bounds in (("tick-29", PASSED), ("tick-30", STORED), ("tick-31", None)):
        project.store_tick(tick_id, bounds)
    succeeded, message = project.run()
    assert succeeded, message
    assert project.sql(READ) == [("2026-01-30 00:00:00", "2025-12-31 00:00:00", "tick-30")]


@pytest.mark.parametrize("stored", [[], [("tick-1", None)]], ids=["no-tick-table", "no-tick-with-bounds"])
def test_a_build_by_hand_passes_over_what_no_tick_has_run_for(
    project: Project, stored: list[tuple[str, dict[str, str] | None]]
) -> None:
    for tick_id, bounds in stored:
        project.store_tick(tick_id, bounds)
    assert project.run() == (True, "NO TICK\n")
    assert project.sql("select count(*) from duckdb_tables() where table_name = 'probe'") == [(0,)]


def test_a_bound_that_the_tick_does_not_have_says_what_to_do(project: Project) -> None:
    succeeded, message = project.run(_tick(2, {"as_of": "TIMESTAMP '2026-01-31 00:00:00'"}))
    assert not succeeded
    assert "no time bound 'minus_30_days'" in message


@pytest.mark.parametrize("folder", ["dbt", "examples/online_retail/dbt"])
def test_projects_carry_exact_copies_of_the_macros(folder: str) -> None:
    copies = ROOT / folder / "macros" / "segflow"
    originals = {path.name: path.read_text() for of in ("macros", "duckdb") for path in (ORIGINALS / of).glob("*")}
    assert {path.name: path.read_text() for path in copies.glob("*")} == {
        **originals,
        "segflow_values.sql": value_macros(engines.words()),
    }
