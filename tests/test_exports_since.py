"""Exports that go on where the one before ended, exports of the past, and docs/EXPORTS.md."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml

from segflow.cli.main import main
from segflow.crashpoints import watched
from segflow.errors import InputError, SpecError
from segflow.exports.due import period
from segflow.specs.exports import Period
from tests.direct_dbt import DirectProject
from tests.test_exports import cells, lines
from tests.world import World

PAGE = (Path(__file__).parents[1] / "docs/EXPORTS.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
TRANSCRIPT = """\
$ segflow export londoners --column contact_id --column city --sort city:desc
1 member in exports/londoners.csv: the full segment
$ segflow export londoners --only exited --since 2026-03-02 --format jsonl
4 exits after tick 20260302T000000Z in exports/londoners.exited.jsonl: all exits
$ segflow export londoners --at 2026-03-03T12:00:00Z
2 members as of tick 20260303T000000Z in exports/londoners.20260303T000000Z.csv: the full segment
Attributes have no history: they are as they are now.
$ segflow export londoners --only exited --since 2026-03-02 --where '{event: purchase, count: {gte: 1}}'
2 of 4 exits after tick 20260302T000000Z in exports/londoners.exited.filtered.csv: a filtered view
$ segflow history londoners --contact a
at                crossing  entry  cause     triggers  version  tick id
2026-03-02 00:00  entered       1  baseline        no        1  20260302T000000Z
2026-03-03 00:00  exited        1  data           yes        1  20260303T000000Z
2026-03-05 00:00  entered       2  data           yes        1  20260305T000000Z
2026-03-06 00:00  exited        2  data           yes        1  20260306T000000Z

a is no member since 2026-03-06 00:00 UTC.
$ segflow overlap londoners romans --at 2026-03-05
Tick 20260305T000000Z
segment        and         both  only the first  only the second
londoners (3)  romans (1)     0               3                1

4 contacts are in at least one of them, 0 in all 2.
"""
COMMANDS = re.split(r"^\$ ", TRANSCRIPT, flags=re.MULTILINE)[1:]


START = datetime(2026, 3, 2, tzinfo=UTC)  # a Monday
LONDONERS: list[set[str]] = [{"a", "b"}, {"b", "c"}, {"b", "c"}, {"a", "c", "d"}, {"d"}]
"""Who lives in London at each tick."""
ENTERED: list[list[str]] = [["a", "b"], ["c"], [], ["a", "d"], []]
EXITED: list[list[str]] = [[], ["a"], [], ["b"], ["a", "c"]]


def ids(rows: list[dict[str, Any]]) -> list[str]:
    return [row["contact_id"] for row in rows]


def at(day: int) -> datetime:
    return START + timedelta(days=day)


def live(world: World, day: int) -> Any:
    people = [{"contact_id": who, "city": "London" if who in LONDONERS[day] else "Rome"} for who in "abcd"]
    world.rows_of("contacts", people)
    return world.tick(at(day))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path, settings={"exports": {"segments": []}})
    yield world
    world.close()


def london(world: World, **export: Any) -> None:
    where = {"attribute": "city", "is": "London"}
    world.segment("londoners", {"where": where, **({"export": export} if export else {})})


def test_entries_and_exits_of_each_tick(world: World) -> None:
    columns = ["contact_id", "exited_at", "cause"]
    london(world, path="crm", only=["members", "entered", "exited"], format="jsonl", columns=columns)
    for day in range(5):
        report = live(world, day)
        folder = world.root / f"crm/202603{day + 2:02}T000000Z"
        assert {one.path.name: one.rows for one in report.exports} == {
            "londoners.jsonl": len(LONDONERS[day]),
            "londoners.entered.jsonl": len(ENTERED[day]),
            "londoners.exited.jsonl": len(EXITED[day]),
        }
        assert ids(lines(folder / "londoners.jsonl")) == sorted(LONDONERS[day])
        entered = lines(folder / "londoners.entered.jsonl")
        assert entered == [{"contact_id": who, "cause": "data" if day else "baseline"} for who in ENTERED[day]]
        exited = lines(folder / "londoners.exited.jsonl")
        moment = at(day).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        assert exited == [{"contact_id": who, "exited_at": moment, "cause": "data"} for who in EXITED[day]]
    assert not (world.root / "exports").exists()


PERIODS: dict[str, tuple[Period, str, str, str, bool]] = {
    "each tick": ("tick", "UTC", "2026-03-02T00:00", "2026-03-02T00:01", False),
    "same hour": ("hour", "UTC", "2026-03-02T00:00", "2026-03-02T00:59", True),
    "next hour": ("hour", "UTC", "2026-03-02T00:59", "2026-03-02T01:00", False),
    "the hour that clocks go through twice": ("hour", "Europe/Berlin", "2026-10-25T00:30", "2026-10-25T01:30", False),
    "same day": ("day", "UTC", "2026-03-02T00:00", "2026-03-02T23:59", True),
    "next day": ("day", "UTC", "2026-03-02T23:59", "2026-03-03T00:00", False),
    "midnight in the zone": ("day", "America/New_York", "2026-03-02T04:59", "2026-03-02T05:00", False),
    "Monday to Sunday": ("week", "UTC", "2026-03-02T00:00", "2026-03-08T23:59", True),
    "Sunday to Monday": ("week", "UTC", "2026-03-08T23:59", "2026-03-09T00:00", False),
    "over New Year": ("week", "UTC", "2025-12-29T00:00", "2026-01-04T00:00", True),
    "same month": ("month", "UTC", "2026-03-01T00:00", "2026-03-31T23:59", True),
    "a year later": ("month", "UTC", "2026-03-01T00:00", "2027-03-01T00:00", False),
}


@pytest.mark.parametrize(("every", "zone", "one", "other", "same"), PERIODS.values(), ids=PERIODS)
def test_periods(every: Period, zone: str, one: str, other: str, same: bool) -> None:
    moments = [datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (one, other)]
    first, second = (period(moment, every, ZoneInfo(zone)) for moment in moments)
    assert (first == second) is same


def test_a_later_export_takes_up_where_the_one_before_ended(world: World) -> None:
    london(world, only=["entered", "exited"], every="week")
    live(world, 0)
    for day in (1, 3, 4):
        assert live(world, day).exports == []
    report = world.tick(at(7))
    assert {one.since for one in report.exports} == {"20260302T000000Z"}
    folder = world.root / "exports/20260309T000000Z"
    assert ids(cells(folder / "londoners.entered.csv")) == ["a", "c", "d"]
    assert ids(cells(folder / "londoners.exited.csv")) == ["a", "a", "b", "c"]


def test_the_first_export_has_all_and_a_pause_loses_nothing(world: World) -> None:
    london(world)
    live(world, 0)
    london(world, only="entered")
    live(world, 1)
    assert ids(cells(world.root / "exports/20260303T000000Z/londoners.entered.csv")) == ["a", "b", "c"]
    london(world)
    live(world, 3)
    london(world, only="entered")
    live(world, 4)
    assert ids(cells(world.root / "exports/20260306T000000Z/londoners.entered.csv")) == ["a", "d"]


class Killed(BaseException):
    pass


@pytest.mark.parametrize("place", ["exports.renamed", "export.before_commit"])
def test_a_crash_neither_loses_nor_doubles(world: World, place: str) -> None:
    london(world, only=["entered", "exited"], every="day")
    live(world, 0)

    def kill(name: str) -> None:
        if name == place:
            raise Killed

    with watched(kill), pytest.raises(Killed):
        live(world, 1)
    assert world.tick(at(1)).resumed
    live(world, 3)
    for kind, expected in (("entered", ENTERED), ("exited", EXITED)):
        for day in (0, 1, 3):
            path = world.root / f"exports/202603{day + 2:02}T000000Z/londoners.{kind}.csv"
            assert ids(cells(path)) == expected[day]
    world.check_replay()


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    world = World(tmp_path_factory.mktemp("lived"), settings={"exports": {"segments": []}})
    london(world)
    world.segment("romans", {"where": {"attribute": "city", "is": "Rome"}})
    world.segment("buyers", {"where": {"event": "purchase"}})
    bought = [("b", 0), ("c", 0), ("d", 4)]
    world.rows_of("events", [{"contact_id": who, "name": "purchase", "at": at(day)} for who, day in bought])
    for day in range(5):
        live(world, day)
    yield world
    world.close()


def test_members_of_any_past_moment(lived: World) -> None:
    for day in range(5):
        for moment in (at(day).strftime("%Y%m%dT%H%M%SZ"), at(day), (at(day) + timedelta(hours=23)).isoformat()):
            done = lived.project.export("londoners", at=moment, columns=["contact_id", "city"])
            assert ids(cells(done.path)) == sorted(LONDONERS[day])
            assert done.past == (day < 4)
            assert done.path.name == ("londoners.csv" if day == 4 else f"londoners.202603{day + 2:02}T000000Z.csv")
    # Attributes have no history: a has moved to Rome since.
    done = lived.project.export("londoners", at=at(0), columns=["contact_id", "city"])
    assert cells(done.path) == [{"contact_id": "a", "city": "Rome"}, {"contact_id": "b", "city": "Rome"}]


def test_members_of_a_segment_that_was_removed(world: World) -> None:
    london(world)
    live(world, 0)
    world.segment("londoners", None)
    live(world, 1)
    assert ids(cells(world.project.export("londoners", at=at(0)).path)) == ["a", "b"]
    assert ids(cells(world.project.export("londoners").path)) == []


@pytest.mark.parametrize(
    ("only", "options", "expected", "name"),
    [
        ("entered", {"at": at(3)}, ["a", "d"], "londoners.entered.20260305T000000Z.csv"),
        ("exited", {}, ["a", "c"], "londoners.exited.csv"),
        ("exited", {"since": at(0)}, ["a", "a", "b", "c"], "londoners.exited.csv"),
        ("entered", {"since": "20260302T000000Z", "at": at(2)}, ["c"], "londoners.entered.20260304T000000Z.csv"),
        ("entered", {"at": at(0)}, ["a", "b"], "londoners.entered.20260302T000000Z.csv"),
    ],
)
def test_crossings(lived: World, only: Any, options: dict[str, Any], expected: list[str], name: str) -> None:
    done = lived.project.export("londoners", only=only, **options)
    assert (ids(cells(done.path)), done.path.name) == (expected, name)


@pytest.mark.parametrize(
    ("where", "options", "expected", "of"),
    [
        ("{attribute: city, is: Rome}", {"at": at(3)}, ["a", "c"], 3),
        ("{everyone: true}", {"at": at(3)}, ["a", "c", "d"], 3),
        ("{event: purchase, within_last: 2 days}", {}, ["d"], 1),
        ("{event: purchase, within_last: 2 days}", {"at": at(1)}, ["b", "c"], 2),
        ("{event: purchase, within_last: 2 days}", {"at": at(2)}, [], 2),
        ("{segment: romans}", {"at": at(1), "only": "exited"}, ["a"], 1),
        ("{segment: londoners}", {"at": at(1), "only": "exited"}, [], 1),
        ("not: {segment: romans}", {"only": "exited", "since": at(0)}, [], 4),
        ("{all: [{segment: romans}, {sql: contact_id > 'a'}]}", {"only": "exited", "since": at(0)}, ["b", "c"], 4),
    ],
    ids=repr,
)
def test_where(lived: World, where: str, options: dict[str, Any], expected: list[str], of: int) -> None:
    done = lived.project.export("londoners", where=where, **options)
    assert (ids(cells(done.path)), done.rows, done.of, done.full) == (expected, len(expected), of, False)
    assert done.path.name.endswith(".filtered.csv")


def test_a_wrong_condition_is_located(lived: World) -> None:
    with pytest.raises(SpecError) as told:
        lived.project.export("londoners", where="any:\n- {attribute: citty, is: x}\n- {segment: roman}", file="--where")
    assert [str(issue) for issue in told.value.issues] == [
        "--where:2:15: there is no attribute citty (did you mean city?)",
        "--where:3:13: there is no segment roman (did you mean romans?)",
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"at": "soon"}, "--at soon: neither a tick's id nor a time in ISO form, like 20260306T000000Z or"),
        ({"at": "2026-03-01"}, "--at 2026-03-01: no tick had run by then; the first is 20260302T000000Z"),
        ({"since": at(1)}, "--since goes with --only entered or --only exited"),
        ({"only": "exited", "since": at(4)}, "nothing lies between tick 20260306T000000Z and 20260306T000000Z"),
        ({"sort": ["city:down"]}, "--sort city:down: write a column, or column:desc"),
        ({"sort": ["citi"]}, "unknown column citi .did you mean city"),
        ({"columns": ["exited_at"]}, "unknown column exited_at .did you mean entered_at"),
        ({"columns": ["city", "city"]}, "column city is given twice"),
    ],
    ids=lambda value: "" if isinstance(value, str) else repr(sorted(value)),
)
def test_wrong_questions(lived: World, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        lived.project.export("londoners", **options)


def test_the_spec_loads(tmp_path: Path) -> None:
    world = World(tmp_path)
    (spec,) = (body for kind, body in BLOCKS if kind == "yaml")
    world.segment("londoners", yaml.safe_load(spec))
    (plan,) = world.project.specs.exports()
    assert (plan.path, plan.only) == ("exports/crm", ("entered", "exited"))
    world.close()


@pytest.mark.parametrize("command", COMMANDS, ids=lambda text: text.split("\n")[0])
def test_commands(
    lived: World, command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    line, expected = command.split("\n", 1)
    monkeypatch.setattr("segflow.project.Project", DirectProject)
    monkeypatch.setattr(sys, "argv", [*shlex.split(line), "--project-dir", str(lived.root)])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 0
    assert [line.rstrip() for line in capsys.readouterr().out.splitlines()] == expected.splitlines()


def test_a_renamed_segment_goes_on(world: World) -> None:
    london(world, only="entered")
    live(world, 0)
    where = {"attribute": "city", "is": "London"}
    world.segment("londoners", None)
    world.segment("capital", {"where": where, "renamed_from": "londoners", "export": {"only": "entered"}})
    assert ids(cells(world.project.export("capital").path)) == ["a", "b"]
    live(world, 1)
    assert ids(cells(world.root / "exports/20260303T000000Z/capital.entered.csv")) == ["c"]
    assert ids(cells(world.project.export("capital", at=at(0)).path)) == ["a", "b"]
    world.check_replay()
