"""What the conditions of segments ask of the data, leaf by leaf, with the places."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from segflow.durations import Duration
from segflow.segments.nodes import Source, Value
from segflow.specs import conditions as c
from segflow.specs import operators as o
from segflow.specs.catalog import Catalog
from segflow.specs.check_conditions import Condition, children
from segflow.specs.columns import Attribute
from segflow.specs.segment import NamedSegment, SegmentSpec

CONTACT = Source("contact")
Place = tuple[str | int, ...]
_EQUAL = ("is", "is_not", "in", "not_in")


@dataclass(frozen=True)
class ValueUse:
    """A value that a condition looks at: an attribute, a property, a field."""

    segment: NamedSegment
    source: Source
    value: Value
    loc: Place
    """Of the word that names the value."""
    test: o.Test | None = None
    """What is asked of it; None inside of an aggregate."""

    @property
    def what(self) -> str:
        """In words: `attribute city`, `property amount of event purchase`, `field total of object order`."""
        if self.source == CONTACT:
            return f"attribute {self.value.name}"
        if self.source.kind == "object":
            return f"field {self.value.name} of object {self.value.owner or self.source.name}"
        return f"property {self.value.name} of {source_words(self.source)}"

    def texts(self) -> list[tuple[str, Place]]:
        """The texts that the value is compared with for equality, with their places."""
        if self.test is None or self.value.type != "text":
            return []
        name, operand = self.test.operator()
        if name not in _EQUAL or isinstance(operand, o.OtherAttribute):
            return []
        at = (*self.loc[:-1], name)
        if isinstance(operand, list):
            return [(str(text), (*at, index)) for index, text in enumerate(operand)]
        return [(str(operand), at)]


@dataclass(frozen=True)
class RowsUse:
    """The rows of an event or object that a condition looks at. `span`: how far back, None for all of the past."""

    segment: NamedSegment
    source: Source
    loc: Place
    """Of the word that names the event or object."""
    span: Duration | None = None
    span_loc: Place = ()


@dataclass(frozen=True)
class LabelUse:
    """A list or tag, by name."""

    segment: NamedSegment
    source: Source
    name: str
    loc: Place


Use = ValueUse | RowsUse | LabelUse


def uses(segment: NamedSegment, catalog: Catalog) -> Iterator[Use]:
    """Everything that a YAML segment asks of the data; nothing for a `.sql` one."""
    if isinstance(segment.spec, SegmentSpec):
        yield from _Walk(segment, catalog).condition(segment.spec.where, ("where",))


def source_words(source: Source) -> str:
    """`event purchase`, `events shop_*`, `object order`, `list`, `tag`."""
    if source.kind == "events":
        return f"events {source.name}*" if source.name else "any event"
    return f"{source.kind} {source.name}".strip()


@dataclass(frozen=True)
class _Walk:
    segment: NamedSegment
    catalog: Catalog

    def condition(self, condition: Condition, loc: Place) -> Iterator[Use]:
        for inner, at in children(condition, loc):
            yield from self.condition(inner, at)
        match condition:
            case c.AttributeCondition():
                kind = self.catalog.contacts.attributes[condition.attribute].type
                value = Value("contact", condition.attribute, kind)
                yield ValueUse(self.segment, CONTACT, value, (*loc, "attribute"), condition)
            case c.ListCondition():
                yield LabelUse(self.segment, Source("list"), condition.list, (*loc, "list"))
            case c.TagCondition():
                yield LabelUse(self.segment, Source("tag"), condition.tag, (*loc, "tag"))
            case c.EventCondition():
                yield from self._event(condition, (*loc, "event"))
            case c.EventPrefixCondition(event_prefix=prefix):
                shared = self.catalog.shared_properties(prefix)
                yield from self._rows(condition, Source("events", prefix), (*loc, "event_prefix"), shared)
            case c.AnyEventCondition():
                shared = self.catalog.shared_properties("")
                yield from self._rows(condition, Source("events"), (*loc, "any_event"), shared)
            case c.ObjectCondition():
                fields = self.catalog.objects[condition.object].fields
                yield from self._rows(condition, Source("object", condition.object), (*loc, "object"), fields)

    def _event(self, spec: c.EventCondition | c.Following, at: Place) -> Iterator[Use]:
        found = self.catalog.event(spec.event)
        assert found is not None, spec.event
        yield from self._rows(spec, Source("event", spec.event), at, found[1])

    def _rows(self, spec: Any, source: Source, at: Place, values: dict[str, Attribute]) -> Iterator[Use]:
        loc = at[:-1]
        # Where contacts belong to the object, its rows are theirs by an attribute.
        if source.kind == "object":
            source = Source("object", source.name, self.catalog.object_path(source.name)[-1][1].contacts_by or "")
        span, key = _span(spec)
        yield RowsUse(self.segment, source, at, span, (*loc, key))
        if spec.where is not None:
            yield from self._where(spec.where, (*loc, "where"), source, values)
        for key in ("followed_by", "not_followed_by"):
            following = getattr(spec, key, None)
            if following is not None:
                yield from self._event(following, (*loc, key, "event"))
        if isinstance(spec, c.Following):
            return
        name, test = spec.aggregate()
        measured = getattr(test, "property", None) or getattr(test, "field", None)
        if measured is not None:
            word = "property" if test.property is not None else "field"
            value = Value("row", measured, values[measured].type)
            of = test if isinstance(test, o.ValueTest) else None
            yield ValueUse(self.segment, source, value, (*loc, name, word), of)

    def _where(self, spec: Any, loc: Place, source: Source, values: dict[str, Attribute]) -> Iterator[Use]:
        for inner, at in children(spec, loc):
            yield from self._where(inner, at, source, values)
        if isinstance(spec, c.PropertyCondition):
            value = Value("row", spec.property, values[spec.property].type)
            yield ValueUse(self.segment, source, value, (*loc, "property"), spec)
        elif isinstance(spec, c.FieldCondition):
            fields = values if spec.of is None else self.catalog.objects[spec.of].fields
            value = Value("row", spec.field, fields[spec.field].type, spec.of or "")
            yield ValueUse(self.segment, source, value, (*loc, "field"), spec)


def _span(spec: Any) -> tuple[Duration | None, str]:
    """How far back a condition on rows looks, and the key that says so."""
    for key in ("within_last", "not_within_last"):
        if getattr(spec, key, None) is not None:
            return getattr(spec, key), key
    if isinstance(spec, c.Following):
        return None, ""
    name, test = spec.aggregate()
    if isinstance(test, Duration):
        return test.times(2), name
    if isinstance(test, o.PeriodTest):
        return Duration.parse(f"{test.of_last} {name}"), name
    return None, ""
