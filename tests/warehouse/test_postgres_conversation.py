"""What is held back on Postgres goes with the next question: the same rows and the same errors, in fewer messages."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pytest
from sqlglot import exp, parse_one

from segflow.durations import Duration
from segflow.errors import TimeLimitError, WarehouseError
from segflow.warehouse.base import Warehouse
from segflow.warehouse.postgres.engine import PostgresEngine
from tests.postgres import Server
from tests.warehouse.test_idle_tick import watch_postgres

MARKS = exp.select("contact_id").from_("segflow.import_marks").order_by("contact_id")


def sql(text: str) -> Any:
    return parse_one(text, dialect="postgres")


@pytest.fixture(scope="module")
def url(postgres: Server) -> Iterator[str]:
    url = postgres.new_database()
    with PostgresEngine(url).open() as warehouse:
        warehouse.ensure_tables()
    yield url
    postgres.drop_database(url)


@pytest.fixture
def engine(url: str) -> Iterator[PostgresEngine]:
    engine = PostgresEngine(url)
    yield engine
    with engine.open() as warehouse:
        warehouse.execute(sql("DELETE FROM segflow.import_marks"))


def mark(warehouse: Warehouse, *contacts: str) -> None:
    rows = {"contact_id": list(contacts), "import_id": [None] * len(contacts)}
    schema = pa.schema([("contact_id", pa.string()), ("import_id", pa.string())])
    warehouse.append("import_marks", "t1", pa.table(rows, schema=schema))


def marks(engine: PostgresEngine) -> list[str]:
    """Those that another connection sees."""
    with engine.look() as warehouse:
        return [row["contact_id"] for row in warehouse.rows(MARKS)]


def together(warehouse: Warehouse, *work: Callable[[Warehouse], object]) -> None:
    """In one transaction."""
    with warehouse.transaction():
        for one in work:
            one(warehouse)


def fail(_: Warehouse) -> None:
    raise ValueError("on purpose")


def quiet(warehouse: Warehouse) -> None:
    with warehouse.transaction():
        pass


def told_only(warehouse: Warehouse) -> None:
    with warehouse.transaction():
        mark(warehouse, "ana", "bo")
        warehouse.stage("kept", exp.select("contact_id").from_("segflow.import_marks"))
        warehouse.append("consent_changes", "t1", pa.table({"contact_id": pa.array([], pa.string())}))


def asked_twice(warehouse: Warehouse) -> None:
    with warehouse.transaction():
        warehouse.stage("kept", sql("SELECT 'ana' AS contact_id"))
        warehouse.append("import_marks", "t1", exp.select("*").from_("temp.kept"))
        assert [row["contact_id"] for row in warehouse.rows(MARKS)] == ["ana"]
        warehouse.stage("kept", sql("SELECT 'bo' AS contact_id, 1 AS n"))
        assert warehouse.sizes(["kept"]) == [1]
        warehouse.replace("suppressions", pa.table({"channel": pa.array([], pa.string())}))


def several(warehouse: Warehouse) -> None:
    assert warehouse.answers(sql("SELECT 1 AS n"), sql("SELECT 'a' AS t WHERE 1 = 2"), sql("SELECT true AS b")) == [
        [{"n": 1}],
        [],
        [{"b": True}],
    ]


def in_pieces(warehouse: Warehouse) -> None:
    rows = sql("SELECT n FROM generate_series(1, 5) AS s(n)")
    assert [batch.num_rows for batch in warehouse.batches(rows, 10)] == [5]


@pytest.mark.parametrize(
    ("work", "messages"),
    [(quiet, 0), (told_only, 1), (asked_twice, 3), (several, 1), (in_pieces, 2)],
    ids=["nothing said", "nothing asked", "two questions and the commit", "several questions", "a small cursor"],
)
def test_messages(
    engine: PostgresEngine,
    work: Callable[[Warehouse], None],
    messages: int,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    found = watch_postgres(monkeypatch, tmp_path)
    with engine.open() as warehouse:
        work(warehouse)
    beginning = ("set_config", "to_regprocedure")
    assert len([one for one in found() if not any(word in one for word in beginning)]) == messages


def test_what_is_held_back_is_there_after_the_commit_and_not_before(engine: PostgresEngine) -> None:
    with engine.open() as warehouse, warehouse.transaction():
        mark(warehouse, "ana")
        assert marks(engine) == []
    assert marks(engine) == ["ana"]


def ask(warehouse: Warehouse) -> None:
    warehouse.rows(sql("SELECT 1 AS n"))


def ask_much(warehouse: Warehouse) -> None:
    warehouse.answers(sql("SELECT 1 AS n"), sql("SELECT 2 AS n"))


def read_on(warehouse: Warehouse) -> None:
    list(warehouse.batches(sql("SELECT 1 AS n"), 10))


def bind(warehouse: Warehouse) -> None:
    warehouse.bind(sql("SELECT 1 AS n"))


def copy_in(warehouse: Warehouse) -> None:
    warehouse.stage("many", pa.table({"n": list(range(1000))}))


def settle(warehouse: Warehouse) -> None:
    warehouse.settle("t1", [])


def nest(warehouse: Warehouse) -> None:
    with warehouse.transaction():
        pass


def limit(warehouse: Warehouse) -> None:
    with warehouse.time_limit(Duration.parse("1 minute")):
        pass


def nothing(warehouse: Warehouse) -> None:
    """The commit is what comes next."""


AFTERWARDS = [ask, ask_much, read_on, bind, copy_in, settle, nest, limit, nothing]


@pytest.mark.parametrize("afterwards", AFTERWARDS, ids=lambda one: one.__name__)
def test_a_statement_that_fails_is_told_by_what_takes_it_along(
    engine: PostgresEngine, afterwards: Callable[[Warehouse], None]
) -> None:
    def broken(warehouse: Warehouse) -> None:
        mark(warehouse, "ana")
        warehouse.stage("broken", sql("SELECT 1 / (count(*) - 1) AS n FROM segflow.import_marks"))
        warehouse.stage("later", sql("SELECT nothing FROM nowhere"))

    with engine.open() as warehouse:
        with pytest.raises(WarehouseError, match=r"^division by zero$"):
            together(warehouse, broken, afterwards)
        # The connection is as good as new, and so is the name.
        warehouse.stage("broken", sql("SELECT 2 AS n"))
        assert warehouse.rows(sql("SELECT n FROM temp.broken")) == [{"n": 2}]
    assert marks(engine) == []


@pytest.mark.parametrize("number", [1, 50, 500])
def test_the_first_of_many_errors_is_told(engine: PostgresEngine, number: int) -> None:
    def broken(warehouse: Warehouse) -> None:
        for one in range(number):
            warehouse.execute(sql(f"DELETE FROM nowhere_{one}"))

    told = r'^relation "nowhere_0" does not exist$'
    with engine.open() as warehouse, pytest.raises(WarehouseError, match=told):
        together(warehouse, broken, ask)


def test_an_error_that_somebody_swallowed_is_no_commit(engine: PostgresEngine) -> None:
    def swallow(warehouse: Warehouse) -> None:
        with warehouse.transaction():
            mark(warehouse, "ana")
            with pytest.raises(WarehouseError, match="division by zero"):
                warehouse.rows(sql("SELECT 1 / 0 AS n"))

    with engine.open() as warehouse, pytest.raises(WarehouseError, match="it was taken back"):
        swallow(warehouse)
    assert marks(engine) == []


def test_whoever_raises_takes_back_what_was_held_back(engine: PostgresEngine) -> None:
    def interrupted(warehouse: Warehouse) -> None:
        with warehouse.transaction():
            mark(warehouse, "ana")
            raise KeyboardInterrupt

    with engine.open() as warehouse:
        with pytest.raises(KeyboardInterrupt):
            interrupted(warehouse)
        assert warehouse.rows(MARKS) == []
        mark(warehouse, "bo")
    assert marks(engine) == ["bo"]


def test_one_inside_of_another_takes_only_itself_back(engine: PostgresEngine) -> None:
    with engine.open() as warehouse, warehouse.transaction():
        mark(warehouse, "ana")
        with pytest.raises(ValueError, match="on purpose"):
            together(warehouse, lambda w: mark(w, "bo"), fail)
        with warehouse.transaction():
            warehouse.append("consent_changes", "t1", pa.table({"contact_id": ["ana"]}))
    with engine.look() as warehouse:
        assert (marks(engine), warehouse.count("consent_changes")) == (["ana"], 1)
        warehouse.execute(sql("DELETE FROM segflow.consent_changes"))


def test_a_time_limit_holds_for_what_is_told_in_its_block(engine: PostgresEngine) -> None:
    def slow(warehouse: Warehouse) -> None:
        with warehouse.transaction(), warehouse.time_limit(Duration.parse("1 second")):
            warehouse.stage("slow", sql("SELECT CAST(pg_sleep(60) AS text) AS n"))

    with engine.open() as warehouse, pytest.raises(TimeLimitError):
        slow(warehouse)


@pytest.mark.parametrize("rows", [0, 1, 9, 10, 11, 25])
@pytest.mark.parametrize("inside", [False, True], ids=["alone", "in a transaction"])
def test_rows_in_pieces(engine: PostgresEngine, rows: int, inside: bool) -> None:
    asked = sql(f"SELECT n FROM generate_series(1, {rows}) AS s(n)")

    def pieces(warehouse: Warehouse) -> list[int]:
        return [n for batch in warehouse.batches(asked, 10) for n in batch.column(0).to_pylist()]

    with engine.open() as warehouse:
        if not inside:
            assert pieces(warehouse) == list(range(1, rows + 1))
            return
        with warehouse.transaction():
            mark(warehouse, "ana")
            assert pieces(warehouse) == pieces(warehouse) == list(range(1, rows + 1))
            assert zip(warehouse.batches(asked, 10), warehouse.batches(asked, 10), strict=True)
    assert marks(engine) == ["ana"]


def test_temporary_tables_are_gone_for_who_has_the_connection_next(engine: PostgresEngine) -> None:
    staged = sql("SELECT to_regclass('pg_temp.kept') IS NULL AS gone")
    with engine.open():  # so that the other one is kept
        with engine.open() as warehouse:
            warehouse.stage("kept", sql("SELECT 1 AS n"))
        with engine.open() as warehouse:
            with pytest.raises(WarehouseError, match="division"), warehouse.transaction():
                warehouse.rows(sql("SELECT 1 / 0 AS n"))
            assert warehouse.rows(staged) == [{"gone": True}]
            warehouse.stage("kept", sql("SELECT 2 AS n"))
        with engine.open() as warehouse, warehouse.transaction():
            assert warehouse.rows(staged) == [{"gone": True}]
        with engine.open() as warehouse:
            assert warehouse.rows(staged) == [{"gone": True}]


def test_a_table_may_be_staged_from_itself_and_after_a_transaction_that_failed(engine: PostgresEngine) -> None:
    with engine.open() as warehouse:
        warehouse.stage("kept", sql("SELECT 1 AS n"))
        with pytest.raises(ValueError, match="on purpose"):
            together(warehouse, lambda w: w.stage("kept", sql("SELECT n, 'x' AS contact_id FROM temp.kept")), fail)
        warehouse.stage("kept", sql("SELECT n + 1 AS n, 'ana' AS contact_id FROM temp.kept"))
        warehouse.append("import_marks", "t1", sql("SELECT contact_id FROM temp.kept WHERE n = 2"))
    assert marks(engine) == ["ana"]


def test_a_backend_that_dies_is_told_and_nothing_was_done(engine: PostgresEngine) -> None:
    def killed(warehouse: Any) -> None:
        with warehouse.transaction():
            mark(warehouse, "ana")
            pid = warehouse.scalar(sql("SELECT pg_backend_pid()"))
            with psycopg.connect(engine._url, autocommit=True) as other:
                other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
            mark(warehouse, "bo")

    with pytest.raises(Exception, match="cannot be used: "), engine.open() as warehouse:
        killed(warehouse)
    assert marks(engine) == []


def test_a_view_that_is_the_same_stays(engine: PostgresEngine) -> None:
    with engine.open() as warehouse:
        warehouse.create_view("shown", sql("SELECT 1 AS n"))
        warehouse.execute(sql("CREATE VIEW segflow.on_it AS SELECT n FROM segflow.shown"))
        warehouse.create_view("shown", sql("SELECT 1 AS n"))
        assert warehouse.exists("on_it")
        warehouse.create_view("shown", sql("SELECT 'it''s' AS text"))
        assert not warehouse.exists("on_it")
        assert warehouse.rows(sql("SELECT * FROM segflow.shown")) == [{"text": "it's"}]
        odd = r"$$ $segflow$ ' \' E'\n' ; -- % {} é"
        warehouse.create_view("shown", exp.select(exp.Literal.string(odd).as_("text")))
        assert warehouse.rows(sql("SELECT * FROM segflow.shown")) == [{"text": odd}]
        warehouse.drop_view("shown")
        warehouse.create_table("shown", sql("SELECT 1 AS n"))
        warehouse.create_view("shown", sql("SELECT 2 AS n"))
        assert warehouse.rows(sql("SELECT * FROM segflow.shown")) == [{"n": 2}]
        with pytest.raises(WarehouseError, match=r'^column "nothing" does not exist$'):
            warehouse.create_view("shown", sql("SELECT nothing"))
        warehouse.drop_view("shown")


def test_in_a_rehearsal_a_statement_that_fails_takes_only_itself_back(engine: PostgresEngine) -> None:
    broken = sql("SELECT 1 / (count(*) - 1) AS n FROM segflow.import_marks")
    works: dict[str, Callable[[Warehouse], object]] = {
        'relation "nowhere" does not exist': lambda w: w.create_view("shown", sql("SELECT n FROM nowhere")),
        "division by zero": lambda w: w.create_table("shown", broken),
        "by zero": lambda w: w.stage("shown", broken),
        "zero": lambda w: w.append("consent_changes", "t1", sql("SELECT CAST(1 / 0 AS text) AS contact_id")),
    }

    def play(warehouse: Warehouse) -> list[dict[str, Any]]:
        mark(warehouse, "ana")
        for told, work in works.items():
            with pytest.raises(WarehouseError, match=told):
                work(warehouse)
        warehouse.stage("shown", exp.select("contact_id").from_("segflow.import_marks"))
        return warehouse.answers(exp.select("*").from_("temp.shown"), MARKS)[0]

    assert (engine.rehearse(play), marks(engine)) == ([{"contact_id": "ana"}], [])


def test_a_cancel_from_another_thread_ends_the_question(engine: PostgresEngine) -> None:
    with engine.open() as warehouse:
        timer = threading.Timer(0.5, warehouse._interrupt)  # type: ignore[attr-defined]
        timer.start()
        with pytest.raises(WarehouseError, match="cancel"):
            together(warehouse, lambda w: mark(w, "ana"), lambda w: w.rows(sql("SELECT CAST(pg_sleep(60) AS text)")))
        timer.join()
    assert marks(engine) == []
