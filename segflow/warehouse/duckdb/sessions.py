"""The time zone of dbt's sessions. Casts between times with and without zone use it, and so do users' own models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from segflow.errors import InputError
from segflow.warehouse.duckdb.target import other_zone, zone_problem


def use_utc(file: Path) -> None:
    """Let dbt's sessions be in UTC, as soon as dbt has read its profile, and on `file` where that names it by a
    relative path: dbt would take it from the folder that the process is in. Raises InputError when the profile says
    another zone.

    Without a word in the profile the zone would be the machine's, and a tick would see other times than `preview`.
    """
    from dbt.adapters.factory import FACTORY

    # Each run of dbt has an adapter of its own; until it is made, the one of the run before is still there.
    adapter: Any = FACTORY.adapters.get("duckdb")
    if adapter is None:
        return
    credentials = adapter.config.credentials
    if (zone := other_zone(credentials.settings)) is not None:
        raise InputError(zone_problem(zone))
    if not Path(credentials.path).is_absolute():
        credentials.path = str(file)
    if "timezone" not in {str(key).lower() for key in credentials.settings or {}}:
        credentials.settings = {**(credentials.settings or {}), "TimeZone": "UTC"}
