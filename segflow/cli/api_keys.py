"""`segflow api-key`: who may use the HTTP API."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from segflow.cli.shared import options_of, project_of

api_key_app = typer.Typer(help="Keys of the HTTP API: who may read, and who may decide.")


@api_key_app.command("add")
def add(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="What the key is called, in rows of calls and of decisions.")],
    role: Annotated[
        Literal["analyst", "marketer", "operator"],
        typer.Option(
            help="analyst: reads. marketer: pauses, resumes and retriggers flows, too. operator: releases what guards "
            "hold, and rebuilds, too."
        ),
    ] = "analyst",
    personal_data: Annotated[
        bool, typer.Option("--personal-data", help="It may read attributes, and what was found, beside ids.")
    ] = False,
) -> None:
    """Make a key and print it. It is shown this once: segflow keeps its digest only."""
    from segflow.cli import show

    key = project_of(context).store.api_keys.add(name, role, personal_data=personal_data)
    if options_of(context).json:
        show.as_json({"name": name, "role": role, "personal_data": personal_data, "key": key})
    else:
        show.out.verbatim(key)


@api_key_app.command("list")
def list_(context: typer.Context) -> None:
    """The keys, those that were revoked included."""
    from segflow.cli import show

    rows = project_of(context).store.api_keys.all()
    if options_of(context).json:
        show.as_json({"keys": rows})
    else:
        show.table(rows, ["name", "role", "personal_data", "made_by", "made_at", "revoked_at"])


@api_key_app.command("revoke")
def revoke(context: typer.Context, name: Annotated[str, typer.Argument(help="The key.")]) -> None:
    """Let a key count no more, from the next call on."""
    from segflow.cli import show

    project_of(context).store.api_keys.revoke(name)
    if options_of(context).json:
        show.as_json({"revoked": name})
    else:
        show.out.print(f"Key {name} counts no more.", markup=False)


@api_key_app.command("calls")
def calls(context: typer.Context, limit: Annotated[int, typer.Option(min=1, help="How many.")] = 100) -> None:
    """What was called lately, by which key, and what was answered."""
    from segflow.cli import show

    rows = project_of(context).store.api_keys.calls(limit)
    if options_of(context).json:
        show.as_json({"calls": rows})
    else:
        show.table(rows, ["at", "key", "role", "client", "method", "path", "status"])
