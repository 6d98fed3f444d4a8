"""docs/GETTING_STARTED.md is followed to the letter, with dbt."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from segflow.cli.main import main
from segflow.start.presets import TEMPLATES

PAGE = (Path(__file__).resolve().parents[2] / "docs/GETTING_STARTED.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_what_the_page_shows_is_what_happens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for kind, body in BLOCKS:
        first, _, rest = body.partition("\n")
        if kind == "csv":
            (tmp_path / first.removeprefix("# ")).parent.mkdir(exist_ok=True)
            (tmp_path / first.removeprefix("# ")).write_text(rest)
        elif kind == "yaml":
            assert rest in (tmp_path / first.removeprefix("# ")).read_text()
        elif kind == "console":
            for command, told in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", body, re.MULTILINE):
                told_now = _run(command, monkeypatch, capsys)
                assert not told or told_now == told.replace("/home/you", str(tmp_path))
    (form,) = (body for kind, body in BLOCKS if not kind)
    for pattern in re.findall(r"shop/(\S+?),? ", form.replace("*.yml, *.sql", "*.yml")):
        assert list((tmp_path / "shop").glob(pattern)), pattern


def _run(command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    words = command.split()
    if words[0] == "cd":
        monkeypatch.chdir(words[1])
        return ""
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit) as end:
        main()
    printed = capsys.readouterr()
    assert end.value.code == 0, printed.err + printed.out
    return printed.out


def test_the_page_has_all_templates() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| (welcome.*?) \|", PAGE, re.MULTILINE))
    assert rows == {name: ", ".join(one.title for one in presets) for name, presets in TEMPLATES.items()}
