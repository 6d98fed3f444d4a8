"""How the suite runs: in memory where the disk is not what is tested, and shared out so that no worker ends late."""

from __future__ import annotations

import gc
import os
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

from tests.disk import ON_DISK
from tests.fast import is_slow

TESTS = Path(__file__).parent
MEMORY = Path("/dev/shm")
ROOM = 4 << 30
"""Bytes: so much memory must be free for the temporary folders of a run, which use a tenth of it."""


def _keep_bytecode() -> None:
    """The suite starts more than a hundred processes. Where Python may not write bytecode beside the sources, each
    would compile what it imports, which takes three times as long as the import; it may keep it here."""
    if sys.dont_write_bytecode and sys.pycache_prefix is None:
        sys.dont_write_bytecode = False
        sys.pycache_prefix = str(Path(__file__).parents[1] / ".pytest_cache/bytecode")
        os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def _work_in_memory() -> None:
    """A tick waits for the disk some thirty times. Who names a folder (TMPDIR, --basetemp) gets it."""
    if "TMPDIR" not in os.environ and MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM:
        os.environ[ON_DISK] = tempfile.gettempdir()
        os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)


def _work_cheaply() -> None:
    from tests.cheap import hand_on_parses, one_thread  # now, so that its bytecode is kept

    one_thread()
    hand_on_parses()


_keep_bytecode()
_work_in_memory()
_work_cheaply()

SPREAD = ("test_scenarios.py", "test_tick_job.py")
"""Files whose tests share nothing and take seconds: each goes to whoever is free. Any other file stays together,
because its tests share what its fixtures made."""
LONG = (
    "test_stories.py",
    "test_online_retail.py",
    "test_points.py",
    "test_moments.py",
    "test_real_dbt.py",
    "test_rebuild.py",
    "test_resume.py",
    "test_properties_survival.py",
    "test_properties_causes.py",
    "test_properties_flows.py",
    "test_small_disk.py",
    "test_property.py",
)
"""Files that begin first. Then come the short ones, and those that are spread fill the gaps at the end."""


class Scheduling(LoadScopeScheduling):
    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return nodeid if file.rpartition("/")[2] in SPREAD else file

    def remove_node(self, node: WorkerController) -> str | None:
        """A test that ended its worker is not run again: the rest of its file goes to another one."""
        running = (
            (unit, test) for unit in self.assigned_work[node].values() for test, done in unit.items() if not done
        )
        unit, ended = next(running, (None, None))
        if unit is not None and ended is not None:
            unit[ended] = True
        super().remove_node(node)
        return ended


def pytest_xdist_make_scheduler(config: pytest.Config, log: Callable[..., Any]) -> Scheduling:
    return Scheduling(config, log)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def place(item: pytest.Item) -> int:
        name = item.path.name
        return LONG.index(name) if name in LONG else len(LONG) + (name in SPREAD)

    numbers: Counter[Path] = Counter()
    for item in items:
        file = item.path.relative_to(TESTS)
        if is_slow(file, getattr(item, "originalname", None) or item.name, numbers[file]):
            item.add_marker(pytest.mark.slow)
        numbers[file] += 1
    items.sort(key=place)


def pytest_collection_finish() -> None:
    """What was imported stays: to look for garbage among a million objects again and again took 6% of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
