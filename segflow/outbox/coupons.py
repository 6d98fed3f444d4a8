"""Pools of coupon codes: each code goes to one enrollment, once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, bindparam, case, func, select, update

from segflow.outbox.database import Database
from segflow.outbox.lease import Lease, LeaseTable
from segflow.outbox.schema_people import coupon_codes

_AT_ONCE = 1_000
"""Ids named in one query: databases bound the number of its parameters."""
_KEY = 0x5E6F10C
"""Of the advisory lock under which Postgres adds codes; any number that nobody else uses."""


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A code is wanted. `claim_id` is the same however often the tick is run."""

    claim_id: str
    pool: str
    contact_id: str


@dataclass(frozen=True, kw_only=True)
class Pool:
    """How many codes of a pool are left, and how many were claimed."""

    pool: str
    left: int
    claimed: int


class Coupons:
    """The coupons of a delivery store."""

    def __init__(self, database: Database, leases: LeaseTable) -> None:
        self._database, self._leases = database, leases

    def add(self, pool: str, codes: Sequence[str]) -> int:
        """Put codes into a pool, in this order; those that it has or had are left alone. Returns how many were new.
        All of them are durable when it returns, or none."""
        now = datetime.now(UTC)
        with self._database.write("coupons") as connection:
            self._database.one_at_a_time(connection, _KEY)
            mine = coupon_codes.c.pool == pool
            last = connection.scalar(select(func.max(coupon_codes.c.ordinal)).where(mine)) or 0
            rows = [
                {"pool": pool, "code": code, "ordinal": last + number, "added_at": now}
                for number, code in enumerate(dict.fromkeys(codes), 1)
            ]
            return connection.execute(self._database.insert_or_ignore(coupon_codes), rows).rowcount if rows else 0

    def pools(self) -> list[Pool]:
        """All pools by name."""
        claimed = func.sum(case((coupon_codes.c.claim_id.is_not(None), 1), else_=0))
        counted = select(coupon_codes.c.pool, func.count(), claimed).group_by(coupon_codes.c.pool)
        with self._database.read() as connection:
            rows = connection.execute(counted.order_by(coupon_codes.c.pool)).all()
        return [Pool(pool=row[0], left=int(row[1] - row[2]), claimed=int(row[2])) for row in rows]

    def claim(self, lease: Lease, tick_id: str, claims: Collection[Claim]) -> dict[str, str]:
        """Claim a code for each: claim_id -> code; those whose pool is empty are left out.

        One transaction: durable for all when it returns. A claim that is there keeps its code. New ones get the codes
        in the order of the pool, by the order of their ids. Raises LeaseLostError.
        """
        if not claims:
            return {}
        with self._database.write("claim_coupons") as connection:
            self._leases.check_in(connection, lease)
            known, new = _chosen(connection, claims)
            if new:
                now = datetime.now(UTC)
                taken = update(coupon_codes).where(
                    coupon_codes.c.pool == bindparam("of_pool"), coupon_codes.c.code == bindparam("this_code")
                )
                values: dict[str, Any] = {"claim_id": bindparam("by_claim"), "contact_id": bindparam("by_contact")}
                connection.execute(
                    taken.values(**values, claimed_at=now, tick_id=tick_id),
                    [
                        {"of_pool": one.pool, "this_code": code, "by_claim": one.claim_id, "by_contact": one.contact_id}
                        for one, code in new
                    ],
                )
        return known | {one.claim_id: code for one, code in new}

    def preview(self, claims: Collection[Claim]) -> dict[str, str]:
        """What `claim` would return; claims nothing."""
        with self._database.read() as connection:
            known, new = _chosen(connection, claims)
        return known | {one.claim_id: code for one, code in new}

    def book(self, lease: Lease, tick_id: str, used: Collection[str]) -> None:
        """Put back the codes that an attempt of this tick has claimed and does not use: `used` are the ids of the
        claims that it does.

        Call it just before the commit: after it nobody else may get what the tick has written down.
        """
        mine = coupon_codes.c.tick_id == tick_id
        with self._database.read() as connection:
            had: list[str] = list(connection.scalars(select(coupon_codes.c.claim_id).where(mine)))
        unused = sorted(set(had) - set(used))
        if not unused:
            return
        nobody = {"claim_id": None, "contact_id": None, "claimed_at": None, "tick_id": None}
        with self._database.write("book_coupons") as connection:
            self._leases.check_in(connection, lease)
            for some in _parts(unused):
                connection.execute(update(coupon_codes).where(coupon_codes.c.claim_id.in_(some)).values(**nobody))


def adopt_claims(connection: Connection, database: Database, rows: Iterable[Mapping[str, Any]]) -> None:
    """Take over rows of the warehouse's ledger `coupon_claims`: what was given away is not given again when the pool's
    file is added anew."""
    values = [
        {
            "pool": row["pool"],
            "code": row["code"],
            "ordinal": 0,
            "added_at": row["at"],
            "claim_id": row["claim_id"],
            "contact_id": row["contact_id"],
            "claimed_at": row["at"],
            "tick_id": row["tick_id"],
        }
        for row in rows
    ]
    columns = ("claim_id", "contact_id", "claimed_at", "tick_id")
    if values:
        connection.execute(database.insert_or_update(coupon_codes, *columns), values)


def _chosen(connection: Connection, claims: Collection[Claim]) -> tuple[dict[str, str], list[tuple[Claim, str]]]:
    """claim_id -> code of those that have one, and the free codes for the others."""
    ids = sorted({one.claim_id for one in claims})
    known: dict[str, str] = {}
    for some in _parts(ids):
        found = select(coupon_codes.c.claim_id, coupon_codes.c.code).where(coupon_codes.c.claim_id.in_(some))
        known |= {row.claim_id: row.code for row in connection.execute(found)}
    wanted: dict[str, list[Claim]] = {}
    for one in sorted({one.claim_id: one for one in claims}.values(), key=lambda claim: claim.claim_id):
        if one.claim_id not in known:
            wanted.setdefault(one.pool, []).append(one)
    new: list[tuple[Claim, str]] = []
    for pool, ones in sorted(wanted.items()):
        free = (
            select(coupon_codes.c.code)
            .where(coupon_codes.c.pool == pool, coupon_codes.c.claim_id.is_(None))
            .order_by(coupon_codes.c.ordinal, coupon_codes.c.code)
            .limit(len(ones))
        )
        new += zip(ones, connection.scalars(free), strict=False)
    return known, new


def _parts(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), _AT_ONCE):
        yield ids[start : start + _AT_ONCE]
