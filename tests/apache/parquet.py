"""segflow on a Spark that has no Delta: the same warehouse, whose tables are in Parquet. Two statements have no form
there, and are written anew from a copy: the one that lets writes count (a MERGE), and the one that removes rows. So it
shows what queries mean, and nothing of commits that collide or die."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlglot import exp

from segflow.warehouse.base import Warehouse
from segflow.warehouse.engine import Found
from segflow.warehouse.spark.engine import SparkEngine
from segflow.warehouse.spark.warehouse import SparkWarehouse
from segflow.warehouse.spark.words import SparkWords
from tests.spark_world import SparkDbt, drop


class ParquetWords(SparkWords):
    """The words, in which a table is in Parquet."""

    def rendered(self, tree: exp.Expr) -> exp.Expr:
        tree = super().rendered(tree)
        for kind in tree.find_all(exp.FileFormatProperty):
            kind.set("this", exp.Var(this="PARQUET"))
        return tree


class ParquetWarehouse(SparkWarehouse):
    """The warehouse, in tables of Parquet."""

    words = ParquetWords()

    def _run(self, sql: exp.Expr) -> None:
        if isinstance(sql, exp.Merge):
            self._merge(sql)
        elif isinstance(sql, exp.Delete):
            keep = exp.not_(exp.Coalesce(this=sql.args["where"].this.copy(), expressions=[exp.false()]))
            self._overwrite(sql.this, exp.select("*").from_(sql.this.copy()).where(keep))
        else:
            super()._run(sql)

    def _merge(self, merge: exp.Merge) -> None:
        target, using, same = merge.this, merge.args["using"], merge.args["on"]
        told = self.resolved(self.stage("what counts", using.this.copy()))
        told.set("alias", exp.TableAlias(this=exp.to_identifier(using.alias)))
        others = exp.select("*").from_(target.copy())
        others = others.where(exp.not_(exp.Exists(this=exp.select("1").from_(told.copy()).where(same.copy()))))
        table = (
            exp.table_(target.this.name, db=target.db, quoted=True) if isinstance(target, exp.Table) else target.this
        )
        self._overwrite(table, exp.union(exp.select("*").from_(told), others, distinct=False))

    def _overwrite(self, table: exp.Expr, rows: exp.Query) -> None:
        """Let a table have these rows, which may be read from it: Spark refuses to do so at once."""
        copied = self.resolved(self.stage("copied", rows))
        super()._run(
            exp.Insert(this=exp.Table(this=table.this.copy(), db=table.args["db"].copy()), overwrite=True,
                       expression=exp.select("*").from_(copied))
        )  # fmt: skip


class ParquetEngine(SparkEngine):
    """A server whose tables are in Parquet, as an engine."""

    words = ParquetWords()

    def __init__(self, url: str) -> None:
        super().__init__(url)

    def exists(self) -> bool:
        with ParquetWarehouse(self._url, None, look_only=True) as warehouse:
            return warehouse.is_there()

    def open(self, *, keep_ledgers: bool = True) -> ParquetWarehouse:
        return ParquetWarehouse(self._url, None)

    def rehearse(self, play: Callable[[Warehouse], Found]) -> Found:
        raise AssertionError("a plan is rehearsed on Sail")


class ParquetDbt(SparkDbt):
    """The models of a dbt project, run on the server itself, in tables of Parquet."""

    words = ParquetWords()

    @contextmanager
    def _connect(self) -> Iterator[Any]:
        with ParquetEngine(self.place[0]).open() as warehouse:
            yield warehouse

    def _make(self, connection: SparkWarehouse, schema: str, place: str, what: str, query: exp.Query) -> None:
        connection._asked(f"CREATE SCHEMA IF NOT EXISTS `{schema}`")
        drop(connection, schema, place)
        text = connection.words.sql(
            exp.Create(this=exp.table_(place, db=schema, quoted=True), kind=what, expression=query)
        )
        connection._asked(text)
