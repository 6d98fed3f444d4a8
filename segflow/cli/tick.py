"""`segflow tick`."""

from __future__ import annotations

from typing import Annotated

import typer

from segflow.cli.shared import instant_of, options_of, project_of


def tick(
    context: typer.Context,
    as_of: Annotated[str | None, typer.Option(help="The moment to look at, in ISO form. Default: now.")] = None,
    no_send: Annotated[bool, typer.Option("--no-send", help="Plan messages, send none.")] = False,
) -> None:
    """Run one tick: build, cross, advance, send, export. A tick that died is resumed first."""
    from rich.progress import Progress, SpinnerColumn, TextColumn

    from segflow.cli import show

    project = project_of(context)
    moment = instant_of(as_of)
    columns = (SpinnerColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=show.errors, transient=True, disable=options_of(context).json) as bar:
        task = bar.add_task("start")
        report = project.tick(
            moment,
            send=not no_send,
            progress=lambda run, stage: bar.update(task, description=f"{run.row.tick_id} {stage}"),
        )
    if options_of(context).json:
        show.as_json(show.report_data(report))
    else:
        show.tick_report(report, project.root)
    if report.errors:
        raise typer.Exit(1)
