"""Messages that people sent to themselves: recorded apart from deliveries, so that nothing counts them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select

from segflow.outbox.database import Database
from segflow.outbox.decisions import who
from segflow.outbox.schema import send_tests


class SendTests:
    """The tests of a delivery store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Keep what became of one. Returns its row, with who sent it and when."""
        with self._database.write("send_test") as connection:
            whole = {"reason": None, "provider_id": None, **row, "sent_by": who(), "at": self._database.now(connection)}
            connection.execute(self._database.insert_or_ignore(send_tests), [whole])
        return whole

    def listing(self, limit: int) -> list[dict[str, Any]]:
        """The latest first."""
        with self._database.read() as connection:
            rows = connection.execute(select(send_tests).order_by(send_tests.c.at.desc()).limit(limit))
            return [dict(row._mapping) for row in rows]
