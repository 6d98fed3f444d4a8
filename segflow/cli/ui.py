"""`segflow ui`."""

from __future__ import annotations

import subprocess
import sys
from typing import Annotated

import typer

from segflow.cli.shared import options_of


def ui(
    context: typer.Context,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port to listen on.")] = 3000,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="For those who look: nothing can be launched.")
    ] = False,
) -> None:
    """Start the Dagster UI on this project."""
    root = str(options_of(context).root.resolve())
    # A process of its own: the engine knows nothing of Dagster.
    command = [sys.executable, "-m", "segflow.dagster", "--project-dir", root, "--host", host, "--port", str(port)]
    command += ["--read-only"] if read_only else []
    raise typer.Exit(subprocess.call(command))
