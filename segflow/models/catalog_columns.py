"""The columns of the user's models that the catalog names, by what reads them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from segflow.segments.compiler import Compiled
from segflow.segments.fact_models import row_values
from segflow.segments.facts import column_name
from segflow.segments.membership_models import CONTACTS
from segflow.segments.nodes import ROW_AT, Fact, Followed, Source, Value, facts_of
from segflow.specs.catalog import Catalog, ListSource
from segflow.specs.columns import Attribute, TimeColumn, Unix
from segflow.specs.types import ValueType


@dataclass(frozen=True)
class Column:
    """A column of a user's model that the catalog names. `kind` is None where any type will do (keys, names)."""

    model: str
    name: str
    kind: ValueType | None
    role: str
    loc: tuple[str | int, ...] = field(compare=False)
    keys: tuple[str, ...] = ()
    """The path inside of it; the column then holds JSON or a struct."""
    is_id: bool = False
    """Does it hold the ids of contacts or objects?"""
    unix: Unix | None = None
    """What a timestamp is a number of."""
    time: str | None = field(default=None, compare=False)
    """How the catalog names the time of a row, up to `unix`."""


def attribute_column(compiled: Compiled, name: str) -> list[Column]:
    """What a contact's attribute is read from; nothing for one that only flows write."""
    contacts = compiled.specs.catalog.contacts
    attribute = contacts.attributes[name]
    if attribute.written_by == "flows":
        return []
    loc = ("contacts", "attributes", name)
    return [_kept_in(contacts.model, name, attribute, f"attribute {name}", loc)]


def _kept_in(model: str, name: str, attribute: Attribute, role: str, loc: tuple[str | int, ...]) -> Column:
    """The column of an attribute, property or field. Inside of a column that a path leads on in, any type will do."""
    column, *keys = attribute.path(name)
    return Column(model, column, None if keys else attribute.type, role, loc, tuple(keys), unix=attribute.unix)


def _time(model: str, time: TimeColumn, role: str, loc: tuple[str | int, ...]) -> Column:
    how = f"{loc[-1]}: {{column: {time.column}"
    return Column(model, time.column, "timestamp", role, loc, unix=time.unix, time=how)


def contact_columns(compiled: Compiled) -> list[Column]:
    """Without these there are no contacts: the key, and the time that says who exists."""
    contacts = compiled.specs.catalog.contacts
    columns = [Column(contacts.model, contacts.key, None, "the contacts' key", ("contacts", "key"), is_id=True)]
    if contacts.created_at:
        role = "the contacts' created_at"
        columns.append(_time(contacts.model, contacts.created_at, role, ("contacts", "created_at")))
    return columns


def import_columns(compiled: Compiled) -> list[Column]:
    """What the catalog's imports are read from; nothing when it has none."""
    source = compiled.specs.catalog.imports
    if source is None:
        return []
    columns = [
        Column(source.model, source.contact, None, "the contact of imports", ("imports", "contact"), is_id=True),
        _time(source.model, source.imported_at, "the time of imports", ("imports", "imported_at")),
    ]
    if isinstance(source.trigger_flows, str):
        role, loc = "whether imports trigger flows", ("imports", "trigger_flows")
        columns.append(Column(source.model, source.trigger_flows, "boolean", role, loc))
    if source.batch is not None:
        columns.append(Column(source.model, source.batch, None, "the batch of imports", ("imports", "batch")))
    return columns


def told_columns(compiled: Compiled) -> list[Column]:
    """What the catalog's message events are read from; nothing when it has none."""
    source = compiled.specs.catalog.message_events
    if source is None:
        return []
    at: str = "message_events"
    columns = [
        Column(source.model, source.kind, None, "the kind of message events", (at, "kind")),
        _time(source.model, source.at, "the time of message events", (at, "at")),
    ]
    for name in ("message_id", "provider_id", "id", "url"):
        if (column := getattr(source, name)) is not None:
            columns.append(Column(source.model, column, None, f"the {name} of message events", (at, name)))
    if source.hard is not None:
        columns.append(Column(source.model, source.hard, "boolean", "which bounces are hard", (at, "hard")))
    return columns


def fact_columns(compiled: Compiled, fact: Fact) -> list[Column]:
    """Every column of the user's models that a fact is computed from; the contact's id comes first."""
    catalog = compiled.specs.catalog
    values = [fact.measure] if isinstance(fact.measure, Value) else []
    columns = _row_columns(catalog, fact.source, [*values, *row_values(fact.where)])
    for node in fact.where.walk():
        if isinstance(node, Followed):
            columns += _row_columns(catalog, node.source, list(row_values(node.where)))
    return columns


def catalog_columns(catalog: Catalog) -> Iterator[Column]:
    """Every column that the catalog names for events, objects, lists and tags, whether or not a segment needs it."""
    for spec in catalog.events:
        for event, properties in spec.kinds().items():
            values = [Value("row", name, attribute.type) for name, attribute in properties.items()]
            yield from _event_columns(catalog, event, values)
    for name, found in catalog.objects.items():
        yield from _object_columns(catalog, name, [Value("row", key, one.type) for key, one in found.fields.items()])
    for kind in ("list", "tag"):
        yield from _label_columns(catalog, kind)


def _row_columns(catalog: Catalog, source: Source, values: list[Value]) -> list[Column]:
    needed = sorted({value for value in values if value != ROW_AT}, key=lambda value: (value.owner or "", value.name))
    if source.kind == "event":
        return _event_columns(catalog, source.name, needed)
    if source.kind == "events":
        return [c for name in catalog.events_named(source.name) for c in _event_columns(catalog, name, needed)]
    if source.kind == "object":
        return _object_columns(catalog, source.name, needed)
    return _label_columns(catalog, source.kind) if source.kind in ("list", "tag") else []


def _event_columns(catalog: Catalog, event: str, needed: list[Value]) -> list[Column]:
    number, spec = next((n, s) for n, s in enumerate(catalog.events) if event in s.kinds())
    at: tuple[str | int, ...] = ("events", number)
    of = f"of event {event}"
    columns = [
        Column(spec.model, spec.contact, None, f"the contact {of}", (*at, "contact"), is_id=True),
        _time(spec.model, spec.at, f"the time {of}", (*at, "at")),
    ]
    if spec.arrived_at is not None:
        columns.append(_time(spec.model, spec.arrived_at, f"the arrival {of}", (*at, "arrived_at")))
    if spec.name is not None:
        columns.append(Column(spec.model, spec.name, None, f"the name {of}", (*at, "name")))
    if spec.payload is not None:
        # What it holds promises nothing: a key that is not there is a missing value, as it always was.
        return [
            *columns,
            Column(spec.model, spec.payload.column, None, f"the payload {of}", (*at, "payload", "column")),
        ]
    for value in needed:
        attribute = spec.kinds()[event][value.name]
        role, loc = f"property {value.name} {of}", (*at, *spec.place(event), value.name)
        columns.append(_kept_in(spec.model, value.name, attribute, role, loc))
    return columns


def _object_columns(catalog: Catalog, name: str, needed: list[Value]) -> list[Column]:
    path = catalog.object_path(name)
    columns = []
    for hop, spec in reversed(path):
        loc, last = ("objects", hop), hop == path[-1][0]
        if spec.via is not None:
            role = f"the contact of object {hop}" if last else f"the link of object {hop}"
            columns.append(Column(spec.model, spec.via, None, role, (*loc, "via"), is_id=True))
        columns.append(Column(spec.model, spec.key, None, f"the key of object {hop}", (*loc, "key"), is_id=True))
        if spec.created_at:
            columns.append(_time(spec.model, spec.created_at, f"created_at of object {hop}", (*loc, "created_at")))
        if spec.arrived_at:
            columns.append(_time(spec.model, spec.arrived_at, f"arrived_at of object {hop}", (*loc, "arrived_at")))
    for value in needed:
        owner = value.owner or name
        spec, role = catalog.objects[owner], f"field {value.name} of object {owner}"
        attribute = spec.fields[value.name]
        place: tuple[str, ...] = ("objects", owner, "fields", value.name)
        columns.append(_kept_in(spec.model, value.name, attribute, role, place))
    return columns


def _label_columns(catalog: Catalog, kind: str) -> list[Column]:
    key, labels = f"{kind}s", catalog.lists if kind == "list" else catalog.tags
    if labels.model is None:
        return []
    columns = [
        Column(labels.model, labels.contact, None, f"the contact of {key}", (key, "contact"), is_id=True),
        Column(labels.model, labels.name, None, f"the name of {key}", (key, "name")),
    ]
    if labels.added_at:
        columns.append(_time(labels.model, labels.added_at, f"added_at of {key}", (key, "added_at")))
    if isinstance(labels, ListSource) and labels.status is not None:
        columns.append(Column(labels.model, labels.status, None, f"the status of {key}", (key, "status")))
    return columns


def parts_of(compiled: Compiled) -> dict[str, list[Column]]:
    """What a build is made of, part (`model.column`) -> the columns that it is computed from: attributes, facts, and
    the facts of enrollments, which no model holds."""
    parts: dict[str, list[Column]] = {
        f"{CONTACTS}.{name}": attribute_column(compiled, name) for name in compiled.specs.catalog.contacts.attributes
    }
    nodes = [node for found in compiled.conditions.values() for node in found.values()]
    own = {fact for node in nodes for fact in facts_of(node) if fact.per_enrollment}
    facts = {column.name: column.fact for column in compiled.columns.values()}
    facts |= {f"{fact.model}.{column_name(fact)}": fact for fact in own}
    return parts | {name: fact_columns(compiled, fact) for name, fact in facts.items()}
