"""One segment and those that it refers to, compiled alone: a question about one need not wait for all."""

from __future__ import annotations

from dataclasses import replace

from segflow.segments.compiler import Compiled, compile_project
from segflow.segments.order import closure
from segflow.segments.sql_segment import sql_references
from segflow.specs.check_conditions import segment_references
from segflow.specs.project import Specs
from segflow.specs.segment import SegmentSpec


def compile_one(specs: Specs, segment: str) -> Compiled:
    """The compiled project of one segment and what it needs; it has the same SQL as in the whole project. Raises
    SpecError when a .sql segment leaves its allowlist."""
    graph = {name: _references(specs, name) & set(specs.segments) for name in specs.segments}
    needed = {name: specs.segments[name] for name in sorted(closure(segment, graph))}
    return compile_project(replace(specs, segments=needed, flows={}))


def _references(specs: Specs, segment: str) -> set[str]:
    spec = specs.segments[segment].spec
    if isinstance(spec, SegmentSpec):
        return {name for name, _ in segment_references(spec.where, ())}
    return sql_references(spec.sql)
