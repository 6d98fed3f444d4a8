"""What makes the small worlds of the tests cheap, in the process of the tests alone: one thread for DuckDB, and dbt's
cache of a parse handed on from one project to the next.
"""

from __future__ import annotations

import os
from typing import Any

import duckdb

from segflow.warehouse.dbt import DbtProject

ALL_THREADS = "SEGFLOW_TESTS_THREADS"
"""Set in the environment, it leaves DuckDB as many threads as it likes."""
_CACHE = "target/partial_parse.msgpack"
_kept: dict[bytes, bytes] = {}
"""dbt_project.yml -> dbt's cache of the first project that had it."""


def one_thread() -> None:
    """Let DuckDB work in the thread that asks. It splits no table of under 122,880 rows among threads, but wakes them
    for every statement, which took a quarter of the time."""
    connect = duckdb.connect

    def connect_quietly(*arguments: Any, **named: Any) -> duckdb.DuckDBPyConnection:
        connection = connect(*arguments, **named)
        if ALL_THREADS not in os.environ:
            connection.execute("SET threads = 1")
        return connection

    duckdb.connect = connect_quietly


def hand_on_parses() -> None:
    """Let every dbt project that is parsed in this process begin with the cache of an earlier one.

    Most of a parse goes into dbt's own 500 macros, which are the same in every project. dbt keeps what it parsed in a
    file and parses again what changed; but it throws all of it away when the path of the warehouse changes, and here
    each test has a path of its own.
    """
    parse = DbtProject.parse

    def parse_what_is_new(project: DbtProject) -> None:
        settings, cache = project.directory / "dbt_project.yml", project.directory / _CACHE
        content = settings.read_bytes() if settings.exists() else b""
        if content in _kept and not cache.exists():
            cache.parent.mkdir(exist_ok=True)
            cache.write_bytes(_kept[content])
        _forget_the_path()
        parse(project)
        if content not in _kept and cache.exists():
            _kept[content] = cache.read_bytes()

    DbtProject.parse = parse_what_is_new  # type: ignore[method-assign]


def _forget_the_path() -> None:
    """Leave the path of the warehouse out of what dbt compares a cache by. No model of ours asks for it."""
    from dbt.adapters.duckdb.credentials import DuckDBCredentials

    if not hasattr(DuckDBCredentials, "_all_connection_keys"):
        DuckDBCredentials._all_connection_keys = DuckDBCredentials._connection_keys
        DuckDBCredentials._connection_keys = lambda self: tuple(
            key for key in self._all_connection_keys() if key != "path"
        )
