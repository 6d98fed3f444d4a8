"""Warehouse files of other DuckDB versions: older ones just work, newer ones are refused in words."""

from __future__ import annotations

import gzip
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from sqlglot import exp

from segflow.errors import InputError
from segflow.warehouse.base import relation
from segflow.warehouse.duckdb.errors import made_by
from segflow.warehouse.duckdb.warehouse import DuckDBWarehouse

MADE_BY = Path(__file__).with_name("made_by")
ROOT = Path(__file__).parents[2]
OURS = tuple(int(part) for part in duckdb.__version__.split(".")[:2])

CONTENT = """
import duckdb, sys
with duckdb.connect(sys.argv[1]) as connection:
    connection.execute("create schema segflow; create table segflow.ticks as select 'T1' as tick_id, 'export' as stage")
print(duckdb.__version__)
"""


def stored(version: str) -> Callable[[Path], str]:
    """A file that was made by that version and committed."""

    def make(path: Path) -> str:
        path.write_bytes(gzip.decompress((MADE_BY / f"duckdb_{version}.gz").read_bytes()))
        return version

    return make


def fresh(python: Path) -> Callable[[Path], str]:
    """A file that another environment makes now."""

    def make(path: Path) -> str:
        command = [python, "-c", CONTENT, path]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    return make


FILES = {version: stored(version) for version in ("1.5.6", "2.0.0")} | {
    f"{python.parts[-3]} now": fresh(python)
    for python in (ROOT / ".venv/bin/python", ROOT / ".venv-duckdb2/bin/python")
    if python.exists() and python.parent.parent != Path(sys.prefix)
}


@pytest.mark.parametrize("make", FILES.values(), ids=FILES)
def test_a_file_of_another_version(make: Callable[[Path], str], tmp_path: Path) -> None:
    path = tmp_path / "w.duckdb"
    theirs = make(path)
    assert made_by(path) == theirs
    if tuple(int(part) for part in theirs.split(".")[:2]) > OURS:
        message = (
            f"w.duckdb was made by DuckDB {theirs}, and the DuckDB {duckdb.__version__} that runs here cannot read it. "
            rf"Use the environment that made it \(pip install duckdb=={theirs}\), or let that one make a copy: ATTACH"
        )
        with pytest.raises(InputError, match=message):
            DuckDBWarehouse(path)
        return
    with DuckDBWarehouse(path) as warehouse:
        warehouse.ensure_tables()
        rows = warehouse.rows(exp.select("tick_id", "stage", "as_of").from_(relation("ticks")))
    assert rows == [{"tick_id": "T1", "stage": "export", "as_of": None}]
    assert made_by(path) == theirs


def test_a_command_ends_without_a_word_of_the_library() -> None:
    code = "import duckdb, gc\nduckdb.connect()\ngc.freeze()\nfrom segflow.cli.main import run\nrun()"
    done = subprocess.run([sys.executable, "-c", code, "--help"], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_what_is_no_duckdb_file_was_made_by_nobody(tmp_path: Path) -> None:
    (tmp_path / "short").write_bytes(b"x")
    (tmp_path / "text").write_bytes(b"no database at all" * 100)
    assert [made_by(tmp_path / name) for name in ("short", "text", "missing")] == [None, None, None]
