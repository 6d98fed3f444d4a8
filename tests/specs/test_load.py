# ruff: noqa: E501 (tables: one case per line)
"""Which files are read, what they are called, and `.sql` segments."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from segflow.errors import SpecError
from segflow.specs.load import collect, load_specs
from segflow.specs.segment import SqlSegmentSpec
from segflow.specs.sql_file import references
from tests.specs.helpers import CATALOG, SEGMENT, messages, project, short


def test_a_project_loads(tmp_path: Path) -> None:
    specs = load_specs(project(tmp_path, sql__big="select contact_id from {{ ref('stg_orders') }}"))
    assert list(specs.segments) == ["big", "tea"]
    assert specs.segments["tea"].file == "segment_specs/tea.yml"
    assert list(specs.flows) == ["hello"]
    assert specs.settings.time_zone == "UTC"


def test_load_specs_raises_all_issues_sorted(tmp_path: Path) -> None:
    root = project(tmp_path, segments__x="where: {tag: vpi}\n", flows__x="status: paused\n", settings="a: 1\n")
    with pytest.raises(SpecError) as raised:
        load_specs(root)
    assert [(issue.file, issue.line) for issue in raised.value.issues] == [
        ("flow_specs/x.yml", 1),
        ("flow_specs/x.yml", 1),
        ("segflow.yml", 1),
        ("segment_specs/x.yml", 1),
    ]


def test_a_project_needs_a_catalog_and_a_directory(tmp_path: Path) -> None:
    assert [str(issue) for issue in collect(tmp_path)[1]] == [
        f"{tmp_path}: is no project: there is neither a segflow.yml nor a folder segment_specs in it; segflow init "
        "DIR makes one, and --project-dir DIR names the one that you mean"
    ]
    (tmp_path / "segflow.yml").touch()
    assert [str(issue) for issue in collect(tmp_path)[1]] == [
        "segment_specs/catalog.yml: is missing: it maps your dbt models to contacts, events and objects. Write one that "
        "begins with contacts: {model: MODEL, key: COLUMN}; segflow init makes a whole project, with a catalog of your "
        "data, in another folder"
    ]
    assert "is not a directory" in str(collect(tmp_path / "nothing")[1][0])


FILES = {
    "segment_specs/x.yaml": "x.yaml: would be ignored: rename it to x.yml",
    "segment_specs/x.YML": "x.YML: would be ignored: rename it to x.yml",
    "flow_specs/x.yaml": "x.yaml: would be ignored: rename it to x.yml",
    "segflow.yaml": "segflow.yaml: would be ignored: rename it to segflow.yml",
    "segment_specs/tea.sql": "tea.sql: tea.yml exists too: a segment is one file, remove one of the two",
    "segment_specs/Tea-90.yml": "Tea-90.yml: 'Tea-90' is not a name: use lower-case letters, digits and _, "
    "starting with a letter (did you mean tea_90?)",
    "segment_specs/more/x.yml": "more: spec files lie directly in segment_specs/, not in subfolders",
}


@pytest.mark.parametrize(("path", "expected"), FILES.items(), ids=FILES)
def test_files_that_would_be_ignored_are_issues(tmp_path: Path, path: str, expected: str) -> None:
    root = project(tmp_path)
    (root / path).parent.mkdir(exist_ok=True)
    (root / path).write_text(SEGMENT, encoding="utf-8")
    assert [short(issue) for issue in collect(root)[1]] == [expected]


def test_other_files_are_nobody_s_business(tmp_path: Path) -> None:
    root = project(tmp_path)
    for name in ("README.md", ".x.yml.swp", ".hidden.yml", "notes.txt"):
        (root / "segment_specs" / name).write_text("x: [", encoding="utf-8")
    assert collect(root)[1] == []


def test_a_folder_called_like_a_spec_is_not_read(tmp_path: Path) -> None:
    root = project(tmp_path)
    (root / "segment_specs" / "x.yml").mkdir()
    assert collect(root)[1] == []


def test_environment_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGFLOW_TEST_HOST", "mail.example.com")
    monkeypatch.setenv("SEGFLOW_TEST_PORT", "2525")
    monkeypatch.setenv("SEGFLOW_TEST_EMPTY", "")
    settings = """\
name: ${env:SEGFLOW_TEST_EMPTY:-shop}
senders:
  mail:
    {type: smtp, host: "${env:SEGFLOW_TEST_HOST}", port: "${env:SEGFLOW_TEST_PORT}", from: "a@${env:SEGFLOW_TEST_HOST}",
     username: "${env:SEGFLOW_TEST_NOT_SET:-1234}", password: "${env:SEGFLOW_TEST_NOT_SET:-}"}
"""
    loaded = load_specs(project(tmp_path, settings=settings)).settings
    sender = loaded.senders["mail"].model_dump()
    assert loaded.name == "shop"
    assert (sender["host"], sender["port"], sender["from_"]) == ("mail.example.com", 2525, "a@mail.example.com")
    assert (sender["username"], sender["password"]) == ("1234", "")


def test_environment_variables_work_in_segflow_yml_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGFLOW_TEST_HOST", "secret")
    specs = load_specs(project(tmp_path, segments__tea="description: ${env:SEGFLOW_TEST_HOST}\nwhere: {tag: vip}\n"))
    assert specs.segments["tea"].spec.description == "${env:SEGFLOW_TEST_HOST}"


SQL = {
    "block": ("/*\ndescription: Big\non_create: trigger\n*/\nselect 1", "Big", "trigger", "select 1", 5),
    "block on one line": ("/* description: Big */ select 1", "Big", "baseline", "select 1", 1),
    "dashes": ("-- description: Big\n-- on_create: trigger\n\nselect 1", "Big", "trigger", "select 1", 4),
    "prose": ("-- Who buys a lot,\n-- and often\nselect 1 -- yes", "Who buys a lot, and often", "baseline", "select 1 -- yes", 3),
    "prose with a quote": ("-- It's \"big\nselect 1", "It's \"big", "baseline", "select 1", 2),
    "none": ("\n\nselect 1 -- description: no\n", None, "baseline", "select 1 -- description: no", 3),
    "settings, then prose": ("-- description: Big\n\n-- more\nselect 1", "Big", "baseline", "-- more\nselect 1", 3),
}  # fmt: skip


@pytest.mark.parametrize(("text", "description", "on_create", "query", "line"), SQL.values(), ids=SQL)
def test_sql_settings(
    tmp_path: Path, text: str, description: str | None, on_create: str, query: str, line: int
) -> None:
    spec = load_specs(project(tmp_path, sql__x=text)).segments["x"].spec
    assert isinstance(spec, SqlSegmentSpec)
    assert (spec.description, spec.on_create, spec.sql, spec.line) == (description, on_create, query, line)


SQL_MISTAKES = {
    "unknown key": ("-- description: x\n-- onwer: ana\nselect 1", "x.sql:2:4: unknown key onwer (did you mean owner?)"),
    "wrong word": ("/*\non_create: triger\n*/\nselect 1", "x.sql:2:12: on_create cannot be the text 'triger'"),
    "bad YAML": ("/*\ndescription: a: b\n*/\nselect 1", "x.sql:2:15: not valid YAML: a second ':'"),
    "the query's own keys": ("-- sql: select 2\nselect 1", "x.sql:1:4: unknown key sql"),
    "no query": ("-- description: x\n", "x.sql:2:1: there is no query"),
    "open comment": ("/* description: x\nselect 1", "x.sql"),
}


@pytest.mark.parametrize(("text", "expected"), SQL_MISTAKES.values(), ids=SQL_MISTAKES)
def test_sql_mistakes(tmp_path: Path, text: str, expected: str) -> None:
    found = messages(tmp_path, sql__x=text)
    assert found
    assert found[0].startswith(expected)


def test_references_of_a_query() -> None:
    sql = "select * from {{ ref('a') }}\njoin {{ref(\"segment__b\")}} on true, {{- ref( 'c' ) -}}"
    assert references(sql) == [(None, "a", 1, 15), (None, "segment__b", 2, 6), (None, "c", 2, 37)]
    assert [one.meant for one in references(sql)] == ["a", "segflow__segment__b", "c"]
    [theirs] = references("select * from {{ ref('shop', \"contacts\") }}")
    assert (theirs.project, theirs.meant, theirs.segment) == ("shop", "contacts", None)


def test_two_hundred_segments_load_fast(tmp_path: Path) -> None:
    segment = """\
description: A segment like many
owner: ana@example.com
where:
  all:
    - {event: purchase, where: {property: category, is: tea}, within_last: 30 days, count: {gte: 2}}
    - any:
        - {attribute: city, in: [London, Paris, Rome]}
        - {attribute: age, between: [20, 30]}
        - {tag: vip}
"""
    project(tmp_path, **{f"segments__s{number}": segment for number in range(200)})
    (tmp_path / "segment_specs" / "catalog.yml").write_text(CATALOG, encoding="utf-8")
    collect(tmp_path)
    best = min(_seconds(tmp_path) for _ in range(3))
    assert best < 0.6  # CPU seconds, so that a busy machine does not fail it


def _seconds(root: Path) -> float:
    start = time.process_time()
    specs, issues = collect(root)
    assert specs is not None, issues
    return time.process_time() - start
