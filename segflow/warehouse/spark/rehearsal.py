"""A transaction that is never committed: a whole tick can be tried in it, and nobody sees what it writes."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import TypeVar

import pyarrow as pa
from sqlglot import exp

from segflow.durations import Duration
from segflow.errors import RunError, TimeLimitError, WarehouseError
from segflow.warehouse.record_sql import begun, tried, written
from segflow.warehouse.spark.warehouse import SparkWarehouse
from segflow.warehouse.tables import SCHEMA, Table

Found = TypeVar("Found")


class Rehearsal(SparkWarehouse):
    """The warehouse inside such a transaction. Whoever opens and closes it goes on with the same one. What it would
    make in schema `segflow` stands beside it, under names of its own."""

    def __init__(self, url: str, location: str | None) -> None:
        super().__init__(url, location)
        self._names = {}
        self._made: dict[str, exp.Table | None] = {}
        """Relation -> what stands for it; None: it would be gone."""
        self._kinds: dict[str, str | None] = {}
        self._written: list[tuple[str, str]] = []

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        assert self._names is not None
        before = dict(self._names)
        try:
            yield
        except BaseException:
            self._names = before
            raise

    def attempt(self, sql: exp.Expr, limit: Duration | None = None) -> pa.Table | str:
        try:
            with self.time_limit(limit) if limit is not None else contextlib.nullcontext():
                return self.query(sql)
        except (WarehouseError, TimeLimitError) as error:
            return str(error)

    def create_view(self, name: str, sql: exp.Query) -> None:
        self._stand_in(name, sql, "VIEW")

    def create_table(self, name: str, sql: exp.Query) -> None:
        self._stand_in(name, sql, "TABLE")

    def drop_view(self, name: str) -> None:
        if self._kind(name) == "VIEW":
            self._stands_in(name, None, None)

    def missing(self, names: Collection[str]) -> list[str]:
        missing = set(super().missing(names)) - self._kinds.keys()
        return [name for name in names if name in missing or (name in self._kinds and self._kinds[name] is None)]

    def _kind(self, name: str) -> str | None:
        return self._kinds[name] if name in self._kinds else super()._kind(name)

    def ensure_tables(self) -> None:
        # Under their own names, for good: they are empty, and a tick makes the same.
        self._look_for_tables()
        self._make_tables()

    def close(self) -> None:
        pass

    def leave(self) -> None:
        """Remove what was written."""
        super().close()
        for table in self._made.values():
            if table is not None:
                with contextlib.suppress(WarehouseError, RunError):
                    self._drop(table, "TABLE")
        for name in sorted({name for name, _ in self._written}):
            writes = [begun(write) for one, write in self._written if one == name]
            with contextlib.suppress(WarehouseError, RunError):
                self._run(exp.delete(written(name), where=exp.or_(*writes)))

    def _found(self, table: exp.Table) -> exp.Expr | None:
        if table.db == SCHEMA and (made := self._made.get(table.name)) is not None:
            return made.copy()
        return super()._found(table)

    def _stand_in(self, name: str, sql: exp.Query, kind: str) -> None:
        self._stands_in(name, self._in_a_table(f"made_{name}", sql), kind)

    def _stands_in(self, name: str, made: exp.Table | None, kind: str | None) -> None:
        before = self._made.get(name)
        self._made[name], self._kinds[name] = made, kind
        if before is not None:
            self._drop(before, "TABLE")

    def _new_write(self) -> str:
        return tried(super()._new_write())

    def clear(self) -> None:
        """It begins with what counts."""

    def tidy(self, *, least: int = 0) -> None:
        """What it writes goes with it."""

    def _write(
        self, target: Table, source: exp.Query, constants: Mapping[str, exp.Expr], write: str | None = None
    ) -> str:
        found = super()._write(target, source, constants, write)
        self._written.append((target.name, found))
        return found


def rehearse(url: str, location: str | None, play: Callable[[Rehearsal], Found]) -> Found:
    """What `play` finds in a transaction that is never committed. Raises what it raises."""
    rehearsal = Rehearsal(url, location)
    try:
        return play(rehearsal)
    finally:
        rehearsal.leave()
