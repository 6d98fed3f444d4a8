"""The delivery store: claims, outcomes, suppressions, the lease and a few marks."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Insert, Table, delete, exists, func, select, update

from segflow.outbox.address_turns import AddressTurns
from segflow.outbox.api_keys import ApiKeys
from segflow.outbox.claims import PLANNED, Claims
from segflow.outbox.consent_changes import ConsentChanges
from segflow.outbox.contents import category_of
from segflow.outbox.coupons import Coupons, adopt_claims
from segflow.outbox.database import Database
from segflow.outbox.dead_letters import Chosen, DeadLetters
from segflow.outbox.decisions import Decisions
from segflow.outbox.doubts import Doubts
from segflow.outbox.imports import Imports
from segflow.outbox.lease import Lease, LeaseTable
from segflow.outbox.message_events import MessageEvents
from segflow.outbox.message_queries import MessageQueries
from segflow.outbox.pauses import Pauses
from segflow.outbox.provider_events import ProviderEvents
from segflow.outbox.records import Status
from segflow.outbox.removals import Removals
from segflow.outbox.restores import Restores
from segflow.outbox.retriggers import Enroll, Orders, Retrigger
from segflow.outbox.schema import attempts, marks, messages
from segflow.outbox.schema_people import enroll_contacts, enrolls, retrigger_contacts, retriggers
from segflow.outbox.schema_types import metadata
from segflow.outbox.send_tests import SendTests
from segflow.outbox.sent import SentMessages
from segflow.outbox.suppressions import Suppressions

STOP_SENDING = "stop_sending"


_COPIED = (
    "message_id", "attempt", "flow", "step", "contact_id", "channel", "sender", "address", "outcome", "reason",
    "provider_id", "at", "recorded_at",
)  # fmt: skip


class DeliveryStore(Claims, MessageQueries, SentMessages, AddressTurns, Suppressions):
    """Open with a path (SQLite) or an SQLAlchemy URL. Safe to use from several threads.

    Every writing method is one transaction, durable when it returns. Those that take a lease raise LeaseLostError,
    and write nothing, when it went to another holder.
    """

    def __init__(self, location: str | Path) -> None:
        self._database = Database(location)
        self.name = self._database.name
        self.leases = LeaseTable(self._database)
        self.decisions = Decisions(self._database, self.leases)
        self.retriggers = Orders(self._database, self.leases, Retrigger, retriggers, retrigger_contacts)
        self.enrolls = Orders(self._database, self.leases, Enroll, enrolls, enroll_contacts)
        self.doubts = Doubts(self._database)
        self.pauses = Pauses(self._database, self.leases)
        self.removals = Removals(self._database, self.leases)
        self.restores = Restores(self._database, self.leases)
        self.message_events = MessageEvents(self._database, self.leases)
        self.provider_events = ProviderEvents(self._database, self.leases)
        self.consent_changes = ConsentChanges(self._database, self.leases)
        self.imports = Imports(self._database, self.leases)
        self.coupons = Coupons(self._database, self.leases)
        self.letters = DeadLetters(self._database)
        self.tests = SendTests(self._database)
        self.api_keys = ApiKeys(self._database)

    @classmethod
    def open(cls, setting: str, root: Path) -> DeliveryStore:
        """The store that `delivery.store` names: a URL, or a path relative to the project's root."""
        return cls(setting if "://" in setting else root / Path(setting).expanduser())

    @contextlib.contextmanager
    def writing(self, name: str, lease: Lease) -> Iterator[Connection]:
        """One durable transaction of the lease's holder, for what has a module of its own. Raises LeaseLostError."""
        with self._database.write(name) as connection:
            self.leases.check_in(connection, lease)
            yield connection

    def insert_or_ignore(self, table: Table) -> Insert:
        """An INSERT for `writing` that leaves rows alone whose key is there."""
        return self._database.insert_or_ignore(table)

    def adopt_coupons(self, connection: Connection, rows: Iterable[Mapping[str, Any]]) -> None:
        """Take over rows of the warehouse's `coupon_claims` in a transaction of `writing`."""
        adopt_claims(connection, self._database, rows)

    def insert_new(self, lease: Lease, rows: Sequence[Mapping[str, Any]]) -> int:
        """Take over rows of the warehouse's `outbox`; those with a known message_id are left alone.

        Naive times are UTC. Returns how many were new.
        """
        if not rows:
            return 0
        values = planned_values(rows)
        with self._database.write("insert") as connection:
            self.leases.check_in(connection, lease)
            return self._database.driver.insert_new(connection, messages, values)

    def release(self, message_ids: Iterable[str] | None = None, reason: str = "released by hand") -> int:
        """Plan messages of unknown outcome again (all of them without ids): a person decided that they did not arrive.

        Returns how many there were. The next tick copies the decision to `deliveries`.
        """
        return self.letters.decide("release", _unknown(message_ids), reason)

    def drop(self, message_ids: Iterable[str] | None = None, reason: str = "dropped by hand") -> int:
        """Give up messages of unknown outcome (all of them without ids). Returns how many there were.

        The next tick copies the decision to `deliveries`.
        """
        return self.letters.decide("drop", _unknown(message_ids), reason)

    def settled_since(self, tick_id: str | None) -> dict[str, int]:
        """The ticks from `tick_id` on (all when None) that settled anything, in order, with how many attempts."""
        booked = attempts.c.tick_id
        query = select(booked, func.count()).where(booked.is_not(None)).group_by(booked).order_by(booked)
        if tick_id is not None:
            query = query.where(booked >= tick_id)
        with self._database.read() as connection:
            return {str(row[0]): int(row[1]) for row in connection.execute(query)}

    def adopt_decisions(self, lease: Lease, tick_id: str) -> None:
        """Book what people decided since the last tick under this one."""
        with self._database.write("adopt") as connection:
            self.leases.check_in(connection, lease)
            connection.execute(update(attempts).where(attempts.c.tick_id.is_(None)).values(tick_id=tick_id))

    def attempts_of(self, tick_id: str) -> list[dict[str, Any]]:
        """The rows of ledger `deliveries` for this tick, without `tick_id`; times aware, in UTC."""
        joined = attempts.join(messages, attempts.c.message_id == messages.c.message_id)
        picked = [attempts.c[name] if name in attempts.c else messages.c[name] for name in _COPIED]
        rows = select(*picked).select_from(joined).where(attempts.c.tick_id == tick_id)
        with self._database.read() as connection:
            ordered = rows.order_by(attempts.c.message_id, attempts.c.attempt, attempts.c.recorded_at)
            return [dict(row._mapping) for row in connection.execute(ordered)]

    def has_booked(self, tick_id: str) -> bool:
        """Is anything of this tick: what people decided, what came from outside, a message?"""
        with self._database.read() as connection:
            tables = (table for table in metadata.tables.values() if "tick_id" in table.c)
            return any(connection.scalar(select(exists().where(table.c.tick_id == tick_id))) for table in tables)

    def mark(self, name: str) -> str | None:
        """The value of a mark (`last_committed`, `inserted_to`, `copied_to`, ...), None when not set."""
        with self._database.read() as connection:
            return connection.scalar(select(marks.c.value).where(marks.c.name == name))

    def marks_of(self, prefix: str) -> dict[str, str]:
        """The marks whose names begin with `prefix`, by what follows."""
        named = marks.c.name.startswith(prefix, autoescape=True)
        asked = select(marks.c.name, marks.c.value).where(named).order_by(marks.c.name)
        with self._database.read() as connection:
            return {str(row[0]).removeprefix(prefix): str(row[1]) for row in connection.execute(asked)}

    def set_mark(self, name: str, value: str | None, lease: Lease | None = None) -> None:
        """Set a mark, or remove it with None. With a lease, only its holder may."""
        with self._database.write("mark") as connection:
            if lease is not None:
                self.leases.check_in(connection, lease)
            if value is None:
                connection.execute(delete(marks).where(marks.c.name == name))
            else:
                row = {"name": name, "value": value}
                connection.execute(self._database.insert_or_update(marks, "value"), [row])

    def stop_sending(self, reason: str) -> None:
        """Nothing is handed to any sender from now on, in any process, until `resume_sending`."""
        self.set_mark(STOP_SENDING, reason)

    def resume_sending(self) -> None:
        self.set_mark(STOP_SENDING, None)

    def stopped(self) -> str | None:
        """Why sending is stopped, None when it is not."""
        return self.mark(STOP_SENDING)

    def close(self) -> None:
        self._database.close()

    def __enter__(self) -> DeliveryStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _unknown(message_ids: Iterable[str] | None) -> Chosen:
    unknown: tuple[Status, ...] = ("unknown",)
    return Chosen(ids=None if message_ids is None else list(message_ids), outcomes=unknown)


def planned_values(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows of the warehouse's `outbox` as new rows of `messages`."""
    now = _now()
    return [
        {name: _aware(row[name]) for name in PLANNED}
        | {"status": "planned", "attempts": 0, "due_at": _aware(row["planned_at"]), "recorded_at": now}
        | {"category": category_of(row["content"])}
        for row in rows
    ]


def _aware(value: Any) -> Any:
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) and value.tzinfo is None else value


def _now() -> datetime:
    return datetime.now(UTC)
