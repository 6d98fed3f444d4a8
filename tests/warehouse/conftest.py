"""A server for the engine that has one."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.postgres import Server, server
from tests.sail import Sail
from tests.sail import sail as sail_server


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    with server() as found:
        yield found


@pytest.fixture(scope="session")
def sail() -> Iterator[Sail]:
    """SEGFLOW_SAIL_MODE=local-cluster: with workers of its own instead of threads."""
    mode = os.environ.get("SEGFLOW_SAIL_MODE", "local")
    with sail_server(SAIL_MODE=mode) as found:
        yield found


@pytest.fixture
def own_sail() -> Iterator[Sail]:
    """A server that a test may kill."""
    with sail_server() as found:
        yield found
