"""The demo on Postgres: the same project in a folder of its own, on a server that is started for it."""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import yaml

from demo.elsewhere import copy_project
from demo.server import Server, at

FOLDER = ".segflow/demo-postgres"
"""Below the repository."""
ROLE = DATABASE = "demo"
_OTHERS = Path(__file__).parent / "postgres"
"""The files that say something in Postgres' own words: two segments in SQL."""


@contextmanager
def project(repository: Path, folder: Path | None = None) -> Iterator[Path]:
    """The project's folder (default: FOLDER), made of the repository's files, while its server runs."""
    root = folder or repository / FOLDER
    copy_project(repository, root, _OTHERS)
    server = at(data_folder(root))
    server.initialize(ROLE)
    server.start(ROLE)
    try:
        _database(server)
        (root / "dbt/profiles.yml").write_text(_profile(server), encoding="utf-8")
        yield root
    finally:
        server.stop()


def data_folder(root: Path) -> Path:
    """Where the server of a project keeps its data."""
    # The server does not run as root, and nobody else may enter root's folders.
    if os.geteuid() != 0:
        return root / ".segflow/server"
    return Path("/var/tmp") / f"segflow-demo-{hashlib.sha256(str(root).encode()).hexdigest()[:12]}"


def _database(server: Server) -> None:
    with psycopg.connect(server.url(ROLE, "postgres"), autocommit=True) as connection:
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone() is None:
            connection.execute(f"CREATE DATABASE {DATABASE}")


def _profile(server: Server) -> str:
    output = {
        "type": "postgres", "host": "127.0.0.1", "port": server.port, "user": ROLE, "password": "not asked for",
        "dbname": DATABASE, "schema": "main", "threads": 1,
    }  # fmt: skip
    return yaml.safe_dump({"segflow": {"target": "postgres", "outputs": {"postgres": output}}})


def main() -> int:
    """Let the server of the demo run, so that commands can be typed, until somebody stops it."""
    with project(Path(__file__).resolve().parents[1]) as root:
        print(f"The server of {root} runs. Ctrl-C ends it.")
        with contextlib.suppress(KeyboardInterrupt):
            signal.pause()
    return 0


if __name__ == "__main__":
    sys.exit(main())
