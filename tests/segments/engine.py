"""Runs compiled texts straight in a warehouse, without dbt: a project's models become tables and views in a second."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
from sqlglot import exp

from segflow.segments.compiler import Compiled, compile_project
from segflow.segments.emit import Filling
from segflow.segments.membership_masks import MASKS
from segflow.segments.membership_models import CONTACTS, MEMBERSHIPS, segment_model
from segflow.segments.order import closure
from segflow.specs.catalog import Catalog
from segflow.specs.project import Specs
from segflow.specs.segment import NamedSegment, SegmentSpec, SqlSegmentSpec
from segflow.specs.settings import Settings
from segflow.warehouse.base import Warehouse, relation
from segflow.warehouse.names import own_model, own_relation


def make_specs(catalog: Catalog, segments: dict[str, Any], zone: str = "UTC", week: str = "monday") -> Specs:
    """A project of these segments: id -> condition (a mapping), or the query of a `.sql` one."""
    named = {}
    for name, rule in sorted(segments.items()):
        suffix = "sql" if isinstance(rule, str) else "yml"
        spec = SqlSegmentSpec(sql=rule) if isinstance(rule, str) else SegmentSpec.model_validate({"where": rule})
        named[name] = NamedSegment(id=name, file=f"segment_specs/{name}.{suffix}", spec=spec)
    settings = Settings.model_validate({"time_zone": zone, "week_starts": week})
    return Specs(Path("project"), settings, catalog, named)


class Engine:
    """One compiled project over a warehouse whose schema `raw` holds the user's models."""

    def __init__(self, warehouse: Warehouse, specs: Specs, as_of: datetime) -> None:
        self.warehouse, self.as_of = warehouse, as_of
        self.compiled: Compiled = compile_project(specs, warehouse.words)

    def fill(self, text: str) -> exp.Query:
        def place(name: str) -> exp.Table:
            own = own_relation(name)
            return relation(own) if own is not None else exp.table_(name, db="raw", quoted=True)

        return Filling(place, self.as_of, self.compiled.zone, "t1", self.compiled.words).query(text)

    def build(self) -> None:
        """Contacts and facts, then segments in the order of their references, then memberships and their view."""
        files = self.compiled.files
        names = [f"{own_model(CONTACTS)}.sql"]
        names += [f"facts/{own_model(model)}.sql" for model in self.compiled.fact_models()]
        order = [s for name in self.compiled.segments for s in closure(name, self.compiled.graph)]
        names += [f"segments/{own_model(segment_model(name))}.sql" for name in dict.fromkeys(order)]
        for name in [*names, *(f"{own_model(model)}.sql" for model in (MASKS, MEMBERSHIPS))]:
            config, text = files[name].split("\n", 1)
            model = own_relation(name.rpartition("/")[2].removesuffix(".sql"))
            assert model is not None
            kind = "VIEW" if "materialized='segflow_view'" in config else "TABLE"
            self.warehouse.drop_view(model)
            self.warehouse.execute(exp.Drop(tables=[relation(model)], kind="TABLE", exists=True, cascade=True))
            self.warehouse.execute(exp.Create(this=relation(model), kind=kind, expression=self.fill(text)))

    def memberships(self) -> dict[str, set[str]]:
        """Segment -> members, as the one pass found them. Fails when a contact is there twice."""
        found: dict[str, list[str]] = {name: [] for name in self.compiled.segments}
        for row in self.warehouse.rows(exp.select("segment", "contact_id").from_(relation(MEMBERSHIPS))):
            found[row["segment"]].append(row["contact_id"])
        return {name: _once(name, contacts) for name, contacts in found.items()}

    def view(self, segment: str) -> set[str]:
        """The members by the segment's own view or table."""
        rows = self.warehouse.rows(exp.select("contact_id").from_(relation(segment_model(segment))))
        return _once(segment, [row["contact_id"] for row in rows])

    def standalone(self, segment: str) -> set[str]:
        """The members by the text that a version of the rule is kept as."""
        rows = self.warehouse.rows(self.fill(self.compiled.segments[segment].standalone))
        return _once(segment, [row["contact_id"] for row in rows])


def _once(segment: str, contacts: list[str]) -> set[str]:
    assert len(contacts) == len(set(contacts)), f"a contact is in {segment} twice"
    return set(contacts)


def load_table(warehouse: Warehouse, model: str, table: pa.Table) -> None:
    """Make `table` the user's model `model`."""
    staged = warehouse.stage("given", table)
    warehouse.execute(exp.Create(this=exp.Table(this=exp.to_identifier("raw")), kind="SCHEMA", exists=True))
    target = exp.table_(model, db="raw", quoted=True)
    warehouse.execute(exp.Drop(tables=[target.copy()], kind="TABLE", exists=True, cascade=True))
    warehouse.execute(exp.Create(this=target, kind="TABLE", expression=exp.select("*").from_(staged)))
