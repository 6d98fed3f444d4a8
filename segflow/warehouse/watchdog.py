"""Time limits for queries, and for models that dbt runs where its adapter has none: a thread watches and interrupts."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import Any

_POLL = 0.1


Interrupt = Callable[[Hashable, Any], None]
"""Interrupts what runs on a connection of dbt's, which is known by its process and thread."""


@contextlib.contextmanager
def stopped_after(seconds: float, interrupt: Callable[[], object]) -> Iterator[None]:
    """Interrupt whatever the block asks of the engine once it has taken so many seconds, until the block ends.

    Not once: an interrupt that comes between two statements, or before the engine has begun with one, is lost, and the
    next one would run for as long as it likes.
    """
    over = threading.Event()

    def watch() -> None:
        left = seconds
        while not over.wait(left):
            with contextlib.suppress(Exception):  # closed in this very moment
                interrupt()
            left = _POLL

    thread = threading.Thread(target=watch, name="segflow-time-limit", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        # So that no interrupt meets what comes after the block.
        thread.join()


@contextlib.contextmanager
def time_limits(limits: Mapping[str, float], adapter: str, interrupt: Interrupt) -> Iterator[None]:
    """While the block runs, interrupt every model of `limits` (name -> seconds) that takes longer.

    The model fails with the engine's word for it, and dbt goes on with the next one: an interrupt of a query is no
    signal, so it cannot be taken for Ctrl-C.
    """
    if not limits:
        yield
        return
    over = threading.Event()
    watch = threading.Thread(
        target=_watch, args=(limits, adapter, interrupt, over), name="segflow-time-limits", daemon=True
    )
    watch.start()
    try:
        yield
    finally:
        over.set()
        watch.join()


def _watch(limits: Mapping[str, float], adapter: str, interrupt: Interrupt, over: threading.Event) -> None:
    since: dict[str, float] = {}
    while not over.wait(_POLL):
        running = {_model(connection): (key, connection) for key, connection in _connections(adapter)}
        # A model may run again in a later round of the repair: only what is at work keeps its start.
        since = {model: since.get(model, time.monotonic()) for model in running if model in limits}
        for model, start in since.items():
            key, connection = running[model]
            # dbt names a connection after the model that it serves. Asked again, because the model may be done by now.
            if time.monotonic() - start > limits[model] and _model(connection) == model:
                with contextlib.suppress(Exception):  # closed in this very moment
                    interrupt(key, connection)


def _connections(name: str) -> list[tuple[Hashable, Any]]:
    """dbt's open connections, one per thread."""
    from dbt.adapters.factory import FACTORY

    adapter = FACTORY.adapters.get(name)
    found = list(adapter.connections.thread_connections.items()) if adapter is not None else []
    return [(key, connection) for key, connection in found if connection.state == "open"]


def _model(connection: Any) -> str:
    return str(connection.name or "").rsplit(".", 1)[-1]
