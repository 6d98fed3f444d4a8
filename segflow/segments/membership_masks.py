"""The physical form of `memberships`: a row per contact with a bit per YAML segment.

A row per member costs ten times as much to make and twice as much to compare (200,000 contacts, 100 segments: 1.5 CPU
s against 0.15). The public relation `memberships` is a view that makes rows of the bits.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from sqlglot import exp

from segflow.segments.sql import built, col, ident, named, select

MASKS = "membership_masks"
WORD = 60
"""Bits of a word: all of them positive numbers, in every engine's BIGINT."""
BITS = "bits"
"""What a relation of (word, bit) is called where bits are looked at."""

Places = Mapping[str, tuple[int, int]]
"""Segment -> (number of its word, its bit in it)."""


def places_of(segments: Collection[str]) -> dict[str, tuple[int, int]]:
    """Where the bit of each segment is."""
    return {name: (at // WORD, 1 << at % WORD) for at, name in enumerate(sorted(segments))}


def words_of(places: Places) -> int:
    """How many words a contact has; at least one."""
    return max((word for word, _ in places.values()), default=0) + 1


def mask(word: int) -> str:
    """The column of a word."""
    return f"mask_{word}"


def mask_columns(places: Places, flags: Mapping[str, exp.Expr]) -> list[exp.Expr]:
    """The words of a contact, from the boolean of each segment that is evaluated; the others' bits are 0."""
    found: list[exp.Expr] = []
    for word in range(words_of(places)):
        bits = [
            exp.Case(ifs=[exp.If(this=flags[name], true=exp.Literal.number(bit))], default=exp.Literal.number(0))
            for name, (mine, bit) in sorted(places.items())
            if mine == word and name in flags
        ]
        total: exp.Expr = bits[0] if bits else exp.Literal.number(0)
        for one in bits[1:]:
            total = exp.BitwiseOr(this=total, expression=one)
        found.append(named(exp.cast(total, "BIGINT"), mask(word)))
    return found


def no_masks(places: Places) -> list[exp.Expr]:
    """The words of nobody."""
    return [named(exp.cast(exp.null(), "BIGINT"), mask(word)) for word in range(words_of(places))]


def memberships_view(places: Places) -> exp.Select:
    """(segment, contact_id, tick_id): a row per YAML segment and member."""
    tick = named(col("tick_id", "masks"), "tick_id")
    if not places:
        nothing = named(exp.cast(exp.null(), "VARCHAR"), "segment")
        return select([nothing, col("contact_id", "masks"), tick], built(MASKS, "masks"), exp.false())
    rows = [
        exp.Tuple(expressions=[exp.Literal.string(name), exp.Literal.number(word), exp.Literal.number(bit)])
        for name, (word, bit) in sorted(places.items())
    ]
    columns = [ident(name) for name in ("segment", "word", "bit")]
    bits = exp.Values(expressions=rows, alias=exp.TableAlias(this=ident(BITS), columns=columns))
    query = select([col("segment", BITS), col("contact_id", "masks"), tick], built(MASKS, "masks"))
    there = exp.NEQ(this=bit_of(lambda word: col(mask(word), "masks"), places), expression=exp.Literal.number(0))
    query.append("joins", exp.Join(this=bits, kind="INNER", on=there))
    return query


def bit_of(word: Callable[[int], exp.Expr], places: Places) -> exp.Expr:
    """The bit of a row of `BITS` as it is among a contact's words: 0 when it is not set."""
    mine = exp.Case(
        this=col("word", BITS),
        ifs=[exp.If(this=exp.Literal.number(one), true=word(one)) for one in range(words_of(places))],
    )
    return exp.Paren(this=exp.BitwiseAnd(this=mine, expression=col("bit", BITS)))
