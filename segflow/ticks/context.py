"""What a stage works with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from sqlglot import exp

from segflow.segments.compiler import Compiled
from segflow.segments.emit import Filling, template
from segflow.warehouse.base import Warehouse, relation
from segflow.warehouse.models import Models
from segflow.warehouse.names import own_relation
from segflow.warehouse.tick import Tick


@dataclass(frozen=True)
class TickContext:
    """The project as compiled, an open warehouse, what runs models, and the tick at work or the moment asked about."""

    compiled: Compiled
    warehouse: Warehouse
    models: Models
    tick: Tick

    @property
    def tick_id(self) -> str:
        return self.tick.tick_id

    @property
    def as_of(self) -> datetime:
        """UTC, with zone."""
        return self.tick.as_of

    def relation(self, model: str) -> exp.Table:
        """The relation of a model. Raises RunError when there is no such model."""
        # What is generated has a public name, which leads to wherever dbt has put it.
        own = own_relation(model)
        return relation(own) if own is not None else self.models.relation(model)

    def fill(self, query: exp.Expr | str, relation: Callable[[str], exp.Table] | None = None) -> exp.Query:
        """A query, or its text as it was compiled, ready to run at this tick. `relation`: where models are, if not
        where `self.relation` says. Raises ValueError for a text that is no query, RunError for an unknown model."""
        words = self.warehouse.words
        text = query if isinstance(query, str) else template(query, words)
        return Filling(relation or self.relation, self.as_of, self.compiled.zone, self.tick_id, words).query(text)


@dataclass(frozen=True)
class Faults:
    """What the build of a tick did not evaluate, each with the reason."""

    segments: dict[str, str] = field(default_factory=dict)
    """Stale segments."""
    parts: dict[str, str] = field(default_factory=dict)
    """Facts and attributes (`model.column`) and models of `.sql` segments."""
    resting: dict[str, str] = field(default_factory=dict)
    """Segments that were left out on purpose, no fault at all: until when, in words."""
