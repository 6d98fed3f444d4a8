"""What queries of users may say on Postgres.

A function is listed when it is part of Postgres itself, its result depends on its arguments alone, and it reads neither
files nor settings nor catalogs. What others know by another name is refused with the name that it has here.
"""

from __future__ import annotations

from sqlglot import exp

from segflow.warehouse.allowed import CLOCK_NAMES, FUNCTIONS, KEYWORD_COLUMNS, NODES, Allowed

_NODES = (NODES - {exp.TryCast, exp.Lambda, exp.Glob, exp.Struct, exp.PropertyEQ}) | {exp.Kwarg}

_NOT_HERE: frozenset[type[exp.Expr]] = frozenset({
    exp.IsNan, exp.IsInf, exp.EndsWith, exp.Contains, exp.Split, exp.RegexpFullMatch, exp.RegexpExtract,
    exp.Levenshtein, exp.DateDiff, exp.DateAdd, exp.Year, exp.Month, exp.Day, exp.Hour, exp.Minute, exp.Second,
    exp.Quarter, exp.Week, exp.WeekOfYear, exp.DayOfWeek, exp.DayOfWeekIso, exp.DayOfYear, exp.LastDay, exp.ToDays,
    exp.TimeToUnix, exp.Median, exp.Quantile, exp.First, exp.Last, exp.ArgMax, exp.ArgMin, exp.CountIf,
    exp.ArrayContains, exp.ArrayFilter, exp.Transform, exp.StructExtract, exp.ArrayMax, exp.ArrayMin,
})  # fmt: skip

_ALSO_HERE: frozenset[type[exp.Expr]] = frozenset({
    # numbers
    exp.Trunc, exp.Cbrt, exp.WidthBucket, exp.Factorial, exp.Degrees, exp.Radians,
    # text
    exp.Initcap, exp.Overlay, exp.StringToArray, exp.RegexpCount, exp.RegexpSubstr, exp.RegexpILike, exp.Ascii, exp.Chr,
    exp.BitLength, exp.Collate,
    # time
    exp.StrToDate, exp.ToNumber, exp.MakeInterval, exp.JustifyDays, exp.JustifyHours, exp.JustifyInterval, exp.Overlaps,
    # arrays
    exp.ArrayContainsAll, exp.ArrayOverlaps, exp.ArrayPosition, exp.ArrayAppend, exp.ArrayConcat, exp.ArrayRemove,
    # JSON
    exp.JSONBExtract, exp.JSONBExtractScalar, exp.JSONBContainsTopKey, exp.JSONBContainsAnyTopKeys,
    exp.JSONBContainsAllTopKeys, exp.JSONBExists,
    # aggregates
    exp.Mode, exp.ArrayAgg, exp.BitwiseAndAgg, exp.BitwiseOrAgg, exp.BitwiseXorAgg, exp.CovarPop, exp.CovarSamp,
    exp.RegrSlope, exp.RegrIntercept, exp.RegrR2, exp.Grouping,
})  # fmt: skip

_NAMES = frozenset({
    "octet_length", "scale", "gcd", "lcm", "regexp_match", "regexp_split_to_array", "date_part", "make_date", "age",
    "isfinite", "timezone", "pg_input_is_valid", "all", "array_lower", "array_upper", "array_ndims", "array_replace",
    "trim_array", "cardinality", "num_nulls", "num_nonnulls", "json_array_length", "jsonb_array_length", "json_typeof",
    "jsonb_typeof", "json_extract_path_text", "jsonb_extract_path", "jsonb_extract_path_text", "jsonb_path_exists",
    "jsonb_strip_nulls", "every",
})  # fmt: skip

_CLOCKS = CLOCK_NAMES | {"clock_timestamp", "statement_timestamp", "timeofday"}

_INSTEAD = {
    **{unit: f"extract({unit} from ...)" for unit in ("year", "month", "day", "hour", "minute", "second")},
    "quarter": "extract(quarter from ...)",
    "week": "extract(week from ...)",
    "week_of_year": "extract(week from ...)",
    "day_of_week": "extract(dow from ...)",
    "dayofweek_iso": "extract(isodow from ...)",
    "day_of_year": "extract(doy from ...)",
    "isoyear": "extract(isoyear from ...)",
    "yearweek": "to_char(..., 'IYYYIW')",
    "datepart": "date_part('year', ...)",
    "epoch": "extract(epoch from ...)",
    "time_to_unix": "extract(epoch from ...)",
    "last_day": "(date_trunc('month', ...) + interval '1 month - 1 day')::date",
    "datediff": "a difference, like date '2026-03-01' - ordered_on",
    "date_sub": "a difference, like date '2026-03-01' - ordered_on",
    "date_add": "... + interval '1 day'",
    "to_days": "make_interval(days => ...)",
    "to_months": "make_interval(months => ...)",
    "to_weeks": "make_interval(weeks => ...)",
    "to_years": "make_interval(years => ...)",
    "to_minutes": "make_interval(mins => ...)",
    "to_seconds": "make_interval(secs => ...)",
    "to_hours": "make_interval(hours => ...)",
    "strftime": "to_char(..., 'YYYY-MM-DD')",
    "try_strptime": "to_timestamp(..., 'YYYY-MM-DD')",
    "strptime": "to_timestamp(..., 'YYYY-MM-DD')",
    "time_bucket": "date_bin('7 days', ..., timestamp '2001-01-01')",
    "ends_with": "... like '%end'",
    "contains": "strpos(..., 'part') > 0",
    "regexp_matches": "... ~ 'pattern'",
    "regexp_full_match": "... ~ '^(pattern)$'",
    "regexp_extract": "substring(... from 'pattern')",
    "split": "string_to_array(..., ',')",
    "string_split": "string_to_array(..., ',')",
    "list_contains": "... = any(list)",
    "array_contains": "... = any(list)",
    "list_has_any": "list && array['a', 'b']",
    "list_count": "cardinality(list)",
    "list_position": "array_position(list, ...)",
    "struct_extract": "(...).field",
    "json_valid": "pg_input_is_valid(..., 'jsonb')",
    "strlen": "octet_length(...)",
    "prefix": "starts_with(..., 'start')",
    "suffix": "... like '%end'",
    "mean": "avg(...)",
    "median": "percentile_cont(0.5) within group (order by ...)",
    "quantile": "percentile_disc(0.5) within group (order by ...)",
    "count_if": "count(*) filter (where ...)",
    "first": "(array_agg(... order by ...))[1]",
    "last": "(array_agg(... order by ... desc))[1]",
    "arg_max": "(array_agg(... order by ... desc))[1]",
    "arg_min": "(array_agg(... order by ...))[1]",
    "is_nan": "... = 'NaN'",
    "try_cast": "case when pg_input_is_valid(..., 'integer') then ...::integer end",
}
"""As sqlglot calls them."""

ALLOWED = Allowed(
    _NODES,
    (FUNCTIONS - _NOT_HERE) | _ALSO_HERE,
    _NAMES,
    _CLOCKS,
    KEYWORD_COLUMNS | {"system_user"},
    frozenset({"now", "today", "tomorrow", "yesterday"}),
    _INSTEAD,
)
