"""`make daemon`: ten ticks at a minute under a real daemon, killed in the fifth; the same with a process per stage."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from pathlib import Path

from tests.dagster.daemon import MINUTE, check

TICKS, KILLED = 10, 4


def main() -> None:
    """Live both lives, a quarter of an hour each."""
    for job in ("tick", "tick_multiprocess"):
        since = datetime.now(UTC).replace(second=0, microsecond=0) - MINUTE
        with tempfile.TemporaryDirectory() as folder:
            check(Path(folder), job, TICKS, KILLED, since)
        print(f"{job}: {TICKS} ticks, killed in tick {KILLED + 1}: as by the CLI")


if __name__ == "__main__":
    main()
