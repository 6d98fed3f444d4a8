"""A server for the engine that has one."""

from __future__ import annotations

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
    with sail_server() as found:
        yield found


@pytest.fixture
def own_sail() -> Iterator[Sail]:
    """A server that a test may kill."""
    with sail_server() as found:
        yield found
