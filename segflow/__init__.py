"""segflow: segment automation inside the data warehouse. `segflow.Project` is the Python door."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from segflow.project import Project

__all__ = ["Project"]


def __getattr__(name: str) -> Any:
    # Imported when asked for: `from segflow.errors import ...` in a sender need not load the whole engine.
    if name == "Project":
        from segflow.project import Project

        return Project
    raise AttributeError(name)
