"""The addresses that must not be messaged: as people and providers name them, or as a hash alone."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, delete, select, update

from segflow.outbox.addresses import comparable
from segflow.outbox.database import Database
from segflow.outbox.hashes import hashed, keys, read_hash, salt_of
from segflow.outbox.lease import Lease, LeaseTable
from segflow.outbox.schema import marks, own_salt, suppression_salts, suppressions

DELETED = "deleted"
"""The reason of the addresses of contacts that a flow has deleted."""
_KEYS_AT_ONCE = 5_000
_HASHES = suppressions.c.address.like("sha256$%")


class Suppressions:
    """What the delivery store keeps of them. `address` is a hash where it is known by that alone."""

    _database: Database
    leases: LeaseTable

    def suppress(self, channel: str, address: str, reason: str) -> None:
        """Never message `address` on `channel` again, in whatever case it is written. The first reason stays."""
        self.suppress_all([(channel, address, reason)])

    def suppress_all(self, rows: Iterable[tuple[str, str, str]]) -> int:
        """The same for (channel, address or hash, reason), all or none. What is known by its hash is not written down
        again. Returns how many were new."""
        at = datetime.now(UTC)
        given = [
            {
                "channel": channel,
                "address": read_hash(address) or comparable(channel, address),
                "reason": reason,
                "recorded_at": at,
            }
            for channel, address, reason in rows
        ]
        with self._database.write("suppress") as connection:
            return self._insert(connection, not_hidden(connection, given))

    def unsuppress(self, channel: str, address: str) -> bool:
        """Take an address off the list, also where it is known by its hash alone. Returns whether it was there."""
        with self._database.write("unsuppress") as connection:
            given = read_hash(address)
            wanted = [given] if given is not None else keys(channel, address, salts_in(connection))
            one = (suppressions.c.channel == channel) & suppressions.c.address.in_(wanted)
            return connection.execute(delete(suppressions).where(one)).rowcount > 0

    def suppressed(self, channel: str, addresses: Collection[str]) -> dict[str, str]:
        """Those of `addresses` that must not be messaged on `channel`, with the reason."""
        with self._database.read() as connection:
            return _suppressed(connection, channel, addresses, salts_in(connection))

    def all_suppressions(self) -> list[dict[str, Any]]:
        """All rows: channel, address, reason, recorded_at (aware, UTC)."""
        ordered = select(suppressions).order_by(suppressions.c.channel, suppressions.c.address)
        with self._database.read() as connection:
            return [dict(row._mapping) for row in connection.execute(ordered)]

    def hash_address(self, channel: str, address: str) -> str:
        """The hash of an address, with the salt of this store."""
        return hashed(channel, address, self._own_salt())

    def suppress_deleted(self, lease: Lease, hashes: Collection[tuple[str, str]], mark: tuple[str, str]) -> None:
        """Keep the (channel, hash) of deleted contacts, and of what the list had of these addresses nothing else; and
        set a mark (name, value). One transaction."""
        at = datetime.now(UTC)
        rows = [
            {"channel": channel, "address": one, "reason": DELETED, "recorded_at": at} for channel, one in set(hashes)
        ]
        with self._database.write("suppress_deleted") as connection:
            self.leases.check_in(connection, lease)
            if rows:
                self._insert(connection, rows)
                for row in rows:
                    same = (suppressions.c.channel == row["channel"]) & (suppressions.c.address == row["address"])
                    connection.execute(update(suppressions).where(same).values(reason=DELETED))
                self._hide(connection, set(hashes))
            name, value = mark
            connection.execute(self._database.insert_or_update(marks, "value"), [{"name": name, "value": value}])

    def adopt_suppressions(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Take over rows as `all_suppressions` has them, in a transaction of `writing`; those that are there stay."""
        self._insert(connection, rows)

    def _insert(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> int:
        salts = {salt_of(row["address"]) for row in rows if read_hash(row["address"]) == row["address"]}
        if salts:
            ignoring = self._database.insert_or_ignore(suppression_salts)
            connection.execute(ignoring, [{"salt": salt} for salt in sorted(salts)])
        if not rows:
            return 0
        return connection.execute(self._database.insert_or_ignore(suppressions), list(rows)).rowcount

    def _hide(self, connection: Connection, hashes: Collection[tuple[str, str]]) -> None:
        """Remove the rows that name an address of which there is a hash."""
        for channel in sorted({one for one, _ in hashes}):
            mine = {one for of, one in hashes if of == channel}
            salts = {salt_of(one) for one in mine}
            asked = select(suppressions.c.address).where(suppressions.c.channel == channel, ~_HASHES)
            listed: list[str] = list(connection.scalars(asked))
            named = [one for one in listed if any(hashed(channel, one, salt) in mine for salt in salts)]
            for address in named:
                one = (suppressions.c.channel == channel) & (suppressions.c.address == address)
                connection.execute(delete(suppressions).where(one))

    def _own_salt(self) -> str:
        with self._database.read() as connection:
            return str(connection.scalar(select(own_salt.c.salt)))


def salts_in(connection: Connection) -> list[str]:
    """The salts of the hashes on the list."""
    return list(connection.scalars(select(suppression_salts.c.salt)))


def _suppressed(
    connection: Connection, channel: str, addresses: Collection[str], salts: Sequence[str]
) -> dict[str, str]:
    asked = {address: keys(channel, address, salts) for address in addresses}
    wanted = sorted({key for own in asked.values() for key in own})
    found: dict[str, str] = {}
    for start in range(0, len(wanted), _KEYS_AT_ONCE):
        some = suppressions.c.address.in_(wanted[start : start + _KEYS_AT_ONCE])
        one = select(suppressions.c.address, suppressions.c.reason).where(suppressions.c.channel == channel, some)
        found |= {row.address: row.reason for row in connection.execute(one)}
    told = {address: next((found[key] for key in own if key in found), None) for address, own in asked.items()}
    return {address: reason for address, reason in told.items() if reason is not None}


def not_hidden(connection: Connection, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows (channel, address, ...) less those whose address the list knows by its hash: nobody writes it down."""
    salts = salts_in(connection)
    if not salts:
        return list(rows)
    known: set[tuple[str, str]] = set()
    for channel in sorted({row["channel"] for row in rows}):
        named = [row["address"] for row in rows if row["channel"] == channel and read_hash(row["address"]) is None]
        known |= {(channel, address) for address in _suppressed(connection, channel, named, salts)}
    return [row for row in rows if (row["channel"], row["address"]) not in known]
