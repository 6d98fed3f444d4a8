"""`python -m tests.docs.renew DEMO PAGE...`: type the commands of pages in a copy of DEMO (a folder that `make demo`
has filled) and write what they say into the pages. For a new command write a line `?` below it. Look at the difference
before it is committed."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.docs.stories import live

COMMAND = [sys.executable, "-m", "segflow"]
ENVIRONMENT = {**os.environ, "SEGFLOW_COLUMNS": "80", "PYTHONPATH": str(Path(__file__).parents[2])}


def run(words: list[str], folder: Path) -> tuple[int, str]:
    done = subprocess.run([*COMMAND, *words], cwd=folder, env=ENVIRONMENT, text=True, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)  # fmt: skip
    return done.returncode, done.stdout


def renew(page: Path, demo: Path) -> None:
    """Write what the commands of a page say now below them. Lines that `...` stands for are kept out as they are."""
    with tempfile.TemporaryDirectory() as folder:
        for told in live(page, demo, Path(folder) / "demo", run):
            if told.fits:
                continue
            print(f"{page.name}: $ {told.command} (exit code {told.code})")
            text = page.read_text(encoding="utf-8")
            before = "".join(f"{line}\n" for line in [f"$ {told.command}", *told.shown])
            after = "".join(f"{line.rstrip()}\n" for line in [f"$ {told.command}", *told.lines])
            page.write_text(text.replace(before, after, 1), encoding="utf-8")


if __name__ == "__main__":
    for name in sys.argv[2:]:
        renew(Path(name), Path(sys.argv[1]))
