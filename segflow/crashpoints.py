"""Named places between two durable operations, where a test can end the process.

In production a call costs one comparison. `SEGFLOW_CRASH=NAME` or `NAME:N` in the environment kills the process
(SIGKILL) when it comes to the place for the Nth time; `SEGFLOW_CRASH_TRACE=FILE` appends every place it comes to.
"""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

_reached: Callable[[str], None] | None = None


def crash_point(name: str) -> None:
    """A place where the process may die without harm. `name`: what was made durable last, dotted."""
    if _reached is not None:
        _reached(name)


@contextmanager
def watched(reached: Callable[[str], None]) -> Iterator[None]:
    """Call `reached` with the name of every crash point in the block; it may raise, as a stand-in for a kill."""
    global _reached
    before, _reached = _reached, reached
    try:
        yield
    finally:
        _reached = before


def _killer(place: str) -> Callable[[str], None]:
    wanted, _, turn = place.partition(":")
    seen: Counter[str] = Counter()

    def kill(name: str) -> None:
        seen[name] += 1
        if name == wanted and seen[name] == int(turn or 1):
            os.kill(os.getpid(), signal.SIGKILL)

    return kill


def _tracer(path: Path) -> Callable[[str], None]:
    def trace(name: str) -> None:
        with path.open("a", encoding="utf-8") as file:
            file.write(f"{name}\n")

    return trace


if place := os.environ.get("SEGFLOW_CRASH"):
    _reached = _killer(place)
elif trace_file := os.environ.get("SEGFLOW_CRASH_TRACE"):
    _reached = _tracer(Path(trace_file))
