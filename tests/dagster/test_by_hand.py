"""Jobs with a form: what they decide is what their commands decide, with who and why."""

from __future__ import annotations

from typing import Any

import pytest
from dagster import ExecuteInProcessResult

from tests.dagster.conftest import DAY, PEOPLE, START, Station, failures
from tests.world import World

WHO = {"who": "ana", "reason": "asked for"}


def launch(station: Station, job: str, **given: Any) -> ExecuteInProcessResult:
    config = {"ops": {f"{job}_now": {"config": given}}}
    found = station.definitions.resolve_job_def(job)
    return found.execute_in_process(instance=station.instance, run_config=config, raise_on_error=False)


def decisions(world: World) -> list[tuple[str, str, str, str]]:
    rows = world.rows("SELECT kind, name, reason, decided_by FROM segflow.decisions ORDER BY decided_at, kind")
    return [(row["kind"], row["name"], row["reason"], row["decided_by"]) for row in rows]


def test_a_flow_is_paused_and_goes_on(station: Station, world: World) -> None:
    world.tick(START)
    assert launch(station, "pause_flow", flow="hello", **WHO).success
    assert str(station.project.store.pauses.now()["hello"]).startswith("paused by ana by Dagster since ")
    assert launch(station, "resume_flow", flow="hello", **WHO).success
    world.tick(START + DAY)
    assert [one[:2] for one in decisions(world)] == [("pause", "hello"), ("resume", "hello")]
    assert {one[2:] for one in decisions(world)} == {("asked for", "ana by Dagster")}


def test_contacts_are_offered_again(station: Station, world: World) -> None:
    world.tick(START)
    assert launch(station, "retrigger_flow", flow="hello", segment="londoners", **WHO).success
    report = world.tick(START + DAY)
    assert [one.enrolled for one in report.flows] == [1]


def test_a_held_segment_is_released(station: Station, world: World) -> None:
    crowd = [{"contact_id": f"c{n}", "city": "London", "created_at": START - DAY} for n in range(1200)]
    world.rows_of("contacts", [*PEOPLE, *crowd])
    world.tick(START)
    world.rows_of("contacts", [*PEOPLE, *({**one, "city": "Rome"} for one in crowd)])
    assert {one.segment: one.status for one in world.tick(START + DAY).segments}["londoners"] == "held"
    result = launch(station, "release", segments=["londoners"], **WHO)
    assert result.success
    assert {one.segment: one.status for one in world.tick(START + 2 * DAY).segments}["londoners"] == "ok"


def test_sending_is_stopped_and_goes_on(station: Station, world: World) -> None:
    assert launch(station, "stop_sending", **WHO).success
    assert station.project.store.stopped() == "asked for (ana)"
    assert launch(station, "resume_sending", **WHO).success
    assert station.project.store.stopped() is None


def test_a_test_goes_to_an_address_of_ones_own(station: Station, world: World) -> None:
    world.tick(START)
    given = {"who": "ana", "flow": "hello", "step": "letter", "to": "me@my.example", "contact": "ana"}
    assert launch(station, "send_test", **given).success
    [test] = station.project.store.tests.listing(5)
    assert (test["address"], test["sent_by"]) == ("me@my.example", "ana by Dagster")
    assert len(world.mailbox()) == 1


def test_a_file_is_imported(station: Station, world: World) -> None:
    world.tick(START)
    file = world.root / "more.csv"
    file.write_text("contact_id,score\nana,7\n", encoding="utf-8")
    assert launch(station, "import_contacts", who="ana", file=str(file), trigger_flows=False).success
    assert [one.changed for one in world.tick(START + DAY).imports] == [1]


@pytest.mark.parametrize(
    ("job", "given", "words"),
    [
        ("pause_flow", {"flow": "helo", **WHO}, "unknown flow helo (did you mean hello?)"),
        ("release", {"segments": ["londoners"], **WHO}, "londoners"),
        ("import_contacts", {"who": "ana", "file": "none.csv", "trigger_flows": True}, "none.csv"),
    ],
    ids=["unknown flow", "nothing is held", "no such file"],
)
def test_what_is_wrong_is_told_in_one_line(
    station: Station, world: World, job: str, given: dict[str, Any], words: str
) -> None:
    world.tick(START)
    result = launch(station, job, **given)
    assert not result.success
    assert words in failures(result)[f"{job}_now"]
