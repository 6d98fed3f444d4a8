"""Which nodes, functions and names a query of a user's may use (`specs/sql_allowlist`): the form of these lists, and
those that engines start from. Each engine's own are in its wing.

A function is listed when its result depends on its arguments alone, it touches nothing outside the query, and sqlglot
writes it back with the same meaning (a test runs each one both ways on each engine: DuckDB's `list()` and
`monthname()` failed that).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlglot import exp


@dataclass(frozen=True)
class Allowed:
    """What a query in one dialect may say."""

    nodes: frozenset[type[exp.Expr]]
    functions: frozenset[type[exp.Expr]]
    names: frozenset[str]
    """Functions that sqlglot has no class for."""
    clocks: frozenset[str]
    """Functions without a class that read the clock of the machine."""
    keyword_columns: frozenset[str]
    """Words that are read as functions when they stand where a column could."""
    clock_texts: frozenset[str] = frozenset()
    """Texts that a cast to a date or time reads as the clock of the machine."""
    instead: Mapping[str, str] = field(default_factory=dict)
    """Function of another engine -> what to write here."""


NODES: frozenset[type[exp.Expr]] = frozenset({
    # queries
    exp.Select, exp.Union, exp.Intersect, exp.Except, exp.Subquery, exp.With, exp.CTE, exp.From, exp.Join, exp.Where,
    exp.Group, exp.Having, exp.Qualify, exp.Order, exp.Ordered, exp.Limit, exp.Offset, exp.Distinct, exp.Table,
    exp.TableAlias, exp.Values, exp.Lateral, exp.Unnest, exp.Cube, exp.Rollup, exp.GroupingSets, exp.WithinGroup,
    exp.Window, exp.WindowSpec, exp.Filter, exp.IgnoreNulls, exp.RespectNulls,
    # names and values
    exp.Column, exp.Identifier, exp.Alias, exp.Star, exp.Literal, exp.RawString, exp.Boolean, exp.Null, exp.Tuple,
    exp.Paren, exp.Array, exp.Struct, exp.PropertyEQ, exp.Bracket, exp.Slice, exp.Dot, exp.Lambda, exp.Interval,
    exp.IntervalSpan, exp.Var, exp.DataType, exp.DataTypeParam, exp.ColumnDef, exp.JSONPath, exp.JSONPathKey,
    exp.JSONPathRoot, exp.JSONPathSubscript, exp.JSONPathWildcard,
    # operators
    exp.And, exp.Or, exp.Not, exp.Xor, exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.NullSafeEQ,
    exp.NullSafeNEQ, exp.Is, exp.Between, exp.In, exp.Like, exp.ILike, exp.SimilarTo, exp.Glob, exp.Escape,
    exp.Exists, exp.Any, exp.All, exp.Add, exp.Sub, exp.Mul, exp.Div, exp.IntDiv, exp.Mod, exp.Neg, exp.DPipe,
    exp.BitwiseAnd, exp.BitwiseOr, exp.BitwiseXor, exp.BitwiseNot, exp.BitwiseLeftShift, exp.BitwiseRightShift,
    exp.Case, exp.If, exp.Cast, exp.TryCast, exp.AtTimeZone, exp.JSONExtract, exp.JSONExtractScalar,
})  # fmt: skip

FUNCTIONS: frozenset[type[exp.Expr]] = frozenset({
    # numbers
    exp.Abs, exp.Ceil, exp.Floor, exp.Round, exp.Sign, exp.Sqrt, exp.Ln, exp.Log, exp.Exp, exp.Pow, exp.Greatest,
    exp.Least, exp.IsNan, exp.IsInf,
    # missing values
    exp.Coalesce, exp.Nullif,
    # text
    exp.Lower, exp.Upper, exp.Trim, exp.Length, exp.Substring, exp.Left, exp.Right, exp.Replace, exp.Concat,
    exp.ConcatWs, exp.StartsWith, exp.EndsWith, exp.Contains, exp.StrPosition, exp.Reverse, exp.Repeat, exp.Pad,
    exp.SplitPart, exp.Split, exp.RegexpLike, exp.RegexpFullMatch, exp.RegexpExtract, exp.RegexpReplace,
    exp.Translate, exp.MD5, exp.Levenshtein,
    # time
    exp.TimestampTrunc, exp.DateTrunc, exp.DateDiff, exp.DateAdd, exp.Year, exp.Month, exp.Day, exp.Hour, exp.Minute,
    exp.Second, exp.Quarter, exp.Week, exp.WeekOfYear, exp.DayOfWeek, exp.DayOfWeekIso, exp.DayOfYear, exp.Extract,
    exp.LastDay, exp.DateFromParts, exp.TimestampFromParts, exp.TimeToStr, exp.StrToTime, exp.UnixToTime,
    exp.TimeToUnix, exp.ToDays, exp.DateBin,
    # aggregates
    exp.Count, exp.Sum, exp.Avg, exp.Min, exp.Max, exp.Median, exp.Quantile, exp.PercentileCont, exp.PercentileDisc,
    exp.Stddev, exp.StddevSamp, exp.StddevPop, exp.Variance, exp.VariancePop, exp.First, exp.Last, exp.AnyValue,
    exp.ArgMax, exp.ArgMin, exp.GroupConcat, exp.LogicalAnd, exp.LogicalOr, exp.CountIf, exp.Corr,
    # windows
    exp.RowNumber, exp.Rank, exp.DenseRank, exp.PercentRank, exp.CumeDist, exp.Ntile, exp.Lag, exp.Lead,
    exp.FirstValue, exp.LastValue, exp.NthValue,
    # lists, structs, JSON
    exp.ArrayContains, exp.ArraySize, exp.ArrayToString, exp.ArrayFilter, exp.Transform, exp.StructExtract,
    exp.Explode, exp.ArrayMax, exp.ArrayMin,
})  # fmt: skip

CLOCKS: frozenset[type[exp.Expr]] = frozenset({
    exp.CurrentTimestamp, exp.CurrentDate, exp.CurrentTime, exp.CurrentDatetime, exp.Localtime, exp.Localtimestamp,
})  # fmt: skip

CLOCK_NAMES: frozenset[str] = frozenset({
    "now", "today", "current_time", "get_current_time", "get_current_timestamp", "transaction_timestamp",
    "current_localtime", "current_localtimestamp",
})  # fmt: skip

KEYWORD_COLUMNS: frozenset[str] = frozenset({
    "user", "current_user", "session_user", "current_role", "current_schema", "current_catalog", "current_database",
    "localtime", "localtimestamp", "current_time", "current_date", "current_timestamp",
})  # fmt: skip
"""Words that are read as functions when they stand where a column could."""

STATEMENTS: dict[type[exp.Expr], str] = {
    exp.Insert: "INSERT", exp.Update: "UPDATE", exp.Delete: "DELETE", exp.Merge: "MERGE", exp.Create: "CREATE",
    exp.Drop: "DROP", exp.Alter: "ALTER", exp.Copy: "COPY", exp.Attach: "ATTACH", exp.Detach: "DETACH",
    exp.Pragma: "PRAGMA", exp.Set: "SET", exp.Use: "USE", exp.Command: "this statement", exp.Into: "SELECT INTO",
    exp.Lock: "FOR UPDATE", exp.Values: "VALUES", exp.Describe: "DESCRIBE", exp.Summarize: "SUMMARIZE",
    exp.Pivot: "PIVOT", exp.TableSample: "TABLESAMPLE", exp.Columns: "COLUMNS()", exp.ReadCSV: "read_csv()",
    exp.ReadParquet: "read_parquet()", exp.Rand: "random()", exp.Placeholder: "a parameter (?)",
    exp.Parameter: "a parameter ($1)", exp.ByteString: "a text with E'...'",
}  # fmt: skip
"""What to call nodes in messages where their class name says little to an author."""
