"""`segflow schema`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from segflow.cli.shared import options_of


def schema(
    context: typer.Context,
    directory: Annotated[Path | None, typer.Option(help="Where to; default: .segflow/schemas of the project.")] = None,
) -> None:
    """Write JSON Schemas of the spec files, for editors that complete and check YAML."""
    from segflow.cli import show
    from segflow.specs.schema import write_schemas

    target = directory or options_of(context).root.resolve() / ".segflow" / "schemas"
    written = [str(path) for path in write_schemas(target)]
    if options_of(context).json:
        show.as_json({"written": written})
    else:
        show.out.print("\n".join(written), markup=False)
