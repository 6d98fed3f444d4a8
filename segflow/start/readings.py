"""What a column is, from what its values look like, and how a staging model reads it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import sqlglot
from sqlglot import exp

from segflow.specs.columns import Unix
from segflow.specs.types import ValueType
from segflow.specs.unix_times import unit_of
from segflow.start.names import is_id_name, words
from segflow.warehouse.engines import WRITTEN_IN

MOST = 0.98
"""The share of a column's values that must be of a type; what is not counts as missing, and is told."""
FORMATS = tuple(
    f"{day}{time}"
    for day in (
        "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y/%m/%d", "%d/%m/%y", "%m/%d/%y", "%d.%m.%y",
        "%d %b %Y", "%d-%b-%Y", "%b %d, %Y", "%d %B %Y", "%B %d, %Y",
    )
    for time in ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
)  # fmt: skip
"""Dates and times that are not in ISO form, in the notation of strptime; of two that fit alike the first is taken."""
_BOOLEAN_WORDS = {
    "is", "has", "was", "active", "enabled", "subscribed", "unsubscribed", "consent", "opt", "optin", "optout",
    "verified", "confirmed", "deleted", "accepts", "allow", "allowed", "newsletter", "marketing", "vip", "paid", "flag",
    "bounced", "gdpr", "permission",
}  # fmt: skip
"""What makes 0 and 1 a no and a yes."""
_PAIRS = (("true", "false"), ("yes", "no"), ("y", "n"), ("t", "f"), ("1", "0"), ("ja", "nein"), ("oui", "non"))
_TIME_WORDS = {"at", "time", "ts", "timestamp", "date", "created", "updated", "on", "since", "epoch", "when", "until"}


@dataclass(frozen=True)
class Column:
    """A column of theirs as a staging model has it."""

    name: str
    """An identifier."""
    theirs: str
    type: ValueType | None
    """None for what no condition can look at."""
    how: exp.Expr
    """The value, from the column of theirs."""
    stats: dict[str, Any]
    unix: Unix | None = None
    note: str | None = None
    """What people should know of how it is read."""
    doubt: str | None = None
    """What may be read otherwise than it is meant."""
    document: bool = False
    """Does it hold JSON objects?"""

    @property
    def filled(self) -> int:
        return int(self.stats["filled"])

    @property
    def different(self) -> int:
        return int(self.stats["different"])

    def share(self, what: str) -> float:
        """The share of the filled values that look like something."""
        return float(self.stats[what]) / self.filled if self.filled else 0.0


_TEXT_WORDS = {
    "phone", "mobile", "cell", "tel", "telephone", "sms", "msisdn", "handy", "telefon", "whatsapp", "fax", "zip",
    "postcode", "postal", "plz", "zipcode",
}  # fmt: skip
"""What is made of digits, and no number."""


def reading(theirs: str, name: str, kind: pa.DataType, stats: dict[str, Any], formats: dict[str, int]) -> Column:
    """What a column is. `stats`: its row of `columns.sql`; `formats`: how many different values each format reads."""
    held = exp.column(theirs, quoted=True)
    if not _is_text(kind):
        return _typed(theirs, name, kind, stats, held)
    blank = _sql("nullif(trim(x), '')", held)
    column = Column(name, theirs, "text", blank, stats)

    def as_(type_: ValueType, sql: str, count: str, note: str | None = None, unix: Unix | None = None) -> Column:
        wrong = column.filled - int(stats[count])
        plain = "an" if type_ == "integer" else "a"
        told = f"{wrong:,} of {column.filled:,} values are not {plain} {type_}, and count as missing" if wrong else None
        return Column(name, theirs, type_, _sql(sql, held), stats, unix, note, told)

    def mostly(what: str) -> bool:
        return column.filled > 0 and column.share(what) >= MOST

    whole = mostly("whole") and is_id_name(name)
    if not column.filled or (is_id_name(name) and not whole) or words(name) & _TEXT_WORDS:
        return column
    if whole:
        return Column(name, theirs, "text", _sql("regexp_replace(trim(x), '[.]0$', '')", held), stats)
    if mostly("booleans") or (mostly("bits") and words(name) & _BOOLEAN_WORDS):
        said = {str(value).lower() for value in stats["common"]} or {str(stats["lowest"]).lower()}
        pairs = [pair for pair in _PAIRS if said & set(pair)]
        cases = " ".join(f"when '{yes}' then true when '{no}' then false" for yes, no in pairs)
        return as_("boolean", f"case lower(trim(x)) {cases} end", "booleans" if mostly("booleans") else "bits")
    if mostly("integers") and not stats["zeros"]:
        unit = unit_of_times(name, stats)
        if unit is not None:
            told = f"counts {unit} from 1970"
            return as_("timestamp", "try_cast(trim(x) as bigint)", "integers", told, unit)
        return as_("integer", "try_cast(trim(x) as bigint)", "integers")
    if mostly("numbers") and not stats["zeros"]:
        places = max(2, min(int(stats["decimals"] or 0), 9))
        exact = abs(stats["largest"] or 0) < 1e18 and abs(stats["smallest"] or 0) < 1e18
        kind_ = f"decimal(28, {places})" if exact and (stats["decimals"] or 0) <= 9 else "double"
        return as_("number", f"try_cast(trim(x) as {kind_})", "numbers")
    if mostly("comma_numbers") and stats["commas"] and not stats["zeros"]:
        sql = f"try_cast(replace(replace(trim(x), '.', ''), ',', '.') as decimal(28, {max(2, stats['decimals'] or 0)}))"
        return as_("number", sql, "comma_numbers", "numbers with a decimal comma")
    if mostly("days"):
        return as_("date", "try_cast(trim(x) as date)", "days")
    if (int(stats["days"]) + int(stats["times"])) >= MOST * column.filled:
        stats = {**stats, "moments": int(stats["days"]) + int(stats["times"])}
        if stats["zoned"]:
            return as_("timestamp", "try_cast(trim(x) as timestamptz)", "moments")
        return as_("timestamp", "try_cast(trim(x) as timestamp)", "moments", "times without a zone, read as UTC")
    if formats and mostly("like_dates"):
        return _formatted(column, held, formats)
    if mostly("documents"):
        return Column(name, theirs, None, blank, stats, document=True)
    return column


def as_it_is(theirs: str, name: str, kind: pa.DataType, stats: dict[str, Any], formats: dict[str, int]) -> Column:
    """What a column of a dbt model is. No model is written over it, so its type is the one that it has."""
    held = exp.column(theirs, quoted=True)
    if _is_text(kind):
        documents = stats["filled"] > 0 and stats["documents"] >= MOST * stats["filled"]
        return Column(name, theirs, None if documents else "text", held, stats, document=documents)
    found = _typed(theirs, name, kind, stats, held)
    if found.how == held:
        return found
    return Column(name, theirs, "number" if pa.types.is_floating(kind) else "integer", held, stats)


def _typed(theirs: str, name: str, kind: pa.DataType, stats: dict[str, Any], held: exp.Expr) -> Column:
    types = pa.types
    if types.is_boolean(kind):
        return Column(name, theirs, "boolean", held, stats)
    if types.is_integer(kind):
        unit = None if is_id_name(name) else unit_of_times(name, stats)
        if unit is not None:
            return Column(name, theirs, "timestamp", held, stats, unit, f"counts {unit} from 1970")
        if set(words(name)) & _BOOLEAN_WORDS and stats["filled"] and stats["bits"] == stats["filled"]:
            return Column(name, theirs, "boolean", _sql("x = 1", held), stats)
        return Column(name, theirs, "integer", held, stats)
    if types.is_floating(kind) and is_id_name(name) and stats["whole"] == stats["filled"]:
        told = "ids that were numbers with a point, written as whole ones"
        return Column(name, theirs, "integer", _sql("cast(x as bigint)", held), stats, None, told)
    if types.is_floating(kind) or types.is_decimal(kind):
        return Column(name, theirs, "number", held, stats)
    if types.is_date(kind):
        return Column(name, theirs, "date", held, stats)
    if types.is_timestamp(kind):
        note = None if kind.tz else "times without a zone, read as UTC"
        return Column(name, theirs, "timestamp", held, stats, None, note)
    if (types.is_list(kind) or types.is_large_list(kind)) and _is_text(kind.value_type):
        return Column(name, theirs, "list_of_text", held, stats)
    return Column(name, theirs, None, held, stats, document=types.is_struct(kind))


def _formatted(column: Column, held: exp.Expr, formats: dict[str, int]) -> Column:
    """Dates in no ISO form: in the format that reads the most of them."""
    best = max(FORMATS, key=lambda one: (formats.get(one, 0), -FORMATS.index(one)))
    if formats.get(best, 0) < MOST * column.different:
        return column
    has_time = "%H" in best or "%I" in best
    other = _turned(best)
    note, doubt = f"written like {column.stats['lowest']}", None
    if other is not None and formats.get(other, 0) == formats[best]:
        order = "day before month" if best.index("%d") < best.index("%m") else "month before day"
        doubt = f"{note}, which can be read in two ways: it is read with the {order}"
    sql = f"try_strptime(trim(x), '{best}')"
    kind: ValueType = "timestamp" if has_time else "date"
    how = _sql(sql if has_time else f"cast({sql} as date)", held)
    return Column(column.name, column.theirs, kind, how, column.stats, None, note, doubt)


def _turned(format_: str) -> str | None:
    """The format with day and month the other way round."""
    turned = format_.replace("%d", "%_").replace("%m", "%d").replace("%_", "%m")
    return turned if turned in FORMATS and turned != format_ else None


def unit_of_times(name: str, stats: dict[str, Any]) -> Unix | None:
    """What a column of whole numbers counts from 1970; None where its name does not say that it is a time."""
    if stats["largest"] is None or not set(name.split("_")) & _TIME_WORDS:
        return None
    from decimal import Decimal

    unit = unit_of(Decimal(int(stats["largest"])))
    return unit if unit is not None and (stats["smallest"] or 0) >= 10**8 else None


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def in_format(format_: str) -> exp.Expr:
    """How many of the rows' `value` are a date or a time in a format."""
    return _sql(f"count(try_strptime(x, '{format_}'))", exp.column("value"))


def _sql(text: str, held: exp.Expr) -> exp.Expr:
    """An expression in which `x` is a column."""
    tree = sqlglot.parse_one(text, dialect=WRITTEN_IN)

    def filled(node: exp.Expr) -> exp.Expr:
        return held.copy() if isinstance(node, exp.Column) and node.name == "x" else node

    return tree.transform(filled)
