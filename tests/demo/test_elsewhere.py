"""What a demo on a server needs is what its line of the Makefile installs."""

from __future__ import annotations

import subprocess
import sys

import pytest

from demo.run import ROOT


@pytest.mark.parametrize(("engine", "others"), [("spark", ("psycopg",)), ("postgres", ("pyspark", "pysail"))])
def test_it_does_without_the_libraries_of_other_engines(engine: str, others: tuple[str, ...]) -> None:
    blocked = f"import sys; sys.modules.update(dict.fromkeys({others!r}))"
    done = subprocess.run(
        [sys.executable, "-c", f"{blocked}; import demo.on_{engine}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
