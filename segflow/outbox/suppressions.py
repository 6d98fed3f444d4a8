"""The addresses that must not be messaged."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import delete, select

from segflow.outbox.addresses import comparable
from segflow.outbox.database import Database
from segflow.outbox.schema import suppressions


class Suppressions:
    """What the delivery store keeps of them."""

    _database: Database

    def suppress(self, channel: str, address: str, reason: str) -> None:
        """Never message `address` on `channel` again, in whatever case it is written. The first reason stays."""
        row = {
            "channel": channel,
            "address": comparable(channel, address),
            "reason": reason,
            "recorded_at": datetime.now(UTC),
        }
        with self._database.write("suppress") as connection:
            connection.execute(self._database.insert_or_ignore(suppressions), [row])

    def unsuppress(self, channel: str, address: str) -> bool:
        """Take an address off the list. Returns whether it was there."""
        one = (suppressions.c.channel == channel) & (suppressions.c.address == comparable(channel, address))
        with self._database.write("unsuppress") as connection:
            return connection.execute(delete(suppressions).where(one)).rowcount > 0

    def suppressed(self, channel: str, addresses: Collection[str]) -> dict[str, str]:
        """Those of `addresses` that must not be messaged on `channel`, with the reason."""
        keys = {address: comparable(channel, address) for address in addresses}
        one = (suppressions.c.channel == channel) & suppressions.c.address.in_(set(keys.values()))
        with self._database.read() as connection:
            found = {row.address: row.reason for row in connection.execute(select(suppressions).where(one))}
        return {address: found[key] for address, key in keys.items() if key in found}

    def all_suppressions(self) -> list[dict[str, Any]]:
        """All rows: channel, address, reason, recorded_at (aware, UTC)."""
        ordered = select(suppressions).order_by(suppressions.c.channel, suppressions.c.address)
        with self._database.read() as connection:
            return [dict(row._mapping) for row in connection.execute(ordered)]
