"""`segflow stop-sending`."""

from __future__ import annotations

from typing import Annotated

import typer

from segflow.cli.shared import options_of, project_of


def stop_sending(
    context: typer.Context,
    reason: Annotated[str, typer.Option(help="Why; it is shown until sending goes on.")] = "stopped by hand",
    lift: Annotated[bool, typer.Option("--lift", help="Let sending go on.")] = False,
) -> None:
    """Stop all sending at once, also in a tick that runs right now. Messages wait in the outbox."""
    from segflow.cli import show

    store = project_of(context).store
    if lift:
        store.resume_sending()
    else:
        store.stop_sending(reason)
    if options_of(context).json:
        show.as_json({"stopped": store.stopped()})
    else:
        show.out.print("Sending goes on with the next tick." if lift else f"Sending is stopped: {reason}", markup=False)
