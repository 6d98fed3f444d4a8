"""`segflow import` and `segflow imports`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from segflow.cli.shared import options_of, project_of
from segflow.errors import InputError

_SHOWN = 20


def import_(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="A .csv or .parquet file with a row per contact.")],
    trigger_flows: Annotated[
        bool | None,
        typer.Option("--trigger-flows/--no-trigger-flows", help="May flows react to the crossings that it causes?"),
    ] = None,
    list_name: Annotated[str | None, typer.Option("--list", help="Add every contact of the file to this list.")] = None,
    map_: Annotated[
        list[str] | None,
        typer.Option("--map", help="COLUMN=ATTRIBUTE; COLUMN= leaves the column out. Repeat it."),
    ] = None,
    formula_guard: Annotated[
        bool,
        typer.Option(
            "--formula-guard/--no-formula-guard",
            help="Take off the apostrophes that exports put before formulas, or leave every text as it is.",
        ),
    ] = True,
    refused: Annotated[Path | None, typer.Option("--refused", help="A CSV file for the rows that are refused.")] = None,
) -> None:
    """Import contacts, values and list members from a file. The next tick takes them in."""
    from segflow.cli import show
    from segflow.imports.columns import parse_mapping
    from segflow.imports.refused import write_refused

    mapping = parse_mapping(map_ or [])
    if trigger_flows is None:
        trigger_flows = _asked()
    done = project_of(context).import_contacts(
        file, trigger_flows=trigger_flows, list_name=list_name, mapping=mapping, formula_guard=formula_guard
    )
    if refused is not None:
        write_refused(refused, done.refused)
    if options_of(context).json:
        show.as_json({**vars(done), "refused": [vars(one) for one in done.refused]})
    else:
        show.out.print(_told(done), markup=False, soft_wrap=True)
        _refused(done.refused, refused)
    if done.refused:
        raise typer.Exit(1)


def imports(context: typer.Context) -> None:
    """The imports that were made, the last first, and the ticks that took them in."""
    from segflow.cli import show

    rows = project_of(context).store.imports.listing()
    if options_of(context).json:
        show.as_json({"imports": rows})
    else:
        columns = ["file", "list", "rows", "refused", "trigger_flows", "decided_by", "decided_at", "tick_id"]
        show.table(rows, columns)


def _asked() -> bool:
    if not sys.stdin.isatty():
        raise InputError(
            "say whether flows may react to what this import changes: --trigger-flows or --no-trigger-flows"
        )
    return typer.confirm("May flows react to what this import changes?", default=None, err=True)


def _told(done: Any) -> str:
    answer = "flows may react" if done.trigger_flows else "no flow will react"
    if done.import_id is None:
        return f"No row of {done.file} was imported."
    rows = f"{done.rows:,} row{'s' if done.rows != 1 else ''} of {done.file}"
    if done.repeated:
        fate = f"tick {done.tick_id} took them in" if done.tick_id else "they wait for the next tick"
        were = "were" if done.rows != 1 else "was"
        return f"{rows} {were} imported before, on {done.decided_at:%Y-%m-%d %H:%M} UTC: {fate}. Nothing was recorded."
    return f"{rows} wait{'' if done.rows != 1 else 's'} for the next tick; {answer}."


def _refused(rows: Any, written: Path | None) -> None:
    from segflow.cli import show

    if not rows:
        return
    show.error(f"{len(rows):,} row{'s were' if len(rows) != 1 else ' was'} refused:")
    show.table([vars(one) for one in rows[:_SHOWN]], ["line", "column", "value", "why"])
    if written is not None:
        show.out.print(f"All of them are in {written}", markup=False)
    elif len(rows) > _SHOWN:
        show.out.print(f"... and {len(rows) - _SHOWN:,} more; --refused FILE.csv writes all of them")
