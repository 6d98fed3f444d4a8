"""Messages that wait for a person: failed, of unknown outcome, held. To look at, and to decide about."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, bindparam, func, select, update

from segflow.outbox.database import Database
from segflow.outbox.decisions import who
from segflow.outbox.records import Status
from segflow.outbox.schema import attempts, messages
from segflow.outbox.sent import NOT_SENT

DEAD: tuple[Status, ...] = ("failed", "unknown", "held")

Decision = Literal["retry", "release", "drop"]
_OUTCOMES: dict[Decision, str] = {"retry": "retried", "release": "released", "drop": "dropped"}
MAY: dict[Decision, tuple[Status, ...]] = {"retry": ("failed",), "release": ("unknown",), "drop": DEAD}
"""What can be decided about messages in which state. What is held goes by itself, so that it can only be given up."""


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """Which messages: all that fit what is given."""

    ids: Collection[str] | None = None
    flow: str | None = None
    step: str | None = None
    sender: str | None = None
    contact: str | None = None
    outcomes: Collection[Status] = DEAD

    def where(self) -> list[ColumnElement[bool]]:
        column = messages.c
        named = ((column.flow, self.flow), (column.step, self.step), (column.sender, self.sender))
        found = [one == value for one, value in (*named, (column.contact_id, self.contact)) if value is not None]
        if self.ids is not None:
            found.append(column.message_id.in_(list(self.ids)))
        return [*found, column.status.in_(list(self.outcomes))]


def by_hand(decision: Decision, reason: str | None) -> str:
    """What is recorded of a decision: who took it, and why."""
    return f"{_OUTCOMES[decision]} by {who()}" + (f": {reason}" if reason else "")


class DeadLetters:
    """Those of a delivery store. Deciding needs no lease: a tick may run meanwhile, and claims what it finds planned.

    What was decided is a row of `attempts`, which the next tick copies to `deliveries`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def count(self, chosen: Chosen) -> int:
        """How many there are."""
        with self._database.read() as connection:
            return connection.scalar(select(func.count()).select_from(messages).where(*chosen.where())) or 0

    def listing(self, chosen: Chosen, limit: int = 100) -> list[dict[str, Any]]:
        """For people to read: ids, place, attempts, and what was said last."""
        column = messages.c
        mine = attempts.c.message_id == column.message_id
        latest = (attempts.c.attempt.desc(), attempts.c.recorded_at.desc())

        def last(what: ColumnElement[Any]) -> Any:
            # What the present state is about: a message that is in doubt again says why, not that it was released.
            about = select(what).where(mine, attempts.c.outcome == column.status)
            either = (one.order_by(*latest).limit(1).scalar_subquery() for one in (about, select(what).where(mine)))
            return func.coalesce(*either)

        rows = (
            select(
                column.message_id, column.flow, column.step, column.contact_id, column.channel, column.sender,
                column.status, column.attempts, column.due_at,
                last(attempts.c.reason).label("reason"), last(attempts.c.at).label("at"),
            )
            .where(*chosen.where())
            .order_by(column.planned_at, column.message_id)
            .limit(limit)
        )  # fmt: skip
        with self._database.read() as connection:
            return [dict(row._mapping) for row in connection.execute(rows)]

    def decide(self, decision: Decision, chosen: Chosen, reason: str) -> int:
        """Do what a person says with those chosen that it can be said of. Returns how many there were. `reason` is
        recorded: who said so, and why.

        `retry` plans them again with all the attempts of a new message: whoever does so says that the cause is mended.
        `release` plans them for one more attempt: whoever does so says that they did not arrive.
        """
        now = datetime.now(UTC)
        outcomes = [status for status in chosen.outcomes if status in MAY[decision]]
        column = messages.c
        with self._database.write("letters") as connection:
            wanted = [*chosen.where(), column.status.in_(outcomes)]
            asked = select(column.message_id, column.attempts, column.sender).where(*wanted).with_for_update()
            rows = list(connection.execute(asked))
            if not rows:
                return 0
            values: dict[str, Any] = {"status": "planned", "due_at": column.planned_at, "released_at": now, **NOT_SENT}
            if decision == "retry":
                # Those before count no more: it gets as many attempts as a new message.
                values["holds"] = column.attempts
            if decision == "drop":
                values = {"status": "dropped", "due_at": None, "recorded_at": now}
            connection.execute(
                update(messages).where(column.message_id == bindparam("id")).values(**values),
                [{"id": row.message_id} for row in rows],
            )
            connection.execute(
                self._database.insert_or_ignore(attempts),
                [
                    {
                        "message_id": row.message_id,
                        "attempt": row.attempts,
                        "outcome": _OUTCOMES[decision],
                        "reason": reason,
                        "sender": row.sender,
                        "at": now,
                        "recorded_at": now,
                    }
                    for row in rows
                ],
            )
            return len(rows)
