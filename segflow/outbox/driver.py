"""The statements that each group of messages needs, as the database's driver takes them.

SQLAlchemy puts them together, once. After that they go past it: what it looks at with each statement, value and row
costs several times as much as the database does.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Connection,
    Dialect,
    Executable,
    Table,
    Text,
    any_,
    bindparam,
    func,
    literal,
    null,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite

from segflow.outbox.schema_types import Instant, Words, words

POSTGRES = "postgresql"

_Bind = Callable[[Any], Any]
"""Makes of a value what the driver takes."""


class Driver:
    """Runs statements in the form that one database's driver has for texts and values."""

    def __init__(self, dialect: Dialect) -> None:
        self.postgres = dialect.name == POSTGRES
        # Names and not positions: one form of values for both.
        self._dialect = dialect if self.postgres else sqlite.dialect(paramstyle="named")
        self._texts: dict[Any, tuple[str, dict[str, Any]]] = {}
        """The text of a statement, and the values that are its own."""
        self._inserts: dict[tuple[str, ...], tuple[str, dict[str, _Bind]]] = {}
        """Table and columns -> the text of its INSERT, and what makes a value of each column."""

    def run(self, connection: Connection, statement: Executable, values: Mapping[str, Any]) -> Any:
        """The driver's cursor after a statement. `values` of all its parameters, in the driver's form. Raises the
        driver's own errors."""
        found = self._texts.get(statement)
        if found is None:
            found = self._texts[statement] = self._compiled(statement)
        text, fixed = found
        cursor = connection.connection.cursor()
        cursor.execute(text, {**fixed, **values} if fixed else values)
        return cursor

    def insert_new(self, connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> int:
        """Insert the rows whose key is not there; all have the columns of the first. Times are aware; texts may hold
        what databases do not keep. Returns how many were new. Raises the driver's own errors."""
        columns = tuple(rows[0])
        if (known := (table.name, *columns)) not in self._inserts:
            into = postgresql.insert(table) if self.postgres else sqlite.insert(table)
            values = {name: bindparam(name, type_=table.c[name].type) for name in columns}
            text, _ = self._compiled(into.values(values).on_conflict_do_nothing())
            kinds = {name: table.c[name].type for name in columns}
            binds: dict[str, _Bind] = {name: words for name, kind in kinds.items() if isinstance(kind, Words)}
            binds |= {name: self.instant for name, kind in kinds.items() if isinstance(kind, Instant)}
            self._inserts[known] = text, binds
        text, binds = self._inserts[known]
        cursor = connection.connection.cursor()
        cursor.executemany(text, [{**row, **{name: bind(row[name]) for name, bind in binds.items()}} for row in rows])
        return int(cursor.rowcount)

    def _compiled(self, statement: Executable) -> tuple[str, dict[str, Any]]:
        made: Any = statement.compile(dialect=self._dialect)  # type: ignore[attr-defined]
        return str(made), {name: bind.value for name, bind in made.binds.items() if not bind.required}

    def among(self, column: ColumnElement[Any]) -> ColumnElement[bool]:
        """Is the column one of the texts `ids`? The text of the statement is the same for any number of them."""
        if self.postgres:
            return column == any_(bindparam("ids", type_=ARRAY(Text)))
        listed = func.json_each(bindparam("ids")).table_valued("value")
        return column.in_(select(listed.c.value))

    def ids(self, given: Collection[str]) -> Any:
        """The value for `among`."""
        return list(given) if self.postgres else json.dumps(list(given))

    def besides(self, column: ColumnElement[Any], value: str) -> ColumnElement[bool]:
        """The column has this value, which is looked at in rows that were found by something else: SQLite takes the
        index of a column wherever it is compared, and would read every message that is claimed for each group."""
        wanted = literal(value)
        return column == wanted if self.postgres else column.concat(literal("")) == wanted

    def clock(self) -> ColumnElement[Any]:
        """The store's clock as a column; null where it is this machine's."""
        return func.clock_timestamp() if self.postgres else null()

    def read_clock(self, value: datetime | None) -> datetime:
        """What `clock` gave, aware."""
        return datetime.now(UTC) if value is None else value.astimezone(UTC)

    def instant(self, value: datetime | None) -> Any:
        """An aware time as the driver takes it: naive, in UTC."""
        if value is None:
            return None
        naive = (value if value.tzinfo is UTC else value.astimezone(UTC)).replace(tzinfo=None)
        return naive if self.postgres else naive.isoformat(" ", "microseconds")

    @property
    def read_instant(self) -> Callable[[Any], datetime | None]:
        """Makes an aware time of what the driver gives."""
        return _of_naive if self.postgres else _of_text


def _of_naive(value: datetime | None) -> datetime | None:
    return None if value is None else value.replace(tzinfo=UTC)


def _of_text(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value).replace(tzinfo=UTC)
