"""Tables of a dbt project are taken as they are: one of those that hold the same, and nothing that has to be made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from segflow.errors import InputError
from segflow.start.names import singular
from segflow.start.plan import Choice, Events, Labels, Link, Object, Proposal, Value
from segflow.start.profile import Overlap, Table
from segflow.start.sources import TheirModel

_SAME = 0.9
"""The share of keys that two tables of the same rows have in common."""
_LAYERS = ("a mart", "staging", "a model between", "a snapshot", "a seed")


def one_of_each(
    tables: Sequence[Table], overlaps: Sequence[Overlap], chosen: Table | None
) -> tuple[list[Table], list[Choice]]:
    """The tables without those whose rows are in a better one that is made of them, or that they are made of: a mart
    before staging, that before other models, those before snapshots and seeds. `chosen` stays."""
    order = sorted(tables, key=lambda one: (one is not chosen, _model(one).layer))
    kept: list[Table] = []
    told: list[Choice] = []
    for table in order:
        better = next((one for one in kept if _same(table, one, overlaps)), None)
        if better is None:
            kept.append(table)
            continue
        layers = [_LAYERS[_model(one).layer] for one in (better, table)]
        why = f"{better.told} is {layers[0]}, {table.told} {layers[1]}; both have the same keys"
        told.append(Choice(f"{better.told} stands for {table.told}", why))
    return [one for one in tables if one in kept], told


def _model(table: Table) -> TheirModel:
    assert table.source.model is not None
    return table.source.model


def _same(table: Table, better: Table, overlaps: Sequence[Overlap]) -> bool:
    one, other = _model(table), _model(better)
    if one.layer == other.layer or not (one.name in other.built_on or other.name in one.built_on):
        return False
    alike = _base(table) == _base(better)
    return any(
        each.share >= _SAME and each.column in table.keys and (alike or each.column == each.to_column)
        for each in overlaps
        if each.table == table.name and each.to_table == better.name
    )


def _base(table: Table) -> str:
    """What a model is called without what says where it stands."""
    return singular(table.name.rstrip("_0123456789"))


def nothing_made(proposal: Proposal) -> None:
    """Take out of a proposal what a staging model would have to make: no model is written over theirs. Then call
    columns what they call them. Raises InputError when there is no table of contacts."""
    contacts = proposal.contacts
    if contacts.derived is not None:
        raise InputError(
            f"no model has a row for each contact: {contacts.table.told} has many rows for each {contacts.key}. Build "
            "one in your dbt project, or say which it is: --contacts MODEL"
        )
    for made in contacts.made:
        contacts.attributes = [one for one in contacts.attributes if one.name != made.name]
        contacts.consent = {channel: name for channel, name in contacts.consent.items() if name != made.name}
        proposal.choices = [one for one in proposal.choices if one.why != made.told]
        proposal.left_out.append(
            f"consent {made.told}: {contacts.table.told} has no yes or no that says so; add a boolean column to it"
        )
    contacts.made = []
    _only_by_key(proposal)
    _as_they_call_them(proposal)


def _only_by_key(proposal: Proposal) -> None:
    contacts = proposal.contacts

    def leads(one: Object | Events | Labels) -> bool:
        link: Link | None = one.link
        by_key = link is None or link.to_table != contacts.table.name or link.to_column == contacts.key
        if not by_key:
            assert link is not None
            why = f"{link.column} leads to the contacts' {link.to_column}; add their {contacts.key} to it"
            proposal.left_out.append(f"{one.table.told}: {why}")
        return by_key

    def numbered(one: Object) -> bool:
        if one.counted:
            proposal.left_out.append(f"{one.table.told}: no column tells its rows apart; add one that does")
        return one.counted

    gone: set[str] = set()
    dropped = {one.name for one in proposal.objects if numbered(one) or not leads(one)}
    while dropped - gone:
        gone |= dropped
        dropped = {one.name for one in proposal.objects if one.belongs_to in gone} - gone
    for one in proposal.objects:
        if one.name in gone and one.belongs_to in gone and not one.counted:
            proposal.left_out.append(f"{one.table.told}: belongs to {one.belongs_to}, which is left out")
    told = {one.table.name for one in proposal.objects if one.name in gone}
    proposal.objects = [one for one in proposal.objects if one.name not in gone]
    proposal.events = [
        one for one in proposal.events if (one.table.name not in told or one.link is None) and leads(one)
    ]
    proposal.labels = [one for one in proposal.labels if leads(one)]


def _as_they_call_them(proposal: Proposal) -> None:
    """From identifiers to the names that the columns have."""
    contacts = proposal.contacts
    contacts.key = _theirs(contacts.table, contacts.key)
    contacts.attributes = _values(contacts.table, contacts.attributes)
    contacts.created_at = _value(contacts.table, contacts.created_at)
    for source in proposal.events:
        table = source.table
        source.contact, source.at = _theirs(table, source.contact), _named(table, source.at)
        source.name_column = _theirs(table, source.name_column) if source.name_column else None
        source.id = _theirs(table, source.id) if source.id else None
        for kind in source.kinds:
            kind.properties = _values(table, kind.properties)
    for thing in proposal.objects:
        table = thing.table
        thing.key, thing.via = _theirs(table, thing.key), _theirs(table, thing.via) if thing.via else None
        thing.fields, thing.created_at = _values(table, thing.fields), _value(table, thing.created_at)
    for labels in proposal.labels:
        table = labels.table
        labels.contact, labels.name = _theirs(table, labels.contact), _theirs(table, labels.name)
        labels.added_at = _value(table, labels.added_at)
    used = [contacts.table, *(one.table for one in proposal.events), *(one.table for one in proposal.objects)]
    used += [one.table for one in proposal.labels]
    for table in {id(one): one for one in used}.values():
        table.keys = [_theirs(table, key) for key in table.keys]
        # What they were called stays the name in the rows that were looked at.
        table.columns = [replace(one, name=one.theirs) for one in table.columns]


def _theirs(table: Table, column: str) -> str:
    return table.column(column).theirs


def _named(table: Table, value: Value) -> Value:
    return replace(value, column=_theirs(table, value.column))


def _value(table: Table, value: Value | None) -> Value | None:
    return None if value is None else _named(table, value)


def _values(table: Table, values: Sequence[Value]) -> list[Value]:
    return [_named(table, one) for one in values]
