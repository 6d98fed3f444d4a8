"""What engines promise on their class, and what each word means: the same for every engine, held against the values."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from contextlib import closing
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from sqlglot import exp, parse_one

from segflow.errors import WarehouseError
from segflow.warehouse import words as w
from segflow.warehouse.base import Warehouse, relation
from segflow.warehouse.duckdb.engine import DuckDBEngine
from segflow.warehouse.engine import Engine
from segflow.warehouse.postgres.engine import PostgresEngine
from segflow.warehouse.spark.engine import SparkEngine
from tests.postgres import Server
from tests.sail import Sail

ENGINES = ("duckdb", "postgres", "spark")


@pytest.fixture(scope="module", params=ENGINES)
def asked(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """A warehouse for questions that write nothing."""
    if request.param == "duckdb":
        folder = tmp_path_factory.mktemp("asked")
        engine: Engine = DuckDBEngine(folder / "warehouse.duckdb", folder / "ledgers")
    else:
        engine = _on_a_server(request)
    with engine.open() as warehouse:
        yield warehouse


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Engine:
    if request.param == "duckdb":
        return DuckDBEngine(tmp_path / "warehouse.duckdb", tmp_path / "ledgers")
    return _on_a_server(request)


def _on_a_server(request: pytest.FixtureRequest) -> Engine:
    """An empty warehouse of the engine that the fixture is asked for."""
    if request.param == "spark":
        spark: Sail = request.getfixturevalue("sail")
        return SparkEngine(*spark.new_warehouse())
    postgres: Server = request.getfixturevalue("postgres")
    return PostgresEngine(postgres.new_database())


@pytest.fixture
def warehouse(engine: Engine) -> Iterator[Warehouse]:
    with engine.open() as warehouse:
        yield warehouse


def test_transactions(engine: Engine, warehouse: Warehouse) -> None:
    warehouse.ensure_tables()

    def fail() -> None:
        with warehouse.transaction():
            warehouse.append("imports", "t1", parse_one("select 'a' as import_id"))  # type: ignore[arg-type]
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert (warehouse.count("imports") == 0) is engine.transactions


def test_temporary_tables(engine: Engine, warehouse: Warehouse) -> None:
    staged = warehouse.stage("mine", parse_one("select 1 as x"))  # type: ignore[arg-type]
    assert warehouse.scalar(exp.select("x").from_(staged)) == 1
    with engine.open() as other:
        assert other.bind(exp.select("x").from_(staged)) is not None, "seen by its connection alone"
    warehouse.close()
    with engine.open() as other:
        assert other.bind(exp.select("x").from_(staged)) is not None


def test_columns_go_by_the_name_of_their_table(warehouse: Warehouse) -> None:
    """Whatever the engine calls it: where several tables have a column of that name, there is no other way."""
    warehouse.ensure_tables()
    warehouse.stage("mine", parse_one("select 't1' as tick_id"))  # type: ignore[arg-type]
    warehouse.stage("other", parse_one("select 't1' as tick_id, 2 as y"))  # type: ignore[arg-type]
    warehouse.append("imports", "t1", parse_one("select 'a' as import_id"))  # type: ignore[arg-type]
    asked = """
        select mine.tick_id, other.y, imports.import_id
        from temp.mine
        inner join temp.other on mine.tick_id = other.tick_id
        inner join segflow.imports on imports.tick_id = mine.tick_id
    """
    assert warehouse.rows(parse_one(asked)) == [{"tick_id": "t1", "y": 2, "import_id": "a"}]


def test_a_text_is_put_together_of_anything(asked: Warehouse) -> None:
    """What is missing counts as nothing."""
    query = parse_one("select concat('line ', n, missing, ' of ', day) as told from rows", dialect="duckdb")
    rows = parse_one("select 12 as n, cast(null as integer) as missing, cast('2026-01-31' as date) as day")
    assert asked.scalar(query.with_("rows", rows)) == "line 12 of 2026-01-31"  # type: ignore[attr-defined]


def test_a_patch_is_a_replace(engine: Engine, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    warehouse.ensure_tables()
    assert type(warehouse).row_deletes is engine.row_deletes
    found = []
    for deletes in {False, engine.row_deletes}:
        monkeypatch.setattr(type(warehouse), "row_deletes", deletes)
        rows = parse_one("select 's' || i as segment, 'f' as fingerprint from (values (1), (2), (3)) as t (i)")
        warehouse.replace("segment_views", rows)  # type: ignore[arg-type]
        gone, new = parse_one("select 's2' as segment"), parse_one("select 's9' as segment, 'g' as fingerprint")
        changed = parse_one("select 's1' as segment, 'h' as fingerprint union all select 's7', 'i'")
        warehouse.patch("segment_views", gone, new, changed)  # type: ignore[arg-type]
        rows_now = warehouse.rows(exp.select("segment", "fingerprint").from_(relation("segment_views")))
        found.append(sorted((row["segment"], row["fingerprint"]) for row in rows_now))
    assert found[0] == found[-1] == [("s1", "h"), ("s3", "f"), ("s9", "g")]


def test_rows_of_several_ticks_that_were_amended_together(warehouse: Warehouse) -> None:
    """Each tick's rows can be amended, or written anew, by themselves afterwards."""
    warehouse.ensure_tables()
    for tick in ("t1", "t2", "t3"):
        warehouse.append("imports", tick, parse_one("select 'a' as import_id"))  # type: ignore[arg-type]
    tick_id, name = exp.column("tick_id"), exp.column("import_id")
    warehouse.amend("imports", {"import_id": exp.Literal.string("b")}, name.eq("a"))
    warehouse.amend("imports", {"import_id": exp.Literal.string("c")}, tick_id.eq("t2"))
    warehouse.append("imports", "t3", parse_one("select 'd' as import_id union all select 'e'"))  # type: ignore[arg-type]
    rows = warehouse.rows(exp.select("tick_id", "import_id").from_(relation("imports")))
    found = sorted((row["tick_id"], row["import_id"]) for row in rows)
    assert found == [("t1", "b"), ("t2", "c"), ("t3", "d"), ("t3", "e")]
    assert warehouse.counts(["imports"]) == {"imports": 4}
    with warehouse.transaction():
        warehouse.amend("imports", {"import_id": exp.Literal.string("f")}, exp.true())
        assert [warehouse.settle(tick, ["imports"])["imports"] for tick in ("t1", "t2", "t3")] == [1, 1, 2]


def test_a_query_that_reads_itself_can_be_staged(warehouse: Warehouse) -> None:
    asked = """
        with recursive ends as (select 3 as last),
        steps as (
            select distinct 1 as n, 'a' as told from ends
            union all
            select before.n + 1, before.told || 'b' from steps as before inner join ends on before.n < ends.last
        ),
        longest as (select max(n) as n from steps)
        select steps.n, steps.told, longest.n as of_all from steps cross join longest
    """
    staged = warehouse.stage("mine", parse_one(asked))  # type: ignore[arg-type]
    found = warehouse.rows(exp.select("*").from_(staged).order_by("n"))
    assert [tuple(row.values()) for row in found] == [(1, "a", 3), (2, "ab", 3), (3, "abb", 3)]


def test_a_view_can_be_read_like_what_is_staged(warehouse: Warehouse) -> None:
    staged = warehouse.stage("mine", parse_one("select 1 as x"))  # type: ignore[arg-type]
    named = warehouse.view("same", exp.select("x").from_(staged))
    assert warehouse.scalar(exp.select("x").from_(named)) == 1
    assert warehouse.scalar(exp.select("x").from_(warehouse.view("same", parse_one("select 2 as x")))) == 2  # type: ignore[arg-type]


def test_file_backed(engine: Engine) -> None:
    assert not engine.exists()
    with closing(engine.open()) as opened:
        opened.ensure_tables()
    assert engine.exists()
    if engine.file_backed:
        assert engine.path.exists()
        assert engine.damage() is None
        assert str(engine.path) in engine.where
    assert engine.made_by()
    assert str(engine.made_by()).startswith(engine.title)


def test_late_views(engine: Engine, warehouse: Warehouse) -> None:
    warehouse.ensure_tables()
    warehouse.execute(parse_one("create table segflow.below as select 1 as x"))
    warehouse.create_view("above", parse_one("select x from segflow.below"))  # type: ignore[arg-type]
    if not engine.late_views:
        with pytest.raises(WarehouseError):
            warehouse.execute(parse_one("drop table segflow.below"))
        return
    warehouse.execute(parse_one("drop table segflow.below"))
    warehouse.execute(parse_one("create table segflow.below as select 2 as x"))
    assert warehouse.scalar(parse_one("select x from segflow.above")) == 2


def no_number(text: str) -> str:
    return f"select cast(x as integer) from (select '{text}' as x) as t"


def no_column(text: str) -> str:
    return f"select nothing, '{text}' as y from (select 1 as x) as t"


@pytest.mark.parametrize(
    ("statement", "unbound"),
    [
        pytest.param("select nothing from (select 1 as x) as t", True, id="a column that is not there"),
        pytest.param(no_number("a"), False, id="a value that does not fit"),
        pytest.param(no_number("UNAVAILABLE"), False, id="a value that reads as if the server were gone"),
        pytest.param(no_number("Permission denied"), False, id="one like the disk's word"),
        pytest.param(no_number("permission denied"), False, id="one like the server's word"),
        pytest.param(no_number("corrupt checksum"), False, id="one like that of a damaged file"),
        pytest.param(no_number("Permission denied").replace("integer", "date"), False, id="one that is no day"),
        pytest.param(no_number('a "permission denied" b'), False, id="one with quotes"),
        pytest.param(no_number("INTERRUPT"), False, id="one like DuckDB's for a query that was stopped"),
        pytest.param(no_number("operation not found"), False, id="one like Sail's"),
        pytest.param(no_number("canceling statement due to statement timeout"), False, id="one like Postgres'"),
        pytest.param(no_column("corrupt checksum"), True, id="no column, beside a word of a damaged file"),
        pytest.param(no_column("No space left on device"), True, id="no column, beside the disk's word"),
        pytest.param(no_column("permission denied"), True, id="no column, beside the server's word"),
        pytest.param(no_column("permission denied " * 20), True, id="no column, beside many words"),
        pytest.param("select checksum from (select 1 as x) as t", True, id="no column of such a name"),
        pytest.param("select interrupt from (select 1 as x) as t", True, id="nor of such a one"),
    ],
)
def test_what_a_statement_raises(engine: Engine, warehouse: Warehouse, statement: str, unbound: bool) -> None:
    with pytest.raises(WarehouseError) as raised:
        warehouse.query(parse_one(statement))
    assert raised.value.unbound is unbound
    assert "\n" not in str(raised.value)
    for told in (str(raised.value), str(raised.value.__cause__)):
        message = "Runtime Error in model one (models/one.sql)\n  " + told.replace("\n", "\n  ")
        assert warehouse.trouble(message) is None, "told by dbt"
        assert not engine.was_stopped(message)
    assert (warehouse.bind(parse_one(statement)) is not None) is unbound


def text(value: str | None) -> exp.Expr:
    return exp.null() if value is None else exp.Literal.string(value)


def number(value: float) -> exp.Expr:
    return exp.cast(exp.Literal.string(str(value)), "DOUBLE")


def integer(value: int) -> exp.Expr:
    return exp.cast(exp.Literal.string(str(value)), "BIGINT")


def time(value: str) -> exp.Expr:
    return exp.cast(exp.Literal.string(value), "TIMESTAMP")


def zoned(value: str) -> exp.Expr:
    return exp.cast(exp.Literal.string(value), "TIMESTAMPTZ")


def texts(*values: str) -> exp.Expr:
    return exp.Array(expressions=[text(value) for value in values])


KEYS = [
    "a.b",
    'a"b',
    "*",
    "0",
    "",
    "$",
    "$.a",
    "a[0]",
    "[#-1]",
    "#",
    "~",
    "/",
    "~1",
    "a/b",
    "it's",
    "é",
    "A b",
    "-",
    "a\\b",
]
"""Keys of JSON objects that mean something to a path expression of some engine."""


def numeral(document: str) -> exp.Expr:
    return w.numeral(w.json_text(text(document), "n"), w.json_part(text(document), "n"))


INTEGER = exp.DataType.build("BIGINT")
MEANINGS: dict[str, tuple[exp.Expr, Any]] = {
    "try_cast": (w.try_cast(text("12"), INTEGER), 12),
    **{
        f"plain_id: of {written!r}": (w.plain_id(text(written)), left)
        for written, left in {
            "1001": "1001",
            "001001": "1001",
            " 1001 ": "1001",
            "1001.0": "1001",
            "1001.00": "1001",
            "1,001": "1001",
            "+1001": "1001",
            '"1001"': "1001",
            "1e+16": "10000000000000000",
            "cus_A1-9": "cusa19",
            "{550E8400-E29B-41D4-A716-446655440000}": "550e8400e29b41d4a716446655440000",
            "Ana@Example.com": "anaexamplecom",
            "Zoë": "zoë",
            "1001.5": "10015",
            "000": "",
        }.items()
    },
    "try_cast of another": (w.try_cast(text("twelve"), INTEGER), None),
    "try_cast of a whole number with a point": (w.try_cast(text("1001.0"), INTEGER), 1001),
    "try_cast of an exponent": (w.try_cast(text("1e3"), INTEGER), 1000),
    "try_cast of a boolean": (w.try_cast(exp.true(), INTEGER), 1),
    "try_cast of a number too large": (w.try_cast(text("9223372036854775808"), INTEGER), None),
    "utc_time of a text": (w.utc_time(text(" 2026-01-31T12:00:00 ")), datetime(2026, 1, 31, 12)),
    "utc_time of an instant": (w.utc_time(zoned("2026-01-31 12:00:00+02:00")), datetime(2026, 1, 31, 10)),
    "utc_time of a time": (w.utc_time(time("2026-01-31 12:00:00")), datetime(2026, 1, 31, 12)),
    "utc_time of a day": (w.utc_time(exp.cast(text("2026-01-31"), "DATE")), datetime(2026, 1, 31)),
    "utc_time of nothing": (w.utc_time(exp.null()), None),
    "utc_time of a text with the name of a zone": (w.utc_time(text("2026-01-31 12:00:00 Europe/Berlin")), None),
    "utc_time of a text in UTC": (w.utc_time(text("2026-01-31 12:00:00 UTC")), datetime(2026, 1, 31, 12)),
    "utc_time of an afternoon": (w.utc_time(text("2026-01-31 01:30:00 PM")), None),
    "utc_time of a text and a word": (w.utc_time(text("2026-01-31 12:00:00.5 cancelled")), None),
    "utc_day of an instant": (w.utc_day(zoned("2026-01-31 23:30:00-02:00")), date(2026, 2, 1)),
    "utc_day of a time": (w.utc_day(time("2026-01-31 23:30:00")), date(2026, 1, 31)),
    "utc_day of a text": (w.utc_day(text(" 2026-01-31 ")), date(2026, 1, 31)),
    "utc_day of another": (w.utc_day(text("today")), None),
    "unix_seconds": (w.unix_seconds(integer(1_769_860_800)), datetime(2026, 1, 31, 12)),
    "unix_seconds before 1970": (w.unix_seconds(integer(-1)), datetime(1969, 12, 31, 23, 59, 59)),
    "unix_seconds of a short integer": (w.unix_seconds(exp.cast(text("86400"), "INTEGER")), datetime(1970, 1, 2)),
    "unix_seconds: the first": (w.unix_seconds(integer(-62_135_596_800)), datetime(1, 1, 1)),
    "unix_seconds: before the first": (w.unix_seconds(integer(-62_135_596_801)), None),
    "unix_seconds: the last": (w.unix_seconds(integer(253_402_300_799)), datetime(9999, 12, 31, 23, 59, 59)),
    "unix_seconds: after the last": (w.unix_seconds(integer(253_402_300_800)), None),
    "unix_seconds beyond all bounds": (w.unix_seconds(integer(2**63 - 1)), None),
    "unix_seconds of a longer integer": (w.unix_seconds(exp.cast(text("9" * 38), "HUGEINT")), None),
    "unix_seconds of a double": (
        w.unix_seconds(number(1769860800.123457)),
        datetime(2026, 1, 31, 12, 0, 0, 123_457),
    ),
    "unix_seconds of a decimal": (
        w.unix_seconds(exp.cast(text("1769860800.1234569"), "DECIMAL(20, 7)")),
        datetime(2026, 1, 31, 12, 0, 0, 123_457),
    ),
    "unix_seconds of a decimal before 1970": (
        w.unix_seconds(exp.cast(text("-0.0000011"), "DECIMAL(20, 7)")),
        datetime(1969, 12, 31, 23, 59, 59, 999_999),
    ),
    "unix_seconds: the last of decimals": (
        w.unix_seconds(text("253402300799.999999")),
        datetime(9999, 12, 31, 23, 59, 59, 999_999),
    ),
    "unix_seconds: after the last of decimals": (w.unix_seconds(text("253402300800")), None),
    "unix_seconds of a text": (w.unix_seconds(text(" 1769860800 ")), datetime(2026, 1, 31, 12)),
    "unix_seconds of an exponent": (w.unix_seconds(text("1.7698608e9")), datetime(2026, 1, 31, 12)),
    "unix_seconds of a large double": (w.unix_seconds(number(1e300)), None),
    "unix_seconds of nan": (w.unix_seconds(number(float("nan"))), None),
    "unix_seconds of infinity": (w.unix_seconds(number(float("-inf"))), None),
    "unix_seconds of a word": (w.unix_seconds(text("noon")), None),
    "unix_seconds of a time": (w.unix_seconds(time("2026-01-31 12:00:00")), None),
    "unix_seconds of the text of a time": (w.unix_seconds(text("2026-01-31T12:00:00Z")), None),
    "unix_seconds of a boolean": (w.unix_seconds(exp.true()), None),
    "unix_seconds of null": (w.unix_seconds(text(None)), None),
    "unix_milliseconds": (w.unix_milliseconds(integer(1_769_860_800_001)), datetime(2026, 1, 31, 12, 0, 0, 1_000)),
    "unix_milliseconds before 1970": (w.unix_milliseconds(integer(-1)), datetime(1969, 12, 31, 23, 59, 59, 999_000)),
    "unix_milliseconds: before the first": (w.unix_milliseconds(integer(-62_135_596_800_001)), None),
    "unix_milliseconds: the last": (
        w.unix_milliseconds(integer(253_402_300_799_999)),
        datetime(9999, 12, 31, 23, 59, 59, 999_000),
    ),
    "unix_milliseconds: after the last": (w.unix_milliseconds(integer(253_402_300_800_000)), None),
    "unix_milliseconds of a fraction": (
        w.unix_milliseconds(text("1769860800000.25")),
        datetime(2026, 1, 31, 12, 0, 0, 250),
    ),
    "unix_milliseconds of nan": (w.unix_milliseconds(number(float("nan"))), None),
    "unix_reaches": (w.unix_reaches(integer(1_769_860_800_000), time("2026-01-31 12:00:00"), 1_000), True),
    "unix_reaches not": (w.unix_reaches(integer(1_769_860_799), time("2026-01-31 12:00:00"), 1_000_000), False),
    "unix_reaches before 1970": (w.unix_reaches(integer(-1), time("1969-12-31 23:59:58.5"), 1_000_000), True),
    "unix_reaches not, before 1970": (w.unix_reaches(integer(-3), time("1969-12-31 23:59:58"), 1_000_000), False),
    "unix_reaches of a text": (w.unix_reaches(text("0"), time("2026-01-31 12:00:00"), 1_000), True),
    "unix_reaches of a time": (w.unix_reaches(time("2000-01-01"), time("2026-01-31 12:00:00"), 1_000), True),
    "time_of_text": (w.time_of_text(text("2026-01-31T12:00:00+02:00")), datetime(2026, 1, 31, 10)),
    "time_of_text, Z": (w.time_of_text(text("2026-01-31T12:00:00.5Z")), datetime(2026, 1, 31, 12, 0, 0, 500_000)),
    "time_of_text, a short offset": (w.time_of_text(text("2026-01-31 12:00:00-03")), datetime(2026, 1, 31, 15)),
    "time_of_text without an offset": (w.time_of_text(text("2026-01-31 12:00:00")), datetime(2026, 1, 31, 12)),
    "time_of_text, a day": (w.time_of_text(text("2026-01-31")), datetime(2026, 1, 31)),
    "time_of_text, blanks": (w.time_of_text(text("\t 2026-01-31 12:00:00Z ")), datetime(2026, 1, 31, 12)),
    "time_of_text, an afternoon": (w.time_of_text(text("2026-01-31 01:30:00 PM")), None),
    "time_of_text, UTC": (w.time_of_text(text("2026-01-31 12:00:00 UTC")), datetime(2026, 1, 31, 12)),
    "time_of_text of another": (w.time_of_text(text("noon")), None),
    "later": (w.later(time("2026-03-28 12:00:00"), exp.Literal.number(86400)), datetime(2026, 3, 29, 12)),
    "later, back": (w.later(time("2026-03-28 12:00:00"), exp.Literal.number(-1)), datetime(2026, 3, 28, 11, 59, 59)),
    "engine_clock": (w.engine_clock(time("2026-01-31 23:30:00"), text("Europe/Berlin")), datetime(2026, 2, 1, 0, 30)),
    "number": (w.number(text(" 12.50 ")), Decimal("12.5")),
    "number of a decimal": (w.number(exp.cast(text("0.10"), "DECIMAL(9, 2)")), Decimal("0.1")),
    "number of a double": (w.number(number(12345.678901234567)), Decimal("12345.678901234567")),
    "number of a double with few digits": (w.number(number(1234567.1)), Decimal("1234567.1")),
    "number of a large double": (w.number(number(1.7e15)), 17 * 10**14),
    "number of a larger double": (w.number(number(-1e300)), -(10**20)),
    "number of a float": (w.number(exp.cast(text("0.1"), "FLOAT")), Decimal("0.1")),
    "number of nan": (w.number(number(float("nan"))), None),
    "number of infinity": (w.number(number(float("inf"))), None),
    "number of the text of infinity": (w.number(text("Infinity")), None),
    "number of a whole number": (w.number(exp.cast(text("9223372036854775807"), "BIGINT")), 2**63 - 1),
    "number of a long whole number": (w.number(exp.cast(text("9" * 20), "DECIMAL(38, 0)")), 10**20 - 1),
    "number of a longer whole number": (w.number(exp.cast(text("9" * 30), "DECIMAL(38, 0)")), 10**20),
    "number of a fine decimal": (
        w.number(exp.cast(text("1.1234567890125"), "DECIMAL(38, 18)")),
        Decimal("1.123456789013"),
    ),
    "number of a long text": (w.number(text("-12345.6789012345675")), Decimal("-12345.678901234568")),
    "number of a longer text": (w.number(text("12345678901234567890.5")), Decimal("12345678901234567890.5")),
    "number of a text with an exponent": (w.number(text("1.5e3")), 1500),
    "number of a text too long": (w.number(text("9" * 40)), 10**20),
    "number of a boolean": (w.number(exp.true()), 1),
    "number of a day": (w.number(exp.cast(text("2026-01-31"), "DATE")), None),
    "number of digits of another script": (w.number(text("\u0661\u0662")), None),
    "number of a word": (w.number(text("twelve")), None),
    "boolean": (w.boolean(text(" true\n")), True),
    "boolean of a boolean": (w.boolean(exp.true()), True),
    "boolean of a boolean that is false": (w.boolean(exp.false()), False),
    "boolean of a number": (w.boolean(exp.cast(text("0"), "BIGINT")), False),
    "boolean of nan": (w.boolean(number(float("nan"))), None),
    "boolean of infinity": (w.boolean(number(float("inf"))), None),
    "boolean of a word": (w.boolean(text("maybe")), None),
    "text": (w.text(text(" 2.0 ")), " 2.0 "),
    "text of a double": (w.text(number(2.0)), "2"),
    "text of a double with a fraction": (w.text(number(0.1)), "0.1"),
    "text of a large double": (w.text(number(1.5e17)), "150000000000000000"),
    "text of a small double": (w.text(number(-0.0000015)), "-0.0000015"),
    "text of a huge double": (w.text(number(8.375779756625729e20)), "8.375779756625729e+20"),
    "text of zero": (w.text(number(-0.0)), "0"),
    "text of nan": (w.text(number(float("nan"))), None),
    "text of a decimal": (w.text(exp.cast(text("2.50"), "DECIMAL(9, 2)")), "2.5"),
    "text of a whole decimal": (w.text(exp.cast(text("100.00"), "DECIMAL(9, 2)")), "100"),
    "text of a decimal without places": (w.text(exp.cast(text("100"), "DECIMAL(9, 0)")), "100"),
    "text of a day": (w.text(exp.cast(text("2026-01-31"), "DATE")), "2026-01-31"),
    "iso_time": (w.iso_time(time("2026-01-31 12:00:00.5")), "2026-01-31T12:00:00.500000Z"),
    "microseconds_between": (
        w.microseconds_between(time("2026-01-31 12:00:00"), time("2026-01-31 12:00:01.000001")),
        1_000_001,
    ),
    "microseconds_between, back": (
        w.microseconds_between(time("2026-01-31 12:00:01"), time("2026-01-31 12:00:00")),
        -1_000_000,
    ),
    "finite": (w.finite(number(1.5)), True),
    "finite: infinite": (w.finite(number(float("inf"))), False),
    "finite: nan": (w.finite(number(float("nan"))), False),
    "lower": (w.lower(text("ÄÉß")), "äéß"),
    "has_part": (w.has_part(text("10% off"), text("0%")), True),
    "has_part knows no wildcard": (w.has_part(text("100 off"), text("0%")), False),
    "starts_with": (w.starts_with(text("_a"), text("_")), True),
    "starts_with knows no wildcard": (w.starts_with(text("ba"), text("_")), False),
    "ends_with": (w.ends_with(text("a%"), text("%")), True),
    "ends_with knows no wildcard": (w.ends_with(text("ab"), text("%")), False),
    "matches a part": (w.matches(text("green tea"), text("t.a$")), True),
    "matches nothing": (w.matches(text("green tea"), text("^tea")), False),
    "matches both ends": (w.matches(text("green tea"), text("^green tea$")), True),
    "matches an escaped sign": (w.matches(text("5$ off"), text(r"5\$ o")), True),
    "similarity": (w.similarity(text("ana"), text("ana")), 1.0),
    "similarity of strangers": (w.similarity(text("ana"), text("zoe")), 0.0),
    "text_hash": (w.text_hash(text("tëa")), "c3ae55daa1700783fe88d55adac4eb0e"),
    "row_hash": (w.row_hash(text("a"), text(None), exp.Literal.number(1)), "0d72252d6dbedc0f4a006ab90e559402"),
    "json_text": (w.json_text(text('{"a.b": "tea", "n": 1}'), "a.b"), "tea"),
    "json_text of a number": (w.json_text(text('{"n": 1}'), "n"), "1"),
    "json_text without the key": (w.json_text(text('{"n": 1}'), "m"), None),
    "json_text of no JSON": (w.json_text(text("tea"), "n"), None),
    "json_text by a path": (w.json_text(text('{"a": {"b": {"c": "tea"}}}'), "a", "b", "c"), "tea"),
    "json_text of a struct": (w.json_text(parse_one("{'a': {'b': 'tea'}}", dialect="duckdb"), "a", "b"), "tea"),
    "json_text through a list": (w.json_text(text('{"a": [{"b": "tea"}]}'), "a", "b"), None),
    "json_text through a text": (w.json_text(text('{"a": "b"}'), "a", "b"), None),
    **{f"json_text: key {key!r}": (w.json_text(text(json.dumps({key: "tea", "b": "no"})), key), "tea") for key in KEYS},
    **{
        f"json_text: key {key!r} on a path": (
            w.json_text(text(json.dumps({"x": {key: {"0": {key: "tea"}, "y": "no"}}})), "x", key, "0", key),
            "tea",
        )
        for key in KEYS
    },
    **{
        f"json_text: key {key!r} is no place in a list": (w.json_text(text('{"x": ["no"]}'), "x", key), None)
        for key in KEYS
    },
    "json_texts": (
        w.json_texts(text('{"a": [{"b": "x"}, {"b": ["y", null, 1]}, {}, 5, null]}'), "a", "b"),
        ["x", "y", "1"],
    ),
    "json_texts of one": (w.json_texts(text('{"a": {"b": "x"}}'), "a", "b"), ["x"]),
    "json_texts of a list": (w.json_texts(text('[{"b": "x"}, {"b": "y"}]'), "b"), ["x", "y"]),
    "json_texts of structs": (w.json_texts(parse_one("[{'b': 'x'}, {'b': 'y'}]", dialect="duckdb"), "b"), ["x", "y"]),
    "json_texts of nothing": (w.json_texts(text('{"a": 1}'), "b"), []),
    "json_texts of no JSON": (w.json_texts(text("tea"), "b"), []),
    "json_texts of null": (w.json_texts(text(None), "b"), []),
    **{
        f"json_texts: key {key!r}": (w.json_texts(text(json.dumps([{key: "tea", "b": "no"}, ["no"]])), key), ["tea"])
        for key in KEYS
    },
    "json_part": (w.json_part(text('{"a": {"n": ["x"]}}'), "a", "n"), '["x"]'),
    "numeral": (numeral('{"n": 2.0}'), "2"),
    "numeral of a large number": (numeral('{"n": 1.5e17}'), "150000000000000000"),
    "numeral of a fraction": (numeral('{"n": 2.50}'), "2.5"),
    "numeral of a text": (numeral('{"n": "2.0"}'), "2.0"),
    "numeral beside a text": (numeral('{"m": "x", "n": 2.0}'), "2"),
    "numeral beside a list": (numeral('{"m": [1, "2"], "n": 1.5e17}'), "150000000000000000"),
    "numeral beside an escaped quote": (numeral('{"m": "\\"n\\": 1", "n": 12345678.50}'), "12345678.5"),
    "numeral of a text beside a number": (numeral('{"m": 1, "n": "2.0"}'), "2.0"),
    "numeral of nan": (numeral('{"n": NaN}'), None),
    "list_of_text of numbers": (
        w.list_of_text(text('["2.0", 2.0, 2, 1e3, null, true]')),
        ["2.0", "2", "2", "1000", "true"],
    ),
    "list_of_text after a blank": (w.list_of_text(text(' ["a", 10000000.0]')), ["a", "10000000"]),
    "json_line": (
        w.json_line([("a", text("x")), ("b", exp.Literal.number(1)), ("c", text(None))]),
        '{"a":"x","b":1,"c":null}',
    ),
    "list_of_text": (w.list_of_text(text('["a", null, "b"]')), ["a", "b"]),
    "list_of_text of another": (w.list_of_text(text("tea")), None),
    "list_lower": (w.list_lower(texts("A", "b")), ["a", "b"]),
    "list_lower of odd letters": (w.list_lower(texts('Ä"\\N\n', "")), ['ä"\\n\n', ""]),
    "list_contains": (w.list_contains(texts("a", "b"), text("b")), True),
    "list_contains not": (w.list_contains(texts("a", "b"), text("c")), False),
    "list_overlaps": (w.list_overlaps(texts("a", "b"), [text("c"), text("b")]), True),
    "list_overlaps not": (w.list_overlaps(texts("a", "b"), [text("c")]), False),
    "json_list": (w.json_list(text('["a", "\\u0007é"]'), exp.DataType.build("text")), ["a", "\aé"]),
    "json_list of numbers": (w.json_list(text('["1", "-2"]'), exp.DataType.build("bigint")), [1, -2]),
    "written_for": (w.written_for(parse_one(r"'vip_gold' LIKE 'vip\_%'", "postgres"), "postgres", "\\"), True),
    "written_for a plain backslash": (w.written_for(parse_one(r"'a\b' LIKE 'a\%'", "duckdb"), "duckdb", None), True),
    "a word in a word": (w.list_contains(w.list_lower(texts("A")), w.lower(text("A"))), True),
}


def words_of_python() -> set[str]:
    found = {name for name, one in inspect.getmembers(w, inspect.isfunction) if one.__module__ == w.__name__}
    return {name for name in found if not name.startswith("_")}


def test_every_word_has_a_form_and_a_meaning() -> None:
    assert words_of_python() == w.Words.__abstractmethods__ | {"written_for"}
    rows = {"average", "first_by", "list_rows", "list_items"}
    assert {name.split(",")[0].split(":")[0].split(" ")[0] for name in MEANINGS} - {"a"} == words_of_python() - rows


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        pytest.param("a^", [], id="a beginning after a text"),
        pytest.param("$a", [], id="an end before a text"),
        pytest.param("^a", ["a", "ab"], id="a beginning"),
        pytest.param("a$", ["a", "ba"], id="an end"),
        pytest.param("^a$", ["a"], id="both"),
        pytest.param("b^|b$", ["ab"], id="a branch that is never met"),
    ],
)
def test_anchors_of_patterns(asked: Warehouse, pattern: str, found: list[str]) -> None:
    rows = parse_one("select 'a' as x union all select 'ab' union all select 'ba'")
    query = exp.select("x").from_(rows.subquery("r")).where(w.matches(exp.column("x"), text(pattern)))  # type: ignore[attr-defined]
    assert [row["x"] for row in asked.rows(query.order_by("x"))] == found


@pytest.mark.parametrize(("expression", "meaning"), MEANINGS.values(), ids=MEANINGS.keys())
def test_what_a_word_means(asked: Warehouse, expression: exp.Expr, meaning: Any) -> None:
    assert asked.scalar(exp.select(expression.as_("found"))) == meaning


EVENTS = "select * from (values ('a', 2, 9), ('b', 1, 8), ('c', 3, 7), ('d', null, 1)) as events (name, at, amount)"


@pytest.mark.parametrize(
    ("descending", "where", "first"),
    [
        pytest.param(False, None, "b", id="the earliest"),
        pytest.param(True, None, "c", id="the latest: no time comes last"),
        pytest.param(False, "amount <> 8", "a", id="the earliest of some"),
        pytest.param(False, "amount > 100", None, id="of none"),
    ],
)
def test_first_by(asked: Warehouse, descending: bool, where: str | None, first: str | None) -> None:
    order = [exp.Ordered(this=exp.column("at"), desc=descending, nulls_first=False)]
    found = w.first_by(exp.column("name"), order, parse_one(where) if where else None)
    assert asked.scalar(exp.select(found.as_("found")).from_(f"({EVENTS}) as events")) == first


def test_list_rows(asked: Warehouse) -> None:
    query = exp.select(w.list_rows([text("a"), exp.column("x"), text(None)]).as_("found")).from_(
        "(select 'b' as x) as t"
    )
    assert [row["found"] for row in asked.rows(query)] == ["a", "b", None]


def test_list_items(asked: Warehouse) -> None:
    items = w.list_items(w.list_of_text(text('["a", "b", "a"]')))
    assert [row["found"] for row in asked.rows(exp.select(items.as_("found")))] == ["a", "b", "a"]


def test_a_query_keeps_its_words(engine: Engine) -> None:
    """Rendering changes a copy: what a pass has built can be rendered again, and by another engine."""
    query = exp.select(w.lower(w.lower(text("A"))).as_("x"))
    shared = exp.select(query.expressions[0], query.expressions[0])
    assert engine.words.sql(query) == engine.words.sql(query)
    assert engine.words.sql(shared).upper().count("LOWER(") == 4
    assert w.MARK in query.sql()


@pytest.mark.parametrize(
    "values",
    [
        "1, 2", "1, 1, 2", "2, 2, 1", "-1, -1, -2", "0", "0.000000000001, 0, 0", "12345678.9, 0.1, 7",
        "10000000000000.01, 10000000000000.02, 10000000000000.02", "99999999999999999999.5, 1, 1",
    ],
)  # fmt: skip
def test_an_average_lies_where_its_quotient_does(asked: Warehouse, values: str) -> None:
    numbers = [Fraction(value) for value in values.split(", ")]
    quotient = sum(numbers, Fraction(0)) / len(numbers)
    rows = parse_one(f"select unnest([{values}]::decimal(38, 12)[]) as x", dialect="duckdb")
    average = exp.select(w.average(exp.column("x")).as_("found")).from_(rows.subquery("r"))  # type: ignore[attr-defined]
    found = asked.query(average).column(0)[0].as_py()
    assert Fraction(asked.scalar(average)) == Fraction(round(quotient * 10**12), 10**12)
    lower = Fraction(quotient * 10**12 // 1, 10**12)
    for bound in (lower - Fraction(1, 10**12), lower, lower + Fraction(1, 10**12)):
        assert (Fraction(found) > bound, Fraction(found) == bound) == (quotient > bound, quotient == bound)
