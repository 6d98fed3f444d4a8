"""Runs the tests of segments: their rows stand in for the user's models, in a warehouse that is only in memory.

The rule that runs is the compiled one, as a version of it is kept: what a tick would do, without dbt.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

import pyarrow as pa
from sqlglot import exp

from segflow.errors import InputError, TimeLimitError, WarehouseError, did_you_mean, relative
from segflow.segments.attribute_history import HISTORY
from segflow.segments.compiler import Compiled, compile_project
from segflow.segments.emit import Filling, template
from segflow.segments.membership_models import contacts_query
from segflow.segments.order import closure
from segflow.segments.rule_test_rows import GivenRows
from segflow.segments.sql import col, ref, select, typed
from segflow.segments.sql_segment import sql_references
from segflow.specs.check_conditions import segment_references
from segflow.specs.project import Specs
from segflow.specs.segment import NamedSegment, SqlSegmentSpec
from segflow.specs.segment_tests import SegmentTest
from segflow.specs.sql_file import OWN_CONTACTS, read_segment_file
from segflow.warehouse.base import Warehouse
from segflow.warehouse.engines import scratch, words
from segflow.warehouse.names import whole

_GIVEN = "given"
"""The schema of the rows. No relation of the engine or the user is there."""
_TICK = "test"
_MORE_COLUMNS = "; give the rows under models each column that the query reads"


@dataclass(frozen=True)
class Outcome:
    """What became of one test."""

    segment: str
    test: str
    file: str
    line: int
    column: int
    missing: tuple[str, ...] = ()
    """Contacts that should be members and are not."""
    extra: tuple[str, ...] = ()
    """Contacts that are members and should not be."""
    error: str | None = None
    """Why the test could not be evaluated."""
    seconds: float = 0.0

    @property
    def passed(self) -> bool:
        return not (self.missing or self.extra or self.error)

    def __str__(self) -> str:
        """The place, and what is wrong, in a sentence."""
        words = [f"it cannot be evaluated: {self.error}"] if self.error else []
        words += [f"{', '.join(self.missing)} should be in and {_is(self.missing)} not"] if self.missing else []
        words += [f"{', '.join(self.extra)} should not be in and {_is(self.extra)}"] if self.extra else []
        told = "; ".join(words) or "passed"
        return f"{self.file}:{self.line}:{self.column}: {self.segment}, test {self.test}: {told}"


def segments_with_tests(specs: Specs, segments: Sequence[str] = ()) -> list[NamedSegment]:
    """The segments that have tests, or just `segments`. Raises InputError when one is unknown or has none."""
    for name in segments:
        if name not in specs.segments:
            raise InputError(f"unknown segment {name}{did_you_mean(name, list(specs.segments))}")
        if not specs.segments[name].spec.tests:
            raise InputError(f"segment {name} has no tests: write tests: into {specs.segments[name].file}")
    return [one for one in specs.segments.values() if one.spec.tests and (not segments or one.id in segments)]


def run_tests(specs: Specs, segments: Sequence[str] = (), only: str | None = None) -> Iterator[Outcome]:
    """Run the tests of `segments`, by default of all that have any, in the order of their files; `only` those of this
    name.

    Raises InputError when a segment is unknown or has no test.
    """
    chosen = segments_with_tests(specs, segments)
    if not chosen:
        return
    with closing(scratch()) as warehouse:
        warehouse.ensure_tables()
        warehouse.execute(exp.Create(this=exp.Table(this=exp.to_identifier(_GIVEN)), kind="SCHEMA"))
        for segment in chosen:
            compiled: dict[tuple[str, ...], Compiled] = {}
            for number, test in enumerate(segment.spec.tests):
                if only not in (None, test.name):
                    continue
                given = tuple(sorted(test.segments))
                started = time.perf_counter()
                outcome = _outcome(specs, segment, number)
                try:
                    if given not in compiled:
                        compiled[given] = _compiled(specs, segment.id, given)
                    found = _members(warehouse, compiled[given], segment.id, test)
                except (WarehouseError, TimeLimitError, InputError) as error:
                    hint = _MORE_COLUMNS if isinstance(error, WarehouseError) and error.unbound else ""
                    outcome = replace(outcome, error=f"{error}{hint}")
                else:
                    wanted = set(test.members)
                    missing, extra = tuple(sorted(wanted - found)), tuple(sorted(found - wanted))
                    outcome = replace(outcome, missing=missing, extra=extra)
                yield replace(outcome, seconds=time.perf_counter() - started)


def _outcome(specs: Specs, segment: NamedSegment, number: int) -> Outcome:
    path = specs.root / segment.file
    place = read_segment_file(path, relative(path, specs.root)).place(("tests", number))
    return Outcome(segment.id, segment.spec.tests[number].name, segment.file, *place)


def _compiled(specs: Specs, segment: str, given: tuple[str, ...]) -> Compiled:
    """What the segment needs, with a query of its rows in place of each segment whose members are given."""
    stood_in = {}
    for name in given:
        query = SqlSegmentSpec(sql=template(select([col("contact_id")], ref(_model(name))), words()))
        stood_in[name] = specs.segments[name].model_copy(update={"spec": query})
    segments = {**specs.segments, **stood_in}
    graph = {name: _references(one) for name, one in segments.items()}
    needed = {name: segments[name] for name in sorted(closure(segment, graph))}
    return compile_project(replace(specs, segments=needed, flows={}), words())


def _references(segment: NamedSegment) -> set[str]:
    if isinstance(segment.spec, SqlSegmentSpec):
        return sql_references(segment.spec.sql)
    return {name for name, _ in segment_references(segment.spec.where, ())}


def _members(warehouse: Warehouse, compiled: Compiled, segment: str, test: SegmentTest) -> set[str]:
    specs = compiled.specs
    rows = GivenRows(specs.catalog, compiled.zone, test)
    tables = rows.models()
    for name, members in test.segments.items():
        tables[_model(name)] = pa.table({"contact_id": pa.array(members, pa.string())})

    def loaded(model: str) -> exp.Table:
        # Only what the rule reads: a catalog names many models, and a test is about a few.
        if model in tables:
            _load(warehouse, model, exp.select("*").from_(warehouse.stage("rows_given", tables.pop(model))))
        return _given(model)

    filled = Filling(loaded, rows.as_of, compiled.zone, _TICK, compiled.words).query

    for name, table in rows.ledgers().items():
        warehouse.append(name, _TICK, table)
    _load(warehouse, OWN_CONTACTS, filled(template(contacts_query(specs.catalog), compiled.words)))
    warehouse.append(HISTORY, _TICK, _history(warehouse, rows))
    with warehouse.time_limit(specs.settings.sql_segments.timeout):
        found = warehouse.query(filled(compiled.segments[segment].standalone))
    return set(found.column("contact_id").to_pylist())


def _history(warehouse: Warehouse, rows: GivenRows) -> pa.Table:
    """The rows of `attribute_history`: the present values, since the times that the test gives."""
    found: list[dict[str, object]] = []
    for attribute, times in rows.held().items():
        values = select([col("contact_id"), typed(col(attribute), "text").as_("value")], _given(OWN_CONTACTS))
        found += [
            {"attribute": attribute, "since": times[row["contact_id"]], **row}
            for row in warehouse.rows(values)
            if row["contact_id"] in times
        ]
    schema = pa.schema([(name, pa.string()) for name in ("contact_id", "attribute", "value")])
    return pa.Table.from_pylist(found, schema=schema.append(pa.field("since", pa.timestamp("us"))))


def _load(warehouse: Warehouse, name: str, rows: exp.Query) -> None:
    warehouse.execute(exp.Create(this=_given(name), kind="TABLE", replace=True, expression=rows))


def _given(model: str) -> exp.Table:
    return exp.table_(model, db=_GIVEN, quoted=True)


def _model(segment: str) -> str:
    return whole(f"members_of__{segment}")


def _is(contacts: tuple[str, ...]) -> str:
    return "is" if len(contacts) == 1 else "are"
