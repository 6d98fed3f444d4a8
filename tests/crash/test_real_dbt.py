"""SIGKILL while dbt itself runs: what it leaves in the warehouse and on disk does no harm."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from tests.crash.bench import Bench, bench

SEED = 7


@pytest.fixture(scope="module")
def tick(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with bench(tmp_path_factory.mktemp("dbt"), real=True) as found:
        yield found


def test_killed_inside_dbt(tick: Bench) -> None:
    case = tick.case(["dbt.parsed", "dbt.model:3", "dbt.model_done:2", "build.ran"])
    case.check()
    assert case.kills == 4


def test_killed_at_random_moments_of_dbt(tick: Bench) -> None:
    chance = random.Random(SEED)
    case = tick.case([chance.uniform(0.1, tick.seconds * 0.8) for _ in range(2)])
    case.check()


def test_what_a_killed_dbt_leaves_behind(tick: Bench) -> None:
    """Tables of mixed age, intermediate and backup relations, and a half-written cache of its parser."""

    def litter(root: Path) -> None:
        cache = root / "dbt/target/partial_parse.msgpack"
        cache.write_bytes(cache.read_bytes()[: cache.stat().st_size // 2])
        with duckdb.connect(str(root / ".segflow/warehouse.duckdb")) as warehouse:
            for name in _LEFT:
                warehouse.execute(f"CREATE OR REPLACE TABLE {name} AS SELECT 1 AS contact_id")
            noted = "SELECT tick_id FROM segflow.model_builds WHERE model = 'contacts'"
            built = warehouse.execute(noted).fetchall()
            assert built == [("20260303T000000Z",)]
            warehouse.execute("UPDATE segflow.membership_masks SET tick_id = '20260302T000000Z'")

    def look(root: Path) -> None:
        with duckdb.connect(str(root / ".segflow/warehouse.duckdb")) as warehouse:
            found = warehouse.execute("SELECT table_name FROM duckdb_tables() WHERE table_name LIKE '%dbt%'").fetchall()
        assert found == []

    case = tick.case(["dbt.model_done:4"], between=litter, after=look)
    case.check()


_LEFT = ("staging.stg_events__dbt_tmp", "staging.stg_events__dbt_backup")
