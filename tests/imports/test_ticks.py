"""What imports do to contacts, lists, crossings and flows; that nothing is lost, doubled or done twice."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from segflow.crashpoints import watched
from segflow.errors import RunError
from tests.world import World

FIRST = datetime(2026, 3, 1, tzinfo=UTC)
HELLO: dict[str, Any] = {
    "status": "active",
    "reentry": "always",
    "trigger": {"any": [{"enters": "told"}, {"exits": "romans"}]},
    "steps": [{"id": "hello", "send_sms": {"text": "Hello"}}],
}
MODEL: list[dict[str, Any]] = [
    {"contact_id": "ana", "city": "London", "score": 1.0, "created_at": FIRST},
    {"contact_id": "bob", "city": "Rome", "created_at": FIRST},
]


def day(number: int) -> datetime:
    return FIRST + timedelta(days=number)


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Ana (London, score 1) and Bob (Rome) are in the model, and one tick is behind it."""
    world = World(tmp_path_factory.mktemp("lived"))
    world.rows_of("contacts", MODEL)
    world.segment("told", {"where": {"attribute": "score", "gte": 1}})
    world.segment("romans", {"where": {"attribute": "city", "is": "Rome"}})
    world.segment("guests", {"where": {"list": "fair"}})
    world.flow("hello", HELLO)
    world.tick(day(0))
    world.project.store.close()
    world.close()
    return world


@pytest.fixture
def world(tmp_path: Path, lived: World) -> World:
    """A copy of its own for each test."""
    return World.copy_of(lived, tmp_path / "world")


def imported(world: World, *rows: dict[str, Any], yes: bool = False, list_name: str | None = None) -> None:
    done = world.project.import_contacts(pa.Table.from_pylist(list(rows)), trigger_flows=yes, list_name=list_name)
    assert done.refused == []


def crossings(world: World, number: int) -> list[str]:
    """Of the tick of a day: `contact_id enters|exits segment cause`, with ! when it triggers."""
    this = f"tick_id = '{day(number):%Y%m%dT%H%M%SZ}'"
    found = world.rows(
        f"SELECT contact_id, 'enters' AS kind, segment, cause, triggers FROM segflow.segment_entries WHERE {this} "
        f"UNION ALL SELECT contact_id, 'exits', segment, cause, triggers FROM segflow.segment_exits WHERE {this}"
    )
    return sorted(f"{r['contact_id']} {r['kind']} {r['segment']} {r['cause']}{'!' * r['triggers']}" for r in found)


def messages(world: World, number: int) -> list[str]:
    this = f"tick_id = '{day(number):%Y%m%dT%H%M%SZ}'"
    return sorted(row["contact_id"] for row in world.rows(f"SELECT contact_id FROM segflow.outbox WHERE {this}"))


def contact(world: World, contact_id: str) -> dict[str, Any] | None:
    """What the last tick saw of a contact, less what is missing."""
    found = world.rows(f"SELECT * EXCLUDE (tick_id) FROM segflow.contacts WHERE contact_id = '{contact_id}'")
    return {name: value for name, value in found[0].items() if value is not None} if found else None


@pytest.mark.parametrize("yes", [True, False], ids=["yes", "no"])
def test_an_import_moves_contacts_in_both_directions(world: World, yes: bool) -> None:
    imported(world, {"contact_id": "ana", "score": 0}, {"contact_id": "bob", "score": 3}, yes=yes, list_name="fair")
    imported(world, {"contact_id": "cyd", "score": 5, "city": "Rome"}, yes=yes)
    report = world.tick(day(1))
    cause = "data!" if yes else "import"
    moves = ["ana enters guests", "ana exits told", "bob enters guests", "bob enters told", "cyd enters romans"]
    assert crossings(world, 1) == [f"{move} {cause}" for move in [*moves, "cyd enters told"]]
    assert messages(world, 1) == (["bob", "cyd"] if yes else [])
    assert [(one.rows, one.changed, one.trigger_flows) for one in report.imports] == [(2, 2, yes), (1, 1, yes)]
    assert contact(world, "cyd") == {"contact_id": "cyd", "city": "Rome", "score": 5.0}
    world.check_replay()


def test_what_happens_later_triggers_as_ever(world: World) -> None:
    imported(world, {"contact_id": "cyd", "city": "Rome"}, {"contact_id": "bob", "score": 3})
    world.tick(day(1))
    assert messages(world, 1) == []
    world.rows_of("contacts", [MODEL[0], {**MODEL[1], "city": "Paris"}])
    world.tick(day(2))
    assert crossings(world, 2) == ["bob exits romans data!"]
    assert messages(world, 2) == ["bob"]


def test_the_same_file_twice_changes_nothing(world: World) -> None:
    rows = pa.Table.from_pylist([{"contact_id": "bob", "score": 3}, {"contact_id": "cyd", "score": None}])
    first = world.project.import_contacts(rows, trigger_flows=False)
    again = world.project.import_contacts(rows, trigger_flows=False)
    assert (first.repeated, again.repeated, again.import_id) == (False, True, first.import_id)
    world.tick(day(1))
    ledger = world.rows("FROM segflow.contact_imports")
    world.rows_of("contacts", MODEL)
    late = world.project.import_contacts(rows, trigger_flows=False)
    assert (late.repeated, late.tick_id) == (True, "20260302T000000Z")
    world.tick(day(2))
    assert world.rows("FROM segflow.contact_imports") == ledger
    assert crossings(world, 2) == []


def test_values_that_are_so_already_change_nothing(world: World) -> None:
    """Nobody is marked, and the model's later values are not hidden behind an equal one."""
    world.rows_of("lists", [{"contact_id": "ana", "name": "fair", "added_at": FIRST}])
    imported(world, {"contact_id": "ana", "score": 1, "city": "London"}, list_name="fair")
    report = world.tick(day(1))
    assert [one.changed for one in report.imports] == [0]
    assert crossings(world, 1) == ["ana enters guests data!"]
    world.rows_of("contacts", [{**MODEL[0], "score": 0.0}, MODEL[1]])
    world.tick(day(2))
    assert contact(world, "ana") == {"contact_id": "ana", "city": "London", "score": 0.0}


def test_the_model_gets_an_imported_contact_later(world: World) -> None:
    """What only it writes is the model's from then on, also where it has no value; the rest stays the import's."""
    imported(world, {"contact_id": "cyd", "city": "Paris", "age": 30, "score": 5, "stage": "met"})
    world.tick(day(1))
    assert contact(world, "cyd") == {"contact_id": "cyd", "city": "Paris", "age": 30.0, "score": 5.0, "stage": "met"}
    world.rows_of("contacts", [*MODEL, {"contact_id": "cyd", "city": "Rome", "score": 2.0}])
    world.tick(day(2))
    assert contact(world, "cyd") == {"contact_id": "cyd", "city": "Rome", "score": 5.0, "stage": "met"}
    assert world.rows("SELECT change FROM segflow.contact_changes WHERE contact_id = 'cyd'") == [{"change": "came"}]


def test_a_value_that_only_the_model_writes_is_refused_where_it_has_another(world: World) -> None:
    rows = [{"contact_id": "ana", "city": "Paris", "score": 4}, {"contact_id": "bob", "city": "Rome", "score": 4}]
    done = world.project.import_contacts(pa.Table.from_pylist(rows), trigger_flows=False)
    [refused] = done.refused
    assert (refused.line, refused.column, refused.value) == (1, "city", "Paris")
    assert refused.why == (
        "only model stg_contacts writes city, and for this contact it has London; change it there, or give the "
        "attribute written_by: both in the catalog"
    )
    assert done.rows == 1


@pytest.mark.parametrize("age", ["30", "30.0", "3e1", "30.5", "-0.25"])
def test_a_number_that_the_model_has_already_is_no_other_one(world: World, age: str) -> None:
    """However it is written: the row is good, marks nobody, and the crossing of the same tick is one of data."""
    world.segment("young", {"where": {"attribute": "age", "lt": 40}})
    world.rows_of("contacts", [MODEL[0], {**MODEL[1], "age": 50}])
    world.run("ALTER TABLE raw.contacts ALTER age TYPE DOUBLE")
    world.tick(day(1))
    world.run(f"UPDATE raw.contacts SET age = {age} WHERE contact_id = 'ana'")
    world.tick(day(2))
    imported(world, {"contact_id": "ana", "age": age})
    world.run(f"UPDATE raw.contacts SET age = {age}, score = 1 WHERE contact_id = 'bob'")
    imported(world, {"contact_id": "bob", "score": "1.00"})
    report = world.tick(day(3))
    assert [one.changed for one in report.imports] == [0, 0]
    assert crossings(world, 3) == ["bob enters told data!", "bob enters young data!"]
    assert world.rows("FROM segflow.import_marks") == []


def test_a_text_over_a_number_is_brief_in_an_import_too(world: World) -> None:
    rows = pa.table({"contact_id": ["cyd", "dan"], "stage": [2.0, 2.5], "city": [float("nan"), 10115.0]})
    assert world.project.import_contacts(rows, trigger_flows=False).refused == []
    world.tick(day(1))
    assert contact(world, "cyd") == {"contact_id": "cyd", "stage": "2"}
    assert contact(world, "dan") == {"contact_id": "dan", "stage": "2.5", "city": "10115"}


@pytest.mark.parametrize(
    ("row", "back"), [({"city": None}, []), ({"score": 1}, ["bob enters told returned"])], ids=["an id", "a value"]
)
def test_who_is_gone_is_brought_back_by_a_value_alone(world: World, row: dict[str, Any], back: list[str]) -> None:
    world.rows_of("contacts", MODEL[:1])
    world.tick(day(1))
    assert crossings(world, 1) == ["bob exits romans gone"]
    imported(world, {"contact_id": "bob", **row}, yes=True)
    world.tick(day(2))
    assert crossings(world, 2) == back


def test_a_flow_that_writes_after_an_import_wins_and_an_import_after_a_flow_wins(world: World) -> None:
    step = {"id": "mark", "update_contact": {"score": 7}}
    world.flow("mark", {"status": "active", "trigger": {"enters": "guests"}, "steps": [step]})
    world.tick(day(1))
    imported(world, {"contact_id": "bob", "score": 3}, yes=True, list_name="fair")
    world.tick(day(2))
    assert contact(world, "bob") == {"contact_id": "bob", "city": "Rome", "score": 3.0}
    world.tick(day(3))
    assert contact(world, "bob") == {"contact_id": "bob", "city": "Rome", "score": 7.0}
    imported(world, {"contact_id": "bob", "score": 0})
    world.tick(day(4))
    assert crossings(world, 4) == ["bob exits told import"]


def test_several_imports_in_one_tick_count_in_their_order_and_no_guard_counts_them(world: World) -> None:
    world.segment("told", {"where": {"attribute": "score", "gte": 1}, "guards": {"entries": {"times": 1, "above": 1}}})
    imported(world, {"contact_id": "cyd", "score": 1, "city": "Rome"})
    imported(world, {"contact_id": "cyd", "score": 4, "city": "Rome"})
    imported(world, *[{"contact_id": f"c{number}", "score": 2} for number in range(9)])
    report = world.tick(day(1))
    assert [one.changed for one in report.imports] == [1, 1, 9]
    assert {one.segment: (one.status, one.entered) for one in report.segments}["told"] == ("ok", 10)
    assert contact(world, "cyd") == {"contact_id": "cyd", "city": "Rome", "score": 4.0}
    assert len(world.rows("FROM segflow.contact_imports WHERE contact_id = 'cyd'")) == 4


def test_an_import_into_a_project_that_has_never_ticked(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.rows_of("contacts", MODEL)
    world.segment("told", {"where": {"attribute": "score", "gte": 1}})
    imported(world, {"contact_id": "ana", "score": 9}, {"contact_id": "cyd", "score": 9}, list_name="fair")
    world.tick(day(0))
    assert crossings(world, 0) == ["ana enters told baseline", "cyd enters told baseline"]
    # Ana is the model's: without its row she is gone.
    world.rows_of("contacts", MODEL[1:])
    world.tick(day(1))
    assert crossings(world, 1) == ["ana exits told gone"]


def test_a_contact_that_was_gone_returns_by_an_import(world: World) -> None:
    world.rows_of("contacts", MODEL[1:])
    world.tick(day(1))
    imported(world, {"contact_id": "ana", "score": 2}, yes=True)
    world.tick(day(2))
    assert crossings(world, 2) == ["ana enters told returned"]


@pytest.mark.parametrize("fate", ["stale", "held"])
def test_a_segment_that_is_not_compared_keeps_the_mark(world: World, fate: str) -> None:
    guard = {"entries": {"times": 1, "above": 0}} if fate == "held" else {}
    world.segment("told", {"where": {"attribute": "score", "gte": 1}, **({"guards": guard} if guard else {})})
    imported(world, {"contact_id": "bob", "score": 3}, {"contact_id": "cyd", "score": 3})
    if fate == "stale":
        world.missing = {"contacts.score"}
        world.rows_of("contacts", MODEL)
    else:
        others = [{"contact_id": f"c{number}", "score": 2.0, "created_at": FIRST} for number in range(5)]
        world.rows_of("contacts", [*MODEL, *others])
    report = world.tick(day(1))
    assert {one.segment: one.status for one in report.segments}["told"] == fate
    world.missing = set()
    world.rows_of("contacts", MODEL)
    world.tick(day(2))
    assert crossings(world, 2) == ["bob enters told import", "cyd enters told import"]
    world.rows_of("contacts", [*MODEL, {"contact_id": "dan", "score": 3.0, "created_at": FIRST}])
    world.tick(day(3))
    assert crossings(world, 3) == ["dan enters told data!"]
    world.check_replay()


class StoppedError(Exception):
    """Stands in for a kill."""


def _stop_at(wanted: str) -> Callable[[str], None]:
    def reached(name: str) -> None:
        if name == wanted:
            raise StoppedError

    return reached


@pytest.mark.parametrize("stop", ["ingest.before_commit", "cross.committed"])
def test_a_warehouse_that_is_lost_gets_an_import_back_once(tmp_path: Path, world: World, stop: str) -> None:
    """Before the commit it is the delivery store that has the rows, after it the ledger files."""
    imported(world, {"contact_id": "bob", "score": 3}, {"contact_id": "cyd", "city": "Rome"}, list_name="fair")
    world.project.store.close()
    world.close()
    undisturbed = World.copy_of(world, tmp_path / "undisturbed")
    undisturbed.tick(day(1))
    world = World.at(world.root)
    with watched(_stop_at(stop)), pytest.raises(StoppedError):
        world.tick(day(1))
    world.project.warehouse_path.unlink()
    world.project.rebuild()
    world.rows_of("contacts", MODEL)
    for table in ("events", "lists", "tags"):
        world.rows_of(table, [])
    world.tick(day(1))
    assert world.ledgers() == undisturbed.ledgers()
    world.check_replay()


def test_a_store_that_was_lost_does_not_take_an_import_in_again(world: World) -> None:
    imported(world, {"contact_id": "bob", "score": 3})
    world.tick(day(1))
    world.project.store.close()
    for path in (world.root / ".segflow").glob("delivery.db*"):
        path.unlink()
    del world.project.__dict__["store"]
    world.project.rebuild_store()
    imported(world, {"contact_id": "bob", "score": 3})
    world.tick(day(2))
    assert len(world.rows("FROM segflow.contact_imports")) == 1


def test_rows_that_cannot_be_read_stop_the_tick(world: World) -> None:
    imported(world, {"contact_id": "bob", "score": 3})
    with world.project.store._database.write("import") as connection:
        connection.exec_driver_sql("UPDATE imports SET content = x'00'")
    with pytest.raises(RunError, match=r"the rows of import \w+ \(a table\) in the delivery store cannot be read"):
        world.tick(day(1))
