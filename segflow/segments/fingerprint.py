"""Fingerprints of segments: equal for rules that mean the same, other when the meaning changes.

Hashed is the normal form, not SQL: order, comments, words for people and a newer compiler make no other rule. What the
catalog says about the rule's sources is part of its meaning, and so is the rule of every segment that it refers to.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from zoneinfo import ZoneInfo

from sqlglot import exp

from segflow.segments.nodes import Compare, Fact, Followed, Node, Source, Sql, Value, bounds_of, describe
from segflow.segments.normal import normal
from segflow.specs.catalog import Catalog
from segflow.specs.columns import Attribute, TimeColumn
from segflow.specs.event_source import EventSource
from segflow.specs.sql_allowlist import REF_PREFIX, parse_sql
from segflow.specs.sql_file import CONTACTS, SEGMENT_MODEL
from segflow.warehouse.engines import DEFAULT, dialect
from segflow.warehouse.names import OWN

_MEANING = 1
"""Raise it when a release changes what conditions mean: every rule is then another one, as it is."""


def yaml_fingerprint(node: Node, catalog: Catalog, zone: ZoneInfo, segments: Mapping[str, str]) -> str:
    """The fingerprint of a YAML segment; `segments` has those of the segments that it refers to."""
    read = set(_read(node, None, catalog))
    # Not for months alone: they were steps of UTC once, and no rule of then should look edited.
    if any(bound.kind != "instant" or bound.unit is not None for bound in bounds_of(node)):
        read.add(f"zone {zone.key}")
    return _hash([describe(normal(node, segments.__getitem__)), *_contacts(catalog), *sorted(read)])


def sql_fingerprint(sql: str, catalog: Catalog, segments: Mapping[str, str], engine: str = DEFAULT) -> str:
    """The fingerprint of a `.sql` segment: its query without comments, and with one spelling of white space and
    keywords. What the user's models say that it reads is not part of it."""
    query = parse_sql(sql, engine).query
    read: set[str] = set()
    for table in query.find_all(exp.Table):
        # By its long name or its short one, it is the same.
        model = table.name.removeprefix(REF_PREFIX).removeprefix(OWN)
        if not table.name.startswith(REF_PREFIX):
            continue
        if model == CONTACTS:
            read |= {*_contacts(catalog), *_named(query, catalog)}
        elif model.startswith(SEGMENT_MODEL):
            model = f"{SEGMENT_MODEL}{segments[model.removeprefix(SEGMENT_MODEL)]}"
        table.set("this", exp.to_identifier(f"{REF_PREFIX}{model}"))
    return _hash([query.sql(dialect(engine), comments=False), *sorted(read)])


def _hash(parts: list[str]) -> str:
    return hashlib.sha256("\n".join([str(_MEANING), *parts]).encode()).hexdigest()[:16]


def _contacts(catalog: Catalog) -> list[str]:
    contacts = catalog.contacts
    return [_said("contacts", contacts.model, contacts.key, _time(contacts.created_at))]


def _named(query: exp.Expr, catalog: Catalog) -> Iterator[str]:
    """The attributes that a query may read: those that it names, all with a `*` that counts no rows."""
    stars = any(not isinstance(star.parent, exp.Count) for star in query.find_all(exp.Star))
    names = {column.name.lower() for column in query.find_all(exp.Column)}
    return (_attribute(name, catalog) for name in catalog.contacts.attributes if stars or name in names)


def _read(node: Node, rows: Source | None, catalog: Catalog) -> Iterator[str]:
    """What the catalog says about everything that `node` looks at; `rows` is the source of the rows it is about."""
    for below in node.walk():
        match below:
            case Sql(_, names):
                yield from (_attribute(name, catalog) for name in names if name != "contact_id")
            case Followed(source, where):
                yield from _source(source, catalog)
                yield from _read(where, source, catalog)
            case Compare(Fact(source, where, _, measure)):
                yield from _source(source, catalog)
                yield from _values([measure], source, catalog)
                yield from _read(where, source, catalog)
            case Compare(subject, _, operands):
                yield from _values([subject, *operands], rows, catalog)


def _values(found: Iterable[object], rows: Source | None, catalog: Catalog) -> Iterator[str]:
    for value in found:
        if not isinstance(value, Value) or value.name.startswith("@"):
            continue
        if value.of == "contact":
            yield _attribute(value.name, catalog)
        elif rows is not None and rows.kind == "list" and value.name == "status":
            yield _said("list status", catalog.lists.status)
        elif rows is not None and rows.kind == "object":
            owner = value.owner or rows.name
            yield _said("field", owner, value.name, *_kept(value.name, catalog.objects[owner].fields[value.name]))
        elif rows is not None and rows.kind in ("event", "events"):
            for event, (_, properties) in _events(rows, catalog).items():
                yield _said("property", event, value.name, *_kept(value.name, properties[value.name]))


def _source(source: Source, catalog: Catalog) -> Iterator[str]:
    if source.kind in ("event", "events"):
        for event, (spec, _) in _events(source, catalog).items():
            payload = (spec.payload.column, spec.payload.format) if spec.payload is not None else ()
            # Only a text of its own: to say what was so before makes no other rule.
            text = [f"is {spec.text(event)}"] if spec.text(event) != event else []
            yield _said("event", event, spec.model, spec.contact, _time(spec.at), spec.name, *payload, *text)
    elif source.kind == "object":
        for name, hop in catalog.object_path(source.name):
            made = _time(hop.created_at)
            yield _said("object", name, hop.model, hop.key, hop.belongs_to, hop.via, hop.contacts_by, made)
            yield from [_attribute(hop.contacts_by, catalog)] if hop.contacts_by is not None else []
    elif source.kind in ("list", "tag"):
        labels = catalog.lists if source.kind == "list" else catalog.tags
        yield _said(source.kind, labels.model, labels.contact, labels.name, _time(labels.added_at))
    elif source.kind == "held":
        yield _attribute(source.name, catalog)


def _events(source: Source, catalog: Catalog) -> Mapping[str, tuple[EventSource, Mapping[str, Attribute]]]:
    found = catalog.events_named(source.name)
    return found if source.kind == "events" else {source.name: found[source.name]}


def _attribute(name: str, catalog: Catalog) -> str:
    attribute = catalog.contacts.attributes[name]
    return _said("attribute", name, *_kept(name, attribute), attribute.written_by)


def _kept(name: str, attribute: Attribute) -> tuple[str | list[str], ...]:
    path = attribute.path(name)
    unix = [f"unix {attribute.unix}"] if attribute.unix is not None else []
    return attribute.type, path[0] if len(path) == 1 else list(path), *unix


def _time(time: TimeColumn | None) -> str | list[str] | None:
    if time is None or time.unix is None:
        return time.column if time is not None else None
    return [time.column, f"unix {time.unix}"]


def _said(*words: str | list[str] | None) -> str:
    return json.dumps(words)
