"""The words of a test's rows: what each one is in the catalog, and which column of which model holds it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from segflow.specs.catalog import Catalog, LabelSource, ListSource
from segflow.specs.columns import Attribute, TimeColumn, Unix
from segflow.specs.types import ValueType


@dataclass(frozen=True)
class Word:
    """Where a value of a row goes. `kind` is None for keys, which may be texts or whole numbers."""

    column: str | None
    """None: no column holds it, because only flows write it."""
    kind: ValueType | None
    inside: bool = False
    """A key inside the payload column, not a column of its own."""
    keys: tuple[str, ...] = ()
    """The path inside of the column or key, which then holds an object."""
    unix: Unix | None = None
    """Of a timestamp that is kept as a number."""


def contact_words(catalog: Catalog) -> dict[str, Word]:
    """What a row of a contact may say."""
    contacts = catalog.contacts
    words = {"contact_id": Word(contacts.key, None)}
    if contacts.created_at is not None:
        words["created_at"] = _time(contacts.created_at)
    for name, attribute in contacts.attributes.items():
        words[name] = _word(name, attribute) if attribute.written_by != "flows" else Word(None, attribute.type)
    return words


def event_words(catalog: Catalog, event: str) -> dict[str, Word]:
    """What a row of an event may say besides `event`. A property that is called like one of the first has no word."""
    found = catalog.event(event)
    assert found is not None, event
    source, properties = found
    inside = source.payload is not None
    words = {"contact_id": Word(source.contact, None), "at": _time(source.at)}
    for name, word in _values(properties, inside=inside).items():
        if name != "event":
            words.setdefault(name, word)
    return words


def object_words(catalog: Catalog, name: str) -> dict[str, Word]:
    """What a row of an object may say. `contact_id` is what belongs to a contact; what belongs to another object says
    so in its own column."""
    spec = catalog.objects[name]
    words = {spec.key: Word(spec.key, None)}
    if spec.created_at is not None:
        words["created_at"] = _time(spec.created_at)
    words |= _values(spec.fields)
    if spec.via is not None:
        words[link_word(catalog, name)] = Word(spec.via, None)
    return words


def link_word(catalog: Catalog, name: str) -> str:
    """The word that says what a row of object `name` belongs to; empty where contacts belong to the object."""
    spec = catalog.objects[name]
    return "contact_id" if spec.via is not None and spec.belongs_to == "contact" else spec.via or ""


def label_words(source: LabelSource) -> dict[str, Word]:
    """What a row of a list or tag says. Without a model, flows are what it was written by."""
    words = {"contact_id": Word(source.contact, None), "name": Word(source.name, "text")}
    if source.added_at is not None:
        words["added_at"] = _time(source.added_at)
    if isinstance(source, ListSource) and source.status is not None:
        words["status"] = Word(source.status, "text")
    return words


def model_columns(catalog: Catalog) -> dict[str, dict[str, ValueType | None]]:
    """The columns that the catalog names, by model: column -> type; None for a key. A column that it gives several
    types holds texts. A payload column, and one in which a path leads on, has type text; one of unix times holds
    numbers."""
    named: list[tuple[str, str, ValueType | None]] = []

    def add(model: str, words: Iterable[Word]) -> None:
        of_columns = [(word.column, _kind(word)) for word in words if not word.inside]
        named.extend((model, column, kind) for column, kind in of_columns if column is not None)

    add(catalog.contacts.model, contact_words(catalog).values())
    for source in catalog.events:
        for event in source.kinds():
            add(source.model, event_words(catalog, event).values())
        named += [(source.model, source.name, "text")] if source.name is not None else []
        named += [(source.model, source.payload.column, "text")] if source.payload is not None else []
    for name, spec in catalog.objects.items():
        add(spec.model, object_words(catalog, name).values())
    for labels in (catalog.lists, catalog.tags):
        if labels.model is not None:
            add(labels.model, label_words(labels).values())
    found: dict[str, dict[str, ValueType | None]] = {}
    for model, column, kind in named:
        columns = found.setdefault(model, {})
        columns[column] = kind if columns.get(column, kind) == kind else "text"
    return found


def _values(attributes: Mapping[str, Attribute], *, inside: bool = False) -> dict[str, Word]:
    return {name: _word(name, attribute, inside=inside) for name, attribute in attributes.items()}


def _kind(word: Word) -> ValueType | None:
    return "text" if word.keys else "number" if word.unix is not None else word.kind


def _time(time: TimeColumn) -> Word:
    return Word(time.column, "timestamp", unix=time.unix)


def _word(name: str, attribute: Attribute, *, inside: bool = False) -> Word:
    column, *keys = attribute.path(name)
    return Word(column, attribute.type, inside, tuple(keys), attribute.unix)
