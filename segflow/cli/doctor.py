"""`segflow doctor`: is everything as it should be, and what to do about what is not."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from segflow.cli.shared import options_of


def doctor(
    context: typer.Context,
    repair: Annotated[
        bool, typer.Option("--repair", help="Mend what is safe. Sends nothing, drops no message.")
    ] = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="Compute patched facts in full, too, and compare. Takes its time.")
    ] = False,
) -> None:
    """Look for what is wrong: lease, messages, stores, half-done ticks, leftovers, disk. Exit code 1: something."""
    from segflow.cli import show
    from segflow.doctor.examine import examine

    options = options_of(context)
    found = examine(options.root, repair, verify)
    rows: list[dict[str, Any]] = []
    for checked in found:
        one: dict[str, Any] = {"check": checked.check, "state": checked.state}
        rows += [
            one
            | {
                "state": "note" if finding.note else "mended" if finding.mended else "found",
                "what": finding.what,
                "since": finding.since,
            }
            | {"means": finding.means, "do": finding.mended or finding.do}
            for finding in checked.findings
        ] or [one | {"what": checked.says, "since": None, "means": None, "do": None}]
    wrong = any(checked.state == "found" for checked in found)
    if options.json:
        show.as_json({"fine": not wrong, "checks": rows})
    else:
        show.table(rows, ["check", "state", "what", "since", "means", "do"])
    if wrong:
        raise typer.Exit(1)
