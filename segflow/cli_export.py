"""`segflow export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from segflow.cli_shared import options_of, project_of
from segflow.errors import InputError


def export(
    context: typer.Context,
    segment: str,
    format: Annotated[Literal["csv", "parquet", "json"], typer.Option("--format", help="The file's format.")] = "csv",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Where to; default: the exports folder.")
    ] = None,
    column: Annotated[
        list[str] | None, typer.Option(help="A column to export; repeat it. Default: segflow.yml.")
    ] = None,
) -> None:
    """Write the present members of a segment to a file."""
    from segflow import show
    from segflow.exports import export_segment

    project = project_of(context)
    with project.warehouse() as warehouse:
        warehouse.ensure_tables()
        if not warehouse.exists("contacts"):
            raise InputError("no tick has run yet, so there are no members; run segflow tick")
        written = export_segment(project.specs, warehouse, segment, format, output, column)
    if options_of(context).json:
        show.as_json(vars(written))
    else:
        show.out.print(f"{written.rows:,} members in {written.path}", markup=False)
