"""Segments that rest, in Dagster: observed and not red, with a freshness policy of their own."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from dagster import DagsterInstance

from segflow.dagster.cadence import freshness
from segflow.specs.every import Every
from segflow.specs.settings import Settings
from tests.dagster.conftest import START, Station, checks, metadata, observed
from tests.world import World

HOUR = timedelta(hours=1)


def test_a_segment_that_rests_is_observed_and_nothing_is_red(tmp_path: Path) -> None:
    world = World(tmp_path / "world", real=True)
    world.rows_of("contacts", [{"contact_id": "ana", "city": "London"}])
    world.segment("slow", {"where": {"event": "visit", "count": 0}, "every": "1 day"})
    world.segment("fast", {"where": {"segment": "slow"}})
    with DagsterInstance.ephemeral() as instance:
        station = Station(world, instance)
        assert station.tick(START).success
        result = station.tick(START + HOUR)
        assert result.success
        assert {name: reason for name, reason in checks(result).items() if reason} == {}
        shown, left = metadata(result), observed(result)
        assert sorted(left) == ["models/facts__event_visit", "segments/slow"]
        assert not set(left) & set(shown)
        assert (left["segments/slow"]["status"], left["segments/slow"]["size"]) == ("resting", 1)
        assert left["segments/slow"]["reason"] == "it is compared every 1 day, next from 2026-03-02 00:00 UTC on"
        assert shown["segments/fast"]["size"] == 1


def test_its_freshness_follows_its_period() -> None:
    settings = Settings.model_validate({"name": "shop", "cadence": "0 * * * *"})
    often, daily = (freshness(settings, every) for every in (None, Every.parse("1 day")))
    warned = [one.warn_window.to_timedelta() for one in (often, daily) if one.warn_window is not None]
    assert warned[0] < 2 * HOUR
    assert timedelta(days=1) < warned[1] < timedelta(days=1, hours=3)
    assert daily.fail_window.to_timedelta() > timedelta(days=2)
