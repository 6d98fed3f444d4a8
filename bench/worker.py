"""One tick in a process of its own: python worker.py PROJECT AS_OF REPORT. Which segflow it is, PYTHONPATH says."""

from __future__ import annotations

import gc
import json
import resource
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


class Clock:
    """CPU and wall seconds between marks, and the peak of memory up to each."""

    def __init__(self) -> None:
        self.stages: dict[str, dict[str, float]] = {}
        self._name, self._wall, self._cpu = "start", time.perf_counter(), 0.0

    def mark(self, following: str) -> None:
        """The stage under way ends here, and `following` begins."""
        wall, cpu = time.perf_counter(), time.process_time()
        spent = {"wall": wall - self._wall, "cpu": cpu - self._cpu, "peak_mb": peak_mb()}
        self.stages[self._name] = {name: round(value, 3) for name, value in spent.items()}
        self._name, self._wall, self._cpu = following, wall, cpu


def peak_mb() -> float:
    """The most memory that this process has had. On Linux `ru_maxrss` begins with the peak of the process that started
    this one, which has run the floor."""
    status = Path("/proc/self/status")
    if status.exists():
        told = dict(line.split(":", 1) for line in status.read_text(encoding="utf-8").splitlines())
        if "VmHWM" in told:
            return int(told["VmHWM"].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def tick(root: Path, as_of: datetime) -> dict[str, Any]:
    """Run the tick and say what it cost."""
    clock = Clock()
    from segflow import Project

    report = Project(root).tick(as_of, send=True, progress=lambda _, stage: clock.mark(stage))
    clock.mark("end")
    moved = [(one.entered, one.exited) for one in report.segments]
    return {
        "stages": clock.stages,
        "cpu": round(time.process_time(), 3),
        "peak_mb": clock.stages["export"]["peak_mb"],
        "contacts": report.contacts,
        "members": {one.segment: one.members for one in report.segments},
        "entered": sum(entered for entered, _ in moved),
        "exited": sum(exited for _, exited in moved),
        "planned": sum(one.planned for one in report.flows),
        "errors": report.errors,
    }


if __name__ == "__main__":
    found = tick(Path(sys.argv[1]), datetime.fromisoformat(sys.argv[2]).replace(tzinfo=UTC))
    Path(sys.argv[3]).write_text(json.dumps(found), encoding="utf-8")
    # As the command does: a last search for garbage among dbt's objects takes a second.
    gc.freeze()
