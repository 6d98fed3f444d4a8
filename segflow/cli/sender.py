"""`segflow sender`: what people ask of one sender."""

from __future__ import annotations

import dataclasses
from typing import Annotated

import typer

from segflow.cli.shared import options_of, project_of

sender_app = typer.Typer(help="Ask a sender whether its settings would do.", no_args_is_help=True)


@sender_app.callback()
def _sender() -> None:
    """Ask a sender whether its settings would do."""


@sender_app.command()
def check(
    context: typer.Context, name: Annotated[str, typer.Argument(help="The sender, as segflow.yml has it.")]
) -> None:
    """Connect, log in and leave, as far as the sender can without sending anything. Exit code 1: it will not do."""
    from segflow.cli import show

    found = project_of(context).check_sender(name)
    if options_of(context).json:
        show.as_json(dataclasses.asdict(found))
    else:
        show.out.print(f"{found.name} ({found.type}): {found.does}", markup=False)
        if found.answer is not None:
            show.out.print(f"It answered: {found.answer}", markup=False, style="green")
    if found.fault is not None:
        show.error(f"sender {found.name}: {found.fault}")
        raise typer.Exit(1)
