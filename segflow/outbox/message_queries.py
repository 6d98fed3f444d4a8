"""Looking at the messages of the delivery store, changing nothing."""

from __future__ import annotations

import functools
from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select

from segflow.outbox.database import Database
from segflow.outbox.dead_letters import DEAD, Chosen, DeadLetters
from segflow.outbox.records import Status
from segflow.outbox.schema import attempts, messages


class MessageQueries:
    """The questions that the delivery store answers about its messages."""

    _database: Database

    def tried(self, message_ids: Collection[str]) -> set[str]:
        """Those of which an attempt is recorded."""
        asked = select(attempts.c.message_id).where(attempts.c.message_id.in_(message_ids)).distinct()
        with self._database.read() as connection:
            return set(connection.scalars(asked))

    def lacking(self, message_ids: Collection[str]) -> set[str]:
        """Those that the store does not have."""
        driver = self._database.driver
        with self._database.read() as connection:
            known = driver.run(connection, self._here, {"ids": driver.ids(message_ids)})
            return set(message_ids) - {row[0] for row in known}

    @functools.cached_property
    def _here(self) -> Select[str]:
        return select(messages.c.message_id).where(self._database.driver.among(messages.c.message_id))

    def coming(self, sender: str, now: datetime, limit: int) -> list[tuple[str, str]]:
        """(contact_id, enrollment_id) of the next messages of `sender` that are due, in the order of claims."""
        due = (
            select(messages.c.contact_id, messages.c.enrollment_id)
            .where(messages.c.sender == sender, messages.c.due_at <= now)
            .order_by(messages.c.due_at, messages.c.message_id)
            .limit(limit)
        )
        with self._database.read() as connection:
            return [(row[0], row[1]) for row in connection.execute(due)]

    def damage(self) -> list[str]:
        """What SQLite finds wrong with its file; empty when it is whole, and on Postgres."""
        return self._database.damage()

    def counts(self) -> dict[tuple[str, str], int]:
        """How many messages there are by (sender, status)."""
        by = select(messages.c.sender, messages.c.status, func.count()).group_by(messages.c.sender, messages.c.status)
        with self._database.read() as connection:
            return {(row[0], row[1]): row[2] for row in connection.execute(by)}

    def waiting(self, status: Status) -> tuple[int, datetime | None]:
        """How many messages are in `status`, and since when the oldest is."""
        since = func.min(func.coalesce(messages.c.claimed_at, messages.c.recorded_at))
        with self._database.read() as connection:
            row = connection.execute(select(func.count(), since).where(messages.c.status == status)).one()
        return row[0], row[1]

    def dead(self) -> dict[str, dict[str, int]]:
        """sender -> status -> how many of its messages wait for a person."""
        column = messages.c
        asked = select(column.sender, column.status, func.count()).where(column.status.in_(DEAD))
        found: dict[str, dict[str, int]] = {}
        with self._database.read() as connection:
            for row in connection.execute(asked.group_by(column.sender, column.status)):
                found.setdefault(row[0], {})[row[1]] = row[2]
        return found

    def overdue(self, since: datetime) -> dict[str, tuple[int, datetime]]:
        """flow -> how many of its messages have been due since `since` or longer and have not gone, and since when the
        first."""
        due = messages.c.due_at
        asked = select(messages.c.flow, func.count(), func.min(due)).where(due <= since).group_by(messages.c.flow)
        with self._database.read() as connection:
            return {row[0]: (row[1], row[2]) for row in connection.execute(asked)}

    def next_due(self, sender: str) -> datetime | None:
        """When the next message of `sender` is due, None when none waits."""
        due = messages.c.due_at
        with self._database.read() as connection:
            return connection.scalar(
                select(due).where(messages.c.sender == sender, due.is_not(None)).order_by(due).limit(1)
            )

    def senders_due(self, now: datetime) -> list[str]:
        """The names of the senders that have messages due at `now`."""
        names = select(messages.c.sender).where(messages.c.due_at <= now).distinct().order_by(messages.c.sender)
        with self._database.read() as connection:
            return [str(row[0]) for row in connection.execute(names)]

    def due_of(self, enrollment_id: str, step: str, visit: int) -> datetime | None:
        """When the message of a step that waits is due; None when none waits."""
        mine = messages.c.enrollment_id == enrollment_id, messages.c.step == step, messages.c.visit == visit
        with self._database.read() as connection:
            return connection.scalar(select(messages.c.due_at).where(*mine))

    def listing(self, status: Status, limit: int = 100) -> list[dict[str, Any]]:
        """Messages in `status` for people to read: see `DeadLetters.listing`."""
        return DeadLetters(self._database).listing(Chosen(outcomes=(status,)), limit)
