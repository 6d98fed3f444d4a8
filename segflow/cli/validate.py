"""`segflow validate`."""

from __future__ import annotations

import typer

from segflow.cli.shared import options_of
from segflow.errors import SpecError


def validate(context: typer.Context) -> None:
    """Check every spec file and report every problem of all of them."""
    from segflow.cli import show
    from segflow.segments.compiler import compile_project
    from segflow.specs.load import load_specs

    options = options_of(context)
    issues = []
    try:
        compile_project(specs := load_specs(options.root.resolve()))
    except SpecError as error:
        issues = error.issues
    if options.json:
        show.as_json({"issues": [vars(issue) for issue in issues]})
    elif not issues:
        show.out.print(f"{len(specs.segments)} segments and {len(specs.flows)} flows are fine.")
    if issues:
        if not options.json:
            show.error("\n".join(str(issue) for issue in issues))
            show.error(f"{len(issues)} problem{'s' if len(issues) > 1 else ''}")
        raise typer.Exit(2)
