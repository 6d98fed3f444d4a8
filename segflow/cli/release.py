"""`segflow release`: a person lets pass what a guard holds."""

from __future__ import annotations

from typing import Annotated

import typer

from segflow.cli.shared import options_of, project_of


def release(
    context: typer.Context,
    segments: Annotated[list[str] | None, typer.Argument(help="Held segments, or whose old rule cannot run.")] = None,
    flow: Annotated[list[str] | None, typer.Option("--flow", help="A flow that is held; repeat it.")] = None,
    contacts: Annotated[bool, typer.Option("--contacts", help="The missing contacts are gone for good.")] = False,
    reason: Annotated[str | None, typer.Option(help="Why; it is kept with the decision.")] = None,
) -> None:
    """Let what a guard holds pass, once: you have looked, and it is right. The next tick does the rest.

    Also for an edited segment whose old rule cannot run any more: then what the edit moves may trigger flows."""
    from segflow.cli import show

    rows = project_of(context).release(segments or [], flow or [], contacts, reason)
    if options_of(context).json:
        show.as_json({"released": rows})
    else:
        show.table(rows, ["kind", "name", "reason", "decided_by", "decided_at"])
        show.out.print("Released for one tick: run segflow tick.")
