"""`segflow history` and `segflow overlap`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from segflow.cli.shared import options_of, project_of

if TYPE_CHECKING:
    from segflow.history.timeline import History


def history(
    context: typer.Context,
    segment: Annotated[str, typer.Argument(help="The segment.")],
    contact: Annotated[str | None, typer.Option(help="Show when this contact entered and exited, and why.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many ticks to print, the last ones; JSON has all.")] = 20,
) -> None:
    """Versions and sizes of a segment over time, or one contact's crossings."""
    from segflow.cli import show
    from segflow.crossings.allowed import allowed_words

    found: History = project_of(context).history(segment, contact)
    if options_of(context).json:
        show.as_json(asdict(found))
    elif found.crossings is not None:
        _crossings(found)
    else:
        rows = [
            {"version": one.segment_version, "tick": one.tick_id, "changed": "\n".join(one.changed) or "first version"}
            for one in found.versions
        ]
        show.table(rows, ["version", "tick", "changed"])
        show.out.print()
        sizes = [
            {
                **vars(one),
                "tick": one.tick_id,
                "version": one.segment_version or None,
                "allowed": None if one.allowed is None else allowed_words(one.allowed),
            }
            for one in found.sizes[-limit:]
        ]
        show.table(sizes, ["tick", "members", "entered", "exited", "version", "status", "allowed"])
        if len(found.sizes) > limit:
            show.out.print(f"{len(found.sizes) - limit} earlier ticks: --limit {len(found.sizes)}", style="dim")


def _crossings(found: History) -> None:
    from segflow.cli import show

    if not found.crossings:
        show.out.print(f"{found.contact_id} has never been in {found.segment}.", markup=False)
        return
    rows = [{**vars(one), "entry": one.entry_number, "version": one.segment_version} for one in found.crossings]
    show.table(rows, ["at", "crossing", "entry", "cause", "triggers", "version", "tick_id"])
    last = found.crossings[-1]
    told = "is a member" if last.crossing == "entered" else "is no member"
    show.out.print(f"\n{found.contact_id} {told} since {last.at:%Y-%m-%d %H:%M} UTC.", markup=False)


def overlap(
    context: typer.Context,
    segments: Annotated[list[str], typer.Argument(help="The segments: two or more.")],
    at: Annotated[str | None, typer.Option(help="A tick, or a time: as of the last tick before it.")] = None,
) -> None:
    """How many members segments share, two by two and all together."""
    from segflow.cli import show

    found = project_of(context).overlap(*segments, at=at)
    if options_of(context).json:
        show.as_json({**asdict(found), "in_all": found.in_all, "in_any": found.in_any})
        return
    pairs = [
        {
            "segment": f"{pair.segment} ({pair.members:,})",
            "and": f"{pair.other} ({pair.other_members:,})",
            "both": pair.both,
            "only the first": pair.only_segment,
            "only the second": pair.only_other,
        }
        for pair in found.pairs
    ]
    show.table(pairs, list(pairs[0]), title=f"Tick {found.tick_id}")
    many = f"{found.in_any:,} contacts are in at least one of them"
    show.out.print(f"\n{many}, {found.in_all:,} in all {len(found.sizes)}.")
