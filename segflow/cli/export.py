"""`segflow export`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from segflow.cli.shared import options_of, project_of

if TYPE_CHECKING:
    from segflow.exports.single import Exported


def export(
    context: typer.Context,
    segment: Annotated[str, typer.Argument(help="The segment.")],
    format: Annotated[Literal["csv", "parquet", "jsonl"], typer.Option("--format", help="The file's format.")] = "csv",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Where to; default: the exports folder.")
    ] = None,
    column: Annotated[
        list[str] | None, typer.Option(help="A column to export; repeat it. Default: segflow.yml.")
    ] = None,
    sort: Annotated[list[str] | None, typer.Option(help="COLUMN or COLUMN:desc; repeat it.")] = None,
    where: Annotated[
        str | None, typer.Option(help="Only contacts that this condition (YAML) holds for; - reads it from stdin.")
    ] = None,
    only: Annotated[
        Literal["members", "entered", "exited"], typer.Option(help="The members, or who entered or exited.")
    ] = "members",
    at: Annotated[str | None, typer.Option(help="A tick, or a time: as of the last tick before it.")] = None,
    since: Annotated[
        str | None, typer.Option(help="Entries and exits after this tick or time. Default: those of one tick.")
    ] = None,
    formula_guard: Annotated[
        bool | None,
        typer.Option(
            "--formula-guard/--no-formula-guard",
            help="CSV: an apostrophe before texts that a spreadsheet would run. Default: segflow.yml.",
        ),
    ] = None,
) -> None:
    """Write the members of a segment, or who entered or exited it, to a file."""
    from segflow.cli import show

    project = project_of(context)
    written = project.export(
        segment,
        output,
        format=format,
        columns=column or (),
        sort=sort or (),
        where=sys.stdin.read() if where == "-" else where,
        only=only,
        at=at,
        since=since,
        formula_guard=formula_guard,
        file="stdin" if where == "-" else "--where",
    )
    if options_of(context).json:
        show.as_json(vars(written))
        return
    show.out.print(_sentence(written, show.relative(written.path, project.root)), markup=False, soft_wrap=True)
    if written.past:
        show.out.print("Attributes have no history: they are as they are now.", style="dim")


def _sentence(written: Exported, path: Path) -> str:
    one, many = {"members": ("member", "members"), "entered": ("entry", "entries"), "exited": ("exit", "exits")}[
        written.only
    ]
    when = f" as of tick {written.tick_id}" if written.past else ""
    after = f" after tick {written.since}" if written.since else ""
    what = f"{one if written.of == 1 else many}{after}{when} in {path}"
    if written.full:
        return f"{written.rows:,} {what}: {'the full segment' if written.only == 'members' else f'all {many}'}"
    return f"{written.rows:,} of {written.of:,} {what}: a filtered view"
