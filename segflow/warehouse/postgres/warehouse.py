"""A Postgres database. Statements are committed one by one unless `transaction` says otherwise."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, LiteralString

import psycopg
import pyarrow as pa
from psycopg import errors
from psycopg import sql as names
from sqlglot import exp

from segflow.durations import Duration
from segflow.errors import RunError
from segflow.warehouse.base import python_rows, relation
from segflow.warehouse.postgres.connections import Connections, connect
from segflow.warehouse.postgres.conversation import Conversation
from segflow.warehouse.postgres.errors import plain_message, told_trouble, trouble, warehouse_error
from segflow.warehouse.postgres.literals import literal_rows
from segflow.warehouse.postgres.results import batch_of, rows_of, schema_of, type_of
from segflow.warehouse.postgres.words import PostgresWords
from segflow.warehouse.tables import SCHEMA
from segflow.warehouse.transactional import TransactionalWarehouse

_FUNCTIONS = Path(__file__).with_name("functions.sql")
_TEMPORARY = "pg_temp"
ARROW_ROWS = "segflow_rows"
_SOON_GONE = 10_000
"""So many rows that were copied in may wait until others come in their place."""
_MARKED = f"{SCHEMA}.finite(numeric)"
"""The function whose comment says which version all of them are of."""
_THERE: Final = "SELECT table_name FROM information_schema.tables WHERE table_schema = {} AND table_name = ANY({})"
_KIND: Final = "SELECT table_type FROM information_schema.tables WHERE table_schema = {} AND table_name = {}"
_COLUMNS: Final = (
    "SELECT table_name, count(*) FROM information_schema.columns WHERE table_schema = {} GROUP BY table_name"
)
_VIEWS: Final = "SELECT viewname FROM pg_views WHERE schemaname = {}"
_VIEW_ANEW: Final = """BEGIN
    IF obj_description(to_regclass({text}), 'pg_class') IS DISTINCT FROM {mark} THEN
        IF (SELECT relkind = 'v' FROM pg_class WHERE oid = to_regclass({text})) THEN
            DROP VIEW {place} CASCADE;
        ELSE
            DROP TABLE IF EXISTS {place} CASCADE;
        END IF;
        EXECUTE {said};
        COMMENT ON VIEW {place} IS {mark};
    END IF;
END"""
"""A view that is the same stays, with what others have built on it. One with other columns does not replace one, and no
view a table."""
_MADE = "SELECT obj_description(to_regprocedure(%s), 'pg_proc'), to_regnamespace(%s) IS NOT NULL"


class PostgresWarehouse(TransactionalWarehouse):
    """The session's zone is UTC and its dates are ISO, which the functions of the words rely on."""

    words = PostgresWords()
    row_store = True
    _connections: Connections | None
    _made: set[str] | None
    """The temporary tables that it has made; None when that is not known, because a transaction was taken back."""

    def __init__(self, connections: Connections) -> None:
        """`connections`: where this one comes from, and goes back to. Raises InputError when it cannot be had."""
        super().__init__(None)
        self._connections, self._url, self._where = connections, connections.url, connections.where
        connection, is_new, has_temporary = connections.take()
        self._talk, self._made = Conversation(connection, has_temporary=has_temporary), set[str]()
        try:
            if is_new:
                self._ensure_functions()
        except BaseException:
            self.close()
            raise

    def query(self, sql: exp.Expr) -> pa.Table:
        with self._telling(), self._talk.ask(self._text(sql), binary=True) as (answer,):
            return _table(answer)

    def batches(self, sql: exp.Expr, size: int) -> Iterator[pa.RecordBatch]:
        # A cursor of the server's lives in a transaction: rows of a large result never stand all in memory here.
        with self._telling(), self._talk.cursor(self._text(sql), size) as pieces:
            for rows, columns in pieces:
                yield batch_of(schema_of(columns), rows)

    def execute(self, sql: exp.Expr) -> None:
        with self._telling():
            self._talk.tell(self._text(sql))

    def bind(self, sql: exp.Expr) -> str | None:
        with self._telling(), self._talk.alone() as connection:
            return self._bound(connection, b"PREPARE segflow_bind AS " + self._text(sql) + b"; DEALLOCATE segflow_bind")

    def _bound(self, connection: psycopg.Connection[Any], prepared: bytes) -> str | None:
        # An error ends the transaction that it comes up in, so it gets one of its own inside of it.
        try:
            with connection.transaction():
                connection.execute(prepared)
        except psycopg.Error as error:
            self._raise_trouble(error)
            return plain_message(error)
        return None

    @classmethod
    def apart(cls, url: str, where: str) -> PostgresWarehouse:
        """One with a connection of its own, that makes nothing there. Raises InputError when it cannot be had."""
        apart = cls.__new__(cls)
        TransactionalWarehouse.__init__(apart, None)
        apart._url, apart._where, apart._connections = url, where, None
        apart._talk, apart._made = Conversation(connect(url, where)), set()
        return apart

    def _beside(self) -> PostgresWarehouse:
        return PostgresWarehouse.apart(self._url, self._where)

    def _interrupt(self) -> None:
        self._talk.connection.cancel()

    def _was_interrupted(self, error: BaseException | None) -> bool:
        return isinstance(error, errors.QueryCanceled)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        with self._telling():
            try:
                with self._talk.transaction():
                    yield
            except BaseException:
                self._staged, self._made = {}, None  # what there was before is there again
                raise

    @contextlib.contextmanager
    def time_limit(self, limit: Duration) -> Iterator[None]:
        # Its time is for what is asked within the block.
        with self._telling():
            self._talk.flush()
        with super().time_limit(limit):
            yield
            with self._telling():
                self._talk.flush()

    def stage(self, name: str, rows: exp.Query | pa.Table, *, about: int | None = None) -> exp.Table:
        staged = exp.table_(name, db=_TEMPORARY, quoted=True)
        self._remember(name, rows)
        if not isinstance(rows, exp.Query):
            rows = literal_rows(rows) or rows
        if isinstance(rows, exp.Query):
            self._make_anew(staged, rows, exp.Properties(expressions=[exp.TemporaryProperty()]))
        else:
            with self._telling():
                self._copy_in(rows, name)
        return staged.copy()

    def create_view(self, name: str, sql: exp.Query) -> None:
        said = self._text(exp.Create(this=relation(name), kind="VIEW", expression=sql)).decode()
        mark = f"segflow view {hashlib.sha256(said.encode()).hexdigest()[:16]}"
        place = names.Identifier(SCHEMA, name)
        made = names.SQL(_VIEW_ANEW).format(
            place=place, text=names.Literal(place.as_string(None)), said=names.Literal(said), mark=names.Literal(mark)
        )
        with self._telling():
            # A literal again, because what a query compares with may hold any mark of an end, like $$.
            body = names.Literal(made.as_string(self._talk.connection))
            self._talk.tell(names.SQL("DO {}").format(body).as_bytes(self._talk.connection))

    def create_table(self, name: str, sql: exp.Query) -> None:
        self._make_anew(relation(name), sql)

    def drop_view(self, name: str) -> None:
        if self._kind(name) == "VIEW":
            self.execute(exp.Drop(tables=[relation(name)], kind="VIEW", cascade=True))

    def ensure_tables(self) -> None:
        self._ensure_each_table()

    def exists(self, name: str) -> bool:
        return self._kind(name) is not None

    def missing(self, names: Collection[str]) -> list[str]:
        found = {name for (name,) in self._answer(_THERE, SCHEMA, list(names))}
        return [name for name in names if name not in found]

    def close(self) -> None:
        if self._connections is None:
            self._talk.connection.close()
        else:
            has_temporary = self._talk.has_temporary or self._made is None or bool(self._made)
            self._connections.give_back(self._talk.connection, has_temporary=has_temporary)

    def settle(self, tick_id: str, ledgers: Sequence[str]) -> dict[str, int]:
        if not ledgers:  # a question takes along what was held back, and here is none
            with self._telling():
                self._talk.flush()
        return super().settle(tick_id, ledgers)

    def answers(self, *queries: exp.Expr) -> list[list[dict[str, Any]]]:
        with self._telling(), self._talk.ask(*map(self._text, queries), binary=True) as cursors:
            return [python_rows(_table(cursor)) for cursor in cursors]

    def trouble(self, message: str) -> RunError | None:
        return told_trouble(self._where, message)

    def lost_views(self, names: Collection[str]) -> set[str]:
        found = self._answer(_VIEWS, SCHEMA)
        return set(names) - {str(name) for (name,) in found}

    def _make_anew(self, table: exp.Table, rows: exp.Query, properties: exp.Properties | None = None) -> None:
        """Make a table, in place of one of that name: under another first, because the rows may be read from it."""
        if properties is not None and self._is_first(table.name):
            self._execute_all([exp.Create(this=table, kind="TABLE", expression=rows, properties=properties)])
            return
        making = exp.table_(f"{table.name} ", db=table.db, quoted=True)
        new_name = exp.AlterRename(this=exp.to_identifier(table.name, quoted=True))
        self._execute_all(
            [
                exp.Create(this=making, kind="TABLE", expression=rows, properties=properties),
                exp.Drop(tables=[table.copy()], kind="TABLE", exists=True, cascade=True),
                exp.Alter(this=making.copy(), kind="TABLE", actions=[new_name]),
            ]
        )

    def _execute_all(self, statements: Sequence[exp.Expr]) -> None:
        # One way there and back for all of them, at most: what a statement costs is mostly that.
        with self._telling():
            self._talk.tell(*map(self._text, statements))

    def _present(self) -> dict[str, int]:
        found = self._answer(_COLUMNS, SCHEMA)
        return {name: int(columns) for name, columns in found}

    def _kind(self, name: str) -> str | None:
        found = self._answer(_KIND, SCHEMA, name)
        return found[0][0] if found else None

    def _columns(self, source: exp.Query) -> list[str]:
        asked = self._text(exp.select("*").from_(source.subquery("s")).limit(0))
        with self._telling(), self._talk.ask(asked) as (answer,):
            return [column.name for column in answer.description or ()]

    @contextlib.contextmanager
    def _source(self, rows: exp.Query | pa.Table) -> Iterator[exp.Query]:
        if not isinstance(rows, exp.Query):
            rows = literal_rows(rows) or rows
        if isinstance(rows, exp.Query):
            yield rows
            return
        with self._telling():
            self._copy_in(rows, ARROW_ROWS)
        try:
            columns = (exp.column(name, quoted=True) for name in rows.schema.names)
            yield exp.select(*columns).from_(exp.table_(ARROW_ROWS, db=_TEMPORARY, quoted=True))
        finally:
            if rows.num_rows > _SOON_GONE:
                with contextlib.suppress(psycopg.Error):
                    self._talk.tell(f"DROP TABLE IF EXISTS {_TEMPORARY}.{ARROW_ROWS}".encode())

    def _is_first(self, name: str) -> bool:
        """Is there surely no temporary table of that name yet? Asked when one is made."""
        if self._made is None or name in self._made:
            return False
        self._made.add(name)
        return True

    def _copy_in(self, rows: pa.Table, name: str) -> None:
        """Make temporary table `name` of rows, in place of one of that name."""
        table = names.Identifier(_TEMPORARY, name)
        kinds = [names.SQL(type_of(field.type)) for field in rows.schema]
        columns = [names.Identifier(name) for name in rows.schema.names]
        listed = names.SQL(", ").join(
            names.SQL("{} {}").format(column, kind) for column, kind in zip(columns, kinds, strict=True)
        )
        made = [names.SQL("CREATE TEMPORARY TABLE {} ({})").format(table, listed)]
        if not self._is_first(name):
            made.insert(0, names.SQL("DROP TABLE IF EXISTS {} CASCADE").format(table))
        self._talk.tell(*(statement.as_bytes(None) for statement in made))
        if not rows.num_rows:
            return
        copy = names.SQL("COPY {} ({}) FROM STDIN").format(table, names.SQL(", ").join(columns))
        with self._talk.alone() as connection, connection.cursor() as cursor, cursor.copy(copy) as writer:
            for batch in rows.to_batches(max_chunksize=10_000):
                for row in rows_of(batch):
                    writer.write_row(row)

    def _text(self, sql: exp.Expr) -> bytes:
        return self.words.sql(sql).encode()

    def _answer(self, question: LiteralString, *values: Any) -> list[tuple[Any, ...]]:
        with self._telling():
            said = names.SQL(question).format(*map(names.Literal, values)).as_bytes(self._talk.connection)
            return self._talk.value(said)

    @contextlib.contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except psycopg.Error as error:
            self._raise_trouble(error)
            raise warehouse_error(error) from error

    def _raise_trouble(self, error: psycopg.Error) -> None:
        if (found := trouble(self._where, error)) is not None:
            raise found from error

    def _ensure_functions(self) -> None:
        """Put the words' functions into the schema, unless those of this version are there."""
        text = _FUNCTIONS.read_text(encoding="utf-8")
        version = hashlib.sha256(text.encode()).hexdigest()[:16]
        with self._telling():
            connection = self._talk.connection
            made, schema = connection.execute(_MADE, [_MARKED, SCHEMA]).fetchone() or (None, False)
            if made == f"segflow words {version}":
                return
            with connection.transaction():
                # Two at once would trip over each other.
                connection.execute("SELECT pg_advisory_xact_lock(%s)", [7_364_106])
                if not schema:  # somebody with more rights may have made it
                    connection.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
                connection.execute(text.encode())
                connection.execute(f"COMMENT ON FUNCTION {_MARKED} IS 'segflow words {version}'")


def _table(answer: psycopg.Cursor[Any]) -> pa.Table:
    if answer.description is None:
        return pa.table({})
    return pa.Table.from_batches([batch_of(schema_of(answer.description), answer.fetchall())])
