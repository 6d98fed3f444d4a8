"""Every command in README and docs/, typed in the demo as `make demo` leaves it, says what the page has."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from demo.run import main as make_demo
from tests.docs.stories import PAGES, ROOT, Told, blocks_of, has_a_story, in_process, live

STORIES = [page for page in PAGES if has_a_story(page)]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `make demo` leaves. A minute and a half; all pages share it, and each lives in a copy. SEGFLOW_DEMO names
    one that is there."""
    if made := os.environ.get("SEGFLOW_DEMO"):
        return Path(made)
    root = tmp_path_factory.mktemp("demo") / "demo"
    for folder in ("segment_specs", "flow_specs"):
        shutil.copytree(ROOT / folder, root / folder)
    shutil.copytree(ROOT / "dbt", root / "dbt", ignore=shutil.ignore_patterns("target", "logs"))
    shutil.copy(ROOT / "segflow.yml", root)
    assert make_demo(root) == 0
    return root


@pytest.mark.parametrize("page", STORIES, ids=lambda page: page.name)
def test_what_a_page_prints_is_what_you_see(
    page: Path, demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = [told for told in live(page, demo, tmp_path / "demo", in_process(monkeypatch, capsys)) if not told.fits]
    assert not wrong, "\n\n".join(
        "\n".join([f"$ {one.command}  (exit code {one.code})", *one.lines, "--- but the page has", *one.shown])
        for one in wrong
    )


def test_only_what_cannot_be_run_is_not_run() -> None:
    for page in PAGES:
        for block in blocks_of(page.read_text(encoding="utf-8")):
            if block.kind != "console" or block.why_not is None:
                continue
            for command, shown in block.commands():
                assert shown == [] or not command.startswith("segflow "), f"{page.name}: {command}"


@pytest.mark.parametrize(
    ("shown", "lines", "code", "fits"),
    [
        pytest.param([], ["anything"], 0, True, id="nothing shown"),
        pytest.param([], ["broken"], 1, False, id="nothing shown, and it failed"),
        pytest.param(["a", "b"], ["a ", "b"], 1, True, id="the same"),
        pytest.param(["a"], ["a", "b"], 0, False, id="something beside"),
        pytest.param(["a", "...", "d"], ["a", "b", "c", "d"], 0, True, id="left out"),
        pytest.param(["a", "...", "d"], ["a", "b", "c"], 0, False, id="left out, and another end"),
        pytest.param(["x in 0.15 s"], ["x in 1.20 s"], 0, True, id="how long it took"),
    ],
)
def test_what_fits(shown: list[str], lines: list[str], code: int, fits: bool) -> None:
    assert Told("segflow x", shown, code, lines).fits is fits
