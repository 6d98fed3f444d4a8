"""A real Postgres for the tests: a server of our own on loopback, its data in a folder of its own."""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from demo import server as one

ROLE = "tests"


class Server:
    """A running server. Every database of it is thrown away with the server."""

    def __init__(self, server: one.Server) -> None:
        self._server = server
        server.settings["fsync"] = "off"
        server.initialize(ROLE)
        self.made = 0

    @property
    def process(self) -> subprocess.Popen[bytes] | None:
        """The server's process; None while it is stopped."""
        return self._server.process

    def start(self) -> None:
        """Start it and wait until it answers."""
        self._server.start(ROLE)

    def stop(self) -> None:
        """Stop it at once: connections are cut, as in a crash."""
        self._server.stop(signal.SIGQUIT)

    def new_schema(self) -> str:
        """The URL of an empty schema."""
        self.made += 1
        with psycopg.connect(self._url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE SCHEMA s{self.made}")
        return f"{self._url('postgres')}?options=-csearch_path%3Ds{self.made}"

    def new_database(self) -> str:
        """The URL of an empty database."""
        self.made += 1
        with psycopg.connect(self._url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE d{self.made}")
        return self._url(f"d{self.made}")

    def drop_database(self, url: str) -> None:
        """Drop a database that `new_database` made."""
        with psycopg.connect(self._url("postgres"), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {url.rpartition('/')[2]} WITH (FORCE)")

    def _url(self, database: str) -> str:
        return self._server.url(ROLE, database)


@contextmanager
def server() -> Iterator[Server]:
    """A server for the block."""
    folder = Path(tempfile.mkdtemp(prefix="segflow-postgres-"))
    try:
        made = Server(one.at(folder))
        try:
            made.start()
            yield made
        finally:
            made.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
