"""`make demo`: builds the shop where it is missing, lives through two weeks of it, and shows what happened.

The shop is the same on every machine and on every day: its dates are fixed, so that what the documentation prints is
what you see.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from sqlglot import exp

from demo.elsewhere import build_shop
from demo.screen import LAST, show
from demo.shop import build, codes_of
from segflow.cli.screen import Screen
from segflow.errors import InputError, SegflowError
from segflow.project import Project
from segflow.specs.dbt_profile import project_engine, warehouse_path
from segflow.specs.load import load_specs
from segflow.specs.project import Specs
from segflow.warehouse.base import Warehouse, relation
from segflow.warehouse.engines import DEFAULT
from segflow.warehouse.sqlfile import literal

ROOT = Path(__file__).resolve().parents[1]
_ELSEWHERE = {"postgres": "demo.on_postgres", "spark": "demo.on_spark"}
"""Engine -> what starts its server and has the project for it."""
TICKS = 14
"""The last of them is at `LAST`. The shop's life goes on after it, unseen until a later tick looks: `segflow tick
--as-of 2026-02-03` finds news, and so on until `demo.shop.END`."""


def main(root: Path = ROOT, engine: str = DEFAULT) -> int:
    """Run what is left of the demo in `root` and return the exit code. A demo that was interrupted goes on where it
    was. On another engine than the embedded one it has a folder of its own below `root`, and the server is started."""
    try:
        if engine == DEFAULT:
            return live(root)
        if engine not in _ELSEWHERE:
            raise InputError(f"there is no demo on {engine}; write ENGINE={' or ENGINE='.join((DEFAULT, *_ELSEWHERE))}")
        with import_module(_ELSEWHERE[engine]).project(root) as folder:
            return live(folder)
    except SegflowError as error:
        Screen(stderr=True, highlight=False).print(str(error), style="red")
        return error.exit_code


def live(root: Path) -> int:
    """Run what is left of the demo of a project's folder; returns the exit code."""
    console = Screen(highlight=False)
    try:
        specs = load_specs(root)
        _build_shop(console, specs)
        with _warehouse(specs) as warehouse:
            due = _due(warehouse)
        if due:
            _fill_pools(specs)
            _run_ticks(console, specs, due)
        else:
            console.print(f"All ticks of the demo have run; remove {_kept(root)} to begin again.")
        with _warehouse(specs) as warehouse:
            show(console, warehouse, specs)
    except KeyboardInterrupt:
        console.print("\nStopped. Run it again to go on from here.")
        return 130
    return 0


def _kept(root: Path) -> str:
    return ".segflow/ and exports/" if root == ROOT else str(root)


def _warehouse(specs: Specs) -> Warehouse:
    return project_engine(specs.root, specs.settings).open()


def _build_shop(console: Console, specs: Specs) -> None:
    with _warehouse(specs) as warehouse:
        if _last_tick(warehouse) is not None:
            return
    with console.status("Building the shop"):
        if specs.engine == DEFAULT:
            shop = build(warehouse_path(specs.root, specs.settings))
        else:
            with _warehouse(specs) as warehouse:
                shop = build_shop(warehouse)
        with _warehouse(specs) as warehouse:
            # Written last: a shop without it was not finished, and is built again.
            clock = exp.select(literal(LAST).as_("last_tick"))
            warehouse.execute(exp.Drop(tables=[_CLOCK.copy()], kind="TABLE", exists=True))
            warehouse.execute(exp.Create(this=_CLOCK.copy(), kind="TABLE", expression=clock))
    console.print(
        f"The shop: {shop.customers:,} customers, {shop.events:,} events and {shop.orders:,} orders "
        f"since {shop.start:%B %Y}"
    )


_CLOCK = exp.table_("demo_clock", db="raw")


def _fill_pools(specs: Specs) -> None:
    """Put the codes of every pool into the delivery store. Those that are there, given away or not, are left alone."""
    project = Project(specs.root)
    for pool in specs.settings.coupons:
        project.add_coupons(pool, codes_of(pool))


def _last_tick(warehouse: Warehouse) -> datetime | None:
    """The time of the demo's last tick, which building the shop fixed; None when there is no shop."""
    if warehouse.bind(exp.select("last_tick").from_(_CLOCK.copy())) is not None:
        return None
    found = warehouse.scalar(exp.select("last_tick").from_(_CLOCK.copy()))
    return None if found is None else found.replace(tzinfo=UTC)


def _due(warehouse: Warehouse) -> list[datetime]:
    """The ticks that have not finished yet. One that was interrupted is among them and gets resumed."""
    end = _last_tick(warehouse)
    assert end is not None, "the shop was built"
    every = [end - timedelta(days=days) for days in reversed(range(TICKS))]
    if not warehouse.exists("ticks"):
        return every
    finished = exp.select(exp.Max(this=exp.column("as_of"))).from_(relation("ticks"))
    last = warehouse.scalar(finished.where(exp.column("finished_at").is_(exp.null()).not_()))
    return every if last is None else [as_of for as_of in every if as_of > last.replace(tzinfo=UTC)]


def _run_ticks(console: Console, specs: Specs, due: list[datetime]) -> None:
    project = Project(specs.root)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=40),
        MofNCompleteColumn(),
        TextColumn("ticks"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("", total=len(due))
        for as_of in due:
            progress.update(task, description=f"{as_of:%a %d %b %Y}")
            project.tick(as_of=as_of, send=True)
            progress.advance(task)


if __name__ == "__main__":
    sys.exit(main(engine=sys.argv[1] if len(sys.argv) > 1 else DEFAULT))
