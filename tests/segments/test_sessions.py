"""The session's zone does not matter: every type that can hold a time means the same under every zone, and a filter on
times still reaches the scan."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from sqlglot import exp

from segflow.segments.sql import col, typed
from segflow.specs.catalog import Catalog
from segflow.warehouse.duckdb.warehouse import DuckDBWarehouse
from segflow.warehouse.duckdb.words import DuckDBWords
from tests.segments.engine import Engine, make_specs
from tests.world import World

AS_OF = datetime(2026, 3, 1, 6, 30, tzinfo=UTC)
SESSIONS = ("UTC", "America/New_York", "Asia/Kathmandu")
TYPES = {
    "timestamp": "timestamp '2026-03-01 03:00:00'",
    "timestamptz": "timestamptz '2026-03-01 03:00:00+00'",
    "text": "'2026-03-01 03:00:00'",
    "text in blanks": "' 2026-03-01T03:00:00 '",
    "timestamp_s": "timestamp_s '2026-03-01 03:00:00'",
}


def catalog() -> Catalog:
    return Catalog.model_validate(
        {
            "contacts": {
                "model": "people",
                "created_at": "moment",
                "attributes": {"moment": "timestamp", "day": "date"},
            },
            "events": [
                {"model": "people", "event": "visit", "at": "moment", "properties": {"moment": "timestamp"}},
                {
                    "model": "payloads",
                    "event": "call",
                    "at": "moment",
                    "payload": {"column": "payload", "format": "json"},
                    "properties": {"told": "timestamp"},
                },
            ],
            "objects": {"deal": {"model": "people", "key": "contact_id", "via": "contact_id", "created_at": "moment"}},
            "lists": {"model": "people", "name": "list", "added_at": "moment"},
        }
    )


RULES: dict[str, Any] = {
    "seen": {"attribute": "moment", "within_last": "4 hours"},
    "seen_before": {"attribute": "moment", "not_within_last": "3 hours"},
    "visited": {"event": "visit", "within_last": "4 hours", "not_within_last": "3 hours"},
    "called": {"event": "call", "where": {"property": "told", "before": "2026-03-01T03:00:01Z"}, "count": 1},
    "dealt": {"object": "deal", "within_last": "4 hours", "not_within_last": "3 hours"},
    "listed": {"list": "news", "added": {"on": "2026-03-01"}},
    "born": {"attribute": "day", "is": "2026-03-01"},
    "birthday": {"attribute": "moment", "anniversary": "today"},
}


@pytest.mark.parametrize("session", SESSIONS)
@pytest.mark.parametrize("value", TYPES.values(), ids=TYPES)
def test_a_time_means_the_same_in_every_session(value: str, session: str, tmp_path: Path) -> None:
    with DuckDBWarehouse(tmp_path / "warehouse.duckdb") as warehouse:
        warehouse.ensure_tables()
        run = warehouse._connection.execute
        run("create schema raw")
        run(f"create table raw.people as select 'ana' as contact_id, {value} as moment, {value} as day, 'news' as list")
        run(
            "create table raw.payloads as select contact_id, moment,"
            f""" '{{"told": "' || trim(cast({value} as varchar)) || '"}}' as payload from raw.people"""
        )
        run(f"set TimeZone = '{session}'")
        engine = Engine(warehouse, make_specs(catalog(), RULES, "Europe/Berlin"), AS_OF)
        engine.build()
        assert engine.memberships() == {name: {"ana"} for name in RULES}


@pytest.mark.parametrize("value", ["timestamp '2026-03-01 03:00:00'", "timestamptz '2026-03-01 03:00:00+00'"])
def test_a_filter_on_times_reaches_the_scan(value: str) -> None:
    query = (
        exp.select("x")
        .from_("t")
        .where(typed(col("x"), "timestamp") >= exp.cast(exp.Literal.string("2027-01-01"), "TIMESTAMP"))
    )
    with duckdb.connect() as connection:
        connection.execute(f"create table t as select {value} + to_days(range) as x from range(999)")
        connection.execute("insert into t select * from t")
        [(_, plan)] = connection.execute(f"explain {DuckDBWords().sql(query)}").fetchall()
    assert "FILTER " not in plan
    assert "Filters:" in plan


def project(root: Path, settings: str) -> World:
    """A project whose dbt profile says `settings` (YAML); its raw contacts hold a time with a zone."""
    world = World(root, real=True)
    path = root / "dbt" / "profiles.yml"
    profiles = yaml.safe_load(path.read_text(encoding="utf-8"))
    target = profiles["segflow"]["outputs"]["duckdb"]
    del target["settings"]
    target.update(yaml.safe_load(settings) or {})
    path.write_text(yaml.safe_dump(profiles), encoding="utf-8")
    world.rows_of("contacts", [{"contact_id": "ana", "city": "London"}])
    same = "cast(timestamptz '2026-01-01 00:00:00+00' as timestamp) = timestamp '2026-01-01 00:00:00'"
    world.segment("in_utc", f"select contact_id from {{{{ ref('contacts') }}}} where {same}")
    return world


def tick(world: World) -> subprocess.CompletedProcess[str]:
    """A tick on a machine in New York."""
    command = [sys.executable, "-m", "segflow", "--project-dir", str(world.root), "tick", "--as-of", "2026-03-01"]
    return subprocess.run(command, env={**os.environ, "TZ": "America/New_York"}, capture_output=True, text=True)


def test_dbt_without_a_zone_in_its_profile_works_in_utc(tmp_path: Path) -> None:
    world = project(tmp_path, "")
    ran = tick(world)
    assert ran.returncode == 0, ran.stderr
    assert world.rows("select contact_id from segflow.segment_members") == [{"contact_id": "ana"}]


def test_dbt_with_another_zone_in_its_profile_is_refused(tmp_path: Path) -> None:
    ran = tick(project(tmp_path, "settings: {timezone: Europe/Berlin}"))
    assert ran.returncode == 2
    assert "dbt's profile sets TimeZone to Europe/Berlin" in " ".join(ran.stderr.split())
