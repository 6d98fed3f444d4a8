"""One run: the same days, lived by each build of segflow and by the floor, with equal answers after every tick."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from bench import compare, others, project
from bench.floor import Floor
from bench.flows import flows
from bench.segments import edited, segments
from bench.shop import EVENTS_EACH, Shop, moment

ROOT = Path(__file__).parents[1]
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Step:
    """A tick. `day`: what happened up to then is loaded; None: nothing new."""

    name: str
    at: float
    day: int | None = None
    edits: bool = False


STEPS = (
    Step("first", 0),
    Step("steady", 1, day=1),
    Step("steady again", 2, day=2),
    Step("clock only", 2.25),
    Step("edited", 3, day=3, edits=True),
)


@dataclass(frozen=True)
class Plan:
    contacts: int
    segments: int
    flows: int = 20
    seed: int = 7
    churn: float = 0.01
    against: str | None = None
    """A commit to measure beside this one."""
    others: bool = True
    """Also the ways that are not segflow's and not the floor."""
    steps: tuple[Step, ...] = STEPS


def run(plan: Plan, folder: Path, tell: Tell = lambda _: None) -> dict[str, Any]:
    """Measure. Needs `folder` empty, and leaves the warehouses there. Raises UnequalError when answers differ."""
    shop = Shop(plan.contacts, plan.seed, plan.churn)
    made = segments(plan.segments)
    started = flows(plan.flows, made)
    raw = folder / "shop.duckdb"
    tell(f"{plan.contacts:,} contacts, {plan.contacts * EVENTS_EACH:,} events, {plan.segments} segments")
    shop.create(raw)
    builds = {"segflow": ROOT}
    found: dict[str, Any] = {"machine": machine(), "plan": {**vars(plan), "steps": [step.name for step in plan.steps]}}
    with ExitStack() as stack:
        if plan.against is not None:
            builds["against"] = stack.enter_context(worktree(plan.against, folder / "against"))
        for name, code in builds.items():
            project.make(folder / name, raw, made, started, arrivals=project.knows_arrivals(code))
        floor = Floor(_copy(raw, folder / "floor.duckdb"), made, started)
        raw.unlink()
        warehouses = {name: project.warehouse_of(folder / name) for name in builds}
        snapshot = others.Snapshot(folder / "snapshot") if plan.others else None
        found["ticks"] = {}
        for step in plan.steps:
            as_of = moment(step.at)
            if step.day is not None:
                for file in (*warehouses.values(), floor.file):
                    shop.live(file, step.day)
            if step.edits:
                changed = edited(plan.segments, {flow.segment for flow in started})
                for name in builds:
                    project.edit(folder / name, made, changed)
                for one in changed:
                    sql = f"({made[one].sql}) and city is distinct from 'London'"
                    floor.segments[one] = replace(made[one], sql=sql)
            told: dict[str, Any] = {}
            for name, code in builds.items():
                told[name] = work(code, folder / name, as_of)
                tell(f"{step.name}: {name} {told[name]['cpu']:.1f} CPU s")
            spent = floor.tick(as_of, folder / "exports" / step.name, first=step.name == "first")
            told["floor"] = {"stages": spent, "cpu": round(sum(one["cpu"] for one in spent.values()), 3)}
            tell(f"{step.name}: floor {told['floor']['cpu']:.1f} CPU s")
            told["rows"] = compare.check(warehouses, floor.file, as_of)
            told |= _others(plan, step, snapshot, floor, folder, as_of)
            found["ticks"][step.name] = told
    return found


def _others(
    plan: Plan, step: Step, snapshot: others.Snapshot | None, floor: Floor, folder: Path, as_of: datetime
) -> dict[str, Any]:
    if snapshot is None or step.name not in ("first", "steady"):
        return {}
    members = folder / f"{step.name}.parquet"
    compare.keep_members(floor.file, members)
    found: dict[str, Any] = {"dbt snapshot": snapshot.tick(members)}
    if step.name == "first":
        return found
    sets = others.pandas_sets(folder / "first.parquet", members)
    alone = others.one_by_one(floor.file, as_of, floor.segments)
    ids, mine = alone.pop("ids"), alone.pop("members")
    truth = compare.members_of(floor.file, ids)
    if wrong := [name for name, who in mine.items() if who != truth.get(name, set())]:
        raise compare.UnequalError(f"one contact at a time: segments {', '.join(wrong)} have other members")
    return {**found, "pandas sets": sets, "one by one": alone}


def work(code: Path, root: Path, as_of: datetime) -> dict[str, Any]:
    """A tick of the segflow in folder `code`, in a process of its own. Raises RuntimeError when it fails."""
    report = root / ".segflow" / "bench.json"
    command = [sys.executable, str(Path(__file__).with_name("worker.py")), str(root), as_of.isoformat(), str(report)]
    environment = {**os.environ, "PYTHONPATH": str(code)}
    done = subprocess.run(command, env=environment, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"the tick at {as_of} in {root} failed:\n{done.stderr[-3000:]}")
    told: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
    if told["errors"]:
        raise RuntimeError(f"the tick at {as_of} in {root} has errors: {told['errors']}")
    return told


@contextmanager
def worktree(revision: str, folder: Path) -> Iterator[Path]:
    """The code of a commit, in a folder that is gone afterwards."""
    place = folder.with_name(f"{folder.name}-code")
    _git("worktree", "add", "--detach", str(place), revision)
    try:
        yield place
    finally:
        _git("worktree", "remove", "--force", str(place))


def machine() -> dict[str, Any]:
    """What it was measured on."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    model = ""
    if (info := Path("/proc/cpuinfo")).exists():
        lines = [line for line in info.read_text(encoding="utf-8").splitlines() if line.startswith("model name")]
        model = lines[0].split(":", 1)[1].strip() if lines else ""
    return {
        "cores": os.cpu_count(),
        "cpu": model,
        "memory_gb": round(memory, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "duckdb": duckdb.__version__,
        "commit": _git("rev-parse", "--short", "HEAD").strip(),
        "load": round(os.getloadavg()[0], 1),
    }


def _git(*words: str) -> str:
    return subprocess.run(["git", *words], cwd=ROOT, check=True, capture_output=True, text=True).stdout


def _copy(source: Path, target: Path) -> Path:
    shutil.copy(source, target)
    return target
