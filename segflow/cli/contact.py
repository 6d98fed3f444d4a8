"""`segflow contact`: what people do with single contacts."""

from __future__ import annotations

from typing import Annotated

import typer

from segflow.cli.shared import options_of, project_of

_HELP = "The contacts that flows have deleted: list them, let them come back."
contact_app = typer.Typer(help=_HELP, no_args_is_help=True)


@contact_app.callback()
def _contact() -> None:
    """The contacts that flows have deleted: list them, let them come back."""


@contact_app.command()
def deleted(context: typer.Context) -> None:
    """The contacts that are deleted: since when, and by which step."""
    from segflow.cli import show

    rows = [vars(one) for one in project_of(context).deleted()]
    if options_of(context).json:
        show.as_json({"deleted": rows})
    else:
        show.table(rows, ["contact_id", "deleted_at", "flow", "step"])


@contact_app.command()
def restore(
    context: typer.Context,
    contacts: Annotated[list[str], typer.Argument(help="Their ids.")],
    reason: Annotated[str | None, typer.Option(help="Why; it is kept in segflow.contact_restores.")] = None,
) -> None:
    """Let deleted contacts come back with the next tick. Their addresses stay suppressed."""
    from segflow.cli import show

    rows = project_of(context).restore(contacts, reason)
    if options_of(context).json:
        show.as_json({"restored": rows})
        return
    many = f"{len(rows):,} contact{'s' if len(rows) != 1 else ''}"
    show.out.print(
        f"The next tick restores {many}: run segflow tick. Their addresses stay suppressed; to take one off the list: "
        "segflow suppressions remove CHANNEL ADDRESS",
        markup=False,
        soft_wrap=True,
    )
