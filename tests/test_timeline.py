"""`segflow history`, `overlap` and `segments`: what the ledgers and git know of segments."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from segflow.cli.main import main
from segflow.errors import InputError
from segflow.history.authors import authors
from tests.direct_dbt import DirectProject
from tests.world import World

START = datetime(2026, 3, 2, tzinfo=UTC)
CITIES = [
    {"a": "London", "b": "London", "c": "Rome", "d": "Paris"},
    {"a": "London", "b": "Rome", "c": "Rome", "d": "Paris"},
    {"a": "London", "b": "London", "c": "Rome", "d": "Paris"},
]
ROMANS = "select contact_id from {{ ref('contacts') }} where city = 'Rome'"
Run = Callable[[str], str]


def at(day: int) -> datetime:
    return START + timedelta(days=day)


def commit(root: Path, who: str, day: int) -> None:
    """Commit all files as `who`."""
    moment = at(day).isoformat()
    names = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER")
             for key, value in (("NAME", who), ("EMAIL", "x@example.com"), ("DATE", moment))}  # fmt: skip
    for command in (["add", "segment_specs"], ["commit", "-q", "--no-gpg-sign", "-m", "x"]):
        subprocess.run(["git", "-C", str(root), *command], check=True, env=os.environ | names)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    root = tmp_path_factory.mktemp("repository") / "project"
    root.mkdir()
    subprocess.run(["git", "init", "-q", str(root.parent)], check=True)
    world = World(root)
    world.segment("londoners", {"owner": "ana@example.com", "where": {"attribute": "city", "is": "London"}})
    world.segment("romans", ROMANS)
    world.segment("all_of_them", {"where": {"everyone": True}})
    world.segment("fragile", {"where": {"attribute": "age", "is_set": True}})
    commit(root, "Ana", 0)
    for day, cities in enumerate(CITIES):
        world.rows_of("contacts", [{"contact_id": who, "city": city} for who, city in cities.items()])
        if day == 1:
            world.segment("londoners", {"where": {"attribute": "city", "in": ["London", "Paris"]}})
            commit(root, "Bob", 1)
        if day == 2:
            world.missing = {"contacts.age"}
            world.rows_of("contacts", [{"contact_id": who, "city": city} for who, city in cities.items()])
            world.segment("all_of_them", None)
            world.segment("new", {"where": {"segment": "londoners"}})
        world.tick(at(day))
    yield world
    world.close()


@pytest.fixture
def run(world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    # Into a pipe lines are as long as they are, unless this is set: the tests here look at what a screen shows.
    monkeypatch.setenv("SEGFLOW_COLUMNS", "80")

    def call(line: str) -> str:
        monkeypatch.setattr("segflow.project.Project", DirectProject)
        monkeypatch.setattr(sys, "argv", ["segflow", *shlex.split(line), "--project-dir", str(world.root)])
        with pytest.raises(SystemExit) as end:
            main()
        assert end.value.code == 0
        return capsys.readouterr().out

    return call


def test_versions_and_sizes(world: World) -> None:
    found = world.project.history("londoners")
    assert [(one.segment_version, one.tick_id, one.changed) for one in found.versions] == [
        (1, "20260302T000000Z", []),
        (
            2,
            "20260303T000000Z",
            [
                "owner: ana@example.com -> nothing",
                "where.is: London -> nothing",
                'where.in: nothing -> ["London", "Paris"]',
            ],
        ),
    ]  # fmt: skip
    assert [(one.members, one.entered, one.exited, one.segment_version) for one in found.sizes] == [
        (2, 2, 0, 1),
        (2, 1, 1, 2),
        (3, 1, 0, 2),
    ]


@pytest.mark.parametrize(
    ("contact", "expected"),
    [
        ("a", [("entered", 1, "baseline", 0)]),
        ("b", [("entered", 1, "baseline", 0), ("exited", 1, "data", 1), ("entered", 2, "data", 2)]),
        ("c", []),
        ("d", [("entered", 1, "definition", 1)]),
    ],
)
def test_crossings_of_a_contact(world: World, contact: str, expected: list[tuple[Any, ...]]) -> None:
    found = world.project.history("londoners", contact).crossings
    assert found is not None
    assert [
        (one.crossing, one.entry_number, one.cause, (one.at.replace(tzinfo=UTC) - START).days) for one in found
    ] == expected


def test_a_removed_segment_has_its_history(world: World) -> None:
    sizes = world.project.history("all_of_them").sizes
    assert [(one.members, one.exited, one.status) for one in sizes] == [(4, 0, "ok"), (4, 0, "ok"), (0, 4, "deleted")]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("londoner",), "unknown segment londoner .did you mean londoners"),
        (("londoners", "nobody"), "unknown contact nobody: no tick has seen one of this id"),
    ],
)
def test_unknown(world: World, arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        world.project.history(*arguments)


@pytest.mark.parametrize("day", [0, 1, 2, None])
def test_overlap(world: World, day: int | None) -> None:
    cities = CITIES[2 if day is None else day]
    wanted = {"London"} if day == 0 else {"London", "Paris"}
    members = {
        "londoners": {who for who, city in cities.items() if city in wanted},
        "romans": {who for who, city in cities.items() if city == "Rome"},
        "all_of_them": set(cities) if day in (0, 1) else set(),
    }
    found = world.project.overlap(*members, at=None if day is None else at(day))
    assert found.sizes == {name: len(who) for name, who in members.items()}
    for pair in found.pairs:
        one, other = members[pair.segment], members[pair.other]
        assert (pair.members, pair.other_members, pair.both) == (len(one), len(other), len(one & other))
        assert (pair.only_segment, pair.only_other) == (len(one - other), len(other - one))
    assert len(found.pairs) == 3
    assert (found.in_any, found.in_all) == (len(set.union(*members.values())), len(set.intersection(*members.values())))


def test_an_overlap_needs_two(world: World) -> None:
    with pytest.raises(InputError, match="between two segments or more"):
        world.project.overlap("romans", "romans")


def test_listing(world: World) -> None:
    last, found = world.project.segments()
    assert last == "20260304T000000Z"
    by = {one.segment: one for one in found}
    assert {name: (one.members, one.change, one.status, one.last_tick) for name, one in by.items()} == {
        "all_of_them": (0, -4, "deleted", "20260303T000000Z"),
        "fragile": (0, 0, "stale", "20260303T000000Z"),
        "londoners": (3, 1, "ok", last),
        "new": (3, 3, "ok", last),
        "romans": (1, -1, "ok", last),
    }
    people = {name: (one.created_by, one.changed_by) for name, one in by.items()}
    assert people == {
        "all_of_them": (None, None),
        "fragile": ("Ana", "Ana"),
        "londoners": ("Ana", "Bob"),
        "new": (None, None),
        "romans": ("Ana", "Ana"),
    }
    assert (by["londoners"].created_at, by["londoners"].changed_at) == (at(0), at(1))
    assert "age" in (by["fragile"].reason or "")


def test_without_a_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    (tmp_path / "plain").mkdir()
    assert authors(tmp_path / "plain", "segment_specs") == {}
    monkeypatch.setenv("PATH", str(tmp_path))
    assert authors(tmp_path, "segment_specs") == {}


def test_what_the_commands_print(run: Run) -> None:
    assert "2026-03-03 Bob" in run("segments")
    assert "fragile is stale: " in run("segments")
    assert max(map(len, run("segments").splitlines()[:8])) <= 80
    assert json.loads(run("segments --format json"))["segments"][2]["created_by"] == "Ana"
    assert "where.is: London -> nothing" in run("history londoners")
    assert run("history londoners --limit 1").endswith("2 earlier ticks: --limit 3\n")
    assert [one["members"] for one in json.loads(run("history londoners --format json"))["sizes"]] == [2, 2, 3]
    assert run("history londoners --contact b").endswith("b is a member since 2026-03-04 00:00 UTC.\n")
    assert run("history londoners --contact c") == "c has never been in londoners.\n"
    assert run("overlap londoners romans").endswith("4 contacts are in at least one of them, 0 in all 2.\n")
    assert json.loads(run("overlap londoners romans --format json"))["joint"] == {"1": 4}
