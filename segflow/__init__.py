"""segflow: segment automation inside the data warehouse. `segflow.Project` is the Python door."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from segflow.dagster.component import SegflowComponent
    from segflow.project import Project

__all__ = ["Project", "SegflowComponent"]


def __getattr__(name: str) -> Any:
    # Imported when asked for: `from segflow.errors import ...` in a sender need not load the whole engine.
    if name == "Project":
        from segflow.project import Project

        return Project
    if name == "SegflowComponent":
        # Dagster asks for it, which has it loaded; nobody else waits for it.
        from segflow.dagster.component import SegflowComponent

        return SegflowComponent
    raise AttributeError(name)


def __dir__() -> list[str]:
    # `dg list components` looks here.
    return sorted({*globals(), *__all__})
