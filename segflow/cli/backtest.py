"""`segflow backtest`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from segflow.cli.shared import instant_of, options_of, project_of
from segflow.errors import InputError

if TYPE_CHECKING:
    from segflow.worlds.backtest import Backtest


def backtest(
    context: typer.Context,
    flow: Annotated[str, typer.Argument(help="The flow, as its file is now.")],
    first: Annotated[str, typer.Option("--from", help="The first tick, in ISO form.")],
    last: Annotated[str, typer.Option("--to", help="Up to when.")],
    every: Annotated[str, typer.Option(help="From tick to tick.")] = "1 day",
    limit: Annotated[int, typer.Option(help="So many of those who would have entered are named.")] = 20,
) -> None:
    """What a flow would have done over past ticks on the data as it was. Nothing is written or sent."""
    from segflow.cli import show
    from segflow.durations import Duration

    try:
        span = Duration.parse(every)
    except ValueError as error:
        raise InputError(f"--every {every}: {error}") from None
    begin, end = instant_of(first), instant_of(last)
    assert begin is not None
    assert end is not None
    found: Backtest = project_of(context).backtest(flow, begin, end, span, limit)
    if options_of(context).json:
        show.as_json(asdict(found))
        return
    rows = [
        {
            "as of": one.as_of,
            "enrolled": one.enrolled or "",
            "not let in": _split(one.dropped),
            "messages": _split(one.messages),
            "not sent": _split(one.refused),
            "ended": _split(one.ended),
        }
        for one in found.ticks
        if not one.quiet
    ]
    if rows:
        show.table(rows, ["as of", *(name for name in list(rows[0])[1:] if any(row[name] for row in rows))])
    many = sum(found.messages.values())
    told = f"{len(found.ticks):,} ticks, {found.enrolled:,} enrolled, {many:,} messages, {found.active:,} still inside"
    show.out.print(f"\n{told}. Nothing was written or sent.", markup=False)
    if found.contacts:
        more = ", ..." if len(found.contacts) == limit else ""
        show.out.print(f"Entered: {', '.join(found.contacts)}{more}", markup=False, soft_wrap=True)
    for name, why in found.faults.items():
        show.error(f"{name} cannot be evaluated: {why}")
    for note in found.notes:
        show.out.print(f"Not as it was: {note}.", style="yellow", markup=False, soft_wrap=True)


def _split(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{many:,} {name}" for name, many in sorted(counts.items()))
