"""Sessions of Spark Connect: one per process and server, because to open one takes longer than most statements."""

from __future__ import annotations

import re
import threading
import warnings
from typing import Any

from segflow.errors import InputError
from segflow.warehouse.spark.errors import RAISED, plain_message

_SETTINGS = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.caseSensitive": "false",
}
"""What the words rely on. dbt-spark turns ANSI off for the whole process."""
_TRIES = 4
_open: dict[str, Any] = {}
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
                _open[url] = _connect(url)
            except RAISED as error:
                raise InputError(f"cannot open the warehouse on {place(url)}: {plain_message(error)}") from error
        return _open[url]


def forget(url: str) -> None:
    """Open another session the next time: the server is gone, or was."""
    with _lock:
        _open.pop(url, None)


def _connect(url: str) -> Any:
    with warnings.catch_warnings():
        # pandas 3, of which segflow uses nothing here.
        warnings.simplefilter("ignore", FutureWarning)
        from pyspark.sql.connect.client.retries import DefaultPolicy
        from pyspark.sql.connect.session import SparkSession

        found = SparkSession.builder.remote(url).create()
    # By default a dead server is waited for for ten minutes.
    found.client.set_retry_policies([DefaultPolicy(max_retries=_TRIES, initial_backoff=50, max_backoff=1000)])
    for name, value in _SETTINGS.items():
        found.conf.set(name, value)
    return found
