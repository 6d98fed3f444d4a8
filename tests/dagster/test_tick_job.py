"""Job `tick` on a small project: what it shows, and that repeating, picking and failing do no harm."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from dagster import DagsterInstance, ReexecutionOptions, execute_job, reconstructable

from segflow.outbox.lease import held_lease
from segflow.stages.order import stage_named
from segflow.stages.tick import begin, run_stage
from tests.dagster.conftest import CHRIS, DAY, PEOPLE, START, Station, checks, failures, metadata, observed
from tests.dagster.jobs import tick
from tests.world import World

FIRST, SECOND = "20260301T060000Z", "20260302T060000Z"
DONE = [(FIRST, "export", "done"), (SECOND, "export", "done")]


def test_two_ticks_show_their_numbers_and_the_second_one_sends(station: Station) -> None:
    assert station.tick(START).success
    station.world.rows_of("contacts", [*PEOPLE, CHRIS])
    result = station.tick(START + DAY)
    assert result.success
    shown = metadata(result)
    assert {told["tick"] for told in shown.values()} == {SECOND}
    told = {name: {k: v for k, v in found.items() if k != "tick"} for name, found in shown.items()}
    assert told["models/contacts"] == {"rows": 3, "null_ids_dropped": 0}
    assert told["segments/londoners"] == {"size": 2, "entered": 1, "exited": 0, "status": "ok"}
    assert told["segments/grown_up"] == {"size": 3, "entered": 1, "exited": 0, "status": "ok"}
    drawn = told["flows/hello"].pop("picture")
    assert "1 enrolled, 0 inside, 1 ended (1 completed)" in drawn
    numbers = {"enrolled": 1, "active": 0, "ended": 1, "planned": 1, "restarted": 0, "converted": 0, "withheld": 0}
    stands = {"enrolled_ever": 1, "waiting": 0, "ended_by_reason": {"completed": 1}}
    assert told["flows/hello"] == {**numbers, **stands, "status": "active"}
    counts = {"delivered": 0, "skipped": 0, "failed": 0, "held": 0, "unknown": 0, "mode": "simulate"}
    counts |= {"unknown_in_all": 0, "failed_in_all": 0, "held_in_all": 0, "breaker": "closed"}
    assert told["senders/mailbox"] == {"sent": 1, **counts}
    assert told["senders/console"] == {"sent": 0, **counts}
    assert told["exports/londoners"]["rows"] == 2
    with Path(told["exports/londoners"]["path"]).open(encoding="utf-8", newline="") as file:
        assert list(csv.reader(file)) == [["contact_id"], ["ana"], ["chris"]]
    assert set(checks(result).values()) == {None}
    assert station.stages() == DONE
    assert len(station.world.mailbox()) == 1
    assert station.instance.get_run_by_id(result.run_id).tags["segflow/tick"] == SECOND
    assert station.lease_is_free()


def test_a_stale_segment_is_red_and_the_others_go_on(station: Station, world: World) -> None:
    world.segment("vips", {"where": {"attribute": "score", "gt": 1}})
    world.flow("thanks", {"status": "active", "trigger": {"enters": "vips"}, "steps": [{"id": "end", "exit": True}]})
    station.load()
    assert station.tick(START).success
    world.missing.add("contacts.score")
    world.rows_of("contacts", [*PEOPLE, CHRIS])
    result = station.tick(START + DAY)
    assert not result.success
    failed = {name: reason for name, reason in checks(result).items() if reason}
    assert sorted(failed) == ["flows/thanks:not_held", "models/contacts:built", "segments/vips:evaluated"]
    assert "score" in failed["segments/vips:evaluated"]
    assert "segment vips cannot be evaluated" in failed["flows/thanks:not_held"]
    assert list(failures(result)) == ["verdict"]
    assert "segment vips is stale" in failures(result)["verdict"]
    assert "flow thanks is held" in failures(result)["verdict"]
    shown = metadata(result)
    left = observed(result)
    assert sorted(left) == ["flows/thanks", "segments/vips"]
    assert not set(left) & set(shown)
    assert "score" in left["segments/vips"]["why"]
    assert (left["segments/vips"]["status"], left["segments/vips"]["size"]) == ("stale", 0)
    assert shown["segments/londoners"]["entered"] == 1
    assert shown["senders/mailbox"]["sent"] == 1
    assert shown["exports/vips"]["stale"].startswith("stale: contacts.score")
    assert "stale" not in shown["exports/londoners"]
    mark = Path(shown["exports/vips"]["path"]).with_name("vips.stale.txt")
    assert f"in tick {SECOND} it is stale: contacts.score" in mark.read_text(encoding="utf-8")
    assert not mark.with_name("londoners.stale.txt").exists()
    assert station.stages() == DONE
    assert station.lease_is_free()


def test_a_staging_model_that_fails_is_red_itself(station: Station, world: World) -> None:
    world.segment("visitors", {"where": {"event": "visit"}})
    station.load()
    assert station.tick(START).success
    world.run("DROP TABLE raw.events")
    result = station.tick(START + DAY)
    assert list(failures(result)) == ["verdict"]
    failed = {name: reason for name, reason in checks(result).items() if reason}
    assert sorted(name for name in failed if name.endswith(":built")) == [
        "models/facts__event_visit:built",
        "staging/stg_events:built",
    ]
    assert "events does not exist" in failed["staging/stg_events:built"]
    assert "stg_events" in failed["models/facts__event_visit:built"]
    world.rows_of("events", [])
    mended = station.tick(START + 2 * DAY)
    assert mended.success
    assert set(checks(mended).values()) == {None}


def test_a_failed_stage_stops_the_tick_and_a_later_run_ends_it_first(station: Station, world: World) -> None:
    assert station.tick(START).success
    world.rows_of("contacts", [*PEOPLE, CHRIS, CHRIS])
    broken = station.tick(START + DAY)
    assert list(failures(broken)) == ["build"]
    assert list(checks(broken)) == ["models/contacts:unique_ids"]
    assert "chris (2 times)" in (checks(broken)["models/contacts:unique_ids"] or "")
    assert "chris (2 times)" in failures(broken)["build"]
    assert station.stages() == [DONE[0], (SECOND, "ingest", "running")]
    assert station.lease_is_free()
    world.rows_of("contacts", [*PEOPLE, CHRIS])
    later = station.tick(START + 2 * DAY)
    assert later.success
    assert station.stages() == [*DONE, ("20260303T060000Z", "export", "done")]
    # Who came during the tick that died entered in it, not in the later one.
    assert metadata(later)["segments/londoners"]["entered"] == 0
    assert len(world.mailbox()) == 1


def test_repeating_a_tick_or_a_part_of_it_changes_nothing(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEGFLOW_PROJECT_DIR", str(world.root))
    config = {"ops": {"ingest": {"config": {"as_of": START.isoformat()}}}}
    (tmp_path / "dagster").mkdir()
    with DagsterInstance.local_temp(str(tmp_path / "dagster")) as instance:
        station = Station(world, instance)
        with execute_job(reconstructable(tick), instance=instance, run_config=config) as first:
            assert first.success
        before, files = world.ledgers(), world.mailbox()
        part = ReexecutionOptions(parent_run_id=first.run_id, step_selection=["cross*"])
        with execute_job(reconstructable(tick), instance, config, reexecution_options=part) as again:
            assert again.success
            assert {event.step_key for event in again.get_step_success_events()} == {
                "cross", "advance", "send", "export", "verdict",
            }  # fmt: skip
        assert station.tick(START).success
        assert (world.ledgers(), world.mailbox()) == (before, files)
        assert station.lease_is_free()


def test_assets_picked_after_a_tick_are_refused_and_compute_nothing(station: Station, world: World) -> None:
    nothing = station.materialize("segments/londoners")
    assert "launch job tick" in failures(nothing)["cross"]
    assert station.tick(START).success
    before = world.ledgers()
    world.rows_of("contacts", [*PEOPLE, CHRIS])
    for picked, step in (("segments/londoners", "cross"), ("senders/mailbox", "send"), ("tick/ingest", "ingest")):
        result = station.materialize(picked)
        assert not result.success
        assert metadata(result) == {}
        assert "nothing was computed" in failures(result)[step]
        assert f"The last tick that came this far is {FIRST}. Launch job tick" in failures(result)[step]
    assert world.ledgers() == before
    assert station.lease_is_free()


def test_an_asset_of_the_next_stage_runs_that_stage_as_a_whole(station: Station, world: World) -> None:
    assert station.tick(START).success
    world.rows_of("contacts", [*PEOPLE, CHRIS])
    with held_lease(station.project.store.leases, "a worker that stops") as lease:
        run = begin(station.project, START + DAY, lease)
        for name in ("ingest", "build"):
            run_stage(run, stage_named(name))
    early = station.materialize("flows/hello")
    assert f"The last tick that came this far is {FIRST}" in failures(early)["advance"]
    assert station.stages() == [DONE[0], (SECOND, "build", "running")]
    picked = station.materialize("segments/londoners")
    assert picked.success
    assert metadata(picked) == {
        "segments/londoners": {"tick": SECOND, "size": 2, "entered": 1, "exited": 0, "status": "ok"}
    }
    sizes = world.rows(f"SELECT segment FROM segflow.segment_sizes WHERE tick_id = '{SECOND}' ORDER BY segment")
    assert [row["segment"] for row in sizes] == ["grown_up", "londoners"]
    assert station.stages() == [DONE[0], (SECOND, "cross", "running")]
    assert station.lease_is_free()


def test_a_tick_of_somebody_else_is_not_disturbed_and_as_of_defaults_to_the_time_of_the_run(station: Station) -> None:
    with held_lease(station.project.store.leases, "another worker"):
        refused = station.tick(None)
    assert list(failures(refused)) == ["ingest"]
    assert "another worker" in failures(refused)["ingest"]
    result = station.tick(None)
    assert result.success
    created = station.instance.get_run_record_by_id(result.run_id).create_timestamp
    assert [row[0] for row in station.stages()] == [created.strftime("%Y%m%dT%H%M%SZ")]


def test_messages_wait_when_send_is_off_and_a_broken_sender_is_red(station: Station, world: World) -> None:
    assert station.tick(START).success
    world.rows_of("contacts", [*PEOPLE, CHRIS])
    quiet = station.tick(START + DAY, send=False)
    assert quiet.success
    assert metadata(quiet)["flows/hello"]["planned"] == 1
    assert world.mailbox() == []
    (world.root / ".segflow" / "mailbox").write_text("a file where the folder should be")
    broken = station.tick(START + 2 * DAY)
    assert list(failures(broken)) == ["verdict"]
    reason = checks(broken)["senders/mailbox:no_errors"]
    assert reason is not None
    assert reason in failures(broken)["verdict"]
    assert checks(broken)["senders/console:no_errors"] is None
    (world.root / ".segflow" / "mailbox").unlink()
    mended = station.tick(START + 3 * DAY)
    assert mended.success
    assert metadata(mended)["senders/mailbox"]["sent"] == 1
    assert len(world.mailbox()) == 1
