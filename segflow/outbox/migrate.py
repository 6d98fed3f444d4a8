"""What a delivery store of an earlier version gets when it is opened: all is added, nothing changes its meaning."""

from __future__ import annotations

import sqlalchemy
from sqlalchemy import Connection, Table, func, select, update
from sqlalchemy.schema import CreateColumn

from segflow.outbox.contents import category_of
from segflow.outbox.schema import LATER_INDEXES, attempts, message_events, messages, unmatched_events

_SIMULATED = ("mailbox", "console")
"""The senders that are always there. What others sent before the store kept it counts as sent by live ones."""


def bring_up_to_date(connection: Connection) -> None:
    """Add the columns and indexes that are missing; whole tables are there already."""
    grown = [table for table in (messages, message_events, unmatched_events) if _add_columns(connection, table)]
    for index in LATER_INDEXES:
        index.create(connection, checkfirst=True)
    if messages in grown:
        _fill_categories(connection)
        fill_sent(connection)


def _add_columns(connection: Connection, table: Table) -> bool:
    """Add those that a table lacks; were there any?"""
    there = {column["name"] for column in sqlalchemy.inspect(connection).get_columns(table.name)}
    missing = [column for column in table.columns if column.name not in there]
    for column in missing:
        told = CreateColumn(column).compile(dialect=connection.dialect)
        connection.exec_driver_sql(f"ALTER TABLE {table.name} ADD COLUMN {told}")
    return bool(missing)


def fill_sent(connection: Connection) -> None:
    """Say of messages that were sent, or may have been, when that was: `attempts` knows it."""
    mine = (attempts.c.message_id == messages.c.message_id) & attempts.c.outcome.in_(["sent", "unknown"])
    at = select(func.max(attempts.c.at)).where(mine).scalar_subquery()
    live = select(func.min(attempts.c.sender)).where(mine).scalar_subquery().not_in(_SIMULATED)
    connection.execute(
        update(messages)
        .where(messages.c.status.in_(["sent", "unknown", "dropped"]), messages.c.sent_at.is_(None))
        .values(sent_at=at, sent_live=live)
    )


def _fill_categories(connection: Connection) -> None:
    """Find those that are transactional; null is marketing. There are as many contents as steps, not as messages."""
    content = messages.c.content
    contents = select(content).where(content.like("%transactional%")).distinct()
    for row in connection.execute(contents).all():
        if category_of(row.content) == "transactional":
            connection.execute(update(messages).where(content == row.content).values(category="transactional"))
