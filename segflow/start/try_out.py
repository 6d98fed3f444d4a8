"""Asks the compiled rules of a project that no tick has run yet, over the rows as they are now, in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sqlglot import exp

from segflow.durations import Duration
from segflow.errors import RunError, SegflowError, WarehouseError
from segflow.explain.look import members_query
from segflow.segments.compiler import compile_project
from segflow.specs.project import Specs
from segflow.specs.segment import NamedSegment, SegmentSpec
from segflow.start.profile import KEPT
from segflow.start.staging import Model, runnable
from segflow.ticks.context import TickContext
from segflow.warehouse.base import Warehouse
from segflow.warehouse.models import ModelResult
from segflow.warehouse.tick import Tick


@dataclass(frozen=True)
class Staged:
    """Runs no models: they are views in memory."""

    names: frozenset[str]

    def relation(self, model: str) -> exp.Table:
        if model not in self.names:
            raise RunError(f"there is no model {model}")
        return exp.table_(model, db="temp", quoted=True)

    def code(self, model: str) -> str:
        return model

    def forget(self) -> None:
        return None

    def run(
        self,
        select: Sequence[str],
        variables: Mapping[str, Any],
        patches: Mapping[str, str] | None = None,
        exclude: Sequence[str] | None = None,
        limits: Mapping[str, Duration] | None = None,
    ) -> dict[str, ModelResult]:
        raise RunError("no model can be run here")


class TryOut:
    """The staging models as views, and the rules that are asked over them."""

    def __init__(self, warehouse: Warehouse, models: Sequence[Model]) -> None:
        """Raises WarehouseError when a model cannot be read."""
        self.warehouse = warehouse
        warehouse.ensure_tables()
        for model in models:
            # A temporary table or a view: both are found by their name alone.
            again = model.in_memory or model.table.rows > KEPT
            keep = warehouse.view if again else warehouse.stage
            keep(model.name, runnable(model))
        self._staged = Staged(frozenset(model.name for model in models))
        self.now = datetime.now(UTC).replace(microsecond=0)

    def members(self, specs: Specs, segment: str) -> tuple[int, str | None]:
        """How many contacts would be in a segment now, and the first of them. Raises SegflowError when it cannot be
        evaluated."""
        compiled = compile_project(replace(specs, flows={}), self.warehouse.words)
        context = TickContext(compiled, self.warehouse, self._staged, Tick("", self.now))
        query = members_query(context, segment)
        count = exp.Count(this=exp.Star()).as_("members")
        first = exp.Min(this=exp.cast(exp.column("contact_id"), "VARCHAR")).as_("first")
        try:
            [row] = self.warehouse.rows(exp.select(count, first).from_(query.subquery("found")))
        except WarehouseError as error:
            raise RunError(str(error)) from None
        return int(row["members"]), row["first"]

    def of(self, specs: Specs, where: Mapping[str, Any]) -> int | None:
        """How many contacts a condition holds for now; None when it cannot be evaluated."""
        spec = SegmentSpec.model_validate({"where": where})
        segment = NamedSegment(id="tried", file="segment_specs/tried.yml", spec=spec)
        try:
            return self.members(replace(specs, segments={"tried": segment}), "tried")[0]
        except SegflowError:
            return None

    def contacts(self, model: str, key: str) -> int:
        """How many different contacts there are."""
        held = exp.column(key, quoted=True)
        count = exp.Count(this=exp.Distinct(expressions=[held]))
        return int(self.warehouse.scalar(exp.select(count).from_(exp.table_(model, quoted=True))))
