"""What people wrote with LIKE, so that another engine reads it as the one that it was written for.

A backslash takes the next sign of a pattern for itself on some engines and is a sign like others on the rest, and
sqlglot hands patterns on as they are: `'vip\\_%'` would find nobody there. With ESCAPE all of them read the same.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from segflow.errors import InputError

_BACKSLASH, _OTHER = "\\", "!"


def with_escapes(tree: exp.Expr, dialect: str, escape: str | None) -> exp.Expr:
    """A query or a condition that was written in `dialect`, in which every LIKE says what escapes in its pattern, where
    engines differ in it. The tree is changed. `escape`: what does so in that dialect, if nothing is said; None: nothing
    does. Raises InputError for SIMILAR TO, whose patterns are another thing on each engine, and for LIKE ANY or LIKE
    ALL of what is no list that was written down."""
    for similar in tree.find_all(exp.SimilarTo):
        raise _only(similar, dialect)
    # The inner ones come later, and parts of the outer ones are copied.
    for like in reversed(list(tree.find_all(exp.Like, exp.ILike))):
        written = like.parent if isinstance(like.parent, exp.Escape) else like
        assert written is not None
        many = like.expression
        if isinstance(many, (exp.Any, exp.All)):
            patterns = _listed(many)
            if patterns is None:
                raise _only(like, dialect)
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


def _only(part: exp.Expr, dialect: str) -> InputError:
    return InputError(f"{part.sql(dialect)} means what it means on {dialect} alone")


def _listed(many: exp.Any | exp.All) -> Sequence[exp.Expr] | None:
    """The patterns of LIKE ANY (...); None where they are in no list that was written down."""
    found = many.this.unnest()
    if isinstance(found, exp.Cast) and isinstance(found.this, exp.Array):
        found = found.this
    if isinstance(found, (exp.Array, exp.Tuple)):
        return found.expressions or None
    # One in brackets is a list of one on some engines; on others it is an array that is written as a text.
    is_one = isinstance(found, exp.Literal) and found.is_string and not found.name.lstrip().startswith("{")
    return [found] if is_one else None


def _one(written: exp.Expr, like: exp.Expr, pattern: exp.Expr, escape: str | None) -> exp.Expr:
    """`like` with one pattern. `written`: `like`, or the ESCAPE around it."""
    one, pattern = like.copy(), pattern.unnest().copy()
    one.set("expression", pattern)
    if written is not like:
        said = written.expression
        if not (isinstance(said, exp.Literal) and said.is_string and not said.name):
            return exp.Escape(this=one, expression=said.copy())
        escape = None
    is_text = isinstance(pattern, exp.Literal) and pattern.is_string
    if is_text and _BACKSLASH not in pattern.name:
        return one
    if escape is not None:
        return exp.Escape(this=one, expression=exp.Literal.string(escape))
    if is_text:
        one.set("expression", exp.Literal.string(pattern.name.replace(_OTHER, _OTHER * 2)))
    else:
        twice = [exp.Literal.string(_OTHER), exp.Literal.string(_OTHER * 2)]
        bare = pattern if isinstance(pattern, (exp.Column, exp.Func)) else exp.Paren(this=pattern)
        one.set("expression", exp.Replace(this=bare, expression=twice[0], replacement=twice[1]))
    return exp.Escape(this=one, expression=exp.Literal.string(_OTHER))
