"""One flow with all that it needs of a project, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from pydantic import BaseModel

from segflow.segments.compiler import Compiled, compile_project
from segflow.segments.order import closure
from segflow.segments.sql_segment import sql_references
from segflow.specs import conditions as c
from segflow.specs.check_conditions import children, segment_references
from segflow.specs.flow import NamedFlow
from segflow.specs.project import Specs
from segflow.specs.segment import NamedSegment, SegmentSpec, SqlSegmentSpec
from segflow.warehouse.words import Words

_CONDITIONS = tuple(c.CONDITION_MODELS.values())


def compiled_for(
    specs: Specs,
    flow: NamedFlow,
    stood_in: Mapping[str, NamedSegment] | None = None,
    words: Words | None = None,
) -> Compiled:
    """The flow as if it were active, and the segments that it needs; those of `stood_in` in place of the project's.
    `words`: of the engine that runs it, by default the project's."""
    segments = {**specs.segments, **(stood_in or {})}
    graph = {name: _references(one) for name, one in segments.items()}
    asked = {*flow.spec.trigger_segments(), *_segments_in(flow.spec)}
    needed = {name: segments[name] for name in sorted(set().union(*(closure(name, graph) for name in asked)))}
    active = flow.model_copy(update={"spec": flow.spec.model_copy(update={"status": "active"})})
    return compile_project(replace(specs, segments=needed, flows={flow.id: active}, unfinished=frozenset()), words)


def conditions_of(compiled: Compiled, flow: NamedFlow) -> Iterator[Any]:
    """Every condition of the flow and of the segments that it needs, those inside of others included."""
    tops = [*_top_conditions(flow.spec)]
    tops += [one.spec.where for one in compiled.specs.segments.values() if isinstance(one.spec, SegmentSpec)]
    while tops:
        one = tops.pop()
        yield one
        tops += [inner for inner, _ in children(one, ())]


def _references(segment: NamedSegment) -> set[str]:
    if isinstance(segment.spec, SqlSegmentSpec):
        return sql_references(segment.spec.sql)
    return {name for name, _ in segment_references(segment.spec.where, ())}


def _segments_in(spec: Any) -> Iterator[str]:
    """The segments that conditions of a flow name, wherever they stand."""
    waiting = list(_top_conditions(spec))
    while waiting:
        one = waiting.pop()
        if isinstance(one, c.SegmentCondition):
            yield one.segment
        elif isinstance(one, c.Enters):
            yield one.enters
        elif isinstance(one, c.Exits):
            yield one.exits
        waiting += [inner for inner, _ in children(one, ())]


def _top_conditions(value: Any) -> Iterator[Any]:
    if isinstance(value, _CONDITIONS):
        yield value
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _top_conditions(getattr(value, name))
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from _top_conditions(one)
    elif isinstance(value, dict):
        for one in value.values():
            yield from _top_conditions(one)
