"""Checks of folders: what dead processes left, free space, and whether they can be written."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from segflow.doctor.findings import Checked, Finding
from segflow.doctor.workspace import ExaminedWorkspace
from segflow.errors import SpecError
from segflow.files import PARTIAL, reason
from segflow.outbox.lease import Lease
from segflow.senders.mailbox import MailboxSettings
from segflow.specs.dbt_files import generated_folder

FREE_BYTES = 1_000_000_000
"""Less than this, or than twice the warehouse, and the next ticks may end with a full disk."""
_AT_WORK_SECONDS = 600
"""A file without a living process that was written so lately may still be at work: `segflow export` needs no lease."""


def leftovers(examined: ExaminedWorkspace) -> Checked:
    """Half-written files of dead processes, and warehouses that a rebuild set aside."""
    found = sorted(_partial_files(examined))
    findings = [
        Finding(
            f"{path} was left half-written",
            "a process died while it wrote; nobody reads it",
            "nothing, or segflow doctor --repair",
            _modified(path),
            partial(_remove, path),
        )
        for path in found
    ]
    warehouse = examined.warehouse_file
    aside = warehouse.parent.glob(f"{warehouse.name}*.damaged-*") if warehouse is not None else ()
    findings += [
        Finding(
            f"{path} is a damaged warehouse that a rebuild set aside ({path.stat().st_size / 1e6:,.0f} MB)",
            "segflow does not need it",
            "remove it when you do not need it either",
            _modified(path),
        )
        for path in sorted(aside)
    ]
    return Checked("leftovers", "none", findings)


def disk(examined: ExaminedWorkspace) -> Checked:
    """Is there room, and can every folder be written?"""
    findings = []
    free = {}
    for folder in _written(examined):
        existing = next(place for place in (folder, *folder.parents) if place.exists())
        try:
            with tempfile.TemporaryFile(dir=existing):
                pass
        except OSError as error:
            why = f"{folder} cannot be written: {reason(error)}"
            findings.append(Finding(why, "the next tick ends with an error, and loses nothing", "as it says"))
        free[os.stat(existing).st_dev] = (shutil.disk_usage(existing).free, existing)
    warehouse = examined.warehouse_file
    needed = max(FREE_BYTES, 2 * warehouse.stat().st_size if warehouse is not None and warehouse.exists() else 0)
    for left, folder in free.values():
        if left < needed:
            why = f"{left / 1e9:,.1f} GB are free at {folder}, less than {needed / 1e9:,.1f} GB"
            findings.append(Finding(why, "a tick may end with a full disk; it loses nothing", "free some space"))
    least = min(left for left, _ in free.values())
    return Checked("disk", f"{least / 1e9:,.0f} GB free, all folders can be written", findings)


def _written(examined: ExaminedWorkspace) -> list[Path]:
    """The folders that ticks write to."""
    settings = examined.settings
    folders = {
        *_export_folders(examined),
        generated_folder(_dbt_dir(examined), "models"),
        *(examined.path(one.path) for one in settings.all_senders().values() if isinstance(one, MailboxSettings)),
    }
    if examined.warehouse_file is not None:
        folders |= {examined.warehouse_file.parent, examined.ledgers_path}
    if examined.store_path is not None:
        folders.add(examined.store_path.parent)
    return sorted(folders)


def _dbt_dir(examined: ExaminedWorkspace) -> Path:
    return examined.path(examined.settings.dbt.project)


def _export_folders(examined: ExaminedWorkspace) -> set[Path]:
    """That of segflow.yml and, when the specs can be read, those of segments."""
    folders = {examined.path(examined.settings.exports.path)}
    with suppress(SpecError):
        folders |= {examined.specs.path(plan.path) for plan in examined.specs.exports()}
    return folders


def _partial_files(examined: ExaminedWorkspace) -> Iterator[Path]:
    places = {*_written(examined), generated_folder(_dbt_dir(examined), "macros")}
    inner = {place for place in places if any(other in place.parents for other in places)}
    for place in places - inner:
        yield from (path for path in place.rglob(f".*{PARTIAL}") if not _at_work(path))


def _at_work(path: Path) -> bool:
    """May a living process still be writing it? `.NAME.PID.partial`, or a name without a process."""
    pid = path.name.removesuffix(PARTIAL).rpartition(".")[2]
    if pid.isdigit() and len(pid) < 8:
        try:
            os.kill(int(pid), 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            pass
        return True
    return time.time() - path.stat().st_mtime < _AT_WORK_SECONDS


def _remove(path: Path, _: Lease) -> str:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
    return "removed"


def _modified(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC).replace(microsecond=0)
