"""What to write in the catalog where numbers and times are mistaken for each other: said from how large they are."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from segflow.specs.columns import Unix
from segflow.specs.types import ValueType

_FINER = Decimal(10) ** 14
"""In milliseconds this is the year 5138."""
_WEEKS = datetime(1970, 1, 2, 3, 46, 40), datetime(1970, 4, 26, 17, 46, 40)
"""Where seconds of the years 1973 to 2286 lie as milliseconds."""
_COMPACT_DAYS = (19_000_101, 21_001_231)


def unit_of(largest: Decimal) -> Unix | None:
    """What a column counts from 1970, from its largest number: seconds and milliseconds of the years 1973 to 5138."""
    if Decimal(10) ** 8 <= largest < Decimal(10) ** 11:
        return "seconds"
    return "milliseconds" if Decimal(10) ** 11 <= largest < _FINER else None


def remedy(kind: ValueType | None, unix: Unix | None, largest: Decimal | None, time: str | None) -> str | None:
    """What to do about a column none of whose values is a `kind`; None where numbers have no part in it.

    `unix`: what the catalog says. `largest`: of the column's numbers, if it has any. `time`: where the catalog names
    the column, like `at: {column: ts`; None for an attribute, property or field.
    """
    if largest is None:
        return "its values are no numbers: remove unix in the catalog" if unix is not None else None
    if kind not in ("timestamp", "date") or _COMPACT_DAYS[0] <= largest <= _COMPACT_DAYS[1]:
        return None
    if largest >= _FINER:
        return "it seems to count microseconds, or less, from 1970: make it a TIMESTAMP in the model"
    unit = unit_of(largest)
    if unit is None:
        written = _written("seconds", kind, time)
        return f"where it counts from 1970, write {written} (or milliseconds) in the catalog, or mend the model"
    return f"it seems to count {unit} from 1970: write {_written(unit, kind, time)} in the catalog"


def too_early(unix: Unix | None, last: datetime | None, time: str | None) -> str | None:
    """What to do about a column of seconds that is read as milliseconds: all of it would lie in the first weeks of
    1970. `last`: the newest time that was read (UTC, naive)."""
    if unix != "milliseconds" or last is None or not _WEEKS[0] <= last < _WEEKS[1]:
        return None
    return f"all of it would lie before May 1970: write {_written('seconds', 'timestamp', time)} in the catalog"


def _written(unit: Unix, kind: ValueType, time: str | None) -> str:
    if time is not None:
        return f"{time}, unix: {unit}}}"
    return f"unix: {unit}" if kind == "timestamp" else f"type: timestamp and unix: {unit}"
