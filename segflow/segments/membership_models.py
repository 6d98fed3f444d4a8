"""Pass 6b: the contacts, each segment's own query, and the masks of `memberships`, which evaluate all YAML
segments in one pass."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from sqlglot import exp

from segflow.segments.bounds import AS_OF
from segflow.segments.deletions import deleted_contacts, last_deletions, noted_before, remembered
from segflow.segments.fact_models import visible
from segflow.segments.facts import FactColumn
from segflow.segments.membership_masks import Places, mask_columns, no_masks
from segflow.segments.nodes import Fact, Member, Node, facts_of
from segflow.segments.overlay_rows import IMPORTS, TAKEOVERS, overlay_rows
from segflow.segments.predicate import Columns, predicate, two_valued
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
    ledger,
    left_join,
    named,
    newest,
    ref,
    select,
    tick_id_call,
    touched_call,
    typed,
    union_all,
)
from segflow.segments.stored import moment, stored
from segflow.specs.catalog import Catalog, Contacts
from segflow.specs.sql_file import SEGMENT_MODEL
from segflow.warehouse.names import whole

CONTACTS = "contacts"
MEMBERSHIPS = "memberships"
MEMBERS = "segment_members"
"""The engine's table of present members."""
_JOINED = "_joined_at"
"""Since when an imported contact is there. No attribute begins with an underscore."""


def segment_model(segment: str) -> str:
    """The dbt model of a segment; also the name of its relation in schema `segflow`."""
    return whole(f"{SEGMENT_MODEL}{segment}")


def contacts_query(catalog: Catalog, missing: Collection[str] = ()) -> exp.Query:
    """contact_id and the attributes, for contacts that have an id and exist at `as_of`: those of the model, and those
    that were imported and that the model does not have; less those that a flow has deleted.

    Attributes in `missing` cannot be read and are null for everybody.
    """
    spec = catalog.contacts
    written = [name for name, attribute in spec.attributes.items() if attribute.written_by != "source"]
    of_model: list[exp.Expr] = [named(_key(spec), "contact_id")]
    of_import: list[exp.Expr] = [named(col("contact_id", "imported"), "contact_id")]
    for name, attribute in spec.attributes.items():
        value = typed(exp.null(), attribute.type) if name in missing else stored(name, attribute, "source")
        given: exp.Expr = typed(exp.null() if name in missing else col(name, "imported"), attribute.type)
        if name in written:
            given = typed(col(name, "written"), attribute.type)
            if attribute.written_by == "both":
                has = exp.EQ(this=col(_has(name), "written"), expression=exp.Literal.number(1))
                value = exp.Case(ifs=[exp.If(this=has, true=given.copy())], default=value)
            else:
                value = given.copy()
        elif spec.created_at and attribute.path(name) == (spec.created_at.column,) and name not in missing:
            given = exp.Coalesce(this=given, expressions=[typed(col(_JOINED, "imported"), attribute.type)])
        of_model.append(named(value, name))
        of_import.append(named(given, name))
    model = select([*of_model, tick_id_call()], ref(spec.model, "source"))
    imported = select([*of_import, tick_id_call()], exp.Table(this=ident("imported")))
    if written:
        left_join(
            model, exp.Table(this=ident("written")), exp.EQ(this=_key(spec), expression=col("contact_id", "written"))
        )
        left_join(imported, exp.Table(this=ident("written")), _alike("imported", "written"))
    left_join(imported, model_contacts(catalog).subquery("known", copy=False), _alike("imported", "known"))
    exists, came = [_exists(spec)], [is_not_null(col(_JOINED, "imported")), is_null(col("contact_id", "known"))]
    if spec.deletions:
        for half, key, conditions in ((model, _key(spec), exists), (imported, col("contact_id", "imported"), came)):
            left_join(half, exp.Table(this=ident("deleted")), exp.EQ(this=key, expression=col("contact_id", "deleted")))
            conditions.append(is_null(col("contact_id", "deleted")))
    model.set("where", exp.Where(this=all_of(exists)))
    imported.set("where", exp.Where(this=all_of(came)))
    query: exp.Query = union_all([model, imported])
    # In front of the whole query: both halves read them.
    bodies: dict[str, exp.Query] = {}
    if spec.deletions:
        bodies |= {"deletions": last_deletions(), "deleted": deleted_contacts()}
    bodies |= {"written": _written(written, spec.deletions)} if written else {}
    bodies["imported"] = _imported([name for name in spec.attributes if name not in written], spec.deletions)
    ctes = [exp.CTE(this=body, alias=exp.TableAlias(this=ident(name))) for name, body in bodies.items()]
    query.set("with_", exp.With(expressions=ctes))
    return query


def model_contacts(catalog: Catalog) -> exp.Select:
    """contact_id of the contacts that the user's model has at `as_of`."""
    spec = catalog.contacts
    return select([named(_key(spec), "contact_id")], ref(spec.model, "source"), _exists(spec))


def _key(spec: Contacts) -> exp.Expr:
    return id_text(col(spec.key, "source"))


def _exists(spec: Contacts) -> exp.Expr:
    conditions = [is_not_null(col(spec.key, "source"))]
    conditions += [visible(moment(spec.created_at, "source"))] if spec.created_at else []
    return all_of(conditions)


def _alike(left: str, right: str) -> exp.Expr:
    return exp.EQ(this=col("contact_id", left), expression=col("contact_id", right))


def members_query(segment_key: str) -> exp.Select:
    """The present members of a segment, as far as they are contacts: what stands in for its rule while it rests."""
    mine = exp.EQ(this=col("segment_key", "members"), expression=exp.Literal.string(segment_key))
    query = select([col("contact_id", "members")], ledger(MEMBERS, "members"), mine)
    there = exp.EQ(this=col("contact_id", "present"), expression=col("contact_id", "members"))
    query.append("joins", exp.Join(this=built(CONTACTS, "present"), kind="INNER", on=there))
    return query


def segment_query(
    node: Node, columns: Mapping[Fact, FactColumn], resting: Mapping[str, str] | None = None
) -> exp.Select:
    """The members of one YAML segment: one column, contact_id. `resting`: segment -> its key, of those whose present
    members count."""
    query = select([col("contact_id", CONTACTS)], built(CONTACTS, CONTACTS))
    query = join_facts(query, [node], columns)
    for segment in sorted(_members(node)):
        model = segment_model(segment)
        left_join(query, _members_of(segment, resting or {}), _same_contact(model))
    where = predicate(
        node,
        contact_columns(columns, member=lambda segment: is_not_null(col("contact_id", segment_model(segment)))),
    )
    return query if isinstance(where, exp.Boolean) and where.this else query.where(where, copy=False)


def masks_query(
    levels: Sequence[Sequence[str]],
    nodes: Mapping[str, Node],
    columns: Mapping[Fact, FactColumn],
    places: Places,
    resting: Mapping[str, str] | None = None,
) -> exp.Query:
    """contact_id, the words of bits of all YAML segments, tick_id, in one pass: booleans side by side, one SELECT per
    reference depth around the one before.

    `levels` are the ids of `nodes`, grouped so that a group refers only to earlier groups, to `.sql` segments or to
    those of `resting` (segment -> its key), whose present members count. `places` has also those that are left out.
    """
    if not nodes:
        nobody = named(exp.cast(exp.null(), "VARCHAR"), "contact_id")
        return select([nobody, *no_masks(places), tick_id_call()], None, exp.false())
    # What deeper levels read is carried along: to join contacts and facts again would double the time.
    carried: dict[str, exp.Expr] = {}
    deeper = [
        [
            exp.Star(),
            *_flags(
                level, nodes, _carried_columns(carried, columns, {s for earlier in levels[:depth] for s in earlier})
            ),
        ]
        for depth, level in enumerate(levels)
        if depth > 0
    ]
    found = contact_columns(columns, lambda segment: is_not_null(col("contact_id", segment_model(segment))))
    first = select(
        [
            col("contact_id", CONTACTS),
            *_flags(levels[0], nodes, found),
            *(named(expression, name) for name, expression in sorted(carried.items())),
        ],
        _touched(CONTACTS),
    )
    _join(first, nodes.values(), columns, _touched)
    for segment in sorted({member for node in nodes.values() for member in _members(node)} - set(nodes)):
        left_join(first, _members_of(segment, resting or {}), _same_contact(segment_model(segment)))
    flags: dict[str, exp.Expr] = {segment: col(_flag(segment)) for level in levels for segment in level}
    query = select(
        [col("contact_id"), *mask_columns(places, flags), tick_id_call()],
        exp.Table(this=ident(f"depth_{len(levels) - 1}")),
    )
    cte(query, "depth_0", first)
    for depth, projections in enumerate(deeper, 1):
        cte(query, f"depth_{depth}", select(projections, exp.Table(this=ident(f"depth_{depth - 1}"))))
    return query


def _touched(model: str) -> exp.Expr:
    """The rows of a model about the contacts whose masks are made anew. A subquery, because engines try a filter that
    is beside the joins after them, and of each model, because they would read the facts of all to join them: a patch
    of a tenth of the contacts takes twice as long by the first, and one of a hundredth by the second."""
    rows = select([exp.Star()], built(model, "present"), touched_call(col("contact_id", "present")))
    return rows.subquery(model, copy=False)


def _members_of(segment: str, resting: Mapping[str, str]) -> exp.Expr:
    """Where the members of a segment are, under the name of its model."""
    model = segment_model(segment)
    if segment not in resting:
        return built(model, model)
    return members_query(resting[segment]).subquery(model, copy=False)


def _flags(level: Sequence[str], nodes: Mapping[str, Node], found: Columns) -> list[exp.Expr]:
    return [named(two_valued(nodes[segment], found), _flag(segment)) for segment in level]


def _carried_columns(
    carried: dict[str, exp.Expr], columns: Mapping[Fact, FactColumn], earlier: Collection[str]
) -> Columns:
    """Where a level finds what the first one has carried along for it; asking for something adds it to `carried`.
    No other column has a dot in its name."""

    def carry(table: str, name: str) -> exp.Expr:
        column = whole(f"{table}.{name}")
        carried[column] = col(name, table)
        return col(column)

    def member(segment: str) -> exp.Expr:
        if segment in earlier:
            return col(_flag(segment))
        return is_not_null(carry(segment_model(segment), "contact_id"))

    return Columns(
        value=lambda value: carry(CONTACTS, value.name),
        fact=lambda fact: carry(columns[fact].model, columns[fact].column),
        member=member,
    )


def _flag(segment: str) -> str:
    """The boolean column of a segment. The prefix keeps a segment called `contact_id` apart from the contact's id."""
    return whole(f"in_{segment}")


def contact_columns(columns: Mapping[Fact, FactColumn], member: object = None) -> Columns:
    """Where conditions about contacts find attributes and facts once `join_facts` has joined them."""
    return Columns(
        value=lambda value: col(value.name, CONTACTS),
        fact=lambda fact: col(columns[fact].column, columns[fact].model),
        member=member,  # type: ignore[arg-type]
    )


def join_facts(query: exp.Select, nodes: Iterable[Node], columns: Mapping[Fact, FactColumn]) -> exp.Select:
    """Left join every fact model that `nodes` need to a query over `contacts`, in place."""
    return _join(query, nodes, columns, lambda model: built(model, model))


def _join(
    query: exp.Select,
    nodes: Iterable[Node],
    columns: Mapping[Fact, FactColumn],
    rows_of: Callable[[str], exp.Expr],
) -> exp.Select:
    models = {columns[fact].model for node in nodes for fact in facts_of(node) if fact in columns}
    for model in sorted(models):
        left_join(query, rows_of(model), _same_contact(model))
    return query


def _same_contact(other: str) -> exp.Expr:
    return exp.EQ(this=col("contact_id", other), expression=col("contact_id", CONTACTS))


def _members(node: Node) -> set[str]:
    return {below.segment for below in node.walk() if isinstance(below, Member)}


def _written(names: list[str], deletions: bool) -> exp.Select:
    """The last value that a flow or an import gave each attribute: contact_id, and per attribute NAME and whether
    it was given any.

    Where both did it in one tick the flow's counts: it acted on what the import had brought.
    """
    projections: list[exp.Expr] = []
    for name in names:
        mine = col("name").eq(exp.Literal.string(name))
        projections.append(named(exp.Max(this=exp.Case(ifs=[exp.If(this=mine, true=col("value"))])), name))
        one = exp.Case(ifs=[exp.If(this=mine.copy(), true=exp.Literal.number(1))])
        projections.append(named(exp.Max(this=one), _has(name)))
    values = [col("contact_id"), col("name"), col("value")]
    updates = overlay_rows("attribute", values)
    if deletions:
        updates = remembered(updates, exp.Table(this=ident("deletions")))
    ranked = exp.select(exp.Star(), newest(["contact_id", "name"], ["at", "rank", "hop"]).as_("newest")).from_(
        updates.subquery("updates")
    )
    return (
        exp.select(col("contact_id"), *projections)
        .from_(ranked.subquery("ranked"))
        .where(col("newest").eq(1))
        .group_by(col("contact_id"))
    )


def _has(attribute: str) -> str:
    return whole(f"has_{attribute}")


def _imported(names: list[str], deletions: bool) -> exp.Select:
    """What imports said of contacts: contact_id, the last value given to each of `names`, and since when a contact is
    there that an import brought; null for those that were known.

    What was imported before the user's model had the contact does not count any more. A contact that is deleted there
    is gone; its import would bring it back, and messages would go to somebody who asked to be forgotten.
    """
    row = exp.Column(this=exp.Star(), table=ident("imports"))
    ranked = exp.select(row, newest(["contact_id", "kind", "name"], ["at", "ordinal"], "imports").as_("newest")).from_(
        ledger(IMPORTS, "imports")
    )
    last = exp.select(col("contact_id"), exp.Max(this=col("at")).as_("at", quoted=True)).from_(ledger(TAKEOVERS))
    last = last.where(exp.LTE(this=col("at"), expression=bound_call(AS_OF.key))).group_by(col("contact_id"))
    older = exp.GTE(this=col("at", "taken_over"), expression=col("at", "imports"))
    left_join(ranked, last.subquery("taken_over", copy=False), exp.and_(_alike("imports", "taken_over"), older))
    if deletions:
        left_join(ranked, exp.Table(this=ident("deletions")), noted_before("imports"))
        ranked = ranked.where(is_null(col("contact_id", "deletions")))
    ranked = ranked.where(
        col("kind", "imports").neq(exp.Literal.string("list")),
        exp.LTE(this=col("at", "imports"), expression=bound_call(AS_OF.key)),
        is_null(col("contact_id", "taken_over")),
    )
    is_contact = col("kind").eq(exp.Literal.string("contact"))
    projections = [named(exp.Min(this=case_when(is_contact, col("at"))), _JOINED)]
    for name in names:
        mine = exp.and_(col("kind").eq(exp.Literal.string("attribute")), col("name").eq(exp.Literal.string(name)))
        projections.append(named(exp.Max(this=case_when(mine, col("value"))), name))
    return (
        exp.select(col("contact_id"), *projections)
        .from_(ranked.subquery("ranked"))
        .where(col("newest").eq(1))
        .group_by(col("contact_id"))
    )
