"""What a target in a dbt profile has to be for this engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

ADAPTER = "duckdb"
"""The `type` of such a target."""


def in_file(path: str) -> bool:
    """Does `path` of a target name a file? A database in memory ends with dbt's process, and one elsewhere is another
    engine's."""
    elsewhere = "://" in path or path.lower().startswith((":memory:", "md:", "motherduck:", "ducklake:"))
    return bool(path) and not elsewhere


UTC_NAMES = ("utc", "etc/utc", "gmt", "etc/gmt", "zulu", "z")


def other_zone(settings: Mapping[str, Any] | None) -> str | None:
    """The time zone that `settings` of a target give to sessions, when it is not UTC: casts between times with and
    without zone go by it."""
    given = {str(key).lower(): value for key, value in (settings or {}).items()}
    zone = str(given.get("timezone", "UTC"))
    return zone if zone.lower() not in UTC_NAMES else None


def zone_problem(zone: str) -> str:
    """What is wrong with such a zone, and what to write."""
    return (
        f"dbt's profile sets TimeZone to {zone}, and times would mean something else in a tick than in preview and "
        "explain: write TimeZone: UTC below settings of the target in profiles.yml, leave it out, or name another "
        "target with dbt.target in segflow.yml"
    )
