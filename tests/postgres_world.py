"""A world whose warehouse is a database of a Postgres server."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pyarrow as pa
from sqlglot import exp, parse_one

from segflow.durations import Duration
from segflow.rebuild.replay import REPLAYED, replayed
from segflow.warehouse.base import too_long
from segflow.warehouse.models import Models
from segflow.warehouse.postgres.engine import PostgresEngine
from segflow.warehouse.postgres.errors import plain_message
from segflow.warehouse.postgres.words import PostgresWords
from segflow.warehouse.tables import TABLES
from tests.direct_dbt import DirectDbt, DirectProject
from tests.world import COLUMNS, LEDGERS, World, _naive


class PostgresDbt(DirectDbt):
    """The models of a dbt project, run in the database itself. dbt-postgres drops what stands on a relation that it
    makes anew, and so does this."""

    def __init__(self, directory: Path, url: str, zone: ZoneInfo) -> None:
        super().__init__(directory, Path(), zone)
        self.url = url

    @contextlib.contextmanager
    def _connect(self) -> Any:
        with psycopg.connect(self.url, autocommit=True, options="-c TimeZone=UTC") as connection:
            yield connection

    def _try(self, connection: Any, name: str, code: str, tick_id: str, limit: Duration | None) -> tuple[str, str]:
        timer = threading.Timer(limit.seconds if limit else 1e6, connection.cancel)
        timer.daemon = True
        timer.start()
        try:
            self._build(connection, name, code, tick_id)
            return "success", ""
        except psycopg.errors.QueryCanceled:
            assert limit is not None
            return "error", too_long(limit)
        except (psycopg.Error, ValueError) as error:
            return "error", plain_message(error)
        finally:
            timer.cancel()

    def _make(self, connection: Any, schema: str, place: str, what: str, query: exp.Query) -> None:
        connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{schema}"')
        with connection.transaction():
            found = connection.execute(
                "SELECT relkind FROM pg_class WHERE oid = to_regclass(%s)", [f'"{schema}"."{place}"']
            ).fetchone()
            if found is not None:
                kind = "VIEW" if found[0] in ("v", b"v") else "TABLE"
                connection.execute(f'DROP {kind} "{schema}"."{place}" CASCADE')
            connection.execute(f'CREATE {what} "{schema}"."{place}" AS {self.words.sql(query)}'.encode())

    words = PostgresWords()


class PostgresProject(DirectProject):
    """A project on a database."""

    url: str

    @cached_property
    def engine(self) -> PostgresEngine:
        return PostgresEngine(self.url)

    @cached_property
    def models(self) -> Models:
        return PostgresDbt(self.specs.dbt_dir, self.url, ZoneInfo(self.specs.settings.time_zone))


class PostgresWorld(World):
    """`World` on a database, whose URL is `url`."""

    def __init__(self, root: Path, url: str, **given: Any) -> None:
        self.url = url
        super().__init__(root, **given)

    @cached_property
    def project(self) -> PostgresProject:
        project = PostgresProject(self.root)
        project.url = self.url
        return project

    def rows_of(self, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        columns = {name: kind for name, kind in COLUMNS[table].items() if f"{table}.{name}" not in self.missing}
        listed = ", ".join(f'"{name}" {_KINDS[kind]}' for name, kind in columns.items())
        with self._connect() as connection, connection.transaction(), connection.cursor() as cursor:
            cursor.execute("CREATE SCHEMA IF NOT EXISTS raw")
            there = cursor.execute(
                "SELECT column_name FROM information_schema.columns WHERE table_schema = 'raw' AND table_name = %s "
                "ORDER BY ordinal_position",
                [table],
            ).fetchall()
            if [name for (name,) in there] == list(columns):
                cursor.execute(f"TRUNCATE raw.{table}")
            else:
                cursor.execute(f"DROP TABLE IF EXISTS raw.{table} CASCADE")
                cursor.execute(f"CREATE TABLE raw.{table} ({listed})")
                if there:
                    cursor.execute(f"CREATE VIEW staging.stg_{table} AS SELECT * FROM raw.{table}")
            with cursor.copy(f"COPY raw.{table} FROM STDIN") as copy:
                for row in rows:
                    copy.write_row([_naive(row.get(name)) for name in columns])

    def run(self, sql: str) -> None:
        with self._connect() as connection:
            connection.execute(self._said(sql))

    def rows(self, sql: str) -> list[dict[str, Any]]:
        with self._connect() as connection, connection.cursor(row_factory=psycopg.rows.dict_row) as cursor:
            return cursor.execute(self._said(sql)).fetchall()

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
        with self._connect() as connection:
            for state in REPLAYED:
                columns = ", ".join(f'"{name}"' for name in TABLES[state].columns)
                replay = PostgresWords().sql(replayed(state, last))
                said, is_now = (
                    sorted(map(repr, connection.execute(f"SELECT {columns} FROM {query}".encode()).fetchall()))
                    for query in (f"({replay}) AS replay", f"segflow.{state}")
                )
                assert is_now == said, state

    def stay_open(self) -> PostgresWorld:
        return self

    def _connect(self) -> Any:
        return psycopg.connect(self.url, autocommit=True, options="-c TimeZone=UTC")

    def _said(self, sql: str) -> bytes:
        """A statement of a test, which is written for DuckDB."""
        tree = parse_one(sql, dialect="duckdb")
        for star in list(tree.find_all(exp.Star)):
            if left_out := star.args.get("except_"):
                self._without(star, {one.name for one in left_out})
        for group in tree.find_all(exp.Group):
            if group.args.get("all") and isinstance(group.parent, exp.Select):
                plain = [one.copy() for one in group.parent.expressions if not one.find(exp.AggFunc)]
                group.replace(exp.Group(expressions=plain))
        for union in tree.find_all(exp.Union):
            union.set("by_name", None)
        return PostgresWords().sql(tree).encode()

    @staticmethod
    def _without(star: exp.Expr, left_out: set[str]) -> None:
        select = star.find_ancestor(exp.Select)
        assert select is not None
        table = select.find(exp.Table)
        assert table is not None
        kept = [exp.column(name, quoted=True) for name in sorted(TABLES[table.name].columns) if name not in left_out]
        select.set("expressions", [one for e in select.expressions for one in (kept if e is star else [e])])


_KINDS = {
    pa.string(): "TEXT",
    pa.int64(): "BIGINT",
    pa.bool_(): "BOOLEAN",
    pa.float64(): "DOUBLE PRECISION",
    pa.timestamp("us"): "TIMESTAMP",
    pa.date32(): "DATE",
}
