"""The rows of an import, held against the catalog: set-based but for the form of addresses."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
from sqlglot import exp

from segflow.imports.barred import Barred
from segflow.imports.columns import CONTACT
from segflow.imports.import_files import Given, Refused
from segflow.messages import CHANNEL_TABLE, CONTACT_CHANNELS, Channel
from segflow.outbox.addresses import InvalidAddressError, normal
from segflow.segments.compiler import CONTACTS
from segflow.segments.sql import col, is_not_null, is_null, named, select, typed, union_all
from segflow.specs.catalog import Catalog
from segflow.specs.types import ValueType
from segflow.warehouse import words
from segflow.warehouse.base import Warehouse, relation
from segflow.warehouse.sqlfile import load_query
from segflow.zones import known_zone

_SQL = Path(__file__).parent / "sql"
_WRONG: dict[ValueType, str] = {
    "number": "is not a number",
    "integer": "is not a whole number",
    "boolean": "is not true or false",
    "date": "is not a date like 2026-01-31",
    "timestamp": "is not a time like 2026-01-31T06:00:00Z",
}
# What email-validator takes for sure, once the domain is known to be good; it needs a tenth of a millisecond for each.
_PLAIN_EMAIL = re.compile(r"([A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*)@([A-Za-z0-9.-]+)")


@dataclass(frozen=True)
class Checked:
    """The good rows (contact_id, and a text column per attribute, null where the file says nothing), and the others by
    line."""

    rows: pa.Table
    refused: list[Refused]


def check_rows(
    warehouse: Warehouse, given: Given, targets: Mapping[str, str], catalog: Catalog, barred: Barred | None = None
) -> Checked:
    """Hold every row of `given` against the catalog. `targets`: attribute -> column, see `columns.targets`.

    A row with any fault is refused whole, with its first fault by column; of several rows about one contact the first
    good one is taken. `barred` are refused, too.
    Where `warehouse` knows the contacts, a value of an attribute that only the model writes must be
    the model's. Texts lose blanks around them; an empty cell says nothing.
    """
    barred = barred or Barred()
    attributes = [name for name in targets if name != CONTACT]
    plain = {target: given.rows[column] for target, column in targets.items()}
    warehouse.stage("given", pa.table({"line": given.lines, **plain}))
    warehouse.stage("trimmed", _trimmed(list(targets)))
    for channel in CONTACT_CHANNELS:
        spec = catalog.contacts.channels.of(channel)
        warehouse.stage(
            f"bad_{channel}", _bad_addresses(warehouse, channel, spec.address if spec else None, attributes, barred)
        )
    warehouse.stage("barred", _bad(barred.contacts))
    warehouse.stage("bad_zones", _bad_zones(warehouse, catalog.contacts.time_zone, attributes))
    warehouse.stage("read", _read(attributes, catalog))
    warehouse.stage("faults", _faults(warehouse, attributes, catalog))
    warehouse.stage("good", load_query(_SQL / "good.sql"))
    told = [
        Refused(row["line"], targets.get(row["name"], row["name"]), row["value"], row["why"])
        for row in warehouse.rows(load_query(_SQL / "refused.sql"))
    ]
    columns = [exp.column(name, quoted=True) for name in (CONTACT, *attributes)]
    rows = warehouse.query(exp.select(*columns).from_("temp.good").order_by("line"))
    refused = sorted([*given.refused, *told], key=lambda one: one.line)
    return Checked(rows.cast(pa.schema([(name, pa.string()) for name in rows.schema.names])), refused)


def _trimmed(names: list[str]) -> exp.Query:
    """Every value as a text without blanks around it; nothing is null."""
    cells = []
    for name in names:
        text = exp.Trim(this=words.text(exp.column(name, quoted=True)))
        cells.append(named(exp.func("nullif", text, exp.Literal.string("")), name))
    return exp.select("line", *cells).from_("temp.given")


def _read(attributes: list[str], catalog: Catalog) -> exp.Query:
    """line, contact_id, and each attribute as the text of its value; null where it is none of its type."""
    cells = [named(words.text(_value(col(name), catalog.contacts.attributes[name].type)), name) for name in attributes]
    return exp.select("line", CONTACT, *cells).from_("temp.trimmed")


def _value(text: exp.Expr, kind: ValueType) -> exp.Expr:
    if kind == "timestamp":
        return words.time_of_text(text)
    return typed(text, kind)


def _faults(warehouse: Warehouse, attributes: list[str], catalog: Catalog) -> exp.Query:
    """(line, ordinal, name, value, why) of every fault but repeated ids."""
    read = exp.Join(this=exp.to_table("temp.read"), kind="INNER", on=_same("line", "trimmed", "read"))
    missing = is_null(col(CONTACT, "trimmed"))
    found = [_fault(0, CONTACT, missing, "the contact's id is missing")]
    barred = _fault(0, CONTACT, exp.true(), col("why", "barred"))
    same_id = exp.EQ(this=words.text(col(CONTACT, "trimmed")), expression=col("value", "barred"))
    barred.append("joins", exp.Join(this=exp.to_table("temp.barred"), kind="INNER", on=same_id))
    found.append(barred)
    contacts = catalog.contacts
    for ordinal, name in enumerate(attributes, start=1):
        kind = contacts.attributes[name].type
        given, value = col(name, "trimmed"), col(name, "read")
        if kind in _WRONG:
            wrong = exp.and_(is_not_null(given), is_null(value))
            query = _fault(ordinal, name, wrong, _WRONG[kind])
            query.append("joins", read.copy())
            found.append(query)
        reached = {channel: contacts.channels.of(channel) for channel in CONTACT_CHANNELS}
        bad = {spec.address: f"bad_{channel}" for channel, spec in reached.items() if spec is not None}
        bad |= {contacts.time_zone: "bad_zones"} if contacts.time_zone else {}
        if name in bad:
            query = _fault(ordinal, name, exp.true(), col("why", bad[name]))
            same = exp.EQ(this=given.copy(), expression=col("value", bad[name]))
            query.append("joins", exp.Join(this=exp.to_table(f"temp.{bad[name]}"), kind="INNER", on=same))
            found.append(query)
    owned = [name for name in attributes if contacts.attributes[name].written_by == "source"]
    if owned and warehouse.exists(CONTACTS):
        present = warehouse.query(exp.select("*").from_(relation(CONTACTS)).limit(0)).schema.names
        warehouse.stage("of_model", load_query(_SQL / "of_model.sql"))
        found += [_owned(attributes.index(name) + 1, name, contacts.model) for name in owned if name in present]
    return union_all(found)


def _fault(ordinal: int, name: str, where: exp.Expr, why: str | exp.Expr) -> exp.Select:
    words = exp.Literal.string(why) if isinstance(why, str) else why
    projections = [
        col("line", "trimmed"),
        named(exp.Literal.number(ordinal), "ordinal"),
        named(exp.Literal.string(name), "name"),
        named(col(name, "trimmed"), "value"),
        named(words, "why"),
    ]
    return select(projections, exp.to_table("temp.trimmed"), where)


def _owned(ordinal: int, name: str, model: str) -> exp.Select:
    """Values that the model does not have, of contacts that it has: they would be lost without a word."""
    theirs = words.text(exp.column(name, table="of_model", quoted=True))
    other = exp.NullSafeNEQ(this=col(name, "read"), expression=theirs)
    where = exp.and_(is_not_null(col(name, "read")), other)
    shown = exp.Coalesce(this=theirs.copy(), expressions=[exp.Literal.string("none")])
    said = exp.func(
        "concat",
        exp.Literal.string(f"only model {model} writes {name}, and for this contact it has "),
        shown,
        exp.Literal.string("; change it there, or give the attribute written_by: both in the catalog"),
    )
    query = _fault(ordinal, name, where, said)
    for table, key in (("read", "line"), ("of_model", CONTACT)):
        joined = exp.Join(this=exp.to_table(f"temp.{table}"), kind="INNER", on=_same(key, "trimmed", table))
        query.append("joins", joined)
    return query


def _same(name: str, left: str, right: str) -> exp.Expr:
    return exp.EQ(this=col(name, left), expression=col(name, right))


def _bad_addresses(
    warehouse: Warehouse, channel: Channel, attribute: str | None, attributes: list[str], barred: Barred
) -> pa.Table:
    if attribute is None or attribute not in attributes:
        return _bad({})
    given = _distinct(warehouse, attribute)
    return _bad({**barred.addresses(channel, given), **bad_addresses(channel, given)})


def bad_addresses(channel: Channel, addresses: list[str]) -> dict[str, str]:
    """Address -> why it cannot exist."""
    found: dict[str, str] = {}
    domains: dict[str, bool] = {}
    for address in addresses:
        match = _PLAIN_EMAIL.fullmatch(address) if CHANNEL_TABLE[channel].address == "email" else None
        if match is not None and len(match[1]) <= 64 and len(address) <= 200:
            if match[2] not in domains:
                domains[match[2]] = _is_good(channel, f"a@{match[2]}")
            if domains[match[2]]:
                continue
        try:
            normal.__wrapped__(channel, address)
        except InvalidAddressError as error:
            found[address] = str(error)
    return found


def _is_good(channel: Channel, address: str) -> bool:
    try:
        normal(channel, address)
    except InvalidAddressError:
        return False
    return True


def _bad_zones(warehouse: Warehouse, attribute: str | None, attributes: list[str]) -> pa.Table:
    if attribute is None or attribute not in attributes:
        return _bad({})
    zones = [zone for zone in _distinct(warehouse, attribute) if not known_zone(zone)]
    return _bad(dict.fromkeys(zones, "is not a time zone like Europe/Berlin"))


def _distinct(warehouse: Warehouse, attribute: str) -> list[str]:
    given = exp.column(attribute, quoted=True)
    found = warehouse.query(exp.select(given).distinct().from_("temp.trimmed").where(is_not_null(given.copy())))
    return list(found.column(0).to_pylist())


def _bad(found: Mapping[str, str]) -> pa.Table:
    return pa.table({"value": pa.array(found.keys(), pa.string()), "why": pa.array(found.values(), pa.string())})
