"""What queries of users may say on DuckDB."""

from __future__ import annotations

from segflow.warehouse.allowed import CLOCK_NAMES, FUNCTIONS, KEYWORD_COLUMNS, NODES, Allowed

_NAMES = frozenset({
    "strip_accents", "strlen", "prefix", "suffix", "hash", "date_part", "datepart", "date_sub", "datesub",
    "try_strptime", "to_months", "to_years", "to_weeks", "to_hours", "to_minutes", "to_seconds", "age", "yearweek",
    "isoyear", "century", "decade", "mean", "product", "list_sum", "list_count", "json_array_length", "json_valid",
    "map_extract", "cardinality", "isfinite", "list_position",
})  # fmt: skip

ALLOWED = Allowed(NODES, FUNCTIONS, _NAMES, CLOCK_NAMES, KEYWORD_COLUMNS)
