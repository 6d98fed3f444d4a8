"""What a tick of the demo costs through Dagster, over the same by the CLI: `python -m tests.measure_dagster [DIR]`.

DIR is a demo with its ticks (`make demo`), by default the repository. Both sides tick copies of it, in turns, so that
they do the same work and what else the machine does counts for both. The code location is warm: the first tick of each
side is left out.

Wall seconds are what people wait, and on a busy machine they say more of the machine than of us. So the seconds of the
processor are counted as well, of every process: `run` are those that were started meanwhile (the process that will wait
for the next run among them), `servers` all that was there before: code server, daemon, webserver and the process that
does the run, less what they use while nothing happens. Linux only.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

from tests.cpu import Meter, below
from tests.dagster.served import RUN, ask, launch, served

ROOT = Path(__file__).resolve().parents[1]
COPIED = ("segflow.yml", "segment_specs", "flow_specs", "dbt", ".segflow")
IDLE = 3.0
"""Seconds in which the servers are watched before each run."""
PATIENCE = 600.0
"""Seconds after which a run is given up."""
PARTS = ("launch", "queue", "start of the process", "load", "ingest", "build", "cross", "advance", "send", "export",
    "verdict", "between the steps", "after the steps")  # fmt: skip

EVENTS = "query($run: ID!) {logsForRun(runId: $run, limit: 1000) {... on EventConnection {events \
{... on MessageEvent {eventType message timestamp}}}}}"

Measured = dict[str, dict[str, float]]
"""part -> `wall`, and `cpu` or `run` and `servers`, in seconds; part `whole` is all of it."""


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


def by_cli(project: Path, at: datetime) -> Measured:
    """What `segflow tick` takes. Raises RuntimeError when the tick could not run."""
    words = ["-m", "segflow", "--project-dir", str(project), "tick", "--as-of", at.isoformat()]
    with (project / "cli.log").open("wb") as log:
        start = time.perf_counter()
        process = subprocess.Popen([sys.executable, *words], cwd=ROOT, stdout=log, stderr=log)
        _, code, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(code)
    if process.returncode not in (0, 1):
        raise RuntimeError((project / "cli.log").read_text(errors="replace")[-2000:])
    return {"whole": {"wall": wall, "cpu": used.ru_utime + used.ru_stime}}


def by_dagster(url: str, root: int, at: datetime) -> Measured:
    """What a run of job tick takes, by part, from its launch to its end. `root`: the process of the UI."""
    with Meter(root) as idle:
        time.sleep(IDLE)
    resting = idle.line[-1][1] / (idle.line[-1][0] - idle.line[0][0])
    with Meter(root) as meter:
        start = time.time()
        told = launch(url, "demo_shop", "tick", {"ops": {"ingest": {"config": {"as_of": at.isoformat()}}}})
        launched, run = time.time(), told["run"]["runId"]
        while (found := ask(url, RUN, run=run)["runOrError"])["status"] not in ("SUCCESS", "FAILURE", "CANCELED"):
            if time.time() > start + PATIENCE:
                raise RuntimeError(f"run {run} is {found['status']} after {PATIENCE:g} s")
            time.sleep(0.5)
        time.sleep(1.5)  # its process ends a moment after the run
    cuts = _cuts(start, launched, found, ask(url, EVENTS, run=run)["logsForRun"]["events"])
    parts: Measured = {}
    for name, begin, end in cuts:
        servers, used = meter.between(begin, end)
        told = {"wall": end - begin, "run": used, "servers": max(servers - resting * (end - begin), 0.0)}
        was = parts.setdefault(name, dict.fromkeys(told, 0.0))
        parts[name] = {key: was[key] + value for key, value in told.items()}
    whole = {key: sum(part[key] for part in parts.values()) for key in ("wall", "run", "servers")}
    # After its end nobody waits for the run any more, but its process still works.
    whole["run"] = meter.line[-1][2]
    return {**parts, "whole": {**whole, "cpu": whole["run"] + whole["servers"]}}


def _cuts(start: float, launched: float, found: Any, events: list[Any]) -> list[tuple[str, float, float]]:
    """(part, begin, end) of the whole of a run, in order."""

    def first(kind: str, words: str = "") -> float:
        times = [
            float(one["timestamp"]) / 1000
            for one in events
            if one["eventType"].endswith(kind) and words in one["message"]
        ]
        return max(times[0], launched) if times else launched

    left, began = first("RUN_STARTING"), first("ENGINE_EVENT", "Started process for run")
    cuts = [("launch", start, launched), ("queue", launched, left), ("start of the process", left, began)]
    name, last = "load", began
    for one in sorted(found["stepStats"], key=lambda one: one["startTime"]):
        cuts += [(name, last, one["startTime"]), (one["stepKey"], one["startTime"], one["endTime"])]
        name, last = "between the steps", one["endTime"]
    return [*cuts, ("after the steps", last, found["endTime"])]


def middle(found: list[Measured]) -> Measured:
    """The median of each number."""
    return {
        part: {key: median(one[part][key] for one in found if part in one) for key in found[0][part]}
        for part in found[0]
    }


def _say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


def measure(source: Path, ticks: int, tell: Any = _say) -> dict[str, Any]:
    """Let both sides tick once more than `ticks` times. Ended early (Ctrl-C) it answers with what it has."""
    start = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
    cli: list[Measured] = []
    dagster: list[Measured] = []
    with tempfile.TemporaryDirectory() as folder:
        mine, other = copied(source, Path(folder) / "cli"), copied(source, Path(folder) / "dagster")
        with served(other) as url:
            root = next(pid for pid in below(os.getpid()) if "segflow" in _command(pid) or "dagster" in _command(pid))
            try:
                for number in range(ticks + 1):
                    at = start + timedelta(hours=number)
                    alone, through = by_cli(mine, at), by_dagster(url, root, at)
                    tell(
                        f"tick {number} of {ticks}{'' if number else ', to warm up'}: "
                        f"CLI {alone['whole']['wall']:.1f} s ({alone['whole']['cpu']:.1f} of the processor), "
                        f"Dagster {through['whole']['wall']:.1f} s ({through['whole']['cpu']:.1f})"
                    )
                    if number:
                        cli.append(alone)
                        dagster.append(through)
            except KeyboardInterrupt:
                tell("ended early")
    if not cli:
        raise SystemExit("no tick was measured")
    alone, through = middle(cli)["whole"], middle(dagster)
    return {
        "ticks": len(cli),
        "cli": alone,
        "dagster": through,
        "ratio": {key: through["whole"][key] / alone[key] for key in ("wall", "cpu")},
        "each": {"cli": [one["whole"] for one in cli], "dagster": [one["whole"] for one in dagster]},
    }


def _command(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text(errors="replace") if pid != os.getpid() else ""


def table(found: dict[str, Any]) -> str:
    """The medians, for people."""
    alone, parts = found["cli"], found["dagster"]
    lines = [f"{'seconds, median of ' + str(found['ticks']):<24}{'wall':>8}{'run':>8}{'servers':>9}{'wall / CLI':>12}"]
    lines.append(f"{'by the CLI':<24}{alone['wall']:8.2f}{alone['cpu']:8.2f}")
    for part in (*PARTS, "whole"):
        if part in parts:
            one = parts[part]
            share = one["wall"] / alone["wall"]
            lines.append(f"{part:<24}{one['wall']:8.2f}{one['run']:8.2f}{one['servers']:9.2f}{share:12.2f}")
    ratio = found["ratio"]
    return "\n".join([*lines, f"Dagster over CLI: {ratio['wall']:.2f} of wall, {ratio['cpu']:.2f} of the processor"])


def main() -> None:
    """Measure, and say what was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.measure_dagster", description=__doc__.splitlines()[0])
    parser.add_argument("project", nargs="?", type=Path, default=ROOT, help="a demo with its ticks")
    parser.add_argument("--ticks", type=int, default=2, help="so many of each count (default 2)")
    parser.add_argument("--format", choices=("table", "json"), default="table")
    given = parser.parse_args()
    found = measure(given.project.resolve(), given.ticks)
    print(json.dumps(found, indent=1) if given.format == "json" else table(found))


if __name__ == "__main__":
    main()
