"""From tables that were looked at to a catalog in the making."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from segflow.errors import InputError, did_you_mean
from segflow.start.as_they_are import nothing_made, one_of_each
from segflow.start.contacts import (
    add_attributes,
    candidates,
    contact_column,
    contacts_of,
    left_out_columns,
    time_column,
    usable,
)
from segflow.start.documents import open_documents
from segflow.start.links import links
from segflow.start.names import singular, unique, without_id
from segflow.start.plan import Choice, Contacts, Link, Proposal, Value
from segflow.start.profile import LOOKED_AT, Table, overlaps, read_table
from segflow.start.rows import sort_rows
from segflow.start.sources import Data
from segflow.warehouse.base import Warehouse

_SAME = 0.95
"""The share of contacts for whom a column of events must always say the same, to be an attribute."""


def propose(warehouse: Warehouse, data: Data, contacts: str | None = None) -> Proposal:
    """A catalog for the tables of `data`. `contacts`: the table that the contacts are, where it is not the likeliest.

    Raises InputError when no table can be that of the contacts.
    """
    tables, unread = [], []
    for source in data.sources:
        found = read_table(warehouse, source)
        if isinstance(found, Table):
            tables.append(found)
        else:
            unread.append(f"{source.told}: cannot be read: {found}")
    chosen = _chosen(tables, contacts)
    found_in = overlaps(warehouse, tables)
    choices: list[Choice] = []
    if data.in_dbt:
        tables, choices = one_of_each(tables, found_in, chosen)
        known = {table.name for table in tables}
        found_in = [one for one in found_in if one.table in known and one.to_table in known]
    ways = links(tables, found_in)
    likely = candidates(tables, ways)
    if chosen is None and likely:
        chosen = likely[0][1]
    if chosen is not None and chosen.keys and chosen.rows:
        who = contacts_of(warehouse, chosen, ways, choices.append)
    else:
        who = _made_of_events(warehouse, tables, chosen, choices)
    proposal = Proposal(who, choices=choices, left_out=[*data.left_out, *unread])
    others = [one for _, one in likely if one is not who.table and who.derived is None]
    sort_rows(warehouse, proposal, tables, ways)
    open_documents(warehouse, proposal)
    _tell_left_out(proposal, tables, others)
    if data.in_dbt:
        nothing_made(proposal)
    return proposal


def _chosen(tables: Sequence[Table], name: str | None) -> Table | None:
    if name is None:
        return None
    for table in tables:
        if name in (table.name, table.told, table.told.rpartition(".")[0]):
            if not table.rows:
                raise InputError(f"{table.told} has no rows yet: nothing can be told from it")
            return table
    known = [table.name for table in tables]
    raise InputError(f"there is no table {name}{did_you_mean(name, known)}; there are {', '.join(known)}")


def _made_of_events(
    warehouse: Warehouse, tables: Sequence[Table], chosen: Table | None, choices: list[Choice]
) -> Contacts:
    """Contacts from a table with many rows for each: who is in it, and what it always says the same of them."""
    for table in [chosen] if chosen is not None else sorted(tables, key=lambda one: -one.rows):
        key = contact_column(table)
        if key is None:
            continue
        column = table.column(key)
        same = _always_the_same(warehouse, table, key)
        name = singular(without_id(key) or "contact")
        contacts = Contacts(
            table, key, [], derived=same, model=f"stg_{unique(f'{name}s', [one.name for one in tables])}"
        )
        why = f"no table has a row for each; {column.different:,} different values in {column.filled:,} rows"
        choices.append(Choice(f"contacts are made of {table.told}, one for each {column.theirs}", why))
        add_attributes(warehouse, contacts, [table.column(one) for one in same], choices.append)
        at = time_column(table, {key})
        if at is not None:
            contacts.created_at = Value("created_at", "created_at", at.type, at.unix)
            contacts.attributes.append(Value("created_at", "created_at", "timestamp", at.unix, (), "the first row"))
            choices.append(
                Choice("contacts exist since their first row", f"the earliest {table.column(at.column).theirs}")
            )
        return contacts
    if tables and not any(table.rows for table in tables):
        raise InputError("no table has rows yet: nothing can be told from them. Load your data first")
    seen = ", ".join(table.told for table in tables[:6]) + (", ..." if len(tables) > 6 else "")
    raise InputError(
        f"none of these looks like a table of contacts, with a column that is different in each row and an email "
        f"address, a phone number or a name like customers: {seen}. Say which it is: --contacts TABLE"
        if chosen is None
        else f"{chosen.told} has no column that is different in all of its rows and missing in none, so nothing can be "
        "the key of a contact; give the contacts a key"
    )


def _always_the_same(warehouse: Warehouse, table: Table, key: str) -> list[str]:
    """The columns that have one value for (nearly) each contact."""
    others = [one for one in table.columns if one.name != key and usable(one) and one.name not in table.keys]
    if not others:
        return []
    held = exp.column(key, quoted=True)
    counts = [
        exp.Count(this=exp.Distinct(expressions=[exp.column(one.name, quoted=True)])).as_(f"n{number}")
        for number, one in enumerate(others)
    ]
    each = exp.select(held.as_("contact"), *counts).from_(table.typed.copy())
    each = each.where(exp.Not(this=held.copy().is_(exp.null()))).group_by(held.copy())
    one_value = [
        exp.Sum(this=exp.Case(ifs=[exp.If(this=exp.column(f"n{number}") <= 1, true=exp.Literal.number(1))])).as_(
            f"s{number}"
        )
        for number in range(len(others))
    ]
    total = exp.Count(this=exp.Star()).as_("contacts")
    [found] = warehouse.rows(exp.select(total, *one_value).from_(each.subquery("each")))
    return [one.name for number, one in enumerate(others) if (found[f"s{number}"] or 0) >= _SAME * found["contacts"]]


def _tell_left_out(proposal: Proposal, tables: Sequence[Table], others: Sequence[Table]) -> None:
    for table in others:
        proposal.left_out.append(
            f"{table.name} could be the contacts, too; if they are, start again with --contacts {table.name}"
        )
    if not proposal.contacts.email and not proposal.contacts.phone:
        proposal.left_out.append("email and SMS: no column of the contacts holds addresses or phone numbers")
    for channel in ("email", "phone"):
        if (
            getattr(proposal.contacts, channel)
            and (channel if channel == "email" else "sms") not in proposal.contacts.consent
        ):
            proposal.left_out.append(
                f"consent for {'email' if channel == 'email' else 'text messages'}: no column says who agreed, so none "
                "is asked for; see contacts.channels in segment_specs/catalog.yml before you send anything"
            )
    kept = _columns_kept(proposal)
    for table in tables:
        proposal.left_out += left_out_columns(table, kept.get(table.name, set())) if table.name in kept else []
        for column in table.columns if table.name in kept else []:
            if column.doubt is not None and column.name in kept[table.name]:
                proposal.choices.append(Choice(f"{table.told}, column {column.theirs}", column.doubt))
        if table.rows > LOOKED_AT:
            proposal.choices.append(
                Choice(f"{table.told} was looked at by a sample", f"about {table.looked_at:,} of {table.rows:,} rows")
            )


def _columns_kept(proposal: Proposal) -> dict[str, set[str]]:
    """Table -> the columns that have a place in the catalog."""
    contacts = proposal.contacts
    kept: dict[str, set[str]] = {contacts.table.name: {contacts.key, *(one.column for one in contacts.attributes)}}
    for source in proposal.events:
        here = kept.setdefault(source.table.name, set())
        here |= {source.contact, source.at.column, source.name_column or "", source.id or ""}
        here |= {one.column for kind in source.kinds for one in kind.properties}
    for thing in proposal.objects:
        here = kept.setdefault(thing.table.name, set())
        here |= {thing.key, thing.via or "", *(one.column for one in thing.fields)}
    for labels in proposal.labels:
        here = kept.setdefault(labels.table.name, set())
        here |= {labels.contact, labels.name, labels.added_at.column if labels.added_at else ""}
    return kept


def joined(proposal: Proposal, link: Link | None) -> bool:
    """Does a table lead to the contacts by something else than their key?"""
    contacts = proposal.contacts
    return link is not None and link.to_table == contacts.table.name and link.to_column != contacts.key
