"""`segflow outbox`: messages whose outcome nobody knows wait here for a person."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from segflow.cli.shared import options_of, project_of
from segflow.errors import InputError

outbox_app = typer.Typer(
    help="Messages whose outcome nobody knows: look, send again, or give up.", no_args_is_help=True
)


@outbox_app.command("list")
def outbox_list(
    context: typer.Context,
    status: Annotated[
        Literal["planned", "claimed", "sent", "skipped", "failed", "held", "unknown", "dropped"],
        typer.Option(help="Which messages."),
    ] = "unknown",
    limit: Annotated[int, typer.Option(help="How many.")] = 100,
) -> None:
    """Messages by status; unknown ones wait for release or drop."""
    from segflow.cli import show

    rows = project_of(context).store.listing(status, limit)
    if options_of(context).json:
        show.as_json(rows)
    else:
        show.table(rows, ["message_id", "flow", "step", "contact_id", "channel", "sender", "status", "reason"])


MessageIds = Annotated[list[str] | None, typer.Argument(help="Message ids.")]
Everything = Annotated[bool, typer.Option("--all", help="All messages of unknown outcome.")]


@outbox_app.command("release")
def outbox_release(context: typer.Context, message_ids: MessageIds = None, all_: Everything = False) -> None:
    """Send messages of unknown outcome again: you know that they did not arrive."""
    from segflow.cli import show

    count = project_of(context).store.release(_chosen(message_ids, all_))
    show.as_json({"released": count}) if options_of(context).json else show.out.print(
        f"{count} messages are planned again"
    )


@outbox_app.command("drop")
def outbox_drop(context: typer.Context, message_ids: MessageIds = None, all_: Everything = False) -> None:
    """Give up messages of unknown outcome: they did arrive, or are not worth it."""
    from segflow.cli import show

    count = project_of(context).store.drop(_chosen(message_ids, all_))
    show.as_json({"dropped": count}) if options_of(context).json else show.out.print(f"{count} messages are dropped")


def _chosen(message_ids: list[str] | None, everything: bool) -> list[str] | None:
    if bool(message_ids) == everything:
        raise InputError("name message ids, or give --all")
    return message_ids or None
