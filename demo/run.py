"""`make demo`: builds the shop where it is missing, lives through thirty days of it, and shows what happened."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from sqlglot import exp

from demo.screen import show
from demo.shop import END, build
from segflow.errors import SegflowError
from segflow.project import Project
from segflow.specs.load import load_specs
from segflow.specs.project import Specs
from segflow.warehouse.base import Warehouse, relation
from segflow.warehouse.duckdb import DuckDBWarehouse

ROOT = Path(__file__).resolve().parents[1]
TICKS = 30


def main() -> int:
    """Run what is left of the demo and return the exit code. A demo that was interrupted goes on where it was."""
    console = Console()
    try:
        specs = load_specs(ROOT)
        _build_shop(console, specs)
        with _warehouse(specs) as warehouse:
            due = _due(warehouse)
        if due:
            _run_ticks(console, due)
        else:
            console.print("All ticks of the demo have run; remove .segflow/ and exports/ to begin again.")
        with _warehouse(specs) as warehouse:
            show(console, warehouse, specs)
    except SegflowError as error:
        Console(stderr=True).print(str(error), style="red", markup=False)
        return error.exit_code
    except KeyboardInterrupt:
        console.print("\nStopped. Run it again to go on from here.")
        return 130
    return 0


def _warehouse(specs: Specs) -> Warehouse:
    return DuckDBWarehouse(specs.path(specs.settings.warehouse.path))


def _build_shop(console: Console, specs: Specs) -> None:
    with _warehouse(specs) as warehouse:
        tables = exp.select("table_name").from_(exp.table_("tables", db="information_schema"))
        built = warehouse.rows(tables.where(exp.column("table_schema").eq("raw")).limit(1))
    if built:
        return
    with console.status("Building the shop"):
        shop = build(specs.path(specs.settings.warehouse.path))
    console.print(
        f"The shop: {shop.customers:,} customers, {shop.events:,} events and {shop.orders:,} orders "
        f"from {shop.start:%d %B %Y} to {shop.end:%d %B %Y}"
    )


def _due(warehouse: Warehouse) -> list[datetime]:
    """The ticks that have not finished yet. One that was interrupted is among them and gets resumed."""
    every = [END - timedelta(days=days) for days in reversed(range(TICKS))]
    if not warehouse.exists("ticks"):
        return every
    finished = exp.select(exp.Max(this=exp.column("as_of"))).from_(relation("ticks"))
    last = warehouse.scalar(finished.where(exp.column("finished_at").is_(exp.null()).not_()))
    return every if last is None else [as_of for as_of in every if as_of > last.replace(tzinfo=UTC)]


def _run_ticks(console: Console, due: list[datetime]) -> None:
    project = Project(ROOT)
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
    sys.exit(main())
