"""The few queries that the rules with data need: one per event, object and model, each stopped when it takes long."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlglot import exp

from segflow.durations import Duration
from segflow.errors import RunError
from segflow.lint.uses import CONTACT, source_words
from segflow.segments.fact_models import label_rows, row_column, source_rows
from segflow.segments.membership_models import contacts_query
from segflow.segments.nodes import Constant, Source, Value
from segflow.segments.one_of import FEW, is_in, rows_of
from segflow.segments.sql import col, ident, is_not_null, named, ref, select, text_literal, typed
from segflow.segments.stored import in_payload, moment, stored
from segflow.specs.unix_times import remedy
from segflow.ticks.context import TickContext
from segflow.warehouse import words
from segflow.warehouse.base import python_rows, relation

LIMIT = Duration.parse("10 seconds")
"""A query that runs longer is stopped, and what it would have told is left out."""
_NAMES = 500


@dataclass(frozen=True)
class Seen:
    """What the rows of a source hold: how many there are, how many have each value, how many equal each text."""

    rows: int
    set: Mapping[Value, int]
    equal: Mapping[tuple[Value, str, bool], int]
    """(value, text, is case ignored) -> rows."""


class Data:
    """The data as the last tick saw it. What could not be asked is in `skipped`, in words."""

    def __init__(self, context: TickContext, contacts: int) -> None:
        """`contacts`: how many there were at the tick."""
        self.context, self.compiled, self.contacts = context, context.compiled, contacts
        self.skipped: list[str] = []

    def seen(self, source: Source, values: Iterable[Value], texts: Iterable[tuple[Value, str, bool]]) -> Seen | None:
        """Count the rows of a source, or the contacts; None when the query failed or took too long."""
        values, texts = list(dict.fromkeys(values)), list(dict.fromkeys(texts))
        among: dict[tuple[Value, bool], list[str]] = {}
        for value, text, fold in texts:
            among.setdefault((value, fold), []).append(text)
        many = {key: given for key, given in among.items() if len(given) > FEW}
        texts = [(value, text, fold) for value, text, fold in texts if (value, fold) not in many]
        rows = self._rows(source, values)
        columns: list[exp.Expr] = [exp.Count(this=exp.Star()).as_("rows")]
        columns += [exp.Count(this=self._column(source, value)).as_(f"set {n}") for n, value in enumerate(values)]
        for number, (value, text, fold) in enumerate(texts):
            column, literal = self._column(source, value), text_literal(text)
            same = (
                exp.EQ(this=words.lower(column), expression=words.lower(literal))
                if fold
                else exp.EQ(this=column, expression=literal)
            )
            columns.append(exp.CountIf(this=same).as_(f"equal {number}"))
        answer = self._ask(select(columns, rows.subquery("looked_at", copy=False)), source_words(source))
        if answer is None:
            return None
        [found] = answer
        equal = {key: found[f"equal {number}"] for number, key in enumerate(texts)}
        for (value, fold), given in many.items():
            present = self._present(source, value, given, fold)
            if present is None:
                return None
            equal |= {(value, text, fold): int(text in present) for text in given}
        return Seen(found["rows"], {value: found[f"set {number}"] for number, value in enumerate(values)}, equal)

    def _present(self, source: Source, value: Value, given: Sequence[str], fold: bool) -> set[str] | None:
        """Which of very many texts a value has in any row; None when it cannot be said."""
        column = self._column(source, value)
        rows = self._rows(source, [value]).subquery("looked_at", copy=False)
        had = select([words.lower(column) if fold else column], rows, is_not_null(column.copy()))
        each = rows_of([Constant(text, "text") for text in given], "text")
        assert each is not None
        text = exp.column("found")
        named_each = exp.Subquery(this=each, alias=exp.TableAlias(this=ident("given"), columns=[ident("found")]))
        where = is_in(words.lower(text.copy()) if fold else text.copy(), had)
        found = self._ask(select([named(text, "found")], named_each, where), source_words(source))
        return None if found is None else {row["found"] for row in found}

    def values(self, source: Source, value: Value) -> list[str]:
        """The different texts of a value, at most 500 of them."""
        column = self._column(source, value)
        query = select([named(column, "found")], self._rows(source, [value]).subquery("looked_at", copy=False))
        return self._names(query.where(is_not_null(column.copy())), source_words(source))

    def labels(self, kind: str) -> list[str] | None:
        """The names of the lists or tags that have anybody; None when it cannot be said."""
        rows = label_rows(kind, self.compiled.specs.catalog).subquery("labels", copy=False)
        found = self._ask(self._distinct(select([named(col("name"), "found")], rows)), f"{kind}s")
        return None if found is None or len(found) >= _NAMES else [row["found"] for row in found]

    def event_names(self, event: str) -> list[str]:
        """What the model that should hold `event` calls its events, less those that the catalog gives to others."""
        found = self.compiled.specs.catalog.event(event)
        if found is None or found[0].name is None:
            return []
        source = found[0]
        column = typed(col(found[0].name), "text")
        names = self._names(select([named(column, "found")], ref(source.model, "events")), f"event {event}")
        return [name for name in names if name is not None and name not in map(source.text, source.kinds())]

    def event_text(self, event: str) -> str:
        """What the catalog says that the data calls an event."""
        return self.compiled.specs.catalog.event_texts().get(event, event)

    def path(self, source: Source, value: Value) -> tuple[str, ...]:
        """Where the catalog says that a value is kept; of several events, where the first has it."""
        catalog = self.compiled.specs.catalog
        if source == CONTACT:
            attributes = catalog.contacts.attributes
        elif source.kind == "object":
            attributes = catalog.objects[value.owner or source.name].fields
        else:
            events = catalog.events_named(source.name) if source.kind == "events" else {}
            found = next(iter(events.values()), None) or catalog.event(source.name)
            assert found is not None, source
            attributes = found[1]
        return attributes[value.name].path(value.name)

    def time_remedy(self, source: Source) -> str | None:
        """What to write in the catalog where no row of an event has a time, because times are numbers in the data."""
        found = self.compiled.specs.catalog.event(source.name) if source.kind == "event" else None
        if found is None:
            return None
        model, at = found[0].model, found[0].at
        number = words.number(col(at.column, "looked_at"))
        columns = [named(exp.Count(this=moment(at, "looked_at")), "read"), named(_largest(number), "largest")]
        rows = self._ask(select(columns, ref(model, "looked_at")), f"model {model}")
        if not rows or rows[0]["read"] or rows[0]["largest"] is None:
            return None
        return remedy("timestamp", at.unix, rows[0]["largest"], f"at: {{column: {at.column}")

    def number_remedy(self, source: Source, value: Value) -> str | None:
        """What to write in the catalog for a time that is missing everywhere, because it is a number in the data."""
        if value.type not in ("timestamp", "date"):
            return None
        catalog = self.compiled.specs.catalog
        payload, where = None, None
        if source == CONTACT:
            model, attribute = catalog.contacts.model, catalog.contacts.attributes[value.name]
        elif source.kind == "object":
            spec = catalog.objects[value.owner or source.name]
            model, attribute = spec.model, spec.fields[value.name]
        else:
            event = next(iter(catalog.events_named(source.name))) if source.kind == "events" else source.name
            found = catalog.event(event)
            assert found is not None, source
            model, payload, attribute = found[0].model, found[0].payload, found[1][value.name]
            if found[0].name is not None:
                where = exp.EQ(this=col(found[0].name, "looked_at"), expression=text_literal(found[0].text(event)))
        plain = attribute.model_copy(update={"type": "number", "unix": None})
        number = (
            stored(value.name, plain, "looked_at")
            if payload is None
            else in_payload(value.name, plain, payload, "looked_at")
        )
        rows = self._ask(select([named(_largest(number), "largest")], ref(model, "looked_at"), where), f"model {model}")
        if not rows or rows[0]["largest"] is None:
            return None
        return remedy(value.type, attribute.unix, rows[0]["largest"], None)

    def words(self, source: Source) -> str:
        """A source in words, with what the data calls it."""
        text = self.compiled.specs.catalog.event_texts().get(source.name) if source.kind == "event" else None
        return source_words(source) + (f" ('{text}')" if text is not None else "")

    def first(self, source: Source) -> tuple[str, datetime] | None:
        """(model, time): the earliest row of the models that a source reads; None when they have none, or no times."""
        catalog = self.compiled.specs.catalog
        if source.kind == "object":
            spec = catalog.objects[source.name]
            places = {(spec.model, spec.created_at)}
        else:
            found = (
                catalog.events_named(source.name).values() if source.kind == "events" else [catalog.event(source.name)]
            )
            places = {(one[0].model, one[0].at) for one in found if one is not None}
        times: list[tuple[datetime, str]] = []
        for model, column in sorted(places, key=str):
            if column is not None:
                query = select([named(exp.Min(this=moment(column)), "at")], ref(model, "rows_of_model"))
                rows = self._ask(query, f"model {model}")
                times += [(row["at"], model) for row in rows or [] if row["at"] is not None]
        return (min(times)[1], min(times)[0]) if times else None

    def sizes(self) -> dict[str, tuple[int, str | None]]:
        """Segment -> (members, fingerprint of the rule) at the last tick, of those that it evaluated."""
        sizes, versions = exp.table_("sizes"), exp.table_("versions")
        on = exp.and_(*(col(name, "sizes").eq(col(name, "versions")) for name in ("segment_key", "segment_version")))
        query = (
            exp.select(col("segment", "sizes"), col("members", "sizes"), col("fingerprint", "versions"))
            .from_(relation("segment_sizes").as_(sizes.name))
            .join(relation("segment_versions").as_(versions.name), on=on, join_type="left")
            .where(col("tick_id", "sizes").eq(exp.Literal.string(self.context.tick_id)))
            .where(col("status", "sizes").eq(exp.Literal.string("ok")))
        )
        return {row["segment"]: (row["members"], row["fingerprint"]) for row in self.context.warehouse.rows(query)}

    def _rows(self, source: Source, values: list[Value]) -> exp.Query:
        catalog = self.compiled.specs.catalog
        return contacts_query(catalog) if source == CONTACT else source_rows(source, [], values, None, catalog)

    @staticmethod
    def _column(source: Source, value: Value) -> exp.Expr:
        column = col(value.name if source == CONTACT else row_column(value), "looked_at")
        # A list without an element counts as missing.
        return (
            exp.func("nullif", exp.ArraySize(this=column), exp.Literal.number(0))
            if value.type == "list_of_text"
            else column
        )

    def _names(self, query: exp.Select, what: str) -> list[str]:
        return [row["found"] for row in self._ask(self._distinct(query), what) or []]

    @staticmethod
    def _distinct(query: exp.Select) -> exp.Select:
        return query.distinct().limit(_NAMES)

    def _ask(self, query: exp.Select, what: str) -> list[dict[str, Any]] | None:
        try:
            found = self.context.warehouse.attempt(self.context.fill(query), LIMIT)
        except RunError as error:
            found = str(error)
        if isinstance(found, str):
            told = f"{what}: {found}"
            self.skipped += [told] if told not in self.skipped else []
            return None
        return python_rows(found)


def _largest(number: exp.Expr) -> exp.Expr:
    return exp.Max(this=exp.Abs(this=number))
