"""`segflow fmt`."""

from __future__ import annotations

from typing import Annotated

import typer

from segflow.cli.shared import options_of


def fmt(
    context: typer.Context,
    check: Annotated[bool, typer.Option("--check", help="Change nothing; fail when a file would change.")] = False,
) -> None:
    """Write missing step ids into the flows; comments and layout stay."""
    from segflow.cli import show
    from segflow.specs.fmt import fmt_project

    changed = [str(path) for path in fmt_project(options_of(context).root.resolve(), check)]
    if options_of(context).json:
        show.as_json({"changed": changed})
    else:
        verb = "would change" if check else "changed"
        show.out.print("\n".join([*changed, f"{len(changed)} files {verb}"]), markup=False)
    if check and changed:
        raise typer.Exit(1)
