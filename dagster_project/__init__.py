"""The Dagster side of segflow: definitions only. The engine decides, Dagster shows, schedules and starts.

For a Dagster project of your own: `segflow.SegflowComponent`, or `definitions` in Python, and `SegflowResource`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from segflow.dagster.beside import definitions
    from segflow.dagster.component import SegflowComponent
    from segflow.dagster.resources import SegflowResource

__all__ = ["SegflowComponent", "SegflowResource", "definitions"]


def __getattr__(name: str) -> Any:
    # Imported when asked for: `python -m segflow.dagster` becomes another process before it needs any of it.
    if name == "definitions":
        from segflow.dagster.beside import definitions

        return definitions
    if name == "SegflowComponent":
        from segflow.dagster.component import SegflowComponent

        return SegflowComponent
    if name == "SegflowResource":
        from segflow.dagster.resources import SegflowResource

        return SegflowResource
    raise AttributeError(name)
