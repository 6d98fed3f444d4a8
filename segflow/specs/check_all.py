"""Checks that need more than one file: names that must exist, operators that must fit a type, circles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter

from segflow.errors import Issue, did_you_mean
from segflow.specs.check_catalog import check_catalog
from segflow.specs.check_conditions import ConditionChecker, segment_references
from segflow.specs.check_dbt import check_dbt
from segflow.specs.check_earlier_names import check_earlier_names
from segflow.specs.check_exports import check_segment_export
from segflow.specs.check_flow_tests import check_flow_tests
from segflow.specs.check_flows import check_flows
from segflow.specs.check_loops import check_loops
from segflow.specs.check_settings import check_settings
from segflow.specs.check_tests import check_tests
from segflow.specs.dbt_files import model_names
from segflow.specs.loaded import Loaded, Reporter
from segflow.specs.segment import SegmentSpec, SqlSegmentSpec
from segflow.specs.sql_file import OWN_CONTACTS, Reference, references
from segflow.warehouse.names import own_relation


def check(loaded: Loaded) -> None:
    """Run every cross check and add what it finds to `loaded.issues`."""
    check_catalog(loaded)
    check_settings(loaded)
    check_dbt(loaded)
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
    known = model_names(loaded.dbt_dir)
    for one in references(spec.sql):
        place = Issue(file, spec.line + one.line - 1, one.column, "")
        problem = _unknown_model(one, known) if known is not None else None
        if one.segment is not None:
            found.setdefault(one.segment, place)
            problem = problem or (loaded.no_segment(one.segment) if one.segment not in loaded.segment_ids else None)
        if problem is not None:
            loaded.issues.append(replace(place, message=problem))
    return found


def _unknown_model(one: Reference, known: Mapping[str, str]) -> str | None:
    """What is wrong with a reference; `known`: the user's models, and the dbt projects that they are of."""
    if one.project is not None:
        if known.get(one.model) == one.project:
            return None
        projects = sorted(set(known.values()))
        near = (
            did_you_mean(one.project, projects)
            if one.project not in projects
            else did_you_mean(one.model, sorted(known))
        )
        return f"there is no dbt model {one.model} in {one.project}{near}"
    if own_relation(one.meant) is None:
        return (
            None if one.model in known else f"there is no dbt model {one.model}{did_you_mean(one.model, sorted(known))}"
        )
    if one.meant != one.model and one.model in known:
        ours = f"segment {one.segment}" if one.segment is not None else "contacts as segments see them"
        return (
            f"{one.model} is a model of your dbt project and, in segments, {ours}: write "
            f"{{{{ ref('{one.meant}') }}}} for segflow's, or {{{{ ref('{known[one.model]}', '{one.model}') }}}} for "
            "your model"
        )
    if one.segment is None and one.meant != OWN_CONTACTS:
        return f"{one.model} is no model that a segment may read; of segflow's it reads contacts and segment__ID"
    return None


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
