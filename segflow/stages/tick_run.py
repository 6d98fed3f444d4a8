"""A tick at work: what its stages share, and how they commit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlglot import exp

from segflow.crashpoints import crash_point
from segflow.outbox.decisions import Kind
from segflow.outbox.lease import Lease
from segflow.segments.compiler import MEMBERSHIPS
from segflow.stages.tick_report import TickReport
from segflow.ticks import ledger as ticks
from segflow.ticks import record
from segflow.ticks.context import Faults, TickContext
from segflow.warehouse.base import Warehouse, relation
from segflow.warehouse.tables import ledgers_of
from segflow.warehouse.tick import Tick
from segflow.workspace import Workspace


@dataclass(frozen=True)
class ToldByBuild:
    """What the build of a tick has found out, for who reads of it."""

    faults: Faults
    unknown_zones: dict[str, int]
    """What contacts have for a time zone that is none: text -> how many contacts."""
    facts: dict[str, str]
    """Fact model -> why all of it was computed; empty for one that was patched."""
    memberships: str | None
    """Why the memberships were made of all contacts; empty when they were patched; None when nobody noted it."""
    differing: dict[str, int]
    """Model -> how many of its rows were not what they are in full, where the build found that out."""


@dataclass
class TickRun:
    """The project, the tick's row in `ticks`, the lease, and the report that the stages fill."""

    project: Workspace
    row: ticks.TickRow
    lease: Lease
    report: TickReport

    @property
    def tick(self) -> Tick:
        return Tick(self.row.tick_id, self.row.as_of)

    @contextmanager
    def open(self) -> Iterator[TickContext]:
        """What a stage reads with, outside of any transaction."""
        with self.project.warehouse() as warehouse:
            yield self.context(warehouse)

    def context(self, warehouse: Warehouse) -> TickContext:
        """What a stage works with."""
        return self.project.context(warehouse, self.tick)

    @contextmanager
    def commit(self, stage: str) -> Iterator[TickContext]:
        """One transaction that ends with the mark that `stage` is done, if the lease is still ours."""
        with self.project.warehouse() as warehouse, warehouse.transaction():
            yield self.context(warehouse)
            self.project.store.leases.check(self.lease)
            # Also without ledgers: a warehouse may have held back what it was told, and that comes before the lease.
            rows = warehouse.settle(self.row.tick_id, ledgers_of(stage) if stage != self.row.stage else [])
            if stage != self.row.stage:
                self.row = self.row.with_(stage=stage).counted(rows)
            ticks.save(warehouse, self.row)
            self.project.store.leases.check(self.lease)
            crash_point(f"{stage}.before_commit")
        crash_point(f"{stage}.committed")
        record.write(self.project.store, self.row, self.lease)

    def faults(self) -> Faults:
        """What the build of this tick could not evaluate, and what it left out."""
        found = self._build_faults("segment", "part", "resting")
        return Faults(found["segment"], found["part"], found["resting"])

    def failed_models(self) -> dict[str, str]:
        """The dbt models that the build of this tick could not build: model -> reason."""
        return self._build_faults("model")["model"]

    def told_by_build(self) -> ToldByBuild:
        """All that the build of this tick had to say, in one question."""
        found = self._build_faults("segment", "part", "resting", "zone", "facts", "memberships", "differing")
        zones, differing = ({n: int(number) for n, number in found[kind].items()} for kind in ("zone", "differing"))
        faults = Faults(found["segment"], found["part"], found["resting"])
        return ToldByBuild(faults, zones, found["facts"], found["memberships"].get(MEMBERSHIPS), differing)

    def _build_faults(self, *kinds: str) -> dict[str, dict[str, str]]:
        """Kind -> name -> reason."""
        mine = exp.column("tick_id").eq(exp.Literal.string(self.row.tick_id))
        with self.project.warehouse() as warehouse:
            asked = exp.select("kind", "name", "reason").from_(relation("build_faults"))
            rows = warehouse.rows(asked.where(mine, exp.column("kind").isin(*kinds)))
        return {kind: {row["name"]: row["reason"] for row in rows if row["kind"] == kind} for kind in kinds}

    def book(self, kind: Kind, released: set[str], left_out: set[str]) -> None:
        """Use up the decisions about `released` things, less those that this tick left out. Call it in `commit`."""
        if released:
            self.project.store.decisions.book(self.lease, kind, self.row.tick_id, released - left_out)
