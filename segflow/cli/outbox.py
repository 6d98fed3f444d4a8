"""`segflow outbox`: messages that wait for a person: look at them, and decide."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Annotated, Any, Literal, get_args

import typer

from segflow.cli.outbox_drain import outbox_drain
from segflow.cli.shared import options_of, project_of
from segflow.errors import InputError, did_you_mean

outbox_app = typer.Typer(
    help="Messages that wait for a person (failed, of unknown outcome, held): look, send again, or give up.",
    no_args_is_help=True,
)

Dead = Literal["failed", "unknown", "held"]
ByFlow = Annotated[str | None, typer.Option("--flow", help="Only those of this flow.")]
ByStep = Annotated[str | None, typer.Option("--step", help="Only those of this step.")]
BySender = Annotated[str | None, typer.Option("--sender", help="Only those of this sender.")]
ByContact = Annotated[str | None, typer.Option("--contact", help="Only those to this contact.")]


@outbox_app.command("list")
def outbox_list(
    context: typer.Context,
    outcome: Annotated[
        list[str] | None,
        typer.Option("--outcome", "--status", help="Which; default: failed, unknown and held. May be repeated."),
    ] = None,
    flow: ByFlow = None,
    step: ByStep = None,
    sender: BySender = None,
    contact: ByContact = None,
    limit: Annotated[int, typer.Option(help="How many.")] = 100,
) -> None:
    """Messages with what was said of them last: why they failed, are in doubt or wait."""
    from segflow.cli import show
    from segflow.outbox.dead_letters import DEAD, Chosen
    from segflow.outbox.records import Status

    outcomes = _known(outcome, get_args(Status)) or DEAD
    chosen = Chosen(flow=flow, step=step, sender=sender, contact=contact, outcomes=outcomes)
    project = project_of(context)
    rows = project.letters(chosen, limit)
    if options_of(context).json:
        show.as_json(rows)
        return
    columns = ["message_id", "flow", "step", "contact_id", "channel", "sender", "status", "attempts", "reason"]
    show.table(rows, [*columns, "due_at"] if any(row["due_at"] for row in rows) else columns)
    if len(rows) == limit and (more := project.store.letters.count(chosen) - limit) > 0:
        show.out.print(f"and {more:,} more: --limit", style="dim")
    for name, rest in project.resting_senders().items():
        show.out.print(f"sender {name}: {rest}", style="yellow", markup=False)


outbox_app.command("drain")(outbox_drain)

MessageIds = Annotated[list[str] | None, typer.Argument(help="Message ids.")]
Everything = Annotated[bool, typer.Option("--all", help="All that it can be said of.")]
Why = Annotated[str | None, typer.Option("--reason", help="Why; it is kept in segflow.deliveries, with who said so.")]


@outbox_app.command("retry")
def outbox_retry(
    context: typer.Context,
    message_ids: MessageIds = None,
    all_: Everything = False,
    flow: ByFlow = None,
    step: ByStep = None,
    sender: BySender = None,
    contact: ByContact = None,
    reason: Why = None,
) -> None:
    """Plan failed messages again, for one more attempt: the cause is mended."""
    _decide(context, "retry", message_ids, all_, (flow, step, sender, contact), ("failed",), reason)


@outbox_app.command("release")
def outbox_release(
    context: typer.Context,
    message_ids: MessageIds = None,
    all_: Everything = False,
    flow: ByFlow = None,
    step: ByStep = None,
    sender: BySender = None,
    contact: ByContact = None,
    reason: Why = None,
) -> None:
    """Send messages of unknown outcome again: you know that they did not arrive."""
    _decide(context, "release", message_ids, all_, (flow, step, sender, contact), ("unknown",), reason)


@outbox_app.command("drop")
def outbox_drop(
    context: typer.Context,
    message_ids: MessageIds = None,
    all_: Everything = False,
    outcome: Annotated[
        list[str] | None, typer.Option("--outcome", help="Which; with --all or a filter: unknown. May be repeated.")
    ] = None,
    flow: ByFlow = None,
    step: ByStep = None,
    sender: BySender = None,
    contact: ByContact = None,
    reason: Why = None,
) -> None:
    """Give up messages: those of unknown outcome did arrive, or they are not worth it."""
    outcomes = _known(outcome, get_args(Dead)) or (get_args(Dead) if message_ids else ("unknown",))
    _decide(context, "drop", message_ids, all_, (flow, step, sender, contact), outcomes, reason)


def _known(given: list[str] | None, known: Sequence[Any]) -> Sequence[Any]:
    """The outcomes that an option names. Raises InputError for one that it cannot name."""
    for one in given or ():
        if one not in known:
            near = did_you_mean(one, known) or f": give {', '.join(known)}"
            raise InputError(f"--outcome {one} is none{near}")
    return tuple(given or ())


_DONE = {"retry": "are planned again", "release": "are planned again", "drop": "are dropped"}
_KEYS = {"retry": "retried", "release": "released", "drop": "dropped"}


def _decide(
    context: typer.Context,
    decision: Literal["retry", "release", "drop"],
    message_ids: list[str] | None,
    everything: bool,
    filters: tuple[str | None, str | None, str | None, str | None],
    outcomes: Collection[Any],
    reason: str | None,
) -> None:
    from segflow.cli import show
    from segflow.outbox.dead_letters import Chosen

    filtered = any(one is not None for one in filters)
    if bool(message_ids) == (everything or filtered):
        raise InputError("name message ids, or say which: --flow, --step, --sender, --contact, or --all")
    flow, step, sender, contact = filters
    chosen = Chosen(ids=message_ids, flow=flow, step=step, sender=sender, contact=contact, outcomes=outcomes)
    count = project_of(context).decide(decision, chosen, reason)
    if options_of(context).json:
        show.as_json({_KEYS[decision]: count})
    else:
        show.out.print(f"{count:,} messages {_DONE[decision]}")
