"""`segflow freeze`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from segflow.cli.shared import options_of, project_of

if TYPE_CHECKING:
    from segflow.imports.import_contacts import Imported


def freeze(
    context: typer.Context,
    segment: Annotated[str, typer.Argument(help="The segment.")],
    list_name: Annotated[str, typer.Option("--list", help="The list that the members join; it need not exist.")],
) -> None:
    """Make a static list of the present members of a segment. The next tick adds them; no flow reacts to that."""
    from segflow.cli import show

    done: Imported = project_of(context).freeze(segment, list_name)
    if options_of(context).json:
        show.as_json(vars(done))
    else:
        show.out.print(_told(done, segment), markup=False, soft_wrap=True)


def _told(done: Imported, segment: str) -> str:
    if done.import_id is None:
        return f"{segment} has no members; nothing was recorded."
    members = f"{done.rows:,} member{'s' if done.rows != 1 else ''} of {segment}"
    if done.repeated:
        fate = (
            f"joined list {done.list} in tick {done.tick_id}"
            if done.tick_id
            else f"will be on list {done.list} with the next tick"
        )
        return f"Nothing was recorded: {members} {fate}, as asked before."
    return f"The next tick puts {members} on list {done.list}; no flow will react."
