"""What people wrote with LIKE, so that each engine reads it as the one that it was written for.

A backslash takes the next sign of a pattern for itself on some engines and is a sign like others on the rest, and
sqlglot hands patterns on as they are: `'vip\\_%'` would find nobody there. With ESCAPE all of them read the same.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from segflow.warehouse.engines import like_escape

_BACKSLASH, _OTHER = "\\", "!"


def with_escapes(tree: exp.Expr, dialect: str) -> exp.Expr:
    """A query or a condition that was written in `dialect`, in which every LIKE says what escapes in its pattern, where
    engines differ in it. The tree is changed."""
    escape = like_escape(dialect)
    for like in list(tree.find_all(exp.Like, exp.ILike)):
        written = like.parent if isinstance(like.parent, exp.Escape) else like
        many = like.expression
        if isinstance(many, (exp.Any, exp.All)):
            patterns = _listed(many)
            if patterns is None:
                continue
            each = [_one(written, like, pattern, escape) for pattern in patterns]
            joined = exp.or_ if isinstance(many, exp.Any) else exp.and_
            said: exp.Expr = exp.Paren(this=joined(*each, copy=False))
        else:
            said = _one(written, like, many, escape)
        if written is tree:
            tree = said
        else:
            written.replace(said)
    return tree


def _listed(many: exp.Any | exp.All) -> Sequence[exp.Expr] | None:
    """The patterns of LIKE ANY (...); None where they are in no list that was written down."""
    found = many.this.unnest()
    if isinstance(found, (exp.Array, exp.Tuple)):
        return found.expressions or None
    return None if isinstance(found, (exp.Query, exp.Column)) else [found]


def _one(written: exp.Expr, like: exp.Expr, pattern: exp.Expr, escape: str | None) -> exp.Expr:
    """`like` with one pattern. `written`: `like`, or the ESCAPE around it."""
    one = like.copy()
    one.set("expression", pattern.copy())
    if written is not like:
        return exp.Escape(this=one, expression=written.expression.copy())
    is_text = isinstance(pattern, exp.Literal) and pattern.is_string
    if is_text and _BACKSLASH not in pattern.name:
        return one
    if escape is not None:
        return exp.Escape(this=one, expression=exp.Literal.string(escape))
    if is_text:
        one.set("expression", exp.Literal.string(pattern.name.replace(_OTHER, _OTHER * 2)))
        return exp.Escape(this=one, expression=exp.Literal.string(_OTHER))
    return one
