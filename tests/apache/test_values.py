"""What Sail does not prove: how Apache Spark counts, rounds, casts, orders, and reads patterns and JSON. Each value is
what DuckDB says, or a difference that stands here and in docs/ENGINES.md."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlglot import exp, parse_one

from segflow.errors import WarehouseError
from segflow.segments.sql import typed
from segflow.warehouse import words as w
from segflow.warehouse.base import Warehouse
from segflow.warehouse.duckdb.engine import DuckDBEngine
from segflow.warehouse.words import UNIX
from tests.apache import odd
from tests.apache.parquet import ParquetWarehouse
from tests.warehouse.test_postgres_patterns import TEXTS, meant
from tests.warehouse.test_spark_patterns import SAME


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    folder = tmp_path_factory.mktemp("embedded")
    with DuckDBEngine(folder / "warehouse.duckdb", folder / "ledgers").open() as warehouse:
        warehouse.ensure_tables()
        yield warehouse


def numeral(document: exp.Expr) -> exp.Expr:
    """A text in JSON, as the compiler reads it."""
    return w.numeral(w.json_text(document.copy(), "n"), w.json_part(document.copy(), "n"))


def in_json(kind: Any) -> Callable[[exp.Expr], exp.Expr]:
    """A value in JSON as a type, as the compiler reads it."""
    return lambda document: typed(exp.Paren(this=w.json_text(document, "n")), kind)


def as_text(word: Callable[[exp.Expr], exp.Expr]) -> Callable[[exp.Expr], exp.Expr]:
    """Days and times beyond what Python has are compared as texts."""
    return lambda value: exp.cast(word(value), "VARCHAR")


@dataclass(frozen=True)
class Reading:
    """A word, and the values that it reads."""

    word: Callable[[exp.Expr], exp.Expr]
    values: list[str]
    kind: str = "VARCHAR"
    own: Mapping[str, Any] = field(default_factory=dict)
    """What Spark makes of a value that DuckDB reads otherwise."""


_DAY = "2026-01-31 00:00:00"
_ONLY_DUCKDB = dict.fromkeys(
    ["2026-01-31 24:00:00", "26-01-31", "2026/01/31", "epoch", "infinity", "2026-01-31  12:00:00"]
)
_DAYS_BEFORE_SOMETHING = dict.fromkeys([
    "2026-01-31T", "2026-01-31 12", "2026-01-31T12", "2026-01-31 12:00:00 +02:00",
    "2026-01-31 12:00:00 Europe/Berlin", "2026-01-31 25:00:00", "2026-01-31 12:60:00", "2026-01-31 23:59:60",
    "2026-01-31 noon", "2026-01-31x", "2026-01-31 12:00:00 PM", "2026-01-31 12:00:00-3",
    "2026-01-31 12:00:00+2:00", "2026-01-31T12:00:00,5", "2026-01-31 BC",
])  # fmt: skip
READINGS = {
    "casts of odd texts: number": Reading(w.number, odd.NUMBERS, own={"1_000": None}),
    "casts of odd texts: integer": Reading(lambda x: typed(x, "integer"), odd.NUMBERS, own={"1_000": None}),
    "casts of odd texts: boolean": Reading(w.boolean, odd.NUMBERS),
    "casts of odd texts: text": Reading(w.text, odd.NUMBERS),
    "casts of odd texts: id": Reading(w.plain_id, odd.NUMBERS),
    "casts of odd texts: seconds": Reading(as_text(UNIX["seconds"][0]), odd.NUMBERS, own={"1_000": None}),
    "casts of odd texts: timestamp": Reading(as_text(w.utc_time), odd.TIMES, own=_ONLY_DUCKDB),
    "casts of odd texts: instant": Reading(as_text(w.time_of_text), odd.TIMES, own=_ONLY_DUCKDB),
    "casts of odd texts: date": Reading(as_text(w.utc_day), odd.TIMES, own=_ONLY_DUCKDB | _DAYS_BEFORE_SOMETHING),
    "double to text": Reading(w.text, odd.DOUBLES, "DOUBLE"),
    "double to number": Reading(w.number, odd.DOUBLES, "DOUBLE"),
    "double to integer": Reading(lambda x: typed(x, "integer"), odd.DOUBLES, "DOUBLE"),
    "double to boolean": Reading(w.boolean, odd.DOUBLES, "DOUBLE"),
    "double: finite": Reading(w.finite, odd.DOUBLES, "DOUBLE"),
    "decimal to text": Reading(w.text, odd.DECIMALS, "DECIMAL(38, 12)"),
    "decimal to number, beyond the limit": Reading(w.number, odd.DECIMALS, "DECIMAL(38, 12)"),
    "decimal rounding: a 13th place": Reading(
        w.number, ["1.0000000000005", "-1.0000000000005", "1.0000000000015", "0.0000000000004", "-0.0000000000005"],
        "DECIMAL(38, 13)",
    ),
    "json: text": Reading(numeral, odd.DOCUMENTS),
    "json: number": Reading(in_json("number"), odd.DOCUMENTS),
    "json: integer": Reading(in_json("integer"), odd.DOCUMENTS),
    "json: boolean": Reading(in_json("boolean"), odd.DOCUMENTS),
    "json: date": Reading(as_text(in_json("date")), odd.DOCUMENTS),
    "json: list": Reading(lambda x: w.json_texts(x, "n"), odd.DOCUMENTS),
    "json: list by a path": Reading(lambda x: w.json_texts(x, "n", "a"), odd.DOCUMENTS),
    "json: a list of texts": Reading(w.list_of_text, odd.LISTS),
    "json that is none": Reading(
        lambda x: w.json_text(x, "n"), ["{'n': 1}", '{"n": 1,}', '{"n": 1} x', '{"n": "a\nb"}'],
        # Spark takes single quotes, what stands behind a document, and line breaks; DuckDB a comma too many.
        own={"{'n': 1}": "1", '{"n": 1,}': None, '{"n": 1} x': "1", '{"n": "a\nb"}': "a\nb"},
    ),
    "letters in lower case": Reading(
        w.lower, [*odd.LETTERS, "ΟΔΟΣ", "İ"],
        # Java knows the sigma at the end of a word, and keeps the dot.
        own={"ΟΔΟΣ": "οδος", "İ": "i\u0307"},
    ),
}  # fmt: skip


def answers(warehouse: Warehouse, reading: Reading) -> list[Any]:
    """What the word makes of each value, of all in one query."""
    rows = [
        exp.Tuple(expressions=[exp.Literal.number(number), exp.cast(exp.Literal.string(value), reading.kind)])
        for number, value in enumerate(reading.values)
    ]
    found = exp.select("number", exp.alias_(reading.word(exp.column("given")), "found"))
    found = found.from_(exp.values(rows, alias="given_rows", columns=["number", "given"])).order_by("number")
    return [row["found"] for row in warehouse.rows(found)]


@pytest.mark.parametrize("name", READINGS)
def test_a_value_is_read_as_duckdb_reads_it(asked: Warehouse, embedded: Warehouse, name: str) -> None:
    reading = READINGS[name]
    found = dict(zip(reading.values, answers(asked, reading), strict=True))
    theirs = dict(zip(reading.values, answers(embedded, reading), strict=True))
    assert {value for value in found if repr(found[value]) != repr(theirs[value])} == set(reading.own)
    assert found == theirs | dict(reading.own)


def test_regex(asked: Warehouse) -> None:
    """Java's patterns find what RE2's find."""
    found = [exp.alias_(w.matches(exp.column("t"), exp.Literal.string(one)), f"p{at}") for at, one in enumerate(SAME)]
    texts = exp.values([(one,) for one in TEXTS], alias="texts", columns=["t"])
    rows = asked.query(exp.select("t", *found).from_(texts)).to_pylist()
    assert {one: {row["t"] for row in rows if row[f"p{at}"]} for at, one in enumerate(SAME)} == {
        one: set(meant(one)) for one in SAME
    }


@pytest.mark.parametrize(
    "sum_of",
    [
        pytest.param("cast('9223372036854775807' as bigint) + x", id="bigint"),
        pytest.param("cast('2147483647' as int) * cast(x + 1 as int)", id="int"),
        pytest.param("cast(1e19 as bigint) + x", id="a double as a bigint"),
    ],
)
def test_overflow_is_an_error(asked: Warehouse, embedded: Warehouse, sum_of: str) -> None:
    """Not a negative number, as on Sail: a segment whose expression overflows is stale, and its members stay."""
    for warehouse in (asked, embedded):
        with pytest.raises(WarehouseError) as raised:
            warehouse.query(parse_one(f"select {sum_of} as found from (select 1 as x union all select 2) as t"))
        assert not raised.value.unbound


@pytest.mark.parametrize(
    ("what", "value"),
    [
        pytest.param("sum", "1" + "0" * 20, id="sums of the largest numbers"),
        pytest.param("sum", "-99999999999999999999.999999999999", id="sums of the longest numbers"),
        pytest.param("average", "99999999999999999999.999999999999", id="averages of the longest numbers"),
    ],
)
def test_overflow_of_facts(asked: Warehouse, embedded: Warehouse, what: str, value: str) -> None:
    numbers = w.number(exp.column("x"))
    found = exp.Sum(this=numbers) if what == "sum" else w.average(numbers)
    rows = parse_one(f"select '{value}' as x union all select '{value}' union all select '0.000000000001'")
    query = exp.select(found.as_("found")).from_(rows.subquery("r"))  # type: ignore[attr-defined]
    assert asked.scalar(query) == embedded.scalar(query)


@pytest.mark.parametrize("descending", [False, True], ids=["ascending", "descending"])
def test_null_order(asked: Warehouse, embedded: Warehouse, descending: bool) -> None:
    """Nulls come last, and NaN before them, whichever way the rows run; in a window, too."""
    order = [exp.Ordered(this=exp.column("x"), desc=descending, nulls_first=False)]
    number = exp.Window(this=exp.RowNumber(), order=exp.Order(expressions=[one.copy() for one in order]))
    rows = parse_one("select 1 as x union all select null union all select 3 union all select -1")
    query = exp.select("x", number.as_("number")).from_(rows.subquery("r")).order_by(*order)  # type: ignore[attr-defined]
    found = [tuple(row.values()) for row in asked.rows(query)]
    assert found == [tuple(row.values()) for row in embedded.rows(query)]
    assert found[-1] == (None, 4)


@pytest.mark.parametrize(
    ("part", "numbers"),
    [
        pytest.param("extract(dow from d)", [1, 2, 7], id="dow: Sunday is 1, where DuckDB has 0"),
        pytest.param("dayofweek(d)", [1, 2, 7], id="dayofweek"),
        pytest.param("weekday(d)", [6, 0, 5], id="weekday"),
        pytest.param("extract(week from d)", [5, 6, 6], id="week"),
        pytest.param("extract(yearofweek from d)", [2026, 2026, 2026], id="year of the week"),
    ],
)
def test_dow_in_a_segment_in_sql(asked: ParquetWarehouse, part: str, numbers: list[int]) -> None:
    """A `.sql` segment is in Spark's words, and what segflow has read and written is what Spark says of the text."""
    days = "from (values (date '2026-02-01'), (date '2026-02-02'), (date '2026-02-07')) as days (d) order by d"
    read = parse_one(f"select {part} as n {days}", dialect="spark")
    assert [row["n"] for row in asked.rows(read)] == numbers
    assert asked._asked(f"select {part} as n {days}").column(0).to_pylist() == numbers


@pytest.mark.parametrize("day", ["2024-02-29", "2026-03-01", "1900-12-31"])
def test_parts_of_a_day(asked: Warehouse, embedded: Warehouse, day: str) -> None:
    """Which is how anniversaries are asked for."""
    parts = [
        exp.Extract(this=exp.Var(this=part), expression=exp.cast(exp.Literal.string(day), "DATE")).as_(part)
        for part in ("month", "day")
    ]
    query = exp.select(*parts)
    assert asked.rows(query) == embedded.rows(query)


@pytest.mark.parametrize(
    "branches",
    [
        pytest.param(["1", "2.7"], id="a whole number and a fraction"),
        pytest.param(["1", "5000000000"], id="a small and a large number"),
        pytest.param(["null", "'abc'"], id="nothing and a text"),
        pytest.param(["null", "null"], id="nothing at all"),
        pytest.param(["cast('1.25' as decimal(9, 2))", "cast('1.123456' as decimal(20, 6))"], id="decimals"),
        pytest.param(["date '2026-01-31'", "null"], id="a day and nothing"),
    ],
)
def test_union_types(warehouse: Warehouse, embedded: Warehouse, branches: list[str]) -> None:
    """A table has what the query has that it is made of, whichever branch comes first."""
    for order in (branches, branches[::-1]):
        rows = parse_one(" union all ".join(f"select {one} as x" for one in order))
        found = []
        for one in (warehouse, embedded):
            one.create_table("made", rows)  # type: ignore[arg-type]
            found.append(sorted((row["x"] for row in one.rows(parse_one("select x from segflow.made"))), key=repr))
        assert found[0] == found[1]


def test_schema_replacement(warehouse: Warehouse) -> None:
    """A table that is made anew has the new columns, in the new types."""
    for rows, found in (
        ("select 1 as x, 'a' as y", {"x": 1, "y": "a"}),
        ("select 'long' as x", {"x": "long"}),
        ("select 2.5 as z, 'b' as x", {"z": 2.5, "x": "b"}),
    ):
        warehouse.create_table("made", parse_one(rows))  # type: ignore[arg-type]
        assert [{**row} for row in warehouse.rows(parse_one("select * from segflow.made"))] == [found]
    warehouse.create_view("made", parse_one("select 3 as x"))  # type: ignore[arg-type]
    assert warehouse.scalar(parse_one("select x from segflow.made")) == 3
    warehouse.create_table("made", parse_one("select 4 as x"))  # type: ignore[arg-type]
    assert warehouse.scalar(parse_one("select x from segflow.made")) == 4


def test_live_temp_views(warehouse: ParquetWarehouse) -> None:
    """A temporary view of Spark's says what is there now, where Sail's says what was. What is staged is neither: it is
    what was there, on both."""
    warehouse.create_table("below", parse_one("select 1 as x"))  # type: ignore[arg-type]
    warehouse._asked("CREATE OR REPLACE TEMPORARY VIEW live AS SELECT x FROM segflow.below")
    staged = warehouse.stage("kept", parse_one("select x from segflow.below"))  # type: ignore[arg-type]
    warehouse.create_table("below", parse_one("select 2 as x"))  # type: ignore[arg-type]
    assert warehouse._asked("SELECT x FROM live").column(0).to_pylist() == [2]
    assert warehouse.scalar(exp.select("x").from_(staged)) == 1


def test_rows_that_come_from_here_leave_no_view(warehouse: ParquetWarehouse) -> None:
    import pyarrow as pa

    warehouse.stage("many", pa.table({"x": range(2_000)}))
    warehouse.stage("mine", pa.table({"x": [1, 2]}))
    assert warehouse.scalar(exp.select(exp.Sum(this=exp.column("x"))).from_("temp.mine")) == 3
    warehouse.close()
    assert [row["viewName"] for row in warehouse._asked("SHOW VIEWS").to_pylist() if row["isTemporary"]] == []


def test_an_error_is_told_once(asked: Warehouse, capfd: pytest.CaptureFixture[str]) -> None:
    """By whoever asked: the library would print it, with the server's stack."""
    with pytest.raises(WarehouseError, match="ARITHMETIC_OVERFLOW"):
        asked.query(parse_one("select cast('9223372036854775807' as bigint) + x from (select 1 as x) as t"))
    assert capfd.readouterr() == ("", "")
