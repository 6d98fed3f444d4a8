"""The catalog against itself: what it names exists in it, once."""

from __future__ import annotations

from collections.abc import Mapping

from segflow.durations import Duration
from segflow.messages import CONTACT_CHANNELS
from segflow.specs.catalog import Catalog, ChannelSpec, Topic
from segflow.specs.check_conditions import check_label
from segflow.specs.columns import Attribute
from segflow.specs.dbt_files import model_names
from segflow.specs.event_source import EventSource
from segflow.specs.loaded import Loaded, Reporter

FILE = "segment_specs/catalog.yml"
_LATEST = 366 * 86400
RESERVED = {"contact_id": "the key of a contact", "tick_id": "the tick that a generated table was built for"}


def check_catalog(loaded: Loaded) -> None:
    """Check `loaded.catalog`, if there is one."""
    if loaded.catalog is not None:
        say = Reporter(loaded, FILE)
        _contacts(say, loaded.catalog)
        _events(say, loaded.catalog)
        _prefixes(say, loaded.catalog)
        _objects(say, loaded.catalog)
        _message_events(say, loaded.catalog)
        _models(say, loaded.catalog, model_names(loaded.dbt_dir))


def _models(say: Reporter, catalog: Catalog, known: Mapping[str, str] | None) -> None:
    if known is None:
        return
    named: list[tuple[tuple[str | int, ...], str]] = [(("contacts", "model"), catalog.contacts.model)]
    named += [(("events", index, "model"), source.model) for index, source in enumerate(catalog.events)]
    named += [(("objects", name, "model"), spec.model) for name, spec in catalog.objects.items()]
    for kind in ("lists", "tags"):
        model = getattr(catalog, kind).model
        named += [((kind, "model"), model)] if model is not None else []
    named += [(("imports", "model"), catalog.imports.model)] if catalog.imports is not None else []
    told = catalog.message_events
    named += [(("message_events", "model"), told.model)] if told is not None else []
    for loc, model in named:
        if model not in known:
            say.unknown(loc, "dbt model", model, sorted(known))


def _contacts(say: Reporter, catalog: Catalog) -> None:
    contacts = catalog.contacts
    for name in contacts.attributes:
        if name in RESERVED:
            say(
                ("contacts", "attributes", name),
                f"{name} is {RESERVED[name]}; an attribute needs another name",
                key=True,
            )
    _paths(say, contacts.attributes, ("contacts", "attributes"))
    _unix(say, contacts.attributes, ("contacts", "attributes"))
    for name in contacts.attributes:
        attribute = contacts.attributes[name]
        if attribute.written_by == "flows" and attribute.column is not None:
            loc = ("contacts", "attributes", name, "column")
            say(loc, "an attribute that only flows write has no column; remove it, or write written_by: both", key=True)
        if attribute.type == "list_of_text" and attribute.written_by != "source":
            loc = ("contacts", "attributes", name, "written_by")
            say(loc, "flows cannot write a list_of_text; lists and tags are what they can add to and remove from")
    if contacts.time_zone is not None:
        _named(say, catalog, contacts.time_zone, ("contacts", "time_zone"), "text")
    if contacts.default_channel is not None:
        _named(say, catalog, contacts.default_channel, ("contacts", "default_channel"), "text")
    for channel in CONTACT_CHANNELS:
        spec = contacts.channels.of(channel)
        if spec is not None:
            _named(say, catalog, spec.address, ("contacts", "channels", channel, "address"), "text")
            _consent(say, catalog, spec, ("contacts", "channels", channel))
    if catalog.lists.status is not None and catalog.lists.model is None:
        say(("lists", "status"), "status is a column of the lists' model: name it, model: MODEL", key=True)
    for name, topic in catalog.topics.items():
        _topic(say, catalog, topic, ("topics", name))


def _topic(say: Reporter, catalog: Catalog, topic: Topic, at: tuple[str | int, ...]) -> None:
    if topic.attribute is not None:
        _named(say, catalog, topic.attribute, (*at, "attribute"), "boolean")
    if topic.list is None:
        if topic.default is None:
            say(at, "default is missing")
        return
    check_label(say, catalog.lists, "list", topic.list, (*at, "list"))
    if topic.attribute is not None:
        message = f"attribute and list both say who gets {at[-1]}; remove one of them"
        say((*at, "attribute"), message, key=True)
    if topic.default == "opted_in":
        message = "who is not on the list does not get it: remove default, or the list"
        say((*at, "default"), message)


def _consent(say: Reporter, catalog: Catalog, spec: ChannelSpec, at: tuple[str | int, ...]) -> None:
    if isinstance(spec.consent, str):
        _named(say, catalog, spec.consent, (*at, "consent"), "boolean")
    elif spec.consent is not None:
        if spec.consent.marketing is None and spec.consent.transactional is None:
            say((*at, "consent"), "consent says nothing: give marketing: or transactional: an attribute")
        for category in ("marketing", "transactional"):
            if (name := spec.consent_for(category)) is not None:
                _named(say, catalog, name, (*at, "consent", category), "boolean")
    if spec.double_opt_in is not None:
        attribute = catalog.contacts.attributes.get(spec.double_opt_in)
        if attribute is None:
            say.unknown((*at, "double_opt_in"), "attribute", spec.double_opt_in, list(catalog.contacts.attributes))
        elif attribute.type not in ("boolean", "date", "timestamp", "text"):
            told = (
                f"{spec.double_opt_in} is a {attribute.type}; a boolean, a date, a timestamp or a text is needed here"
            )
            say((*at, "double_opt_in"), told)


def _named(say: Reporter, catalog: Catalog, name: str, loc: tuple[str | int, ...], kind: str) -> None:
    attribute = catalog.contacts.attributes.get(name)
    if attribute is None:
        say.unknown(loc, "attribute", name, list(catalog.contacts.attributes))
    elif attribute.type != kind:
        say(loc, f"{loc[-1]} must be a {kind} attribute; {name} is a {attribute.type}")


def _events(say: Reporter, catalog: Catalog) -> None:
    seen: dict[str, int] = {}
    for index, source in enumerate(catalog.events):
        at: tuple[str | int, ...] = ("events", index)
        for name, properties in source.kinds().items():
            loc = (*at, "event") if source.event is not None else (*at, "types", name)
            if name in seen:
                say(
                    loc, f"event {name} is there already, in source {seen[name] + 1}; an event has one source", key=True
                )
            seen.setdefault(name, index)
            _source_only(say, properties, (*at, *source.place(name)), "events")
            _unix(say, properties, (*at, *source.place(name)))
            if source.payload is None or source.payload.format == "struct":
                _paths(say, properties, (*at, *source.place(name)))
        _texts(say, source, at)
        if source.payload is not None and source.payload.column in (
            source.contact,
            source.at.column,
            source.name,
            source.id,
        ):
            message = (
                f"{source.payload.column} is the contact, time, name or id column; properties need one of their own"
            )
            say((*at, "payload", "column"), message)
        if source.id is not None and source.id in (source.contact, source.at.column, source.name):
            message = f"{source.id} is the contact, time or name column; an id is different in each row"
            say((*at, "id"), message)
        _late_by(say, source.late_by, at)


def _late_by(say: Reporter, late_by: Duration, at: tuple[str | int, ...]) -> None:
    if late_by.months:
        message = f"late_by takes an exact time like 3 days, not {late_by}: months are not equally long"
        say((*at, "late_by"), message)
    elif late_by.seconds > _LATEST:
        say((*at, "late_by"), f"{late_by} is too long to look back in each tick: give 366 days at most")


def _message_events(say: Reporter, catalog: Catalog) -> None:
    source = catalog.message_events
    if source is None:
        return
    _late_by(say, source.late_by, ("message_events",))
    seen: dict[str, str] = {}
    for kind, texts in source.kinds.texts().items():
        for number, text in enumerate(texts):
            loc: tuple[str | int, ...] = ("message_events", "kinds", kind)
            if (other := seen.setdefault(text, kind)) != kind:
                place = loc if isinstance(getattr(source.kinds, kind), str) else (*loc, number)
                say(place, f"'{text}' is said of {other}, too; a row is of one kind")
    columns = [("message_id", source.message_id), ("provider_id", source.provider_id), ("kind", source.kind)]
    columns += [("at", source.at.column), ("id", source.id), ("hard", source.hard), ("url", source.url)]
    taken: dict[str, str] = {}
    for name, column in columns:
        if column is not None and (first := taken.setdefault(column, name)) != name:
            key = name if name in source.model_fields_set else first
            say(("message_events", key), f"{column} is the column of {first if key == name else name} already")


def _paths(say: Reporter, attributes: dict[str, Attribute], loc: tuple[str | int, ...]) -> None:
    """What leads into a column begins with one; only a payload's keys may be empty."""
    for name, attribute in attributes.items():
        if not attribute.path(name)[0]:
            say((*loc, name, "column"), "the path begins with the name of a column, which is empty here")


def _unix(say: Reporter, attributes: dict[str, Attribute], loc: tuple[str | int, ...]) -> None:
    for name, attribute in attributes.items():
        at = (*loc, name, "unix")
        if attribute.unix is not None and attribute.type != "timestamp":
            message = f"unix goes with type: timestamp, and the type of {name} is {attribute.type}"
            say(at, f"{message}; change it, or remove unix", key=True)
        elif attribute.unix is not None and attribute.written_by == "flows":
            say(at, "flows write times as texts like 2026-01-31T09:00:00Z; remove unix", key=True)


def _texts(say: Reporter, source: EventSource, at: tuple[str | int, ...]) -> None:
    """Of two events that the data calls alike, nobody could say which one a row is."""
    seen: dict[str, str] = {}
    for name in source.types:
        text = source.text(name)
        if (other := seen.setdefault(text, name)) != name:
            # At what says it: either may be the one that has its text from its name.
            loc = (*at, "types", name, "is") if text != name else (*at, "types", other, "is")
            say(loc, f"events {other} and {name} are both called '{text}' in the data; a row can only be one of them")


def _prefixes(say: Reporter, catalog: Catalog) -> None:
    for name, spec in catalog.event_prefixes.items():
        if not catalog.events_named(name):
            texts = [source.text(event) for source in catalog.events for event in source.kinds()]
            known = ", ".join(texts) or "none"
            say(("event_prefixes", name, "is"), f"no event's name in the data begins with '{spec.is_}'; known: {known}")


def _source_only(say: Reporter, attributes: dict[str, Attribute], loc: tuple[str | int, ...], what: str) -> None:
    for name, attribute in attributes.items():
        if attribute.written_by != "source":
            say((*loc, name, "written_by"), f"flows write attributes of contacts only, not of {what}", key=True)


def _objects(say: Reporter, catalog: Catalog) -> None:
    known = ["contact", *catalog.objects]
    for name, spec in catalog.objects.items():
        loc = ("objects", name)
        _source_only(say, spec.fields, (*loc, "fields"), "objects")
        _paths(say, spec.fields, (*loc, "fields"))
        _unix(say, spec.fields, (*loc, "fields"))
        if spec.contacts_by is not None:
            _key_attribute(say, catalog, spec.contacts_by, (*loc, "contacts_by"))
        if name == "contact":
            say(loc, "contact is what objects belong to in the end; an object needs another name", key=True)
        elif spec.belongs_to not in known:
            say.unknown((*loc, "belongs_to"), "object", spec.belongs_to, known)
        elif (circle := _circle(catalog, name)) and name == min(circle):  # once, at the first of the circle
            path = " -> ".join([*circle, name])
            message = f"objects belong to each other in a circle: {path}; one must belong to contact"
            say((*loc, "belongs_to"), message)


def _key_attribute(say: Reporter, catalog: Catalog, name: str, loc: tuple[str | int, ...]) -> None:
    attribute = catalog.contacts.attributes.get(name)
    if attribute is None:
        say.unknown(loc, "attribute", name, list(catalog.contacts.attributes))
    elif attribute.type in ("boolean", "date", "timestamp", "list_of_text"):
        say(loc, f"contacts_by needs an attribute that holds a key; {name} is a {attribute.type}")


def _circle(catalog: Catalog, start: str) -> list[str]:
    """The objects of the circle that `start` is part of; empty when there is none."""
    path = [start]
    while (above := catalog.objects[path[-1]].belongs_to) in catalog.objects and above != "contact":
        if above == start:
            return path
        if above in path:
            return []
        path.append(above)
    return []
