"""Pass 1: from what was written to the compiler's tree.

Names are looked up in the catalog, values get types, windows become comparisons, and every negative operator becomes
`Not` around its positive one, which is what makes it the exact complement. Specs were checked when they were loaded,
so a lookup that fails here is a bug and raises KeyError.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal
from zoneinfo import ZoneInfo

from segflow.durations import Duration
from segflow.segments.bounds import Bound, WeekDay
from segflow.segments.days import Days
from segflow.segments.nodes import (
    ROW_AT,
    TRUE,
    Aggregate,
    Anchor,
    And,
    Bucket,
    Compare,
    Const,
    Constant,
    Crossed,
    Fact,
    Followed,
    Member,
    Node,
    Not,
    Operand,
    Operator,
    Or,
    Periods,
    Source,
    Sql,
    Subject,
    Value,
)
from segflow.specs import conditions as c
from segflow.specs import operators as o
from segflow.specs.calendar import DAYS, Near
from segflow.specs.catalog import Catalog
from segflow.specs.columns import Attribute
from segflow.specs.origins import (
    CROSSING_TYPES,
    ENROLLMENT_TYPES,
    CrossingCondition,
    EnrollmentCondition,
    TriggerCondition,
)
from segflow.specs.project import Specs
from segflow.specs.sql_expression import column_names, parse_expression
from segflow.specs.types import NUMBERS, ValueType, parse_date
from segflow.specs.windows import ENROLLMENT, LAST_TICK, TRIGGER
from segflow.warehouse.engines import DEFAULT, dialect

_POSITIVE: dict[str, Operator] = {
    "gt": "gt", "gte": "gte", "lt": "lt", "lte": "lte", "contains": "contains", "starts_with": "starts_with",
    "ends_with": "ends_with", "matches": "matches",
}  # fmt: skip

_UNITS: dict[str, Literal["day", "week", "month"]] = {"days": "day", "weeks": "week", "months": "month"}


class Resolver:
    """Resolves conditions of one project. `zone` is the project's: a bare date is a day there."""

    def __init__(
        self,
        catalog: Catalog,
        zone: ZoneInfo,
        week_starts: WeekDay = "monday",
        trigger: Mapping[str, Attribute] | None = None,
        engine: str = DEFAULT,
    ) -> None:
        """`trigger`: the properties of the events that trigger the flow whose conditions these are; `engine`: the one
        whose SQL people write."""
        self.catalog, self.zone, self.trigger = catalog, zone, trigger or {}
        self.dialect = dialect(engine)
        self.days = Days(zone, week_starts)

    @classmethod
    def of(cls, specs: Specs, trigger: Mapping[str, Attribute] | None = None) -> Resolver:
        """The resolver of a project's conditions."""
        settings = specs.settings
        return cls(specs.catalog, settings.zone, settings.week_starts, trigger, specs.engine)

    def condition(self, spec: Any) -> Node:
        """The tree of any condition model of `specs.conditions`."""
        match spec:
            case c.All():
                return And(tuple(self.condition(item) for item in spec.all))
            case c.Any_():
                return Or(tuple(self.condition(item) for item in spec.any))
            case c.None_():
                return Not(Or(tuple(self.condition(item) for item in spec.none)))
            case c.Not():
                return Not(self.condition(spec.not_))
            case c.AttributeCondition():
                kind = self.catalog.contacts.attributes[spec.attribute].type
                test = self.test(Value("contact", spec.attribute, kind), spec)
                return test if spec.held_for is None else And((test, _held(spec.attribute, spec.held_for)))
            case c.EventCondition():
                found = self.catalog.event(spec.event)
                assert found is not None, spec.event
                return self._rows(Source("event", spec.event), found[1], spec)
            case c.EventPrefixCondition():
                shared = self.catalog.shared_properties(spec.event_prefix)
                return self._rows(Source("events", spec.event_prefix), shared, spec)
            case c.AnyEventCondition():
                return self._rows(Source("events"), self.catalog.shared_properties(""), spec)
            case c.ObjectCondition():
                top = self.catalog.object_path(spec.object)[-1][1]
                source = Source("object", spec.object, top.contacts_by or "")
                return self._rows(source, self.catalog.objects[spec.object].fields, spec)
            case c.MessageCondition():
                return self._messages(spec)
            case c.ListCondition():
                return self._label("list", spec.list, spec)
            case c.TagCondition():
                return self._label("tag", spec.tag, spec)
            case c.AnyListCondition():
                return self._label("list", None, spec)
            case c.AnyTagCondition():
                return self._label("tag", None, spec)
            case c.BucketCondition():
                low, high = (round(value * 100) for value in spec.range())
                return Bucket(spec.bucket, low, high)
            case c.SqlCondition():
                tree = parse_expression(spec.sql, self.dialect)
                return Sql(tree.sql(self.dialect, comments=False), tuple(column_names(tree)), self.dialect)
            case c.ConsentCondition():
                channel = self.catalog.contacts.channels.of(spec.consent)
                assert channel is not None  # checked when specs load
                consent = channel.consent_for("marketing")
                assert consent is not None
                return Compare(Value("contact", consent, "boolean"), "eq", (Constant(True, "boolean"),))
            case c.SegmentCondition():
                return Member(spec.segment)
            case c.Everyone():
                return Const(True)
            case c.Enters():
                return Crossed("enters", spec.enters)
            case c.Exits():
                return Crossed("exits", spec.exits)
            case TriggerCondition(trigger=name):
                return self.test(Value("trigger", name, self.trigger[name].type), spec)
            case CrossingCondition(crossing=name):
                return self.test(Value("crossing", name, CROSSING_TYPES[name]), spec)
            case EnrollmentCondition(enrollment=name):
                return self.test(Value("enrollment", name, ENROLLMENT_TYPES[name]), spec)
        raise TypeError(f"not a condition: {spec!r}")

    def of_event(self, event: str, where: c.PropertyNode) -> Node:
        """The tree of a condition on the rows of an event."""
        found = self.catalog.event(event)
        assert found is not None, event
        return self._row_condition(where, found[1])

    def test(self, subject: Subject, spec: o.Test) -> Node:
        """One operator of `spec` applied to `subject`."""
        name, operand = spec.operator()
        fold = spec.ignore_case
        kind = subject.type
        negative = o.NEGATIVE_OF.get(name)
        if negative is not None:
            return Not(self._positive(subject, kind, negative, operand, fold))
        return self._positive(subject, kind, name, operand, fold)

    def _positive(self, subject: Subject, kind: ValueType, name: str, operand: Any, fold: bool) -> Node:
        def compare(operator: Operator, *values: Operand) -> Node:
            return Compare(subject, operator, values, fold)

        if name == "is_set":
            present = Compare(subject, "is_set")
            return present if operand else Not(present)
        if isinstance(operand, o.OtherAttribute):
            return self._against(subject, name, operand.attribute, fold)
        if name == "is":
            return compare("eq", self.constant(operand, kind))
        if name == "in":
            # Sorted, so that the order in which a file lists values makes no second fact.
            values = {self.constant(value, kind) for value in operand}
            return compare("in", *sorted(values, key=lambda v: str(v.value)))
        if name == "between":
            low, high = (self.constant(value, kind) for value in operand)
            return And((compare("gte", low), compare("lte", high)))
        if name == "within":
            return And(tuple(self.days.period(subject, kind, operand)))
        if name in ("before", "after", "on"):
            return self.days.around(subject, kind, name, operand)
        if name in ("within_last", "within_next"):
            return self.days.moving(subject, kind, operand, forward=name == "within_next")
        if name == "anniversary":
            span = Duration.parse("1 day") if operand == "today" else operand.within_next
            zone = [Constant(self.zone.key, "text")] if kind == "timestamp" and self.zone.key != "UTC" else []
            return compare("anniversary", Bound("anniversaries", span), *zone)
        return compare(_POSITIVE[name], self.constant(operand, kind))

    def _against(self, subject: Subject, name: str, other: str, fold: bool) -> Node:
        """A comparison with another attribute of the contact. A day and a time are compared as days."""
        assert isinstance(subject, Value)
        against = Value("contact", other, self.catalog.contacts.attributes[other].type)
        operator: Operator = {"is": "eq", "before": "lt", "after": "gt", "on": "eq"}.get(name) or _POSITIVE[name]  # type: ignore[assignment]
        if name == "on" or (name in ("before", "after") and subject.type != against.type):
            subject, against = self._day(subject), self._day(against)
        return Compare(subject, operator, (against,), fold)

    def _day(self, value: Value) -> Value:
        return value if value.type == "date" else replace(value, type="date", day_in=self.zone.key)

    def constant(self, value: Any, kind: ValueType) -> Constant:
        """`value` as written, read as `kind`: dates from ISO text, timestamps as UTC instants."""
        if kind == "date":
            return Constant(parse_date(value), kind)
        if kind == "timestamp":
            return Constant(self.days.instant(value), kind)
        if kind in NUMBERS:
            whole = not isinstance(value, float) or value.is_integer()
            return Constant(int(value) if whole else float(value), kind)
        return Constant(value, kind)

    def _label(self, kind: Literal["list", "tag"], name: str | None, spec: c.Label) -> Node:
        subject = Value("row", "name", "text")
        where: list[Node] = [
            Compare(subject, "is_set") if name is None else Compare(subject, "eq", (Constant(name, "text"),))
        ]
        if isinstance(spec, c.ListCondition) and (wanted := spec.statuses()):
            status = Value("row", "status", "text")
            where.append(Compare(status, "in", tuple(Constant(one, "text") for one in wanted)))
        if spec.added is not None:
            where += self._since(spec.added.since) if spec.added.since else [self.test(ROW_AT, spec.added)]
        fact = Fact(Source(kind), _and(where), "match", None, "boolean")
        return Compare(fact, "eq", (Constant(True, "boolean"),))

    def _rows(self, source: Source, values: dict[str, Attribute], spec: Any) -> Node:
        where: list[Node] = [] if spec.where is None else [self._row_condition(spec.where, values)]
        where += self._window(spec)
        if isinstance(spec, c.EventRows):
            where += self._sequence(spec)
        name, test = spec.aggregate()
        if name == "count":
            fact = Fact(source, _and(where), "count", None, "number")
            return self._number_test(fact, test)
        if isinstance(test, (Duration, o.TimeTest, o.PeriodTest)):
            return self._times(source, where, name, test)
        measured = test.property or test.field
        measure = Value("row", measured, values[measured].type)
        kind: ValueType = "number" if name in ("sum", "avg", "count_distinct") else measure.type
        fact = Fact(source, _and(where), name, measure, kind)
        return self._number_test(fact, test) if isinstance(test, o.MeasureTest) else self.test(fact, test)

    def _times(self, source: Source, where: list[Node], name: str, test: Any) -> Node:
        """An aggregate that looks at nothing but when rows were."""
        if isinstance(test, Duration):
            return self._turn(source, where, name, test)
        if isinstance(test, o.PeriodTest):
            periods = Periods(_UNITS[name], test.of_last)
            inside = Compare(ROW_AT, "gt", (Bound("instant", periods.span.times(periods.number)),))
            return self._number_test(Fact(source, _and([*where, inside]), "count_distinct", periods, "number"), test)
        end: Aggregate = "min" if name == "first_time" else "max"
        return self.test(Fact(source, _and(where), end, ROW_AT, "timestamp"), test)

    def _sequence(self, spec: c.EventRows | c.Following) -> list[Node]:
        """What must, and what must not, have come after a row."""
        found: list[Node] = []
        if spec.followed_by is not None:
            found.append(self._followed(spec.followed_by))
        if spec.not_followed_by is not None:
            over = Compare(ROW_AT, "lte", (Bound("instant", spec.not_followed_by.within),))
            found += [Not(self._followed(spec.not_followed_by)), over]
        return found

    def _followed(self, spec: c.Following) -> Followed:
        event = self.catalog.event(spec.event)
        assert event is not None, spec.event
        where = [] if spec.where is None else [self._row_condition(spec.where, event[1])]
        return Followed(Source("event", spec.event), _and([*where, *self._sequence(spec)]), spec.within.seconds)

    @staticmethod
    def _turn(source: Source, where: list[Node], name: str, span: Duration) -> Node:
        """`stopped` and `restarted`: counts in the last window, the one before, and before that."""
        last = Compare(ROW_AT, "gt", (Bound("instant", span),))
        older = Compare(ROW_AT, "lte", (Bound("instant", span),))
        oldest = Compare(ROW_AT, "lte", (Bound("instant", span.times(2)),))
        middle = Compare(ROW_AT, "gt", (Bound("instant", span.times(2)),))

        def happened(*window: Node) -> Node:
            fact = Fact(source, _and([*where, *window]), "count", None, "number")
            return Compare(fact, "gte", (Constant(1, "number"),))

        if name == "stopped":
            return And((happened(middle, older), Not(happened(last))))
        return And((happened(last), Not(happened(middle, older)), happened(oldest)))

    def _row_condition(self, spec: Any, values: dict[str, Attribute]) -> Node:
        match spec:
            case c.PropertyAll():
                return And(tuple(self._row_condition(item, values) for item in spec.all))
            case c.PropertyAny():
                return Or(tuple(self._row_condition(item, values) for item in spec.any))
            case c.PropertyNone():
                return Not(Or(tuple(self._row_condition(item, values) for item in spec.none)))
            case c.PropertyNot():
                return Not(self._row_condition(spec.not_, values))
            case c.PropertyCondition():
                return self.test(Value("row", spec.property, values[spec.property].type), spec)
            case c.FieldCondition(of=str() as owner):
                kind = self.catalog.objects[owner].fields[spec.field].type
                return self.test(Value("row", spec.field, kind, owner), spec)
            case c.FieldCondition():
                return self.test(Value("row", spec.field, values[spec.field].type), spec)
        raise TypeError(f"not a condition on rows: {spec!r}")

    def _window(self, spec: Any) -> list[Node]:
        found: list[Node] = []
        if spec.within_last is not None:
            found.append(Compare(ROW_AT, "gt", (Bound("instant", spec.within_last),)))
        if spec.not_within_last is not None:
            found.append(Compare(ROW_AT, "lte", (Bound("instant", spec.not_within_last),)))
        if spec.within is not None:
            inside = self.days.period(ROW_AT, "timestamp", spec.within)
            # What is now ends later than any row that is seen.
            found += inside[:1] if spec.within.this is not None else inside
        found += self._since(spec.since)
        if spec.until is not None:
            found.append(Compare(ROW_AT, "lt", (self.days.moment(spec.until),)))
        return found

    def _since(self, text: str | Near | None) -> list[Node]:
        anchor = self._anchor(text)
        if anchor is not None:
            # Open, unlike `since: DATE`: what lies at that tick's as_of was already seen by that tick.
            return [Compare(ROW_AT, "gt", (anchor,))]
        return [] if text is None else [Compare(ROW_AT, "gte", (self.days.moment(text),))]

    @staticmethod
    def _anchor(since: str | Near | None) -> Anchor | None:
        """The moment of an enrollment that `since` names; None for a date, a day and for nothing."""
        if isinstance(since, Near) or since in DAYS:
            return None
        if since == ENROLLMENT:
            return Anchor()
        if since == LAST_TICK:
            return Anchor("last_tick")
        if since == TRIGGER:
            return Anchor("trigger")
        return Anchor("step", since) if since is not None and since[:1].isalpha() else None

    def _messages(self, spec: c.MessageCondition) -> Node:
        def equal(name: str, kind: ValueType, operand: Operand) -> Node:
            return Compare(Value("row", name, kind), "eq", (operand,))

        where = [
            equal(name, "text", Constant(value, "text"))
            for name, value in (("flow", spec.flow), ("step", spec.step), ("channel", spec.channel))
            if value is not None
        ]
        if spec.step is not None and spec.flow is None:
            where += [equal("enrollment_id", "text", Anchor("id")), equal("visit", "number", Anchor("visit"))]
        if spec.url is not None:
            where.append(self.test(Value("row", "url", "text"), spec.url))
        where += self._window(spec)
        source = Source("message", spec.message)
        name, test = spec.aggregate()
        if name != "count":
            return self._times(source, where, name, test)
        measure = Value("row", "message_id", "text")
        fact = Fact(source, _and(where), "count_distinct", measure, "number")
        return self._number_test(fact, test)  # type: ignore[arg-type]

    def _number_test(self, fact: Fact, test: o.NumberTest) -> Node:
        parts: list[Node] = []
        for name, operator in (("is_", "eq"), ("gt", "gt"), ("gte", "gte"), ("lt", "lt"), ("lte", "lte")):
            value = getattr(test, name)
            if value is not None:
                parts.append(Compare(fact, operator, (self.constant(value, "number"),)))  # type: ignore[arg-type]
        if test.between is not None:
            low, high = (self.constant(value, "number") for value in test.between)
            parts += [Compare(fact, "gte", (low,)), Compare(fact, "lte", (high,))]
        return _and(parts)


def _held(attribute: str, spec: o.HeldFor) -> Node:
    """Longer ago is earlier: `gte: 30 days` is a value that came at `as_of - 30 days` or before."""
    turned: dict[str, Operator] = {"gt": "lt", "gte": "lte", "lt": "gt", "lte": "gte"}
    where: list[Node] = [Compare(Value("row", "name", "text"), "eq", (Constant(attribute, "text"),))]
    where += [Compare(ROW_AT, turned[name], (Bound("instant", span),)) for name, span in spec.bounds()]
    fact = Fact(Source("held", attribute), _and(where), "match", None, "boolean")
    return Compare(fact, "eq", (Constant(True, "boolean"),))


def _and(items: list[Node]) -> Node:
    if not items:
        return TRUE
    return items[0] if len(items) == 1 else And(tuple(items))
