"""Sessions of Spark Connect: one per process and server, because to open one takes longer than most statements."""

from __future__ import annotations

import contextlib
import os
import re
import sys
import threading
import uuid
import warnings
from collections.abc import Callable, Hashable, Iterator
from typing import Any, TypeVar

import pyarrow as pa

from segflow.errors import InputError
from segflow.warehouse.spark.errors import RAISED, is_lost, plain_message
from segflow.warehouse.spark.statements import is_query

Found = TypeVar("Found")

_SETTINGS = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.caseSensitive": "false",
}
"""What the words rely on. dbt-spark turns ANSI off for the whole process."""
_TRIES = 4
_CHANNEL = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_reconnect_backoff_ms", 1000)]
"""A server that is there again is found at once, not after the pause that an earlier session has come to."""
_PATIENCE = 60.0
"""Seconds in which a server must answer that it stops a query."""
_open: dict[str, Any] = {}
_silent: set[str] = set()
"""Servers that did not."""
_ids: dict[str, str] = {}
_lock = threading.Lock()


def place(url: str) -> str:
    """Where a server is, for messages: without what may be secret in its URL."""
    return re.sub(r"^sc://([^/;]*).*$", r"\1", url)


def session(url: str) -> Any:
    """The process's session of a server, `sc://HOST:PORT/;PARAMETER=VALUE`, in UTC. Raises InputError when there is
    none to be had."""
    with _lock:
        if url not in _open:
            try:
                _open[url] = _connect(joined(url))
            except RAISED as error:
                raise InputError(f"cannot open the warehouse on {place(url)}: {plain_message(error)}") from error
        return _open[url]


def forget(url: str) -> None:
    """Open another session the next time: the server is gone, or was."""
    with _lock:
        _open.pop(url, None)
        _ids.pop(url, None)
        _silent.discard(url)


def leave(url: str) -> None:
    """Close the process's session of a server that is about to end. Otherwise the library asks the server once more
    when the process ends, waits for it in vain, and says so."""
    with _lock:
        found = _open.get(url)
    if found is not None:
        found.client.close()
    forget(url)


def why_gone(url: str) -> str | None:
    """Why we gave a server up; None when we did not."""
    return f"it did not answer for {_PATIENCE:g} seconds when it was asked to stop a query" if url in _silent else None


def joined(url: str) -> str:
    """The URL with the id of the process's session of it: whoever connects by it is in the same session, and what a
    catalog keeps for a session alone, and its zone, are the same. No connection is made."""
    if "session_id=" in url:
        return url
    parts = url if "/;" in url else f"{url.rstrip('/')}/;"
    between = "" if parts.endswith(";") else ";"
    return f"{parts}{between}session_id={_ids.setdefault(url, str(uuid.uuid4()))}"


def lend(url: str) -> None:
    """Let dbt-spark, which asks the library for "the" session of the process, get the one of this server."""
    with _lock:
        found = _open.get(url)
    if found is not None:
        kind = type(found)
        kind._default_session = found
        kind._active_session.session = found


def settle(url: str) -> None:
    """Let the session have its settings again."""
    with _lock:
        found = _open.get(url)
    if found is not None:
        with contextlib.suppress(*RAISED):
            for name, value in _SETTINGS.items():
                found.conf.set(name, value)


def mark(url: str) -> None:
    """Let statements of this thread be known as such to `interrupt`."""
    found = _open.get(url)
    if found is not None:
        found.addTag(_tag((os.getpid(), threading.get_ident())))


def interrupt(url: str, thread: Hashable) -> None:
    """Stop what a marked thread (process and number) asks of the server."""
    stop(url, _tag(thread))


def stop(url: str, tag: str) -> None:
    """Ask a server to stop what has this tag.

    A query can leave a server no processor to answer with. Such a server is given up after a while: its session is
    closed, so that whoever waits for the query fails instead of waiting for as long as it runs.
    """
    found = _open.get(url)
    if found is None:
        return

    def ask() -> None:
        with contextlib.suppress(*RAISED):
            found.interruptTag(tag)

    asked = threading.Thread(target=ask, name="segflow-interrupt", daemon=True)
    asked.start()
    asked.join(_PATIENCE)
    if asked.is_alive():
        _silent.add(url)
        found.client.close()


def _tag(thread: Hashable) -> str:
    return f"segflow-thread-{thread}".replace(",", "")


def again(ask: Callable[..., Found], *given: Any) -> Found:
    """What `ask` returns, which may be asked twice: an answer can get lost between the server and the library."""
    try:
        return ask(*given)
    except RAISED as error:
        if not is_lost(error):
            raise
        return ask(*given)


def rows(found: Any, text: str) -> pa.Table:
    """The rows of a query, in one round trip: a DataFrame of the session's takes three. Of a statement that is none it
    is what the server says of it."""
    from pyspark.sql.pandas.types import to_arrow_schema

    client = found.client

    def ask() -> Any:
        return client.to_table(_plan(client, text), {})

    table, schema, *_ = again(ask) if is_query(text) else ask()
    return table if schema is None else table.cast(to_arrow_schema(schema, timezone="UTC"))


def columns(found: Any, text: str) -> pa.Schema:
    """The columns of a query, which is not run."""
    from pyspark.sql.pandas.types import to_arrow_schema

    return to_arrow_schema(found.sql(text).schema, timezone="UTC")


def pieces(found: Any, text: str) -> Iterator[pa.Table]:
    """The same, as it comes in."""
    client = found.client
    return (one for one in client.to_table_as_iterator(_plan(client, text), {}) if isinstance(one, pa.Table))


def _plan(client: Any, text: str) -> Any:
    from pyspark.sql.connect.plan import SQL

    return SQL(text).to_proto(client)


@contextlib.contextmanager
def _with_a_file() -> Iterator[None]:
    """Let the main module have a file. Where it has none (`python -c`, a process of multiprocessing's) the library
    takes itself for its own tests, and ends the process."""
    main = sys.modules["__main__"]
    if hasattr(main, "__file__") or main.__spec__ is not None:
        yield
        return
    main.__file__ = "<segflow>"
    try:
        yield
    finally:
        del main.__file__


def _connect(url: str) -> Any:
    with warnings.catch_warnings(), _with_a_file():
        # pandas 3, of which segflow uses nothing here.
        warnings.simplefilter("ignore", FutureWarning)
        from pyspark.logger import PySparkLogger
        from pyspark.sql.connect.client.core import DefaultChannelBuilder
        from pyspark.sql.connect.client.retries import DefaultPolicy
        from pyspark.sql.connect.session import SparkSession

        found = SparkSession.builder.channelBuilder(DefaultChannelBuilder(url, _CHANNEL)).create()
    # The library would print each error that a statement raises, with the server's stack.
    PySparkLogger.getLogger("SQLQueryContextLogger").disabled = True
    # By default a dead server is waited for for ten minutes.
    found.client.set_retry_policies([DefaultPolicy(max_retries=_TRIES, initial_backoff=50, max_backoff=1000)])
    for name, value in _SETTINGS.items():
        found.conf.set(name, value)
    return found
