"""The loaded, checked project: what every later layer works with."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from segflow.specs.catalog import Catalog
from segflow.specs.exports import ExportPlan, plan_of
from segflow.specs.flow import NamedFlow
from segflow.specs.segment import NamedSegment
from segflow.specs.settings import Settings
from segflow.warehouse.engines import DEFAULT


@dataclass(frozen=True)
class Specs:
    """All specs of one project, by id, in alphabetical order. Only `specs.load.load_specs` makes one."""

    root: Path
    settings: Settings
    catalog: Catalog
    segments: dict[str, NamedSegment] = field(default_factory=dict)
    flows: dict[str, NamedFlow] = field(default_factory=dict)
    unfinished: frozenset[str] = frozenset()
    """The flows whose file is a draft with problems. They are not in `flows`; who stands in one stays there."""
    engine: str = DEFAULT
    """The engine that the project runs on, by its name in segflow.yml."""

    @property
    def segment_dir(self) -> Path:
        return self.root / "segment_specs"

    @property
    def flow_dir(self) -> Path:
        return self.root / "flow_specs"

    @property
    def template_dir(self) -> Path:
        return self.flow_dir / "templates"

    @property
    def dbt_dir(self) -> Path:
        return Path(os.path.normpath(self.path(self.settings.dbt.project)))

    def exports(self) -> list[ExportPlan]:
        """The exports that ticks write: of the segments that `exports.segments` names, and of those with `export:`."""
        settings = self.settings.exports
        return [
            plan_of(name, settings, found.spec.export)
            for name, found in self.segments.items()
            if settings.segments == "all" or name in settings.segments or found.spec.export is not None
        ]

    def path(self, relative: str) -> Path:
        """A path of `segflow.yml`, relative to the project's root unless absolute."""
        return self.root / Path(relative).expanduser()
