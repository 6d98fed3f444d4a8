"""The rules that need nothing but the specs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from segflow.lint.domains import Moment
from segflow.lint.findings import Report
from segflow.lint.logic import Literal, Verdict, moments, verdict
from segflow.lint.uses import source_words
from segflow.segments.compiler import Compiled
from segflow.segments.nodes import Compare, Crossed, Fact, Member, Sql
from segflow.segments.resolve import Resolver
from segflow.segments.sentence import fact_sentence, node_words
from segflow.specs import conditions as c
from segflow.specs.check_conditions import Condition, children
from segflow.specs.segment import NamedSegment, SegmentSpec


def without_data(report: Report, compiled: Compiled, segments: Sequence[NamedSegment], now: datetime) -> None:
    """Conditions that are always the same, rules that are there twice, segments that nobody uses."""
    judge = _Judge(Resolver.of(compiled.specs), moments(now, compiled.zone))
    for segment in segments:
        if isinstance(segment.spec, SegmentSpec) and not isinstance(segment.spec.where, c.Everyone):
            _constant(report, judge, segment, segment.spec.where)
    _same_rule(report, compiled, segments)
    _unused(report, compiled, segments)


@dataclass(frozen=True)
class _Judge:
    resolver: Resolver
    when: Sequence[Moment]

    def __call__(self, condition: Condition) -> Verdict | None:
        return verdict(self.resolver.condition(condition), self.when)

    def smallest(
        self, condition: Condition, loc: tuple[str | int, ...]
    ) -> Iterator[tuple[tuple[str | int, ...], Verdict]]:
        """The conditions below and at `loc` that are always the same, less those that are so because of one inside."""
        inner = [found for below, at in children(condition, loc) for found in self.smallest(below, at)]
        yield from inner
        if not inner and not isinstance(condition, c.Everyone):
            found = self(condition)
            if found is not None:
                yield loc, found


def _constant(report: Report, judge: _Judge, segment: NamedSegment, where: Condition) -> None:
    whole = judge(where)
    if whole is not None:
        words = "everyone can match" if whole.value else "nobody can match"
        do = "write {everyone: true} if that is meant" if whole.value else "mend the values, or remove the segment"
        rule = "everyone-can-match" if whole.value else "nobody-can-match"
        report.add(segment, rule, ("where",), f"{words}{_because(whole)}", do)  # type: ignore[arg-type]
    for loc, found in judge.smallest(where, ("where",)):
        if loc == ("where",):
            continue  # said above
        if found.value:
            report.add(segment, "always-true", loc, f"this is always true{_because(found)}", "remove it, or mend it")
        else:
            report.add(
                segment, "never-true", loc, f"this is never true{_because(found)}", "mend the values, or remove it"
            )


def _because(found: Verdict) -> str:
    # What makes a condition always true is what makes its complement impossible.
    words = list(dict.fromkeys(_words((node, positive is not found.value)) for node, positive in found.because))
    if not words:
        return ""
    told = [f"'{word}'" for word in words]
    if found.value:
        return f": {' or '.join(told)} always holds"
    return f": {told[0]} cannot be" if len(told) == 1 else f": {' and '.join(told)} exclude each other"


def _words(leaf: Literal) -> str:
    node, positive = leaf
    words = node_words(node)
    if isinstance(node, Compare) and isinstance(node.subject, Fact):
        told = fact_sentence(node.subject) if node.subject.aggregate == "match" else words
        words = f"{source_words(node.subject.source)}: {told}"
    elif isinstance(node, Member):
        words = f"in segment {node.segment}"
    elif isinstance(node, Sql):
        words = f"sql: {node.text}"
    return words if positive else f"not ({words})"


def _same_rule(report: Report, compiled: Compiled, segments: Sequence[NamedSegment]) -> None:
    first: dict[str, NamedSegment] = {}
    for name, segment in compiled.specs.segments.items():
        other = first.setdefault(compiled.segments[name].fingerprint, segment)
        if other is not segment and segment in segments and "same-rule" not in other.spec.lint.ignore:
            what = f"the rule is the same as that of segment {other.id} ({other.file})"
            report.add(
                segment, "same-rule", ("where",), what, "keep one of them, and refer to it with segment:", key=True
            )


def _unused(report: Report, compiled: Compiled, segments: Sequence[NamedSegment]) -> None:
    specs = compiled.specs
    used = {name for segment in compiled.segments.values() for name in segment.references}
    for flow in specs.flows.values():
        used |= flow.spec.trigger_segments()
        nodes = [below for node in compiled.conditions[flow.id].values() for below in node.walk()]
        used |= {node.segment for node in nodes if isinstance(node, (Member, Crossed))}
    exported = specs.settings.exports.segments
    used |= set(exported) if exported != "all" else set()
    used |= {segment.id for segment in specs.segments.values() if segment.spec.export is not None}
    for segment in segments:
        if segment.id not in used:
            what = "no flow, segment or export names this segment"
            report.add(segment, "unused-segment", (), what, "remove it if nobody reads it either")
