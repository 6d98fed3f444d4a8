"""Ticks that no Dagster run has made are shown as those that one has."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from dagster import AssetKey, build_sensor_context
from dagster._core.definitions.data_version import CachingStaleStatusResolver, StaleStatus
from dagster._core.loader import LoadingContextForTest

from tests.dagster.conftest import CHRIS, DAY, PEOPLE, START, Station
from tests.world import World

NAMED = ("segments/londoners", "segments/grown_up", "flows/hello", "senders/mailbox", "exports/londoners")


def shown(station: Station, key: str) -> list[dict[str, Any]]:
    """The metadata of every materialization of an asset, the first one first."""
    records = station.instance.fetch_materializations(AssetKey(key.split("/")), limit=100, ascending=True).records
    found = []
    for record in records:
        assert record.asset_materialization is not None
        metadata = {name: value.value for name, value in record.asset_materialization.metadata.items()}
        found.append({**metadata, "at": record.timestamp})
    return found


def look(station: Station) -> str:
    """What the sensor says."""
    sensor = station.definitions.resolve_sensor_def("ticks_from_elsewhere")
    with build_sensor_context(instance=station.instance) as context:
        told = sensor.evaluate_tick(context)
    return str(told.skip_message)


def without(told: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in told.items() if name not in names}


def test_ticks_of_the_command_line_are_shown_in_their_order_and_time(station: Station, world: World) -> None:
    world.tick(START, send=True)
    world.rows_of("contacts", [*PEOPLE, CHRIS])
    world.tick(START + DAY, send=True)
    assert look(station) == "Shown: 20260301T060000Z, 20260302T060000Z"
    assert look(station) == "Every tick is shown."
    sizes = shown(station, "segments/londoners")
    assert [(one["tick"], one["size"], one["entered"]) for one in sizes] == [
        ("20260301T060000Z", 1, 1),
        ("20260302T060000Z", 2, 1),
    ]
    ended = world.rows("SELECT finished_at FROM segflow.ticks ORDER BY tick_id")
    assert [datetime.utcfromtimestamp(one["at"]) for one in sizes] == [row["finished_at"] for row in ended]

    # A run goes on where they end, and shows nothing else than they do.
    result = station.tick(START + 2 * DAY)
    assert result.success
    assert look(station) == "Every tick is shown."
    world.tick(START + 3 * DAY, send=True)
    assert look(station) == "Shown: 20260304T060000Z"
    for key in (*NAMED, "models/contacts", "tick/cross", "tick/verdict"):
        told = shown(station, key)
        assert [one["tick"] for one in told] == [f"2026030{day}T060000Z" for day in (1, 2, 3, 4)], key
        alone = ("tick", "as_of", "at", "seconds", "path", "same_as", "picture")
        assert without(told[2], *alone) == without(told[3], *alone), key
    assert shown(station, "senders/mailbox")[1]["sent"] == 1
    assert shown(station, "segments/londoners")[0]["who_entered"] == {"baseline": ["ana"]}
    assert shown(station, "segments/londoners")[1]["entered_by_cause"] == {"data": 1}
    assert shown(station, "segments/londoners")[1]["who_entered"] == {"data": ["chris"]}
    assert "picture" in shown(station, "flows/hello")[3]


def test_nothing_is_out_of_sync_after_ticks_of_the_command_line(station: Station, world: World) -> None:
    world.tick(START, send=True)
    world.tick(START + DAY, send=True)
    look(station)
    graph = station.definitions.resolve_asset_graph()
    resolver = CachingStaleStatusResolver(station.instance, graph, LoadingContextForTest(station.instance))
    keys = sorted(graph.materializable_asset_keys)
    found = {key.to_user_string(): resolver.get_status(key) for key in keys}
    assert {key: status.value for key, status in found.items() if status is not StaleStatus.FRESH} == {}


def test_a_tick_from_elsewhere_comes_before_the_run_that_follows_it(station: Station, world: World) -> None:
    world.tick(START, send=True)
    assert station.tick(START + DAY).success
    assert [one["tick"] for one in shown(station, "segments/londoners")] == ["20260301T060000Z", "20260302T060000Z"]


def test_what_is_red_is_red(station: Station, world: World) -> None:
    world.segment("vips", {"where": {"attribute": "score", "gt": 1}})
    station.load()
    world.tick(START, send=True)
    world.missing.add("contacts.score")
    world.rows_of("contacts", PEOPLE)
    assert world.tick(START + DAY, send=True).errors
    assert look(station).startswith("Shown: ")
    keys = [*station.definitions.resolve_asset_graph().asset_check_keys]
    last = station.instance.event_log_storage.get_latest_asset_check_execution_by_key(keys)
    told = {str(key.to_user_string()): one.event.dagster_event.event_specific_data for key, one in last.items()}
    failed = {name: one.description for name, one in told.items() if not one.passed}
    assert set(failed) == {"segments/vips:evaluated", "models/contacts:built"}
    assert "score" in failed["segments/vips:evaluated"]
    assert [one["tick"] for one in shown(station, "tick/verdict")] == ["20260301T060000Z"]


def test_killed_in_between_it_shows_nothing_twice(
    station: Station, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.tick(START, send=True)
    real, calls = station.instance.report_dagster_event, []

    def twelve(*args: Any, **more: Any) -> None:
        calls.append(1)
        if len(calls) > 12:
            raise KeyboardInterrupt
        real(*args, **more)

    monkeypatch.setattr(station.instance, "report_dagster_event", twelve)
    with pytest.raises(KeyboardInterrupt):
        look(station)
    monkeypatch.undo()
    assert look(station) == "Shown: 20260301T060000Z"
    keys = station.definitions.resolve_asset_graph().executable_asset_keys
    numbers = {key.to_user_string(): len(shown(station, key.to_user_string())) for key in keys}
    assert max(numbers.values()) == 1
    assert numbers["segments/londoners"] == 1


def test_the_warehouse_is_left_alone_while_there_is_nothing_new(
    station: Station, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert look(station) == "Every tick is shown."
    world.tick(START, send=True)
    look(station)
    monkeypatch.setattr(type(station.project), "warehouse", lambda self: pytest.fail("opened"))
    assert look(station) == "Every tick is shown."


def test_of_many_who_crossed_the_first_few_are_shown(station: Station, world: World) -> None:
    crowd = [{"contact_id": f"c{n:02}", "city": "London", "created_at": START} for n in range(12)]
    world.tick(START)
    world.rows_of("contacts", [*PEOPLE, *crowd])
    world.tick(START + DAY)
    look(station)
    told = shown(station, "segments/londoners")[1]
    assert told["entered_by_cause"] == {"data": 12}
    assert told["who_entered"] == {"data": ["c00", "c01", "c02", "c03", "c04", "and 7 more"]}


def test_a_segments_page_tells_its_rule_and_who_uses_it(station: Station, world: World) -> None:
    world.segment("elders", {"where": {"all": [{"segment": "londoners"}, {"attribute": "age", "gte": 60}]}})
    graph = station.load().resolve_asset_graph()
    spec = graph.get(AssetKey(["segments", "londoners"]))
    assert spec.description == "Members are the contacts with city is London"
    metadata = {name: getattr(value, "value", value) for name, value in spec.metadata.items()}
    assert "attribute: city" in metadata["rule"]
    assert "city = 'London'" in metadata["sql"]
    assert metadata["used_by"] == "- segment elders\n- flow hello: its trigger"
    assert "more than 50% of its members exit, of at least 1,000" in metadata["guard"]
    assert "segflow release londoners" in metadata["guard"]
    assert metadata["file"] == "segment_specs/londoners.yml"
    elders = graph.get(AssetKey(["segments", "elders"]))
    assert elders.description == (
        "Members are the contacts with all of:\n\n- in segment londoners\n- age is at least 60"
    )
    assert "unused-segment" in str(elders.metadata["lint"])
