"""A segment: one YAML file of conditions, or one `.sql` file with the same settings in its leading comment."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from segflow.specs.conditions import Condition
from segflow.specs.earlier_names import EarlierNames, names_of
from segflow.specs.every import Every
from segflow.specs.exports import SegmentExport
from segflow.specs.guards import SegmentGuards
from segflow.specs.lint_rules import LintSettings
from segflow.specs.segment_tests import SegmentTest
from segflow.specs.types import Identifier, SpecModel


class SegmentSettings(SpecModel):
    """What YAML and SQL segments share."""

    description: str | None = None
    owner: str | None = None
    renamed_from: EarlierNames | None = None
    """What the file was called before: its members, numbers and history go on under the new name."""
    on_create: Literal["baseline", "trigger"] = "baseline"
    """Do the first members trigger flows?"""
    on_change: Literal["suppress", "trigger"] = "suppress"
    """Do contacts that are moved by an edit of this file trigger flows?"""
    every: Every | None = None
    """Compared at the first tick of each `1 day`, `6 hours`, `1 week`, ... of the project's zone; by default at every
    tick. No part of the definition."""
    guards: SegmentGuards = SegmentGuards()
    """What differs from the guards of segflow.yml."""
    lint: LintSettings = Field(LintSettings(), exclude=True)
    """What `segflow lint` leaves out."""
    tests: list[SegmentTest] = Field(default_factory=list, exclude=True)
    """Rows in, members out; `segflow test` runs them. No part of the definition."""
    export: SegmentExport | None = None
    """What differs from the exports of segflow.yml; a segment that has it is exported."""

    @property
    def earlier_names(self) -> list[str]:
        """The names in `renamed_from`."""
        return names_of(self.renamed_from)


class SegmentSpec(SegmentSettings):
    """`segment_specs/ID.yml`"""

    where: Condition


class SqlSegmentSpec(SegmentSettings):
    """`segment_specs/ID.sql`: the settings of its leading comment, and the query."""

    sql: str
    line: int = 1
    """The line of the file on which the query starts."""


AnySegment = SegmentSpec | SqlSegmentSpec


class NamedSegment(SpecModel):
    """A segment with the id and the place that its file gives it."""

    id: Identifier
    file: str
    spec: AnySegment
