"""The rules that ask the warehouse, which the last tick left behind."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from segflow.errors import InputError, did_you_mean, nearest
from segflow.lint.data import Data, Seen
from segflow.lint.findings import Report
from segflow.lint.uses import CONTACT, LabelUse, RowsUse, Use, ValueUse, uses
from segflow.segments.bounds import Bound
from segflow.segments.nodes import Source
from segflow.segments.sentence import LISTED, listed
from segflow.specs import conditions as c
from segflow.specs import operators as o
from segflow.specs.check_conditions import children
from segflow.specs.event_names import as_type, spelt_like
from segflow.specs.segment import NamedSegment, SegmentSpec

MANY_MISSING = 0.05
"""From this share of contacts without a value on, a negative operator is told of."""


def with_data(report: Report, data: Data, segments: Sequence[NamedSegment]) -> None:
    """Hold what conditions ask for against what there is, and sizes against the number of contacts."""
    found = [use for segment in segments for use in uses(segment, data.compiled.specs.catalog)]
    sources = dict.fromkeys(use.source for use in found if isinstance(use, (ValueUse, RowsUse)))
    for source in sources:
        of_source = [use for use in found if use.source == source]
        values = [use for use in of_source if isinstance(use, ValueUse)]
        texts = [(use.value, text, _folds(use)) for use in values for text, _ in use.texts()]
        seen = data.seen(source, [use.value for use in values], texts)
        if seen is None:
            continue
        if not seen.rows:
            _no_rows(report, data, source, of_source)
            continue
        for use in values:
            _value(report, data, use, seen)
    _windows(report, data, [use for use in found if isinstance(use, RowsUse)])
    _labels(report, data, [use for use in found if isinstance(use, LabelUse)])
    _sizes(report, data, segments)


def _folds(use: ValueUse) -> bool:
    return use.test is not None and use.test.ignore_case


def _no_rows(report: Report, data: Data, source: Source, found: Sequence[Use]) -> None:
    if source == CONTACT:
        return  # nobody has anything then, and that is no fault of a condition
    near, do = "", "mend the name in the catalog, or the model"
    names = data.event_names(source.name) if source.kind == "event" else []
    text = spelt_like(source.name, names) or nearest(data.event_text(source.name), names)
    if text is not None:
        near, do = f"; the data has '{text}'", f"write {as_type(source.name, text)} in the catalog, or mend the model"
    elif 0 < len(names) <= 12:
        near = f"; the data has {', '.join(sorted(names))}"
    do = data.time_remedy(source) or do
    for use in found:
        if isinstance(use, RowsUse):
            report.add(use.segment, "never-seen", use.loc, f"no row of {data.words(source)} was ever seen{near}", do)


def _value(report: Report, data: Data, use: ValueUse, seen: Seen) -> None:
    by_flows = use.source == CONTACT and _written_by_flows(data, use)
    if not seen.set[use.value]:
        if not by_flows:
            path = data.path(use.source, use.value)
            at = f": nothing lies at [{', '.join(path)}]" if len(path) > 1 else ""
            word = "path" if at else "column"
            what, do = f"{use.what} is always missing{at}", f"mend its {word} in the catalog, or the model"
            do = data.number_remedy(use.source, use.value) or do
            if at and use.value.type != "list_of_text":
                do += "; with a list on the way its type is list_of_text"
            report.add(use.segment, "always-missing", use.loc, what, do)
        return
    if use.source == CONTACT and use.test is not None:
        _missing(report, use, use.test, seen)
    if by_flows:
        return
    unseen = [(text, loc) for text, loc in use.texts() if not seen.equal[use.value, text, _folds(use)]]
    if len(unseen) > LISTED:
        some = listed([f"'{text}'" for text, _ in unseen])
        what = f"{some} of {len(use.texts()):,} texts were never seen in {use.what}"
        report.add(use.segment, "value-never-seen", unseen[0][1][:-1], what, "mend them, or remove them", key=True)
        return
    for text, loc in unseen:
        known = data.values(use.source, use.value)
        near = did_you_mean(text, known) or (f" (known: {', '.join(sorted(known))})" if len(known) <= 12 else "")
        what = f"'{text}' was never seen in {use.what}{near}"
        report.add(use.segment, "value-never-seen", loc, what, "mend the text, or remove it")


def _written_by_flows(data: Data, use: ValueUse) -> bool:
    return data.compiled.specs.catalog.contacts.attributes[use.value.name].written_by != "source"


def _missing(report: Report, use: ValueUse, test: o.Test, seen: Seen) -> None:
    operator, operand = test.operator()
    missing = seen.rows - seen.set[use.value]
    if operator not in o.NEGATIVE_OF or operator == "is_not_set" or missing < seen.rows * MANY_MISSING:
        return
    if _asks_whether_set(use):
        return
    words = listed([str(value) for value in operand]) if isinstance(operand, list) else str(operand)
    if isinstance(operand, o.OtherAttribute):
        words = operand.attribute
    name = use.value.name
    what = f"{missing:,} of {seen.rows:,} contacts have no {name} and match {operator} {words}"
    do = f"add {{attribute: {name}, is_set: true}} under all: to leave them out"
    report.add(use.segment, "missing-values", (*use.loc[:-1], operator), what, do, key=True)


def _asks_whether_set(use: ValueUse) -> bool:
    """Does the segment ask elsewhere whether there is a value? Then its author has thought of those without one."""
    assert isinstance(use.segment.spec, SegmentSpec)
    stack = [use.segment.spec.where]
    while stack:
        condition = stack.pop()
        match condition:
            case c.AttributeCondition(attribute=name) if name == use.value.name:
                if condition.operator()[0] in ("is_set", "is_not_set"):
                    return True
        stack += [inner for inner, _ in children(condition, ())]
    return False


def _windows(report: Report, data: Data, found: Sequence[RowsUse]) -> None:
    firsts = {source: data.first(source) for source in {use.source for use in found if use.span is not None}}
    for use in found:
        first = firsts.get(use.source)
        if use.span is None or first is None:
            continue
        model, time = first
        begin = time.replace(tzinfo=data.context.as_of.tzinfo)
        try:
            back = Bound("instant", use.span).value(data.context.as_of, data.compiled.zone)
        except InputError:
            continue  # longer than any calendar: the tick says so
        assert isinstance(back, datetime)
        if back < begin <= data.context.as_of:
            days = (data.context.as_of - begin).days
            what = f"this looks {use.span} back, and the first row of model {model} is {days:,} days old"
            do = "load older rows, or shorten the window"
            report.add(use.segment, "window-longer-than-data", use.span_loc, what, do)


def _labels(report: Report, data: Data, found: Sequence[LabelUse]) -> None:
    steps = [step for flow in data.compiled.specs.flows.values() for step in flow.spec.walk()]
    updates = (update for step in steps for update in step.updates())
    added = {update.name for update in updates if (update.kind, update.value) == ("list", "add")}
    for kind in sorted({use.source.kind for use in found}):
        names = data.labels(kind)
        if names is None:
            continue
        for use in found:
            if use.source.kind == kind and use.name not in names and not (kind == "list" and use.name in added):
                near = did_you_mean(use.name, names)
                what = f"nobody is on list {use.name}{near}" if kind == "list" else f"nobody has tag {use.name}{near}"
                report.add(use.segment, "never-seen", use.loc, what, f"mend the name, or fill the {kind}")


def _sizes(report: Report, data: Data, segments: Sequence[NamedSegment]) -> None:
    sizes, contacts = data.sizes(), data.contacts
    for segment in segments:
        members, fingerprint = sizes.get(segment.id, (None, None))
        if members is None or fingerprint != data.compiled.segments[segment.id].fingerprint:
            continue  # it is new, or was edited since: the size is that of another rule
        everyone = isinstance(segment.spec, SegmentSpec) and isinstance(segment.spec.where, c.Everyone)
        if members == 0:
            report.add(
                segment, "selects-no-one", ("where",), "it had no member at the last tick", "see segflow preview"
            )
        elif members == contacts and not everyone:
            what = f"it had all {members:,} contacts at the last tick"
            report.add(segment, "selects-everyone", ("where",), what, "write {everyone: true} if that is meant")
