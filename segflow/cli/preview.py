"""`segflow preview`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from segflow.cli.shared import instant_of, options_of, project_of
from segflow.errors import InputError

if TYPE_CHECKING:
    from segflow.explain.look import Look


def preview(
    context: typer.Context,
    segment: Annotated[str | None, typer.Argument(help="A segment, by the file as it is now.")] = None,
    where: Annotated[
        str | None, typer.Option(help="A condition in YAML in place of a segment; - reads it from stdin.")
    ] = None,
    as_of: Annotated[str | None, typer.Option(help="The moment to look at, in ISO form. Default: now.")] = None,
    limit: Annotated[int, typer.Option(min=0, help="How many contacts to show.")] = 20,
    sql: Annotated[bool, typer.Option("--sql", help="Show the query, too.")] = False,
) -> None:
    """Who would be in a segment, by the file as it is now, and who would come and go. Writes nothing."""
    from segflow.cli import show

    if (segment is None) == (where is None):
        raise InputError("name a segment, or give a condition: segflow preview --where '{list: newsletter}'")
    project, moment = project_of(context), instant_of(as_of)
    if segment is not None:
        found: Look = project.look(segment, moment, limit)
    elif where == "-":
        found = project.look_for(sys.stdin.read(), moment, limit, file="stdin")
    else:
        found = project.look_for(where, moment, limit, file="--where")
    if options_of(context).json:
        show.as_json(vars(found))
        return
    columns = [name for name, value in _sizes(found).items() if value is not None]
    show.table([_sizes(found)], columns)
    if found.sample:
        enters = ["enters"] if found.would_enter else []
        show.out.print()
        show.table(found.sample, ["contact_id", *enters, *found.columns])
    if found.exiting:
        show.out.print(f"\nwould exit: {', '.join(found.exiting)}", markup=False)
    if sql:
        show.out.verbatim(f"\n{found.sql}")
    told = f"compared with tick {found.compared_with}; " if found.compared_with else ""
    show.out.print(f"\n{told}{found.seconds:.2f} s in the warehouse", style="dim")
    for note in found.notes:
        show.out.print(note, style="yellow", markup=False)


def _sizes(found: Look) -> dict[str, object]:
    return {name: getattr(found, name) for name in ("segment", "as_of", "members", "would_enter", "would_exit")}
