"""The small project of `postgres_project`, on a server that speaks Spark Connect; and on DuckDB, with the same rows."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pyarrow as pa
import yaml
from sqlglot import exp

from segflow.project import Project
from segflow.warehouse.base import Warehouse, relation
from segflow.warehouse.spark import sessions
from segflow.warehouse.spark.engine import SparkEngine
from segflow.warehouse.spark.warehouse import SparkWarehouse
from segflow.warehouse.tables import TABLES
from tests import postgres_project as other
from tests.sail import Sail
from tests.world import LEDGERS

LONG, SEEDS, TYPES = other.LONG, other.SEEDS, other.TYPES
_KINDS = {
    "spark": {
        "text": "STRING", "boolean": "BOOLEAN", "timestamp": "TIMESTAMP_NTZ", "timestamptz": "TIMESTAMP",
        "numeric(12, 2)": "DECIMAL(12, 2)",
    },
    "duckdb": {},
}  # fmt: skip
_SEGMENT = """\
/*
description: Spent 20 or more
*/
select contact_id
from {{ ref('stg_orders') }}
where ordered_at > {{ as_of() }} - interval '30 days' and ordered_at <= {{ as_of() }}
group by contact_id
having sum(amount) >= 20
"""
_SOURCES = yaml.safe_dump(
    {"version": 2, "sources": [{"name": "raw", "schema": "raw", "tables": [{"name": name} for name in SEEDS]}]}
)


def new_server_url(server: Sail) -> str:
    """An empty warehouse. Sail's catalog lives as long as a session, and wants to be told where tables are."""
    url, location = server.new_warehouse()
    sessions.session(url).conf.set("spark.sql.warehouse.dir", location)
    return url


def profile(url: str, **more: object) -> str:
    """A profile that leads to a server."""
    output = {"type": "spark", "method": "session", "host": url, "schema": "shop", "threads": 1, **more}
    return yaml.safe_dump({"shop": {"target": "server", "outputs": {"server": output}}})


def make(root: Path, url: str, **files: str) -> Path:
    """Write a project that works on the server at `url`, with its raw tables."""
    _write(root, profile(url), files)
    with SparkEngine(url).open() as warehouse:
        load(warehouse, "spark")
    return root


def make_embedded(root: Path, **files: str) -> Path:
    """The same project on DuckDB."""
    output = {"type": "duckdb", "path": "{{ env_var('SEGFLOW_WAREHOUSE') }}", "schema": "shop"}
    _write(root, yaml.safe_dump({"shop": {"target": "file", "outputs": {"file": output}}}), files)
    with Project(root).engine.open() as warehouse:
        load(warehouse, "duckdb")
    return root


def _write(root: Path, profiles: str, files: dict[str, str]) -> None:
    told = {
        **other.FILES, "segment_specs/big_spenders.sql": _SEGMENT, "dbt/profiles.yml": profiles,
        "dbt/models/staging/sources.yml": _SOURCES, "segflow.yml": "name: shop\n", **files,
    }  # fmt: skip
    for name in SEEDS:
        told[f"dbt/models/staging/stg_{name}.sql"] = other.STAGED[name].format(
            from_=f"{{{{ source('raw', '{name}') }}}}"
        )
    for name, text in told.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def load(warehouse: Warehouse, engine: str, **seeds: str) -> None:
    """The raw tables, with the rows of SEEDS or these."""
    warehouse.execute(exp.Create(this=exp.Table(this=exp.to_identifier("raw")), kind="SCHEMA", exists=True))
    for name, kinds in TYPES.items():
        read = csv.DictReader(io.StringIO(seeds.get(name, SEEDS[name])))
        rows = pa.Table.from_pylist([{key: value or None for key, value in row.items()} for row in read])
        staged = warehouse.stage(name, rows)
        columns = [
            exp.alias_(exp.cast(exp.column(column), _KINDS[engine].get(kind, kind), dialect=engine), column)
            for column, kind in kinds.items()
        ]
        warehouse.execute(exp.Drop(tables=[exp.table_(name, db="raw")], kind="TABLE", exists=True))
        made = exp.Create(this=exp.table_(name, db="raw"), kind="TABLE", expression=exp.select(*columns).from_(staged))
        warehouse.execute(made)


_SQL = ("compiled_sql", "bounds")
"""What is in an engine's own words."""


def ledgers(project: Project) -> dict[str, list[tuple[Any, ...]]]:
    """What the scenarios compare of the ledgers, but for what is in an engine's own words."""
    found = {}
    with project.engine.open() as warehouse:
        for table, told in LEDGERS.items():
            left_out = told.partition("exclude")[2].strip(" ()").split(", ")
            listed = list(TABLES[table].columns) if told.startswith("*") else told.split(", ")
            columns = [exp.column(name, quoted=True) for name in listed if name not in (*left_out, *_SQL)]
            asked = exp.select(*columns).from_(relation(table))
            found[table] = sorted((tuple(row.values()) for row in warehouse.query(asked).to_pylist()), key=repr)
    return found


def rows(url: str, text: str) -> list[dict[str, Any]]:
    """What somebody gets who asks the server."""
    with SparkWarehouse(url, None, look_only=True) as warehouse:
        found: list[dict[str, Any]] = warehouse._asked(text).to_pylist()
    return found
