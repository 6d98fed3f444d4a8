"""Since when contacts have had the values they have: ledger `attribute_history`, for the attributes that `held_for`
asks about.

A row says that a value, missing included, was new at a tick. A value that differs from the last one recorded is new
now, so that what is read here is right in the very tick that changes it, before the ledger has it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlglot import exp

from segflow.segments.bounds import AS_OF
from segflow.segments.nodes import Fact
from segflow.segments.sql import bound_call, built, col, ledger, left_join, named, select, typed, union_all
from segflow.specs.columns import Attribute
from segflow.specs.types import NUMBERS, ValueType

HISTORY = "attribute_history"
_LAST = "last_known"


def history_attributes(facts: Iterable[Fact]) -> list[str]:
    """The attributes whose history `facts` need."""
    return sorted({fact.source.name for fact in facts if fact.source.kind == "held"})


def held_rows(attributes: Mapping[str, Attribute]) -> exp.Query:
    """(contact_id, name, at): since when each contact has had its present value of each attribute."""
    return union_all([_held(name, attribute.type) for name, attribute in attributes.items()])


def new_values(attribute: str, kind: ValueType) -> exp.Select:
    """(contact_id, attribute, value, since): the rows that the history lacks at `as_of`. `kind`: the attribute's."""
    projections = [
        col("contact_id", "contacts"),
        named(exp.Literal.string(attribute), "attribute"),
        named(_present(attribute), "value"),
        named(bound_call(AS_OF.key), "since"),
    ]
    query = _with_last(select(projections, built("contacts", "contacts")), attribute)
    return query.where(exp.Not(this=_unchanged(attribute, kind)))


def _held(attribute: str, kind: ValueType) -> exp.Select:
    since = exp.Case(
        ifs=[exp.If(this=_unchanged(attribute, kind), true=col("since", _LAST))], default=bound_call(AS_OF.key)
    )
    projections = [
        col("contact_id", "contacts"),
        named(exp.Literal.string(attribute), "name"),
        named(since, "at"),
    ]
    return _with_last(select(projections, built("contacts", "contacts")), attribute)


def _with_last(query: exp.Select, attribute: str) -> exp.Select:
    """Join what was recorded last before `as_of`: a tick that is repeated must not see its own rows."""
    newest = exp.Window(
        this=exp.RowNumber(),
        partition_by=[col("contact_id")],
        order=exp.Order(expressions=[exp.Ordered(this=col("since"), desc=True, nulls_first=False)]),
    )
    ranked = (
        exp.select(col("contact_id"), col("value"), col("since"), newest.as_("newest"))
        .from_(ledger(HISTORY, "history"))
        .where(
            col("attribute").eq(exp.Literal.string(attribute)),
            exp.LT(this=col("since"), expression=bound_call(AS_OF.key)),
        )
    )
    same = exp.EQ(this=col("contact_id", _LAST), expression=col("contact_id", "contacts"))
    return left_join(query, ranked.subquery(_LAST), exp.and_(same, col("newest", _LAST).eq(1)))


def _unchanged(attribute: str, kind: ValueType) -> exp.Expr:
    known = exp.Not(this=exp.Is(this=col("contact_id", _LAST), expression=exp.null()))
    if kind in NUMBERS:
        # Older builds wrote 2.0 where this one writes 2: it is the same number, and no change.
        same = exp.NullSafeEQ(this=typed(col("value", _LAST), kind), expression=col(attribute, "contacts"))
    else:
        same = exp.NullSafeEQ(this=col("value", _LAST), expression=_present(attribute))
    return exp.Paren(this=exp.and_(known, same))


def _present(attribute: str) -> exp.Expr:
    return typed(col(attribute, "contacts"), "text")
