"""Conditions in words: the comments of generated models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from segflow.durations import Duration
from segflow.segments.bounds import Bound
from segflow.segments.nodes import (
    ROW_AT,
    TRUE,
    Anchor,
    And,
    Compare,
    Const,
    Constant,
    Fact,
    Followed,
    Node,
    Not,
    Or,
    Value,
)
from segflow.specs import conditions as c
from segflow.specs import operators as o
from segflow.specs.calendar import Period
from segflow.specs.origins import CrossingCondition, EnrollmentCondition, TriggerCondition

_GROUP: dict[type[Any], tuple[str, str]] = {
    c.All: ("all", "all of"),
    c.Any_: ("any", "any of"),
    c.None_: ("none", "none of"),
}
_WORDS = {
    "is": "is", "is_not": "is not", "in": "is one of", "not_in": "is none of", "gt": "is over", "gte": "is at least",
    "lt": "is under", "lte": "is at most", "contains": "contains", "not_contains": "does not contain",
    "starts_with": "starts with", "ends_with": "ends with", "matches": "matches", "before": "is before",
    "after": "is after", "on": "is on", "within_last": "lies in the last",
    "not_within_last": "does not lie in the last", "within_next": "lies in the next", "within": "lies in",
    "not_within": "does not lie in",
}  # fmt: skip
_NODE_WORDS = {
    "eq": "is", "in": "is one of", "gt": "over", "gte": "at least", "lt": "under", "lte": "at most",
    "contains": "contains", "starts_with": "starts with", "ends_with": "ends with", "matches": "matches",
}  # fmt: skip


LISTED = 12
"""Up to so many values are named one by one."""
_FIRST = 3
_AS_THEY_ARE: Mapping[str, str] = {}


def listed(words: Sequence[str], last: str = "and", joint: str = ", ") -> str:
    """`a, b, c`; of very many only the first, and how many more there are: `a, b, c and 29,997 more`."""
    if len(words) <= LISTED:
        return joint.join(words)
    return f"{joint.join(words[:_FIRST])} {last} {len(words) - _FIRST:,} more"


def sentence(condition: Any, texts: Mapping[str, str] = _AS_THEY_ARE) -> list[str]:
    """A condition on contacts as lines of words, nested by indentation. `texts`: event -> what the data calls it, where
    that is something else; it is shown beside the event."""
    for kind, (attribute, words) in _GROUP.items():
        if isinstance(condition, kind):
            lines = [words]
            for item in getattr(condition, attribute):
                inner = sentence(item, texts)
                lines += [f"- {inner[0]}", *(f"  {line}" for line in inner[1:])]
            return lines
    if isinstance(condition, c.Not):
        inner = sentence(condition.not_, texts)
        return [f"not: {inner[0]}", *inner[1:]]
    return [_leaf(condition, texts)]


def own_words(condition: Any, texts: Mapping[str, str] = _AS_THEY_ARE) -> str:
    """A condition without those that it holds: the first line of its sentence."""
    return "not" if isinstance(condition, c.Not) else sentence(condition, texts)[0]


def event_words(event: str, texts: Mapping[str, str]) -> str:
    """An event with what the data calls it, where that is something else."""
    return f"{event} ('{texts[event]}')" if event in texts else event


def _leaf(condition: Any, texts: Mapping[str, str] = _AS_THEY_ARE) -> str:
    match condition:
        case c.AttributeCondition(attribute=name) if condition.held_for is not None:
            words = {"gt": "more than", "gte": "at least", "lt": "less than", "lte": "at most"}
            spans = " and ".join(f"{words[bound]} {span}" for bound, span in condition.held_for.bounds())
            return f"{_test(name, condition)}, for {spans}"
        case c.AttributeCondition(attribute=name) | c.PropertyCondition(property=name) | c.FieldCondition(field=name):
            owner = condition.of if isinstance(condition, c.FieldCondition) else None
            return _test(f"{owner} {name}" if owner else name, condition)
        case c.EventCondition():
            return _rows(event_words(condition.event, texts), condition, texts)
        case c.EventPrefixCondition():
            return _rows(f"{condition.event_prefix}* events", condition, texts)
        case c.AnyEventCondition():
            return _rows("any event", condition, texts)
        case c.ObjectCondition():
            return _rows(condition.object, condition)
        case c.MessageCondition():
            return _messages(condition)
        case c.ListCondition():
            stands = f", {' or '.join(condition.statuses())}" if condition.status is not None else ""
            return f"on list {condition.list}{stands}{_added(condition)}"
        case c.TagCondition():
            return f"tagged {condition.tag}{_added(condition)}"
        case c.AnyListCondition():
            return f"on any list{_added(condition)}"
        case c.AnyTagCondition():
            return f"tagged{_added(condition)}"
        case c.BucketCondition():
            low, high = condition.range()
            return f"in the bucket from {low} to {high} percent of {condition.bucket}"
        case c.SqlCondition():
            return f"sql: {' '.join(condition.sql.split())}"
        case c.ConsentCondition():
            return f"may get {condition.consent}"
        case c.SegmentCondition():
            return f"in segment {condition.segment}"
        case c.Enters():
            return f"entered {condition.enters} since the enrollment"
        case c.Exits():
            return f"exited {condition.exits} since the enrollment"
        case TriggerCondition():
            return _test(f"the trigger's {condition.trigger}", condition)
        case CrossingCondition():
            return _test(f"the crossing's {condition.crossing.replace('_', ' ')}", condition)
        case EnrollmentCondition():
            return _test(f"the enrollment's {condition.enrollment.replace('_', ' ')}", condition)
        case _:
            return "everyone"


def _added(condition: c.Label) -> str:
    if condition.added is None:
        return ""
    since = condition.added.since
    return f" (added since {since})" if since is not None else f" ({_test('added', condition.added)})"


def _test(subject: str, test: o.Test) -> str:
    name, operand = test.operator()
    suffix = " (any case)" if test.ignore_case else ""
    if name in ("is_set", "is_not_set"):
        return f"{subject} {'is set' if operand is (name == 'is_set') else 'is missing'}"
    if name == "anniversary":
        when = "is today" if operand == "today" else f"comes in the next {operand.within_next}"
        return f"the anniversary of {subject} {when}"
    if name == "between":
        return f"{subject} is between {_value(operand[0])} and {_value(operand[1])}"
    words = listed([_value(value) for value in operand]) if isinstance(operand, list) else _value(operand)
    return f"{subject} {_WORDS[name]} {words}{suffix}"


def _rows(noun: str, condition: Any, texts: Mapping[str, str] = _AS_THEY_ARE) -> str:
    where = f" where {_inline(condition.where)}" if condition.where is not None else ""
    return _aggregate(f"{noun}{where}{_window(condition)}{_sequence(condition, texts)}", condition)


def _aggregate(rows: str, condition: Any) -> str:
    name, test = condition.aggregate()
    if name in c.TURNS:
        last = f"in the last {test}"
        return (
            f"{rows} again {last}, after none in the {test} before"
            if name == "restarted"
            else (f"{rows} in the {test} before the last {test}, and none since")
        )
    if isinstance(test, o.PeriodTest):
        return f"{rows} on {_bounds(test)} of the last {test.of_last} {name}"
    if isinstance(test, o.TimeTest):
        return f"{_test('the ' + name.replace('_', ' '), test)}, over {rows}"
    if name == "count":
        return f"{_bounds(test)} x {rows}"
    measured = test.property or test.field
    if isinstance(test, o.MeasureTest):
        return f"{name} of {measured} {_bounds(test)}, over {rows}"
    return f"{_test(f'{name} {measured}', test)}, over {rows}"


def _messages(condition: c.MessageCondition) -> str:
    words = f"{condition.channel or ''} message".strip()
    if condition.flow is not None:
        words += f" of flow {condition.flow}"
    if condition.step is not None:
        words += f" of step {condition.step}" + ("" if condition.flow is not None else " of this enrollment")
    return _aggregate(f"{words} {condition.message}{_window(condition)}", condition)


def _sequence(condition: Any, texts: Mapping[str, str]) -> str:
    """What followed, and what did not."""
    words = ""
    for key, start in (("followed_by", "followed by"), ("not_followed_by", "not followed by")):
        following = getattr(condition, key, None)
        if following is not None:
            where = f" where {_inline(following.where)}" if following.where is not None else ""
            what = f"{event_words(following.event, texts)}{where} within {following.within}"
            words += f", {start} {what}{_sequence(following, texts)}"
    return words


def _inline(condition: Any) -> str:
    """A condition on rows, on one line."""
    match condition:
        case c.PropertyAll():
            return " and ".join(_inline(item) for item in condition.all)
        case c.PropertyAny():
            return f"({' or '.join(_inline(item) for item in condition.any)})"
        case c.PropertyNone():
            return f"none of ({' or '.join(_inline(item) for item in condition.none)})"
        case c.PropertyNot():
            return f"not ({_inline(condition.not_)})"
    return _leaf(condition)


def _window(condition: Any) -> str:
    if condition.within_last is not None and condition.not_within_last is not None:
        return f" between {condition.within_last} and {condition.not_within_last} ago"
    if condition.within_last is not None:
        return f" in the last {condition.within_last}"
    if condition.not_within_last is not None:
        return f" longer ago than {condition.not_within_last}"
    if condition.within is not None:
        return f" in {_period(condition.within)}"
    words = f" since {condition.since}" if condition.since is not None else ""
    return words + (f" until {condition.until}" if condition.until is not None else "")


def _bounds(test: o.NumberTest) -> str:
    words = [
        f"{word} {getattr(test, name)}"
        for name, word in (("is_", "exactly"), ("gt", "over"), ("gte", "at least"), ("lt", "under"), ("lte", "at most"))
        if getattr(test, name) is not None
    ]
    if test.between is not None:
        words.append(f"between {test.between[0]} and {test.between[1]}")
    return " and ".join(words)


def _period(period: Period) -> str:
    if period.this is not None:
        return f"this {'calendar ' if period.this == 'day' else ''}{period.this}"
    which, units = ("last", period.last) if period.last is not None else ("next", period.next)
    assert units is not None
    # Whole ones: the last 7 calendar days end with yesterday.
    if units.number == 1:
        return f"the {which} calendar {units.unit}"
    return f"the {which} {units.number} calendar {units.unit}s"


def _value(value: Any) -> str:
    if isinstance(value, Period):
        return _period(value)
    if isinstance(value, o.OtherAttribute):
        return value.attribute
    return str(value).lower() if isinstance(value, bool) else str(value)


def fact_sentence(fact: Fact) -> str:
    """What a fact column holds, in words."""
    where = node_words(fact.where)
    if fact.aggregate == "match":
        return where
    measured = f" of {fact.measure.name.removeprefix('@')}" if fact.measure is not None else ""
    return f"{fact.aggregate.replace('_', ' ')}{measured} {'of all rows' if where == 'everyone' else f'where {where}'}"


def fact_title(fact: Fact) -> str:
    """A fact in few words that say where it comes from, like `purchase count in the last 30 days`."""
    where = node_words(fact.where)
    match fact.source.kind:
        case "list" | "tag" as kind:
            return f"any {kind}" if where == "name is set" else f"{kind} {where.removeprefix('name is ')}"
        case "held":
            return f"{fact.source.name} as it is: {where.removeprefix(f'name is {fact.source.name} and ')}"
        case "message":
            noun = f"messages {fact.source.name}"
        case "events":
            noun = f"{fact.source.name}* events" if fact.source.name else "all events"
        case _:
            noun = fact.source.name
    if fact.measure == ROW_AT:
        words = {"min": "first", "max": "last"}[fact.aggregate]
    elif fact.source.kind == "message":
        words = "count"
    else:
        words = fact.aggregate.replace("_", " ") + (f" of {fact.measure.name}" if fact.measure is not None else "")
    plain = where.startswith(("in the last ", "longer ago than ", "from ", "before "))
    return f"{noun} {words}" + ("" if where == "everyone" else f" {where}" if plain else f" where {where}")


def node_words(node: Node) -> str:
    """A tree of the compiler in words, on one line."""
    match node:
        case And(items):
            return " and ".join(node_words(item) for item in items)
        case Or(items):
            return f"({' or '.join(node_words(item) for item in items)})"
        case Not(item):
            return f"not ({node_words(item)})"
        case Followed(source, where, within):
            span = Bound("instant", Duration(0, within, "")).span
            then = "" if where == TRUE else f" where {node_words(where)}"
            return f"followed by {source.name}{then} within {span}"
        case Const(value):
            return "everyone" if value else "nobody"
        case Compare():
            subject = node.subject
            first = node.operands[0] if node.operands else None
            if subject == ROW_AT and isinstance(first, Bound) and first.moves:
                return f"{'in the last' if node.operator in ('gt', 'gte') else 'longer ago than'} {first.span}"
            if subject == ROW_AT and node.operator in ("gte", "lt"):
                words = _operand_words(first).replace("start of", "the start of")
                return f"from {words} on" if node.operator == "gte" else f"before {words}"
            name = _value_words(subject) if isinstance(subject, Value) else fact_sentence(subject)
            if node.operator == "is_set":
                return f"{name} is set"
            if node.operator == "anniversary":
                return f"the anniversary of {name} comes in {node.operands[0].key.removeprefix('anniversaries ')}"  # type: ignore[union-attr]
            words = listed([_operand_words(operand) for operand in node.operands], "or", " or ")
            return f"{name} {_NODE_WORDS[node.operator]} {words}"
    return "a condition"


def _value_words(value: Value) -> str:
    name = value.name.removeprefix("@")
    return f"{value.owner} {name}" if value.owner else name


def _operand_words(operand: object) -> str:
    match operand:
        case Bound():
            return operand.key
        case Value():
            return operand.name
        case Anchor("step", step):
            return f"step {step}"
        case Anchor(of):
            words = {"enrollment": "the enrollment", "trigger": "the trigger", "last_tick": "the last tick"}
            return {**words, "id": "this one", "visit": "this"}[of]
        case Constant(value, _):
            return _value(value)
    return str(operand)
