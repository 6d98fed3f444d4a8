"""The examples in README and docs are executed: specs load, transcripts are what the commands print."""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path

import pytest

from segflow.cli.main import main
from segflow.errors import SpecError
from segflow.segments.compiler import compile_project
from segflow.specs.lint_rules import NOTES, RULES
from segflow.specs.load import load_specs
from segflow.stages.order import STAGES
from segflow.warehouse.tables import TABLES

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
HOW = (ROOT / "docs/HOW_IT_WORKS.md").read_text(encoding="utf-8")
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SPECS = {
    match.group(1): body
    for page in ("README.md", "docs/SEGMENTS.md")
    for kind, body in _BLOCK.findall((ROOT / page).read_text(encoding="utf-8"))
    if kind == "yaml" and (match := re.match(r"# (\S+\.yml)\n", body))
}
BROKEN = "segment_specs/lapsing.yml"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """The demo project with the README's examples in it, the broken one excepted."""
    for folder in ("segment_specs", "flow_specs"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    shutil.copytree(ROOT / "dbt", tmp_path / "dbt", ignore=shutil.ignore_patterns("target", "logs"))
    shutil.copy(ROOT / "segflow.yml", tmp_path)
    catalog = tmp_path / "segment_specs/catalog.yml"
    catalog.write_text(catalog.read_text(encoding="utf-8").replace("names: [", "names: [tea_offer_ignored, "))
    (tmp_path / "flow_specs/templates/tea_offer.txt").write_text(
        "---\nsubject: Tea\n---\nTea, {{ contact.first_name }}?"
    )
    for name, text in SPECS.items():
        if name != BROKEN:
            (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def test_the_readme_has_its_examples() -> None:
    assert {"segment_specs/abandoned_cart.yml", "flow_specs/cart_reminder.yml", BROKEN} <= set(SPECS)


def test_specs_in_the_readme_load(shop: Path) -> None:
    try:
        compiled = compile_project(load_specs(shop))
    except SpecError as error:
        pytest.fail(str(error))
    for name in SPECS:
        known = compiled.specs.segments if name.startswith("segment_specs") else compiled.specs.flows
        assert name == BROKEN or Path(name).stem in known


def test_the_errors_in_the_readme_are_what_validate_prints(
    shop: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (shop / BROKEN).write_text(SPECS[BROKEN], encoding="utf-8")
    monkeypatch.setattr(sys, "argv", ["segflow", "--project-dir", str(shop), "validate"])
    monkeypatch.setenv("SEGFLOW_COLUMNS", "80")
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2
    (shown,) = (body for kind, body in _BLOCK.findall(README) if body.startswith("$ segflow validate"))
    assert capsys.readouterr().err == shown.split("\n", 1)[1]


def test_stages_and_tables_are_named_as_in_the_code() -> None:
    assert re.findall(r"^\| (\w+) \|.*\| .*`", HOW, re.MULTILINE)[: len(STAGES)] == [stage.name for stage in STAGES]
    named = set(re.findall(r"`(segment_\w+|flow_\w+|outbox|deliveries|suppressions|contact_updates)`", HOW))
    views = {"flow_enrollments"}
    assert {name for name in named if name not in TABLES and name not in views and not name.endswith("specs")} == set()


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "SECURITY.md", "docs/ADDING_A_SENDER.md"])
def test_files_that_pages_name_are_there(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    named = set(re.findall(r"`([\w.]+(?:/[\w.]+)*/(?:[\w.]+\.\w+)?)`", text))
    assert named
    of_the_example = {"senders/textly.py"}
    assert sorted(name for name in named - of_the_example if not (ROOT / name).exists()) == []


def test_what_operations_quotes_is_what_the_code_says() -> None:
    source = " ".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "segflow").rglob("*.py")))
    # Texts that are written in several pieces, as one.
    source = re.sub(r"\s+", " ", re.sub(r'"\s*\n\s*f?"', "", source))
    page = (ROOT / "docs/OPERATIONS.md").read_text(encoding="utf-8")
    table = page.split("| it says |")[1].split("\n\n")[0]
    quoted = re.findall(r"^\| `(.+?)` \|", table, re.MULTILINE)
    assert len(quoted) > 15
    # Between the names, numbers and dots that stand for something.
    pieces = {piece.strip(" .,:;") for text in quoted for piece in re.split(r"\.\.\.|\b[A-Z]\b|\d+|: ", text)}
    system = {"No space left on device"}
    assert {piece for piece in pieces if len(piece) > 3 and piece not in source} - system == set()


def test_the_segments_of_the_testing_page_pass_their_tests(
    shop: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    blocks = _BLOCK.findall((ROOT / "docs/TESTING_SEGMENTS.md").read_text(encoding="utf-8"))
    (segment,) = (body for kind, body in blocks if kind == "yaml")
    (query,) = (body for kind, body in blocks if kind == "sql")
    (shown,) = (body for kind, body in blocks if kind == "console")
    (shop / "segment_specs/green_tea_pause.yml").write_text(segment, encoding="utf-8")
    (shop / "segment_specs/busy_day.sql").write_text(query, encoding="utf-8")
    for words, told in (("green_tea_pause", shown.split("\n", 1)[1]), ("busy_day", "1 test passed, 1 segment\n")):
        monkeypatch.setattr(sys, "argv", ["segflow", "--project-dir", str(shop), "test", words])
        with pytest.raises(SystemExit) as end:
            main()
        assert (end.value.code, capsys.readouterr().out) == (0, told)


def test_the_linting_page_has_every_rule_with_its_level(shop: Path) -> None:
    page = (ROOT / "docs/LINTING.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    levels = {rule: row.split("|")[2].strip() for row in rows for rule in re.findall(r"`([a-z-]+)`", row.split("|")[1])}
    assert levels == {rule: "note" if rule in NOTES else "warning" for rule in RULES}
    segments = [body for kind, body in _BLOCK.findall(page) if kind == "yaml"]
    for text in segments:
        (shop / text.split()[1]).write_text(text, encoding="utf-8")
    assert load_specs(shop).segments["no_city_yet"].spec.lint.ignore == ["missing-values"]


def test_every_finding_is_in_the_index_and_has_its_form() -> None:
    scripts = sorted((ROOT / "findings").glob("*.sh"))
    index = (ROOT / "findings/README.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^\| \[[\w-]+\]\(([\w-]+\.sh)\)", index, re.MULTILINE)) == [one.name for one in scripts]
    for script in scripts:
        lines = script.read_text(encoding="utf-8").splitlines()
        assert os.access(script, os.X_OK), script.name
        assert len(lines) <= 80, script.name
        for part in ("Seen with", "One would expect", "What happens", "What hurts"):
            assert any(line.startswith(f"# {part}") for line in lines), (script.name, part)
