"""`segflow segments` and `segflow flows`."""

from __future__ import annotations

from typing import Any, Literal

import typer

from segflow.cli_shared import options_of, project_of
from segflow.errors import InputError


def segments(context: typer.Context) -> None:
    """The segments with their size and what the last tick did."""
    _listing(context, "segments", ["segment", "members", "entered", "exited", "status", "reason"])


def flows(context: typer.Context) -> None:
    """The flows with who is in them and what the last tick did."""
    _listing(context, "flows", ["flow", "status", "enrolled", "active", "ended", "planned", "reason"])


def _listing(context: typer.Context, what: Literal["segments", "flows"], columns: list[str]) -> None:
    from segflow import show
    from segflow.crossings import cross
    from segflow.flows import advance

    project = project_of(context)
    last = project.last_tick()
    if last is None:
        raise InputError("no tick has run yet; run segflow tick")
    with project.warehouse() as warehouse:
        read: Any = cross.results if what == "segments" else advance.results
        rows = [vars(one) for one in read(warehouse, last.tick_id)]
    if options_of(context).json:
        show.as_json({"tick_id": last.tick_id, what: rows})
    else:
        show.table(rows, columns, title=f"Tick {last.tick_id}")
