"""Checks that need more than one file: names that must exist, operators that must fit a type, circles."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter

from segflow.errors import Issue, did_you_mean
from segflow.specs.check_catalog import check_catalog
from segflow.specs.check_conditions import ConditionChecker, segment_references
from segflow.specs.check_earlier_names import check_earlier_names
from segflow.specs.check_exports import check_segment_export
from segflow.specs.check_flow_tests import check_flow_tests
from segflow.specs.check_flows import check_flows
from segflow.specs.check_loops import check_loops
from segflow.specs.check_settings import check_settings
from segflow.specs.check_tests import check_tests
from segflow.specs.dbt_files import CONTACTS, model_names
from segflow.specs.loaded import Loaded, Reporter
from segflow.specs.segment import SegmentSpec, SqlSegmentSpec
from segflow.specs.sql_file import SEGMENT_MODEL, references


def check(loaded: Loaded) -> None:
    """Run every cross check and add what it finds to `loaded.issues`."""
    check_catalog(loaded)
    check_settings(loaded)
    _segments(loaded)
    check_flows(loaded)
    check_loops(loaded)
    if loaded.catalog is not None:
        for flow in loaded.flows.values():
            check_flow_tests(loaded, loaded.catalog, flow)


Places = dict[str, dict[str, Issue]]
"""segment -> segment that it refers to -> an issue without a message, which has the place of the reference."""


def _segments(loaded: Loaded) -> None:
    places: Places = {}
    renamed: dict[str, str] = {}
    for segment in loaded.segments.values():
        say = Reporter(loaded, segment.file)
        places[segment.id] = {}
        check_earlier_names(say, segment, "segment", loaded.segment_ids, renamed)
        if segment.spec.export is not None:
            check_segment_export(say, loaded, segment.id, segment.spec.export)
        if isinstance(segment.spec, SegmentSpec):
            if loaded.catalog is not None:
                why = "it works in flows only; a segment is about what is true now"
                ConditionChecker(say, loaded.catalog, enrollment=False, why=why).check(segment.spec.where, ("where",))
            source = loaded.files[segment.file]
            for name, loc in segment_references(segment.spec.where, ("where",)):
                places[segment.id].setdefault(name, source.issue(loc, ""))
        else:
            places[segment.id] = _sql_references(loaded, segment.file, segment.spec)
    _circles(loaded, places)
    if loaded.catalog is not None:
        graph = {name: set(found) for name, found in places.items()}
        for segment in loaded.segments.values():
            check_tests(loaded, loaded.catalog, segment, graph)


def _sql_references(loaded: Loaded, file: str, spec: SqlSegmentSpec) -> dict[str, Issue]:
    found: dict[str, Issue] = {}
    known = model_names(loaded.root / "dbt")
    for model, line, column in references(spec.sql):
        if not model.startswith(SEGMENT_MODEL):
            if known is not None and model not in known | {CONTACTS}:
                hint = did_you_mean(model, sorted(known))
                message = f"there is no dbt model {model}{hint}"
                loaded.issues.append(Issue(file, spec.line + line - 1, column, message))
            continue
        name = model.removeprefix(SEGMENT_MODEL)
        place = Issue(file, spec.line + line - 1, column, "")
        found.setdefault(name, place)
        if name not in loaded.segment_ids:
            loaded.issues.append(Issue(file, place.line, place.column, loaded.no_segment(name)))
    return found


def _circles(loaded: Loaded, places: Places) -> None:
    """Report each circle of references once, at its alphabetically first segment."""
    graph = {name: set(found) & set(places) for name, found in places.items()}
    while True:
        try:
            TopologicalSorter(graph).prepare()
            return
        except CycleError as error:
            # graphlib lists each segment before the one that refers to it; readers expect "refers to" order
            circle: list[str] = error.args[1][:0:-1]
        start = circle.index(min(circle))
        circle = [*circle[start:], *circle[:start]]
        first, second = circle[0], circle[1 % len(circle)]
        place = places[first][second]
        path = " -> ".join([*circle, first])
        loaded.issues.append(
            Issue(place.file, place.line, place.column, f"segments refer to each other in a circle: {path}")
        )
        graph[first].discard(second)
