"""How the cost grows, drawn: an SVG per curve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, StrMethodFormatter

from bench.report import exponents


def draw(runs: Sequence[Mapping[str, Any]], by: str, file: Path) -> None:
    """Draw CPU seconds of each tick over the plan key `by`, both axes by powers: a straight line of slope 1 costs twice
    as much for twice as many. Whole lines are segflow's, broken ones the floor's. `runs`: of two sizes or more."""
    sizes = [run["plan"][by] for run in runs]
    grown = exponents(runs, by)
    # The same numbers are to be the same file.
    with matplotlib.rc_context({"svg.hashsalt": "segflow", "svg.fonttype": "none"}):
        figure = Figure(figsize=(8, 4.5), layout="constrained")
        axes = figure.add_subplot()
        for number, tick in enumerate(runs[0]["ticks"]):
            for name, style in (("segflow", "o-"), ("floor", "o:")):
                seconds = [run["ticks"][tick][name]["cpu"] for run in runs]
                label = f"{tick} (to the power of {grown[tick]})" if name == "segflow" else f"{tick}, floor"
                axes.plot(sizes, seconds, style, color=f"C{number}", label=label, markersize=4)
        axes.set(xscale="log", yscale="log", xlabel=by, ylabel="CPU seconds of a tick")
        axes.set_xticks(sizes)
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.grid(alpha=0.3)
        figure.legend(loc="outside right upper", fontsize="small", frameon=False)
        other = "segments" if by == "contacts" else "contacts"
        machine = runs[0]["machine"]
        title = f"{runs[0]['plan'][other]:,} {other}, {machine['cores']} cores, DuckDB {machine['duckdb']}"
        axes.set_title(title, fontsize="small")
        figure.savefig(file, format="svg", metadata={"Date": None})
