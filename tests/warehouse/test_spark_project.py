"""A project on Spark (on Sail) through real dbt: ticks, the same ledgers as on DuckDB, faults, limits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from segflow.errors import InputError
from segflow.project import Project
from segflow.warehouse.spark import sessions
from tests import spark_project as made
from tests.sail import Sail

DAY = {day: datetime(2026, 1, day, tzinfo=UTC) for day in range(1, 32)}


@dataclass
class Shop:
    """A project and its server."""

    root: Path
    url: str

    @property
    def project(self) -> Project:
        return Project(self.root)

    def members(self, segment: str) -> list[str]:
        asked = f"SELECT contact_id FROM segflow.segment_members WHERE segment = '{segment}' ORDER BY 1"
        return [row["contact_id"] for row in made.rows(self.url, asked)]


@pytest.fixture(scope="module")
def shop(sail: Sail, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """One that lives on from test to test: a first tick takes seconds."""
    url = made.new_server_url(sail)
    return Shop(made.make(tmp_path_factory.mktemp("shop"), url, **{"segflow.yml": "name: shop\nengine: spark\n"}), url)


def test_ticks_give_the_ledgers_that_duckdb_gives(shop: Shop, tmp_path: Path) -> None:
    other = Project(made.make_embedded(tmp_path))
    for day in (11, 13, 14):
        report = shop.project.tick(DAY[day], send=True)
        assert not report.errors
        assert not other.tick(DAY[day], send=True).errors
        if day == 11:
            assert shop.members("tea_lovers") == ["ana", "ben"]
            assert shop.members("big_spenders") == ["ana", "cleo"]
            assert shop.members("umlauts") == ["ben", "cleo"]
            assert shop.members(made.LONG) == ["ana", "ben", "cleo"]
    assert made.ledgers(shop.project) == made.ledgers(other)
    assert {row["outcome"] for row in made.rows(shop.url, "SELECT outcome FROM segflow.deliveries")} == {"sent"}


def test_generated_models_are_tables_in_delta(shop: Shop, sail: Sail) -> None:
    assert list(sail.folder.glob("warehouse*/**/facts__event_purchase*/_delta_log"))
    assert made.rows(shop.url, "SELECT DISTINCT tick_id FROM segflow.facts__event_purchase") == [
        {"tick_id": "20260114T000000Z"}
    ]


def test_other_columns_make_another_table(shop: Shop) -> None:
    catalog = shop.root / "segment_specs/catalog.yml"
    catalog.write_text(catalog.read_text().replace("wants: boolean}", "wants: boolean, signed_up_at: timestamp}"))
    assert not shop.project.tick(DAY[15]).errors
    assert made.rows(shop.url, "SELECT count(signed_up_at) AS n FROM segflow.contacts") == [{"n": 4}]
    assert made.rows(shop.url, "SELECT contact_id FROM segflow.segment__tea_lovers") == []


def test_a_query_that_runs_too_long_is_stopped(shop: Shop) -> None:
    settings = shop.root / "segflow.yml"
    kept = settings.read_text()
    settings.write_text(kept + "sql_segments: {timeout: 10 seconds}\n")
    # Endless, and yet it lets the server answer meanwhile.
    endless = shop.root / "dbt/models/staging/stg_endless.sql"
    endless.write_text("select cast(id as string) as contact_id from range(1000000000000)\n")
    slow = shop.root / "segment_specs/slow.sql"
    slow.write_text("select contact_id from {{ ref('stg_endless') }} where contact_id = 'nobody'\n")
    report = shop.project.tick(DAY[16])
    slow.unlink()
    endless.unlink()
    settings.write_text(kept)
    assert [error for error in report.errors if "slow" in error] == report.errors
    assert "ran longer than 10 seconds" in report.errors[0]
    assert shop.members("umlauts") == ["ben", "cleo"]


def test_a_segment_whose_query_fails_is_stale_and_says_why(shop: Shop) -> None:
    wrong = shop.root / "segment_specs/wrong.sql"
    wrong.write_text("select contact_id from {{ ref('stg_orders') }} where nothing > 1\n")
    report = shop.project.tick(DAY[17])
    wrong.unlink()
    (error,) = report.errors
    assert error.startswith("segment wrong is stale: segment_specs/wrong.sql: ")
    assert "nothing" in error


@pytest.mark.parametrize(
    ("more", "told"),
    [
        pytest.param({"method": "thrift"}, "which is method session", id="another method"),
        pytest.param({"host": "localhost"}, "write host: sc://HOST:PORT", id="no address"),
        pytest.param(
            {"server_side_parameters": {"spark.sql.session.timeZone": "Europe/Berlin"}},
            "segflow works in the same session",
            id="another zone",
        ),
    ],
)
def test_a_target_that_is_none(shop: Shop, tmp_path: Path, more: dict[str, object], told: str) -> None:
    made._write(tmp_path, made.profile(shop.url, **more), {})
    with pytest.raises(InputError, match=told):
        Project(tmp_path).tick(DAY[11])


def test_a_server_that_cannot_be_reached(tmp_path: Path) -> None:
    made._write(tmp_path, made.profile("sc://127.0.0.1:1/;token=s3cret"), {})
    with pytest.raises(InputError, match=r"cannot open the warehouse on 127\.0\.0\.1:1: ") as error:
        Project(tmp_path).tick(DAY[11])
    assert "s3cret" not in str(error.value)


def test_a_session_that_is_left_asks_its_server_no_more(sail: Sail) -> None:
    """The library would, when the process ends, and wait for a server that has ended before it."""
    url = made.new_server_url(sail)
    found = sessions.session(url)
    sessions.leave(url)
    assert found.client.is_closed
    assert sessions.session(url) is not found
    sessions.leave("sc://never.opened:1/")
