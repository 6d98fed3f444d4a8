"""What the catalog promises of the user's models and a tick does not look at, because it would read all rows: keys are
unique, and nothing has happened yet that is still to come."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlglot import exp

from segflow.durations import Duration
from segflow.errors import RunError
from segflow.segments.sql import col, literal, named, ref, select
from segflow.segments.stored import moment
from segflow.specs.catalog import Catalog
from segflow.specs.columns import TimeColumn
from segflow.ticks.context import TickContext
from segflow.warehouse.base import python_rows

AHEAD = timedelta(minutes=5)
"""So far clocks of whoever writes events may be ahead."""
LIMIT = Duration.parse("10 minutes")
Kind = Literal["key_unique", "not_in_future"]


@dataclass(frozen=True)
class Promise:
    """One of them: about a `column` of a `model`."""

    kind: Kind
    model: str
    column: str
    time: TimeColumn | None = None

    @property
    def name(self) -> str:
        return f"{self.column}_{'unique' if self.kind == 'key_unique' else 'not_in_future'}"

    @property
    def words(self) -> str:
        told = "is unique and set" if self.kind == "key_unique" else "is not in the future"
        return f"{self.column} of {self.model} {told}."


def promises(catalog: Catalog) -> list[Promise]:
    """Those of a catalog, each once."""
    found = [Promise("key_unique", catalog.contacts.model, catalog.contacts.key)]
    found += [Promise("key_unique", one.model, one.key) for one in catalog.objects.values()]
    for event in catalog.events:
        if event.id is not None:
            found.append(Promise("key_unique", event.model, event.id))
        found.append(Promise("not_in_future", event.model, event.at.column, event.at))
    return list(dict.fromkeys(found))


def broken(context: TickContext, chosen: Sequence[Promise], now: datetime) -> Iterator[tuple[Promise, str | None]]:
    """Each promise with what breaks it, None when it holds: one query each. A model that cannot be read breaks it."""
    for one in chosen:
        try:
            found = context.warehouse.attempt(context.fill(_query(one, now)), LIMIT)
        except RunError as error:
            found = str(error)
        yield one, found if isinstance(found, str) else _told(one, python_rows(found)[0])


def _query(one: Promise, now: datetime) -> exp.Select:
    column = col(one.column, "looked_at")
    if one.kind == "key_unique":
        columns = [
            named(exp.Count(this=exp.Star()), "rows"),
            named(exp.Count(this=column), "set"),
            named(exp.Count(this=exp.Distinct(expressions=[column.copy()])), "different"),
        ]
        return select(columns, ref(one.model, "looked_at"))
    time = moment(one.time, "looked_at")
    columns = [named(exp.Count(this=exp.Star()), "rows"), named(exp.Max(this=time), "last")]
    bound = literal((now + AHEAD).replace(tzinfo=None, microsecond=0).isoformat(sep=" "), "timestamp")
    return select(columns, ref(one.model, "looked_at"), exp.GT(this=time.copy(), expression=bound))


def _told(one: Promise, row: dict[str, object]) -> str | None:
    if one.kind == "not_in_future":
        return f"{row['rows']:,} rows lie in the future, up to {row['last']} UTC" if row["rows"] else None
    rows, known, different = (int(str(row[name])) for name in ("rows", "set", "different"))
    words = [f"{rows - known:,} rows have none"] if rows > known else []
    if known > different:
        words.append(f"{known - different:,} rows repeat one that another has")
    return " and ".join(words) or None
