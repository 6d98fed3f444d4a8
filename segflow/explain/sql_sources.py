"""What a SELECT reads from, and which column of it holds the id of the contact."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlglot import exp

from segflow.explain.sql_asks import Asker, Scope
from segflow.explain.sql_words import aggregates, conjuncts
from segflow.segments.sql import select as select_from


@dataclass(frozen=True)
class Source:
    """Something behind FROM or JOIN. `name`: how its columns are qualified."""

    name: str
    node: exp.Expr
    join: exp.Join | None


@dataclass(frozen=True)
class Block:
    """One SELECT. `contact`: what becomes of the id in it, None where a `*` brings the column, `held`: source ->
    the column of it that holds the id."""

    select: exp.Select
    sources: list[Source]
    contact: exp.Expr
    held: dict[str, exp.Identifier]

    @property
    def contact_is_aggregated(self) -> bool:
        """Is the id itself made of many rows?"""
        return bool(aggregates(self.contact))

    def joined(self, number: int) -> exp.Select:
        """The first `number` sources, joined."""
        query = select_from([], self.sources[0].node.copy())
        joins = [source.join.copy() for source in self.sources[1:number] if source.join is not None]
        query.set("joins", joins)
        return query

    def contact_in(self, number: int) -> exp.Expr | None:
        """The id, as the first `number` sources have it."""
        names = [source.name.lower() for source in self.sources[:number]]
        if number == len(self.sources) and not self.contact_is_aggregated:
            return self.contact.copy()
        for name in names:
            if name in self.held:
                return _column(self.held[name], name)
        return None


def block_of(query: exp.Select, wanted: exp.Identifier, asker: Asker, scope: Scope) -> Block:
    """A SELECT whose output `wanted` is the id of the contact; `scope`: what it sees, its own CTEs included."""
    sources = list(_sources(query, asker))
    contact = projection(query, wanted)
    finder = _Finder(query, sources, asker, scope)
    if contact is None:
        held = {source.name.lower(): wanted for source in finder.starred() if finder.has(source, wanted)}
        contact = next((_column(wanted, name) for name in held), exp.Column(this=wanted.copy()))
    else:
        column = bare(contact)
        held = {}
        if isinstance(column, exp.Column):
            held = {source.name.lower(): column.this for source in finder.owners(column)}
    finder.follow(held)
    return Block(query, sources, contact, held)


def projection(query: exp.Select, wanted: exp.Identifier) -> exp.Expr | None:
    """What an output of a query is made of; None where a `*` brings it."""
    for one in query.selects:
        if one.alias_or_name.lower() == wanted.name.lower() and not isinstance(one, exp.Star):
            return one.unalias()
    return None


def bare(node: exp.Expr) -> exp.Expr:
    """Without casts and brackets."""
    while isinstance(node, (exp.Cast, exp.TryCast, exp.Paren, exp.Alias)):
        node = node.this
    return node


def _sources(query: exp.Select, asker: Asker) -> Iterator[Source]:
    clause = query.args.get("from_")
    if clause is None:
        return
    yield Source(asker.name_of(clause.this), clause.this, None)
    for join in query.args.get("joins") or []:
        yield Source(asker.name_of(join.this), join.this, join)


def _column(name: exp.Identifier, table: str) -> exp.Column:
    return exp.Column(this=name.copy(), table=exp.to_identifier(table, quoted=True))


@dataclass(frozen=True)
class _Finder:
    query: exp.Select
    sources: list[Source]
    asker: Asker
    scope: Scope

    def has(self, source: Source, column: exp.Identifier) -> bool:
        return self.asker.has_column(source.node, column, self.scope)

    def owners(self, column: exp.Column) -> list[Source]:
        """The sources that a column may be of."""
        if column.table:
            return [source for source in self.sources if source.name.lower() == column.table.lower()]
        if len(self.sources) == 1:
            return self.sources
        return [source for source in self.sources if self.has(source, column.this)]

    def starred(self) -> list[Source]:
        """The sources whose columns a `*` brings."""
        tables = {
            one.table.lower()
            for one in self.query.selects
            if isinstance(one, exp.Column) and isinstance(one.this, exp.Star)
        }
        if any(isinstance(one, exp.Star) for one in self.query.selects):
            return self.sources
        return [source for source in self.sources if source.name.lower() in tables]

    def follow(self, held: dict[str, exp.Identifier]) -> None:
        """Put in what equals a column that is known."""
        equal = [pair for condition in self._conditions() if (pair := self._pair(condition)) is not None]
        for _ in self.sources:
            for source in self.sources:
                self._using(source, held)
            for one, other in equal:
                for (name, column), (name2, column2) in ((one, other), (other, one)):
                    if name in held and held[name].name.lower() == column.name.lower():
                        held.setdefault(name2, column2)

    def _using(self, source: Source, held: dict[str, exp.Identifier]) -> None:
        for column in (source.join.args.get("using") or []) if source.join is not None else []:
            column = column if isinstance(column, exp.Identifier) else column.this
            if any(known.name.lower() == column.name.lower() for known in held.values()):
                held.setdefault(source.name.lower(), column)
                for other in self.sources:
                    if other.name.lower() not in held and self.has(other, column):
                        held[other.name.lower()] = column

    def _conditions(self) -> Iterator[exp.Expr]:
        for source in self.sources:
            if source.join is not None and source.join.args.get("on") is not None:
                yield from conjuncts(source.join.args["on"])
        if (where := self.query.args.get("where")) is not None:
            yield from conjuncts(where.this)

    def _pair(self, condition: exp.Expr) -> tuple[tuple[str, exp.Identifier], tuple[str, exp.Identifier]] | None:
        if not isinstance(condition, exp.EQ):
            return None
        found: list[tuple[str, exp.Identifier]] = []
        for side in (bare(condition.this), bare(condition.expression)):
            owners = self.owners(side) if isinstance(side, exp.Column) else []
            if len(owners) != 1:
                return None
            found.append((owners[0].name.lower(), side.this))
        return found[0], found[1]
