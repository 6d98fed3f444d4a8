"""A real server that speaks Spark Connect for the tests: Sail, on loopback, its tables in a folder of its own."""

from __future__ import annotations

import itertools
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlglot import exp

from segflow.warehouse.spark.warehouse import SparkWarehouse
from segflow.warehouse.spark.words import SparkWords
from tests.senders.servers import free_port


class SailWords(SparkWords):
    """Sail 0.7.2 fails over a filter with a lambda that reaches the scan of a table
    (findings/sail-lambda-in-a-filter.sh); a limit keeps it away. Nobody wants that limit on Spark."""

    def rendered(self, tree: exp.Expr) -> exp.Expr:
        tree = super().rendered(tree)
        if tree.find(exp.Lambda) is None:
            return tree
        for table in [found for found in tree.find_all(exp.Table) if found.db in ("raw", "staging")]:
            if table.find_ancestor(exp.Create) is None or isinstance(table.parent, exp.From | exp.Join):
                alias = table.args.get("alias") or exp.TableAlias(this=exp.to_identifier(table.name, quoted=True))
                bare = exp.table_(table.name, db=table.db, quoted=True)
                all_of_it = exp.select("*").from_(bare).limit(2**62)
                table.replace(exp.Subquery(this=all_of_it, alias=alias.copy()))
        return tree


@dataclass
class Sail:
    """A running server. What it holds is thrown away with it."""

    folder: Path
    port: int
    settings: Mapping[str, str]
    process: subprocess.Popen[bytes] | None = None
    made: Iterator[int] = field(default_factory=itertools.count)

    def start(self) -> None:
        """Start it and wait until it answers."""
        log = (self.folder / "log").open("ab")
        program = Path(sys.executable).with_name("sail")
        self.process = subprocess.Popen(
            [program, "spark", "server", "--port", str(self.port)],
            stdout=log,
            stderr=log,
            cwd=self.folder,
            env={**os.environ, "RUST_LOG": "error", **self.settings},
        )
        end = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                assert time.monotonic() < end, (self.folder / "log").read_text()
                assert self.process.poll() is None, (self.folder / "log").read_text()
                time.sleep(0.02)

    def kill(self) -> None:
        """End it at once, as a crash does."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(timeout=30)
            self.process = None

    def new_warehouse(self) -> tuple[str, str]:
        """The URL of an empty warehouse, a session of its own, and the folder of its tables."""
        location = self.folder / f"warehouse{next(self.made)}"
        return f"sc://127.0.0.1:{self.port}/;session_id={uuid.uuid4()}", str(location)


@contextmanager
def sail(**settings: str) -> Iterator[Sail]:
    """A server for the block, with these environment variables."""
    folder = Path(tempfile.mkdtemp(prefix="segflow-sail-"))
    found = Sail(folder, free_port(), settings)
    SparkWarehouse.words = SailWords()
    try:
        found.start()
        yield found
    finally:
        found.kill()
        shutil.rmtree(folder, ignore_errors=True)
