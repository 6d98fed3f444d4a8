"""`segflow explain`."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from segflow.cli.shared import instant_of, options_of, project_of

if TYPE_CHECKING:
    from segflow.cli.grid import Branch
    from segflow.explain.answer import Answer
    from segflow.explain.explain import Explanation


def explain(
    context: typer.Context,
    segment: Annotated[str, typer.Argument(help="The segment.")],
    contact: Annotated[str, typer.Argument(help="A contact_id.")],
    as_of: Annotated[str | None, typer.Option(help="The moment to look at, in ISO form. Default: now.")] = None,
) -> None:
    """Why a contact is in a segment or not: each condition, what it found, and until when. Writes nothing."""
    from segflow.cli import show

    found: Explanation = project_of(context).explain(segment, contact, instant_of(as_of))
    if options_of(context).json:
        show.as_json(asdict(found))
        return
    state = "is" if found.member else "is not"
    until = f"; if nothing happens, until {_until(found.until, found.as_of)}" if found.until else ""
    show.out.print(
        f"{contact} {state} in {segment} at {_time(found.as_of)}{until}", markup=False, style="bold", soft_wrap=True
    )
    show.out.print()
    show.tree(_tree(found.answer, found))
    if found.kept_out_by:
        show.out.print("\nkept out by:")
        for leaf in found.kept_out_by:
            show.out.print(f"- {leaf.words} ({_holds(leaf)})", markup=False, soft_wrap=True)
    show.out.print()
    if found.crossings:
        rows = [vars(one) for one in found.crossings]
        show.table(rows, ["kind", "at", "entry_number", "cause", "triggers", "tick_id"])
    if found.last_tick is not None and not found.crossings:
        show.out.print("It has never crossed the border of this segment.")
    if found.last_tick is None:
        show.out.print("No tick has run yet.")
    elif found.member_at_last_tick != found.member:
        was = "was in it" if found.member_at_last_tick else "was not in it"
        show.out.print(f"At the last tick ({found.last_tick}) the contact {was}.", style="yellow")
    for note in found.notes:
        show.out.print(note, style="yellow", markup=False)


def _tree(answer: Answer, found: Explanation) -> Branch:
    from rich.text import Text

    from segflow.cli.grid import Branch

    branch = Branch(_line(answer, found), [Branch(_row(row)) for row in answer.rows])
    branch.parts += [_tree(part, found) for part in answer.parts]
    if answer.segment is not None and not answer.parts:
        branch.parts.append(Branch(Text(f"segflow explain {answer.segment} {found.contact_id}", style="dim")))
    return branch


def _line(answer: Answer, found: Explanation) -> Any:
    from rich.text import Text

    line = Text()
    line.append(f"{_holds(answer):6}", style="green" if answer.holds else "red")
    line.append(answer.words)
    if answer.found:
        line.append(f"  [{', '.join(f'{name} {_value(value)}' for name, value in answer.found.items())}]", style="cyan")
    if answer.unsaid is not None:
        line.append(f"  ({answer.unsaid})", style="yellow")
    if answer.until is not None:
        line.append(f"  until {_until(answer.until, found.as_of)}", style="yellow")
    return line


def _row(row: dict[str, Any]) -> Any:
    from rich.text import Text

    return Text(f"row: {', '.join(f'{name} {_value(value)}' for name, value in row.items())}", style="dim")


def _holds(answer: Answer) -> str:
    if answer.holds is None:
        return "?"
    return "true" if answer.holds else "false"


def _value(value: Any) -> str:
    if value is None:
        return "missing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return _time(value)
    if isinstance(value, list):
        return ", ".join(str(one) for one in value) or "empty"
    return f"{value:g}" if isinstance(value, float) else value.isoformat() if isinstance(value, date) else str(value)


def _time(at: datetime) -> str:
    """To the minute, or as exact as it has to be."""
    text = at.strftime("%Y-%m-%d %H:%M")
    if at.second or at.microsecond:
        text = at.strftime("%Y-%m-%d %H:%M:%S") + (f".{at.microsecond:06}" if at.microsecond else "")
    return f"{text} UTC"


def _until(at: datetime, now: datetime) -> str:
    return f"{_time(at)}, in {_span(at - now)}"


def _span(span: timedelta) -> str:
    """The largest unit of a span that it fills, rounded down."""
    for unit, seconds in (("day", 86400), ("hour", 3600), ("minute", 60)):
        number = int(span.total_seconds() // seconds)
        if number:
            return f"{number} {unit}{'' if number == 1 else 's'}"
    return "less than a minute"
