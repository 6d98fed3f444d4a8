"""A server for the engine that has one."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.postgres import Server, server
from tests.sail import Sail
from tests.sail import sail as sail_server

MODE = os.environ.get("SEGFLOW_SAIL_MODE", "local")
"""`local-cluster`: Sail plans for workers, which read and write by themselves and send each other rows."""


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    with server() as found:
        yield found


@pytest.fixture(scope="session")
def sail() -> Iterator[Sail]:
    with sail_server(SAIL_MODE=MODE) as found:
        yield found


@pytest.fixture
def own_sail() -> Iterator[Sail]:
    """A server that a test may kill: its workers with it, which are threads of the same process in either mode."""
    with sail_server(SAIL_MODE=MODE) as found:
        yield found
