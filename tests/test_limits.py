"""`.sql` segments that run away: out of time, out of memory. The segment is stale, everything else goes on."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlglot import exp, parse_one

from segflow.durations import Duration
from segflow.errors import SpecError, TimeLimitError
from segflow.specs.load import load_specs
from segflow.warehouse.base import Warehouse
from tests.world import World

AT = datetime(2026, 3, 1, tzinfo=UTC)
CONTACTS = [{"contact_id": f"c{n}", "city": "London" if n % 2 else "Rome", "score": 1.0} for n in range(300)]
MANY = ", ".join(f"{{{{ ref('stg_contacts') }}}} as {name}" for name in "abcd")
SLOW = f"select a.contact_id from {MANY} where a.score + b.score + c.score + d.score < 0"
THREE = ", ".join(f"{{{{ ref('stg_contacts') }}}} as {name}" for name in "abc")
LARGE = f"select string_agg(a.contact_id || b.contact_id || c.contact_id, ',') as contact_id from {THREE}"
OUT_OF_TIME = "segment_specs/greedy.sql: ran longer than 1 second (sql_segments.timeout in segflow.yml)"


def make(root: Path, query: str, *, real: bool = False, **settings: Any) -> World:
    world = World(root, settings=settings, real=real)
    world.rows_of("contacts", CONTACTS)
    world.segment("greedy", query)
    world.segment("londoners", {"where": {"attribute": "city", "is": "London"}})
    world.segment("greedy_londoners", {"where": {"all": [{"segment": "greedy"}, {"segment": "londoners"}]}})
    world.segment("romans", "select contact_id from {{ ref('stg_contacts') }} where city = 'Rome'")
    return world


TIMEOUT: dict[str, Any] = {"sql_segments": {"timeout": "1 second"}}


@pytest.mark.parametrize(
    ("query", "settings", "reason", "real"),
    [
        (SLOW, TIMEOUT, OUT_OF_TIME, False),
        (SLOW, TIMEOUT, OUT_OF_TIME, True),
        (LARGE, {"warehouse": {"memory_limit": "64MB"}}, "segment_specs/greedy.sql: Out of Memory Error: ", False),
    ],
    ids=["out of time", "out of time in dbt", "out of memory"],
)
def test_a_query_that_runs_away_is_stale(
    query: str, settings: dict[str, Any], reason: str, real: bool, tmp_path: Path
) -> None:
    world = make(tmp_path, query, real=real, **settings)
    report = world.tick(AT)
    stale = {one.segment: one.reason or "" for one in report.segments if one.status == "stale"}
    assert set(stale) <= {"greedy", "greedy_londoners"}
    assert {one.segment: one.members for one in report.segments if one.status == "ok"} == {
        "londoners": 150,
        "romans": 150,
    }
    told = [error for error in report.errors if error.startswith("segment greedy is stale: ")]
    assert [error.removeprefix("segment greedy is stale: ")[: len(reason)] for error in told] == [reason]
    assert not [thread for thread in threading.enumerate() if "segflow" in thread.name], "nobody watches any more"
    if not real:
        world.segment("greedy", "select contact_id from {{ ref('stg_contacts') }}")
        report = world.tick(AT + timedelta(days=1))
        assert report.errors == []
        assert {one.segment: one.members for one in report.segments}["greedy_londoners"] == 150


def test_the_limit_is_for_queries_not_for_conditions(tmp_path: Path) -> None:
    world = make(tmp_path, "select contact_id from {{ ref('stg_contacts') }}", sql_segments={"timeout": "1 second"})
    world.root.joinpath("dbt/models/staging/stg_events.sql").write_text(
        f"select a.contact_id, 'visit' as name, timestamp '2026-01-01' as at, '' as properties\nfrom {THREE}\n"
        "where a.contact_id like 'c1%' and md5(a.contact_id || b.contact_id || c.contact_id) <> ''\n",
        encoding="utf-8",
    )
    world.segment("visitors", {"where": {"event": "visit"}})
    report = world.tick(AT)
    assert report.errors == []
    assert report.seconds["build"] > 1
    assert {one.segment: one.members for one in report.segments}["visitors"] == 111


def test_preview_has_the_same_limit(tmp_path: Path) -> None:
    world = make(tmp_path, SLOW, sql_segments={"timeout": "1 second"})
    world.run("CREATE SCHEMA staging")
    world.run("CREATE VIEW staging.stg_contacts AS SELECT * FROM raw.contacts")
    for segment in ("greedy", "greedy_londoners"):
        started = time.monotonic()
        with pytest.raises(TimeLimitError, match=r"ran longer than 1 second \(sql_segments.timeout in segflow\.yml\)"):
            world.project.preview(segment, AT)
        assert time.monotonic() - started < 5
    assert world.project.preview("londoners", AT).num_rows == 150


def late(warehouse: Warehouse, query: exp.Expr) -> None:
    with warehouse.time_limit(Duration(0, 1, "1 second")):
        time.sleep(1.2)
        warehouse.query(query)


def test_time_that_runs_out_between_two_queries_stops_the_next_one(tmp_path: Path) -> None:
    world = World(tmp_path)
    endless = parse_one("select count(*) from range(100000) a(n), range(100000) b(n) where a.n * b.n % 7 = -1")
    with world.project.warehouse() as warehouse:
        started = time.monotonic()
        with pytest.raises(TimeLimitError, match="ran longer than 1 second"):
            late(warehouse, endless)
        assert time.monotonic() - started < 5
        assert warehouse.query(parse_one("select 1 as found")).to_pylist() == [{"found": 1}]
    assert not [thread for thread in threading.enumerate() if "segflow" in thread.name], "nobody watches any more"
    world.close()


def test_an_old_rule_that_runs_away_does_not_hold_up_the_tick(tmp_path: Path) -> None:
    world = make(tmp_path, "select contact_id from {{ ref('stg_contacts') }}", sql_segments={"timeout": "1 second"})
    world.tick(AT)
    # As if the rule had been quick when the table was small.
    with world.project.warehouse() as warehouse:
        slow = SLOW.replace("{{ ref('stg_contacts') }}", "staging.stg_contacts").replace("'", "''")
        world.run(f"UPDATE segflow.segment_versions SET compiled_sql = '{slow}' WHERE segment = 'greedy'")
        assert warehouse.exists("segment_versions")
    world.segment("greedy", "select contact_id from {{ ref('stg_contacts') }} where city = 'Rome'")
    report = world.tick(AT + timedelta(days=1))
    assert report.errors == []
    exits = world.rows("SELECT DISTINCT cause, triggers FROM segflow.segment_exits WHERE segment = 'greedy'")
    assert exits == [{"cause": "definition", "triggers": False}]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("sql_segments: {timeout: 10}", "segflow.yml:1:25: '10' is not a duration: write a number and a unit"),
        ("sql_segments: {timeout: 0 minutes}", "'0 minutes' is no time limit: write seconds, minutes or hours"),
        ("sql_segments: {timeout: 1 month}", "'1 month' is no time limit: write seconds, minutes or hours"),
        ("sql_segments: {time_out: 1 hour}", "did you mean timeout?"),
        ("warehouse: {memory_limit: 4 gigs}", "segflow.yml:1:27: '4 gigs' is not a size: write a number and a unit"),
        ("warehouse: {memory_limit: 80%}", "'80%' is not a size"),
        ("warehouse: {memory_limit: 4000000000}", "'4000000000' is not a size"),
        ("warehouse: {memory_limit: 1MB}", "'1MB' is too little to work with: give 64MB or more"),
    ],
)
def test_wrong_limits_are_refused(settings: str, message: str, tmp_path: Path) -> None:
    World(tmp_path).close()
    tmp_path.joinpath("segflow.yml").write_text(settings, encoding="utf-8")
    with pytest.raises(SpecError) as caught:
        load_specs(tmp_path)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("given", "shown"), [("100MB", "95.3 MiB"), ("1.5 GiB", "1.5 GiB"), ("64mb", "61.0 MiB")], ids=str
)
def test_the_memory_limit_reaches_the_warehouse(given: str, shown: str, tmp_path: Path) -> None:
    world = World(tmp_path, settings={"warehouse": {"memory_limit": given}})
    with world.project.warehouse():
        assert world.rows("SELECT current_setting('memory_limit') AS found") == [{"found": shown}]
    world.close()
