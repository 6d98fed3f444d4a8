"""`segflow flow show`: the shape of a flow, and how many stand at each step and have passed it."""

from __future__ import annotations

import json
import sys
import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from segflow.cli.main import main
from segflow.flows.svg import svg
from tests.world import World

FIRST = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
FLOW: dict[str, Any] = {
    "status": "active",
    "trigger": {"any": [{"enters": "londoners"}, {"exits": "grown"}]},
    "steps": [
        {"id": "hello", "send_sms": {"text": "Hello"}},
        {
            "id": "old",
            "branch": {
                "if": {"attribute": "age", "gte": 18},
                "then": [{"id": "think", "wait": "9 days"}, {"id": "news", "add_to_list": "news"}],
                "else": [{"id": "bye", "exit": "too young <yet>"}],
            },
        },
        {"id": "done", "update_contact": {"stage": "done"}},
    ],
}
TEXT = """\
hi (active): enters londoners or exits grown
  3 enrolled, 1 inside, 2 ended (2 exit)

  hello  SMS                       3 passed
  old    branch                    3 passed
    then: age is at least 18       1 passed
      think  wait 9 days           1 here
      news   add to list news
    else                           2 passed
      bye  leave: too young <yet>  2 passed
  done   set stage
"""
MERMAID = """\
flowchart TD
  start(["enters londoners or exits grown<br/>3 enrolled, 1 inside, 2 ended (2 exit)"])
  s_hello["<b>hello</b><br/>SMS<br/>3 passed"]
  start --> s_hello
  s_old{{"<b>old</b><br/>branch<br/>3 passed"}}
  s_hello --> s_old
  s_think["<b>think</b><br/>wait 9 days<br/>1 here"]
  s_old -->|"then: age is at least 18 (1)"| s_think
  s_news["<b>news</b><br/>add to list news"]
  s_think --> s_news
  s_bye["<b>bye</b><br/>leave: too young #lt;yet#gt;<br/>2 passed"]
  s_old -->|"else (2)"| s_bye
  s_bye --> finish
  s_done["<b>done</b><br/>set stage"]
  s_news --> s_done
  finish(["end"])
  s_done --> finish
"""


def lived(root: Path) -> World:
    root.mkdir()
    world = World(root)
    people = [{"contact_id": name, "city": "Rome", "age": age} for name, age in (("ana", 30), ("bob", 10), ("cyd", 5))]
    world.rows_of("contacts", people)
    world.segment("londoners", {"where": {"attribute": "city", "is": "London"}})
    world.segment("grown", {"where": {"attribute": "age", "gte": 99}})
    world.flow("hi", FLOW)
    world.tick(FIRST)
    world.rows_of("contacts", [{**one, "city": "London"} for one in people])
    world.tick(FIRST + DAY)
    return world


def test_the_forms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    world = World.again(lived, tmp_path / "world")
    world.close()

    def shown(*words: str) -> str:
        monkeypatch.setattr(sys, "argv", ["segflow", "--project-dir", str(world.root), "flow", "show", "hi", *words])
        with pytest.raises(SystemExit) as stop:
            main()
        assert not stop.value.code
        return capsys.readouterr().out

    assert [line.rstrip() for line in shown().splitlines()] == TEXT.splitlines()
    assert shown("--format", "mermaid") == MERMAID
    assert json.loads(shown("--format", "json"))["steps"][1]["ways"][1]["passed"] == 2
    image = tmp_path / "hi.svg"
    assert "Wrote" in shown("--format", "svg", "--output", str(image))
    root = ET.parse(image).getroot()
    space = "{http://www.w3.org/2000/svg}"
    names = [one.text for one in root.iter(f"{space}title")]
    assert {"hello", "think", "leave: too young <yet>", "1 here", "2 ended, 1 inside"} <= {str(one) for one in names}


def test_boxes_do_not_lie_on_each_other(tmp_path: Path) -> None:
    """A branch in each arm of a branch in each arm of a branch."""
    world = World(tmp_path)
    world.segment("londoners", {"where": {"attribute": "city", "is": "London"}})
    world.flow("deep", {"status": "active", "trigger": {"enters": "londoners"}, "steps": nested(3, "s")})
    picture = world.project.picture("deep")
    assert (picture.enrolled, picture.counts) == (0, "0 enrolled, 0 inside, 0 ended")
    root = ET.fromstring(svg(picture))
    boxes = [
        tuple(float(one.attrib[name]) for name in ("x", "y", "width", "height"))
        for one in root.iter("{http://www.w3.org/2000/svg}rect")
    ]
    assert len(boxes) == 2 + sum(1 for _ in world.project.specs.flows["deep"].spec.walk())
    wide, high = float(root.attrib["width"]), float(root.attrib["height"])
    for number, (x, y, width, height) in enumerate(boxes):
        assert x >= 0
        assert x + width <= wide
        assert y + height <= high
        for other_x, other_y, other_width, other_height in boxes[:number]:
            apart = x + width <= other_x or other_x + other_width <= x
            assert apart or y + height <= other_y or other_y + other_height <= y


def nested(depth: int, name: str) -> list[dict[str, Any]]:
    leaf = {"id": f"{name}_wait", "wait": "1 day"}
    if not depth:
        return [leaf]
    arms = {arm: nested(depth - 1, f"{name}{arm[0]}") for arm in ("then", "else")}
    return [
        leaf,
        {"id": name, "branch": {"if": {"attribute": "age", "gt": depth}, **arms}},
        {"id": f"{name}_end", "wait": "1 day"},
    ]
