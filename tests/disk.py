"""Disks and rights as tests need them: small disks, read-only folders, a process that may write little or nothing.

Tests that are about the disk, or about what a kill leaves there, import `tmp_path` and `tmp_path_factory` from here:
those of pytest may lie in memory (see `conftest.py`).
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

REPO = Path(__file__).parents[1]
ON_DISK = "SEGFLOW_TESTS_TMP"
"""Names the folder for temporary files on the disk, where TMPDIR names one in memory."""
_PR_CAPBSET_DROP = 24
_BYPASS_RIGHTS = (1, 2)  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH

CLI = """
import segflow.project
from tests.direct_dbt import DirectProject
segflow.project.Project = DirectProject
from segflow.cli.main import main
main()
"""
"""The command line, with models run without dbt."""


class DiskFolders:
    """Makes folders on the disk, as pytest's factory does."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def mktemp(self, name: str) -> Path:
        return Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self._root))


@pytest.fixture(scope="session")
def tmp_path_factory() -> Iterator[DiskFolders]:
    with tempfile.TemporaryDirectory(prefix="segflow-tests-", dir=os.environ.get(ON_DISK)) as root:
        yield DiskFolders(Path(root))


@pytest.fixture
def tmp_path(tmp_path_factory: DiskFolders) -> Path:
    return tmp_path_factory.mktemp("test")


def python(code: str, *arguments: object, before: Callable[[], None] | None = None) -> subprocess.CompletedProcess[str]:
    """Run code in a process of its own that can import the repository; `before` runs in it first."""
    command = [sys.executable, "-c", f"import sys\nfrom pathlib import Path\n{code}", *map(str, arguments)]
    return subprocess.run(command, cwd=REPO, capture_output=True, text=True, timeout=120, preexec_fn=before)


@contextlib.contextmanager
def limited(size: int) -> Iterator[None]:
    """Let this process make no file larger than `size` bytes. Works where no small disk can be mounted."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def bound_by_rights() -> None:
    """For `before`: let permissions count for root, too."""
    if os.geteuid() == 0:
        for capability in _BYPASS_RIGHTS:
            if ctypes.CDLL(None, use_errno=True).prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0) != 0:
                raise OSError(ctypes.get_errno(), "cannot give up root's right to write everywhere")


def free(folder: Path) -> int:
    """Bytes that are left on a disk."""
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


@contextlib.contextmanager
def filled(folder: Path, leave: int = 0) -> Iterator[None]:
    """Fill the disk up to the last `leave` bytes while the block runs."""
    ballast = folder / "ballast"
    with ballast.open("wb") as file:
        for _ in range(max(0, free(folder) - leave) // 4096):
            file.write(b"x" * 4096)
    try:
        yield
    finally:
        ballast.unlink()


@contextlib.contextmanager
def mounted(folder: Path, *options: str) -> Iterator[Path]:
    """Mount something on a folder. Skips the test where mounting is not allowed."""
    folder.mkdir(exist_ok=True)
    done = subprocess.run(["mount", *options, str(folder)], capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"mounting is not allowed here: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        # Lazily: a process that a failing test left behind must not keep the folder.
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
