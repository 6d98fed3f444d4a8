"""Pass 6b: the contacts, each segment's own query, and `memberships`, which evaluates all YAML segments in one pass."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import reduce

from sqlglot import exp

from segflow.segments.bounds import AS_OF
from segflow.segments.facts import FactColumn
from segflow.segments.nodes import Fact, Member, Node, facts_of
from segflow.segments.predicate import Columns, predicate, two_valued
from segflow.segments.sql import bound_call, col, ident, ref, tick_id_call, typed
from segflow.specs.catalog import Catalog

CONTACTS = "contacts"
MEMBERSHIPS = "memberships"


def segment_model(segment: str) -> str:
    """The dbt model of a segment; also the name of its relation in schema `segflow`."""
    return f"segment__{segment}"


def contacts_query(catalog: Catalog, missing: Collection[str] = ()) -> exp.Select:
    """contact_id and the attributes, for contacts that have an id and exist at `as_of`.

    Attributes in `missing` cannot be read and are null for everybody.
    """
    spec = catalog.contacts
    written = {name: a for name, a in spec.attributes.items() if a.written_by != "source"}
    projections: list[exp.Expr] = [exp.alias_(typed(col(spec.key, "source"), "text"), ident("contact_id"))]
    for name, attribute in spec.attributes.items():
        readable = exp.null() if name in missing else col(attribute.column or name, "source")
        value: exp.Expr = typed(readable, attribute.type)
        if name in written:
            update = typed(col(name, "written"), attribute.type)
            if attribute.written_by == "both":
                has = exp.EQ(this=col(f"has_{name}", "written"), expression=exp.Literal.number(1))
                value = exp.Case(ifs=[exp.If(this=has, true=update)], default=value)
            else:
                value = update
        projections.append(exp.alias_(value, ident(name)))
    query = exp.select(*projections, tick_id_call()).from_(ref(spec.model, "source"))
    if written:
        query = query.with_("written", as_=_written(list(written)))
        on = exp.EQ(this=typed(col(spec.key, "source"), "text"), expression=col("contact_id", "written"))
        query = query.join(exp.table_("written"), on=on, join_type="left")
    query = query.where(exp.Not(this=exp.Is(this=col(spec.key, "source"), expression=exp.null())))
    if spec.created_at:
        created = typed(col(spec.created_at, "source"), "timestamp")
        visible = exp.LTE(this=created, expression=bound_call(AS_OF.key))
        unknown = exp.Is(this=col(spec.created_at, "source"), expression=exp.null())
        query = query.where(exp.Paren(this=exp.or_(visible, unknown)))
    return query


def segment_query(node: Node, columns: Mapping[Fact, FactColumn]) -> exp.Select:
    """The members of one YAML segment: one column, contact_id."""
    query = exp.select(col("contact_id", CONTACTS)).from_(ref(CONTACTS, CONTACTS))
    query = join_facts(query, [node], columns)
    for segment in sorted(_members(node)):
        query = query.join(
            ref(segment_model(segment), segment_model(segment)),
            on=_same_contact(segment_model(segment)),
            join_type="left",
        )
    where = predicate(
        node,
        contact_columns(columns, member=lambda segment: _present(col("contact_id", segment_model(segment)))),
    )
    return query if isinstance(where, exp.Boolean) and where.this else query.where(where)


def memberships_query(
    levels: Sequence[Sequence[str]], nodes: Mapping[str, Node], columns: Mapping[Fact, FactColumn]
) -> exp.Query:
    """(segment, contact_id, tick_id) of all YAML segments: one pass per reference depth, booleans side by side.

    `levels` are the ids of `nodes`, grouped so that a group refers only to earlier groups or to `.sql` segments.
    """
    if not nodes:
        return (
            exp.select(
                exp.cast(exp.null(), "VARCHAR").as_("segment"),
                exp.cast(exp.null(), "VARCHAR").as_("contact_id"),
                tick_id_call(),
            )
            .where(exp.false())
        )
    where_is: dict[str, str] = {}
    ctes: list[tuple[str, exp.Select]] = []
    for depth, level in enumerate(levels):
        name = f"depth_{depth}"
        ctes.append((name, _level(level, nodes, columns, where_is)))
        where_is.update({segment: name for segment in level})
    members = [
        exp.select(exp.Literal.string(segment).as_("segment"), col("contact_id"))
        .from_(where_is[segment])
        .where(col(segment))
        for segment in sorted(where_is)
    ]
    query = exp.select(col("segment"), col("contact_id"), tick_id_call()).from_(_union(members).subquery("members"))
    for name, cte in ctes:
        query = query.with_(name, as_=cte, materialized=True)
    return query


def _level(
    level: Sequence[str], nodes: Mapping[str, Node], columns: Mapping[Fact, FactColumn], where_is: Mapping[str, str]
) -> exp.Select:
    here = [nodes[segment] for segment in level]
    query = join_facts(exp.select(col("contact_id", CONTACTS)).from_(ref(CONTACTS, CONTACTS)), here, columns)
    needed = sorted({segment for node in here for segment in _members(node)})
    for earlier in sorted({where_is[segment] for segment in needed if segment in where_is}):
        query = query.join(exp.table_(earlier), on=_same_contact(earlier), join_type="inner")
    for segment in needed:
        if segment not in where_is:
            model = segment_model(segment)
            query = query.join(ref(model, model), on=_same_contact(model), join_type="left")

    def member(segment: str) -> exp.Expr:
        if segment in where_is:
            return col(segment, where_is[segment])
        return _present(col("contact_id", segment_model(segment)))

    found = contact_columns(columns, member)
    return query.select(*(exp.alias_(two_valued(nodes[segment], found), ident(segment)) for segment in level))


def contact_columns(columns: Mapping[Fact, FactColumn], member: object = None) -> Columns:
    """Where conditions about contacts find attributes and facts once `join_facts` has joined them."""
    return Columns(
        value=lambda value: col(value.name, CONTACTS),
        fact=lambda fact: col(columns[fact].column, columns[fact].model),
        member=member,  # type: ignore[arg-type]
    )


def join_facts(query: exp.Select, nodes: Iterable[Node], columns: Mapping[Fact, FactColumn]) -> exp.Select:
    """Left join every fact model that `nodes` need to a query over `contacts`."""
    models = {columns[fact].model for node in nodes for fact in facts_of(node) if fact in columns}
    for model in sorted(models):
        query = query.join(ref(model, model), on=_same_contact(model), join_type="left")
    return query


def _same_contact(other: str) -> exp.Expr:
    return exp.EQ(this=col("contact_id", other), expression=col("contact_id", CONTACTS))


def _present(column: exp.Expr) -> exp.Expr:
    return exp.Not(this=exp.Is(this=column, expression=exp.null()))


def _members(node: Node) -> set[str]:
    return {below.segment for below in node.walk() if isinstance(below, Member)}


def _written(names: list[str]) -> exp.Select:
    """The last value that flows gave each attribute: contact_id, and NAME and has_NAME per attribute."""
    newest = exp.Window(
        this=exp.RowNumber(),
        partition_by=[col("contact_id"), col("name")],
        order=exp.Order(expressions=[exp.Ordered(this=col(c), desc=True, nulls_first=False) for c in ("at", "hop")]),
    )
    ranked = (
        exp.select(exp.Star(), newest.as_("newest"))
        .from_(ref("contact_updates", "updates"))
        .where(col("kind").eq(exp.Literal.string("attribute")))
    )
    projections: list[exp.Expr] = []
    for name in names:
        mine = col("name").eq(exp.Literal.string(name))
        projections.append(exp.alias_(exp.Max(this=exp.Case(ifs=[exp.If(this=mine, true=col("value"))])), ident(name)))
        one = exp.Case(ifs=[exp.If(this=mine.copy(), true=exp.Literal.number(1))])
        projections.append(exp.alias_(exp.Max(this=one), ident(f"has_{name}")))
    return (
        exp.select(col("contact_id"), *projections)
        .from_(ranked.subquery("ranked"))
        .where(col("newest").eq(1))
        .group_by(col("contact_id"))
    )


def _union(queries: list[exp.Select]) -> exp.Query:
    """UNION ALL of many queries, as a balanced tree: a chain of hundreds is deeper than the recursion limit."""
    level: list[exp.Query] = list(queries)
    while len(level) > 1:
        pairs = [level[i : i + 2] for i in range(0, len(level), 2)]
        level = [reduce(lambda a, b: exp.union(a, b, distinct=False, copy=False), pair) for pair in pairs]
    return level[0]
