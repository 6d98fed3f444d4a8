"""The physical form of membership, hidden here: everything else sees (segment, contact_id) rows.

On one side a row of bits per contact for all YAML segments (`segments.membership_masks`) and one table per `.sql`
segment, on the other `segment_members`, a row per member.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path

import pyarrow as pa
from sqlglot import exp

from segflow.crossings.versions import Judged
from segflow.segments.compiler import CONTACTS, Compiled
from segflow.segments.membership_masks import BITS, MASKS, Places, bit_of, mask, words_of
from segflow.segments.membership_models import MEMBERS, segment_model
from segflow.segments.sql import case_when, col, ident, named, select
from segflow.warehouse.base import Warehouse, relation
from segflow.warehouse.sqlfile import load_query

_SQL = Path(__file__).parent / "sql"
_ZERO = exp.Literal.number(0)


def stage_moved(warehouse: Warehouse, compiled: Compiled, judged: Iterable[Judged]) -> None:
    """Make `temp.moved`: (segment_key, contact_id, matches) of whoever is on the other side of a segment's border than
    its members say, and of members that are gone.

    Reads `temp.judged` and `temp.gone`. Who is a member now goes straight into the comparison: to keep it first cost
    as much as that.
    """
    keys = {one.segment: one.segment_key for one in judged if one.evaluated}
    places = {name: place for name, place in compiled.places.items() if name in keys}
    rows = [{"segment_key": keys[name], "word": word, "bit": bit} for name, (word, bit) in sorted(places.items())]
    schema = pa.schema([("segment_key", pa.string()), ("word", pa.int64()), ("bit", pa.int64())])
    warehouse.stage(BITS, pa.Table.from_pylist(rows, schema=schema))
    others = load_query(_SQL / "moved.sql")
    moved = exp.union(_moved_by_masks(compiled.places, keys), others, distinct=False)
    warehouse.stage("moved", moved.with_("current_members", as_=_members_of_sql(compiled, keys)))


def models_read(compiled: Compiled, evaluated: Collection[str]) -> list[str]:
    """The relations that crossings are made of: `contacts` says who is gone, the others who is a member."""
    return [CONTACTS, MASKS, *(segment_model(name) for name in compiled.sql_segments() if name in evaluated)]


def _members_of_sql(compiled: Compiled, evaluated: Collection[str]) -> exp.Query:
    """(segment, contact_id) of every contact that matches an evaluated `.sql` segment in the present build."""
    empty = [exp.cast(exp.null(), "VARCHAR").as_(name) for name in ("segment", "contact_id")]
    query: exp.Query = exp.select(*empty).where(exp.false())
    for name in (name for name in compiled.sql_segments() if name in evaluated):
        rows = exp.select(exp.Literal.string(name).as_("segment"), "contact_id").from_(relation(segment_model(name)))
        query = exp.union(query, rows, distinct=False)
    return query


def _moved_by_masks(places: Places, evaluated: Collection[str]) -> exp.Select:
    """What moved in YAML segments. The words of a contact are compared first: one looks at each segment only where
    they differ."""
    words = range(words_of(places))
    active = [sum(bit for name, (mine, bit) in places.items() if mine == word and name in evaluated) for word in words]
    was = select([col("contact_id", "members"), *map(_gathered, words)], _called(relation(MEMBERS), "members"))
    own = exp.EQ(this=col("segment_key", BITS), expression=col("segment_key", "members"))
    was.append("joins", exp.Join(this=_bits(), kind="INNER", on=own))
    was.set("group", exp.Group(expressions=[col("contact_id", "members")]))

    def now(word: int) -> exp.Expr:
        known = exp.Coalesce(this=col(mask(word), "masks"), expressions=[_ZERO.copy()])
        return exp.Paren(this=exp.BitwiseAnd(this=known, expression=exp.Literal.number(active[word])))

    def before(word: int) -> exp.Expr:
        return exp.Coalesce(this=col(mask(word), "was"), expressions=[_ZERO.copy()])

    contact = exp.Coalesce(this=col("contact_id", "masks"), expressions=[col("contact_id", "was")])
    columns = [named(now(word), f"now_{word}") for word in words]
    columns += [named(before(word), f"was_{word}") for word in words]
    changed = select(
        [named(contact, "contact_id"), *columns],
        _called(relation(MASKS), "masks"),
        exp.or_(*(exp.NEQ(this=now(word), expression=before(word)) for word in words), copy=False),
    )
    same = exp.EQ(this=col("contact_id", "masks"), expression=col("contact_id", "was"))
    changed.append("joins", exp.Join(this=was.subquery("was", copy=False), side="FULL", kind="OUTER", on=same))
    bit_now = bit_of(lambda word: col(f"now_{word}", "changed"), places)
    bit_before = bit_of(lambda word: col(f"was_{word}", "changed"), places)
    matches = exp.NEQ(this=bit_now.copy(), expression=_ZERO.copy())
    moved = select(
        [col("segment_key", BITS), col("contact_id", "changed"), named(matches, "matches")],
        changed.subquery("changed", copy=False),
    )
    moved.append("joins", exp.Join(this=_bits(), kind="INNER", on=exp.NEQ(this=bit_now, expression=bit_before)))
    return moved


def _gathered(word: int) -> exp.Expr:
    mine = exp.EQ(this=col("word", BITS), expression=exp.Literal.number(word))
    return named(exp.BitwiseOrAgg(this=case_when(mine, col("bit", BITS))), mask(word))


def _bits() -> exp.Table:
    return _called(exp.table_(BITS, db="temp"), BITS)


def _called(table: exp.Table, alias: str) -> exp.Table:
    table.set("alias", exp.TableAlias(this=ident(alias)))
    return table
