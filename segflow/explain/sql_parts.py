"""What each part of a `.sql` segment says about one contact: WITH, FROM and JOIN, WHERE, HAVING, UNION and the rest.

A part is asked on its own, over the rows of the contact that the parts before it leave. Nothing is guessed: where rows
of many contacts become one, or no column leads to the id, it is said that nothing can be said.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlglot import exp

from segflow.explain.answer import Answer, unsaid
from segflow.explain.sql_asks import Asker, Scope, Unsaid
from segflow.explain.sql_clauses import ID, Stage, before
from segflow.explain.sql_sources import Block, bare, block_of
from segflow.explain.sql_tree import (
    as_query,
    below_alias,
    branches,
    ctes_of,
    is_one_row,
    join_words,
    model_of,
    other_name,
    quoted,
    segment_of,
    table_of,
)
from segflow.explain.sql_words import conjuncts, shown_row, words_of
from segflow.segments.membership_models import CONTACTS
from segflow.segments.sql import ident, named, select

_NO_COLUMN = "no column of it leads to contact_id"
_MANY = "rows of many contacts become one before contact_id is made of them"
_LATER = "it has no contact_id; a later join brings it"
_KINDS: dict[type[exp.Expr], str] = {exp.Union: "UNION", exp.Except: "EXCEPT", exp.Intersect: "INTERSECT"}


@dataclass
class Told:
    """The answers for the parts of a query; `blame`: those that keep the contact out, where it is not in."""

    parts: list[Answer] = field(default_factory=list)
    blame: list[Answer] = field(default_factory=list)


class Reader:
    """Explains the parsed query of one segment. `not_read`: the attributes that it does not look at."""

    def __init__(self, asker: Asker, not_read: Collection[str] = ()) -> None:
        self._asker, self._not_read = asker, not_read
        self._scope = Scope(())
        self._wanted: dict[int, exp.Identifier] = {}
        self._blocks: dict[tuple[int, str], Block] = {}
        self._ctes: dict[int, tuple[Answer, list[Answer]]] = {}

    def read(self, query: exp.Query) -> Told:
        """The parts of the whole query."""
        wanted = ident("contact_id")
        self._spread(query, wanted, self._scope)
        return self._query(query, wanted, self._scope)

    # --- which column of each CTE is the id ------------------------------------------------------------------------

    def _spread(self, query: exp.Expr, wanted: exp.Identifier, scope: Scope) -> None:
        ctes = ctes_of(query)
        inner = scope.inside(ctes) if ctes else scope
        if isinstance(query, exp.SetOperation):
            self._spread(query.this, wanted, inner)
            self._spread(query.expression, other_name(query, wanted), inner)
        elif isinstance(query, exp.Subquery):
            self._spread(query.this, wanted, inner)
        elif isinstance(query, exp.Select):
            self._spread_select(query, wanted, inner)
        for number in reversed(range(len(ctes))):
            cte, seen = ctes[number], scope.inside(ctes[:number])
            column = self._wanted.get(id(cte))
            if column is None and self._asker.has_column(table_of(cte), ident("contact_id"), inner):
                column = self._wanted[id(cte)] = ident("contact_id")
            if column is not None and (below := below_alias(cte.args.get("alias"), cte.this, column)) is not None:
                self._spread(cte.this, below, seen)

    def _spread_select(self, query: exp.Select, wanted: exp.Identifier, scope: Scope) -> None:
        block = self._block(query, wanted, scope)
        for source in block.sources:
            column = block.held.get(source.name.lower())
            if column is not None:
                self._want(source.node, column, scope)
        held = {(name, column.name.lower()) for name, column in block.held.items()}
        where = query.args.get("where")
        for one in where.find_all(exp.In) if where is not None else ():
            inner, left = one.args.get("query"), bare(one.this)
            if not isinstance(left, exp.Column) or not isinstance(inner, exp.Subquery):
                continue
            is_held = any(left.name.lower() == name and left.table.lower() in ("", table) for table, name in held)
            if is_held and isinstance(inner.this, exp.Select) and inner.this.selects:
                self._spread(inner.this, exp.to_identifier(inner.this.selects[0].alias_or_name), scope)

    def _want(self, node: exp.Expr, column: exp.Identifier, scope: Scope) -> None:
        if isinstance(node, exp.Table) and (cte := scope.find(node.name)) is not None:
            self._wanted.setdefault(id(cte), column)
        elif isinstance(node, exp.Subquery):
            below = below_alias(node.args.get("alias"), node.this, column)
            if below is not None:
                self._spread(node.this, below, scope)

    def _block(self, query: exp.Select, wanted: exp.Identifier, scope: Scope) -> Block:
        key = id(query), wanted.name.lower()
        if key not in self._blocks:
            self._blocks[key] = block_of(query, wanted, self._asker, scope)
        return self._blocks[key]

    # --- what they say ---------------------------------------------------------------------------------------------

    def _query(self, query: exp.Expr, wanted: exp.Identifier, scope: Scope) -> Told:
        ctes = ctes_of(query)
        told = Told([self._cte(ctes, number, scope) for number in range(len(ctes))])
        inner = scope.inside(ctes) if ctes else scope
        if isinstance(query, exp.Subquery):
            below = self._query(query.this, wanted, inner)
        elif isinstance(query, exp.SetOperation):
            below = self._operation(query, wanted, inner)
        elif isinstance(query, exp.Select):
            below = self._select(query, wanted, inner)
        else:
            return told
        told.parts += below.parts
        told.blame = below.blame
        if (last := self._last(query, wanted, inner)) is not None:
            told.parts.append(last)
            told.blame = told.blame or ([last] if last.holds is False else [])
        return told

    def _cte(self, ctes: Sequence[exp.CTE], number: int, scope: Scope) -> Answer:
        cte, words = ctes[number], f"WITH {ctes[number].alias}"
        seen, wanted = scope.inside(ctes[: number + 1]), self._wanted.get(id(ctes[number]))
        below = below_alias(cte.args.get("alias"), cte.this, wanted) if wanted is not None else None
        if wanted is None or below is None:
            answer = unsaid(words, _NO_COLUMN)
            if isinstance(cte.this, exp.Select) and is_one_row(cte.this):
                answer = unsaid(words, "one row for all contacts", self._only_row(cte, seen))
            self._ctes[id(cte)] = answer, []
            return answer
        told = self._query(cte.this, below, scope.inside(ctes[:number]))
        whole = select([exp.Star()], table_of(cte))
        answer = self._has(words, whole, wanted, seen, parts=told.parts)
        self._ctes[id(cte)] = answer, (told.blame or [answer]) if answer.holds is False else []
        return answer

    def _only_row(self, cte: exp.CTE, scope: Scope) -> dict[str, Any]:
        try:
            rows = self._asker.rows(select([exp.Star()], table_of(cte)).limit(1), scope)
        except Unsaid:
            return {}
        return shown_row(rows[0]) if rows else {}

    def _has(
        self,
        words: str,
        query: exp.Query,
        wanted: exp.Identifier,
        scope: Scope,
        *,
        parts: Sequence[Answer] = (),
        segment: str | None = None,
        rows: bool = True,
        hidden: Collection[str] = (),
    ) -> Answer:
        """Has a query the contact, by its column `wanted`?"""
        try:
            number = self._asker.count(query, wanted, scope)
            sample = self._asker.sample(query, wanted, scope) if number and rows else []
        except Unsaid as why:
            return unsaid(words, str(why), parts=parts)
        return Answer(
            words,
            number > 0,
            {"rows": number},
            None,
            list(parts),
            segment=segment,
            rows=[shown_row(row, hidden) for row in sample],
        )

    def _operation(self, query: exp.SetOperation, wanted: exp.Identifier, scope: Scope) -> Told:
        kind = _KINDS[type(query)]
        answers: list[Answer] = []
        blames: list[list[Answer]] = []
        for number, (branch, column) in enumerate(branches(query, wanted), start=1):
            told = self._query(branch, column, scope)
            words = f"{kind}, part {number}"
            if kind == "EXCEPT" and number > 1:
                words = "EXCEPT, what it takes away"
            one = self._has(words, as_query(branch), column, scope, parts=told.parts, rows=False)
            answers.append(one)
            blames.append((told.blame or [one]) if one.holds is False else [])
        if kind == "UNION":
            out = all(one.holds is False for one in answers)
            return Told(answers, min(blames, key=len) if out else [])
        if kind == "INTERSECT":
            return Told(answers, [one for blame in blames for one in blame])
        return Told(answers, blames[0] or [one for one in answers[1:] if one.holds])

    def _select(self, query: exp.Select, wanted: exp.Identifier, scope: Scope) -> Told:
        block = self._block(query, wanted, scope)
        told = Told()
        for number in range(1, len(block.sources) + 1):
            answer, blame = self._source(block, number, scope)
            told.parts.append(answer)
            told.blame = told.blame or blame
        for kind in ("where", "having", "qualify"):
            if (clause := query.args.get(kind)) is not None:
                answer = self._clause(kind, block, clause.this, wanted, scope)
                told.parts.append(answer)
                no = [one for one in answer.parts if one.holds is False]
                told.blame = told.blame or ((no or [answer]) if answer.holds is False else [])
        return told

    def _source(self, block: Block, number: int, scope: Scope) -> tuple[Answer, list[Answer]]:
        source = block.sources[number - 1]
        words = (
            f"FROM {self._words(source.node)}" if source.join is None else join_words(source.join, self._asker.dialect)
        )
        cte = scope.find(source.node.name) if isinstance(source.node, exp.Table) else None
        segment, column = segment_of(source.node), block.held.get(source.name.lower())
        parts: list[Answer] = []
        blame: list[Answer] = []
        if isinstance(source.node, exp.Subquery) and column is not None:
            below = below_alias(source.node.args.get("alias"), source.node.this, column)
            if below is not None:
                told = self._query(source.node.this, below, scope)
                parts, blame = told.parts, told.blame
        elif cte is not None:
            blame = self._ctes[id(cte)][1] if id(cte) in self._ctes else []
        contact = block.contact_in(number)
        if contact is None:
            why = _MANY if block.contact_is_aggregated else _LATER
            return unsaid(words, why if block.held or block.contact_is_aggregated else _NO_COLUMN, parts=parts), []
        joined = block.joined(number)
        joined.set("expressions", [named(contact, ID), exp.Column(this=exp.Star(), table=quoted(source.name))])
        hidden = (
            {ID, "tick_id", *self._not_read} if model_of(source.node) == CONTACTS else {ID}
        )  # not read, so not filled in
        shown = cte is None  # rows of a CTE are shown with it
        answer = self._has(words, joined, quoted(ID), scope, parts=parts, segment=segment, rows=shown, hidden=hidden)
        if answer.unsaid is not None:  # The columns of some sources cannot be told apart.
            joined.set("expressions", [named(contact.copy(), ID)])
            answer = self._has(words, joined, quoted(ID), scope, parts=parts, segment=segment, rows=False)
        return answer, (blame or [answer]) if answer.holds is False else []

    def _words(self, node: exp.Expr) -> str:
        return words_of(node, self._asker.dialect)

    def _clause(self, kind: str, block: Block, condition: exp.Expr, wanted: exp.Identifier, scope: Scope) -> Answer:
        conditions = conjuncts(condition)
        words = f"{kind.upper()} all of" if len(conditions) > 1 else f"{kind.upper()} {self._words(conditions[0])}"
        if kind == "where" and block.contact_is_aggregated:
            return unsaid(words, _MANY)
        stage = Stage(self._asker, scope, before(kind, block, condition), block.contact, kind)
        try:
            return stage.answer(words, conditions, condition)
        except Unsaid as why:
            return unsaid(words, str(why))

    def _last(self, query: exp.Expr, wanted: exp.Identifier, scope: Scope) -> Answer | None:
        """What cuts rows off at the end."""
        distinct = query.args.get("distinct") if isinstance(query, exp.Select) else None
        on = distinct.args.get("on") if isinstance(distinct, exp.Distinct) else None
        given = [query.args[key] for key in ("order", "limit", "offset") if query.args.get(key) is not None]
        if on is None and not any(isinstance(one, (exp.Limit, exp.Offset)) for one in given):
            return None
        words = " ".join([f"DISTINCT ON {self._words(on)}"] if on is not None else [])
        words = " ".join(filter(None, [words, *(self._words(one) for one in given)]))
        whole = as_query(query).copy()
        whole.set("with_", None)  # They are in the scope.
        return self._has(words, whole, wanted, scope, rows=False)
