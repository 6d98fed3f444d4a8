"""`segflow flow show`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from segflow.cli.shared import options_of, project_of
from segflow.files import write_whole

if TYPE_CHECKING:
    from segflow.flows.picture import Picture


def show(
    context: typer.Context,
    flow: Annotated[str, typer.Argument(help="The flow.")],
    format: Annotated[
        Literal["text", "mermaid", "svg", "json"] | None, typer.Option("--format", help="How it is drawn.")
    ] = None,
    output: Annotated[Path | None, typer.Option(help="A file for it; default: it is printed.")] = None,
) -> None:
    """A picture of a flow: its steps and ways, and how many contacts stand at each step and have passed it."""
    from segflow.cli import show
    from segflow.flows.draw import head, lines, mermaid, text
    from segflow.flows.svg import svg

    found: Picture = project_of(context).picture(flow)
    chosen = format or ("json" if options_of(context).json else "text")
    if chosen == "json":
        show.as_json(asdict(found))
        return
    drawn = {"text": text, "mermaid": mermaid, "svg": svg}[chosen](found)
    if output is None and chosen == "text":
        show.out.print("\n".join([*head(found), ""]))
        show.table([{"step": left, "counts": right} for left, right in lines(found)], ["step", "counts"], heads=False)
    elif output is None:
        print(drawn)
    else:
        write_whole(output, f"{drawn.rstrip()}\n".encode(), durable=False)
        show.out.print(f"Wrote {output}.", markup=False, soft_wrap=True)
