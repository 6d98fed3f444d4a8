"""The world of a flow's test, tick by tick, as the user's models would hold it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
from sqlglot import exp

from segflow.errors import RunError
from segflow.segments.rule_test_rows import GivenRows
from segflow.specs.catalog import Catalog
from segflow.specs.flow_tests import FlowTick
from segflow.specs.segment_tests import LabelRow, ListRow, Row, SegmentTest
from segflow.warehouse.base import Warehouse
from segflow.warehouse.models import ModelResult
from segflow.warehouse.names import whole

SCHEMA = "given"
"""Where the rows are. No relation of the engine or the user is there."""


def members_model(segment: str) -> str:
    """The model that stands in for a segment whose members are given."""
    return whole(f"members_of__{segment}")


class GivenModels:
    """The user's models in such a world: tables that hold the rows of the test."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse
        self._there: set[str] = set()
        schema = exp.Table(this=exp.to_identifier(SCHEMA))
        warehouse.execute(exp.Create(this=schema, kind="SCHEMA", exists=True))

    def load(self, tables: Mapping[str, pa.Table]) -> None:
        """Make these the whole content of models."""
        for model, rows in tables.items():
            staged = exp.select("*").from_(self._warehouse.stage("rows_given", rows))
            self._warehouse.execute(exp.Create(this=_given(model), kind="TABLE", replace=True, expression=staged))
            self._there.add(model)

    def relation(self, model: str) -> exp.Table:
        if model not in self._there:
            raise RunError(f"the test has no rows of model {model}")
        return _given(model)

    def code(self, model: str) -> str:
        return "given"

    def forget(self) -> None:
        pass

    def run(self, *_: Any, **__: Any) -> dict[str, ModelResult]:
        return {}


def _given(model: str) -> exp.Table:
    return exp.table_(model, db=SCHEMA, quoted=True)


@dataclass
class GivenWorld:
    """All rows up to a tick."""

    catalog: Catalog
    zone: ZoneInfo
    segments: Sequence[str]
    """Those whose members the test gives."""
    contacts: dict[str, Row] = field(default_factory=dict)
    events: list[Row] = field(default_factory=list)
    objects: dict[str, list[Row]] = field(default_factory=dict)
    lists: list[ListRow] = field(default_factory=list)
    tags: list[LabelRow] = field(default_factory=list)
    members: dict[str, list[str]] = field(default_factory=dict)

    def change(self, tick: FlowTick) -> None:
        """What is new before a tick."""
        for row in tick.contacts:
            name = str(row["contact_id"])
            self.contacts[name] = {**self.contacts.get(name, {}), **row}
        for name in tick.gone:
            self.contacts.pop(name, None)
        self.events += tick.events
        for name, rows in tick.objects.items():
            key = self.catalog.objects[name].key
            new = {row[key] for row in rows if key in row}
            kept = [row for row in self.objects.get(name, []) if row.get(key) not in new]
            self.objects[name] = [*kept, *rows]
        self.lists += tick.lists
        self.tags += tick.tags
        self.members |= tick.segments

    def rows(self, tick: FlowTick) -> GivenRows:
        """All of them, as of a tick."""
        return self._rows(tick.at, list(self.contacts.values()), self.lists, self.tags)

    def models(self, tick: FlowTick) -> dict[str, pa.Table]:
        """The user's models, and those that stand in for segments."""
        found = self.rows(tick).models()
        for segment in self.segments:
            ids = [name for name in self.members.get(segment, []) if name in self.contacts]
            found[members_model(segment)] = pa.table({"contact_id": pa.array(ids, pa.string())})
        return found

    def updates(self, tick: FlowTick) -> pa.Table:
        """What the test says of attributes, lists and tags that no model has, as rows of `contact_updates`."""
        rows = self._rows(tick.at, tick.contacts, tick.lists, tick.tags).ledgers()["contact_updates"]
        # Before whatever a step of this tick does.
        return rows.set_column(rows.schema.get_field_index("hop"), "hop", pa.array([-1] * rows.num_rows, pa.int64()))

    def _rows(self, at: str, contacts: list[Row], lists: list[ListRow], tags: list[LabelRow]) -> GivenRows:
        test = SegmentTest(
            name="tick",
            as_of=at,
            contacts=contacts,
            events=self.events,
            objects=self.objects,
            lists=lists,
            tags=tags,
            members=[],
        )
        return GivenRows(self.catalog, self.zone, test)
