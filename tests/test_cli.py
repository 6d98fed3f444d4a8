"""The command line: exit codes, where errors go, JSON, and what each command prints."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from demo.shop import build
from segflow.cli.main import main

ROOT = Path(__file__).resolve().parents[1]


class Result(NamedTuple):
    code: int
    out: str
    err: str


Run = Callable[..., Result]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small demo shop without ticks. Tests of this module share it: a tick costs seconds."""
    root = tmp_path_factory.mktemp("cli")
    for folder in ("segment_specs", "flow_specs"):
        shutil.copytree(ROOT / folder, root / folder)
    shutil.copytree(ROOT / "dbt", root / "dbt", ignore=shutil.ignore_patterns("target", "logs"))
    shutil.copy(ROOT / "segflow.yml", root)
    build(root / ".segflow/warehouse.duckdb", contacts=200)
    return root


@pytest.fixture
def run(shop: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: str, root: Path = shop) -> Result:
        monkeypatch.setattr(sys, "argv", ["segflow", "--project-dir", str(root), *arguments])
        with pytest.raises(SystemExit) as end:
            main()
        out, err = capsys.readouterr()
        return Result(int(end.value.code or 0), out, err)

    return call


def test_it_says_which_version_it_is(run: Run) -> None:
    assert run("--version") == (0, f"segflow {version('segflow')}\n", "")


def test_results_before_the_first_tick_say_what_to_do(run: Run) -> None:
    for command in (("segments",), ("flows",), ("export", "tea_lovers")):
        result = run(*command)
        assert (result.code, result.out) == (2, "")
        assert "run segflow tick" in result.err


def test_a_tick_and_its_results(run: Run, shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = run("tick", "--as-of", "2026-02-01", "--format", "json")
    assert first.code == 0, first.err
    told: dict[str, Any] = json.loads(first.out)
    assert told["tick_id"] == "20260201T000000Z"
    assert {one["entered"] - one["members"] for one in told["segments"]} == {0}

    second = run("tick", "--as-of", "2026-02-02T00:00:00Z")
    assert second.code == 0, second.err
    assert "Tick 20260202T000000Z done" in second.out

    again = run("tick", "--as-of", "2026-02-02")
    assert again.code == 0
    assert "was done before" in again.out

    earlier = run("tick", "--as-of", "2026-01-01")
    assert earlier.code == 2
    assert "ticks only go forward" in earlier.err

    segments = json.loads(run("segments", "--format", "json").out)["segments"]
    sizes = {one["segment"]: one["members"] for one in segments}
    assert (
        sizes["all_customers"]
        == json.loads(run("preview", "all_customers", "--as-of", "2026-02-02", "--format", "json").out)["members"]
    )
    assert "welcome" in run("flows").out

    csv = run("export", "all_customers", "--column", "contact_id", "--column", "city", "-o", str(shop / "all.csv"))
    assert csv.code == 0
    lines = (shop / "all.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == '"contact_id","city"' or lines[0] == "contact_id,city"
    assert len(lines) == sizes["all_customers"] + 1

    preview = json.loads(run("preview", "tea_lovers", "--as-of", "2026-02-02", "--format", "json").out)
    assert (preview["would_enter"], preview["would_exit"]) == (0, 0)

    values = json.loads(run("vars", "--as-of", "2026-02-02").out)["segflow"]
    assert values["bounds"]["as_of"] == "CAST('2026-02-02 00:00:00' AS TIMESTAMP)"
    _check_plan(run, shop)


def _check_plan(run: Run, shop: Path) -> None:
    """The forms of a plan say the same."""
    plan = ("plan", "--as-of", "2026-02-03")
    assert run(*plan, "--exit-code").code == 0
    segment = shop / "segment_specs/tea_lovers.yml"
    live = segment.read_text(encoding="utf-8")
    segment.write_text(live.replace("gte: 10", "gte: 6"), encoding="utf-8")
    try:
        told = run(*plan, "--exit-code")
        assert told.code == 1
        assert re.search(r"^tea_lovers +edited +31 → 36 +5 definition *$", told.out, re.MULTILINE)
        data = json.loads(run("--format", "json", *plan).out)
        assert data["changes"]
        assert {one["segment"]: one["entries"] for one in data["segments"]}["tea_lovers"] == {"definition": 5}
        comment = run(*plan, "--format", "markdown")
        assert comment.code == 0
        assert "| tea_lovers | edited | 31 → 36 | 5 definition |  |  |" in comment.out
        refused = run("plan", "--as-of", "2026-02-01", "--exit-code")
        assert (refused.code, refused.out) == (2, "")
    finally:
        segment.write_text(live, encoding="utf-8")


def test_stop_sending_is_kept_and_lifted(run: Run) -> None:
    assert json.loads(run("stop-sending", "--reason", "wrong price", "--format", "json").out) == {
        "stopped": "wrong price"
    }
    assert json.loads(run("stop-sending", "--lift", "--format", "json").out) == {"stopped": None}


def test_outbox_commands(run: Run) -> None:
    assert json.loads(run("outbox", "list", "--format", "json").out) == []
    assert json.loads(run("outbox", "release", "--all", "--format", "json").out) == {"released": 0}
    assert run("outbox", "drop").code == 2


def test_compile_check_tells_what_differs(run: Run, shop: Path, tmp_path: Path) -> None:
    root = tmp_path / "copy"
    shutil.copytree(shop, root, ignore=shutil.ignore_patterns(".segflow", "exports"))
    assert run("compile", root=root).code == 0
    assert run("compile", "--check", root=root).code == 0
    spec = root / "segment_specs/london_paris.yml"
    spec.write_text(spec.read_text(encoding="utf-8").replace("London", "Leeds"), encoding="utf-8")
    differs = run("compile", "--check", root=root)
    assert differs.code == 1
    assert "segment__london_paris.sql differs from the specs" in differs.err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("tikc",), "Did you mean 'tick'?"),
        (("tick", "--as-of", "soon"), "--as-of soon: not a time in ISO form"),
        (("preview", "tea_lover"), "unknown segment tea_lover (did you mean tea_lovers?)"),
        (("export", "tea_lovers", "--format", "xlsx"), "xlsx"),
        (("segments", "--format", "xml"), "xml"),
        (("export", "tea_lovers", "--column", "emial"), "unknown column emial (did you mean email?)"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_wrong_input_ends_with_2(run: Run, arguments: tuple[str, ...], told: str) -> None:
    result = run(*arguments)
    assert result.code == 2
    assert told in result.err


def test_a_folder_that_is_no_project(run: Run, tmp_path: Path) -> None:
    result = run("validate", root=tmp_path)
    assert result.code == 2
    assert "is no project" in result.err
    assert "segflow init DIR makes one" in result.err


def test_a_warehouse_that_cannot_be_opened(run: Run, shop: Path, tmp_path: Path) -> None:
    root = tmp_path / "copy"
    shutil.copytree(shop, root, ignore=shutil.ignore_patterns(".segflow", "exports"))
    (root / ".segflow").mkdir()
    (root / ".segflow/warehouse.duckdb").write_text("this is not a database, but long enough to look at" * 9)
    result = run("tick", root=root)
    assert result.code == 1
    assert "is damaged" in result.err
    assert "run segflow rebuild" in result.err


def test_schema_writes_files_that_editors_read(run: Run, tmp_path: Path) -> None:
    assert run("schema", "--directory", str(tmp_path)).code == 0
    found = {path.name for path in tmp_path.iterdir()}
    assert {"segment.schema.json", "flow.schema.json", "catalog.schema.json", "settings.schema.json"} <= found
