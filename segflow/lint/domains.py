"""What values one thing can still have after several comparisons: none left means that they exclude each other.

A missing value is one of the possibilities: a positive test rules it out, a negative one leaves it in.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from segflow.segments.bounds import Bound
from segflow.segments.nodes import ROW_AT, Anchor, Compare, Constant, Fact, Operand, Periods, Subject, Value
from segflow.segments.predicate import ZERO_WHEN_EMPTY

BUCKET = "bucket "
"""Begins the name of the number, 0 to 9999, that a bucket draws. No attribute has a blank in its name."""
_FEW = 1_000


@dataclass(frozen=True)
class Moment:
    """When a condition is looked at: moving bounds have values then."""

    as_of: datetime
    zone: ZoneInfo

    def value(self, operand: Operand) -> Any:
        """The value of an operand, None when only the data has it."""
        match operand:
            case Constant(value):
                return value
            case Bound("instant" | "date"):
                return operand.value(self.as_of, self.zone)
            case Bound() | Anchor() | Value():
                return None
        raise TypeError(f"not an operand: {operand!r}")


@dataclass
class Domain:
    """The possible values: an interval, or the `allowed` ones; less the `excluded`; those that pass all `tests`."""

    missing: bool = True
    low: Any = None
    low_open: bool = False
    high: Any = None
    high_open: bool = False
    allowed: set[Any] | None = None
    excluded: set[Any] = field(default_factory=set)
    tests: list[Callable[[Any], bool]] = field(default_factory=list)
    step: Any = None
    """The distance of neighbours where values are whole: 1, or a day."""

    @property
    def empty(self) -> bool:
        """Is there nothing that the value could be?"""
        return not self.missing and self.valueless

    @property
    def valueless(self) -> bool:
        """Can it only be missing?"""
        if self.allowed is not None:
            return not any(self._possible(value) for value in self.allowed)
        low, high = self.lowest, self.highest
        if low is None or high is None:
            return False
        if low > high or (low == high and (self.low_open or self.high_open) and self.step is None):
            return True
        if self.step is not None and (high - low) / self.step < _FEW:
            count = int((high - low) / self.step) + 1
            return all(low + number * self.step in self.excluded for number in range(count))
        return bool(low == high and low in self.excluded)

    @property
    def lowest(self) -> Any:
        """The least possible value, None when there is no bound."""
        if self.low is None or self.step is None:
            return self.low
        if isinstance(self.low, date):
            return self.low + self.step if self.low_open else self.low
        return math.floor(self.low) + 1 if self.low_open else math.ceil(self.low)

    @property
    def highest(self) -> Any:
        """The greatest possible value, None when there is no bound."""
        if self.high is None or self.step is None:
            return self.high
        if isinstance(self.high, date):
            return self.high - self.step if self.high_open else self.high
        return math.ceil(self.high) - 1 if self.high_open else math.floor(self.high)

    def only(self, values: set[Any]) -> None:
        """It is one of `values`."""
        self.allowed = values if self.allowed is None else self.allowed & values

    def at_least(self, value: Any, *, strict: bool) -> None:
        if self.low is None or value > self.low or (value == self.low and strict):
            self.low, self.low_open = value, strict

    def at_most(self, value: Any, *, strict: bool) -> None:
        if self.high is None or value < self.high or (value == self.high and strict):
            self.high, self.high_open = value, strict

    def _possible(self, value: Any) -> bool:
        if value in self.excluded or not all(test(value) for test in self.tests):
            return False
        if self.step == 1 and value != int(value):
            return False
        over = self.low is None or value > self.low or (value == self.low and not self.low_open)
        return over and (self.high is None or value < self.high or (value == self.high and not self.high_open))


def start(subject: Subject, moment: Moment) -> Domain:
    """What a subject can be before anything is asked of it."""
    domain = Domain()
    if subject.type == "boolean":
        domain.allowed = {True, False}
    elif subject.type == "integer":
        domain.step = 1
    elif subject.type == "date":
        domain.step = timedelta(days=1)
    if isinstance(subject, Value):
        if subject.name.startswith(BUCKET):
            domain.missing, domain.low, domain.high = False, 0, 9999
        if subject == ROW_AT:
            domain.high = moment.as_of
        return domain
    domain.missing = subject.aggregate not in ZERO_WHEN_EMPTY
    if subject.aggregate in ("count", "count_distinct"):
        domain.step, domain.low = 1, 0
        if isinstance(subject.measure, Periods):
            domain.high = subject.measure.number
    if subject.measure == ROW_AT:
        domain.high = moment.as_of
    return domain


def narrow(domain: Domain, node: Compare, positive: bool, moment: Moment) -> None:
    """Leave in `domain` what satisfies a comparison, or with `positive` False what does not."""
    if positive:
        domain.missing = False
    if node.operator == "is_set":
        if not positive:
            domain.only(set())
        return
    values = [moment.value(operand) for operand in node.operands]
    if node.subject.type == "list_of_text" or any(value is None for value in values):
        return
    if node.ignore_case:
        values = [value.lower() for value in values]
    if node.operator in ("eq", "in"):
        if positive:
            domain.only(set(values))
        else:
            domain.excluded |= set(values)
        return
    [value] = values
    match node.operator:
        case "gt" | "gte" | "lt" | "lte":
            upwards = node.operator.startswith("gt") is positive
            strict = (node.operator in ("gt", "lt")) is positive
            (domain.at_least if upwards else domain.at_most)(value, strict=strict)
        case "contains":
            domain.tests.append(lambda text: (value in text) is positive)
        case "starts_with":
            domain.tests.append(lambda text: text.startswith(value) is positive)
        case "ends_with":
            domain.tests.append(lambda text: text.endswith(value) is positive)


def counts(subject: Subject) -> bool:
    """Is it a plain number of rows?"""
    return isinstance(subject, Fact) and subject.aggregate == "count"
