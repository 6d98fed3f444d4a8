"""What a connection keeps for a while on Spark: a table only where a query must not be asked again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pytest
from sqlglot import exp, parse_one

from segflow.warehouse.spark.rehearsal import Rehearsal
from segflow.warehouse.spark.stages import STAGES
from segflow.warehouse.spark.statements import is_of_none, table_read_whole
from segflow.warehouse.spark.warehouse import SparkWarehouse
from tests.sail import Sail

SOME = pa.table(
    {
        "text": pa.array(["a", None], pa.string()),
        "long_text": pa.array(["b", None], pa.large_string()),
        "number": pa.array([1, None], pa.int64()),
        "small": pa.array([2, None], pa.int32()),
        "double": pa.array([1.5, None], pa.float64()),
        "exact": pa.array([Decimal("1.50"), None], pa.decimal128(18, 2)),
        "yes": pa.array([True, None], pa.bool_()),
        "day": pa.array([date(2026, 1, 31), None], pa.date32()),
        "at": pa.array([datetime(2026, 1, 31, 12), None], pa.timestamp("us")),
        "instant": pa.array([datetime(2026, 1, 31, 12, tzinfo=UTC), None], pa.timestamp("us", tz="UTC")),
        "texts": pa.array([["a", "b"], None], pa.list_(pa.string())),
        "nothing": pa.nulls(2),
    }
)


@pytest.fixture
def warehouse(sail: Sail) -> Iterator[SparkWarehouse]:
    with closing(SparkWarehouse(*sail.new_warehouse())) as opened:
        yield opened


def rows(warehouse: SparkWarehouse, staged: exp.Table) -> list[tuple[object, ...]]:
    return sorted(tuple(row.values()) for row in warehouse.rows(exp.select("*").from_(staged.copy())))


def tables(warehouse: SparkWarehouse) -> int:
    return len(warehouse._listed(STAGES))


def query(text: str) -> exp.Query:
    parsed = parse_one(text)
    assert isinstance(parsed, exp.Query)
    return parsed


@pytest.mark.parametrize("number", [2, 0], ids=["few", "none"])
def test_rows_from_here_are_the_same_as_in_a_table(warehouse: SparkWarehouse, number: int) -> None:
    given = SOME.slice(0, number)
    kept = exp.table_("kept", db="temp")
    warehouse._staged["kept"] = warehouse._in_a_table("kept", given)
    staged = warehouse.stage("mine", given)
    assert tables(warehouse) == 1
    found, as_kept = (warehouse.query(exp.select("*").from_(one)) for one in (staged, kept))
    assert found.schema == as_kept.schema
    assert found.to_pylist() == as_kept.to_pylist()


def test_many_rows_from_here_are_a_table(warehouse: SparkWarehouse) -> None:
    warehouse.stage("many", pa.table({"n": range(1_001)}))
    warehouse.stage("long", pa.table({"text": ["a" * 100_001]}))
    assert tables(warehouse) == 2


def test_a_name_can_be_for_one_kind_of_rows_after_the_other(warehouse: SparkWarehouse) -> None:
    few, none = pa.table({"n": [1, 2]}), pa.table({"n": [1]}).slice(0, 0)
    two = query("select 3 as n union all select 4")
    kinds: list[tuple[exp.Query | pa.Table, list[int]]] = [(few, [1, 2]), (none, []), (two, [3, 4])]
    for before, _ in kinds:
        for given, expected in kinds:
            warehouse.stage("mine", before)
            staged = warehouse.stage("mine", given)
            assert rows(warehouse, staged) == [(n,) for n in expected]
            more = warehouse.stage("mine", exp.union(exp.select("n").from_(staged), query("select 9"), distinct=False))
            assert rows(warehouse, more) == [(n,) for n in [*expected, 9]]
            assert tables(warehouse) == 1


def test_another_name_for_the_same_rows_outlives_the_first(warehouse: SparkWarehouse) -> None:
    first = warehouse.stage("first", query("select 1 as n"))
    same = warehouse.view("same", exp.select("*").from_(first))
    assert tables(warehouse) == 1
    again = warehouse.stage("first", exp.union(exp.select("n").from_(first), query("select 2"), distinct=False))
    assert rows(warehouse, same) == [(1,)]
    assert rows(warehouse, again) == [(1,), (2,)]
    assert tables(warehouse) == 2
    warehouse.view("same", exp.select("*").from_(again))
    assert tables(warehouse) == 1, "what neither name stands for is removed"
    warehouse.stage("first", query("select 5 as n"))
    assert rows(warehouse, same) == [(1,), (2,)]


def test_another_name_for_few_rows_keeps_them(warehouse: SparkWarehouse) -> None:
    first = warehouse.stage("first", pa.table({"n": [1]}))
    same = warehouse.view("same", exp.select("*").from_(first))
    warehouse.stage("first", pa.table({"n": [2]}))
    assert rows(warehouse, same) == [(1,)]


def test_a_view_goes_with_the_last_name_for_it(warehouse: SparkWarehouse) -> None:
    first = warehouse.stage("first", pa.table({"n": [1]}))
    view = warehouse._staged["first"].name
    warehouse.view("same", exp.select("*").from_(first))
    assert tables(warehouse) == 0, "a second name for a view is no table"
    warehouse.stage("first", pa.table({"n": [2]}))
    assert warehouse._session.catalog.tableExists(view)
    warehouse.view("same", exp.select("*").from_(first))
    assert not warehouse._session.catalog.tableExists(view)
    assert rows(warehouse, first) == [(2,)]


@pytest.mark.parametrize("number", [2, 0], ids=["few", "none"])
@pytest.mark.parametrize("nested", [False, True], ids=["plain", "nested"])
def test_rows_that_are_brought_here_are_the_same_as_in_a_table(
    warehouse: SparkWarehouse, number: int, nested: bool
) -> None:
    warehouse._staged["given"] = warehouse._in_a_table("given", SOME)
    more = ["cast(1 as tinyint) as tiny", "date'2026-01-31' - interval 1 day as before", "cast(1.5 as float) as f"]
    if nested:
        more += ["named_struct('a', 1, 'b', text) as s", "array(named_struct('b', text)) as l"]
    where = "text is not null" if nested else "true"
    told = query(f"select *, {', '.join(more)} from temp.given where {where} limit {number}")
    kept, staged = warehouse.stage("kept", told), warehouse.stage("mine", told, about=1_000)
    assert tables(warehouse) == (3 if nested and not number else 2)
    found, as_kept = (warehouse.query(exp.select("*").from_(one.copy())) for one in (staged, kept))
    kinds = [
        str([(field.name, field.type) for field in one.schema]).replace(" not null", "") for one in (found, as_kept)
    ]
    assert kinds[0] == kinds[1]
    assert found.to_pylist() == as_kept.to_pylist()


def test_more_rows_than_were_told_are_a_table(warehouse: SparkWarehouse) -> None:
    staged = warehouse.stage("many", query("select explode(sequence(1, 1001)) as n"), about=3)
    assert tables(warehouse) == 1
    assert len(rows(warehouse, staged)) == 1_001
    warehouse.stage("many", query("select explode(sequence(1, 3)) as n"), about=1_001)
    assert tables(warehouse) == 1


def test_rounds_of_few_rows_make_no_tables(warehouse: SparkWarehouse) -> None:
    told = query("with recursive r as (select 1 as n union all select n + 1 from r where n < 4) select n from r")
    assert rows(warehouse, warehouse.stage("rounds", told, about=4)) == [(1,), (2,), (3,), (4,)]
    assert tables(warehouse) == 0


def test_a_query_of_no_rows_is_not_run(warehouse: SparkWarehouse) -> None:
    read = warehouse.stage("read", query("select 1 as n, 'a' as text"))
    none = warehouse.stage("none", query("select n, text, null as nothing from temp.read where false"))
    assert tables(warehouse) == 1
    found = warehouse.query(exp.select("*").from_(none))
    assert [field.type for field in found.schema] == [pa.int32(), pa.string(), pa.string()]
    both = exp.union(exp.select("n", "text").from_(none), exp.select("n", "text").from_(read), distinct=False)
    assert rows(warehouse, warehouse.stage("both", both)) == [(1, "a")]


def test_a_query_of_no_rows_keeps_its_types(warehouse: SparkWarehouse) -> None:
    one = "named_struct('a', 1) as s, array(named_struct('b', 'x')) as l, array('x') as texts, cast(1 as tinyint) as n"
    warehouse._asked(f"create table `{STAGES}`.`one` using delta as select {one}")
    read = exp.select("*").from_(exp.table_("one", db=STAGES))
    rest = warehouse.stage("none", read.copy().where(exp.false()))
    assert tables(warehouse) == 2, "a struct has no name of its own"
    flat = exp.select("texts", "n").from_(exp.table_("one", db=STAGES))
    both = exp.union(flat, exp.select("texts", "n").from_(warehouse.stage("flat", flat.copy().where(exp.false()))))
    assert tables(warehouse) == 2
    whole = exp.union(read, exp.select("*").from_(rest))
    for one_query, other in ((both, flat), (whole, read)):
        kinds = ([str(field.type) for field in warehouse.query(query).schema] for query in (one_query, other))
        # An empty list may be of nothing else than nulls.
        assert len({str(found).replace(" not null", "") for found in kinds}) == 1


def test_nothing_is_left_behind(sail: Sail) -> None:
    warehouse = SparkWarehouse(*sail.new_warehouse())
    first = warehouse.stage("first", query("select 1 as n"))
    warehouse.view("same", exp.select("*").from_(first))
    warehouse.stage("few", pa.table({"n": [1]}))
    view = warehouse._staged["few"].name
    assert warehouse._session.catalog.tableExists(view)
    warehouse.close()
    assert tables(warehouse) == 0
    assert not warehouse._session.catalog.tableExists(view)


def test_a_view_that_is_rehearsed_stays_as_it_was_made(sail: Sail) -> None:
    """It may be no other name for what is staged, which is gone sooner."""
    rehearsal = Rehearsal(*sail.new_warehouse())
    first = rehearsal.stage("first", query("select 1 as n"))
    rehearsal.create_view("made", exp.select("*").from_(first))
    rehearsal.stage("first", query("select 2 as n"))
    made = exp.table_("made", db="segflow")
    assert rows(rehearsal, made) == [(1,)]
    assert rehearsal.exists("made")
    rehearsal.drop_view("made")
    assert not rehearsal.exists("made")
    assert rehearsal.missing(["made", "contacts"]) == ["made", "contacts"]
    rehearsal.leave()
    assert tables(rehearsal) == 0


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("select * from temp.a", "a"),
        ("select * from temp.a as b", "a"),
        ("select * from temp.a where x", None),
        ("select * from temp.a limit 1", None),
        ("select distinct * from temp.a", None),
        ("select *, 1 as n from temp.a", None),
        ("select a.n from temp.a", None),
        ("select * from temp.a, temp.b", None),
        ("select * from temp.a cross join temp.b", None),
        ("select * from (select 1 as n) as a", None),
        ("with a as (select 1 as n) select * from a", None),
        ("select * from temp.a union all select * from temp.b", None),
    ],
)
def test_which_queries_read_a_table_whole(text: str, read: str | None) -> None:
    found = table_read_whole(query(text))
    assert (found.name if found is not None else None) == read


@pytest.mark.parametrize(
    ("text", "none"),
    [
        ("select a from t where false", True),
        ("select distinct a from t where false", True),
        ("select a from t where true", False),
        ("select a from t where not false", False),
        ("select a from t where false or a > 1", False),
        ("select count(*) as n from t where false", False),
        ("select coalesce(max(a), 1) as n from t where false", False),
        ("select a from t", False),
        ("select a from t where false union all select a from t", False),
    ],
)
def test_which_queries_have_no_rows(text: str, none: bool) -> None:
    assert is_of_none(query(text)) is none
