"""What every kind of trigger does for the engine: say who wants into which flow."""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, ClassVar, TypeVar

from sqlglot import exp

from segflow.specs.triggers import TriggerModel
from segflow.ticks.context import TickContext
from segflow.warehouse.base import relation

M = TypeVar("M", bound=TriggerModel)
CANDIDATES = ("flow", "contact_id", "segment_key", "kind", "ordinal", "occasion", "happened_at", "trigger_data",
              "matches", "may_wait")  # fmt: skip
"""The columns of a kind's query, all of `Kind.candidates`. The occasion tells apart what a flow takes a contact in for:
an enrollment's id is a hash of flow, contact and occasion, and there is one enrollment for each. `happened_at` is the
order in which those of one tick are looked at, `trigger_data` (JSON, or null) what the trigger knows and steps may
use. Not `matches`: dropped, because it no longer meets the trigger. `may_wait`: a re-entry rule may let it wait."""


@dataclass(frozen=True)
class Tick:
    """One of the ticks that flows catch up; the present one comes last."""

    tick_id: str
    as_of: datetime
    present: bool


@dataclass(frozen=True)
class Work:
    """What kinds work with: the tick, the rows of `prepare.flows_now`, and segment -> its key."""

    context: TickContext
    flows: Sequence[Mapping[str, Any]]
    keys: Mapping[str, str]

    @cached_property
    def zones_in_use(self) -> list[str]:
        """The project's zone and those of contacts, by name."""
        listed = exp.select("zone").distinct().from_(relation("time_zones"))
        found = {str(row["zone"]) for row in self.context.warehouse.rows(listed)}
        return sorted(found | {self.context.compiled.specs.settings.time_zone})

    def triggers(self, model: type[M]) -> list[tuple[Mapping[str, Any], int, M]]:
        """(row of flows_now, ordinal, trigger) of the flows that take in, or would if they were not paused."""
        specs = self.context.compiled.specs.flows
        return [
            (row, ordinal, one)
            for row in self.flows
            if row["status"] in ("active", "paused") and not row["drains"]
            for ordinal, one in enumerate(specs[row["flow"]].spec.triggers())
            if isinstance(one, model)
        ]


class Kind(ABC):
    """One kind, or two that are mirror images. The statements do not become more with flows, triggers or contacts."""

    models: ClassVar[tuple[type[TriggerModel], ...]]

    def stage(self, work: Work) -> bool:
        """Stage what `candidates` reads, once per tick. False: nobody can come in this tick."""
        return any(work.triggers(model) for model in self.models)

    def candidates(self, work: Work, tick: Tick) -> exp.Query | None:
        """A query with columns CANDIDATES over temp.triggers (flow, kind, segment_key, ordinal) and temp.flows_now: who
        wants into which flow by what happened in `tick`. Only called when `stage` said True; None: nobody."""
        raise NotImplementedError

    def offers(self, work: Work) -> exp.Query | None:
        """Rows of the ledger `flow_offers` that say what the next tick must know."""
        return None

    def record(self, work: Work) -> None:
        """Append to ledgers of its own what the next tick must know."""
        return None

    def rows_read(self, one: TriggerModel) -> str:
        """What two triggers have in common that look at the same rows."""
        return one.told()

    def faults(self, context: TickContext, one: TriggerModel, *, read: bool) -> str | None:
        """Why rows of the user's models that a trigger of this kind looks at itself cannot be read; None: they can, or
        it looks at none. `read`: try all values, not only whether the query can run."""
        return None
