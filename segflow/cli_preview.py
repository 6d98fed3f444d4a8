"""`segflow preview`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from segflow.cli_shared import instant_of, options_of, project_of


def preview(
    context: typer.Context,
    segment: str,
    as_of: Annotated[str | None, typer.Option(help="The moment to look at, in ISO form. Default: now.")] = None,
    limit: Annotated[int, typer.Option(help="How many contact ids to print.")] = 20,
) -> None:
    """Who would be in a segment, by the file as it is now, and who would come and go. Writes nothing."""
    from segflow import show

    project = project_of(context)
    moment = instant_of(as_of)
    found = set(project.preview(segment, moment).column("contact_id").to_pylist())
    present = set(project.members(segment).column("contact_id").to_pylist())
    data: dict[str, Any] = {
        "segment": segment,
        "as_of": moment or datetime.now(UTC).replace(microsecond=0),
        "members": len(found),
        "would_enter": len(found - present),
        "would_exit": len(present - found),
        "contact_ids": sorted(found)[:limit],
    }
    if options_of(context).json:
        show.as_json(data)
        return
    show.table([data], ["segment", "as_of", "members", "would_enter", "would_exit"])
    if as_of is not None:
        show.out.print("Attributes have no history: they are read as they are now.", style="dim")
    show.out.print("\n".join(str(name) for name in data["contact_ids"]), markup=False)
