"""What is said to the server on one connection, in as few messages as its answers allow.

Within a transaction a statement whose answer nobody waits for is held back and goes with the next question, or with
the commit: to a server that is a millisecond away a tick's two hundred statements would be two hundred waits. Nothing
is lost by it: what a transaction has said is nobody else's to see before it commits, and gone with a process that dies
before. A statement that fails is told by the question or the commit that took it along, as the error that it is; none
of what came after it was done.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus

_BEGIN, _COMMIT, _DISCARD = b"BEGIN", b"COMMIT", b"DISCARD TEMP"
Piece = tuple[list[tuple[Any, ...]], Sequence[psycopg.Column]]
"""Rows, and what their columns are."""
_AT_MOST = 64
"""So many statements are held back: an error should not be told long after what it is about."""


class Conversation:
    """One connection, which nobody else uses. Not for two threads, but for `psycopg.Connection.cancel`."""

    def __init__(self, connection: psycopg.Connection[Any], *, has_temporary: bool = False) -> None:
        """`has_temporary`: there may be temporary tables of who had the connection before. They go with the first
        message."""
        self.connection, self.has_temporary = connection, has_temporary
        self._held: list[bytes] = []
        self._cursors = 0
        self._discards = False
        """Was it said in the open transaction that they go?"""
        self._inside = False
        """In a transaction that `transaction` began, if only in words that are held back yet?"""

    def tell(self, *statements: bytes) -> None:
        """Statements without answers, in this order: now, all or none of them, or held back in a transaction. Raises
        psycopg.Error."""
        self._held += statements
        if not self._inside or len(self._held) > _AT_MOST:
            self.flush()

    def flush(self) -> None:
        """Have all that was held back done, in one message. Raises psycopg.Error."""
        if self._held and self._held != [_BEGIN]:
            self._begin_now()

    @contextlib.contextmanager
    def ask(self, *questions: bytes, binary: bool = False) -> Iterator[list[psycopg.Cursor[Any]]]:
        """A cursor with the answer to each question, good for the block; they go in one message with what was held
        back. Raises psycopg.Error."""
        with contextlib.ExitStack() as cursors:
            made = [cursors.enter_context(self.connection.cursor(binary=binary)) for _ in questions]
            with self._message() as held:
                if held or len(questions) > 1:
                    said = [(self.connection.cursor(), statement) for statement in held]
                    self._together([*said, *zip(made, questions, strict=True)])
                else:
                    made[0].execute(questions[0])
            yield made

    def value(self, question: bytes) -> list[tuple[Any, ...]]:
        """All rows of a small answer. Raises psycopg.Error."""
        with self.ask(question) as (answer,):
            return answer.fetchall()

    @contextlib.contextmanager
    def cursor(self, question: bytes, size: int) -> Iterator[Iterator[Piece]]:
        """The answer in pieces of at most `size` rows, in binary; they never stand all in memory here. Raises
        psycopg.Error."""
        # It lives in a transaction, whose end is its end.
        with contextlib.nullcontext() if self._inside else self.transaction():
            self._cursors += 1
            name = b"segflow_%d" % self._cursors
            self.tell(b"DECLARE %s NO SCROLL CURSOR FOR %s" % (name, question))
            yield self._pieces(name, size)

    def _pieces(self, name: bytes, size: int) -> Iterator[Piece]:
        count = size
        while count == size:
            with self.ask(b"FETCH FORWARD %d FROM %s" % (size, name), binary=True) as (answer,):
                rows, columns = answer.fetchall(), answer.description or ()
            if count := len(rows):
                yield rows, columns
        self.tell(b"CLOSE " + name)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; one inside of another takes only itself back. Raises psycopg.Error."""
        if self._inside or self.connection.info.transaction_status != TransactionStatus.IDLE:
            self._begin_now()
            with self.connection.transaction():
                try:
                    yield
                    self.flush()
                finally:
                    self._held.clear()
            return
        self._held, self._inside = [_BEGIN], True
        try:
            yield
            self._commit()
        except BaseException:
            self._take_back()
            raise
        finally:
            self._held, self._inside = [], False

    def _begin_now(self) -> None:
        """Savepoints, and what cannot go with other statements, need a transaction that has begun."""
        with self._message() as held:
            if held:
                self.connection.execute(b";\n".join(held))

    @contextlib.contextmanager
    def _message(self) -> Iterator[list[bytes]]:
        """What was held back, to be said in the block."""
        held, self._held = self._held, []
        if self.has_temporary and not self._discards:
            self._discards = True
            held.insert(1 if held[:1] == [_BEGIN] else 0, _DISCARD)
        try:
            yield held
        except BaseException:
            self._discards = False
            raise
        if not self._inside:
            self._keep_discarded()

    def _keep_discarded(self) -> None:
        if self._discards:
            self.has_temporary = self._discards = False

    @contextlib.contextmanager
    def alone(self) -> Iterator[psycopg.Connection[Any]]:
        """The connection itself, for what has a way of its own: to copy rows in, to prepare. Raises psycopg.Error."""
        self._begin_now()
        yield self.connection

    def _commit(self) -> None:
        if self._held == [_BEGIN]:
            return  # nothing was said
        with self._message() as held:
            done = self.connection.execute(b";\n".join([*held, _COMMIT]))
        while done.nextset():
            pass
        if done.statusmessage == "ROLLBACK":
            # A statement failed, and whoever asked went on: the server has kept nothing, and says so in passing.
            raise psycopg.errors.InFailedSqlTransaction("a statement of the transaction failed, so it was taken back")
        self._keep_discarded()

    def _take_back(self) -> None:
        """End the transaction; the error that led here is the one to tell, whatever goes wrong now."""
        self._held, self._discards = [], False
        try:
            self.connection.rollback()
        except psycopg.Error:
            self.connection.close()

    def _together(self, said: Sequence[tuple[psycopg.Cursor[Any], bytes]]) -> None:
        """Run statements in one message to the server. Raises the error of the first that fails."""
        failed: psycopg.Error | None = None
        try:
            with self.connection.pipeline() as pipeline:
                try:
                    for cursor, statement in said:
                        cursor.execute(statement)
                except psycopg.Error as error:
                    # An early answer. The others are waited for here, because the block's end would write to a log
                    # what it makes of them.
                    failed = error
                    with contextlib.suppress(psycopg.Error):
                        pipeline.sync()
        except psycopg.Error as error:
            failed = failed or _cause(error)
        if failed is not None:
            raise failed


def _cause(error: psycopg.Error) -> psycopg.Error:
    """The error that made the server pass by what came after it, which is an error of its own."""
    found: BaseException | None = error
    while isinstance(found, psycopg.errors.PipelineAborted):
        found = found.__context__
    return found if isinstance(found, psycopg.Error) else error
