"""Runs the same model files as dbt does, without dbt: what makes a tick cheap enough for hundreds of test cases.

A second implementation of the small protocol `Models`. It knows what generated models and
plain staging views use (`config(materialized=...)`, `ref`, `source('segflow', ...)`, `bound`, `as_of`, `tick_id`), and
nothing else of Jinja. `test_direct_dbt.py` holds it to the real one.
"""

from __future__ import annotations

import contextlib
import re
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
from sqlglot import exp

from segflow.durations import Duration
from segflow.errors import RunError
from segflow.project import Project
from segflow.segments.emit import Filling
from segflow.warehouse.base import too_long
from segflow.warehouse.dbt_index import code_hash
from segflow.warehouse.duckdb.errors import plain_message
from segflow.warehouse.duckdb.words import DuckDBWords
from segflow.warehouse.models import ModelResult, Models
from segflow.warehouse.names import own_relation
from segflow.warehouse.words import Words

_CONFIG = re.compile(r"\{\{\s*config\((.*?)\)\s*\}\}", re.DOTALL)
_MATERIALIZED = re.compile(r"materialized='(\w+)'")
_TOUCHED = re.compile(r"\{\{ segflow_touched\('(.*?)'\) \}\}")
_REF = re.compile(r"\{\{\s*ref\('(\w+)'\)\s*\}\}")


class DirectDbt:
    """The models of a dbt project, run in the DuckDB file itself, in the order of their refs."""

    def __init__(self, directory: Path, warehouse_path: Path, zone: ZoneInfo) -> None:
        self.directory, self.warehouse_path, self.zone = directory, warehouse_path, zone
        self._models: dict[str, tuple[str, str]] | None = None
        self._plans: Mapping[str, Mapping[str, Any]] = {}
        self._tick_id = ""

    def shared_code(self) -> str:
        return ""

    def parse(self) -> None:
        self._models = {
            path.stem: ("segflow" if own_relation(path.stem) else "staging", path.read_text(encoding="utf-8"))
            for path in sorted(self.directory.joinpath("models").rglob("*.sql"))
        }

    def forget(self) -> None:
        self._models = None

    @property
    def _files(self) -> dict[str, tuple[str, str]]:
        if self._models is None:
            self.parse()
        assert self._models is not None
        return self._models

    def models(self) -> set[str]:
        return set(self._files)

    def relation(self, model: str) -> exp.Table:
        if model not in self._files:
            raise RunError(f"the dbt project has no model {model}")
        return exp.table_(own_relation(model) or model, db=self._files[model][0], quoted=True)

    def code(self, model: str) -> str:
        code = {name: text for name, (_, text) in self._files.items()}
        parents = sorted(set(self._parents(model, code)))
        return code_hash(model, code[model], [self.code(parent) for parent in parents])

    def run(
        self,
        select: Sequence[str],
        variables: Mapping[str, Any],
        patches: Mapping[str, str] | None = None,
        exclude: Sequence[str] | None = None,
        limits: Mapping[str, Duration] | None = None,
    ) -> dict[str, ModelResult]:
        code = {name: (patches or {}).get(name, text) for name, (_, text) in self._files.items()}
        chosen: set[str] = set()
        for pattern in select:
            name = pattern.removeprefix("+")
            chosen |= self._with_parents(name, code) if pattern.startswith("+") else {name} & set(code)
        chosen -= set(exclude or ())
        tick_id, self._plans = variables["segflow"]["tick_id"], variables["segflow"].get("builds", {})
        self._tick_id = tick_id
        results: dict[str, ModelResult] = {}
        with self._connect() as connection:
            for name in self._ordered(chosen, code):
                failed = [p for p in self._parents(name, code) if p in results and results[p].status != "success"]
                if failed:
                    results[name] = ModelResult(name, "skipped", "", 0.0)
                    continue
                started = time.perf_counter()
                status, message = self._try(connection, name, code[name], tick_id, (limits or {}).get(name))
                file = next(self.directory.rglob(f"{name}.sql")).relative_to(self.directory.parent)
                results[name] = ModelResult(name, status, message, time.perf_counter() - started, str(file))
        return results

    words: Words = DuckDBWords()

    @contextlib.contextmanager
    def _connect(self) -> Iterator[Any]:
        with duckdb.connect(str(self.warehouse_path)) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            yield connection

    def _try(self, connection: Any, name: str, code: str, tick_id: str, limit: Duration | None) -> tuple[str, str]:
        """What became of a model: its status, and why."""
        timer = threading.Timer(limit.seconds if limit else 1e6, connection.interrupt)
        timer.daemon = True
        timer.start()
        try:
            self._build(connection, name, code, tick_id)
            return "success", ""
        except duckdb.InterruptException:
            assert limit is not None
            return "error", too_long(limit)
        except (duckdb.Error, ValueError) as error:
            return "error", plain_message(str(error))
        finally:
            timer.cancel()

    def _build(self, connection: Any, name: str, code: str, tick_id: str) -> None:
        config = _CONFIG.search(code)
        kind = _MATERIALIZED.search(config.group(1)) if config else None
        as_of = datetime.strptime(tick_id, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        query = Filling(self.relation, as_of, self.zone, tick_id, self.words).query(_CONFIG.sub("", code))
        schema, place = self._files[name][0], own_relation(name) or name
        if name in self._plans:
            only = Filling(self.relation, as_of, self.zone, tick_id, self.words).query(
                _CONFIG.sub("", _TOUCHED.sub(r"\1 in (select contact_id from segflow_touched)", code))
            )
            self._build_noted(connection, place, self._plans[name], query, only)
            return
        what = "TABLE" if kind is not None and kind.group(1).endswith("table") else "VIEW"
        self._make(connection, schema, place, what, query)

    def _build_noted(
        self, connection: Any, place: str, plan: Mapping[str, Any], whole: exp.Query, only: exp.Query
    ) -> None:
        """What `segflow_builds.sql` does, in this order."""
        connection.execute("BEGIN")
        try:
            for statement in plan["forget"]:
                connection.execute(statement)
            for arrived in plan.get("arrived", []):
                is_counted = "ask" in arrived and connection.execute(arrived["ask"]).fetchone()[0] > 0
                connection.execute(arrived["take" if is_counted else "count"])
            why, touched, differing = plan["why"], "null", "null"
            known = f"SELECT 1 FROM information_schema.tables WHERE table_schema = 'segflow' AND table_name = '{place}'"
            there = bool(connection.execute(known).fetchall())
            if why is None and not there:
                why = "the table was gone"
            for check in plan["checks"] if why is None else []:
                why = why or connection.execute(check).fetchone()[0]
            kept = there and (why is None or plan.get("compared", False))
            if kept and why is not None:
                self._compare(connection, place, plan, whole)
            elif kept:
                self._patch(connection, place, plan, only)
                touched = "(SELECT count(*) FROM segflow_touched)"
                if plan["verify"]:
                    differing = str(self._verify(connection, place, plan["columns"], whole))
                    if differing != "0" and plan["touch_all"]:
                        connection.execute(plan["touch_all"])
            else:
                self._make(connection, "segflow", place, "TABLE", whole)
                if plan.get("touch_all"):
                    connection.execute(plan["touch_all"])
            for statement in plan.get("done", []):
                connection.execute(statement)
            if "note" in plan:
                since = plan["since_full"] if why is None and differing == "null" else 0
                reason = "null" if why is None else f"'{why}'"
                noted = f"{plan['note']}, {since}, {touched}, {differing}, {reason}"
                connection.execute(f"INSERT INTO segflow.model_builds VALUES ({noted})")
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise

    def _patch(self, connection: Any, place: str, plan: Mapping[str, Any], only: exp.Query) -> None:
        connection.execute("DROP TABLE IF EXISTS segflow_touched")
        connection.execute(f"CREATE TEMP TABLE segflow_touched AS {plan['touched']}")
        ids = plan["touched_ids"].replace(plan["touched_table"], "segflow_touched")
        connection.execute(f'DELETE FROM segflow."{place}" WHERE contact_id IN ({ids})')
        connection.execute(f'INSERT INTO segflow."{place}" {self.words.sql(only)}')
        if plan["touch"]:
            connection.execute(plan["touch"].replace(plan["touched_table"], "segflow_touched"))

    def _compare(self, connection: Any, place: str, plan: Mapping[str, Any], whole: exp.Query) -> None:
        fresh, changed, columns = plan["fresh_table"], plan["changed_table"], plan["columns"]
        for table in (fresh, changed):
            connection.execute(f"DROP TABLE IF EXISTS {table}")
        connection.execute(f"CREATE TEMP TABLE {fresh} AS {self.words.sql(whole)}")
        there = f'SELECT {columns}, -1 AS n FROM segflow."{place}"'
        both = f"SELECT {columns}, 1 AS n FROM {fresh} UNION ALL {there}"
        differ = f"SELECT contact_id FROM ({both}) AS both_of_them GROUP BY {columns} HAVING sum(n) <> 0"
        connection.execute(f"CREATE TEMP TABLE {changed} AS SELECT DISTINCT contact_id FROM ({differ}) AS d")
        few = f'(SELECT count(*) FROM segflow."{place}") + 2 * {plan["few"]}'
        most = connection.execute(f"SELECT (SELECT count(*) FROM {changed}) * 2 > {few}").fetchone()[0]
        among = "" if most else f"WHERE contact_id IN (SELECT contact_id FROM {changed})"
        connection.execute(f'DELETE FROM segflow."{place}" {among}')
        connection.execute(f'INSERT INTO segflow."{place}" SELECT * FROM {fresh} {among}')
        connection.execute(plan["touch_all" if most else "touch_changed"])
        connection.execute(f"DROP TABLE {fresh}")
        connection.execute(f"DROP TABLE {changed}")

    def _verify(self, connection: Any, place: str, columns: str, whole: exp.Query) -> int:
        connection.execute("DROP TABLE IF EXISTS whole_facts")
        connection.execute(f"CREATE TEMP TABLE whole_facts AS {self.words.sql(whole)}")
        table = f'(SELECT {columns} FROM segflow."{place}")'
        full = f"(SELECT {columns} FROM whole_facts)"
        (number,) = connection.execute(
            f"SELECT count(*) FROM (({table} EXCEPT ALL {full}) UNION ALL ({full} EXCEPT ALL {table})) AS found"
        ).fetchone()
        connection.execute(f'DELETE FROM segflow."{place}"')
        connection.execute(f'INSERT INTO segflow."{place}" SELECT * FROM whole_facts')
        return int(number)

    def _make(self, connection: Any, schema: str, place: str, what: str, query: exp.Query) -> None:
        connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{schema}"')
        # Like dbt: what is there under the name goes, whatever it is. Asked first: an error would end a transaction.
        known = "SELECT table_type FROM information_schema.tables WHERE table_schema = $1 AND table_name = $2"
        kinds = {"BASE TABLE": "TABLE", "VIEW": "VIEW"}
        for (found,) in connection.execute(known, [schema, place]).fetchall():
            if kinds[found] != what:
                connection.execute(f'DROP {kinds[found]} "{schema}"."{place}"')
        connection.execute(f'CREATE OR REPLACE {what} "{schema}"."{place}" AS {self.words.sql(query)}')

    def _parents(self, name: str, code: Mapping[str, str]) -> list[str]:
        return [parent for parent in _REF.findall(code[name]) if parent in code]

    def _with_parents(self, name: str, code: Mapping[str, str]) -> set[str]:
        found, todo = set(), [name] if name in code else []
        while todo:
            model = todo.pop()
            if model not in found:
                found.add(model)
                todo += self._parents(model, code)
        return found

    def _ordered(self, chosen: set[str], code: Mapping[str, str]) -> list[str]:
        ordered: list[str] = []

        def visit(name: str) -> None:
            if name in chosen and name not in ordered:
                for parent in self._parents(name, code):
                    visit(parent)
                ordered.append(name)

        for name in sorted(chosen):
            visit(name)
        return ordered


class DirectProject(Project):
    """A project that runs its models with DirectDbt."""

    @cached_property
    def models(self) -> Models:
        return DirectDbt(self.specs.dbt_dir, self.warehouse_path, ZoneInfo(self.specs.settings.time_zone))
