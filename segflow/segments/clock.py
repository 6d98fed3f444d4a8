"""Local time in SQL. The offsets of a zone are written into the query: each engine's own table of zones has another
age, and some take the second of two hours of the same name where Python takes the first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlglot import exp

from segflow.segments.sql import data_type, literal
from segflow.warehouse import words
from segflow.zones import offsets


def local_time(time: exp.Expr, zone: str) -> exp.Expr:
    """What the clocks of a zone show at a UTC time, as `segflow.zones.offsets` lists them."""
    changes = offsets(zone)
    if len(changes) == 1 and not changes[0][1]:
        return time
    return words.later(time, _offset(time, changes))


def local_day(time: exp.Expr, zone: str) -> exp.Expr:
    """The day of a zone that a UTC time lies on."""
    return exp.Cast(this=local_time(time, zone), to=data_type("date"))


def _offset(time: exp.Expr, changes: Sequence[tuple[datetime, timedelta]]) -> exp.Expr:
    """Seconds that clocks are ahead. Halved again and again: nine comparisons for the 270 changes of Berlin."""
    if len(changes) == 1:
        return exp.Literal.number(int(changes[0][1].total_seconds()))
    middle = len(changes) // 2
    earlier = exp.LT(this=time.copy(), expression=literal(changes[middle][0].isoformat(sep=" "), "timestamp"))
    before, after = _offset(time, changes[:middle]), _offset(time, changes[middle:])
    return exp.Case(ifs=[exp.If(this=earlier, true=before)], default=after)
