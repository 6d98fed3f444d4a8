"""One server for all tests, which are not there for who has none: `make test-spark-apache` names one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from segflow.warehouse.base import Warehouse
from segflow.warehouse.engine import Engine
from tests.apache.parquet import ParquetEngine
from tests.apache.server import HOME, ApacheSpark, apache_spark

collect_ignore_glob = [] if HOME else ["test_*.py"]
_SHOWN = 100
"""Lines of its log that a test shows which has failed."""


@pytest.fixture(scope="session")
def apache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApacheSpark]:
    with apache_spark(tmp_path_factory.mktemp("apache")) as found:
        yield found


@pytest.fixture
def engine(apache: ApacheSpark) -> Engine:
    """An empty warehouse."""
    return ParquetEngine(apache.new_warehouse())


@pytest.fixture
def warehouse(engine: Engine) -> Iterator[Warehouse]:
    with engine.open() as warehouse:
        yield warehouse


@pytest.fixture(scope="session")
def asked(apache: ApacheSpark) -> Iterator[Warehouse]:
    """A warehouse for questions that write nothing."""
    with ParquetEngine(apache.new_warehouse()).open() as warehouse:
        yield warehouse


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    report = yield
    found = getattr(item, "funcargs", {}).get("apache") or _running(item)
    if report.failed and found is not None:
        report.sections.append(("Apache Spark's log", "\n".join(found.said(0).splitlines()[-_SHOWN:])))
    return report


def _running(item: pytest.Item) -> ApacheSpark | None:
    """The server that a test has by way of other fixtures."""
    request = getattr(item, "_request", None)
    try:
        found = request.getfixturevalue("apache") if request is not None and "apache" in item.fixturenames else None
    except Exception:  # it did not start: what that raised is told already
        return None
    return found if isinstance(found, ApacheSpark) else None
