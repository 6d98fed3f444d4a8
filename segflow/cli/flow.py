"""`segflow flow`: what people do with one flow."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from segflow.cli.flow_show import show as show_flow
from segflow.cli.shared import options_of, project_of

if TYPE_CHECKING:
    from segflow.outbox.retriggers import Retrigger

_HELP = "What people do with one flow: pause it, resume it, take contacts in or out, offer contacts again."
flow_app = typer.Typer(help=_HELP, no_args_is_help=True)


IgnoreReentry = Annotated[
    bool, typer.Option("--ignore-reentry", help="Also those whom the flow's re-entry rule keeps out.")
]
OfferReason = Annotated[str | None, typer.Option(help="Why; it is kept in flow_offers.")]


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
    ignore_reentry: IgnoreReentry = False,
    reason: OfferReason = None,
) -> None:
    """Offer contacts to a flow again, without a crossing. The next tick does it, once."""
    from segflow.decisions.retrigger import contacts_of

    ids = contacts_of(contacts) if contacts is not None else None
    one = project_of(context).retrigger(flow, segment, ids, ignore_reentry, reason)
    _offered(context, "retrigger", one, "offers {whom} to")


def _offered(context: typer.Context, kind: str, one: Retrigger, does: str) -> None:
    """Say what the next tick does with whom; `does` has a place for `{whom}`."""
    from segflow.cli import show

    named = None if one.contacts is None else len(one.contacts)
    if options_of(context).json:
        show.as_json({kind: {**vars(one), "contacts": named}})
        return
    whom = f"{named:,} contacts" if named is not None else f"the members of {one.segment or 'its segments'}"
    show.out.print(f"The next tick {does.format(whom=whom)} flow {one.flow}: run segflow tick.")


@flow_app.command()
def enroll(
    context: typer.Context,
    flow: Annotated[str, typer.Argument(help="The flow.")],
    contacts: Annotated[
        Path | None, typer.Option(help="A CSV or Parquet file with column contact_id: these contacts.")
    ] = None,
    segment: Annotated[str | None, typer.Option(help="The present members of this segment, any one.")] = None,
    ignore_reentry: IgnoreReentry = False,
    reason: OfferReason = None,
) -> None:
    """Enroll contacts by hand, whether or not they meet the flow's trigger. The next tick does it, once."""
    from segflow.decisions.retrigger import contacts_of

    ids = contacts_of(contacts) if contacts is not None else None
    one = project_of(context).enroll(flow, segment, ids, ignore_reentry, reason)
    _offered(context, "enroll", one, "enrolls {whom} in")


flow_app.command("show")(show_flow)

Flow = Annotated[str, typer.Argument(help="The flow.")]
Reason = Annotated[str | None, typer.Option(help="Why; it is kept in segflow.decisions.")]


@flow_app.command()
def pause(context: typer.Context, flow: Flow, reason: Reason = None) -> None:
    """Stop a flow at once, without a commit: nobody gets in, nobody moves, and nothing of it is sent any more."""
    _switched(context, project_of(context).pause(flow, reason), f"segflow flow resume {flow} lets it go on.")


@flow_app.command()
def resume(context: typer.Context, flow: Flow, reason: Reason = None) -> None:
    """Let a flow go on that was paused. Messages that were due too long ago are passed by."""
    _switched(context, project_of(context).resume(flow, reason), "It goes on with the next tick.")


def _switched(context: typer.Context, row: dict[str, Any], then: str) -> None:
    from segflow.cli import show

    if options_of(context).json:
        show.as_json(row)
    else:
        show.out.print(f"Flow {row['name']} is {row['kind']}d. {then}", markup=False)


@flow_app.command()
def remove(
    context: typer.Context,
    flow: Flow,
    contacts: Annotated[list[str], typer.Argument(help="Their ids.")],
    reason: Annotated[str | None, typer.Option(help="Why; it is kept in segflow.flow_removals.")] = None,
) -> None:
    """Take contacts out of a flow. The next tick ends their enrollments, with the reason removed."""
    from segflow.cli import show

    rows = project_of(context).remove(flow, contacts, reason)
    if options_of(context).json:
        show.as_json({"removed": rows})
    else:
        many = f"{len(rows):,} contact{'s' if len(rows) != 1 else ''}"
        show.out.print(f"The next tick takes {many} out of flow {flow}: run segflow tick.", markup=False)
