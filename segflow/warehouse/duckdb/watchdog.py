"""Time limits for models that dbt runs. dbt-duckdb has none, so a thread watches and interrupts the query."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

_POLL = 0.1


@contextlib.contextmanager
def time_limits(limits: Mapping[str, float]) -> Iterator[None]:
    """While the block runs, interrupt every model of `limits` (name -> seconds) that takes longer.

    The model fails with DuckDB's word for it, `Interrupted`, and dbt goes on with the next one: an interrupt of a
    query is no signal, so it cannot be taken for Ctrl-C.
    """
    if not limits:
        yield
        return
    over = threading.Event()
    watch = threading.Thread(target=_watch, args=(limits, over), name="segflow-time-limits", daemon=True)
    watch.start()
    try:
        yield
    finally:
        over.set()
        watch.join()


def _watch(limits: Mapping[str, float], over: threading.Event) -> None:
    since: dict[str, float] = {}
    while not over.wait(_POLL):
        running = {_model(connection): connection for connection in _connections()}
        # A model may run again in a later round of the repair: only what is at work keeps its start.
        since = {model: since.get(model, time.monotonic()) for model in running if model in limits}
        for model, start in since.items():
            connection = running[model]
            # dbt names a connection after the model that it serves. Asked again, because the model may be done by now.
            if time.monotonic() - start > limits[model] and _model(connection) == model:
                with contextlib.suppress(Exception):  # closed in this very moment
                    connection.handle.cursor().interrupt()


def _connections() -> list[Any]:
    """dbt's open connections, one per thread."""
    from dbt.adapters.factory import FACTORY

    adapter = FACTORY.adapters.get("duckdb")
    found = list(adapter.connections.thread_connections.values()) if adapter is not None else []
    return [connection for connection in found if connection.state == "open"]


def _model(connection: Any) -> str:
    return str(connection.name or "").rsplit(".", 1)[-1]
