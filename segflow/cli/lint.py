"""`segflow lint`."""

from __future__ import annotations

from typing import Annotated

import typer

from segflow.cli.shared import options_of, project_of


def lint(
    context: typer.Context,
    segments: Annotated[list[str] | None, typer.Argument(help="Segments; default: all.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Let notes fail, too.")] = False,
) -> None:
    """Look for what is probably not meant, in the specs and by the data of the last tick. Exit code 1: warnings."""
    from segflow.cli import show
    from segflow.lint.lint import examine

    report = examine(project_of(context), segments or ())
    found = report.findings
    warnings = sum(finding.level == "warning" for finding in found)
    if options_of(context).json:
        rows = [{**vars(finding), "level": finding.level} for finding in found]
        show.as_json({"findings": rows, "skipped": report.skipped})
    else:
        for finding in found:
            show.out.print(
                str(finding), style="yellow" if finding.level == "warning" else None, markup=False, soft_wrap=True
            )
        for reason in report.skipped:
            show.out.print(f"Skipped: {reason}", style="dim", markup=False, soft_wrap=True)
        notes = len(found) - warnings
        told = f"{warnings} warning{'' if warnings == 1 else 's'}, {notes} note{'' if notes == 1 else 's'}"
        show.out.print(told if found else "Nothing to report.")
    if warnings or (strict and found):
        raise typer.Exit(1)
