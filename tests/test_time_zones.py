"""The table of zones in use: what it holds, contacts whose zone is none, what the doctor says of the engine's own."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml

from segflow.cli.show import report_data
from segflow.doctor import check_zones
from segflow.doctor.examine import examine
from segflow.zones import to_local
from tests.world import World

DAYS = [datetime(2026, 3, day, tzinfo=UTC) for day in range(1, 4)]
LOCAL = """
    select starts_at, offset_seconds from segflow.time_zones
    where zone = 'Europe/Berlin' and starts_at > timestamp '2026-01-01' order by starts_at limit 2
"""


def world_of(root: Path, *zones: str | None) -> World:
    """Contacts with these zones, which stand where their city does."""
    world = World(root, settings={"time_zone": "Europe/Berlin"})
    path = root / "segment_specs" / "catalog.yml"
    catalog = yaml.safe_load(path.read_text(encoding="utf-8"))
    catalog["contacts"]["time_zone"] = "city"
    path.write_text(yaml.safe_dump(catalog, sort_keys=False), encoding="utf-8")
    move(world, *zones)
    world.segment("all", {"where": {"everyone": True}})
    return world


def move(world: World, *zones: str | None) -> None:
    world.rows_of("contacts", [{"contact_id": f"c{number}", "city": zone} for number, zone in enumerate(zones)])


def in_use(world: World) -> set[str]:
    return {row["zone"] for row in world.rows("select distinct zone from segflow.time_zones")}


def test_the_table_holds_the_project_s_zone_and_those_of_contacts(tmp_path: Path) -> None:
    world = world_of(tmp_path, "Asia/Kathmandu", None, "Asia/Kathmandu")
    world.tick(DAYS[0])
    assert in_use(world) == {"Europe/Berlin", "Asia/Kathmandu"}
    assert world.rows(LOCAL) == [
        {"starts_at": datetime(2026, 3, 29, 1), "offset_seconds": 7200},
        {"starts_at": datetime(2026, 10, 25, 1), "offset_seconds": 3600},
    ]
    move(world, "Pacific/Apia", None, None)
    world.tick(DAYS[1])
    assert in_use(world) == {"Europe/Berlin", "Pacific/Apia"}
    world.close()


def test_a_zone_that_is_none_is_counted_and_named_and_stops_nothing(tmp_path: Path) -> None:
    world = world_of(tmp_path, "Berlin", "europe/nowhere'; --", "Berlin", "Asia/Kathmandu", "", " ", None)
    report = world.tick(DAYS[0])
    assert report.errors == []
    assert report.unknown_zones == {"Berlin": 2, "europe/nowhere'; --": 1}
    assert report_data(report)["unknown_zones"] == report.unknown_zones
    assert in_use(world) == {"Europe/Berlin", "Asia/Kathmandu"}
    assert report.segments[0].members == 7
    move(world, "Asia/Kathmandu")
    assert world.tick(DAYS[1]).unknown_zones == {}
    world.close()


def test_the_doctor_names_zones_that_the_engine_knows_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = world_of(tmp_path, "America/Lima", "Asia/Kathmandu")
    world.tick(DAYS[0])
    world.close()

    def told() -> Any:
        return next(checked for checked in examine(tmp_path) if checked.check == "time zones")

    assert told().findings == []
    assert told().says.startswith("3 in use, by tzdata ")

    def otherwise(instant: datetime, zone: ZoneInfo) -> datetime:
        moment = instant.replace(hour=(instant.hour + 1) % 24) if zone.key == "America/Lima" else instant
        return to_local(moment, zone)

    monkeypatch.setattr(check_zones, "to_local", otherwise)
    [finding] = told().findings
    assert finding.what.startswith("DuckDB has other offsets than tzdata ")
    assert finding.what.endswith(" for America/Lima")
