"""What a run found, as tables to read."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

STAGES = ("start", "ingest", "build", "cross", "advance", "send", "export")


def ratios(found: Mapping[str, Any]) -> dict[str, float]:
    """tick/stage -> CPU of segflow by that of the floor, and tick/total."""
    told = {}
    for tick, one in found["ticks"].items():
        mine, floor = one["segflow"], one["floor"]
        told[f"{tick}/total"] = mine["cpu"] / floor["cpu"]
        for stage, spent in floor["stages"].items():
            if spent["cpu"] > 0.02:
                told[f"{tick}/{stage}"] = mine["stages"][stage]["cpu"] / spent["cpu"]
    return {name: round(value, 2) for name, value in told.items()}


def table(found: Mapping[str, Any]) -> str:
    """A Markdown table per tick: CPU seconds of each stage, peak memory, rows."""
    plan, machine = found["plan"], found["machine"]
    lines = [
        f"{plan['contacts']:,} contacts, {plan['segments']} segments, {plan['flows']} flows; "
        f"{machine['cores']} cores ({machine['cpu']}), {machine['memory_gb']} GB, DuckDB {machine['duckdb']}, "
        f"commit {machine['commit']}, load {machine['load']}",
    ]
    for tick, one in found["ticks"].items():
        builds = [name for name in ("against", "segflow", "floor") if name in one]
        rows = ", ".join(f"{count:,} {what}" for what, count in one["rows"].items())
        lines += ["", f"**{tick}** ({rows}), CPU s", "", _line(["", *STAGES, "all", "wall", "peak MB"]), _rule(10)]
        for name in builds:
            stages = one[name]["stages"]
            cells = [f"{stages[s]['cpu']:.2f}" if s in stages else "" for s in STAGES]
            wall = sum(stage["wall"] for stage in stages.values())
            peak = f"{one[name]['peak_mb']:,.0f}" if "peak_mb" in one[name] else ""
            lines.append(_line([name, *cells, f"{one[name]['cpu']:.2f}", f"{wall:.1f}", peak]))
        for name in ("pandas sets", "one by one", "dbt snapshot"):
            if name in one:
                what = "the diff" if name != "one by one" else "members of all contacts, scaled"
                lines.append(f"\n{name}, {what}: {one[name]['cpu']:.1f} CPU s")
    return "\n".join(lines)


def exponents(runs: Sequence[Mapping[str, Any]], by: str) -> dict[str, float]:
    """tick -> how CPU grows with plan key `by` between the first and the last run: seconds ~ size ** exponent."""
    first, last = runs[0], runs[-1]
    grown = math.log(last["plan"][by] / first["plan"][by])
    return {
        tick: round(math.log(one["segflow"]["cpu"] / first["ticks"][tick]["segflow"]["cpu"]) / grown, 2)
        for tick, one in last["ticks"].items()
    }


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _rule(columns: int) -> str:
    return "|" + "---|" + "---:|" * columns
