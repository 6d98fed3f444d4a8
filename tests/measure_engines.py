"""What a tick of the demo costs on Postgres and on Spark (on Sail), over the same on DuckDB, on this machine:
`python -m tests.measure_engines [ENGINE ...] [--ticks 14] [--leave-out 4]`.

Each engine has a process of its own, which makes the demo in a folder that is thrown away, starts its server and lives
through the demo's ticks. They tick in turns, so that what else the machine does counts for all of them. The first ticks
are left out: the first one of all has everything to do, and the next ones read code and plans for the first time.

Wall seconds say more of a busy machine than of us, so the seconds of the processor are counted as well: of the tick's
process, and of its server (with what it does between two ticks: checkpoints, vacuuming). Linux only.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median

from demo import on_postgres, on_spark
from demo.elsewhere import build_shop, copy_project
from demo.run import ROOT, TICKS
from demo.screen import LAST
from demo.shop import build, codes_of
from segflow.project import Project
from segflow.specs.dbt_profile import warehouse_path
from segflow.stages.order import STAGES
from segflow.warehouse.engines import DEFAULT
from segflow.warehouse.tidied import TidyWarehouse
from tests.cpu import used

ENGINES = (DEFAULT, "postgres", "spark")


@dataclass(frozen=True)
class Cost:
    """Of one tick, in seconds."""

    wall: float
    own: float
    """Of the processor, in the tick's process."""
    server: float
    """Of the processor, in its server."""
    stages: dict[str, float]
    """Wall."""
    members: dict[str, int]
    """Of each segment after it: the same on each engine."""


@contextmanager
def demo(engine: str, folder: Path) -> Iterator[Path]:
    """The demo's project on an engine, its server running, without the shop."""
    if engine != DEFAULT:
        place = {"postgres": on_postgres.project, "spark": on_spark.project}[engine]
        with place(ROOT, folder) as root:
            yield root
        if engine == "postgres":
            shutil.rmtree(on_postgres.data_folder(folder), ignore_errors=True)
        return
    copy_project(ROOT, folder)
    shutil.copy(ROOT / "dbt/profiles.yml", folder / "dbt/profiles.yml")
    yield folder


def made(root: Path) -> Project:
    """The project with its shop and its coupons, before the first tick."""
    project = Project(root)
    if project.specs.engine == DEFAULT:
        build(warehouse_path(root, project.specs.settings))
    else:
        with project.warehouse() as warehouse:
            build_shop(warehouse)
    for pool in project.specs.settings.coupons:
        project.add_coupons(pool, codes_of(pool))
    return project


def work(engine: str, folder: Path, pipe: Connection) -> None:
    """What an engine's process does: a tick for each time that comes, whose cost it answers; None ends it."""
    # Ticks that are hours apart find that rows of the last one no longer count, and remove them.
    assert TidyWarehouse.sweep.__kwdefaults__ is not None
    TidyWarehouse.sweep.__kwdefaults__["kept"] = timedelta(0)
    with demo(engine, folder) as root:
        project = made(root)
        before = used()
        pipe.send(None)
        while (as_of := pipe.recv()) is not None:
            start = time.perf_counter()
            report = project.tick(as_of, send=True)
            wall, now = time.perf_counter() - start, used()
            if report.errors:
                raise SystemExit(f"{engine}: {report.errors[0]}")
            members = {one.segment: one.members for one in report.segments}
            pipe.send(Cost(wall, now[0] - before[0], now[1] - before[1], dict(report.seconds), members))
            before = now
        project.store.close()


def measure(engines: Sequence[str], ticks: int, leave_out: int) -> dict[str, list[Cost]]:
    """Engine -> what its ticks cost. Raises RuntimeError when an engine gives other members than the first one."""
    context = multiprocessing.get_context("spawn")
    costs: dict[str, list[Cost]] = {engine: [] for engine in engines}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary, contextlib.ExitStack() as stack:
        pipes: dict[str, Connection] = {}
        for engine in engines:
            pipes[engine], theirs = context.Pipe()
            process = context.Process(target=work, args=(engine, Path(temporary) / engine, theirs))
            process.start()
            theirs.close()
            stack.callback(process.join, 60)
            stack.callback(pipes[engine].close)
            pipes[engine].recv()
        for number in range(ticks):
            as_of = LAST - timedelta(days=TICKS - 1 - number)
            for engine, pipe in pipes.items():
                cost = ticked(pipe, as_of)
                costs[engine].append(cost)
                told = f"{cost.wall:.1f} s, CPU {cost.own:.1f} s, and {cost.server:.1f} s of its server"
                print(f"{as_of:%d %b} {engine}: {told}", file=sys.stderr, flush=True)
                if cost.members != costs[engines[0]][-1].members:
                    raise RuntimeError(f"{engine} and {engines[0]} have other members at {as_of}")
        for pipe in pipes.values():
            pipe.send(None)
    return {engine: found[leave_out:] for engine, found in costs.items()}


def ticked(pipe: Connection, as_of: datetime) -> Cost:
    """The cost of a tick in the process at the other end. Raises RuntimeError when that has ended, having said why."""
    try:
        pipe.send(as_of)
        cost = pipe.recv()
    except (EOFError, BrokenPipeError):
        raise RuntimeError(f"the process that was to tick at {as_of} has ended") from None
    assert isinstance(cost, Cost)
    return cost


def table(costs: dict[str, list[Cost]]) -> str:
    """Markdown: the middle of each number, and what it is of the first engine's."""
    rows = [["a tick of the demo", "wall", "CPU of its process", "CPU of the server", "CPU, both", *_names()]]
    first: list[float] = []
    for engine, found in costs.items():
        numbers = [
            median(one.wall for one in found),
            median(one.own for one in found),
            median(one.server for one in found),
            median(one.own + one.server for one in found),
            *(median(one.stages[name] for one in found) for name in _names()),
        ]
        first = first or numbers
        rows.append([engine, *(_told(number, of) for number, of in zip(numbers, first, strict=True))])
    rows.insert(1, ["---"] * len(rows[0]))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _names() -> list[str]:
    return [stage.name for stage in STAGES]


def _told(seconds: float, of: float) -> str:
    return f"{seconds:.2f} s" + (f" ({seconds / of:.1f})" if of >= 0.005 else "")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("engines", nargs="*", default=ENGINES, help="the first one is what others are held against")
    parser.add_argument("--ticks", type=int, default=TICKS)
    parser.add_argument("--leave-out", type=int, default=4)
    given = parser.parse_args()
    costs = measure(given.engines, given.ticks, given.leave_out)
    print(f"{given.ticks - given.leave_out} ticks in turns on {os.cpu_count()} cores; in brackets: of the first row's")
    print(table(costs))


if __name__ == "__main__":
    main()
