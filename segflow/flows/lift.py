"""What a flow changes: conversions of those who got in against those whom its holdout kept out."""

from __future__ import annotations

import json
from dataclasses import dataclass
from math import sqrt

import pyarrow as pa
from sqlglot import exp

from segflow.flows.work import SQL
from segflow.warehouse.base import Warehouse, relation
from segflow.warehouse.sqlfile import load_query

Z_95 = 1.959963984540054
"""The quantile of the normal distribution that leaves 2.5% above it."""
_SINCE = pa.schema([("flow", pa.string()), ("since", pa.string())])


@dataclass(frozen=True, kw_only=True)
class Lift:
    """One flow since it has had its holdout. Contacts count once, with their first enrollment since then, and convert
    when that met the goal in time. Rates and differences are shares between 0 and 1; None where there is nobody."""

    flow: str
    enrolled: int
    converted: int
    withheld: int
    converted_withheld: int
    rate: float | None
    rate_withheld: float | None
    lift: float | None
    """`rate` less `rate_withheld`."""
    low: float | None
    high: float | None
    """The 95% interval of `lift`."""


def lifts(warehouse: Warehouse) -> list[Lift]:
    """The flows that have or had a holdout, by name. Reads the ledgers up to the last tick."""
    warehouse.stage("holdouts", pa.Table.from_pylist(_since(warehouse), schema=_SINCE))
    return [_lift(**row) for row in warehouse.rows(load_query(SQL / "lift.sql"))]


def newcombe(x1: int, n1: int, x2: int, n2: int, z: float = Z_95) -> tuple[float, float]:
    """The interval of x1/n1 - x2/n2 by the hybrid score method: method 10 of R. G. Newcombe, "Interval estimation for
    the difference between independent proportions: comparison of eleven methods", Statistics in Medicine 17 (1998),
    873-890. It combines the Wilson intervals of both sides, so that it also holds for few contacts and rates near 0."""
    (low1, high1), (low2, high2) = wilson(x1, n1, z), wilson(x2, n2, z)
    p1, p2 = x1 / n1, x2 / n2
    below = sqrt((p1 - low1) ** 2 + (high2 - p2) ** 2)
    above = sqrt((high1 - p1) ** 2 + (p2 - low2) ** 2)
    return p1 - p2 - below, p1 - p2 + above


def wilson(x: int, n: int, z: float = Z_95) -> tuple[float, float]:
    """The score interval of the share x/n, without continuity correction (E. B. Wilson, 1927)."""
    p, square = x / n, z * z / n
    middle, half = (p + square / 2) / (1 + square), z * sqrt(p * (1 - p) / n + square / (4 * n)) / (1 + square)
    return middle - half, middle + half


def _lift(*, flow: str, enrolled: int, converted: int, withheld: int, converted_withheld: int) -> Lift:
    rate = converted / enrolled if enrolled else None
    rate_withheld = converted_withheld / withheld if withheld else None
    lift = low = high = None
    if rate is not None and rate_withheld is not None:
        lift = rate - rate_withheld
        low, high = newcombe(converted, enrolled, converted_withheld, withheld)
    return Lift(
        flow=flow,
        enrolled=enrolled,
        converted=converted,
        withheld=withheld,
        converted_withheld=converted_withheld,
        rate=rate,
        rate_withheld=rate_withheld,
        lift=lift,
        low=low,
        high=high,
    )


def _since(warehouse: Warehouse) -> list[dict[str, str]]:
    """The tick at which each flow got its holdout: who came before cannot be compared with anybody."""
    found: dict[str, str] = {}
    versions = exp.select("flow", "spec", "tick_id").from_(relation("flow_versions")).order_by("flow", "flow_version")
    for row in warehouse.rows(versions):
        spec = json.loads(row["spec"])
        if "holdout" in spec and "goal" in spec:
            found.setdefault(row["flow"], row["tick_id"])
    return [{"flow": flow, "since": since} for flow, since in found.items()]
