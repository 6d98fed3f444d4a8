"""Columns in which numbers and times are mistaken for each other: what the catalog should say instead."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlglot import exp

from segflow.segments.sql import col
from segflow.specs.columns import Unix
from segflow.specs.types import ValueType
from segflow.specs.unix_times import remedy, too_early
from segflow.warehouse import words
from segflow.warehouse.base import Warehouse


@dataclass(frozen=True)
class Told:
    """What the catalog says about a column. `time`: how it names the time of a row, up to `unix`."""

    kind: ValueType | None
    unix: Unix | None
    time: str | None

    def newest(self, read: exp.Expr) -> exp.Expr:
        """The projection that `early` needs of a column whose values are read as `read`."""
        return (exp.Max(this=read.copy()) if self.unix is not None else exp.null()).as_("newest")

    def early(self, last: datetime | None) -> str | None:
        """The fault of a column of seconds that is read as milliseconds, in words; `last`: its newest time."""
        do = too_early(self.unix, last, self.time)
        return f"is to be a number of unix milliseconds, and {do}" if do else None

    def unread(self, name: str, rows: exp.Subquery, wrong: Any, warehouse: Warehouse) -> str:
        """The fault of column `name` of `rows`, none of whose values is what it should be, in words; `wrong` is one."""
        told = f"number of unix {self.unix}" if self.unix is not None else self.kind
        largest = None
        if self.kind in ("timestamp", "date"):
            largest = warehouse.scalar(exp.select(exp.Max(this=exp.Abs(this=words.number(col(name))))).from_(rows))
        do = remedy(self.kind, self.unix, largest, self.time) or "mend the model, or the type in the catalog"
        return f"is to be a {told}, and none of its values is one, for example {wrong}: {do}"
