"""What a tick of the demo costs through Dagster, over the same by the CLI: `python -m tests.measure_dagster [DIR]`.

DIR is a demo with its ticks, by default the repository. Both ticks are of copies of it, so that they do the same work.
The code location is warm: one run was launched before.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.dagster.served import RUN, ask, launch, served

ROOT = Path(__file__).resolve().parents[1]
COPIED = ("segflow.yml", "segment_specs", "flow_specs", "dbt", ".segflow")


def copied(source: Path, target: Path) -> Path:
    """A copy of a project with what its ticks left."""
    target.mkdir()
    for name in COPIED:
        path = source / name
        if path.is_dir():
            shutil.copytree(path, target / name, ignore=shutil.ignore_patterns("tour", "dagster_home"))
        else:
            shutil.copy(path, target / name)
    return target


def by_cli(project: Path, at: datetime) -> float:
    """Seconds of `segflow tick`."""
    start = time.perf_counter()
    words = ["-m", "segflow", "--project-dir", str(project), "tick", "--as-of", at.isoformat()]
    subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, check=False)
    return time.perf_counter() - start


def by_dagster(url: str, at: datetime) -> dict[str, float]:
    """Seconds of a run of job tick, by part."""
    start = time.time()
    told = launch(url, "demo_shop", "tick", {"ops": {"ingest": {"config": {"as_of": at.isoformat()}}}})
    launched, run = time.time(), told["run"]["runId"]
    while (found := ask(url, RUN, run=run)["runOrError"])["status"] not in ("SUCCESS", "FAILURE"):
        time.sleep(0.05)
    steps = {one["stepKey"]: one["endTime"] - one["startTime"] for one in found["stepStats"]}
    began = min(one["startTime"] for one in found["stepStats"])
    parts = {"launch": launched - start, "queue, process, load": began - launched, **steps}
    whole = found["endTime"] - start
    return {**parts, "between and after": whole - sum(parts.values()), "whole": whole}


def main() -> None:
    """Print the seconds of both, three ticks each, the first left out."""
    source = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT
    start = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
    times = [start + timedelta(hours=n) for n in range(3)]
    with tempfile.TemporaryDirectory() as folder:
        cli, other = copied(source, Path(folder) / "cli"), copied(source, Path(folder) / "dagster")
        with served(other) as url:
            # In turns, so that what else the machine does counts for both.
            found = [(by_cli(cli, at), by_dagster(url, at)) for at in times][1:]
    alone = sum(seconds for seconds, _ in found) / len(found)
    print(f"{'by the CLI':<24}{alone:8.2f} s")
    for part in found[0][1]:
        seconds = sum(parts[part] for _, parts in found) / len(found)
        print(f"{part:<24}{seconds:8.2f} s  {seconds / alone:5.2f}")


if __name__ == "__main__":
    main()
