"""What WHERE, HAVING and QUALIFY say about one contact: each of their conditions on its own, and all together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlglot import exp

from segflow.explain.answer import Answer, unsaid
from segflow.explain.sql_asks import Asker, Scope, Unsaid, numbered
from segflow.explain.sql_sources import Block
from segflow.explain.sql_tree import ROWS, quoted
from segflow.explain.sql_words import MOST_COLUMNS, aggregates, columns, shown_value, windows, words_of
from segflow.segments.sql import id_text, named, select

ID = "the contact"
_NO_ROW = "there is no row of the contact to ask"


@dataclass(frozen=True)
class Stage:
    """The rows that a clause chooses from: `base`, with the id `contact` in them."""

    asker: Asker
    scope: Scope
    base: exp.Select
    contact: exp.Expr
    kind: str

    def answer(self, words: str, conditions: list[exp.Expr], whole: exp.Expr) -> Answer:
        """What a clause and each of its conditions say. Raises Unsaid."""
        try:
            total, kept, each = self._counts([*conditions], whole)
        except Unsaid:
            if len(conditions) == 1:
                raise
            return self._one_by_one(words, conditions, whole)
        if not total:
            parts = [unsaid(self._words(one), _NO_ROW) for one in conditions] if len(conditions) > 1 else []
            return unsaid(words, _NO_ROW, parts=parts)
        values = self._nearest(conditions)
        answers = [
            Answer(self._words(one), number > 0, _found(values[place], number, total), None, [])
            for place, (one, number) in enumerate(zip(conditions, each, strict=True))
        ]
        if len(conditions) == 1:
            return Answer(words, kept > 0, answers[0].found, None, [])
        return Answer(words, kept > 0, _found({}, kept, total), None, answers)

    def _words(self, node: exp.Expr) -> str:
        return words_of(node, self.asker.dialect)

    def _one_by_one(self, words: str, conditions: list[exp.Expr], whole: exp.Expr) -> Answer:
        """The same where a condition fails that others guard."""
        answers = []
        for one in conditions:
            try:
                answers.append(self.answer(self._words(one), [one], one))
            except Unsaid as why:
                answers.append(unsaid(self._words(one), str(why)))
        guarded = self.base.copy()
        guarded.set(self.kind, _clause_node(self.kind, whole))
        guarded.append("expressions", named(id_text(self.contact.copy()), ID))
        kept = self.asker.count(guarded, quoted(ID), self.scope)
        return Answer(words, kept > 0, {"rows": kept}, None, answers)

    def _counts(self, conditions: list[exp.Expr], whole: exp.Expr) -> tuple[int, int, list[int]]:
        asked = numbered([_true(one) for one in [whole, *conditions]], "part")
        numbers = [exp.Count(this=exp.Star()).as_("n")]
        numbers += [
            exp.CountIf(this=_place("part", place)).as_(f"n {place}", quoted=True) for place in range(len(asked))
        ]
        [row] = self.asker.rows(self._chosen(numbers, asked), self.scope)
        each = [int(row[f"n {place}"] or 0) for place in range(len(asked))]
        return int(row["n"]), each[0], each[1:]

    def _nearest(self, conditions: list[exp.Expr]) -> list[dict[str, Any]]:
        """What each condition looks at, in the row in which most of them hold."""
        looked = [_looked_at(one, self.asker.dialect) for one in conditions]
        values = [value for one in looked for value in one]
        if not values:
            return [{} for _ in conditions]
        asked = [*numbered([_true(one) for one in conditions], "part"), *numbered(values, "value")]
        shown = [_place("value", place) for place in range(len(values))]
        query = self._chosen(list(shown), asked)
        one, none = exp.Literal.number(1), exp.Literal.number(0)
        met: exp.Expr = none
        for number in range(len(conditions)):
            holds = exp.Case(ifs=[exp.If(this=_place("part", number), true=one.copy())], default=none.copy())
            met = exp.Add(this=met, expression=holds)
        order = [exp.Ordered(this=met, desc=True), *(id_text(value.copy()) for value in shown[:MOST_COLUMNS])]
        try:
            [row] = self.asker.rows(query.order_by(*order).limit(1), self.scope)
        except Unsaid:
            return [{} for _ in conditions]
        found, place = [], 0
        for these in looked:
            found.append({self._words(value): shown_value(row[f"value {place + n}"]) for n, value in enumerate(these)})
            place += len(these)
        return found

    def _chosen(self, projections: Sequence[exp.Expr], asked: Sequence[exp.Expr]) -> exp.Select:
        inner = self.base.copy()
        for one in [named(id_text(self.contact.copy()), ID), *asked]:
            inner.append("expressions", one)
        mine = self.asker.is_contact(exp.Column(this=quoted(ID), table=quoted(ROWS)))
        return select(projections, inner.subquery(quoted(ROWS), copy=False), mine)


def before(kind: str, block: Block, condition: exp.Expr) -> exp.Select:
    """The SELECT without a clause and what comes after it."""
    base = block.select.copy()
    for key in (
        "with_",
        "distinct",
        "order",
        "limit",
        "offset",
        "qualify",
        *(("having",) if kind != "qualify" else ()),
    ):
        base.set(key, None)
    if kind != "where":
        return base
    base.set("where", None)
    base.set("group", None)
    # A condition may name what the SELECT makes.
    named_in = {one.name.lower() for one in condition.find_all(exp.Column) if not one.table}
    kept = [
        one
        for one in base.selects
        if isinstance(one, exp.Alias) and one.alias.lower() in named_in and not aggregates(one) and not windows(one)
    ]
    base.set("expressions", kept)
    return base


def _looked_at(condition: exp.Expr, dialect: str) -> list[exp.Expr]:
    """What a condition compares: its columns, aggregates and windows, each once."""
    found = {words_of(one, dialect): one for one in (*aggregates(condition), *windows(condition), *columns(condition))}
    return list(found.values())[:MOST_COLUMNS]


def _found(values: dict[str, Any], number: int, total: int) -> dict[str, Any]:
    """With how many of the contact's rows there are, where there are several."""
    return {**values, "rows": f"{number} of {total}"} if total > 1 else values


def _true(condition: exp.Expr) -> exp.Expr:
    return exp.Coalesce(this=exp.Paren(this=condition.copy()), expressions=[exp.false()])


def _place(kind: str, number: int) -> exp.Column:
    return exp.Column(this=quoted(f"{kind} {number}"), table=quoted(ROWS))


def _clause_node(kind: str, condition: exp.Expr) -> exp.Expr:
    kinds: dict[str, Callable[..., exp.Expr]] = {"where": exp.Where, "having": exp.Having, "qualify": exp.Qualify}
    return kinds[kind](this=condition.copy())
