"""What the checks work on: everything read so far, in part perhaps, and the places of all of it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from segflow.errors import Issue, did_you_mean
from segflow.specs.catalog import Catalog
from segflow.specs.flow import NamedFlow
from segflow.specs.segment import NamedSegment
from segflow.specs.settings import Settings
from segflow.specs.spec_file import Loc, SpecFile
from segflow.warehouse.engines import DEFAULT


@dataclass
class Loaded:
    """A file with mistakes is in `segments` without the wrong parts, or missing when little is left; `segment_ids` has
    all of them, so that the mistakes of one file do not cause further ones elsewhere."""

    root: Path
    issues: list[Issue] = field(default_factory=list)
    warnings: list[Issue] = field(default_factory=list)
    """What is probably not meant, and stops nothing."""
    drafts: set[str] = field(default_factory=set)
    """The files of flows that say `status: draft`, or no status: their issues stop nothing."""
    files: dict[str, SpecFile] = field(default_factory=dict)
    from_environment: dict[str, str] = field(default_factory=dict)
    """What stands in segflow.yml by the environment -> how the file names it."""
    settings: Settings = field(default_factory=Settings)
    settings_known: bool = True
    """False when segflow.yml is broken and `settings` are only the defaults: its senders are unknown then."""
    engine: str = DEFAULT
    """The engine that the project runs on, by its name in segflow.yml."""
    catalog: Catalog | None = None
    segments: dict[str, NamedSegment] = field(default_factory=dict)
    flows: dict[str, NamedFlow] = field(default_factory=dict)
    segment_ids: set[str] = field(default_factory=set)
    flow_ids: set[str] = field(default_factory=set)

    @property
    def dbt_dir(self) -> Path:
        """The folder of the dbt project."""
        return Path(os.path.normpath(self.root / Path(self.settings.dbt.project).expanduser()))

    @property
    def has_links(self) -> bool:
        """Messages may have signed links, as far as is known."""
        return not self.settings_known or self.settings.delivery.has_links

    def no_segment(self, name: str) -> str:
        """The sentence for a segment that is not there: what it is called now, or the likeliest one."""
        now = [one.id for one in self.segments.values() if name in one.spec.earlier_names]
        near = f"; it is called {now[0]} now" if now else did_you_mean(name, sorted(self.segment_ids))
        return f"there is no segment {name}{near or '; a segment is a file in segment_specs/'}"

    def renamed_flow(self, name: str) -> str:
        """What to say after a flow that is not there: what it is called now, if a file says so."""
        now = [one.id for one in self.flows.values() if name in one.spec.earlier_names]
        return f"it is called {now[0]} now" if now else ""


@dataclass(frozen=True)
class Reporter:
    """Collects the issues of one file; a loc is the path of keys and positions that leads to a value."""

    loaded: Loaded
    file: str

    @property
    def engine(self) -> str:
        """The engine of the project: what it cannot do is refused."""
        return self.loaded.engine

    def __call__(self, loc: Loc, message: str, *, key: bool = False) -> None:
        """Report at the value of `loc`, or at its key."""
        source = self.loaded.files.get(self.file)
        issue = source.issue(loc, message, key=key) if source else Issue(self.file, 0, 0, message)
        self.loaded.issues.append(issue)

    def warn(self, loc: Loc, message: str) -> None:
        """Report at the value of `loc` what stops nothing."""
        source = self.loaded.files.get(self.file)
        self.loaded.warnings.append(source.issue(loc, message) if source else Issue(self.file, 0, 0, message))

    def inside(self, loc: Loc, text: str, issue: Issue) -> None:
        """Report `issue`, whose place is one inside `text`, the value of `loc`. Where the file holds the text in other
        words (as a block, with escapes), the place is the value's own and the message names the place inside."""
        source = self.loaded.files[self.file]
        line, column = source.place(loc)
        written = source.text.split("\n")[line - 1][column - 1 :]
        offset = next((skipped for skipped in (0, 1) if written[skipped:].startswith(text)), None)
        if offset is not None and "\n" not in text:
            self.loaded.issues.append(Issue(self.file, line, column + offset + issue.column - 1, issue.message))
        else:
            self(loc, f"line {issue.line}, column {issue.column} of it: {issue.message}")

    def unknown(self, loc: Loc, kind: str, name: str, known: Sequence[str], hint: str = "") -> None:
        """Report that there is no `kind` of this name, with the likeliest one of `known`."""
        near = "" if hint.startswith("it is called") else did_you_mean(name, known)
        if not near and hint:
            near = f"; {hint}"
        elif not near and 0 < len(known) <= 12:
            near = f"; there {'is' if len(known) == 1 else 'are'} {', '.join(known)}"
        self(loc, f"there is no {kind} {name}{near}")
