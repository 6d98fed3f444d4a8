"""What a target in a dbt profile has to be for this engine."""

from __future__ import annotations

ADAPTER = "duckdb"
"""The `type` of such a target."""


def in_file(path: str) -> bool:
    """Does `path` of a target name a file? A database in memory ends with dbt's process, and one elsewhere is another
    engine's."""
    elsewhere = "://" in path or path.lower().startswith((":memory:", "md:", "motherduck:", "ducklake:"))
    return bool(path) and not elsewhere
