"""Claiming messages, announcing that they are handed over, and recording what became of them.

Each is one transaction per group of messages, of a few statements whatever the group's size.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Insert, bindparam, insert, literal, null, select, update

from segflow.errors import LeaseLostError
from segflow.outbox.database import Database
from segflow.outbox.doubts import DoubtChange, Doubts
from segflow.outbox.driver import Driver
from segflow.outbox.lease import Lease, LeaseTable
from segflow.outbox.records import ClaimedMessage, Outcome, PlannedMessage
from segflow.outbox.schema import attempts, messages
from segflow.outbox.schema_types import words
from segflow.outbox.sent import in_doubt, note_holds, sent_values

PLANNED = tuple(field.name for field in fields(PlannedMessage))
_BOOKED_AT_ONCE = 50
"""Rows of one statement: its text is another one for each number of them."""
_OF_ROW = ("message_id", "attempt", "outcome", "reason", "sender", "address", "provider_id", "at")
_OF_ALL = ("recorded_at", "tick_id")


class _Statements:
    """Those of one database."""

    def __init__(self, driver: Driver) -> None:
        these = driver.among(messages.c.message_id)
        instant = messages.c.due_at.type
        self.due = (
            select(*(messages.c[name] for name in PLANNED))
            .add_columns(messages.c.attempts, messages.c.due_at, messages.c.released_at, messages.c.held_until)
            .add_columns(messages.c.holds)
            .where(messages.c.sender == bindparam("of"), messages.c.due_at <= bindparam("now", type_=instant))
            .order_by(messages.c.due_at, messages.c.message_id)
            .limit(bindparam("most"))
            .with_for_update(skip_locked=True)
        )
        self.claim = (
            update(messages)
            .where(these)
            .values(
                status=literal("claimed"),
                attempts=messages.c.attempts + 1,
                due_at=null(),
                claim_token=bindparam("token"),
                claimed_at=bindparam("wall", type_=instant),
                handed_at=bindparam("handed", type_=instant),
                repeatable=bindparam("again"),
            )
        )
        self.hand_over = update(messages).where(these).values(handed_at=bindparam("wall", type_=instant))
        self.settle = (
            update(messages)
            .where(these, driver.besides(messages.c.status, "claimed"))
            .values(
                status=bindparam("said"),
                due_at=bindparam("next", type_=instant),
                claim_token=null(),
                claimed_at=null(),
                handed_at=null(),
                recorded_at=bindparam("wall", type_=instant),
                settled_tick=bindparam("tick"),
                sent_at=bindparam("sent", type_=instant),
                sent_live=bindparam("live", type_=messages.c.sent_live.type),
            )
        )


@functools.lru_cache(maxsize=_BOOKED_AT_ONCE)
def _book(number: int) -> Insert:
    """So many attempts."""
    common = {name: bindparam(name, type_=attempts.c[name].type) for name in _OF_ALL}
    return insert(attempts).values(
        [
            {name: bindparam(f"{name}_{row}", type_=attempts.c[name].type) for name in _OF_ROW} | common
            for row in range(number)
        ]
    )


class Claims:
    """What the holder of the lease does with messages."""

    _database: Database
    leases: LeaseTable
    doubts: Doubts

    @functools.cached_property
    def _statements(self) -> _Statements:
        return _Statements(self._database.driver)

    def claim(
        self, lease: Lease, sender: str, limit: int, now: datetime, *, hand_over: bool, repeatable: bool
    ) -> list[ClaimedMessage]:
        """Claim up to `limit` messages of `sender` that are due at `now`, the longest due first.

        With `hand_over` all of them count as handed over from here on; otherwise each must be named in `settle`'s
        `hand_over` before it is handed to the sender. `repeatable`: should this process die, may they be handed
        over again (the sender is idempotent)?
        """
        driver, statements = self._database.driver, self._statements
        wall = driver.instant(_now())
        given = {"of": sender, "now": driver.instant(now), "most": limit}
        with self._database.write("claim") as connection:
            self.leases.check_in(connection, lease)
            rows = driver.run(connection, statements.due, given).fetchall()
            if not rows:
                return []
            values = {"token": lease.token, "wall": wall, "handed": wall if hand_over else None, "again": repeatable}
            driver.run(connection, statements.claim, {"ids": driver.ids([row[0] for row in rows]), **values})
        read = driver.read_instant
        number = len(PLANNED)
        claimed = []
        for row in rows:
            tries, due, released, held, holds = row[number:]
            planned = dict(zip(PLANNED, row, strict=False))
            planned["enrolled_at"], planned["planned_at"] = read(planned["enrolled_at"]), read(planned["planned_at"])
            claimed.append(
                ClaimedMessage(
                    **planned,
                    attempt=tries + 1,
                    due_at=max(one for one in (read(due), read(released), read(held)) if one is not None),
                    released=released is not None,
                    holds=holds or 0,
                )
            )
        return claimed

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
        driver, statements = self._database.driver, self._statements
        now = _now()
        wall = driver.instant(now)
        with self._database.write("settle") as connection:
            self.leases.check_in(connection, lease)
            if hand_over:
                driver.run(connection, statements.hand_over, {"ids": driver.ids(hand_over), "wall": wall})
            if doubts is not None:
                self.doubts.leave(connection, doubts.certain)
                self.doubts.enter(connection, doubts.new, now)
            if not outcomes:
                return
            alike: dict[tuple[str, datetime | None, bool], list[Outcome]] = {}
            for one in outcomes:
                alike.setdefault((one.outcome, one.due_at, one.live), []).append(one)
            settled = 0
            for (outcome, next_due, _), some in alike.items():
                sent = sent_values(some)
                given = {
                    "ids": driver.ids([one.message_id for one in some]),
                    "said": outcome,
                    "next": driver.instant(next_due),
                    "wall": wall,
                    "tick": tick_id,
                    "sent": driver.instant(sent["sent"]),
                    "live": sent["live"],
                }
                settled += driver.run(connection, statements.settle, given).rowcount
            if settled != len(outcomes):
                raise LeaseLostError(f"{len(outcomes) - settled} messages were settled by another process meanwhile")
            note_holds(connection, outcomes)
            for start in range(0, len(outcomes), _BOOKED_AT_ONCE):
                self._book(
                    connection, outcomes[start : start + _BOOKED_AT_ONCE], {"recorded_at": wall, "tick_id": tick_id}
                )

    def _book(self, connection: Connection, outcomes: Sequence[Outcome], values: dict[str, Any]) -> None:
        instant = self._database.driver.instant
        for row, one in enumerate(outcomes):
            values[f"message_id_{row}"] = one.message_id
            values[f"attempt_{row}"] = one.attempt
            values[f"outcome_{row}"] = one.outcome
            values[f"reason_{row}"] = words(one.reason)
            values[f"sender_{row}"] = words(one.sender)
            values[f"address_{row}"] = words(one.address)
            values[f"provider_id_{row}"] = words(one.provider_id)
            values[f"at_{row}"] = instant(one.at)
        self._database.driver.run(connection, _book(len(outcomes)), values)

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


def _put_back() -> Any:
    return update(messages).values(
        status="planned",
        attempts=messages.c.attempts - 1,
        due_at=bindparam("next"),
        claim_token=None,
        claimed_at=None,
        handed_at=null(),
    )


def _now() -> datetime:
    return datetime.now(UTC)
