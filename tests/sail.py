"""A real server that speaks Spark Connect for the tests: Sail, on loopback, its tables in a folder of its own."""

from __future__ import annotations

import itertools
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlglot import exp

import demo.sail
from segflow.warehouse.spark import sessions
from segflow.warehouse.spark.warehouse import SparkWarehouse
from segflow.warehouse.spark.words import SparkWords
from tests.senders.servers import free_port


class SailWords(SparkWords):
    """Sail 0.7.2 fails over a filter with a lambda that reaches the scan of a table
    (findings/sail-lambda-in-a-filter.sh); a limit keeps it away. Nobody wants that limit on Spark."""

    # Its workers keep only the low 32 bits of a limit: 2**62 means 0 there (findings/sail-limit-in-a-cluster.sh).
    _BEYOND_ALL = 2**31 - 1

    def rendered(self, tree: exp.Expr) -> exp.Expr:
        tree = super().rendered(tree)
        if tree.find(exp.Lambda) is None:
            return tree
        for table in [found for found in tree.find_all(exp.Table) if found.db in ("raw", "staging")]:
            if table.find_ancestor(exp.Create) is None or isinstance(table.parent, exp.From | exp.Join):
                alias = table.args.get("alias") or exp.TableAlias(this=exp.to_identifier(table.name, quoted=True))
                bare = exp.table_(table.name, db=table.db, quoted=True)
                all_of_it = exp.select("*").from_(bare).limit(self._BEYOND_ALL)
                table.replace(exp.Subquery(this=all_of_it, alias=alias.copy()))
        return tree


@dataclass
class Sail(demo.sail.Sail):
    """A running server. What it holds is thrown away with it."""

    made: Iterator[int] = field(default_factory=itertools.count)

    def new_warehouse(self) -> tuple[str, str]:
        """The URL of an empty warehouse, a session of its own, and the folder of its tables."""
        location = self.folder / f"warehouse{next(self.made)}"
        return f"{self.address};session_id={uuid.uuid4()}", str(location)

    @property
    def address(self) -> str:
        return f"sc://127.0.0.1:{self.port}/"


@contextmanager
def sail(**settings: str) -> Iterator[Sail]:
    """A server for the block, with these environment variables."""
    folder = Path(tempfile.mkdtemp(prefix="segflow-sail-"))
    found = Sail(folder, free_port(), settings)
    SparkWarehouse.words = SailWords()
    try:
        found.start()
        yield found
        for url in [url for url in sessions._open if url.startswith(found.address)]:
            sessions.leave(url)
    finally:
        found.kill()
        shutil.rmtree(folder, ignore_errors=True)
