"""The tests of segments against the catalog: a word that nothing reads would make a test that says nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from segflow.errors import did_you_mean
from segflow.specs.catalog import Catalog
from segflow.specs.check_conditions import check_label
from segflow.specs.check_values import check_literal, instant
from segflow.specs.event_names import no_event
from segflow.specs.issues import kind_of
from segflow.specs.loaded import Loaded, Reporter
from segflow.specs.row_words import Word, contact_words, event_words, link_word, model_columns, object_words
from segflow.specs.segment import NamedSegment, SqlSegmentSpec
from segflow.specs.segment_tests import LabelRow, Row, SegmentTest
from segflow.specs.spec_file import Loc
from segflow.specs.sql_file import references
from segflow.specs.types import ValueType
from segflow.warehouse.names import own_relation


def check_tests(loaded: Loaded, catalog: Catalog, segment: NamedSegment, graph: Mapping[str, set[str]]) -> None:
    """Check the tests of one segment. `graph`: segment -> the segments that it refers to."""
    names: set[str] = set()
    for index, test in enumerate(segment.spec.tests):
        loc = ("tests", index)
        say = Reporter(loaded, segment.file)
        if test.name in names:
            say((*loc, "name"), f"there are two tests called {test.name}")
        names.add(test.name)
        RowChecks(say, catalog, test, loc, segment.id, graph).run()


@dataclass(frozen=True)
class RowChecks:
    """The rows of one test, which stands at `loc`."""

    say: Reporter
    catalog: Catalog
    test: SegmentTest
    loc: tuple[str | int, ...]
    segment: str
    graph: Mapping[str, set[str]]

    def run(self) -> None:
        test = self.test
        self.time(test.as_of, "as_of")
        contacts = self.contacts()
        self.rows(contacts, test.events, test.objects, test.lists, test.tags)
        self._messages(contacts)
        for index, held in enumerate(test.held):
            self.known_contact(held.contact_id, contacts, ("held", index, "contact_id"))
            self.time(held.since, "held", index, "since")
            if held.attribute not in self.catalog.contacts.attributes:
                known = list(self.catalog.contacts.attributes)
                self.say.unknown((*self.loc, "held", index, "attribute"), "attribute", held.attribute, known)
        self._segments(contacts)
        for index, member in enumerate(test.members):
            self.known_contact(member, contacts, ("members", index))
            if member in test.members[:index]:
                self.say((*self.loc, "members", index), f"contact {member} is there twice")

    def rows(
        self,
        contacts: Sequence[str],
        events: Sequence[Row],
        objects: Mapping[str, list[Row]],
        lists: Sequence[LabelRow],
        tags: Sequence[LabelRow],
    ) -> None:
        """Check rows about `contacts`, the ids that are known."""
        for index, row in enumerate(events):
            self._event(row, ("events", index), contacts)
        for name, rows in objects.items():
            self._objects(name, rows, contacts)
        for kind, labels in (("lists", lists), ("tags", tags)):
            source = getattr(self.catalog, kind)
            for index, label in enumerate(labels):
                self.known_contact(label.contact_id, contacts, (kind, index, "contact_id"))
                check_label(self.say, source, kind[:-1], label.name, (*self.loc, kind, index, "name"))
                if getattr(label, "status", None) is not None and self.catalog.lists.status is None:
                    message = "nothing says how contacts stand on lists: give lists a status in the catalog"
                    self.say((*self.loc, kind, index, "status"), message, key=True)
                if label.added_at is not None:
                    self.time(label.added_at, kind, index, "added_at")
                    if source.model is not None and source.added_at is None:
                        message = f"the catalog does not say when {kind} were added: give {kind} an added_at there"
                        self.say((*self.loc, kind, index, "added_at"), message, key=True)

    def contacts(self) -> list[str]:
        """The ids that have rows."""
        words = contact_words(self.catalog)
        found: list[str] = []
        for index, row in enumerate(self.test.contacts):
            at = ("contacts", index)
            self._row(row, words, at, "attribute")
            contact = str(row.get("contact_id", ""))
            if "contact_id" not in row:
                self.say((*self.loc, *at), "contact_id is missing")
            elif contact in found:
                self.say((*self.loc, *at, "contact_id"), f"contact {contact} is there twice")
            found.append(contact)
        return found

    def _event(self, row: Row, at: tuple[str | int, ...], contacts: Sequence[str]) -> None:
        event = row.get("event")
        if self._without(row, ("contact_id", "event", "at"), at):
            return
        if not isinstance(event, str) or self.catalog.event(event) is None:
            self.say((*self.loc, *at, "event"), no_event(self.catalog, str(event)))
            return
        rest = {name: value for name, value in row.items() if name != "event"}
        self._row(rest, event_words(self.catalog, event), at, "property")
        self.known_contact(str(row["contact_id"]), contacts, (*at, "contact_id"))

    def _objects(self, name: str, rows: list[Row], contacts: Sequence[str]) -> None:
        if name not in self.catalog.objects:
            self._unknown((*self.loc, "objects", name), "object", list(self.catalog.objects))
            return
        spec, words, link = self.catalog.objects[name], object_words(self.catalog, name), link_word(self.catalog, name)
        keys: list[str] = []
        above = self.catalog.objects.get(spec.belongs_to)
        parents = [row.get(above.key) for row in self.test.objects.get(spec.belongs_to, [])] if above else []
        for index, row in enumerate(rows):
            at = ("objects", name, index)
            self._row(row, words, at, "field")
            if link and self._without(row, (link,), at):
                continue
            if spec.key in row and str(row[spec.key]) in keys:
                self.say((*self.loc, *at, spec.key), f"{name} {row[spec.key]} is there twice")
            keys += [str(row[spec.key])] if spec.key in row else []
            if link == "contact_id":
                self.known_contact(str(row[link]), contacts, (*at, link))
            elif link and row[link] not in parents:
                message = f"there is no {spec.belongs_to} {row[link]} in this test: add it under objects"
                self.say((*self.loc, *at, link), message)

    def _messages(self, contacts: Sequence[str]) -> None:
        flows = self.say.loaded.flow_ids
        for index, row in enumerate(self.test.messages):
            at = ("messages", index)
            self.known_contact(row.contact_id, contacts, (*at, "contact_id"))
            self.time(row.at, *at, "at")
            if row.flow is not None and row.flow not in flows:
                now = self.say.loaded.renamed_flow(row.flow)
                self.say.unknown((*self.loc, *at, "flow"), "flow", row.flow, sorted(flows), now)
            elif row.flow in self.say.loaded.flows and row.step is not None:
                steps = [step.id for step in self.say.loaded.flows[row.flow].spec.walk()]
                if row.step not in steps:
                    self.say.unknown((*self.loc, *at, "step"), f"step of flow {row.flow} called", row.step, steps)

    def _segments(self, contacts: Sequence[str]) -> None:
        reached = self._reached()
        for name, members in self.test.segments.items():
            loc = ("segments", name)
            if name not in reached - {self.segment}:
                known = sorted(reached - {self.segment})
                message = f"{self.segment} does not refer to segment {name}"
                self.say((*self.loc, *loc), f"{message}; it refers to {', '.join(known) or 'no segment'}", key=True)
            for index, member in enumerate(members):
                self.known_contact(member, contacts, (*loc, index))
        read, columns = self._models_read(reached), model_columns(self.catalog)
        for name, rows in self.test.models.items():
            if name not in read:
                message = (
                    f"no .sql segment of this test reads model {name}; it reads {', '.join(sorted(read))}"
                    if read
                    else "models is for .sql segments, and this test needs none: say it with contacts, events, objects"
                )
                self.say((*self.loc, "models", name), message, key=True)
            kinds = columns.get(name, {})
            for index, row in enumerate(rows):
                for column, value in row.items():
                    if not column.strip():
                        self.say((*self.loc, "models", name, index, column), "the column has no name", key=True)
                    elif column in kinds:
                        self._value(value, kinds[column], (*self.loc, "models", name, index, column))
        for name in sorted(set(read) - set(self.test.models) - set(columns)):
            message = f"the query of segment {read[name]} reads model {name}: give its rows under models"
            self.say(self.loc, message)

    def _reached(self) -> set[str]:
        """The segments that this test is about: the rule's own, what it refers to, and so on up to those whose members
        are given."""
        found: set[str] = set()
        waiting = [self.segment]
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting += self.graph.get(name, set()) if name == self.segment or name not in self.test.segments else ()
        return found

    def _models_read(self, reached: set[str]) -> dict[str, str]:
        """Model -> a `.sql` segment that reads it."""
        found: dict[str, str] = {}
        for name in sorted(reached - (set(self.test.segments) - {self.segment})):
            segment = self.say.loaded.segments.get(name)
            if segment is not None and isinstance(segment.spec, SqlSegmentSpec):
                models = [one.meant for one in references(segment.spec.sql)]
                found |= {model: name for model in models if own_relation(model) is None}
        return found

    def _row(self, row: Row, words: Mapping[str, Word], at: tuple[str | int, ...], what: str) -> None:
        columns: dict[tuple[str, ...], str] = {}
        for name, value in row.items():
            place: Loc = (*self.loc, *at, name)
            word = words.get(name)
            if word is None:
                self._unknown(place, what, list(words))
                continue
            if word.column is not None:
                path = (word.column, *word.keys)
                other = columns.setdefault(path, name)
                if row[other] != value and not word.inside:
                    self.say(place, f"{name} and {other} are the same column, {word.column}; give one of them")
                for longer, inner in columns.items():
                    if longer != path and (longer[: len(path)] == path or path[: len(longer)] == longer):
                        self.say(place, f"{name} and {inner} lie one inside the other; give one of them")
            self._value(value, word.kind, place)

    def _unknown(self, place: Loc, what: str, known: Sequence[str]) -> None:
        """Report a key that is none of the `known` ones."""
        name = str(place[-1])
        near = did_you_mean(name, known) or (f"; known here: {', '.join(known)}" if 0 < len(known) <= 12 else "")
        self.say(place, f"there is no {what} {name}{near}", key=True)

    def _value(self, value: Any, kind: ValueType | None, place: Loc) -> None:
        name = str(place[-1])
        if kind is None:
            if isinstance(value, (bool, float, list)) or value == "":
                self.say(place, f"{name} takes a text or a whole number, not {kind_of(value)}")
        elif kind == "list_of_text":
            if not isinstance(value, list):
                self.say(place, f"{name} takes a list of texts, not {kind_of(value)}")
        elif isinstance(value, list):
            self.say(place, f"{name} takes one value, not a list")
        else:
            check_literal(self.say, value, kind, place, name)

    def _without(self, row: Row, required: Sequence[str], at: tuple[str | int, ...]) -> bool:
        missing = [name for name in required if name not in row]
        if missing:
            self.say((*self.loc, *at), f"{missing[0]} is missing")
        return bool(missing)

    def known_contact(self, contact: str, contacts: Sequence[str], at: Loc) -> None:
        if contact not in contacts:
            hint = "each contact has a row under contacts"
            self.say.unknown((*self.loc, *at), "contact", contact, contacts, hint)

    def time(self, text: str, *at: str | int) -> None:
        if instant(text) is None:
            message = f"'{text}' is not a date or time: write one like 2026-01-31 or 2026-01-31T09:00:00Z"
            self.say((*self.loc, *at), message)
