"""Pass 6a: one query per event, object, lists, tags and contacts that computes all of their facts.

WHERE comes first and aggregates after: a filter that reaches the scan is what makes facts cheap (measured on 20M
events: 5 to 10 times against one wide aggregate over everything).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Literal

from sqlglot import exp

from segflow.segments.attribute_history import held_rows, history_attributes
from segflow.segments.bounds import AS_OF, Bound
from segflow.segments.deletions import remembered
from segflow.segments.facts import FactColumn
from segflow.segments.message_rows import message_rows
from segflow.segments.nodes import ROW_AT, And, Compare, Fact, Node, Or, Periods, Source, Value, anchors, followed
from segflow.segments.overlay_rows import overlay_rows
from segflow.segments.predicate import Columns, predicate
from segflow.segments.sequences import with_next
from segflow.segments.simplify import simplify
from segflow.segments.sql import (
    all_of,
    bound_call,
    built,
    case_when,
    col,
    cte,
    id_text,
    ident,
    is_not_null,
    is_null,
    named,
    newest,
    ref,
    select,
    text_literal,
    tick_id_call,
    touched_call,
    typed,
    union_all,
)
from segflow.segments.stored import in_payload, moment, stored
from segflow.specs.catalog import Catalog
from segflow.specs.columns import Attribute, TimeColumn
from segflow.specs.event_source import EventSource
from segflow.warehouse import words
from segflow.warehouse.names import whole

ROWS = "rows_seen"
_AS_OF = AS_OF.key
_CONTACT = "contact"
"""The contacts in a query over objects. No object has this name."""
# A property `at` becomes `at_value`, so a property `at_value` has to make room in turn.
_TAKEN = re.compile(r"(at|contact_id)(_value)*")


Touched = Literal["", "raw", "text"]
"""Are rows those of touched contacts alone (`sql.touched_call`), and how do contacts' ids compare: as they are kept, or
as texts?"""


def fact_query(columns: Sequence[FactColumn], catalog: Catalog, touched: Touched = "") -> exp.Select:
    """contact_id, one column per fact, tick_id; a row for every contact that has any row at all."""
    source = columns[0].fact.source
    facts = [column.fact for column in columns]
    if source.kind == "contact":
        return _contact_facts(columns)
    if source.kind == "held":
        base: exp.Query = held_rows({name: catalog.contacts.attributes[name] for name in history_attributes(facts)})
    else:
        base = row_query(facts, catalog, touched)
    projections = [named(aggregate(column.fact), column.column) for column in columns]
    contact = named(id_text(col("contact_id")), "contact_id")
    query = select([contact, *projections, tick_id_call()], exp.Table(this=ident(ROWS)))
    query.set("group", exp.Group(expressions=[col("contact_id")]))
    return cte(query, ROWS, base)


def row_query(
    facts: Iterable[Fact], catalog: Catalog, touched: Touched = "", lower: exp.Expr | None = None
) -> exp.Select:
    """The rows that `facts` of one source look at: contact_id, at, the values that they need, and for sequences when
    the next row of another kind came. `lower`: no row before it counts, where more is known than the facts say."""
    facts = list(facts)
    wheres, measures = [fact.where for fact in facts], [fact.measure for fact in facts]
    return source_rows(facts[0].source, wheres, measures, lower or _earliest(facts), catalog, touched)


def source_rows(
    source: Source,
    wheres: Sequence[Node],
    measures: Sequence[Value | Periods | None],
    lower: exp.Expr | None,
    catalog: Catalog,
    touched: Touched = "",
) -> exp.Select:
    """The rows of `source` from `lower` on, with what `wheres` and `measures` read."""
    needed = values_needed(wheres, measures)
    if source.kind == "event":
        base = event_rows({source.name}, needed, lower, catalog, touched)
    elif source.kind == "events":
        base = _all_event_rows(source.name, needed, lower, catalog, touched)
    elif source.kind == "message":
        return message_rows(source.name, {value.name for value in needed}, lower)
    elif source.kind in ("list", "tag"):
        return label_rows(source.kind, catalog)
    else:
        base = object_rows(source, needed, lower, catalog, touched)
    later = {node.next.name: node for where in wheres for node in followed(where)}
    if not later:
        return base
    # What no condition looks at is not sorted.
    plain = [simplify(And(tuple(item for item in _items(where) if _is_plain(item)))) for where in wheres]
    following = {
        # What follows comes later, so the same lower bound holds for it.
        row_column(node.next): select(
            [col("contact_id"), col("at")],
            source_rows(node.source, [node.where], [], lower, catalog, touched).subquery("later", copy=False),
            predicate(node.where, ROW_COLUMNS),
        )
        for node in later.values()
    }
    rows = select(
        [exp.Star()], base.subquery("earlier", copy=False), predicate(simplify(Or(tuple(plain))), ROW_COLUMNS)
    )
    return with_next(rows, [row_column(value) for value in needed], following)


def values_needed(wheres: Iterable[Node], measures: Iterable[Value | Periods | None]) -> list[Value]:
    """The properties or fields that conditions on rows and measures read, by column."""
    values = {value for where in wheres for value in row_values(where)}
    values |= {measure for measure in measures if isinstance(measure, Value)}
    return sorted(values - {ROW_AT}, key=row_column)


def aggregate(fact: Fact) -> exp.Expr:
    """The aggregate over `ROWS` that computes one fact."""
    where = predicate(fact.where, ROW_COLUMNS)
    unconditional = isinstance(where, exp.Boolean) and where.this
    if fact.aggregate == "match":
        return exp.EQ(
            this=exp.Max(
                this=exp.Case(ifs=[exp.If(this=where, true=exp.Literal.number(1))], default=exp.Literal.number(0))
            ),
            expression=exp.Literal.number(1),
        )
    if fact.aggregate == "count":
        counted = exp.Star() if unconditional else case_when(where, exp.Literal.number(1))
        return exp.Count(this=counted)
    assert fact.measure is not None
    if isinstance(fact.measure, Periods):
        return exp.Count(this=exp.Distinct(expressions=[case_when(where, _period(fact.measure))]))
    measure = ROW_COLUMNS.value(fact.measure)
    if fact.aggregate in ("first", "last"):
        order = [exp.Ordered(this=col("at"), desc=fact.aggregate == "last", nulls_first=False)]
        order.append(exp.Ordered(this=measure.copy(), desc=fact.aggregate == "last", nulls_first=False))
        return words.first_by(measure, order, where)
    chosen = measure if unconditional else case_when(where, measure)
    if fact.aggregate == "count_distinct":
        return exp.Count(this=exp.Distinct(expressions=[chosen]))
    if fact.aggregate == "avg":
        return words.average(chosen)
    if fact.type == "boolean":
        # Of two booleans not every engine says which is the smaller.
        return exp.LogicalAnd(this=chosen) if fact.aggregate == "min" else exp.LogicalOr(this=chosen)
    function = {"sum": exp.Sum, "min": exp.Min, "max": exp.Max}[fact.aggregate]
    return function(this=chosen)


def _period(periods: Periods) -> exp.Expr:
    """The number of the period, counted back from 0, that a row of the window lies in: (as_of - 1 day, as_of] is 0."""
    if periods.span.seconds:
        past = words.microseconds_between(col("at"), bound_call(_AS_OF))
        return exp.IntDiv(this=past, expression=exp.Literal.number(periods.span.seconds * 1_000_000))
    steps = [Bound("instant", periods.span.times(number)) for number in range(1, periods.number + 1)]
    ifs = [
        exp.If(this=exp.GT(this=col("at"), expression=bound_call(step.key)), true=exp.Literal.number(number))
        for number, step in enumerate(steps)
    ]
    return exp.Case(ifs=ifs)


def row_column(value: Value) -> str:
    """The column of `ROWS` that holds a property or field; the row's own time and contact keep their names. No
    property has a blank or a dot in its name."""
    if value.owner:
        return whole(f"{value.owner}.{value.name}")
    if value.name.startswith("@"):
        return whole(value.name.removeprefix("@"))
    return whole(f"{value.name}_value") if _TAKEN.fullmatch(value.name) else value.name


ROW_COLUMNS = Columns(value=lambda value: col(row_column(value)), anchor=lambda anchor: col(anchor.column))


def label_rows(kind: str, catalog: Catalog) -> exp.Select:
    """(contact_id, name, at) of every list or tag membership at `as_of`: the model's rows and what flows and imports
    changed.

    The later of two rows about one contact and name decides; a row without time is older than every other.
    """
    source = catalog.lists if kind == "list" else catalog.tags
    status = catalog.lists.status if kind == "list" else None
    present = named(exp.EQ(this=col("value"), expression=exp.Literal.string("add")), "present")
    # Who is put on a list stands there as the model says, if it knows the contact there.
    unsaid = [named(typed(exp.null(), "text"), "status")] if status is not None else []
    changes: exp.Query = overlay_rows(kind, [col("contact_id"), col("name"), present, *unsaid])
    if catalog.contacts.deletions:
        changes = remembered(changes)
    if source.model is not None:
        rows = (
            exp.select(
                named(id_text(col(source.contact)), "contact_id"),
                named(typed(col(source.name), "text"), "name"),
                named(exp.true(), "present"),
                *([named(_status(status), "status")] if status is not None else []),
                named(moment(source.added_at), "at"),
                named(exp.Literal.number(0), "rank"),
                named(exp.Literal.number(0), "hop"),
            )
            .from_(ref(source.model, "members"))
            .where(is_not_null(col(source.contact)))
        )
        if source.added_at:
            rows = rows.where(visible(moment(source.added_at)))
        changes = exp.union(rows, changes, distinct=False)
    key, order = ["contact_id", "name"], ["at", "rank", "hop"]
    if status is None:
        ranked = exp.select(exp.Star(), newest(key, order).as_("newest")).from_(changes.subquery("changes"))
        shown: list[exp.Expr] = [col("contact_id"), col("name"), col("at")]
    else:
        # Of two rows at one time the worse word counts: unsubscribed, subscribed, pending.
        known = exp.Window(this=exp.Max(this=col("status")), partition_by=[col(name) for name in key])
        ranked = exp.select(exp.Star(), newest(key, [*order, "status"]).as_("newest"), named(known, "known"))
        ranked = ranked.from_(changes.subquery("changes"))
        stands = exp.Coalesce(this=col("status"), expressions=[col("known"), exp.Literal.string("subscribed")])
        shown = [col("contact_id"), col("name"), col("at"), named(stands, "status")]
    return exp.select(*shown).from_(ranked.subquery("ranked")).where(col("newest").eq(1), col("present"))


def _status(column: str) -> exp.Expr:
    """How a row of the model says that its contact stands; empty for one that says nothing, which is none of them."""
    said = words.lower(exp.Trim(this=typed(col(column), "text")))
    return exp.Coalesce(this=said, expressions=[exp.Literal.string("")])


def _contact_facts(columns: Sequence[FactColumn]) -> exp.Select:
    contact = Columns(value=lambda value: col(value.name, "contacts"))
    projections = [named(predicate(column.fact.where, contact), column.column) for column in columns]
    return select([col("contact_id", "contacts"), *projections, tick_id_call()], built("contacts", "contacts"))


def same_columns(prefix: str, needed: list[Value], catalog: Catalog) -> list[set[str]]:
    """Events by prefix, those together that keep what is needed in the same columns of one model."""
    groups: dict[tuple[object, ...], set[str]] = {}
    for name, (source, properties) in catalog.events_named(prefix).items():
        kept = ((properties[value.name].path(value.name), properties[value.name].unix) for value in needed)
        groups.setdefault((catalog.events.index(source), *kept), set()).add(name)
    return list(groups.values())


def _all_event_rows(
    prefix: str, needed: list[Value], lower: exp.Expr | None, catalog: Catalog, touched: Touched
) -> exp.Select:
    """The rows of several events: one scan for those that are read alike."""
    parts = [event_rows(names, needed, lower, catalog, touched) for names in same_columns(prefix, needed, catalog)]
    for part in parts:
        # The models may keep ids in different types.
        part.expressions[0].set("this", id_text(part.expressions[0].this))
    if len(parts) == 1:
        return parts[0]
    names = ["contact_id", "at", *(row_column(value) for value in needed)]
    return select([col(name) for name in names], union_all(parts).subquery("events", copy=False))


def event_rows(
    names: set[str], needed: list[Value], lower: exp.Expr | None, catalog: Catalog, touched: Touched = ""
) -> exp.Select:
    """The rows of events that are in one model and keep what is needed in the same columns."""
    found = catalog.event(min(names))
    assert found is not None, names
    source, properties = found
    at = moment(source.at)
    conditions: list[exp.Expr] = []
    if source.name is not None:
        texts = [text_literal(text) for text in sorted(map(source.text, names))]
        name = col(source.name)
        conditions.append(
            exp.EQ(this=name, expression=texts[0]) if len(texts) == 1 else exp.In(this=name, expressions=texts)
        )
    conditions.append(is_not_null(col(source.contact)))
    conditions.append(exp.LTE(this=at, expression=bound_call(_AS_OF)))
    if lower is not None:
        conditions += _since(source.at, None, at, lower)
    if touched:
        conditions.append(_touched(col(source.contact), touched))
    values = [named(_property(source, value.name, properties[value.name]), row_column(value)) for value in needed]
    projections = [named(col(source.contact), "contact_id"), named(at.copy(), "at"), *values]
    return select(projections, ref(source.model, "events"), all_of(conditions))


def _touched(contact: exp.Expr, touched: Touched) -> exp.Expr:
    return touched_call(id_text(contact) if touched == "text" else contact)


def _property(source: EventSource, name: str, attribute: Attribute) -> exp.Expr:
    return stored(name, attribute) if source.payload is None else in_payload(name, attribute, source.payload, "events")


def visible(time: exp.Expr) -> exp.Expr:
    """Is a row that was made at `time`, an instant, there at `as_of`? One whose time is unknown is."""
    made = exp.LTE(this=time, expression=bound_call(_AS_OF))
    return exp.Paren(this=exp.Or(this=made, expression=is_null(time.copy())))


def _since(time: TimeColumn, table: str | None, instant: exp.Expr, lower: exp.Expr) -> list[exp.Expr]:
    """The conditions that `instant`, what `time` stands for, is not before `lower`. Only the first of two that are
    about a unix time reaches the scan; it lets more rows pass."""
    conditions: list[exp.Expr] = []
    if time.unix is not None:
        conditions.append(words.unix_reaches(col(time.column, table), lower.copy(), words.UNIX[time.unix][1]))
    return [*conditions, exp.GTE(this=instant.copy(), expression=lower)]


def object_rows(
    source: Source, needed: list[Value], lower: exp.Expr | None, catalog: Catalog, touched: Touched = ""
) -> exp.Select:
    """The rows of an object, joined with those above it up to the contact."""
    name = source.name
    path = catalog.object_path(name)
    own = path[0][1]
    created = moment(own.created_at, name)
    last, top = path[-1]
    contact = col("contact_id", _CONTACT) if top.contacts_by else col(top.link, last)
    values = [
        named(stored(value.name, catalog.objects[owner].fields[value.name], owner), row_column(value))
        for value in needed
        for owner in (value.owner or name,)
    ]
    conditions: list[exp.Expr] = [is_not_null(contact.copy())]
    conditions += [visible(moment(spec.created_at, hop)) for hop, spec in path if spec.created_at]
    if lower is not None and own.created_at is not None:
        conditions += _since(own.created_at, name, created, lower)
    elif lower is not None:
        conditions.append(exp.GTE(this=created.copy(), expression=lower))
    if touched:
        conditions.append(_touched(contact.copy(), touched))
    projections = [named(contact, "contact_id"), named(created, "at"), *values]
    query = select(projections, ref(own.model, name), all_of(conditions))
    for (child, child_spec), (parent, parent_spec) in pairwise(path):
        joined = exp.EQ(this=col(child_spec.link, child), expression=col(parent_spec.key, parent))
        query.append("joins", exp.Join(this=ref(parent_spec.model, parent), on=joined, kind="INNER"))
    if top.contacts_by:
        key = typed(col(top.key, last), catalog.contacts.attributes[top.contacts_by].type)
        on = exp.EQ(this=col(top.contacts_by, _CONTACT), expression=key)
        query.append("joins", exp.Join(this=built("contacts", _CONTACT), on=on, kind="INNER"))
    return query


def _is_plain(node: Node) -> bool:
    """Is it about the row alone?"""
    return not any(followed(node)) and not any(anchors(node))


def _items(node: Node) -> tuple[Node, ...]:
    return node.items if isinstance(node, And) else (node,)


def row_values(where: Node) -> Iterable[Value]:
    """The properties or fields that a condition on rows looks at, and the row's own time."""
    for node in where.walk():
        if isinstance(node, Compare) and isinstance(node.subject, Value):
            yield node.subject


def _earliest(facts: list[Fact]) -> exp.Expr | None:
    """The lower bound that all facts share, or None when one of them looks at all of the past."""
    lowest: list[Bound] = []
    for fact in facts:
        lows = [
            operand
            for item in _items(fact.where)
            if isinstance(item, Compare) and item.operator in ("gt", "gte") and item.subject == ROW_AT
            for operand in item.operands
            if isinstance(operand, Bound) and operand != AS_OF
        ]
        if not lows:
            return None
        lowest.append(lows[0])
    # A month has 28 to 31 days: the widest is known only when even its shortest form covers all others.
    days = [(*bound.days_back(), bound) for bound in lowest]
    shortest, _, widest = max(days, key=lambda item: item[0])
    covers = all(longest <= shortest or other == widest for _, longest, other in days)
    return bound_call(widest.key) if covers else None
