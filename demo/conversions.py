"""What the flows have won: conversions of those who got in, by the way that they went, and of the withheld."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from segflow.flows.lift import newcombe
from segflow.specs.project import Specs
from segflow.warehouse.base import Warehouse
from segflow.warehouse.sqlfile import load_query

Line = tuple[str, str, str, str, str]
"""flow (once), who, contacts, converted, share."""


def conversions(warehouse: Warehouse, specs: Specs) -> list[Line]:
    """Lines for a table, the flows with a goal in the order of `specs`. A flow with a holdout has two more: the
    withheld, and the difference in percentage points with its 95% interval."""
    goals = [flow for flow, named in specs.flows.items() if named.spec.goal is not None]
    warehouse.stage("demo_goals", pa.table({"flow": pa.array(goals, pa.string())}))
    found = {
        (row["flow"], row["withheld"], row["way"]): (row["contacts"], row["converted"])
        for row in warehouse.rows(load_query(Path(__file__).parent / "conversions.sql"))
    }
    lines: list[Line] = []
    for flow in goals:
        inside, outside = found.get((flow, False, None), (0, 0)), found.get((flow, True, None))
        lines.append((flow, "all who got in", *_numbers(*inside)))
        ways = [(way, counts) for (name, _, way), counts in found.items() if name == flow and way is not None]
        lines += [("", f"  {way}", *_numbers(*counts)) for way, counts in ways]
        if outside is not None:
            lines.append(("", "withheld", *_numbers(*outside)))
            if inside[0]:
                lines.append(("", "difference", "", *_difference(inside, outside)))
    return lines


def _numbers(contacts: int, converted: int) -> tuple[str, str, str]:
    return f"{contacts:,}", f"{converted:,}", f"{converted / contacts:.1%}" if contacts else "-"


def _difference(inside: tuple[int, int], outside: tuple[int, int]) -> tuple[str, str]:
    (contacts, converted), (kept_out, by_themselves) = inside, outside
    low, high = newcombe(converted, contacts, by_themselves, kept_out)
    lift = converted / contacts - by_themselves / kept_out
    return f"{100 * low:+.1f} to {100 * high:+.1f}", f"{100 * lift:+.1f}"
