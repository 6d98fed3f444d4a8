"""Does an operator fit the type of what it looks at, and its value the operator?"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any, Protocol

from segflow.durations import Duration
from segflow.errors import did_you_mean
from segflow.specs.calendar import DAYS, Near
from segflow.specs.columns import Attribute
from segflow.specs.issues import kind_of, shorten
from segflow.specs.operators import TEXT_OPERATORS, Anniversary, NumberTest, OtherAttribute, Test
from segflow.specs.spec_file import Loc
from segflow.specs.types import NUMBERS, ValueType, parse_date, parse_instant
from segflow.warehouse.engines import pattern_problem
from segflow.zones import UTC_ZONE

_ORDERED = ("number", "integer", "date", "timestamp", "text")
_DAYS = ("before", "after", "on")
_PERIODS = ("within", "not_within")
_SPANS = ("within_last", "not_within_last", "within_next")
_TOLD = 3
"""So many wrong values of one list are told one by one."""
_FOLDS = ("is", "is_not", "in", "not_in", *TEXT_OPERATORS)
_LIST_OPERATORS = ("contains", "not_contains", "in", "not_in", "is_set", "is_not_set")
_EXAMPLES = {
    "text": "a text (in quotes)",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "date": "a date like 2026-01-31",
    "timestamp": "a date or time like 2026-01-31T09:00:00Z",
}
MAX_YEARS = 1000
_MONTH_ENDS = [
    datetime(2023 + month // 12, month % 12 + 1, 1) - timedelta(days=back) for month in range(36) for back in (0, 1)
]
"""The days on which calendar steps are shortest and longest, a leap year among them."""


class Say(Protocol):
    """Where problems go: Reporter."""

    @property
    def engine(self) -> str: ...

    def __call__(self, loc: Loc, message: str, *, key: bool = False) -> None: ...


def check_test(
    say: Say, test: Test, kind: ValueType, loc: Loc, what: str, others: Mapping[str, Attribute] | None = None
) -> None:
    """Check one operator against a value of type `kind`. `what` names the value in messages (`city`); `others` are the
    attributes that it may be compared with, None where only values can be."""
    operator, operand = test.operator()
    at = (*loc, operator)
    if not _fits(operator, kind):
        say(at, f"{operator} does not work on {what}, which is a {kind}{_instead(operator, kind)}", key=True)
        return
    folds = ("text", "list_of_text")
    if test.ignore_case and (kind not in folds or operator not in _FOLDS):
        why = f"{what} is a {kind}" if kind not in folds else f"{operator} has no case"
        say((*loc, "ignore_case"), f"ignore_case is for comparing texts; {why}", key=True)
    if isinstance(operand, OtherAttribute):
        _check_other(say, operand.attribute, operator, kind, (*at, "attribute"), what, others)
    elif operator in ("in", "not_in"):
        _check_each(say, operand, "text" if kind == "list_of_text" else kind, at, what)
    elif operator == "between":
        low, high = operand
        fine = [check_literal(say, value, kind, (*at, index), what) for index, value in enumerate(operand)]
        if all(fine) and _key(low, kind) > _key(high, kind):
            say(at, f"between goes from low to high: {low} is more than {high}")
    elif operator == "matches":
        if problem := _regex_problem(say.engine, operand):
            say(at, f"'{shorten(operand)}' is not a regular expression: {problem}")
    elif operator in _SPANS:
        check_span(say, operand, at, whole_days=kind == "date")
    elif operator == "anniversary":
        if isinstance(operand, Anniversary):
            check_span(say, operand.within_next, (*at, "within_next"), whole_days=True)
    elif isinstance(operand, Near):
        check_near(say, operand, at)
    elif operator in _DAYS and not fits(operand, "date" if operator == "on" else kind):
        if operand not in DAYS:
            near = did_you_mean(operand, list(DAYS))
            known = f"{_EXAMPLES['date' if operator == 'on' else kind]}, today, or a day like {{ago: 2 days}}"
            say(at, f"{what} takes {known}, not {kind_of(operand)}{near}")
    elif operator not in ("is_set", "is_not_set", *_PERIODS, *TEXT_OPERATORS):
        check_literal(say, operand, "date" if operator == "on" else kind, at, what)


def _check_each(say: Say, values: Sequence[Any], kind: ValueType, at: Loc, what: str) -> None:
    """Report the first values that cannot be of type `kind`, and how many more there are: one mistake is often made in
    all of a list."""
    wrong = [index for index, value in enumerate(values) if not fits(value, kind)]
    told = wrong[:_TOLD] if len(wrong) > _TOLD + 1 else wrong
    for index in told:
        check_literal(say, values[index], kind, (*at, index), what)
    if len(wrong) > len(told):
        more = len(wrong) - len(told)
        say((*at, wrong[len(told)]), f"{more:,} more of these {len(values):,} values are wrong in this way")


def _check_other(
    say: Say,
    name: str,
    operator: str,
    kind: ValueType,
    loc: Loc,
    what: str,
    others: Mapping[str, Attribute] | None,
) -> None:
    if others is None:
        say(loc, f"only attributes of contacts can be compared with an attribute; {what} takes a value here")
    elif name not in others:
        near = did_you_mean(name, list(others))
        say(loc, f"there is no attribute {name}{near}")
    elif not _comparable(operator, kind, others[name].type):
        say(loc, f"{what} is a {kind} and {name} a {others[name].type}: {operator} cannot compare them")


def _comparable(operator: str, kind: ValueType, other: ValueType) -> bool:
    if operator in TEXT_OPERATORS:
        return other == "text"
    if operator in _DAYS:
        return other in ("date", "timestamp")
    return kind == other or (kind in NUMBERS and other in NUMBERS)


def _fits(operator: str, kind: ValueType) -> bool:
    if kind == "list_of_text":
        return operator in _LIST_OPERATORS
    if operator in TEXT_OPERATORS:
        return kind == "text"
    if operator in ("gt", "gte", "lt", "lte", "between"):
        return kind in _ORDERED
    if operator in (*_DAYS, *_SPANS, *_PERIODS, "anniversary"):
        return kind in ("date", "timestamp")
    return True


def _instead(operator: str, kind: ValueType) -> str:
    if kind == "boolean":
        return "; write is: true or is: false"
    if kind in NUMBERS and operator in _DAYS:
        return "; write gt:, lt: or is:"
    if kind == "list_of_text":
        return "; write contains: (one text) or in: (any of several)"
    return ""


def check_near(say: Say, day: Near, loc: Loc) -> None:
    """A day is counted from today in whole days."""
    key = "ago" if day.ago is not None else "ahead"
    span = day.span
    if not span.whole_days or not (span.months or span.seconds):
        instead = f"not_within_last: {span}" if key == "ago" else f"within_next: {span}"
        say((*loc, key), f"{key} counts whole days, weeks, months or years; for a time of day write {instead}")
    else:
        check_span(say, span, (*loc, key))


def check_literal(say: Say, value: Any, kind: ValueType, loc: Loc, what: str) -> bool:
    """Check that a value of a spec can be one of type `kind`; False when not."""
    if fits(value, kind):
        return True
    hint = ""
    if kind == "text" and not isinstance(value, str):
        hint = f": put it in quotes, '{str(value).lower() if isinstance(value, bool) else value}'"
    elif kind == "boolean" and isinstance(value, str) and value.lower() in ("yes", "on", "no", "off", "true", "false"):
        hint = f": write {'true' if value.lower() in ('yes', 'on', 'true') else 'false'} without quotes"
    elif kind in NUMBERS and isinstance(value, str) and _is_number(value):
        hint = ": write it without quotes"
    say(loc, f"{what} takes {_EXAMPLES[kind]}, not {kind_of(value)}{hint}")
    return False


def fits(value: Any, kind: ValueType) -> bool:
    """True when a value read from YAML can stand for one of type `kind`."""
    if kind == "boolean":
        return isinstance(value, bool)
    if kind == "number":
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind == "integer":
        return isinstance(value, (int, float)) and not isinstance(value, bool) and value == int(value)
    if not isinstance(value, str):
        return False
    if kind == "text":
        return True
    try:
        _key(value, kind)
    except (ValueError, OverflowError):
        return False
    return True


def _key(value: Any, kind: ValueType) -> Any:
    """The value as something that compares."""
    if kind == "date":
        return parse_date(value)
    return parse_instant(value) if kind == "timestamp" else value


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def check_bounds(say: Say, test: NumberTest, loc: Loc) -> None:
    """`between` of a count or a measure goes from low to high."""
    if test.between is not None and test.between[0] > test.between[1]:
        say((*loc, "between"), f"between goes from low to high: {test.between[0]} is more than {test.between[1]}")


def check_span(say: Say, span: Duration, loc: Loc, *, whole_days: bool = False) -> None:
    """A duration that some calendar can hold; for dates one of whole days."""
    if span.months > 12 * MAX_YEARS or span.seconds > MAX_YEARS * 366 * 86400:
        say(loc, f"{span} is longer than {MAX_YEARS} years")
    elif not span.months and not span.seconds:
        say(loc, f"{span} is no time at all")
    elif whole_days and not span.whole_days:
        say(loc, f"{span} does not fit a date: write whole days, weeks, months or years")


def always_longer(span: Duration, other: Duration) -> bool:
    """True when `span` is the longer one wherever in the calendar it ends: 1 month against 30 days is not."""
    try:
        return all(span.before(end, UTC_ZONE) < other.before(end, UTC_ZONE) for end in _MONTH_ENDS)
    except (OverflowError, ValueError):
        return False


def instant(text: str) -> datetime | None:
    """The instant that an ISO text names, None when it names none."""
    try:
        return parse_instant(text)
    except (ValueError, OverflowError):
        return None


def day(text: str) -> date | None:
    """The day that an ISO text names, None when it names none."""
    try:
        return parse_date(text)
    except ValueError:
        return None


@cache
def _regex_problem(engine: str, pattern: str) -> str | None:
    """What is wrong with a regular expression. To open an engine for it takes long, and patterns are few."""
    return pattern_problem(engine, pattern)
