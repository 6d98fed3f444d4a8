"""Coupons and tasks from the command line to the ledgers: planned, given, held, listed, kept when a store is lost."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from segflow.cli.main import main
from segflow.errors import InputError
from tests.world import World

FIRST = datetime(2026, 3, 1, tzinfo=UTC)
SECOND = FIRST + timedelta(days=1)
FLOW: dict[str, Any] = {
    "status": "active",
    "trigger": {"enters": "londoners"},
    "guards": {"messages": {"percent": 60, "above": 1}},
    "steps": [
        {"id": "code", "coupon": "spring"},
        {"id": "offer", "send_sms": {"text": "Take {{ coupons.code }}"}},
        {"id": "call", "create_task": {"title": "Call {{ contact.contact_id }}", "assignee": "max", "due": "1 day"}},
    ],
}
Say = Callable[..., tuple[int, str, str]]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    made.segment("londoners", {"where": {"attribute": "city", "is": "London"}})
    made.flow("hi", FLOW)
    move(made, ())
    made.tick(FIRST)
    yield made
    made.close()


@pytest.fixture
def say(world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Say:
    def call(*arguments: str) -> tuple[int, str, str]:
        world.project.store.close()
        monkeypatch.setattr(sys, "argv", ["segflow", "--project-dir", str(world.root), *arguments])
        with pytest.raises(SystemExit) as end:
            main()
        return int(end.value.code or 0), *capsys.readouterr()

    return call


def move(world: World, in_london: tuple[int, ...]) -> None:
    """Five contacts, of whom these live in London."""
    rows = [
        {"contact_id": f"c{n}", "city": "London" if n in in_london else "Rome", "phone": f"+44207946001{n}"}
        for n in range(5)
    ]
    world.rows_of("contacts", rows)


def given(world: World) -> list[tuple[str, str]]:
    return [
        (row["contact_id"], row["code"])
        for row in world.rows("SELECT contact_id, code FROM segflow.coupon_claims ORDER BY contact_id")
    ]


def test_a_plan_gives_no_code_away_and_says_what_it_would_do(world: World) -> None:
    world.project.add_coupons("spring", ["A"])
    move(world, (1, 2))
    [flow] = [one for one in world.project.plan(SECOND).flows if one.flow == "hi"]
    assert (flow.effects, flow.failures) == ({"call": 2, "code": 1}, {"code": 1})
    assert world.project.coupons() == [{"pool": "spring", "left": 1, "claimed": 0, "warn_below": 100}]
    assert given(world) == []
    report = world.tick(SECOND)
    assert report.warnings[0].startswith("coupon pool spring has 0 codes left")
    assert [code for _, code in given(world)] == ["A"]


def test_what_a_held_flow_has_claimed_goes_back(world: World) -> None:
    world.project.add_coupons("spring", ["A", "B", "C", "D"])
    move(world, (0, 1, 2, 3))
    report = world.tick(SECOND)
    assert [one.status for one in report.flows] == ["held"]
    assert given(world) == []
    assert world.project.coupons()[0]["left"] == 4


def test_codes_that_were_given_are_not_given_again_when_the_store_is_lost(world: World) -> None:
    world.project.add_coupons("spring", ["A", "B"])
    move(world, (1,))
    world.tick(SECOND)
    world.project.store.close()
    for path in world.root.glob(".segflow/delivery.db*"):
        path.unlink()
    world.project.__dict__.pop("store", None)
    world.project.rebuild_store()
    assert world.project.add_coupons("spring", ["A", "B"]) == 1
    move(world, (1, 2))
    world.tick(SECOND + timedelta(days=1))
    assert given(world) == [("c1", "A"), ("c2", "B")]


def test_the_commands(world: World, say: Say) -> None:
    file = world.root / "codes.txt"
    file.write_text('code\nA\n"B"\n\nA\n', encoding="utf-8")
    assert say("coupons", "add", "spring", str(file)) == (
        0,
        "2 codes are new in pool spring; 1 were there already.\n",
        "",
    )
    move(world, (1,))
    world.tick(SECOND)
    pools = json.loads(say("coupons", "--format", "json")[1])["pools"]
    assert pools == [{"pool": "spring", "left": 1, "claimed": 1, "warn_below": 100}]
    assert "spring" in say("coupons")[1]
    [task] = json.loads(say("tasks", "--assignee", "max", "--format", "json")[1])["tasks"]
    assert (task["title"], task["contact_id"], task["due_at"][:10]) == ("Call c1", "c1", "2026-03-03")
    assert json.loads(say("tasks", "--flow", "other", "--format", "json")[1])["tasks"] == []
    assert "Call c1" in say("tasks")[1]


FILES = {
    "nothing": ("code\n\n", "has no codes: write one a line"),
    "two columns": ("A,10\n", ":1: 'A,10' is not one code; write one a line, and nothing else"),
    "too long": ("A\n" + "B" * 256, ":2: a code has at most 255 characters, all of them printable"),
}


@pytest.mark.parametrize(("text", "said"), FILES.values(), ids=FILES.keys())
def test_files_that_are_refused(world: World, say: Say, text: str, said: str) -> None:
    (world.root / "codes.txt").write_text(text, encoding="utf-8")
    code, _, error = say("coupons", "add", "spring", str(world.root / "codes.txt"))
    assert code == 2
    assert said in " ".join(error.split())
    assert say("coupons", "add", "spring", str(world.root / "none.txt"))[0] == 2


def test_a_pool_that_segflow_yml_does_not_name(tmp_path: Path) -> None:
    world = World(tmp_path, settings={"coupons": {"spring": {}}})
    with pytest.raises(InputError, match=r"has no coupon pool sprng \(did you mean spring\?\)"):
        world.project.add_coupons("sprng", ["A"])
    assert world.project.coupons() == [{"pool": "spring", "left": 0, "claimed": 0, "warn_below": 100}]
    world.close()
