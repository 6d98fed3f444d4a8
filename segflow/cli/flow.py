"""`segflow flow`: what people do with one flow."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from segflow.cli.shared import options_of, project_of

flow_app = typer.Typer(help="Offer contacts to a flow.", no_args_is_help=True)


@flow_app.callback()
def _flow() -> None:
    """What people do with one flow."""


@flow_app.command()
def retrigger(
    context: typer.Context,
    flow: Annotated[str, typer.Argument(help="The flow.")],
    segment: Annotated[str | None, typer.Option(help="Only the members of this one of its segments.")] = None,
    contacts: Annotated[
        Path | None, typer.Option(help="A CSV or Parquet file with column contact_id; default: the present members.")
    ] = None,
    ignore_reentry: Annotated[
        bool, typer.Option("--ignore-reentry", help="Also those whom the flow's re-entry rule keeps out.")
    ] = False,
    reason: Annotated[str | None, typer.Option(help="Why; it is kept in flow_offers.")] = None,
) -> None:
    """Offer contacts to a flow again, without a crossing. The next tick does it, once."""
    from segflow.cli import show
    from segflow.decisions.retrigger import contacts_of

    ids = contacts_of(contacts) if contacts is not None else None
    one = project_of(context).retrigger(flow, segment, ids, ignore_reentry, reason)
    named = None if one.contacts is None else len(one.contacts)
    if options_of(context).json:
        show.as_json({"retrigger": {**vars(one), "contacts": named}})
        return
    whom = f"{named:,} contacts" if named is not None else f"the members of {segment or 'its segments'}"
    show.out.print(f"The next tick offers {whom} to flow {flow}: run segflow tick.")


@flow_app.command()
def enroll(
    context: typer.Context,
    flow: Annotated[str, typer.Argument(help="The flow.")],
    contacts: Annotated[
        Path | None, typer.Option(help="A CSV or Parquet file with column contact_id: these contacts.")
    ] = None,
    segment: Annotated[str | None, typer.Option(help="The present members of this segment, any one.")] = None,
    ignore_reentry: Annotated[
        bool, typer.Option("--ignore-reentry", help="Also those whom the flow's re-entry rule keeps out.")
    ] = False,
    reason: Annotated[str | None, typer.Option(help="Why; it is kept in flow_offers.")] = None,
) -> None:
    """Enroll contacts by hand, whether or not they meet the flow's trigger. The next tick does it, once."""
    from segflow.cli import show
    from segflow.decisions.retrigger import contacts_of

    ids = contacts_of(contacts) if contacts is not None else None
    one = project_of(context).enroll(flow, segment, ids, ignore_reentry, reason)
    named = None if one.contacts is None else len(one.contacts)
    if options_of(context).json:
        show.as_json({"enroll": {**vars(one), "contacts": named}})
        return
    whom = f"{named:,} contacts" if named is not None else f"the members of {segment}"
    show.out.print(f"The next tick enrolls {whom} in flow {flow}: run segflow tick.")
