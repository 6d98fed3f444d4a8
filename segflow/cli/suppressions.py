"""`segflow suppressions`: the addresses that must not be messaged."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from segflow.cli.shared import options_of, project_of

_HELP = "The addresses that must not be messaged: list, add, remove, import, export."
suppressions_app = typer.Typer(help=_HELP)
_SHOWN = 20

Channel = Annotated[str, typer.Argument(help="email, sms or whatsapp.")]
Addresses = Annotated[list[str], typer.Argument(help="Addresses, or hashes like sha256$SALT$HEX.")]
Reason = Annotated[str | None, typer.Option(help="Why; it is the reason of messages that are not sent.")]


@suppressions_app.callback(invoke_without_command=True)
def _suppressions(
    context: typer.Context, channel: Annotated[str | None, typer.Option(help="Only those of this channel.")] = None
) -> None:
    """The addresses that must not be messaged: list, add, remove, import, export."""
    if context.invoked_subcommand is not None:
        return
    from segflow.cli import show
    from segflow.decisions.suppressions import COLUMNS

    rows = project_of(context).suppressions(channel)
    if options_of(context).json:
        show.as_json({"suppressions": rows})
    else:
        show.table(rows, list(COLUMNS))


@suppressions_app.command("add")
def suppressions_add(context: typer.Context, channel: Channel, addresses: Addresses, reason: Reason = None) -> None:
    """Suppress addresses at once."""
    from segflow.cli import show

    new = project_of(context).suppress(channel, addresses, reason)
    if options_of(context).json:
        show.as_json({"new": new})
    else:
        show.out.print(f"{new:,} of {len(addresses):,} are new on the list of {channel}.", markup=False)


@suppressions_app.command("remove")
def suppressions_remove(context: typer.Context, channel: Channel, addresses: Addresses) -> None:
    """Take addresses off the list at once, also those that it knows by their hash alone."""
    from segflow.cli import show

    there = project_of(context).unsuppress(channel, addresses)
    others = [address for address in addresses if address not in there]
    if options_of(context).json:
        show.as_json({"removed": there, "unknown": others})
    else:
        show.out.print(f"{len(there):,} of {len(addresses):,} were on the list of {channel}.", markup=False)
    if others:
        raise typer.Exit(1)


@suppressions_app.command("import")
def suppressions_import(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="A .csv or .parquet file: address, and channel and reason if you like.")],
    channel: Annotated[str | None, typer.Option(help="The channel of rows that name none.")] = None,
    reason: Reason = None,
) -> None:
    """Suppress what a file holds, at once: addresses, or hashes of them."""
    from segflow.cli import show

    done = project_of(context).import_suppressions(file, channel, reason)
    if options_of(context).json:
        show.as_json({**vars(done), "refused": [vars(one) for one in done.refused]})
    else:
        rows = f"{done.rows:,} row{'s' if done.rows != 1 else ''} of {done.file}"
        on_list = "are on the list" if done.rows != 1 else "is on the list"
        new = f"{done.new:,} of them new" if done.rows != 1 else ("new" if done.new else "as before")
        show.out.print(f"{rows} {on_list}, {new}.", markup=False)
        if done.refused:
            show.error(f"{len(done.refused):,} row{'s were' if len(done.refused) != 1 else ' was'} refused:")
            show.table([vars(one) for one in done.refused[:_SHOWN]], ["line", "column", "value", "why"])
    if done.refused:
        raise typer.Exit(1)


@suppressions_app.command("export")
def suppressions_export(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="The CSV file to write.")],
    hashed: Annotated[bool, typer.Option("--hashed", help="Hashes in place of addresses.")] = False,
) -> None:
    """Write the list as a CSV file, which import reads."""
    from segflow.cli import show

    count = project_of(context).export_suppressions(file, hashed=hashed)
    if options_of(context).json:
        show.as_json({"file": str(file), "rows": count})
    else:
        show.out.print(f"{count:,} rows are in {file}.", markup=False, soft_wrap=True)
