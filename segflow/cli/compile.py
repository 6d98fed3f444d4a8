"""`segflow compile`."""

from __future__ import annotations

from typing import Annotated

import typer

from segflow.cli.shared import options_of, project_of


def compile_(
    context: typer.Context,
    check: Annotated[bool, typer.Option("--check", help="Change nothing; fail when models and specs differ.")] = False,
) -> None:
    """Generate the dbt models from the specs."""
    from segflow.cli import show

    project = project_of(context)
    if check:
        found = project.check_models()
        if options_of(context).json:
            show.as_json({"differences": found})
        else:
            show.error("\n".join(found)) if found else show.out.print("The generated models match the specs.")
        if found:
            if not options_of(context).json:
                show.error("Run segflow compile and commit what it writes.")
            raise typer.Exit(1)
        return
    changed = [str(path) for path in project.write_models()]
    if options_of(context).json:
        show.as_json({"changed": changed})
    else:
        show.out.print("\n".join([*changed, f"{len(changed)} files changed"]), markup=False)
