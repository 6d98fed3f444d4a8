"""The rules that made the present members, in the words of another engine.

Each version of a rule is kept as the SQL that the engine ran, so that an edit can ask the old rule once more. In
another engine that must be its SQL. Fingerprints of `.sql` segments are those of the translated query: a file that says
something else there is an edit, and whom it moves crosses by `definition`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import pyarrow as pa
from sqlglot import exp

from segflow.crossings.answers import parts_json, parts_of
from segflow.crossings.names import segment_keys
from segflow.errors import InputError
from segflow.segments.compiler import Compiled, compile_project, fingerprints
from segflow.segments.sql_segment import in_dialect
from segflow.specs.project import Specs
from segflow.specs.segment import NamedSegment, SqlSegmentSpec
from segflow.warehouse.base import Warehouse, relation
from segflow.warehouse.engines import wing, words


@dataclass(frozen=True)
class OtherWords:
    """The versions that the present members follow: (segment_key, segment_version) -> the columns that change."""

    versions: Mapping[tuple[str, int], Mapping[str, str]]

    def __call__(self, rows: pa.Table) -> pa.Table:
        """Rows of `segment_versions`, with those of the versions changed."""
        told = [
            {**row, **self.versions.get((row["segment_key"], row["segment_version"]), {})} for row in rows.to_pylist()
        ]
        return pa.Table.from_pylist(told, schema=rows.schema)


def other_words(compiled: Compiled, warehouse: Warehouse, engine: str) -> OtherWords:
    """The versions in the words of `engine`. Raises InputError when a file was edited since its segment was compared,
    and when a query has no form there."""
    state = {row["segment"]: row for row in warehouse.rows(exp.select("*").from_(relation("segment_state")))}
    known = {(row["segment_key"], row["segment_version"]): row["fingerprint"] for row in warehouse.rows(_VERSIONS)}
    keys = segment_keys(compiled, warehouse, state)
    live = {row["segment_key"]: (row["segment_key"], row["segment_version"]) for row in state.values()}
    made = {name: live[key] for name, key in keys.items() if key in live}
    status = {row["segment_key"]: row["status"] for row in state.values()}
    edited = [name for name, version in made.items() if known.get(version) != compiled.segments[name].fingerprint]
    if edited:
        told = [f"{name} ({status[keys[name]]})" if status[keys[name]] != "ok" else name for name in edited]
        raise InputError(
            f"edited since they were compared last: {', '.join(told)}. Whom an edit moves is told from whom the data "
            "moves by the old rule, which no file says any more: run segflow tick until they are compared again, or "
            "take the edits back"
        )
    other = _compiled(compiled.specs, engine)
    yaml = {name: segment.node for name, segment in other.segments.items() if segment.node is not None}
    marks = fingerprints(other.specs, yaml, other.graph)
    return OtherWords(
        {
            version: {
                "fingerprint": marks[name],
                "compiled_sql": other.segments[name].standalone,
                "parts": parts_json(parts_of(other, name, keys)),
            }
            for name, version in made.items()
        }
    )


def _compiled(specs: Specs, engine: str) -> Compiled:
    """The project as it is, compiled for another engine; its `.sql` segments are translated."""
    segments = {name: _translated(segment, specs.engine, engine) for name, segment in specs.segments.items()}
    try:
        compiled = compile_project(specs, words(engine))
    except ValueError as error:  # a pattern that the engine has no form for
        raise InputError(f"a condition has no form on {wing(engine).title}: {error}") from error
    return replace(compiled, specs=replace(specs, engine=engine, segments=segments))


def _translated(segment: NamedSegment, written_for: str, engine: str) -> NamedSegment:
    spec = segment.spec
    if not isinstance(spec, SqlSegmentSpec):
        return segment
    try:
        sql = in_dialect(spec.sql, written_for, wing(engine).dialect)
    except InputError as error:
        raise InputError(f"{segment.file}: {error}; write it so that both have it, and run segflow tick") from None
    return segment.model_copy(update={"spec": spec.model_copy(update={"sql": sql})})


_VERSIONS = exp.select("segment_key", "segment_version", "fingerprint").from_(relation("segment_versions"))
