"""The delivery store: claims, outcomes, suppressions, the lease and a few marks."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Insert, Select, Table, bindparam, delete, func, insert, literal, null, select, update

from segflow.errors import LeaseLostError
from segflow.outbox.address_turns import AddressTurns
from segflow.outbox.api_keys import ApiKeys
from segflow.outbox.consent_changes import ConsentChanges
from segflow.outbox.contents import category_of
from segflow.outbox.coupons import Coupons, adopt_claims
from segflow.outbox.database import Database
from segflow.outbox.dead_letters import Chosen, DeadLetters
from segflow.outbox.decisions import Decisions
from segflow.outbox.doubts import DoubtChange, Doubts
from segflow.outbox.imports import Imports
from segflow.outbox.lease import Lease, LeaseTable
from segflow.outbox.message_events import MessageEvents
from segflow.outbox.message_queries import MessageQueries
from segflow.outbox.pauses import Pauses
from segflow.outbox.provider_events import ProviderEvents
from segflow.outbox.records import ClaimedMessage, Outcome, PlannedMessage, Status
from segflow.outbox.removals import Removals
from segflow.outbox.restores import Restores
from segflow.outbox.retriggers import Enroll, Orders, Retrigger
from segflow.outbox.schema import attempts, marks, messages
from segflow.outbox.schema_people import enroll_contacts, enrolls, retrigger_contacts, retriggers
from segflow.outbox.send_tests import SendTests
from segflow.outbox.sent import SentMessages, in_doubt, note_holds, sent_values
from segflow.outbox.suppressions import Suppressions

STOP_SENDING = "stop_sending"


_PLANNED = tuple(field.name for field in fields(PlannedMessage))
_COPIED = (
    "message_id", "attempt", "flow", "step", "contact_id", "channel", "sender", "address", "outcome", "reason",
    "provider_id", "at", "recorded_at",
)  # fmt: skip


# Built once: to put such a statement together costs as much as to run it.
_THESE = messages.c.message_id.in_(bindparam("ids", expanding=True))
_HAND_OVER = update(messages).where(_THESE).values(handed_at=bindparam("wall", type_=messages.c.handed_at.type))
_SETTLE = (
    update(messages)
    .where(_THESE, messages.c.status == "claimed")
    .values(
        status=bindparam("outcome"),
        due_at=bindparam("next", type_=messages.c.due_at.type),
        claim_token=None,
        claimed_at=None,
        handed_at=None,
        recorded_at=bindparam("wall", type_=messages.c.recorded_at.type),
        settled_tick=bindparam("tick"),
        sent_at=bindparam("sent", type_=messages.c.sent_at.type),
        sent_live=bindparam("live", type_=messages.c.sent_live.type),
    )
)
_BOOK = insert(attempts).values(
    {
        name: bindparam(name, type_=attempts.c[name].type)
        for name in (
            "message_id", "attempt", "outcome", "reason", "sender", "address", "provider_id", "at", "recorded_at",
            "tick_id",
        )
    }
)  # fmt: skip


class DeliveryStore(MessageQueries, SentMessages, AddressTurns, Suppressions):
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
            return connection.execute(self._database.insert_or_ignore(messages), values).rowcount

    def claim(
        self, lease: Lease, sender: str, limit: int, now: datetime, *, hand_over: bool, repeatable: bool
    ) -> list[ClaimedMessage]:
        """Claim up to `limit` messages of `sender` that are due at `now`, the longest due first.

        With `hand_over` all of them count as handed over from here on; otherwise each must be named in `settle`'s
        `hand_over` before it is handed to the sender. `repeatable`: should this process die, may they be handed
        over again (the sender is idempotent)?
        """
        wall = _now()
        due: Select[Any] = (
            select(messages)
            .where(messages.c.sender == sender, messages.c.due_at <= now)
            .order_by(messages.c.due_at, messages.c.message_id)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        with self._database.write("claim") as connection:
            self.leases.check_in(connection, lease)
            rows = connection.execute(due).all()
            if not rows:
                return []
            connection.execute(
                update(messages)
                .where(messages.c.message_id.in_([row.message_id for row in rows]))
                .values(
                    status="claimed",
                    attempts=messages.c.attempts + 1,
                    due_at=None,
                    claim_token=lease.token,
                    claimed_at=wall,
                    handed_at=wall if hand_over else None,
                    repeatable=repeatable,
                )
            )
        return [
            ClaimedMessage(
                **{name: getattr(row, name) for name in _PLANNED},
                attempt=row.attempts + 1,
                due_at=max(one for one in (row.due_at, row.released_at, row.held_until) if one is not None),
                released=row.released_at is not None,
                holds=row.holds or 0,
            )
            for row in rows
        ]

    def settle(
        self,
        lease: Lease,
        tick_id: str,
        outcomes: Sequence[Outcome],
        *,
        hand_over: Collection[str] = (),
        doubts: DoubtChange | None = None,
    ) -> None:
        """Record outcomes of claimed messages, and name those that are handed over next, in one transaction.

        `doubts`: what comes to be in doubt by that, and what no longer is.
        """
        wall = _now()
        with self._database.write("settle") as connection:
            self.leases.check_in(connection, lease)
            if hand_over:
                connection.execute(_HAND_OVER, {"ids": list(hand_over), "wall": wall})
            if doubts is not None:
                self.doubts.leave(connection, doubts.certain)
                self.doubts.enter(connection, doubts.new, wall)
            if not outcomes:
                return
            alike: dict[tuple[str, datetime | None, bool], list[Outcome]] = {}
            for one in outcomes:
                alike.setdefault((one.outcome, one.due_at, one.live), []).append(one)
            settled = 0
            for (outcome, next_due, _), some in alike.items():
                ids = [one.message_id for one in some]
                given = {"ids": ids, "outcome": outcome, "next": next_due, "wall": wall, "tick": tick_id}
                settled += connection.execute(_SETTLE, given | sent_values(some)).rowcount
            if settled != len(outcomes):
                raise LeaseLostError(f"{len(outcomes) - settled} messages were settled by another process meanwhile")
            note_holds(connection, outcomes)
            connection.execute(_BOOK, [{**vars(one), "recorded_at": wall, "tick_id": tick_id} for one in outcomes])

    def unclaim(self, lease: Lease, claimed: Sequence[ClaimedMessage], until: datetime | None = None) -> None:
        """Put back messages that were certainly not handed over: as if never claimed, or not before `until`."""
        if not claimed:
            return
        with self._database.write("unclaim") as connection:
            self.leases.check_in(connection, lease)
            connection.execute(
                _put_back().where(messages.c.message_id == bindparam("id"), messages.c.status == "claimed"),
                [{"id": m.message_id, "next": max(until, m.due_at) if until else m.due_at} for m in claimed],
            )

    def go_elsewhere(self, lease: Lease, moved: Sequence[tuple[ClaimedMessage, str, str]]) -> None:
        """Put claimed messages that were not handed over into other queues, due as before: (message, channel,
        sender)."""
        if not moved:
            return
        with self._database.write("elsewhere") as connection:
            self.leases.check_in(connection, lease)
            connection.execute(
                _put_back()
                .values(channel=bindparam("new_channel"), sender=bindparam("new_sender"))
                .where(messages.c.message_id == bindparam("id"), messages.c.status == "claimed"),
                [
                    {"id": one.message_id, "next": one.due_at, "new_channel": channel, "new_sender": sender}
                    for one, channel, sender in moved
                ],
            )

    def recover(self, lease: Lease, tick_id: str | None, at: datetime) -> int:
        """Judge the claims that a dead process left. Only the lease's holder claims, so all that are left are such.

        What was not handed over is planned again. What was handed to an idempotent sender is planned again under the
        same message_id (the attempt counts); to any other sender: it is `unknown` and waits for a person.
        Without a `tick_id` the next tick books the outcomes. Returns how many became unknown.
        """
        wall = _now()
        left = messages.c.status == "claimed"
        with self._database.write("recover") as connection:
            self.leases.check_in(connection, lease)
            again = {"claim_token": None, "claimed_at": None, "handed_at": None, "due_at": messages.c.planned_at}
            connection.execute(
                update(messages)
                .where(left, messages.c.handed_at.is_(None))
                .values(status="planned", attempts=messages.c.attempts - 1, **again)
            )
            connection.execute(
                update(messages).where(left, messages.c.repeatable.is_(True)).values(status="planned", **again)
            )
            reason = "the process died between handing it over and recording the outcome"
            connection.execute(
                insert(attempts).from_select(
                    ["message_id", "attempt", "outcome", "reason", "sender", "at", "recorded_at", "tick_id"],
                    select(
                        messages.c.message_id,
                        messages.c.attempts,
                        literal("unknown"),
                        literal(reason),
                        messages.c.sender,
                        literal(at, attempts.c.at.type),
                        literal(wall, attempts.c.recorded_at.type),
                        literal(tick_id, attempts.c.tick_id.type),
                    ).where(left),
                )
            )
            return connection.execute(
                update(messages)
                .where(left)
                .values(status="unknown", settled_tick=tick_id, recorded_at=wall, **(again | in_doubt(at)))
            ).rowcount

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
        {name: _aware(row[name]) for name in _PLANNED}
        | {"status": "planned", "attempts": 0, "due_at": _aware(row["planned_at"]), "recorded_at": now}
        | {"category": category_of(row["content"])}
        for row in rows
    ]


def _put_back() -> Any:
    return update(messages).values(
        status="planned",
        attempts=messages.c.attempts - 1,
        due_at=bindparam("next"),
        claim_token=None,
        claimed_at=None,
        handed_at=null(),
    )


def _aware(value: Any) -> Any:
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) and value.tzinfo is None else value


def _now() -> datetime:
    return datetime.now(UTC)
