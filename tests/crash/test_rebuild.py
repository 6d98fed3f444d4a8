"""SIGKILL in the middle of a rebuild, and a warehouse that a kill broke."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.bench import Bench, bench
from tests.crash.points import REBUILDING


@pytest.fixture(scope="module")
def tick(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with bench(tmp_path_factory.mktemp("rebuild")) as found:
        yield found


def _broken(root: Path) -> None:
    """What a SIGKILL in the middle of a write may leave: both headers are wrong."""
    path = root / ".segflow/warehouse.duckdb"
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\0" * 8192)


@pytest.mark.parametrize("point", ["advance.before_commit", "finish.committed"])
def test_a_warehouse_that_a_kill_broke(tick: Bench, point: str) -> None:
    case = tick.case([point], between=_broken)
    case.check()
    assert len(case.damaged) == 1


def test_killed_while_it_is_rebuilt(tick: Bench) -> None:
    case = tick.case(["cross.committed"], between=_broken, rebuild_kills=REBUILDING)
    case.check()
    assert case.places == ["cross.committed", *REBUILDING]
