"""Pass 5: from the compiler's tree to a SQL boolean.

A comparison with a missing value is null in SQL and false here. `AND` and `OR` never turn a null into a true, so
nulls matter at two places only: below `NOT`, and where the result is read. There, and only there, it is coalesced.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlglot import exp

from segflow.numbers import plain_text
from segflow.segments.bounds import Bound, date_literal, timestamp_literal
from segflow.segments.clock import local_day, local_time
from segflow.segments.nodes import (
    ROW_AT,
    Anchor,
    And,
    Bucket,
    Compare,
    Const,
    Constant,
    Crossed,
    Fact,
    Followed,
    Member,
    Node,
    Not,
    Operand,
    Or,
    Sql,
    Value,
)
from segflow.segments.one_of import any_in, is_in, rows_of
from segflow.segments.sql import bound_call, is_not_null, is_null, text_literal
from segflow.specs.sql_expression import parse_expression
from segflow.warehouse import words
from segflow.warehouse.engines import like_escape

HASH_DIGITS = 8
ZERO_WHEN_EMPTY = ("count", "sum", "count_distinct")


def _unsupported(*_: object) -> exp.Expr:
    raise TypeError("this condition cannot be used here")


@dataclass(frozen=True)
class Columns:
    """Where a condition finds its values in the query that it becomes a part of."""

    value: Callable[[Value], exp.Expr]
    fact: Callable[[Fact], exp.Expr] = _unsupported
    member: Callable[[str], exp.Expr] = _unsupported
    """A boolean that is never null."""
    crossed: Callable[[Crossed], exp.Expr] = _unsupported
    """A boolean that is never null."""
    anchor: Callable[[Anchor], exp.Expr] = _unsupported


def two_valued(node: Node, columns: Columns) -> exp.Expr:
    """A boolean that is never null: for a column that is read as such."""
    expression = predicate(node, columns)
    return exp.Coalesce(this=expression, expressions=[exp.false()]) if _nullable(node) else expression


def predicate(node: Node, columns: Columns) -> exp.Expr:
    """A boolean that is true exactly when the condition holds; otherwise false or null."""
    match node:
        case And(items):
            return exp.and_(*(predicate(item, columns) for item in items), copy=False)
        case Or(items):
            return exp.Paren(this=exp.or_(*(predicate(item, columns) for item in items), copy=False))
        case Not(Compare(_, "is_set") as present) if present.subject.type != "list_of_text":
            return is_null(_subject(present, columns))
        case Not(item):
            inner = two_valued(item, columns)
            return exp.Not(this=exp.Paren(this=inner) if isinstance(inner, (exp.And, exp.Binary)) else inner)
        case Const(value):
            return exp.true() if value else exp.false()
        case Sql():
            return _sql(node, columns)
        case Bucket():
            return _bucket(node, columns)
        case Member(segment):
            return columns.member(segment)
        case Crossed():
            return columns.crossed(node)
        case Followed():
            span = exp.Interval(this=exp.Literal.string(str(node.within)), unit=exp.Var(this="SECOND"))
            latest = exp.Add(this=columns.value(ROW_AT), expression=span)
            return exp.LTE(this=columns.value(node.next), expression=latest)
        case Compare():
            return _compare(node, columns)
    raise TypeError(f"not a condition: {node!r}")


def _sql(node: Sql, columns: Columns) -> exp.Expr:
    def fill(part: exp.Expr) -> exp.Expr:
        if isinstance(part, exp.Column):
            return columns.value(Value("contact", part.name.lower(), "text"))
        return text_literal(part.this) if isinstance(part, exp.Literal) and part.is_string else part

    written = exp.Paren(this=parse_expression(node.text, node.dialect).transform(fill))
    if written.find(exp.Like, exp.ILike, exp.SimilarTo) is None:
        return written
    return words.written_for(written, node.dialect, like_escape(node.dialect))


def _bucket(node: Bucket, columns: Columns) -> exp.Expr:
    """Eight hex digits of a hash, compared as texts: they sort as the numbers do, on every engine."""
    salted = exp.DPipe(
        this=text_literal(f"{node.salt}:"), expression=columns.value(Value("contact", "contact_id", "text")), safe=True
    )
    digits = exp.Substring(
        this=words.text_hash(salted), start=exp.Literal.number(1), length=exp.Literal.number(HASH_DIGITS)
    )
    parts: list[exp.Expr] = []
    if node.low > 0:
        parts.append(exp.GTE(this=digits, expression=exp.Literal.string(_first_hash(node.low))))
    if node.high < 10_000:
        parts.append(exp.LT(this=digits.copy(), expression=exp.Literal.string(_first_hash(node.high))))
    return exp.and_(*parts, copy=False) if parts else exp.true()


def _first_hash(hundredths: int) -> str:
    """The smallest hash at or above a share of all of them."""
    return f"{-(-hundredths * 16**HASH_DIGITS // 10_000):0{HASH_DIGITS}x}"


def _compare(node: Compare, columns: Columns) -> exp.Expr:
    if node.subject.type == "list_of_text":
        return _compare_list(node, columns)
    subject = _subject(node, columns)
    if node.operator == "is_set":
        return is_not_null(subject)
    if node.operator == "anniversary":
        days, *zone = node.operands
        for name in zone:
            assert isinstance(name, Constant)
            subject = local_time(subject, str(name.value))
        month, day = (exp.Extract(this=exp.Var(this=part), expression=subject.copy()) for part in ("month", "day"))
        number = exp.Add(this=exp.Mul(this=month, expression=exp.Literal.number(100)), expression=day)
        return exp.In(this=exp.Paren(this=number), expressions=[_operand(days, columns)])
    many = rows_of(node.operands, node.subject.type, ignore_case=node.ignore_case) if node.operator == "in" else None
    if many is not None:
        return is_in(words.lower(subject) if node.ignore_case else subject, many)
    values = [_operand(operand, columns) for operand in node.operands]
    if node.ignore_case and node.operator != "matches":
        subject = words.lower(subject)
        values = [words.lower(value) for value in values]
    if node.operator == "in":
        return exp.In(this=subject, expressions=values)
    (value,) = values
    match node.operator:
        case "eq":
            if isinstance(value, exp.Boolean) and value.this:
                return subject
            return exp.EQ(this=subject, expression=value)
        case "lt":
            return exp.LT(this=subject, expression=value)
        case "lte":
            return exp.LTE(this=subject, expression=value)
        case "gt":
            return exp.GT(this=subject, expression=value)
        case "gte":
            return exp.GTE(this=subject, expression=value)
        case "contains":
            return words.has_part(subject, value)
        case "starts_with":
            return words.starts_with(subject, value)
        case "ends_with":
            return words.ends_with(subject, value)
        case "matches":
            if node.ignore_case:
                (pattern,) = node.operands
                assert isinstance(pattern, Constant)
                value = text_literal(f"(?i){pattern.value}")
            return words.matches(subject, value)
    raise TypeError(f"unknown operator {node.operator}")


def _subject(node: Compare, columns: Columns) -> exp.Expr:
    if isinstance(node.subject, Value):
        return _value(node.subject, columns)
    column = columns.fact(node.subject)
    if node.subject.aggregate in ZERO_WHEN_EMPTY:
        return exp.Coalesce(this=column, expressions=[exp.Literal.number(0)])
    return column


def _value(value: Value, columns: Columns) -> exp.Expr:
    column = columns.value(value)
    if value.day_in is None:
        return column
    # A time is on the day that the project's calendar says, not on UTC's.
    return local_day(column, value.day_in)


def _compare_list(node: Compare, columns: Columns) -> exp.Expr:
    """An operator on a list of texts. A list without an element counts as missing."""
    texts = _subject(node, columns)
    if node.operator == "is_set":
        size = exp.Coalesce(this=exp.ArraySize(this=texts), expressions=[exp.Literal.number(0)])
        return exp.GT(this=size, expression=exp.Literal.number(0))
    many = rows_of(node.operands, "text", ignore_case=node.ignore_case) if node.operator == "in" else None
    if many is not None:
        return any_in(words.list_lower(texts) if node.ignore_case else texts, many)
    values = [_operand(operand, columns) for operand in node.operands]
    if node.ignore_case:
        texts = words.list_lower(texts)
        values = [words.lower(value) for value in values]
    if node.operator == "in":
        return words.list_overlaps(texts, values)
    return words.list_contains(texts, values[0])


def _operand(operand: Operand, columns: Columns) -> exp.Expr:
    match operand:
        case Bound():
            return bound_call(operand.key)
        case Anchor():
            return columns.anchor(operand)
        case Value():
            return _value(operand, columns)
        case Constant(value, "timestamp"):
            return timestamp_literal(value)  # type: ignore[arg-type]
        case Constant(value, "date"):
            return date_literal(value)  # type: ignore[arg-type]
        case Constant(bool() as value, _):
            return exp.true() if value else exp.false()
        case Constant(value, "number" | "integer"):
            return exp.Literal.number(plain_text(value))  # type: ignore[arg-type]
        case Constant(value, _):
            return text_literal(str(value))
    raise TypeError(f"not an operand: {operand!r}")


def _nullable(node: Node) -> bool:
    match node:
        case And(items) | Or(items):
            return any(_nullable(item) for item in items)
        case Compare(Fact(aggregate=aggregate), _, _):
            return aggregate not in ZERO_WHEN_EMPTY and node.operator != "is_set"
        case Sql():
            return True
        case Compare():
            return node.operator != "is_set"
        case Followed():
            return True
        case _:
            return False
