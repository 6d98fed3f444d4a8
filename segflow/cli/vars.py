"""`segflow vars`."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from segflow.cli.shared import instant_of, project_of


def vars_(
    context: typer.Context,
    as_of: Annotated[str | None, typer.Option(help="The moment to look at, in ISO form. Default: now.")] = None,
) -> None:
    """Print the dbt vars of a moment: dbt build --vars "$(segflow vars)" builds the models by hand."""

    from segflow.ticks.ledger import moment_of, tick_id_of

    project = project_of(context)
    moment = moment_of(instant_of(as_of))
    bounds = json.loads(project.compiled.bounds_at(moment))
    print(json.dumps({"segflow": {"tick_id": f"manual_{tick_id_of(moment)}", "bounds": bounds}}))
