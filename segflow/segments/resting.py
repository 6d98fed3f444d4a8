"""The project as a tick evaluates it in which segments rest: they are left out on purpose, and whoever refers to one
reads its present members.

What resting segments alone need (facts, models of the user's) is not computed. What the others need keeps its text, so
that a tick in which nothing rests runs the files as they were generated.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from pathlib import PurePath

from sqlglot import exp

from segflow.segments.compiler import (
    CONTACTS,
    GENERATED,
    MEMBERSHIPS,
    Compiled,
    Standalone,
    fact_files,
    masks_file,
    view_file,
)
from segflow.segments.emit import TABLE, config_text, indent, ref_text, refs, template
from segflow.segments.facts import FactColumn, by_model, collect
from segflow.segments.membership_models import members_query, segment_model, segment_query
from segflow.segments.nodes import Fact
from segflow.segments.sql_segment import sql_text
from segflow.specs.segment import SqlSegmentSpec
from segflow.warehouse.names import own_model, own_relation


def needed_columns(compiled: Compiled, resting: Collection[str]) -> dict[Fact, FactColumn]:
    """The facts that the segments which do not rest, flows and topics need."""
    if not resting:
        return dict(compiled.columns)
    nodes = [one.node for one in compiled.segments.values() if one.node is not None and one.id not in resting]
    nodes += [node for found in compiled.conditions.values() for node in found.values()]
    nodes += [node for found in compiled.topics.values() for node in found.nodes()]
    needed = collect(nodes)
    return {fact: column for fact, column in compiled.columns.items() if fact in needed}


def at_rest(compiled: Compiled, resting: Mapping[str, str]) -> Compiled:
    """The project less the segments of `resting` (segment -> its key). They keep their names, refer to nothing and need
    nothing; the view of a YAML one shows its members."""
    if not resting:
        return compiled
    words = compiled.words
    columns = needed_columns(compiled, resting)
    stand_ins = {name: template(members_query(key), words) for name, key in resting.items()}
    graph = {name: set() if name in resting else needed for name, needed in compiled.graph.items()}
    yaml = {one.id: one.node for one in compiled.segments.values() if one.node is not None and one.id not in resting}
    touched = {name for name, needed in graph.items() if needed & set(resting)}
    views = {
        name: stand_ins.get(name)
        or (template(segment_query(yaml[name], columns, resting), words) if name in touched else text)
        for name, text in compiled.views.items()
    }
    queries = views | stand_ins
    queries |= {name: _sql_text(compiled, name) for name in compiled.sql_segments() if name not in resting}
    standalone = Standalone(compiled.specs, yaml, columns, graph, queries, words)
    segments = {
        name: replace(
            one,
            references=frozenset(graph[name]),
            node=yaml.get(name),
            standalone=standalone.text(name) if resting.keys() & _below(name, graph) else one.standalone,
        )
        for name, one in compiled.segments.items()
    }
    return replace(
        compiled,
        segments=segments,
        columns=columns,
        views=views,
        resting=dict(resting),
        files=_files(compiled, columns, yaml, graph, views, resting, stand_ins),
    )


def patches_of(whole: Compiled, compiled: Compiled) -> dict[str, str]:
    """Model -> its code, of those whose file says something else than this tick needs."""
    return {PurePath(path).stem: text for path, text in compiled.files.items() if whole.files.get(path) != text}


def chosen(compiled: Compiled, parts: Iterable[str]) -> list[str]:
    """What to run for `parts`, as `Models.run` selects: the generated models that they need one by one, and the user's
    with all that these are built on."""
    texts = {PurePath(path).stem: text for path, text in compiled.files.items()}
    found: dict[str, None] = {}
    ahead = list(parts)
    while ahead:
        model = ahead.pop(0)
        pattern = model if own_relation(model) is not None else f"+{model}"
        if pattern not in found:
            found[pattern] = None
            ahead += sorted(refs(texts.get(model, "")))
    return list(found)


def idle_models(whole: Compiled, selected: Collection[str]) -> list[str]:
    """The generated models that nothing of `selected` needs."""
    return sorted({PurePath(path).stem for path in whole.files} - set(selected))


def with_members(query: exp.Query, keys: Mapping[str, exp.Query]) -> exp.Query:
    """A standalone query, ready to run, with the given queries in place of segments' CTEs (`segment__ID` -> query)."""
    with_ = query.args.get("with_")
    for cte in with_.expressions if with_ is not None else ():
        if cte.alias in keys:
            cte.set("this", keys[cte.alias].copy())
    return query


def _below(name: str, graph: Mapping[str, set[str]]) -> set[str]:
    found, ahead = set[str](), [name]
    while ahead:
        for other in graph.get(ahead.pop(), set()) - found:
            found.add(other)
            ahead.append(other)
    return found


def _files(
    compiled: Compiled,
    columns: Mapping[Fact, FactColumn],
    yaml: Mapping[str, object],
    graph: Mapping[str, set[str]],
    views: Mapping[str, str],
    resting: Mapping[str, str],
    stand_ins: Mapping[str, str],
) -> dict[str, str]:
    own = {f"segments/{own_model(segment_model(name))}.sql": name for name in compiled.segments}
    whole, kept = by_model(compiled.columns), by_model(columns)
    same = {f"facts/{own_model(model)}.sql" for model, group in kept.items() if group == whole[model]}
    fewer = {fact: one for fact, one in columns.items() if kept[one.model] != whole[one.model]}
    files: dict[str, str] = {}
    for path, text in compiled.files.items():
        name = own.get(path)
        if name is not None and name in resting:
            # Nothing reads it, but dbt has to hear that the view is another one than it made.
            if name in views:
                files[path] = view_file(name, compiled.specs, views[name])
        elif name is not None:
            changed = graph[name] & set(resting)
            files[path] = text if not changed else _segment_file(compiled, name, views, stand_ins, changed)
        elif path in same or path in (f"{own_model(CONTACTS)}.sql", f"{own_model(MEMBERSHIPS)}.sql"):
            files[path] = text
    nodes = {name: one.node for name, one in compiled.segments.items() if name in yaml and one.node is not None}
    return {
        **files,
        **fact_files(fewer, compiled.specs, compiled.words),
        **masks_file(nodes, columns, graph, compiled.places, compiled.words, resting),
    }


def _segment_file(
    compiled: Compiled, name: str, views: Mapping[str, str], stand_ins: Mapping[str, str], changed: Collection[str]
) -> str:
    """The model of a segment that refers to resting ones."""
    if name in views:
        return view_file(name, compiled.specs, views[name])
    # Not text for text in the query: it may name the segment's columns by the name of its model.
    body = f"with {segment_model(name)} as (\n{indent(_sql_text(compiled, name))}\n)"
    for other in sorted(changed):
        model = segment_model(other)
        body = body.replace(ref_text(own_model(model)), model)
        body = body.replace("with ", f"with {model} as (\n{indent(stand_ins[other])}\n),\n", 1)
    config = config_text(TABLE, segment_model(name))
    return (
        f"{config}\n\n-- {GENERATED}\n\n{body}\nselect contact_id, {{{{ segflow_tick_id() }}}} as tick_id\n"
        f"from {segment_model(name)}\n"
    )


def _sql_text(compiled: Compiled, name: str) -> str:
    spec = compiled.specs.segments[name].spec
    assert isinstance(spec, SqlSegmentSpec)
    return sql_text(spec.sql, compiled.words)
