"""Conditions against the catalog: the names exist, the operators fit, the windows can be computed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from segflow.durations import Duration
from segflow.errors import did_you_mean
from segflow.specs import conditions as c
from segflow.specs import operators as o
from segflow.specs.catalog import Catalog, LabelSource
from segflow.specs.check_messages import check_message
from segflow.specs.check_origins import check_origin, triggering_events
from segflow.specs.check_values import check_bounds, check_span, check_test
from segflow.specs.check_windows import Moments, check_since, check_window
from segflow.specs.columns import Attribute
from segflow.specs.event_names import no_event, no_prefix
from segflow.specs.flow import NamedFlow
from segflow.specs.loaded import Reporter
from segflow.specs.origins import CrossingCondition, EnrollmentCondition, TriggerCondition
from segflow.specs.spec_file import Loc
from segflow.specs.sql_expression import check_expression
from segflow.specs.types import NUMBERS, ValueType

Condition = Any
"""One of the models of specs.conditions; the union itself is an Annotated type and no class."""


@dataclass(frozen=True)
class ConditionChecker:
    """Checks conditions of one file. `enrollment` says whether a condition is about an enrollment that exists; if it
    is False, `why` says why not."""

    say: Reporter
    catalog: Catalog
    enrollment: bool
    why: str = ""
    flow: NamedFlow | None = None
    """The flow whose conditions these are, also where no enrollment is there yet."""

    @property
    def moments(self) -> Moments:
        """What `since` may name besides dates."""
        steps = [step.id for step in self.flow.spec.walk()] if self.flow is not None and self.enrollment else []
        event = self.flow is not None and bool(triggering_events(self.flow.spec))
        return Moments(self.enrollment, self.why, steps, event)

    def check(self, condition: Condition, loc: Loc) -> None:
        """Check `condition`, which stands at `loc`, and all that it holds."""
        match condition:
            case c.All() | c.Any_() | c.None_() | c.Not():
                for inner, at in children(condition, loc):
                    self.check(inner, at)
            case c.AttributeCondition():
                attribute = self.catalog.contacts.attributes.get(condition.attribute)
                if attribute is None:
                    known = list(self.catalog.contacts.attributes)
                    self.say.unknown((*loc, "attribute"), "attribute", condition.attribute, known)
                else:
                    others = self.catalog.contacts.attributes
                    check_test(self.say, condition, attribute.type, loc, condition.attribute, others)
                for name, span in condition.held_for.bounds() if condition.held_for is not None else []:
                    check_span(self.say, span, (*loc, "held_for", name))
            case c.EventCondition():
                found = self.catalog.event(condition.event)
                if found is None:
                    self.say((*loc, "event"), no_event(self.catalog, condition.event))
                    check_window(self.say, condition, loc, self.moments)
                else:
                    self._rows(condition, loc, "event", condition.event, found[1], timed=True)
            case c.EventPrefixCondition(event_prefix=prefix):
                self._events(condition, prefix, f"events {prefix}*", (*loc, "event_prefix"), loc)
            case c.AnyEventCondition():
                self._events(condition, "", "any event", (*loc, "any_event"), loc)
            case c.ObjectCondition():
                spec = self.catalog.objects.get(condition.object)
                if spec is None:
                    self.say.unknown((*loc, "object"), "object", condition.object, list(self.catalog.objects))
                    check_window(self.say, condition, loc, self.moments)
                else:
                    timed = spec.created_at is not None
                    self._rows(condition, loc, "object", condition.object, spec.fields, timed=timed)
            case c.MessageCondition():
                check_window(self.say, condition, loc, self.moments)
                self._times(condition, loc)
                check_message(self.say, condition, loc, self.flow if self.enrollment else None, self.why)
            case c.ListCondition():
                check_label(self.say, self.catalog.lists, "list", condition.list, (*loc, "list"))
                self._added(condition, self.catalog.lists, "lists", loc)
                if condition.status is not None and self.catalog.lists.status is None:
                    message = "nothing says how contacts stand on lists: give lists a status in the catalog"
                    self.say((*loc, "status"), message, key=True)
            case c.TagCondition():
                check_label(self.say, self.catalog.tags, "tag", condition.tag, (*loc, "tag"))
                self._added(condition, self.catalog.tags, "tags", loc)
            case c.AnyListCondition():
                self._added(condition, self.catalog.lists, "lists", loc)
            case c.AnyTagCondition():
                self._added(condition, self.catalog.tags, "tags", loc)
            case c.BucketCondition():
                self._bucket(condition, loc)
            case c.SqlCondition():
                self._sql(condition.sql, (*loc, "sql"))
            case c.ConsentCondition():
                channel = self.catalog.contacts.channels.of(condition.consent)
                if channel is None or channel.consent_for("marketing") is None:
                    place = f"contacts.channels.{condition.consent}"
                    message = (
                        f"nothing says who may get {condition.consent}: give {place} a consent attribute in the catalog"
                    )
                    self.say((*loc, "consent"), message)
            case c.SegmentCondition():
                check_segment(self.say, condition.segment, (*loc, "segment"))
            case c.Enters() | c.Exits():
                word, segment = (
                    ("enters", condition.enters) if isinstance(condition, c.Enters) else ("exits", condition.exits)
                )
                check_segment(self.say, segment, (*loc, word))
                if not self.enrollment:
                    self.say((*loc, word), f"{word} is about an enrollment: {self.why}", key=True)
            case TriggerCondition() | CrossingCondition() | EnrollmentCondition():
                check_origin(self.say, self.catalog, condition, loc, self.flow, self.enrollment, self.why)

    def rows_of_event(self, event: str, where: c.PropertyNode | None, loc: Loc) -> None:
        """Check that there is an event, at `loc`, and what is asked of its rows."""
        found = self.catalog.event(event)
        if found is None:
            self.say((*loc, "event"), no_event(self.catalog, event))
        elif where is not None:
            self._property(where, (*loc, "where"), "event", event, found[1])

    def _events(
        self, condition: c.EventPrefixCondition | c.AnyEventCondition, prefix: str, name: str, at: Loc, loc: Loc
    ) -> None:
        if not self.catalog.events_named(prefix):
            if prefix not in self.catalog.event_prefixes:  # the catalog's check has said so
                self.say(at, no_prefix(self.catalog, prefix) if prefix else "the catalog has no event; known: none")
            check_window(self.say, condition, loc, self.moments)
        else:
            self._rows(condition, loc, "event", name, self.catalog.shared_properties(prefix), timed=True)

    def _following(self, spec: c.Following, loc: Loc) -> None:
        self.rows_of_event(spec.event, spec.where, loc)
        check_span(self.say, spec.within, (*loc, "within"))
        if spec.within.months:
            message = f"within takes an exact time like 30 days, not {spec.within}: months are not equally long"
            self.say((*loc, "within"), message)
        self._followings(spec, loc)

    def _followings(self, spec: c.Following | c.EventRows, loc: Loc) -> None:
        for key in ("followed_by", "not_followed_by"):
            following = getattr(spec, key)
            if following is not None:
                self._following(following, (*loc, key))

    def _added(self, condition: c.Label, source: LabelSource, word: str, loc: Loc) -> None:
        if condition.added is None:
            return
        if source.model is not None and source.added_at is None:
            message = f"added needs to know when it was: give {word} an added_at in the catalog"
            self.say((*loc, "added"), message, key=True)
        if condition.added.since is not None:
            check_since(self.say, condition.added.since, (*loc, "added", "since"), self.moments)
        else:
            check_test(self.say, condition.added, "timestamp", (*loc, "added"), "added")

    def _sql(self, sql: str, loc: Loc) -> None:
        attributes = self.catalog.contacts.attributes
        types: dict[str, ValueType] = {"contact_id": "text", **{name: a.type for name, a in attributes.items()}}
        for issue in check_expression(sql, types, self.say.engine):
            self.say.inside(loc, sql, issue)

    def _bucket(self, condition: c.BucketCondition, loc: Loc) -> None:
        low, high = condition.range()
        word = "percent" if condition.between is None else "between"
        for index, value in enumerate((low, high)):
            at = (*loc, word) if word == "percent" else (*loc, word, index)
            if not 0 <= value <= 100:
                self.say(at, f"{value} is no percentage: write 0 to 100")
            elif round(value, 2) != value:
                self.say(at, f"{value} is too fine: percentages have at most two decimals")
        if word == "between" and low >= high:
            self.say((*loc, word), f"between goes from low to high: {low} is not less than {high}")

    def _rows(
        self,
        condition: c.EventRows | c.ObjectCondition,
        loc: Loc,
        kind: str,
        name: str,
        fields: Mapping[str, Attribute],
        timed: bool,
    ) -> None:
        check_window(self.say, condition, loc, self.moments)
        if not timed:
            for key in (
                "within_last",
                "not_within_last",
                "within",
                "since",
                "until",
                *c.AGGREGATES[c.AGGREGATES.index("first") :],
            ):
                if getattr(condition, key) is not None:
                    message = f"{key} needs to know when a row was made: give object {name} a created_at in the catalog"
                    self.say((*loc, key), message, key=True)
        if condition.where is not None:
            self._property(condition.where, (*loc, "where"), kind, name, fields)
        if isinstance(condition, c.EventRows):
            self._followings(condition, loc)
        aggregate, test = condition.aggregate()
        at = (*loc, aggregate)
        if isinstance(test, o.ValueTest):
            attribute = self._measured(test, at, kind, name, fields)
            if attribute is not None:
                check_test(self.say, test, attribute.type, at, f"{test.property or test.field}")
            return
        self._times(condition, loc)
        if isinstance(test, o.MeasureTest):
            attribute = self._measured(test, at, kind, name, fields)
            if attribute is not None and aggregate in ("sum", "avg") and attribute.type not in NUMBERS:
                measured = test.property or test.field
                word = "property" if test.property else "field"
                self.say((*at, word), f"{aggregate} needs a number; {measured} is a {attribute.type}")

    def _times(self, condition: c.EventRows | c.ObjectCondition | c.MessageCondition, loc: Loc) -> None:
        """Check an aggregate, as far as it does not look at a value of the rows."""
        aggregate, test = condition.aggregate()
        at = (*loc, aggregate)
        if isinstance(test, Duration):
            check_span(self.say, test, at)
        elif isinstance(test, o.TimeTest):
            check_test(self.say, test, "timestamp", at, f"the {aggregate.replace('_', ' ')}")
        elif isinstance(test, o.NumberTest):
            check_bounds(self.say, test, at)

    def _measured(
        self, test: o.MeasureTest | o.ValueTest, loc: Loc, kind: str, name: str, fields: Mapping[str, Attribute]
    ) -> Attribute | None:
        word = "property" if test.property is not None else "field"
        attribute = self._field(word, test.property or test.field or "", loc, kind, name, fields)
        if attribute is not None and attribute.type == "list_of_text":
            measured = test.property or test.field
            self.say((*loc, word), f"{loc[-1]} needs one value per row; {measured} is a list_of_text")
            return None
        return attribute

    def _field(
        self, word: str, given: str, loc: Loc, kind: str, name: str, fields: Mapping[str, Attribute]
    ) -> Attribute | None:
        proper = "property" if kind == "event" else "field"
        if word != proper:
            self.say((*loc, word), f"{word}: is for {_other(kind)}; here write {proper}:", key=True)
            return None
        if given not in fields and kind == "event" and not self.catalog.event(name):
            self._not_shared(given, (*loc, word), name, fields)
            return None
        if given not in fields:
            self.say.unknown((*loc, word), f"{proper} of {kind} {name} called", given, list(fields))
            return None
        return fields[given]

    def _field_above(self, node: c.FieldCondition, loc: Loc, kind: str, name: str) -> Attribute | None:
        assert node.of is not None
        if kind == "event":
            self.say((*loc, "of"), "of: is for objects; events belong to contacts themselves", key=True)
            return None
        above = {other: spec.fields for other, spec in self.catalog.object_path(name)[1:]}
        if node.of not in above:
            path = " -> ".join([name, *above, "contact"])
            self.say((*loc, "of"), f"{node.of} is no object above {name} ({path}){did_you_mean(node.of, list(above))}")
            return None
        return self._field("field", node.field, loc, kind, node.of, above[node.of])

    def _not_shared(self, given: str, loc: Loc, name: str, fields: Mapping[str, Attribute]) -> None:
        prefix = name.removeprefix("events ").rstrip("*") if name != "any event" else ""
        kinds = {event: found[1] for event, found in self.catalog.events_named(prefix).items()}
        without = next((event for event in kinds if given not in kinds[event]), None)
        if without is None:
            types = ", ".join(f"{kinds[event][given].type} in {event}" for event in kinds)
            self.say(loc, f"property {given} has not one type in all of these events: {types}")
        elif any(given in properties for properties in kinds.values()):
            self.say(loc, f"not all of these events have a property {given}: {without} has none")
        else:
            self.say.unknown(loc, f"property of {name} called", given, list(fields))

    def _property(self, node: Any, loc: Loc, kind: str, name: str, fields: Mapping[str, Attribute]) -> None:
        match node:
            case c.PropertyCondition():
                attribute = self._field("property", node.property, loc, kind, name, fields)
                if attribute is not None:
                    check_test(self.say, node, attribute.type, loc, node.property)
            case c.FieldCondition():
                attribute = (
                    self._field("field", node.field, loc, kind, name, fields)
                    if node.of is None
                    else self._field_above(node, loc, kind, name)
                )
                if attribute is not None:
                    check_test(self.say, node, attribute.type, loc, node.field)
            case _:
                for inner, at in children(node, loc):
                    self._property(inner, at, kind, name, fields)


def _other(kind: str) -> str:
    return "objects" if kind == "event" else "events"


def children(condition: Condition, loc: Loc) -> Iterator[tuple[Condition, tuple[str | int, ...]]]:
    """The conditions right inside a group, with their locs; none for a leaf."""
    for key in ("all", "any", "none"):
        for index, inner in enumerate(getattr(condition, key, None) or []):
            yield inner, (*loc, key, index)
    if isinstance(condition, (c.Not, c.PropertyNot)):
        yield condition.not_, (*loc, "not")


def segment_references(condition: Condition, loc: Loc) -> Iterator[tuple[str, tuple[str | int, ...]]]:
    """The segments that a condition refers to, with their locs."""
    if isinstance(condition, c.SegmentCondition):
        yield condition.segment, (*loc, "segment")
    for inner, at in children(condition, loc):
        yield from segment_references(inner, at)


def check_label(say: Reporter, source: LabelSource, kind: str, name: str, loc: Loc) -> None:
    """A list or tag of this name can exist."""
    if not name.strip():
        say(loc, f"the {kind} has no name")
    elif source.names and name not in source.names:
        say.unknown(loc, kind, name, source.names)


def check_segment(say: Reporter, segment: str, loc: Loc) -> None:
    """A segment of this name exists."""
    if segment not in say.loaded.segment_ids:
        say(loc, say.loaded.no_segment(segment))
