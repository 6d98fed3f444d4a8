"""The time zone of dbt's sessions. Casts between times with and without zone use it, and so do users' own models."""

from __future__ import annotations

from typing import Any

from segflow.errors import InputError

UTC_NAMES = ("utc", "etc/utc", "gmt", "etc/gmt", "zulu", "z")


def use_utc() -> None:
    """Let dbt's sessions be in UTC, as soon as dbt has read its profile. Raises InputError when that says another zone.

    Without a word in the profile the zone would be the machine's, and a tick would see other times than `preview`.
    """
    from dbt.adapters.factory import FACTORY

    # Each run of dbt has an adapter of its own; until it is made, the one of the run before is still there.
    adapter: Any = FACTORY.adapters.get("duckdb")
    if adapter is None:
        return
    credentials = adapter.config.credentials
    given = {str(key).lower(): value for key, value in (credentials.settings or {}).items()}
    zone = str(given.get("timezone", "UTC"))
    if zone.lower() not in UTC_NAMES:
        raise InputError(
            f"dbt's profile sets TimeZone to {zone}, and times would mean something else in a tick than in preview and "
            "explain: write TimeZone: UTC below settings of the target in dbt/profiles.yml, or leave it out"
        )
    if "timezone" not in given:
        credentials.settings = {**(credentials.settings or {}), "TimeZone": "UTC"}
