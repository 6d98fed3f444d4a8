"""What queries of users may say on Spark.

A function is listed when its result depends on its arguments alone, and when a server and sqlglot read it alike. What
others know by another name is refused with the name that it has here.
"""

from __future__ import annotations

from sqlglot import exp

from segflow.warehouse.allowed import CLOCK_NAMES, FUNCTIONS, KEYWORD_COLUMNS, NODES, Allowed

_NODES = NODES - {
    exp.Glob, exp.Struct, exp.PropertyEQ, exp.Lambda, exp.AtTimeZone, exp.Slice, exp.SimilarTo, exp.Qualify, exp.Unnest,
}  # fmt: skip

_NOT_HERE: frozenset[type[exp.Expr]] = frozenset({
    exp.ArrayFilter, exp.DateAdd, exp.DateBin, exp.DateFromParts, exp.DayOfWeekIso, exp.Explode, exp.First,
    exp.GroupConcat, exp.IsInf, exp.Last, exp.Log, exp.PercentileDisc, exp.Quantile, exp.RegexpFullMatch,
    exp.Split, exp.StrToTime, exp.StructExtract, exp.TimeToUnix, exp.TimestampFromParts, exp.ToDays,
    exp.Transform, exp.UnixToTime, exp.Week,
})  # fmt: skip

_ALSO_HERE: frozenset[type[exp.Expr]] = frozenset({
    exp.AddMonths, exp.MonthsBetween, exp.RegexpSplit, exp.TimeStrToTime, exp.TimestampAdd, exp.TimestampDiff,
    exp.TsOrDsAdd, exp.TsOrDsToDate,
})  # fmt: skip

_NAMES = frozenset({"cardinality", "every", "make_date", "weekday"})

_CLOCKS = CLOCK_NAMES | {"curdate", "current_timezone", "unix_timestamp", "to_unix_timestamp"}

_INSTEAD = {
    "isoyear": "extract(yearofweek from ...)",
    "dayofweek_iso": "weekday(...) + 1",
    "to_days": "interval 1 day",
    "to_months": "interval 1 month",
    "to_years": "interval 1 year",
    "strftime": "date_format(..., 'yyyy-MM-dd')",
    "strptime": "try_cast(... as timestamp)",
    "try_strptime": "try_cast(... as timestamp)",
    "ends_with": "endswith(..., 'end')",
    "starts_with": "startswith(..., 'start')",
    "regexp_matches": "... rlike 'pattern'",
    "regexp_full_match": "... rlike '^(pattern)$'",
    "string_split": "split(..., ',')",
    "list_contains": "array_contains(list, ...)",
    "struct_extract": "struct.field",
    "strlen": "octet_length(...)",
    "quantile": "percentile_cont(0.5) within group (order by ...)",
    "first": "min_by(..., at)",
    "last": "max_by(..., at)",
    "arg_max": "max_by(..., at)",
    "arg_min": "min_by(..., at)",
}
"""As sqlglot calls them."""

ALLOWED = Allowed(
    _NODES,
    (FUNCTIONS - _NOT_HERE) | _ALSO_HERE,
    _NAMES,
    _CLOCKS,
    KEYWORD_COLUMNS,
    frozenset({"now", "today", "tomorrow", "yesterday"}),
    _INSTEAD,
)
