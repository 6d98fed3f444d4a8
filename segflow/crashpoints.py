"""Named places between two durable operations, where a test can end the process.

In production a call costs one comparison. `SEGFLOW_CRASH=NAME` or `NAME:N` in the environment kills the process
(SIGKILL) when it comes to the place for the Nth time; `SEGFLOW_CRASH_TRACE=FILE` appends every place it comes to.
"""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
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


def armed() -> bool:
    """Is anybody told of crash points? For hooks that would cost something even when nobody is."""
    return _reached is not None


def arm(environment: Mapping[str, str]) -> None:
    """Trace and kill as the environment says. Called on import; again by a process that was forked."""
    global _reached
    actions: list[Callable[[str], None]] = []
    if trace := environment.get("SEGFLOW_CRASH_TRACE"):
        actions.append(_tracer(Path(trace)))
    if place := environment.get("SEGFLOW_CRASH"):
        actions.append(_killer(place))

    def reached(name: str) -> None:
        for act in actions:
            act(name)

    _reached = reached if actions else None


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


arm(os.environ)
