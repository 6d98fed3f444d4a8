# ruff: noqa: E501 (tables: one case per line)
"""The rules of `segflow lint` that ask what the last tick left behind."""

from __future__ import annotations

import json
import re
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from segflow.cli.main import main
from segflow.lint.lint import examine, lint
from tests.world import World

NOW = datetime(2026, 3, 1, tzinfo=UTC)
CITIES = ["London"] * 10 + ["Paris"] * 5 + [None] * 5


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """20 contacts, 15 of them with a city; purchases of the last 90 days; one list and one tag; one tick."""
    world = World(tmp_path_factory.mktemp("lint"), settings={"exports": {"segments": ["s"]}})
    ids = [f"c{number:02}" for number in range(20)]
    world.rows_of(
        "contacts", [{"contact_id": one, "city": city, "age": 30} for one, city in zip(ids, CITIES, strict=True)]
    )
    bought = [{"category": "tea", "amount": 5}, {"category": "cake", "amount": 7}]
    world.rows_of("events", [
        {"contact_id": one, "name": "purchase", "at": NOW - timedelta(days=days), "properties": json.dumps(bought[days % 2])}
        for one, days in zip(ids, range(10, 91, 8), strict=False)
    ] + [{"contact_id": ids[0], "name": "Visit", "at": NOW - timedelta(days=3)}])  # fmt: skip
    world.rows_of("lists", [{"contact_id": ids[0], "name": "news"}])
    world.rows_of("tags", [{"contact_id": ids[0], "name": "vip"}])
    world.segment("s", {"where": {"attribute": "age", "gt": 90}})
    world.segment("all", {"where": {"attribute": "age", "gt": 1}})
    world.segment("none", {"where": {"everyone": True}})
    # A tick builds just the models that something reads.
    world.segment("some", {"where": {"any": [{"event": "purchase"}, {"list": "news"}, {"tag": "vip"}]}})
    world.flow("adds", {"trigger": {"enters": "s"}, "steps": [{"id": "a", "add_to_list": "later"}]})
    world.tick(NOW)
    return world


def found(world: World, where: Any) -> list[tuple[str, int, str]]:
    """(rule, column in the line of the condition, what) about a segment with this condition."""
    (world.root / "segment_specs/s.yml").write_text(f"where: {json.dumps(where)}\n", encoding="utf-8")
    world.project.reload()
    report = examine(world.project, ["s"])
    assert report.skipped == []
    return [(one.rule, one.column, one.what) for one in report.findings]


def at(where: Any, word: str) -> int:
    """The column of a value in the line of the condition, or of a key: of its value, where that is a mapping."""
    line = f"where: {json.dumps(where)}"
    mapping = line.find(f'"{word}": {{"of_last"')
    return line.index(f'"{word}"') + 1 if mapping < 0 else line.index("{", mapping) + 1


CASES: dict[str, tuple[Any, str, str | None, str]] = {
    "many have none": ({"attribute": "city", "is_not": "London"}, "missing-values", "is_not", "5 of 20 contacts have no city and match is_not London"),
    "many have none of several": ({"attribute": "city", "not_in": ["London", "Paris"]}, "missing-values", "not_in", "5 of 20 contacts have no city and match not_in London, Paris"),
    "many differ from nothing": ({"attribute": "city", "is_not": {"attribute": "city"}}, "missing-values", "is_not", "5 of 20 contacts have no city and match is_not city"),
    "everyone has one": ({"attribute": "age", "is_not": 31}, "", None, ""),
    "asked for beside it": ({"all": [{"attribute": "city", "is_set": True}, {"attribute": "city", "is_not": "London"}]}, "", None, ""),
    "a positive operator": ({"attribute": "city", "is": "London"}, "", None, ""),
    "unknown text": ({"attribute": "city", "is": "Londn"}, "value-never-seen", "Londn", "'Londn' was never seen in attribute city (did you mean London?)"),
    "unknown text in a list": ({"attribute": "city", "in": ["London", "Rome"]}, "value-never-seen", "Rome", "'Rome' was never seen in attribute city (known: London, Paris)"),
    "known in another case": ({"attribute": "city", "is": "london", "ignore_case": True}, "", None, ""),
    "a part of a text": ({"attribute": "city", "contains": "xx"}, "", None, ""),
    "always missing": ({"attribute": "phone", "is_set": True}, "always-missing", "phone", "attribute phone is always missing"),
    "flows may write it": ({"attribute": "stage", "is": "new"}, "", None, ""),
    "unknown text of a property": ({"event": "purchase", "where": {"property": "category", "is": "te"}}, "value-never-seen", "te", "'te' was never seen in property category of event purchase (did you mean tea?)"),
    "unknown last text": ({"event": "purchase", "last": {"property": "category", "is": "te"}}, "value-never-seen", "te", "'te' was never seen in property category of event purchase (did you mean tea?)"),
    "known property": ({"event": "purchase", "where": {"property": "category", "is": "tea"}, "sum": {"property": "amount", "gt": 5}}, "", None, ""),
    "event with another spelling": ({"event": "visit"}, "never-seen", "visit", "no row of event visit was ever seen; the data has 'Visit'"),
    "event that must follow": ({"event": "purchase", "followed_by": {"event": "visit", "within": "1 day"}}, "never-seen", "visit", "no row of event visit was ever seen; the data has 'Visit'"),
    "any event": ({"any_event": True}, "", None, ""),
    "window longer than the data": ({"event": "purchase", "within_last": "1 year"}, "window-longer-than-data", "1 year", "this looks 1 year back, and the first row of model stg_events is 90 days old"),
    "twice a window": ({"event": "purchase", "stopped": "60 days"}, "window-longer-than-data", "60 days", "this looks 2 x 60 days back, and the first row of model stg_events is 90 days old"),
    "months": ({"event": "purchase", "months": {"of_last": 4, "gte": 1}}, "window-longer-than-data", "months", "this looks 4 months back, and the first row of model stg_events is 90 days old"),
    "a window that fits": ({"event": "purchase", "within_last": "90 days"}, "", None, ""),
    "unknown list": ({"list": "newz"}, "never-seen", "newz", "nobody is on list newz (did you mean news?)"),
    "list that a flow fills": ({"list": "later"}, "", None, ""),
    "known list and tag": ({"all": [{"list": "news"}, {"tag": "vip"}]}, "", None, ""),
    "unknown tag": ({"tag": "vpi"}, "never-seen", "vpi", "nobody has tag vpi (did you mean vip?)"),
}  # fmt: skip


@pytest.mark.parametrize(("where", "rule", "word", "what"), CASES.values(), ids=CASES)
def test_data(world: World, where: Any, rule: str, word: str | None, what: str) -> None:
    expected = [(rule, at(where, word), what)] if word is not None else []
    assert found(world, where) == expected


def test_the_advice_about_an_event_is_one_that_can_be_followed(world: World) -> None:
    path = world.root / "segment_specs/catalog.yml"
    before = path.read_text(encoding="utf-8")
    world.segment("s", {"where": {"event": "visit"}})
    (finding,) = [one for one in examine(world.project, ["s"]).findings if one.rule == "never-seen"]
    entry = re.fullmatch(r"write (.+) in the catalog, or mend the model", finding.do)
    assert entry is not None
    catalog = yaml.safe_load(before)
    catalog["events"][0]["types"] |= yaml.safe_load(entry[1])
    path.write_text(yaml.safe_dump(catalog), encoding="utf-8")
    world.project.reload()
    assert [one.rule for one in examine(world.project, ["s"]).findings if one.rule == "never-seen"] == []
    path.write_text(before, encoding="utf-8")


def test_sizes(world: World) -> None:
    world.segment("s", {"where": {"attribute": "age", "gt": 90}})
    findings = [(one.segment, one.rule, one.what) for one in lint(world.project) if one.rule.startswith("selects")]
    assert findings == [
        ("all", "selects-everyone", "it had all 20 contacts at the last tick"),
        ("s", "selects-no-one", "it had no member at the last tick"),
    ]
    # After an edit the sizes are those of another rule.
    world.segment("s", {"where": {"attribute": "age", "gt": 91}})
    world.segment("all", {"where": {"attribute": "age", "gt": 2}})
    assert not [one for one in lint(world.project) if one.rule.startswith("selects")]
    world.segment("all", {"where": {"attribute": "age", "gt": 1}})


def test_a_segment_silences_a_rule(world: World) -> None:
    where = {"attribute": "city", "is_not": "London"}
    world.segment("s", {"where": where, "lint": {"ignore": ["missing-values", "unused-segment"]}})
    assert lint(world.project, ["s"]) == []
    world.segment("s", {"where": where, "lint": {"ignore": ["never-seen"]}})
    assert [one.rule for one in world.project.lint(["s"])] == ["missing-values"]


def test_a_model_that_cannot_be_read_is_told(world: World) -> None:
    world.run("ALTER TABLE raw.tags RENAME COLUMN added_at TO added")
    world.segment("s", {"where": {"all": [{"tag": "nobody"}, {"attribute": "city", "is": "Rome"}]}})
    report = examine(world.project, ["s"])
    world.run("ALTER TABLE raw.tags RENAME COLUMN added TO added_at")
    assert [one.rule for one in report.findings] == ["value-never-seen"]
    assert len(report.skipped) == 1
    assert report.skipped[0].startswith("tags: ")


def test_nothing_is_written(world: World) -> None:
    path = world.root / ".segflow/warehouse.duckdb"
    before = world.ledgers(), path.stat().st_size
    lint(world.project)
    assert (world.ledgers(), path.stat().st_size) == before


def run(root: Path, *words: str, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(sys, "argv", ["segflow", "--project-dir", str(root), "lint", *words])
    with pytest.raises(SystemExit) as end:
        main()
    assert isinstance(end.value.code, int)
    return end.value.code


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    world = World(tmp_path, real=True)
    (tmp_path / ".segflow/warehouse.duckdb").unlink()
    world.segment("s", {"where": {"attribute": "age", "gt": 90}})
    note = "segment_specs/s.yml:1:1: unused-segment: no flow, segment or export names this segment; remove it if nobody reads it either\n"
    skipped = "Skipped: the rules that need data: no tick has run yet\n"
    assert run(tmp_path, monkeypatch=monkeypatch) == 0
    assert capsys.readouterr().out == f"{note}{skipped}0 warnings, 1 note\n"
    assert run(tmp_path, "--strict", monkeypatch=monkeypatch) == 1
    assert not (tmp_path / ".segflow/warehouse.duckdb").exists()
    world.segment("s", {"where": {"not": {"everyone": True}}, "lint": {"ignore": ["unused-segment"]}})
    capsys.readouterr()
    assert run(tmp_path, "s", "--format", "json", monkeypatch=monkeypatch) == 1
    (one,) = json.loads(capsys.readouterr().out)["findings"]
    assert (one["file"], one["line"], one["column"], one["rule"], one["level"]) == (
        "segment_specs/s.yml", 2, 3, "nobody-can-match", "warning",
    )  # fmt: skip
    world.segment("s", {"where": {"tag": "vip"}, "lint": {"ignore": ["unused-segment"]}})
    assert run(tmp_path, monkeypatch=monkeypatch) == 0
    assert capsys.readouterr().out == f"{skipped}Nothing to report.\n"
    assert run(tmp_path, "t", monkeypatch=monkeypatch) == 2
