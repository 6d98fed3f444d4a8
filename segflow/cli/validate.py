"""`segflow validate`."""

from __future__ import annotations

import typer

from segflow.cli.shared import options_of
from segflow.errors import SpecError


def validate(context: typer.Context) -> None:
    """Check every spec file, report every problem of all of them, and warn of what a tick will miss."""
    from segflow.cli import show
    from segflow.segments.compiler import compile_project
    from segflow.specs.load import collect_with_warnings, load_settings
    from segflow.specs.setup import without_connection

    options = options_of(context)
    root = options.root.resolve()
    specs, issues, warnings = collect_with_warnings(root)
    try:
        if specs is not None:
            compile_project(specs)
    except SpecError as error:
        issues = error.issues
    # What is missing beside the specs is no mistake in them: they are checked where no data is, too.
    # It is told beside the mistakes, so that one more look is not needed.
    settings = specs.settings if specs is not None else load_settings(root)[0]
    begun = settings is not None and (root / "segment_specs/catalog.yml").exists()
    setup = without_connection(root, settings) if settings is not None and begun else []
    if options.json:
        found = {"issues": issues, "warnings": warnings}
        told = {name: [vars(issue) for issue in told] for name, told in found.items()}
        show.as_json({**told, "setup": [vars(fault) for fault in setup]})
    else:
        for warning in warnings:
            show.error(f"warning: {warning}")
        for fault in setup:
            show.error(f"warning: {fault}")
        if specs is not None and not issues:
            show.out.print(f"{len(specs.segments)} segments and {len(specs.flows)} flows are fine.")
            if specs.unfinished:
                many = "is an unfinished draft" if len(specs.unfinished) == 1 else "are unfinished drafts"
                show.out.print(f"{', '.join(sorted(specs.unfinished))} {many}: left out until the warnings are mended.")
    if issues:
        if not options.json:
            show.error("\n".join(str(issue) for issue in issues))
            show.error(f"{len(issues)} problem{'s' if len(issues) > 1 else ''}")
        raise typer.Exit(2)
