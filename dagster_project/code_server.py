"""Dagster's code server, whose runs start warm: `python -m segflow.dagster.code_server api grpc ...`, with the words of
`dagster api grpc`.

Dagster starts each run in a fresh interpreter, which imports Dagster, dbt and us anew, longer than a small tick takes.
Here runs are forked from a process that has imported the libraries once, and nothing of the project: its files are read
by each run, as before. On Linux; elsewhere runs start as Dagster starts them.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from multiprocessing import forkserver
from typing import Any

PRELOADED = ("dagster._cli.api", "dagster._grpc.impl", "segflow.dagster.build", "segflow.dagster.storage",
    "segflow.warehouse.engines", "dbt.cli.main", "pandas")  # fmt: skip
"""What a run imports, and starts no thread by being imported: a thread would not be there after the fork."""

STANDS_IN = "SEGFLOW_DAGSTER_PYTHON"
"""The variable that names the file that Dagster takes for an interpreter, and that starts this module."""


def warm() -> None:
    """From now on, servers of this process fork their runs. Call it before there is one."""
    from dagster._grpc import server

    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(PRELOADED))
    forkserver.ensure_running()

    class WarmServer(server.DagsterApiServer):
        def __init__(self, *words: Any, **named: Any) -> None:
            super().__init__(*words, **named)
            self._mp_ctx: Any = context

    server.DagsterApiServer = WarmServer  # type: ignore[misc]


def main(words: list[str]) -> None:
    """Run a command of `dagster`; `-m dagster` before it is left out, so that this can stand for an interpreter."""
    from dagster._cli import ENV_PREFIX, cli

    if words[:2] == ["-m", "dagster"]:
        words = words[2:]
    if words[:2] == ["api", "grpc"] and sys.platform == "linux":
        warm()
    elif words[:1] == ["code-server"] and os.environ.get(STANDS_IN):
        # It starts `api grpc` with the interpreter that it believes to be its own.
        sys.executable = os.environ[STANDS_IN]
    cli(words, prog_name="dagster", auto_envvar_prefix=ENV_PREFIX)


if __name__ == "__main__":
    main(sys.argv[1:])
