"""SIGKILL at every crash point of a tick: it is resumed and ends as if nothing had happened."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.crash.bench import Bench, bench
from tests.crash.points import DECIDING, REBUILDING, named, rows_of_kills

ROWS = 6


@pytest.fixture(scope="module")
def tick(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with bench(tmp_path_factory.mktemp("points")) as found:
        yield found


def test_every_crash_point_is_killed_at_somewhere(tick: Bench) -> None:
    """A new point must be met by a tick of this suite, or be named among those that need more."""
    killed = {point for row in rows_of_kills(tick.trace, ROWS) for point in row}
    assert killed | set(ELSEWHERE) == set(named())
    assert killed & set(ELSEWHERE) == set()


ELSEWHERE = [
    *DECIDING,  # test_moments
    "warehouse.table",  # test_moments: the first tick
    "dbt.parsed",  # test_real_dbt
    "dbt.model",
    "dbt.model_done",
    *REBUILDING,  # test_rebuild
    "move.before_commit",  # tests/warehouse/test_move.py, test_spark_move.py
    "move.committed",
    "compact.merged",  # tests/test_rebuild.py
    "compact.removed",
    "rebuild_store.adopted",  # tests/test_lost_store.py
    "rows.written",  # tests/warehouse/test_spark_kills.py: an engine without transactions
    "rows.unnamed",
    "rows.named",
    "rows.swept",
    "rows.cleared",
    "spool.written",  # tests/serve/test_under_load.py
    "spool.durable",
    "store.api_keys.before_commit",  # one row each, by a person and by a call
    "store.api_keys.committed",
    "store.api_calls.before_commit",
    "store.api_calls.committed",
    "store.doubts.before_commit",  # tests/outbox/test_doubts.py
    "store.doubts.committed",
    "store.throttle.before_commit",  # tests/outbox/test_limits.py
    "store.throttle.committed",
    "store.adopt_warehouse.before_commit",
    "store.adopt_warehouse.committed",
]


@pytest.mark.parametrize("number", range(ROWS))
def test_killed_and_killed_again(tick: Bench, number: int) -> None:
    """Each run is killed further on than the one before; all points of a tick are shared out among the rows."""
    row = rows_of_kills(tick.trace, ROWS)[number]
    case = tick.case(row)
    case.check()
    assert case.places == row
