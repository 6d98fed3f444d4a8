"""`segflow segments` and `segflow flows`."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from segflow.cli.shared import options_of, project_of
from segflow.errors import InputError

if TYPE_CHECKING:
    from segflow.flows.lift import Lift

_WIDE = 120
"""From this width on a terminal has room for who made a segment, and for the last tick that evaluated it."""


def segments(context: typer.Context) -> None:
    """The segments with their size, what the last tick did, and who changed them last."""
    from segflow.cli import show

    last, found = project_of(context).segments()
    if options_of(context).json:
        show.as_json({"tick_id": last, "segments": [vars(one) for one in found]})
        return
    rows = [
        {
            **vars(one),
            "change": f"{one.change:+,}" if one.change else "",
            "last changed": _by(one.changed_by, one.changed_at),
            "created": _by(one.created_by, one.created_at),
            "due": f"{one.due:%Y-%m-%d %H:%M}" if one.due is not None else "next tick" if one.every else "",
        }
        for one in found
    ]
    wanted = ["segment", "members", "change", "owner", "last changed", "created", "last_tick", "due", "status"]
    left_out = set() if show.out.width >= _WIDE else {"created", "last_tick"}
    always = {"segment", "members", "status"}
    columns = [name for name in wanted if name in always or (name not in left_out and any(row[name] for row in rows))]
    show.table(rows, columns, title=f"Tick {last}")
    for one in found:
        if one.reason and one.status != "resting":
            show.out.print(f"{one.segment} is {one.status}: {one.reason}", style="yellow", markup=False)


def _by(name: str | None, at: datetime | None) -> str:
    return f"{at:%Y-%m-%d} {name}" if at is not None else ""


def flows(
    context: typer.Context,
    lift: Annotated[
        bool, typer.Option("--lift", help="Conversions of who got in against who was withheld, with their interval.")
    ] = False,
) -> None:
    """The flows with who is in them, what the last tick did, and who has paused one since."""
    from segflow.cli import show
    from segflow.decisions import flow_switch
    from segflow.flows import advance

    project = project_of(context)
    last = project.last_tick()
    if last is None:
        raise InputError("no tick has run yet; run segflow tick")
    if lift:
        _lifts(context, project.lifts(), last.tick_id)
        return
    with project.warehouse() as warehouse:
        rows = [vars(one) for one in advance.results(warehouse, last.tick_id)]
    paused = flow_switch.pauses(project)
    for row in rows:
        # Paused or resumed since that tick: it holds at once.
        if row["flow"] in paused:
            row |= {"status": "paused", "reason": str(paused[row["flow"]])}
        elif row["status"] == "paused" and row["reason"] is not None:
            row |= {"status": "active", "reason": "resumed; it goes on with the next tick"}
    if options_of(context).json:
        show.as_json({"tick_id": last.tick_id, "flows": rows})
    else:
        show.table(rows, [*show.flow_columns(rows), "reason"], title=f"Tick {last.tick_id}")


def _lifts(context: typer.Context, found: list[Lift], tick_id: str) -> None:
    from segflow.cli import show

    if options_of(context).json:
        show.as_json({"tick_id": tick_id, "flows": [vars(one) for one in found]})
        return
    if not found:
        show.out.print("No flow has had a goal and a holdout.")
        return
    rows = [
        {
            **vars(one),
            "rate": _percent(one.rate),
            "of withheld": _percent(one.rate_withheld),
            "lift": _points(one.lift),
            "95% interval": f"{_points(one.low)} to {_points(one.high)}" if one.lift is not None else "",
        }
        for one in found
    ]
    columns = ["flow", "enrolled", "converted", "rate", "withheld", "of withheld", "lift", "95% interval"]
    show.table(rows, columns, title=f"Up to tick {tick_id}")


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.1%}"


def _points(share: float | None) -> str:
    """A difference of two shares in percentage points."""
    return "" if share is None else f"{100 * share:+.1f}"
