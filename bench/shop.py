"""The generated warehouse: a shop's raw tables, one day after the other."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import duckdb

_SQL = Path(__file__).parent / "sql"
START = datetime(2026, 3, 1, 6)
"""UTC: the first tick."""
EVENTS_EACH = 20


@dataclass(frozen=True)
class Shop:
    """`churn`: the part of the contacts that do something on one day."""

    contacts: int
    seed: int = 7
    churn: float = 0.01

    def create(self, file: Path) -> None:
        """Make the raw tables in a new DuckDB file."""
        with duckdb.connect(str(file)) as connection:
            self._set(connection, 0)
            connection.execute((_SQL / "shop.sql").read_text(encoding="utf-8"))

    def live(self, file: Path, day: int) -> None:
        """Add what happened up to the tick of that day (1: a day after the first tick)."""
        with duckdb.connect(str(file)) as connection:
            self._set(connection, day)
            connection.execute((_SQL / "day.sql").read_text(encoding="utf-8"))

    def _set(self, connection: duckdb.DuckDBPyConnection, day: int) -> None:
        values: dict[str, int | str] = {
            "contacts": self.contacts,
            "events": self.contacts * EVENTS_EACH,
            "seed": self.seed,
            "start": f"{START:%Y-%m-%d %H:%M:%S}",
            "day": day,
            "changing": max(20, int(self.contacts * self.churn)),
        }
        for name, value in values.items():
            connection.execute(f"SET VARIABLE {name} = ?", [value])


def moment(days: float) -> datetime:
    """The `as_of` so many days after the first tick; UTC, without zone."""
    return START + timedelta(days=days)
