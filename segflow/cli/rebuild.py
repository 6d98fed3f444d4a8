"""`segflow rebuild` and `segflow compact`: the warehouse from its ledger files, and fewer of these."""

from __future__ import annotations

from typing import Annotated

import typer

from segflow.cli.shared import options_of, project_of
from segflow.errors import InputError


def rebuild(
    context: typer.Context,
    delivery_store: Annotated[
        bool, typer.Option("--delivery-store", help="The delivery store is lost: take over what the warehouse knows.")
    ] = False,
) -> None:
    """Make a lost, damaged or restored warehouse again from its ledger files, up to the last commit."""
    from segflow.cli import show

    if delivery_store:
        _rebuild_store(context)
        return
    done = project_of(context).rebuild()
    if options_of(context).json:
        show.as_json(vars(done))
        return
    show.table([{"table": name, "rows": rows} for name, rows in done.rows.items()], ["table", "rows"])
    if done.damage:
        show.out.print(f"\nThe warehouse file was damaged: {done.damage}", markup=False)
    if done.set_aside:
        show.out.print(f"It is now {done.set_aside}", markup=False)
    if done.new_file:
        show.out.print(
            f"{done.warehouse} is a new file. If you kept tables of your own in the old one, load them again.",
            style="yellow",
            markup=False,
        )
    following = "Run segflow tick" if done.place == "done" else "Run segflow tick: it goes on with this tick"
    show.out.print(f"\nThe warehouse ends with tick {done.tick_id}, {done.place}. {following}.", markup=False)


def _rebuild_store(context: typer.Context) -> None:
    from segflow.cli import show

    done = project_of(context).rebuild_store()
    told = done.adopted
    if options_of(context).json:
        show.as_json(vars(done) | {"adopted": vars(told)})
        return
    show.out.print(
        f"{done.store} knows {told.messages:,} messages, {told.attempts:,} attempts and {told.suppressions:,} "
        f"suppressions again, up to tick {done.tick_id}, {done.place}.",
        markup=False,
    )
    if told.unknown:
        show.out.print(
            f"{told.unknown:,} messages may have been sent or not; they wait: segflow outbox list, release, drop.",
            style="yellow",
        )
    show.out.print("What people decided since that tick (stop-sending, suppressions, releases) is lost: decide again.")


def compact(
    context: typer.Context,
    older_than: Annotated[str, typer.Option(help="Leave the files of ticks that are younger, seen from the last.")] = (
        "30 days"
    ),
) -> None:
    """Merge the ledger files of old ticks, one file per table and month."""
    from segflow.cli import show
    from segflow.durations import Duration

    try:
        age = Duration.parse(older_than)
    except ValueError as error:
        raise InputError(f"--older-than {older_than}: {error}") from None
    done = project_of(context).compact(age)
    if options_of(context).json:
        show.as_json([vars(one) for one in done])
        return
    show.table([vars(one) for one in done], ["table", "month", "files", "rows"])
    merged = sum(one.files for one in done)
    show.out.print(f"{merged:,} files of ticks are now {len(done):,} files of months." if done else "Nothing to merge.")
