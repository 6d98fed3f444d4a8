"""A world whose warehouse is on a server that speaks Spark Connect."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
from sqlglot import exp, parse_one

from segflow.durations import Duration
from segflow.errors import TimeLimitError, WarehouseError
from segflow.rebuild.replay import REPLAYED, replayed
from segflow.warehouse.models import Models
from segflow.warehouse.spark.engine import SparkEngine
from segflow.warehouse.spark.warehouse import SparkWarehouse
from segflow.warehouse.spark.words import SparkWords
from segflow.warehouse.tables import TABLES
from tests.direct_dbt import DirectDbt, DirectProject
from tests.postgres_world import PostgresWorld
from tests.sail import SailWords
from tests.world import COLUMNS, LEDGERS, World, _naive

Place = tuple[str, str]
"""The URL of a warehouse and the folder of its tables."""


class SparkDbt(DirectDbt):
    """The models of a dbt project, run on the server itself, as dbt-spark with tables in Delta does."""

    words = SailWords()

    def __init__(self, directory: Path, place: Place, zone: ZoneInfo) -> None:
        super().__init__(directory, Path(), zone)
        self.place = place
        self.made: dict[tuple[str, str], str] = {}

    @contextlib.contextmanager
    def _connect(self) -> Iterator[Any]:
        with SparkEngine(*self.place).open() as warehouse:
            yield warehouse

    def _try(self, connection: Any, name: str, code: str, tick_id: str, limit: Duration | None) -> tuple[str, str]:
        try:
            with connection.time_limit(limit) if limit is not None else contextlib.nullcontext():
                self._build(connection, name, code, tick_id)
            return "success", ""
        except (WarehouseError, TimeLimitError, ValueError) as error:
            return "error", str(error)

    def _make(self, connection: SparkWarehouse, schema: str, place: str, what: str, query: exp.Query) -> None:
        connection._asked(f"CREATE SCHEMA IF NOT EXISTS `{schema}`")
        drop(connection, schema, place)
        text = f"AS {self.words.sql(query)}"
        if what == "TABLE":
            at = f"USING delta LOCATION '{self.place[1]}/models/{schema}.{place}.{uuid.uuid4().hex}'"
            connection._asked(f"CREATE TABLE `{schema}`.`{place}` {at} {text}")
            text = at
        else:
            connection._asked(f"CREATE VIEW `{schema}`.`{place}` {text}")
        self.made[schema, place] = f"CREATE {what} `{schema}`.`{place}` {text}"

    def _build_noted(
        self, connection: SparkWarehouse, place: str, plan: Mapping[str, Any], whole: exp.Query, only: exp.Query
    ) -> None:
        """What the materialization for Spark does, in this order."""
        if "counted_table" not in plan:
            self._make(connection, "segflow", place, "TABLE", whole)
            return
        self._make_as(connection, plan["counted_table"], plan["counts"])
        why = plan["why"] or connection._asked(f"SELECT max(why) FROM {plan['counted_table']}")[0][0].as_py()
        if why or place not in connection._listed("segflow"):
            self._make(connection, "segflow", place, "TABLE", whole)
            return
        self._make_as(connection, plan["touched_table"], plan["touched"])
        rows = self.words.sql(only).replace("segflow_touched", plan["touched_table"])
        shown = ", ".join(plan["columns"])
        kept = f"SELECT {shown} FROM `segflow`.`{place}` WHERE contact_id NOT IN ({plan['touched_ids']})"
        both = f"SELECT *, '{self._tick_id}' AS tick_id FROM ({kept} UNION ALL SELECT {shown} FROM ({rows}))"
        self._make_as(connection, plan["patched_table"], both)
        patched = exp.select("*").from_(exp.to_table(plan["patched_table"], dialect="spark"))
        self._make(connection, "segflow", place, "TABLE", whole if plan["verify"] else patched)

    def _make_as(self, connection: SparkWarehouse, table: str, query: str) -> None:
        connection._asked(f"CREATE TABLE {table} USING delta AS {query}")

    def make_again(self) -> None:
        """Let a catalog that has lost all know the models again: Sail's is gone with the server, Spark's stays."""
        with self._connect() as connection:
            for (schema, _), statement in self.made.items():
                connection._asked(f"CREATE SCHEMA IF NOT EXISTS `{schema}`")
                connection._asked(statement)


def drop(warehouse: SparkWarehouse, schema: str, place: str) -> None:
    """Drop what bears a name, whatever it is."""
    if place in warehouse._listed(schema, "VIEWS"):
        warehouse._asked(f"DROP VIEW `{schema}`.`{place}`")
    elif place in warehouse._listed(schema):
        warehouse._asked(f"DROP TABLE `{schema}`.`{place}`")


class SparkProject(DirectProject):
    """A project on a server."""

    place: Place

    @property
    def engine(self) -> SparkEngine:
        return SparkEngine(*self.place)

    @cached_property
    def models(self) -> Models:
        return SparkDbt(self.specs.dbt_dir, self.place, ZoneInfo(self.specs.settings.time_zone))


class SparkWorld(World):
    """`World` on a server, of which `place` is the warehouse."""

    def __init__(self, root: Path, place: Place, **given: Any) -> None:
        self.place = place
        super().__init__(root, **given)

    @classmethod
    def there(cls, root: Path, place: Place) -> SparkWorld:
        """The world of a folder that is there already."""
        world = cls.__new__(cls)
        world.root, world.place, world.real, world.missing, world._open = root, place, False, set(), None
        return world

    @cached_property
    def project(self) -> SparkProject:
        project = SparkProject(self.root)
        project.place = self.place
        return project

    def rows_of(self, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        columns = {name: kind for name, kind in COLUMNS[table].items() if f"{table}.{name}" not in self.missing}
        given = pa.Table.from_pylist(
            [{name: _naive(row.get(name)) for name in columns} for row in rows], pa.schema(list(columns.items()))
        )
        with SparkEngine(*self.place).open() as warehouse:
            was = columns_of(warehouse, "raw", table)
            put(warehouse, "raw", table, given)
            if was not in (None, list(columns)):
                # A view has the columns that it was made with: whoever changes a table's makes it anew.
                view = f"`staging`.`stg_{table}`"
                warehouse._asked(f"CREATE OR REPLACE VIEW {view} AS SELECT * FROM `raw`.`{table}`")

    def run(self, sql: str) -> None:
        with SparkEngine(*self.place).open() as warehouse:
            warehouse._asked(said(sql))

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """By public names, as anybody would ask."""
        with SparkEngine(*self.place).open() as warehouse:
            found: list[dict[str, Any]] = warehouse._asked(said(sql)).to_pylist()
        return found

    def ledgers(self) -> dict[str, list[tuple[Any, ...]]]:
        found = {}
        for table, columns in LEDGERS.items():
            rows = self.rows(f"SELECT {columns} FROM segflow.{table}")
            found[table] = sorted((tuple(row.values()) for row in rows), key=repr)
        return found

    def check_replay(self, *, files: bool = True) -> None:
        """A server is not rebuilt: only that every state is what its ledgers say."""
        last = self.project.last_tick()
        assert last is not None
        with SparkEngine(*self.place).open() as warehouse:
            for state in REPLAYED:
                columns = [exp.column(name, quoted=True) for name in TABLES[state].columns]
                said, is_now = (
                    sorted(map(repr, warehouse.query(exp.select(*columns).from_(source)).to_pylist()))
                    for source in (replayed(state, last).subquery("replay"), exp.table_(state, db="segflow"))
                )
                assert is_now == said, state

    def stay_open(self) -> SparkWorld:
        return self


def columns_of(warehouse: SparkWarehouse, schema: str, table: str) -> list[str] | None:
    """The names of a table's columns; None when there is no such table."""
    if table not in warehouse._listed(schema):
        return None
    return warehouse._asked(f"SELECT * FROM `{schema}`.`{table}` LIMIT 0").column_names


def put(warehouse: SparkWarehouse, schema: str, table: str, rows: pa.Table) -> None:
    """Make `rows` a table."""
    warehouse._asked(f"CREATE SCHEMA IF NOT EXISTS `{schema}`")
    drop(warehouse, schema, table)
    with warehouse._source(rows) as source:
        warehouse._create(exp.table_(table, db=schema, quoted=True), source)


def said(sql: str) -> str:
    """A statement of a test, which is written for DuckDB."""
    tree = parse_one(sql, dialect="duckdb")
    for star in list(tree.find_all(exp.Star)):
        if left_out := star.args.get("except_"):
            PostgresWorld._without(star, {one.name for one in left_out})
    for group in tree.find_all(exp.Group):
        if group.args.get("all") and isinstance(group.parent, exp.Select):
            plain = [one.copy() for one in group.parent.expressions if not one.find(exp.AggFunc)]
            group.replace(exp.Group(expressions=plain))
    for union in tree.find_all(exp.Union):
        union.set("by_name", None)
    return SparkWords().sql(tree)
