"""Checks that need more than one file: names that must exist, operators that must fit a type, cycles."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from segflow.errors import Issue
from segflow.specs.catalog import Catalog
from segflow.specs.flow import NamedFlow
from segflow.specs.segment import NamedSegment
from segflow.specs.settings import Settings
from segflow.specs.source import Source


@dataclass
class Loaded:
    """What was read so far, in part perhaps: a file with mistakes is missing from `segments` but not from
    `segment_ids`, so that its own mistakes do not cause further ones elsewhere."""

    root: Path
    issues: list[Issue] = field(default_factory=list)
    sources: dict[str, Source] = field(default_factory=dict)
    settings: Settings = field(default_factory=Settings)
    catalog: Catalog | None = None
    segments: dict[str, NamedSegment] = field(default_factory=dict)
    flows: dict[str, NamedFlow] = field(default_factory=dict)
    segment_ids: set[str] = field(default_factory=set)
    flow_ids: set[str] = field(default_factory=set)


def check(loaded: Loaded) -> None:
    """Run every cross check and add what it finds to `loaded.issues`."""
