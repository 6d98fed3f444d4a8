"""`segflow plan`."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from segflow.cli.shared import instant_of, options_of, project_of
from segflow.errors import InputError, SegflowError

if TYPE_CHECKING:
    from segflow.plan.result import Plan


def plan(
    context: typer.Context,
    as_of: Annotated[str | None, typer.Option(help="When the tick would run, in ISO form. Default: now.")] = None,
    format: Annotated[
        Literal["table", "json", "markdown"] | None, typer.Option("--format", help="How the plan is printed.")
    ] = None,
    exit_code: Annotated[
        bool,
        typer.Option("--exit-code", help="0: the files are what is live; 1: they differ; 2: it could not be planned."),
    ] = False,
) -> None:
    """What the next tick would do with the files as they are, against what is live. Writes nothing."""
    from segflow.cli import show
    from segflow.plan.words import markdown

    try:
        found: Plan = project_of(context).plan(instant_of(as_of))
    except SegflowError as error:
        # 1 says that the files differ, so nothing else may.
        if not exit_code:
            raise
        raise InputError(str(error)) from error
    chosen = format or ("json" if options_of(context).json else "table")
    if chosen == "json":
        show.as_json({**dataclasses.asdict(found), "changes": found.changes})
    elif chosen == "markdown":
        print(markdown(found))
    else:
        _table(found)
    if exit_code and found.changes:
        raise typer.Exit(1)


def _table(found: Plan) -> None:
    from segflow.cli import show
    from segflow.plan import words

    show.out.print(f"{words.headline(found)}.", markup=False, soft_wrap=True)
    for columns, rows in (
        (words.SEGMENT_COLUMNS, words.segment_rows(found)),
        (words.flow_columns(found), words.flow_rows(found)),
    ):
        if rows:
            show.out.print()
            show.table(rows, columns)
    if told := words.quiet(found):
        show.out.print(f"\n{told}", style="dim")
    for line in [*words.details(found), *found.findings]:
        show.out.print(line, markup=False, soft_wrap=True)
    for line in [*found.warnings, *found.notes]:
        show.out.print(line, style="yellow", markup=False, soft_wrap=True)
