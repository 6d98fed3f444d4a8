"""Pages as stories: in the order of a page, its files are written and its commands typed, in the demo that `make demo`
leaves. What a block prints below a command is what the command must say.

A block of kind `console` has lines `$ COMMAND`, each with what it prints below; a line `...` there stands for any
lines, and `# ...` after a command is for the reader. Nothing below a command: only its exit code counts, which must be
0. A block of kind yaml, sql, text or csv whose first line is `# PATH` (`-- PATH` in SQL) is that file from then on.
`<!-- not run: WHY -->` above a block leaves it out.
"""

from __future__ import annotations

import contextlib
import re
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from segflow.cli.main import main

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
_BLOCK = re.compile(r"(<!-- not run: (?P<why>[^\n]+) -->\n)?^```(?P<kind>\w+)\n(?P<body>.*?)^```$", re.M | re.S)
_FILE = re.compile(r"(?:#|--) ((?:segment_specs|flow_specs|dbt)/\S+|segflow\.yml|\w+\.(?:csv|sql))\n")
_SECONDS = re.compile(r"\d+\.\d\d s\b")
OWN_TESTS = {"GETTING_STARTED.md", "YOUR_DBT_PROJECT.md"}
"""Pages about other projects than the demo; their own tests type their commands."""
OWN_WORLDS = {"CONDITIONS.md", "FLOWS.md", "CONSENT_AND_LIMITS.md"}
"""Pages whose files belong to a catalog of their own; their tests run them."""


@dataclass(frozen=True)
class Block:
    kind: str
    body: str
    why_not: str | None

    @property
    def file(self) -> str | None:
        """The file that it is, from the project's root."""
        found = _FILE.match(self.body)
        return found.group(1) if found and self.kind != "console" else None

    def commands(self) -> Iterator[tuple[str, list[str]]]:
        """Each command with the lines that are printed below it."""
        shown: list[str] = []
        command = ""
        for line in self.body.splitlines():
            if line.startswith("$ "):
                if command:
                    yield command, shown
                command, shown = line.removeprefix("$ "), []
            else:
                shown.append(line)
        if command:
            yield command, shown


def blocks_of(text: str) -> list[Block]:
    return [Block(one["kind"], one["body"], one["why"]) for one in _BLOCK.finditer(text)]


def has_a_story(page: Path) -> bool:
    blocks = blocks_of(page.read_text(encoding="utf-8"))
    return page.name not in OWN_TESTS and any(one.kind == "console" and one.why_not is None for one in blocks)


@dataclass(frozen=True)
class Told:
    command: str
    shown: list[str]
    code: int
    lines: list[str]

    @property
    def fits(self) -> bool:
        """Did it say what the page has?"""
        if not self.shown:
            return self.code == 0
        pattern = "".join(
            r"(?:.*\n)*?" if line.strip() == "..." else re.escape(_SECONDS.sub("S s", line.rstrip())) + r"\n"
            for line in self.shown
        )
        told = "".join(f"{_SECONDS.sub('S s', line.rstrip())}\n" for line in self.lines)
        return re.fullmatch(pattern, told) is not None


PROJECT = ("segment_specs", "flow_specs", "dbt", ".segflow")
"""What a story needs of a demo, beside segflow.yml. The demo may be a whole clone."""
Run = Callable[[list[str], Path], tuple[int, str]]
"""Words after `segflow`, and the project -> exit code, and what was printed."""


def live(page: Path, demo: Path, folder: Path, run: Run) -> Iterator[Told]:
    """Live through a page in a copy of the demo. `folder` must not be there."""
    for name in PROJECT:
        shutil.copytree(demo / name, folder / name, ignore=shutil.ignore_patterns("mailbox"))
    shutil.copy(demo / "segflow.yml", folder)
    for block in blocks_of(page.read_text(encoding="utf-8")):
        if block.why_not is not None:
            continue
        if block.file is not None and page.name not in OWN_WORLDS:
            target = folder / block.file
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(_content(block), encoding="utf-8")
        if block.kind == "console":
            for command, shown in block.commands():
                code, out = run_command(command, folder, run)
                yield Told(command, shown, code, out.splitlines())


def _content(block: Block) -> str:
    """A CSV file has no comments: its name is not part of it."""
    return block.body.split("\n", 1)[1] if block.file is not None and block.file.endswith(".csv") else block.body


def run_command(command: str, folder: Path, run: Run) -> tuple[int, str]:
    """`segflow ...`, with `> FILE` at its end."""
    words = shlex.split(command, comments=True)
    assert words[0] == "segflow", f"{command}: no command of segflow; say above the block why it is not run"
    target = None
    if len(words) > 2 and words[-2] == ">":
        target = folder / words[-1]
        words = words[:-2]
    code, out = run(words[1:], folder)
    if target is not None:
        target.write_text(out, encoding="utf-8")
        out = ""
    return code, out


def in_process(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Type commands without starting a process for each."""

    def run(words: list[str], folder: Path) -> tuple[int, str]:
        monkeypatch.setenv("SEGFLOW_COLUMNS", "80")
        monkeypatch.chdir(folder)
        monkeypatch.setattr(sys, "argv", ["segflow", *words])
        with pytest.raises(SystemExit) as end, contextlib.redirect_stderr(sys.stdout):
            main()
        return int(end.value.code or 0), capsys.readouterr().out

    return run
