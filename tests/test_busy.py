"""Another process has the warehouse: a tick waits a little for it, and then says so."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest

from segflow.errors import WarehouseBusyError
from segflow.workspace import Workspace

HOLD = """
import duckdb, sys, time
connection = duckdb.connect(sys.argv[1])
print("open", flush=True)
time.sleep(float(sys.argv[2]))
"""


@contextmanager
def held(path: Path, seconds: float) -> Iterator[None]:
    command = [sys.executable, "-c", HOLD, str(path), str(seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        try:
            yield
        finally:
            process.kill()


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    (tmp_path / "segflow.yml").write_text("name: shop\n", encoding="utf-8")
    (tmp_path / ".segflow").mkdir()
    duckdb.connect(str(tmp_path / ".segflow/warehouse.duckdb")).close()
    (tmp_path / "segment_specs").mkdir()
    (tmp_path / "segment_specs/catalog.yml").write_text("contacts: {model: people, key: id}\n", encoding="utf-8")
    return Workspace(tmp_path)


def test_it_gets_the_warehouse_when_the_other_is_done(workspace: Workspace) -> None:
    with held(workspace.warehouse_path, 0.5), workspace.warehouse() as warehouse:
        assert warehouse.exists("ticks") is False


def test_it_does_not_wait_for_ever(workspace: Workspace) -> None:
    workspace.patience = 0.3
    with held(workspace.warehouse_path, 60):
        began = time.monotonic()
        with pytest.raises(WarehouseBusyError, match="in use by another process"):
            workspace.warehouse()
        assert 0.3 <= time.monotonic() - began < 5
