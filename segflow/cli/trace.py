"""`segflow trace`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from segflow.cli.shared import options_of, project_of

if TYPE_CHECKING:
    from segflow.history.trace import Trace


def trace(context: typer.Context, contact: Annotated[str, typer.Argument(help="A contact_id.")]) -> None:
    """All that happened to one contact, in its order: crossings, enrollments, steps, messages, each with its reason."""
    from segflow.cli import show

    found: Trace = project_of(context).trace(contact)
    if options_of(context).json:
        show.as_json(asdict(found))
        return
    rows = [{"at (UTC)": row.at, "what": row.what, "": row.words} for row in found.rows]
    show.table(rows, ["at (UTC)", "what", ""], title=f"Contact {contact}")
    inside = ", ".join(f"{flow} (at {step})" for flow, step in found.flows.items()) or "no flow"
    now = f"Now a member of {', '.join(found.segments) or 'no segment'}; in {inside}."
    many = len(found.waiting)
    waits = f" {many} message{'s wait' if many > 1 else ' waits'} to be sent." if many else ""
    show.out.print(f"\n{now}{waits}", markup=False, soft_wrap=True)
