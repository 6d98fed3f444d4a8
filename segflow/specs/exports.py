"""Exports: which rows of a segment are written, as what, where, and at which ticks.

`segflow.yml` sets them for the project; `export:` in a segment file changes single keys, the others are the project's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag
from pydantic_core import PydanticCustomError

from segflow.durations import Duration, Written
from segflow.specs.types import Identifier, SpecModel, by_kind

Format = Literal["csv", "parquet", "jsonl"]
Kind = Literal["members", "entered", "exited"]
Period = Literal["tick", "hour", "day", "week", "month"]

FORMATS: tuple[Format, ...] = ("csv", "parquet", "jsonl")
OWN_COLUMNS: dict[Kind, tuple[str, ...]] = {
    "members": ("contact_id", "entered_at", "entry_number"),
    "entered": ("contact_id", "entered_at", "entry_number", "cause"),
    "exited": ("contact_id", "exited_at", "entered_at", "entry_number", "cause"),
}
"""What each kind of row says of itself; all other columns are attributes of the contact."""

Only = Annotated[
    Annotated[Kind, Tag("<text>")] | Annotated[list[Kind], Field(min_length=1), Tag("<list>")],
    Discriminator(
        by_kind,
        custom_error_type="only",
        custom_error_message="only must be members, entered or exited, or a list of them",
    ),
]


class Keep(Written):
    """How long folders of exports stay: `30 ticks`, or a duration."""

    pattern, examples = r"^\s*\d+\s+[a-z]+\s*$", ("30 ticks", "90 days")

    __slots__ = ("span", "ticks")

    def __init__(self, ticks: int | None = None, span: Duration | None = None) -> None:
        """One of the two is given."""
        self.ticks, self.span = ticks, span

    @classmethod
    def parse(cls, text: Any) -> Keep:
        """Read it; raises PydanticCustomError."""
        if isinstance(text, Keep):
            return text
        match = _TICKS.match(text) if isinstance(text, str) else None
        if match is not None:
            return cls(ticks=int(match.group(1)))
        try:
            return cls(span=Duration.parse(text))
        except PydanticCustomError as error:
            raise PydanticCustomError(
                "keep",
                "'{given}' is not how long to keep exports: write a number of ticks or a duration, like 30 ticks or "
                "90 days",
                {"given": str(text)},
            ) from error

    def __str__(self) -> str:
        return str(self.span) if self.span is not None else f"{self.ticks} tick{'' if self.ticks == 1 else 's'}"


_TICKS = re.compile(r"^\s*([1-9]\d*)\s+ticks?\s*$")


class SegmentExport(SpecModel):
    """What differs from the project's exports for one segment."""

    path: str | None = None
    """The folder; each tick that exports makes one of its own in it."""
    columns: Annotated[list[Identifier], Field(min_length=1)] | None = None
    """Contact attributes, `contact_id`, and what rows have of `entered_at`, `exited_at`, `entry_number`, `cause`."""
    format: Format | None = None
    every: Period | None = None
    """The first tick of each hour, day, week (from Monday) or month of the project's time zone; or every tick."""
    only: Only | None = None
    """The present members; the entries, or the exits, since the export before. A list makes one file for each."""
    formula_guard: bool | None = None
    """CSV: an apostrophe before every text that a spreadsheet would run as a formula. `segflow import` takes it off."""


class ExportSettings(SpecModel):
    path: str = "exports"
    """The folder; each tick that exports makes one of its own in it."""
    columns: Annotated[list[Identifier], Field(min_length=1)] = Field(default_factory=lambda: ["contact_id"])
    """Contact attributes, `contact_id`, and what rows have of `entered_at`, `exited_at`, `entry_number`, `cause`."""
    format: Format = "csv"
    """csv, parquet, or jsonl (an object per line)."""
    every: Period = "tick"
    """The first tick of each hour, day, week (from Monday) or month of the project's time zone; or every tick."""
    only: Only = "members"
    """The present members; the entries, or the exits, since the export before. A list makes one file for each."""
    formula_guard: bool = True
    """CSV: an apostrophe before every text that a spreadsheet would run as a formula. `segflow import` takes it off."""
    keep: Keep | None = None
    """How long the folders of earlier ticks stay: 30 ticks, or a duration. Left out: for ever. The last export of each
    segment stays, and so does what segflow has not written."""
    segments: Annotated[
        Annotated[Literal["all"], Tag("<text>")] | Annotated[list[Identifier], Tag("<list>")],
        Discriminator(
            by_kind, custom_error_type="segments", custom_error_message="segments must be all, or a list of segments"
        ),
    ] = "all"
    """Segments with `export:` in their file are exported whatever stands here."""


@dataclass(frozen=True)
class ExportPlan:
    """The export of one segment, with nothing left open."""

    segment: str
    path: str
    columns: tuple[str, ...]
    format: Format
    formula_guard: bool
    every: Period
    only: tuple[Kind, ...]

    def columns_of(self, kind: Kind, attributes: Iterable[str]) -> tuple[str, ...]:
        """The columns of one of its files: a file leaves out what its rows cannot have."""
        return tuple(name for name in self.columns if name in attributes or name in OWN_COLUMNS[kind])


def plan_of(segment: str, project: ExportSettings, own: SegmentExport | None) -> ExportPlan:
    """The export of `segment`: the project's settings with what its own file changes."""
    changed = {name: getattr(own, name) for name in own.model_fields_set} if own is not None else {}
    found = project.model_copy(update=changed)
    only = (found.only,) if isinstance(found.only, str) else tuple(found.only)
    return ExportPlan(segment, found.path, tuple(found.columns), found.format, found.formula_guard, found.every, only)
