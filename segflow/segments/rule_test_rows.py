"""The rows of a segment's test as the user's models and the engine's ledgers would hold them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa

from segflow.segments.resolve import Resolver
from segflow.specs.catalog import Catalog
from segflow.specs.columns import Unix
from segflow.specs.event_source import EventSource
from segflow.specs.row_words import Word, contact_words, event_words, label_words, model_columns, object_words
from segflow.specs.segment_tests import LabelRow, Row, SegmentTest
from segflow.specs.types import NUMBERS, ValueType, parse_date, parse_instant
from segflow.warehouse.tables import arrow_schema
from segflow.warehouse.words import UNIX

_ARROW: dict[ValueType, pa.DataType] = {
    "text": pa.string(),
    "number": pa.float64(),
    "integer": pa.int64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
    "list_of_text": pa.list_(pa.string()),
}
_UNIX_BEGIN = datetime(1970, 1, 1, tzinfo=UTC)


class GivenRows:
    """The tables of one test. Every model of the catalog is there, with the columns that the catalog names."""

    def __init__(self, catalog: Catalog, zone: ZoneInfo, test: SegmentTest) -> None:
        self.catalog, self.test = catalog, test
        self._resolver = Resolver(catalog, zone)
        self.as_of = self._resolver.days.instant(test.as_of)
        self._types: dict[str, dict[str, pa.DataType | None]] = {
            model: {column: _ARROW[kind] if kind is not None else None for column, kind in columns.items()}
            for model, columns in model_columns(catalog).items()
        }
        """Model -> column -> type; None: whatever its values are."""
        self._rows: dict[str, list[dict[str, Any]]] = {model: [] for model in self._types}
        self._updates: list[dict[str, Any]] = []
        self._contacts()
        self._events()
        self._objects()
        self._labels("list", test.lists)
        self._labels("tag", test.tags)
        for model, rows in test.models.items():
            self._model(model, rows)

    def models(self) -> dict[str, pa.Table]:
        """The user's models, by name."""
        return {model: _table(self._rows[model], types) for model, types in self._types.items()}

    def ledgers(self) -> dict[str, pa.Table]:
        """The ledgers of the engine that conditions read, by name; those without a row are empty."""
        messages = [
            {
                "message_id": row.message_id or f"message {number}",
                "flow": row.flow,
                "step": row.step,
                "contact_id": row.contact_id,
                "channel": row.channel,
                "at": self._time(row.at),
                "kind": row.message,
                "url": row.url,
                "outcome": row.message,
            }
            for number, row in enumerate(self.test.messages, 1)
        ]
        rows = {
            "contact_updates": self._updates,
            "deliveries": [row for row in messages if row["kind"] == "sent"],
            "message_events": [row for row in messages if row["kind"] != "sent"],
        }
        return {name: pa.Table.from_pylist(found, schema=arrow_schema(name)) for name, found in rows.items()}

    def held(self) -> dict[str, dict[str, datetime]]:
        """Attribute -> contact -> since when it has had its present value (UTC, naive)."""
        found: dict[str, dict[str, datetime]] = {}
        for row in self.test.held:
            found.setdefault(row.attribute, {})[row.contact_id] = self._time(row.since)
        return found

    def _contacts(self) -> None:
        contacts, words = self.catalog.contacts, contact_words(self.catalog)
        for row in self.test.contacts:
            self._rows[contacts.model].append(self._plain(row, words))
            for name, value in row.items():
                if words[name].column is None:
                    text = _text(self._value(value, words[name].kind)) or ""
                    self._update("attribute", str(row["contact_id"]), name, text, None)

    def _events(self) -> None:
        for source in self.catalog.events:
            kinds = {name: event_words(self.catalog, name) for name in source.kinds()}
            if source.payload is not None:
                self._types[source.model][source.payload.column] = _payload_type(source)
            for row in self.test.events:
                if row["event"] in kinds:
                    self._rows[source.model].append(self._event(row, source, kinds[str(row["event"])]))

    def _event(self, row: Row, source: EventSource, words: Mapping[str, Word]) -> dict[str, Any]:
        given = {name: value for name, value in row.items() if name != "event"}
        found = self._plain(given, words)
        if source.name is not None:
            found[source.name] = source.text(str(row["event"]))
        if source.payload is not None:
            inside = [(words[name], value) for name, value in given.items() if words[name].inside]
            is_json = source.payload.format == "json"
            values: dict[str, Any] = {}
            for word, value in inside:
                told = self._json(value, word) if is_json else self._of_word(value, word)
                _put(values, (word.column or "", *word.keys), told)
            kind = self._types[source.model][source.payload.column]
            found[source.payload.column] = json.dumps(values) if is_json else _fitting(values, kind)
        return found

    def _objects(self) -> None:
        for name, spec in self.catalog.objects.items():
            words = object_words(self.catalog, name)
            for number, row in enumerate(self.test.objects.get(name, []), 1):
                # A row that nothing points to needs no key of the author's.
                number_key = words[spec.key].kind in NUMBERS
                keyed: Row = {spec.key: number if number_key else f"{name} {number}", **row}
                self._rows[spec.model].append(self._plain(keyed, words))

    def _labels(self, kind: str, rows: Sequence[LabelRow]) -> None:
        source = self.catalog.lists if kind == "list" else self.catalog.tags
        if source.model is None:
            for row in rows:
                self._update(kind, row.contact_id, row.name, "add", row.added_at)
            return
        words = label_words(source)
        unless = {"status": "subscribed"} if "status" in words else {}
        for row in rows:
            self._rows[source.model].append(self._plain(unless | row.model_dump(exclude_none=True), words))

    def _model(self, model: str, rows: list[Row]) -> None:
        """Rows by the model's own columns. What the catalog says about a column holds here, too."""
        types, known = self._types.setdefault(model, {}), model_columns(self.catalog).get(model, {})
        kinds: dict[str, ValueType | None] = {}
        for column in dict.fromkeys(column for row in rows for column in row):
            kinds[column] = (
                known[column] if column in known else _guessed([row[column] for row in rows if column in row])
            )
            types.setdefault(column, _ARROW[kinds[column] or "text"])
        found = self._rows.setdefault(model, [])
        found += [{column: self._value(value, kinds[column]) for column, value in row.items()} for row in rows]

    def _plain(self, row: Mapping[str, Any], words: Mapping[str, Word]) -> dict[str, Any]:
        """The columns of a row; what lies in the payload is left to the caller."""
        found: dict[str, Any] = {}
        for name, value in row.items():
            word = words[name]
            if word.column is not None and not word.inside:
                if word.keys:
                    _put(found, (word.column, *word.keys), self._json(value, word))
                else:
                    found[word.column] = self._of_word(value, word)
        return {column: json.dumps(value) if isinstance(value, dict) else value for column, value in found.items()}

    def _update(self, kind: str, contact: str, name: str, value: str, at: str | None) -> None:
        when = self._time(at) if at is not None else self.as_of.replace(tzinfo=None)
        self._updates.append({"contact_id": contact, "kind": kind, "name": name, "value": value, "hop": 0, "at": when})

    def _value(self, value: Any, kind: ValueType | None) -> Any:
        if kind is None:
            return value
        constant = self._resolver.constant(value, kind).value
        if isinstance(constant, datetime):
            return constant.astimezone(UTC).replace(tzinfo=None)
        return float(constant) if kind == "number" else constant  # type: ignore[arg-type]

    def _of_word(self, value: Any, word: Word) -> Any:
        return self._value(value, word.kind) if word.unix is None else self._number(value, word.unix)

    def _json(self, value: Any, word: Word) -> Any:
        if word.unix is not None:
            return self._number(value, word.unix)
        return self._resolver.days.instant(value).isoformat() if word.kind == "timestamp" else value

    def _number(self, value: Any, unix: Unix) -> float:
        """A time as the number that the model would have: a double has digits enough for microseconds."""
        microseconds = (self._resolver.days.instant(value) - _UNIX_BEGIN) // timedelta(microseconds=1)
        return microseconds / UNIX[unix][1]

    def _time(self, text: str) -> datetime:
        return self._resolver.days.instant(text).astimezone(UTC).replace(tzinfo=None)


def _payload_type(source: EventSource) -> pa.DataType:
    assert source.payload is not None
    if source.payload.format == "json":
        return pa.string()
    kinds: dict[tuple[str, ...], pa.DataType] = {}
    for properties in source.kinds().values():
        for name, attribute in properties.items():
            path, kind = attribute.path(name), _ARROW["number" if attribute.unix is not None else attribute.type]
            kinds[path] = kind if kinds.get(path, kind) == kind else pa.string()
    tree: dict[str, Any] = {}
    for path, kind in sorted(kinds.items()):  # what lies inside of another comes after it
        _put(tree, path, kind)
    return _struct(tree)


def _struct(tree: dict[str, Any]) -> pa.DataType:
    return pa.struct([(key, _struct(kind) if isinstance(kind, dict) else kind) for key, kind in tree.items()])


def _put(tree: dict[str, Any], path: Sequence[str], value: Any) -> None:
    """Set the value at the end of a path of keys."""
    *steps, last = path
    for step in steps:
        if not isinstance(tree.get(step), dict):
            tree[step] = {}
        tree = tree[step]
    tree[last] = value


def _fitting(value: Any, kind: pa.DataType | None) -> Any:
    """A value of a struct, in which a field that several types share holds texts."""
    if isinstance(value, dict) and isinstance(kind, pa.StructType):
        return {key: _fitting(inner, kind.field(key).type) for key, inner in value.items()}
    return _text(value) if kind == pa.string() else value


def _guessed(values: list[Any]) -> ValueType:
    """The type that a column of a model seems to have, from the values of a test."""
    if all(isinstance(value, bool) for value in values):
        return "boolean"
    if all(isinstance(value, int) and not isinstance(value, bool) for value in values):
        return "integer"
    if all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values):
        return "number"
    if all(isinstance(value, list) for value in values):
        return "list_of_text"
    for kind, read in (("date", parse_date), ("timestamp", parse_instant)):
        if all(isinstance(value, str) and _reads(read, value) for value in values):
            return kind  # type: ignore[return-value]
    return "text"


def _reads(read: Any, text: str) -> bool:
    if len(text) < 10 or text[4] != "-" or text[7] != "-":  # 20260131 is a number of something, not a day
        return False
    try:
        read(text)
    except (ValueError, OverflowError):
        return False
    return True


def _table(rows: list[dict[str, Any]], types: Mapping[str, pa.DataType | None]) -> pa.Table:
    found: dict[str, pa.DataType] = {}
    for column, kind in types.items():
        values = [row[column] for row in rows if row.get(column) is not None]
        whole = bool(values) and all(isinstance(value, int) for value in values)
        found[column] = kind or (pa.int64() if whole else pa.string())
    plain = [{c: _text(row.get(c)) if kind == pa.string() else row.get(c) for c, kind in found.items()} for row in rows]
    # A table needs a column, though nobody has said which ones it has.
    return pa.Table.from_pylist(plain, schema=pa.schema(list(found.items()) or [("contact_id", pa.string())]))


def _text(value: Any) -> str | None:
    """A value in a column of texts, as the warehouse writes it."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, (bool, list)):
        return json.dumps(value)
    return value.isoformat() if isinstance(value, (date, datetime)) else str(value)
