"""Which tables are events, which are objects, lists or tags, and how they lead to the contacts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from segflow.start.contacts import time_column, usable
from segflow.start.names import OBJECT_WORDS, identifiers, is_id_name, singular, unique, words
from segflow.start.plan import Choice, Contacts, Events, Kind, Labels, Link, Object, Proposal, Value, value_of
from segflow.start.profile import Table, filled_by
from segflow.start.readings import Column
from segflow.warehouse.base import Warehouse

_KIND = ("event_name", "event_type", "event", "type", "action", "activity", "name", "kind", "activity_type", "verb")
"""Columns that say which event a row is."""
_KINDS_AT_MOST = 60
_STATUS = {"status", "state", "stage"}


@dataclass
class Sorted:
    """The tables beside that of the contacts, and the ways between them."""

    contacts: Contacts
    tables: Sequence[Table]
    links: Sequence[Link]
    ways: dict[str, Link] = field(default_factory=dict)
    """Table -> its way to the contact, or to the object that it belongs to."""

    def to_contact(self, table: Table) -> Link | None:
        """The column that leads to the contacts; of several the likeliest."""
        found = [one for one in self.links if one.table == table.name and one.to_table == self.contacts.table.name]
        return max(found, key=lambda one: (one.to_column == self.contacts.key, one.rank), default=None)

    def to_others(self, table: Table) -> list[Link]:
        """The columns that lead to other tables, the likeliest first."""
        here = [one for one in self.links if one.table == table.name and one.to_table != self.contacts.table.name]
        return sorted(here, key=lambda one: -one.rank)

    def is_asked_for(self, table: Table) -> bool:
        """Does another table lead to it?"""
        return any(one.to_table == table.name and one.table != self.contacts.table.name for one in self.links)


def sort_rows(warehouse: Warehouse, proposal: Proposal, tables: Sequence[Table], links: Sequence[Link]) -> None:
    """Give each table beside that of the contacts its place in the catalog, or a reason why it has none."""
    known = Sorted(proposal.contacts, tables, links)
    waiting: list[Table] = []
    for table in tables:
        if table is proposal.contacts.table and proposal.contacts.derived is None:
            continue
        if not table.rows:
            proposal.left_out.append(f"{table.told}: has no rows")
            continue
        link = known.to_contact(table)
        if proposal.contacts.derived is not None and table is proposal.contacts.table:
            link = Link(
                table.name, proposal.contacts.key, table.name, proposal.contacts.key, "the contacts are made of it"
            )
        if link is None:
            waiting.append(table)
        elif _is_labels(proposal, table, link) is None:
            _of_contact(warehouse, proposal, known, table, link)
    _of_objects(proposal, known, waiting)


def _is_labels(proposal: Proposal, table: Table, link: Link) -> Labels | None:
    """Rows of a contact and a name: list members, or tags."""
    said = words(table.name)
    kind = "tags" if said & {"tag", "label"} else "lists" if said & {"list", "membership", "group"} else None
    names = [
        one for one in table.columns if one.type == "text" and one.name != link.column and one.filled == table.looked_at
    ]
    named = [
        one for one in names if words(one.name) & {"tag", "label", "list", "name", "group"} and one.different <= 500
    ]
    if kind is None or not named or len(table.columns) > 5 or any(one.kind == kind for one in proposal.labels):
        return None
    added = time_column(table, {link.column, named[0].name})
    labels = Labels(kind, table, table.model, link.column, named[0].name, added, link)
    proposal.labels.append(labels)
    why = f"{table.rows:,} rows with {named[0].different:,} names in {named[0].theirs}; {link.column}: {link.why}"
    proposal.choices.append(Choice(f"{table.told} holds {kind}", why))
    return labels


def _of_contact(warehouse: Warehouse, proposal: Proposal, known: Sorted, table: Table, link: Link) -> None:
    kind = _kind_column(table, link.column)
    at = time_column(table, {link.column})
    thing = _is_thing(table, known)
    if kind is None and (thing or at is None):
        made = _add_object(proposal, table, link, at)
        if made is None:
            proposal.left_out.append(f"{table.told}: no column tells its rows apart, and none says when they happened")
            return
    if at is not None:
        _add_events(warehouse, proposal, table, link, at, kind, known)


def _is_thing(table: Table, known: Sorted) -> bool:
    """Are its rows things that stay, and not only something that happened?"""
    last = singular(table.name).split("_")[-1]
    return bool(table.keys) and (
        known.is_asked_for(table) or last in OBJECT_WORDS or any(one.name in _STATUS for one in table.columns)
    )


def _add_object(proposal: Proposal, table: Table, link: Link, at: Value | None) -> Object | None:
    key = _own_key(table, link.column)
    if key is None:
        return None
    name = _object_name(proposal, table)
    fields = [value_of(one) for one in table.columns if usable(one) and one.name not in (key, link.column)]
    created = at if at is not None and table.column(at.column).filled >= 0.99 * table.looked_at else None
    made = Object(name, table, table.model, key, fields, via=link.column, created_at=created, link=link)
    proposal.objects.append(made)
    proposal.choices.append(
        Choice(f"{table.told} are objects, {name}", f"{key} tells {table.rows:,} rows apart; {link.column}: {link.why}")
    )
    return made


def _object_name(proposal: Proposal, table: Table) -> str:
    return unique(singular(table.name), [*(one.name for one in proposal.objects), "contact"])


def _values(table: Table, beside: set[str]) -> list[Value]:
    """What conditions can look at, less some columns."""
    return [value_of(one) for one in table.columns if usable(one) and one.name not in beside]


def _own_key(table: Table, via: str) -> str | None:
    return next((one for one in table.keys if one != via), table.keys[0] if table.keys else None)


def _kind_column(table: Table, contact: str) -> Column | None:
    """The column that says which event a row is."""
    for name in _KIND:
        for column in table.columns:
            if column.name != name or column.type != "text" or column.name == contact or column.name in table.keys:
                continue
            few = column.different <= _KINDS_AT_MOST and (column.different <= 0.5 * column.filled or column.filled < 8)
            if column.filled >= 0.99 * table.looked_at and few and (column.stats["longest"] or 0) <= 80:
                return column
    return None


def _add_events(
    warehouse: Warehouse, proposal: Proposal, table: Table, link: Link, at: Value, kind: Column | None, known: Sorted
) -> None:
    own = next((one for one in table.keys if is_id_name(one) and one != link.column), None)
    beside = {link.column, at.column, own, kind.name if kind else None}
    properties = [one for one in table.columns if one.name not in beside and usable(one)]
    taken = [one.name for source in proposal.events for one in source.kinds]
    if kind is None:
        name = unique(singular(table.name), taken)
        kinds = [Kind(name, name, [value_of(one) for one in properties], table.rows)]
    else:
        filled = filled_by(warehouse, table, kind.name, [one.name for one in properties])
        kinds = _kinds(filled, properties, taken)
    source = Events(table, table.model, link.column, at, kinds, kind.name if kind else None, own, link)
    proposal.events.append(source)
    if kind is not None:
        what = f"{table.told} are events of {len(kinds)} kinds"
        why = f"{kind.theirs} says which: {_some([one.text for one in kinds])}; {table.rows:,} rows"
    else:
        what, why = f"{table.told} are events, {kinds[0].name}", f"{table.rows:,} rows, each at its {at.column}"
    missing = table.column(link.column).stats["rows"] - table.column(link.column).filled
    whose = f"; {link.column}: {link.why}" if not _is_object_too(proposal, table) else "; the same rows as the objects"
    nobody = f", {missing:,} rows have none and belong to nobody" if missing else ""
    proposal.choices.append(Choice(what, f"{why}{whose}{nobody}"))


def _is_object_too(proposal: Proposal, table: Table) -> bool:
    return any(one.table is table for one in proposal.objects)


def _kinds(filled: Mapping[str, Mapping[str, int]], properties: Sequence[Column], taken: Sequence[str]) -> list[Kind]:
    """The kinds of a source of events, the commonest first; each has the properties that some row of it has."""
    texts = sorted(filled, key=lambda text: (-filled[text][""], text))
    named = identifiers(texts, "event")
    kinds: list[Kind] = []
    for text, name in zip(texts, named, strict=True):
        own = unique(name, [*taken, *(one.name for one in kinds)])
        values = [value_of(one) for one in properties if filled[text][one.name]]
        kinds.append(Kind(own, text, values, filled[text][""]))
    return kinds


def _some(texts: Sequence[str]) -> str:
    return ", ".join(texts[:4]) + (", ..." if len(texts) > 4 else "")


def _of_objects(proposal: Proposal, known: Sorted, waiting: list[Table]) -> None:
    """The tables that do not lead to contacts themselves: those of objects' parts, and what contacts belong to."""
    while True:
        placed = next(((table, link) for table in waiting if (link := _way(proposal, known, table)) is not None), None)
        if placed is None:
            break
        table, link = placed
        waiting.remove(table)
        parent = next(one for one in proposal.objects if one.table.name == link.to_table)
        _add_part(proposal, table, link, parent)
    for table in waiting:
        _of_others(proposal, known, table)


def _way(proposal: Proposal, known: Sorted, table: Table) -> Link | None:
    """The column that leads to the key of an object that has its place already."""
    keys = {one.table.name: one.key for one in proposal.objects}
    return next((one for one in known.to_others(table) if keys.get(one.to_table) == one.to_column), None)


def _add_part(proposal: Proposal, table: Table, link: Link, parent: Object) -> None:
    name = _object_name(proposal, table)
    key, counted = _own_key(table, link.column), False
    if key is None:
        key, counted = unique(f"{name}_number", [one.name for one in table.columns]), True
    at = time_column(table, {link.column})
    fields = [value_of(one) for one in table.columns if usable(one) and one.name not in (key, link.column)]
    created = at if at is not None and table.column(at.column).filled >= 0.99 * table.looked_at else None
    made = Object(name, table, table.model, key, fields, parent.name, link.column, None, created, link, counted)
    proposal.objects.append(made)
    apart = f"{key} numbers its {table.rows:,} rows" if counted else f"{key} tells {table.rows:,} rows apart"
    proposal.choices.append(
        Choice(f"{table.told} are objects, {name}, that belong to {parent.name}", f"{apart}; {link.column}: {link.why}")
    )


def _of_others(proposal: Proposal, known: Sorted, table: Table) -> None:
    contacts = proposal.contacts
    up = next(
        (one for one in known.links
         if one.table == contacts.table.name and one.to_table == table.name and one.to_column in table.keys),
        None,
    )  # fmt: skip
    if up is not None and contacts.derived is None:
        attribute = next((one for one in contacts.attributes if one.column == up.column), None)
        if attribute is not None:
            name = _object_name(proposal, table)
            fields = [value_of(one) for one in table.columns if usable(one) and one.name != up.to_column]
            proposal.objects.append(Object(name, table, table.model, up.to_column, fields, contacts_by=attribute.name))
            why = f"contacts belong to them by {up.column}: {up.why}"
            proposal.choices.append(Choice(f"{table.told} are objects, {name}", why))
            return
    asked = next((one for one in known.links if one.to_table == table.name), None)
    if asked is not None:
        proposal.left_out.append(
            f"{table.told}: no column leads to a contact; {asked.table}.{asked.column} points to it, so join it in "
            f"{_file_of(table, asked.table)} if conditions should speak of its columns"
        )
    else:
        proposal.left_out.append(f"{table.told}: no column of it leads to a contact or an object")


def _file_of(table: Table, other: str) -> str:
    return f"dbt/models/staging/stg_{other}.sql" if table.source.model is None else f"the model of {other}"
