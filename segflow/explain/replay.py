"""What conditions say about one contact, at any number of moments in one query.

The contact's own rows are copied first. Then the compiler's queries run on those alone, once per moment: a bound is no
literal here but a column of the moments, which a lateral join brings into the query.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from itertools import pairwise
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import pyarrow as pa
from sqlglot import exp

from segflow.segments.bounds import bound_from_key, timestamp_literal
from segflow.segments.fact_models import fact_query
from segflow.segments.facts import FactColumn, by_model, collect
from segflow.segments.membership_models import CONTACTS, contacts_query
from segflow.segments.nodes import Fact, Member, Node
from segflow.segments.predicate import Columns, two_valued
from segflow.segments.sql import (
    BOUND,
    LEDGER,
    REF,
    TICK_ID,
    col,
    id_text,
    ident,
    is_not_null,
    left_join,
    named,
    select,
    typed,
)
from segflow.segments.stored import stored
from segflow.specs.catalog import Catalog
from segflow.specs.sql_file import OWN_CONTACTS
from segflow.warehouse import words
from segflow.warehouse.base import Warehouse, python_rows, relation
from segflow.warehouse.names import whole

Resolve = Callable[[str], exp.Table]
_Query = TypeVar("_Query", bound=exp.Query)
_MOMENTS = "the moments"
"""No object or column of a user has a blank in its name."""
MOMENT = "the moment"
_AT_ONCE = 20
"""So many moments are asked for in one statement, where each is a query."""
_LAST_DAY = datetime(9999, 12, 31, tzinfo=UTC)
_TYPES: dict[str, pa.DataType] = {
    "instant": pa.timestamp("us"), "date": pa.date32(), "anniversaries": pa.list_(pa.int64())
}  # fmt: skip


class Replay:
    """One contact's rows. `members` says of the segments that conditions refer to what they are: a condition, or, for
    a `.sql` segment, whether the contact is in it."""

    def __init__(
        self,
        warehouse: Warehouse,
        catalog: Catalog,
        zone: ZoneInfo,
        contact: str,
        resolve: Resolve,
        members: Mapping[str, Node | bool],
        not_read: Collection[str] = (),
    ) -> None:
        """`not_read`: attributes that nothing here looks at; their columns may be missing."""
        self._not_read = not_read
        self.catalog, self.contact = catalog, contact
        self._warehouse, self._zone, self._resolve, self.members = warehouse, zone, resolve, members
        self._copied: dict[str, exp.Table] = {}

    def truths(self, moments: Sequence[datetime], conditions: Mapping[str, Node]) -> list[dict[str, Any]]:
        """A row per moment (UTC) at which the contact is there, in order: `MOMENT`, and which of `conditions` hold."""
        return self.values(moments, list(conditions.values()), lambda columns: {
            name: two_valued(node, columns) for name, node in conditions.items()
        })  # fmt: skip

    def values(
        self,
        moments: Sequence[datetime],
        nodes: Sequence[Node],
        make: Callable[[Columns], Mapping[str, exp.Expr]],
        facts: Iterable[FactColumn] = (),
    ) -> list[dict[str, Any]]:
        """The same with the columns that `make` makes of what `nodes` read; `facts` are computed besides."""
        refers = any(isinstance(below, Member) for node in nodes for below in node.walk())
        below = [rule for rule in self.members.values() if refers and isinstance(rule, Node)]
        columns = {**collect([*nodes, *below]), **{column.fact: column for column in facts}}
        query = self._about_contact(make(self._columns(columns)), columns)
        return self._at(moments, query)

    def at(self, moment: datetime, query: exp.Select) -> list[dict[str, Any]]:
        """The rows of a query over models and bounds at a moment."""
        return self._at([moment], self._laid_out(query))

    def times(self, query: exp.Select) -> set[datetime | date]:
        """Every timestamp (UTC) and date that a query over rows finds, whenever it is. Its only bound is `as_of`."""
        inner = self._laid_out(query)
        for bound in [column for column in inner.find_all(exp.Column) if column.table == _MOMENTS]:
            bound.replace(timestamp_literal(_LAST_DAY))
        table = self._warehouse.query(inner)
        return {
            value.replace(tzinfo=UTC) if isinstance(value, datetime) else value
            for name, field in zip(table.column_names, table.schema, strict=True)
            if pa.types.is_timestamp(field.type) or pa.types.is_date(field.type)
            for value in table.column(name).to_pylist()
            if value is not None
        }

    def ever(self, attribute: str) -> exp.Query:
        """The values that the contact has, had or will have in an attribute, as far as that is recorded."""
        spec = self.catalog.contacts.attributes[attribute]
        given = exp.select(typed(col("value"), spec.type).as_("value"))
        given = given.where(col("name").eq(exp.Literal.string(attribute)), is_not_null(col("value")))
        ledgers = [given.from_(self.of_ledger(name)) for name in ("contact_updates", "contact_imports")]
        updates = exp.union(ledgers[0], ledgers[1], distinct=False)
        if spec.written_by == "flows":
            return updates
        now = exp.select(stored(attribute, spec).as_("value"))
        return exp.union(now.from_(self.rows(self.catalog.contacts.model)), updates, distinct=False)

    def _columns(self, columns: Mapping[Fact, FactColumn]) -> Columns:
        def member(segment: str) -> exp.Expr:
            rule = self.members[segment]
            if isinstance(rule, bool):
                return exp.true() if rule else exp.false()
            return exp.Paren(this=two_valued(rule, found))

        found = Columns(
            value=lambda value: col(value.name, CONTACTS),
            fact=lambda fact: col(columns[fact].column, columns[fact].model),
            member=member,
        )
        return found

    def _about_contact(self, projections: Mapping[str, exp.Expr], columns: Mapping[Fact, FactColumn]) -> exp.Select:
        query = select(
            [named(expression, name) for name, expression in projections.items()],
            contacts_query(self.catalog, self._not_read).subquery(ident(CONTACTS)),
            exp.EQ(this=col("contact_id", CONTACTS), expression=exp.Literal.string(self.contact)),
        )
        for model, group in by_model(columns).items():
            facts = fact_query(group, self.catalog).subquery(ident(model), copy=False)
            same = exp.EQ(this=col("contact_id", model), expression=col("contact_id", CONTACTS))
            left_join(query, facts, same)
        return self._laid_out(query)

    def _at(self, moments: Sequence[datetime], query: exp.Select) -> list[dict[str, Any]]:
        if not moments:
            return []
        rows = python_rows(self._table(self._moments(moments, query), query))
        return rows

    def _table(self, moments: pa.Table, query: exp.Select) -> pa.Table:
        if not self._warehouse.laterals:
            return self._one_by_one(moments, query)
        staged = self._warehouse.stage("moments", moments)
        staged.set("alias", exp.TableAlias(this=ident(_MOMENTS)))
        lateral = exp.Lateral(this=query.subquery(copy=False), alias=exp.TableAlias(this=ident("looked")))
        whole = select([col(MOMENT, _MOMENTS), exp.Column(this=exp.Star(), table=ident("looked"))], staged)
        whole.append("joins", exp.Join(this=lateral, kind="CROSS"))
        return _zoned(self._warehouse.query(whole.order_by(col(MOMENT, _MOMENTS))))

    def _one_by_one(self, moments: pa.Table, query: exp.Select) -> pa.Table:
        """The same with a query per moment, several in a statement."""
        each = [_at_moment(query, row) for row in moments.to_pylist()]
        pieces = [each[start : start + _AT_ONCE] for start in range(0, len(each), _AT_ONCE)]
        asked = (exp.union(*piece, distinct=False) if len(piece) > 1 else piece[0] for piece in pieces)
        found = pa.concat_tables([self._warehouse.query(one) for one in asked], promote_options="permissive")
        return _zoned(found.sort_by(MOMENT))

    def _moments(self, moments: Sequence[datetime], query: exp.Select) -> pa.Table:
        keys = {column.name for column in query.find_all(exp.Column) if column.table == _MOMENTS}
        fields = {MOMENT: pa.array([_naive(moment) for moment in moments], _TYPES["instant"])}
        for key in sorted(keys):
            bound = bound_from_key(key)
            values = [_naive(bound.value(moment, self._zone)) for moment in moments]
            fields[key] = pa.array(values, _TYPES[bound.kind])
        return pa.table(fields)

    def _laid_out(self, query: _Query) -> _Query:
        """The query over the copied rows, its bounds columns of the moments."""

        def lay(node: exp.Expr) -> exp.Expr:
            if isinstance(node, exp.Table) and node.name.startswith((REF, LEDGER)):
                return self._place(node.name, node.alias)
            if isinstance(node, exp.In) and len(node.expressions) == 1 and _is_call(node.expressions[0], BOUND):
                return words.list_contains(lay(node.expressions[0]), node.this)
            if _is_call(node, BOUND):
                return col(node.expressions[0].name, _MOMENTS)
            return exp.Literal.string("") if _is_call(node, TICK_ID) else node

        # Copied first: parts of it share nodes, and a node that is replaced is so at one place.
        laid = query.transform(lay)
        assert isinstance(laid, type(query))
        return laid

    def _place(self, name: str, alias: str) -> exp.Expr:
        model = name.removeprefix(REF).removeprefix(LEDGER)
        if name == f"{REF}{OWN_CONTACTS}":
            return self._laid_out(contacts_query(self.catalog, self._not_read)).subquery(ident(alias or CONTACTS))
        table = (self.of_ledger(model) if name.startswith(LEDGER) else self.rows(model)).copy()
        table.set("alias", exp.TableAlias(this=ident(alias or model)))
        return table

    def of_ledger(self, name: str) -> exp.Table:
        """A temporary table of the rows of one of segflow's ledgers that are about the contact."""
        return self._copy(f"one_of__{name}", relation(name), [self._is_contact("contact_id")])

    def rows(self, model: str) -> exp.Table:
        """A temporary table of all rows of a model that can be about the contact; perhaps of some others, too."""
        return self._copy(f"one__{model}", self._resolve(model), self._mine(model))

    def _copy(self, name: str, source: exp.Table, mine: list[exp.Expr]) -> exp.Table:
        if name not in self._copied:
            rows = exp.select("*").from_(source).where(exp.or_(*mine))
            self._copied[name] = self._warehouse.stage(whole(name), rows)
        return self._copied[name]

    def _mine(self, model: str) -> list[exp.Expr]:
        catalog = self.catalog
        found = [self._is_contact(catalog.contacts.key)] if catalog.contacts.model == model else []
        found += [self._is_contact(source.contact) for source in catalog.events if source.model == model]
        found += [self._is_contact(label.contact) for label in (catalog.lists, catalog.tags) if label.model == model]
        for name, spec in catalog.objects.items():
            if spec.model == model:
                found.append(self._is_below(name))
        return found

    def _is_below(self, name: str) -> exp.Expr:
        path = self.catalog.object_path(name)
        own = path[0][1]
        if own.contacts_by:
            kind = self.catalog.contacts.attributes[own.contacts_by].type
            return exp.In(this=typed(col(own.key), kind), query=self.ever(own.contacts_by).subquery())
        if len(path) == 1:
            return self._is_contact(own.link)
        (_, _), (_, parent) = next(pairwise(path))
        keys = exp.select(col(parent.key)).from_(self.rows(parent.model))
        return exp.In(this=col(own.link), query=keys.subquery())

    def _is_contact(self, column: str) -> exp.Expr:
        return exp.EQ(this=id_text(col(column)), expression=exp.Literal.string(self.contact))


def _zoned(found: pa.Table) -> pa.Table:
    return found.set_column(0, MOMENT, found.column(MOMENT).cast(pa.timestamp("us", "UTC")))


def _at_moment(query: exp.Select, row: Mapping[str, Any]) -> exp.Select:
    """A query with the bounds of a moment in place of the columns."""

    def fill(node: exp.Expr) -> exp.Expr:
        return _literal(row[node.name]) if isinstance(node, exp.Column) and node.table == _MOMENTS else node

    at = exp.alias_(_literal(row[MOMENT]), MOMENT, quoted=True)
    filled = query.transform(fill)
    assert isinstance(filled, exp.Select)
    looked = filled.subquery(ident("looked"), copy=False)
    return select([at, exp.Column(this=exp.Star(), table=ident("looked"))], looked)


def _literal(value: Any) -> exp.Expr:
    if isinstance(value, datetime):
        return timestamp_literal(value.replace(tzinfo=UTC))
    if isinstance(value, date):
        return exp.cast(exp.Literal.string(value.isoformat()), "DATE")
    if isinstance(value, list):
        many = exp.DataType(this=exp.DataType.Type.ARRAY, expressions=[exp.DataType.build("BIGINT")], nested=True)
        return exp.Cast(this=exp.Array(expressions=[exp.Literal.number(one) for one in value]), to=many)
    return exp.null()


def _is_call(node: exp.Expr, name: str) -> bool:
    return isinstance(node, exp.Anonymous) and node.this == name


def _naive(value: Any) -> Any:
    return value.astimezone(UTC).replace(tzinfo=None) if isinstance(value, datetime) and value.tzinfo else value
