"""Is a condition true, or false, whatever the data? Looked at without any data: bounds that exclude each other, a
condition beside its own complement, windows that nothing can lie in.

What is not understood (expressions, regular expressions, one attribute against another) may be either, so that a
verdict is always right, and some are not found.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations, product
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta

from segflow.lint.domains import BUCKET, Domain, Moment, counts, narrow, start
from segflow.segments.bounds import unit_start
from segflow.segments.nodes import And, Bucket, Compare, Const, Constant, Fact, Node, Not, Or, Subject, Value
from segflow.segments.normal import normal
from segflow.zones import day_start, local_date

Literal = tuple[Node, bool]
"""A leaf, and whether it or its complement is asked for."""
_MOST = 128
"""Conditions with more alternatives than this are not judged: their number multiplies."""


@dataclass(frozen=True)
class Verdict:
    """`value` is what the condition always is; `because` are leaves that exclude each other (false), or that leave
    nothing out (true)."""

    value: bool
    because: tuple[Literal, ...]


def moments(now: datetime, zone: ZoneInfo) -> list[Moment]:
    """When a condition is looked at: now, both ends of each of the next 36 months, and far later. What is false at
    all of them stays so: windows move, and months are not equally long."""
    first = unit_start(local_date(now, zone), "month")
    # The last day of each month and the first: a week can lie in two months.
    ends = [
        day_start(first + relativedelta(months=months, days=days), zone) for months in range(1, 37) for days in (-1, 0)
    ]
    later = [now + relativedelta(years=years) for years in (10, 30)]
    return [Moment(one, zone) for one in (now, *(end for end in ends if end > now), *later)]


def verdict(node: Node, when: Sequence[Moment]) -> Verdict | None:
    """What a condition always is; None when it depends on the data."""
    for value in (False, True):
        alternatives = _alternatives(normal(Not(node) if value else node))
        if alternatives is None:
            continue
        because: tuple[Literal, ...] | None = ()
        for moment in when:
            because = _impossible(alternatives, moment)
            if because is None:
                break
        if because is not None:
            return Verdict(value, because)
    return None


def never(where: Node, moment: Moment) -> bool:
    """Can no row satisfy `where` at a moment?"""
    alternatives = _alternatives(normal(where))
    return alternatives is not None and _impossible(alternatives, moment) is not None


def _alternatives(node: Node) -> list[list[Literal]] | None:
    """The ways in which a condition in normal form can be true, each a list of leaves that must all hold."""
    match node:
        case Const(value):
            return [[]] if value else []
        case And(items):
            below = [_alternatives(item) for item in items]
            known = [found for found in below if found is not None]
            size = 1
            for found in known:
                size *= len(found)
            # What has too many alternatives is left out: the rest alone may be impossible.
            return None if size > _MOST else [[leaf for part in way for leaf in part] for way in product(*known)]
        case Or(items):
            ways: list[list[Literal]] = []
            for item in items:
                found_ways = _alternatives(item)
                if found_ways is None or len(ways) + len(found_ways) > _MOST:
                    return None
                ways += found_ways
            return ways
        case Not(Bucket() as bucket):
            return [[(bound, False)] for bound, _ in _bounds(bucket)]
        case Bucket():
            return [_bounds(node)]
        case Not(item):
            return [[(item, False)]]
    return [[(node, True)]]


def _bounds(bucket: Bucket) -> list[Literal]:
    drawn = Value("contact", f"{BUCKET}{bucket.salt}", "integer")
    low, high = Constant(bucket.low, "integer"), Constant(bucket.high, "integer")
    return [(Compare(drawn, "gte", (low,)), True), (Compare(drawn, "lt", (high,)), True)]


def _impossible(alternatives: Sequence[Sequence[Literal]], moment: Moment) -> tuple[Literal, ...] | None:
    """The leaves that make the first alternative impossible, if all of them are impossible; else None."""
    found: tuple[Literal, ...] = ()
    for leaves in alternatives:
        conflict = _conflict(leaves, moment)
        if conflict is None:
            return None
        found = found or conflict
    return found


def _conflict(leaves: Sequence[Literal], moment: Moment) -> tuple[Literal, ...] | None:
    """Leaves that cannot all hold at a moment."""
    asked: dict[Node, bool] = {}
    for leaf, positive in leaves:
        if asked.setdefault(leaf, positive) is not positive:
            return (leaf, True), (leaf, False)
    domains: dict[tuple[Subject, bool], Domain] = {}
    about: dict[tuple[Subject, bool], list[Literal]] = {}
    for leaf, positive in asked.items():
        if not isinstance(leaf, Compare):
            continue
        key = (leaf.subject, leaf.ignore_case)
        if key not in domains:
            domains[key] = _start(leaf.subject, moment)
            about[key] = []
        about[key].append((leaf, positive))
        narrow(domains[key], leaf, positive, moment)
        if domains[key].empty:
            return tuple(about[key])
    for one, other in combinations([key for key in domains if counts(key[0])], 2):
        for few, many in ((one, other), (other, one)):
            lowest, highest = domains[few].lowest, _highest(domains[many])
            if highest is not None and lowest > highest and _part_of(few[0], many[0], moment):
                return (*about[few], *about[many])
    return None


def _start(subject: Subject, moment: Moment) -> Domain:
    domain = start(subject, moment)
    if isinstance(subject, Fact) and never(subject.where, moment):
        # There are no rows: numbers are 0, all else is missing.
        domain.only({0} if not domain.missing else set())
    return domain


def _highest(domain: Domain) -> int | None:
    if domain.allowed is not None:
        return max(domain.allowed, default=0)
    highest: int | None = domain.highest
    return highest


def _part_of(few: Subject, many: Subject, moment: Moment) -> bool:
    """Is every row that the first fact counts also counted by the second?"""
    assert isinstance(few, Fact)
    assert isinstance(many, Fact)
    return few.source == many.source and never(And((few.where, Not(many.where))), moment)
