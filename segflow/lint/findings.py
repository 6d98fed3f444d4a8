"""What `segflow lint` finds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from segflow.specs.flow import NamedFlow
from segflow.specs.lint_rules import NOTES, Rule
from segflow.specs.project import Specs
from segflow.specs.segment import NamedSegment
from segflow.specs.spec_file import Loc, SpecFile, parse_spec_file, read_text
from segflow.specs.sql_file import read_segment_file


@dataclass(frozen=True, order=True)
class Finding:
    """One thing about a segment or a flow that is probably not meant. `line` and `column` count from 1."""

    file: str
    line: int
    column: int
    rule: Rule
    segment: str
    """Empty where it is about a flow."""
    what: str
    """What is so, in a sentence that goes on from the name of the segment or flow."""
    do: str
    flow: str = ""

    @property
    def level(self) -> Literal["warning", "note"]:
        """A note is worth knowing and often meant; a warning is rarely meant."""
        return "note" if self.rule in NOTES else "warning"

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.rule}: {self.what}; {self.do}"


@dataclass
class Report:
    """Collects findings. `skipped` says which rules could not look, and why."""

    specs: Specs
    findings: list[Finding] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    _sources: dict[str, SpecFile] = field(default_factory=dict)

    def add(self, segment: NamedSegment, rule: Rule, loc: Loc, what: str, do: str, *, key: bool = False) -> None:
        """Add a finding at the value (or, with `key`, at the key) of `loc`, unless the segment ignores the rule."""
        if rule in segment.spec.lint.ignore:
            return
        if segment.file not in self._sources:
            self._sources[segment.file] = read_segment_file(self.specs.root / segment.file, segment.file)
        source = self._sources[segment.file]
        line, column = source.key_place(loc) if key else source.place(loc)
        self.findings.append(Finding(segment.file, line, column, rule, segment.id, what, do))

    def add_flow(self, flow: NamedFlow, rule: Rule, loc: Loc, what: str, do: str) -> None:
        """Add a finding at the key of `loc`, unless the flow ignores the rule."""
        if rule in flow.spec.lint.ignore:
            return
        if flow.file not in self._sources:
            text, _ = read_text(self.specs.root / flow.file, flow.file)
            self._sources[flow.file] = parse_spec_file(text or "", flow.file)
        line, column = self._sources[flow.file].key_place(loc)
        self.findings.append(Finding(flow.file, line, column, rule, "", what, do, flow.id))
