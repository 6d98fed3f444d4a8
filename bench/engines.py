"""What a tick of the generated shop costs on Postgres and on Spark (on Sail), over the same on DuckDB, on this machine:
`python -m bench.engines [ENGINE ...] [--contacts 100000 ...] [--segments 100]`.

The same days on each engine, its server beside it on loopback, each tick in a process of its own, in turns. Members of
every segment, who came, who left and what is planned must be the same after each tick. Seconds of the processor are the
tick's process and what its server used meanwhile. Linux only.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import subprocess
import sys
import tempfile
import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import yaml

from bench import project
from bench.compare import UnequalError
from bench.flows import flows
from bench.run import ROOT, STEPS, Step, work
from bench.segments import segments
from bench.shop import Shop, moment
from demo import elsewhere, sail, server
from segflow.warehouse.spark import sessions
from tests.cpu import below

ENGINES = ("duckdb", "postgres", "spark")
TABLES = ("contacts", "events", "orders", "items")
TICKS = tuple(step for step in STEPS if step.name in ("first", "steady", "steady again", "clock only"))
_POSTGRES_TYPES = {"VARCHAR": "text", "TIMESTAMP": "timestamp", "DOUBLE": "double precision", "INTEGER": "integer",
                   "BIGINT": "bigint", "BOOLEAN": "boolean", "DATE": "date"}  # fmt: skip
_SAME = ("contacts", "members", "entered", "exited", "planned")


@dataclass(frozen=True)
class Cost:
    """Of one tick, in seconds."""

    wall: float
    own: float
    """Of the processor, in the tick's process."""
    server: float
    """Of the processor, in its server."""
    stages: Mapping[str, float]
    """Wall."""
    answers: Mapping[str, Any]

    @property
    def cpu(self) -> float:
        return self.own + self.server


class Place(ABC):
    """Where an engine has the shop: the project at `root` is made, and its warehouse is empty. `process`: that of
    its server, if it has one."""

    def __init__(self, root: Path, process: subprocess.Popen[bytes] | None = None) -> None:
        self.root, self._process = root, process

    def used(self) -> float:
        """Seconds of the processor that its server has used."""
        found = below(self._process.pid).values() if self._process is not None else ()
        return sum(seen.own + seen.reaped for seen in found)

    @abstractmethod
    def profile(self) -> dict[str, Any]:
        """The target of dbt's profile."""

    @abstractmethod
    def load(self, shop: Path, table: str, where: str) -> None:
        """Add the rows of a raw table of the DuckDB file `shop` that are so; all of them for `true`, in place of what
        was there."""


class DuckDB(Place):
    def profile(self) -> dict[str, Any]:
        return {"type": "duckdb", "path": str(project.warehouse_of(self.root)), "threads": 1,
                "settings": {"TimeZone": "UTC"}}  # fmt: skip

    def load(self, shop: Path, table: str, where: str) -> None:
        with duckdb.connect(str(project.warehouse_of(self.root))) as connection:
            connection.execute(f"attach '{shop}' as shop (read_only)")
            connection.execute("create schema if not exists raw")
            rows = f"from shop.raw.{table} where {where}"
            connection.execute(
                f"create or replace table raw.{table} as {rows}"
                if where == "true"
                else f"insert into raw.{table} {rows}"
            )


class Postgres(Place):
    def __init__(self, root: Path, started: server.Server) -> None:
        super().__init__(root, started.process)
        self.port = started.port

    def profile(self) -> dict[str, Any]:
        return {
            "type": "postgres", "host": "127.0.0.1", "port": self.port, "user": "bench", "password": "not asked for",
            "dbname": "postgres", "schema": "main", "threads": 1,
        }  # fmt: skip

    def load(self, shop: Path, table: str, where: str) -> None:
        file = self.root / f"{table}.csv"
        with duckdb.connect(str(shop), read_only=True) as connection:
            described = connection.execute(f"describe raw.{table}").fetchall()
            connection.execute(f"copy (from raw.{table} where {where}) to '{file}' (header false)")
        columns = ", ".join(f"{name} {_POSTGRES_TYPES[kind]}" for name, kind, *_ in described)
        with psycopg.connect(f"postgresql://bench@127.0.0.1:{self.port}/postgres", autocommit=True) as connection:
            connection.execute("create schema if not exists raw")
            connection.execute(f"create table if not exists raw.{table} ({columns})")
            if where == "true":
                connection.execute(f"truncate raw.{table}")
            with connection.cursor().copy(f"copy raw.{table} from stdin (format csv)") as copy, file.open("rb") as rows:
                while piece := rows.read(2**20):
                    copy.write(piece)
            connection.execute(f"analyze raw.{table}")
        file.unlink()


class Spark(Place):
    def __init__(self, root: Path, started: sail.Sail, url: str) -> None:
        super().__init__(root, started.process)
        self.url = url

    def profile(self) -> dict[str, Any]:
        return {"type": "spark", "method": "session", "host": self.url, "schema": "main", "threads": 1}

    def load(self, shop: Path, table: str, where: str) -> None:
        file = self.root / f"{table}.parquet"
        with duckdb.connect(str(shop), read_only=True) as connection:
            connection.execute(f"copy (from raw.{table} where {where}) to '{file}'")
        sql = sessions.session(self.url).sql
        sql("create schema if not exists raw")
        if where == "true":
            sql(f"drop table if exists raw.{table}")
            sql(f"create table raw.{table} using delta as select * from parquet.`{file}`")
        else:
            sql(f"insert into raw.{table} select * from parquet.`{file}`")
        file.unlink()


@contextlib.contextmanager
def place(engine: str, root: Path) -> Iterator[Place]:
    """The engine, while its server runs."""
    if engine == "duckdb":
        yield DuckDB(root)
    elif engine == "postgres":
        # Postgres does not run as root, and nobody else may enter root's folders.
        with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="bench") as folder:
            found = server.at(Path(folder))
            found.initialize("bench")
            found.start("bench")
            try:
                yield Postgres(root, found)
            finally:
                found.stop()
    elif engine == "spark":
        data = root / ".segflow" / "server"
        data.mkdir(parents=True)
        started = sail.Sail(data, elsewhere.free_port())
        started.start()
        url = f"sc://127.0.0.1:{started.port}/;session_id={uuid.uuid4()}"
        try:
            sessions.session(url).conf.set("spark.sql.warehouse.dir", str(data / "tables"))
            yield Spark(root, started, url)
        finally:
            sessions.leave(url)
            started.kill()
    else:
        raise ValueError(f"no engine {engine}; there are {', '.join(ENGINES)}")


def measure(
    engines: Sequence[str], contacts: int, number: int, folder: Path, steps: Sequence[Step] = TICKS
) -> dict[str, dict[str, Cost]]:
    """Tick -> engine -> what it costs. Raises UnequalError when an engine has other answers than the first one."""
    shop, made = Shop(contacts), segments(number)
    raw, started = folder / "shop.duckdb", flows(20, made)
    shop.create(raw)
    found: dict[str, dict[str, Cost]] = {step.name: {} for step in steps}
    with contextlib.ExitStack() as stack:
        places: dict[str, Place] = {}
        for engine in engines:
            root = folder / engine
            project.make(root, None, made, started)
            places[engine] = stack.enter_context(place(engine, root))
            profile = {"segflow": {"target": engine, "outputs": {engine: places[engine].profile()}}}
            (root / "dbt" / "profiles.yml").write_text(yaml.safe_dump(profile), encoding="utf-8")
            for table in TABLES:
                places[engine].load(raw, table, "true")
            _tell(f"{engine}: the shop of {contacts:,} contacts is there")
        for step in steps:
            if step.day is not None:
                shop.live(raw, step.day)
            for engine, at in places.items():
                if step.day is not None:
                    _live(at, raw, step.day)
                found[step.name][engine] = cost = _ticked(at, step)
                _tell(
                    f"{step.name}: {engine} {cost.wall:.1f} s, CPU {cost.own:.1f} and {cost.server:.1f} s of its server"
                )
                first = found[step.name][engines[0]]
                if wrong := [name for name in _SAME if cost.answers[name] != first.answers[name]]:
                    raise UnequalError(f"{step.name}: {engine} and {engines[0]} have other {', '.join(wrong)}")
    return found


def _live(at: Place, raw: Path, day: int) -> None:
    """Load what is new on a day. Of contacts some have moved, so they are loaded whole."""
    # When the rows of a day were loaded, `day.sql` says.
    loaded = f"loaded_at > timestamp '{moment(day - 1)}'"
    for table in TABLES:
        at.load(raw, table, "true" if table == "contacts" else loaded)


def _ticked(at: Place, step: Step) -> Cost:
    before = at.used()
    told = work(ROOT, at.root, moment(step.at))
    stages = {name: spent["wall"] for name, spent in told["stages"].items()}
    return Cost(sum(stages.values()), told["cpu"], at.used() - before, stages, {name: told[name] for name in _SAME})


def table(found: Mapping[str, Mapping[str, Cost]]) -> str:
    """Markdown: seconds of each tick on each engine, and what the processor's are of the first engine's."""
    stages = ("start", "build", "cross", "advance", "send", "export")
    lines = [
        f"| | | CPU of its process | CPU of the server | both | wall | {' | '.join(stages)} |",
        "|---|---|" + "---:|" * (4 + len(stages)),
    ]
    for tick, costs in found.items():
        first = next(iter(costs.values()))
        for engine, cost in costs.items():
            both = f"{cost.cpu:.1f} ({cost.cpu / first.cpu:.2f})"
            walls = " | ".join(f"{cost.stages.get(stage, 0):.1f}" for stage in stages)
            cells = f"**{tick}** | {engine} | {cost.own:.1f} | {cost.server:.1f} | {both} | {cost.wall:.1f} | {walls}"
            lines.append(f"| {cells} |")
    return "\n".join(lines)


def exponents(sizes: Sequence[int], runs: Sequence[Mapping[str, Mapping[str, Cost]]]) -> dict[str, dict[str, float]]:
    """Engine -> tick -> how its seconds of the processor grow from the first size to the last one: size ** exponent."""
    first, last, grown = runs[0], runs[-1], math.log(sizes[-1] / sizes[0])
    found: dict[str, dict[str, float]] = {}
    for tick, costs in last.items():
        for engine, cost in costs.items():
            found.setdefault(engine, {})[tick] = round(math.log(cost.cpu / first[tick][engine].cpu) / grown, 2)
    return found


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    """Measure each size and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("engines", nargs="*", default=ENGINES,
                        help="the first one is what others are held against")  # fmt: skip
    parser.add_argument("--contacts", type=int, nargs="+", default=[100_000], help="sizes, one run each")
    parser.add_argument("--segments", type=int, default=100)
    given = parser.parse_args()
    if unknown := sorted({*given.engines} - {*ENGINES}):
        parser.error(f"no engine {unknown[0]}; there are {', '.join(ENGINES)}")
    runs = []
    for contacts in given.contacts:
        with tempfile.TemporaryDirectory(prefix="bench", ignore_cleanup_errors=True) as folder:
            runs.append(measure(given.engines, contacts, given.segments, Path(folder)))
        print(
            f"{contacts:,} contacts, {given.segments} segments, {os.cpu_count()} cores\n\n{table(runs[-1])}\n",
            flush=True,
        )
    if len(runs) > 1:
        print(f"CPU grows as contacts to the power of: {json.dumps(exponents(given.contacts, runs))}")


if __name__ == "__main__":
    main()
