"""`segflow tasks`: what flows asked people to do."""

from __future__ import annotations

from typing import Annotated

import typer

from segflow.cli.shared import options_of, project_of


def tasks(
    context: typer.Context,
    assignee: Annotated[str | None, typer.Option(help="Only theirs.")] = None,
    flow: Annotated[str | None, typer.Option(help="Only those of this flow.")] = None,
    limit: Annotated[int, typer.Option(help="How many, the latest first.")] = 100,
) -> None:
    """The tasks that flows made for people."""
    from segflow.cli import show

    rows = project_of(context).tasks(assignee, flow, limit)
    if options_of(context).json:
        show.as_json({"tasks": rows})
        return
    told = [{**row, "due": f"{row['due_at']:%Y-%m-%d %H:%M}" if row["due_at"] else ""} for row in rows]
    show.table(told, ["due", "assignee", "title", "contact_id", "flow", "step"])
