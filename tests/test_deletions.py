"""Contacts that flows delete: what people see of it, what they decide, and ticks that end in the middle of it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from segflow.cli.main import main
from segflow.crashpoints import watched
from segflow.durations import Duration
from segflow.errors import ContactsLostError, InputError
from segflow.worlds.flow_tests import run_flow_tests
from tests.world import World

FIRST = datetime(2026, 3, 1, tzinfo=UTC)
SECOND, THIRD, FOURTH = (FIRST + timedelta(days=day) for day in (1, 2, 3))
BYE: dict[str, Any] = {
    "status": "active",
    "trigger": {"enters": "londoners"},
    "steps": [
        {"id": "hello", "send_sms": {"text": "Hello", "category": "transactional"}},
        {"id": "bye", "delete_contact": True},
    ],
}
PEOPLE = ("ana", "bob", "cyd", "eve")


def contacts(*in_london: str, **more: Any) -> list[dict[str, Any]]:
    return [
        {
            "contact_id": name,
            "city": "London" if name in in_london else "Rome",
            "email": f"{name}@shop.example.com",
            "phone": f"+5491123456{number:03}",
            **more,
        }
        for number, name in enumerate(PEOPLE)
    ]


def begun(root: Path) -> World:
    """A tick behind it; ana and bob move to London before the next one."""
    root.mkdir()
    settings = {"guards": {"contacts_lost": {"percent": 10, "of_at_least": 1}}}
    world = World(root, contacts={"deletions": True}, settings=settings)
    world.segment("londoners", {"where": {"attribute": "city", "is": "London"}})
    world.flow("bye", BYE)
    world.rows_of("contacts", contacts())
    world.tick(FIRST, send=True)
    world.rows_of("contacts", contacts("ana", "bob"))
    return world


def deleted(root: Path) -> World:
    world = begun(root)
    world.tick(SECOND, send=True)
    world.tick(THIRD, send=True)
    return world


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World.again(deleted, tmp_path / "world")


@pytest.fixture
def out(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    def call(world: World, *words: str, code: int = 0) -> str:
        monkeypatch.setattr(sys, "argv", ["segflow", "--project-dir", str(world.root), *words])
        with pytest.raises(SystemExit) as end:
            main()
        told = capsys.readouterr()
        assert int(end.value.code or 0) == code, told.err
        return " ".join((told.out + told.err).split())

    return call


def there(world: World) -> list[str]:
    return [row["contact_id"] for row in world.rows("SELECT contact_id FROM segflow.contacts ORDER BY 1")]


def test_nothing_is_sent_to_whom_the_same_tick_deletes(world: World) -> None:
    told = world.rows("SELECT contact_id, outcome, reason FROM segflow.deliveries ORDER BY 1")
    assert [tuple(row.values()) for row in told] == [(c, "skipped", "withdrawn: deleted") for c in ("ana", "bob")]
    assert there(world) == ["cyd", "eve"]
    assert not world.mailbox()


def test_what_people_are_told(world: World, out: Callable[..., str]) -> None:
    assert "2026-03-02 00:00 contact deleted by flow bye, step bye" in out(world, "trace", "ana")
    why = "contact ana was deleted by flow bye, step bye, on 2026-03-02 00:00 UTC; segflow contact restore ana lets it"
    assert why in out(world, "explain", "londoners", "ana", code=2)
    listed = json.loads(out(world, "contact", "deleted", "--format", "json"))["deleted"]
    assert [(one["contact_id"], one["flow"], one["step"]) for one in listed] == [
        ("ana", "bye", "bye"),
        ("bob", "bye", "bye"),
    ]
    assert "ana" in out(world, "contact", "deleted")
    assert [row["members"] for row in world.rows("FROM segflow.segment_sizes ORDER BY tick_id DESC LIMIT 1")] == [0]
    assert world.project.preview("londoners", FOURTH).num_rows == 0


def test_a_plan_says_whom_a_tick_would_delete_and_deletes_nobody(tmp_path: Path, out: Callable[..., str]) -> None:
    world = World.again(begun, tmp_path / "world")
    told = out(world, "plan", "--as-of", SECOND.isoformat())
    assert "flow bye would delete contacts: 2 bye" in told
    assert world.rows("FROM segflow.contact_deletions") == []
    assert world.project.suppressions() == []
    assert world.project.plan(SECOND).flows[0].deletions == {"bye": 2}


def test_a_contact_that_is_restored_is_there_again_and_not_written_to(world: World, out: Callable[..., str]) -> None:
    assert "The next tick restores 1 contact" in out(world, "contact", "restore", "ana", "--reason", "a mistake")
    assert json.loads(out(world, "contact", "restore", "bob", "--format", "json"))["restored"][0]["contact_id"] == "bob"
    world.tick(FOURTH, send=True)
    assert there(world) == list(PEOPLE)
    assert "contact restored by" in (told := out(world, "trace", "ana"))
    assert "a mistake" in told
    assert {row["cause"] for row in world.rows("FROM segflow.segment_entries WHERE entry_number > 1")} == {"returned"}
    assert world.project.store.suppressed("email", ["ana@shop.example.com"]) == {"ana@shop.example.com": "deleted"}
    assert out(world, "contact", "deleted", "--format", "json") == '{ "deleted": [] }'
    for words in (["ana"], ["eve", "zoe"]):
        assert "not deleted; nobody was restored" in out(world, "contact", "restore", *words, code=2)


def test_deleting_again_after_a_restore(world: World) -> None:
    world.project.restore(["ana"])
    world.rows_of("contacts", contacts("bob"))
    world.flow("bye", {**BYE, "reentry": "always"})
    world.tick(FOURTH)
    world.rows_of("contacts", contacts("ana", "bob"))
    world.tick(FOURTH + timedelta(days=1))
    world.tick(FOURTH + timedelta(days=2))
    assert there(world) == ["cyd", "eve"]
    assert len(world.rows("FROM segflow.contact_deletions WHERE contact_id = 'ana'")) == 2


def test_contacts_that_are_lost_beside_are_still_guarded(world: World) -> None:
    world.rows_of("contacts", contacts("ana", "bob")[:3])
    with pytest.raises(ContactsLostError, match="1 of 2 contacts are missing"):
        world.tick(FOURTH)


def test_a_catalog_that_would_bring_them_all_back_is_refused(world: World) -> None:
    world.flow("bye", None)
    path = world.root / "segment_specs/catalog.yml"
    path.write_text(path.read_text(encoding="utf-8").replace("deletions: true", "deletions: false"), encoding="utf-8")
    world.project.reload()
    with pytest.raises(InputError, match=r"ana was deleted by flow bye.*2 in all.*deletions: true.*restore CONTACT"):
        world.tick(FOURTH)
    world.project.restore(["ana", "bob"])
    with pytest.raises(InputError, match="2 in all"):
        # It goes on with the tick that began before they were restored.
        world.tick(FOURTH)


IMPORTS = {
    "its id": ({"contact_id": "ana", "score": 3}, "ana was deleted by flow bye, step bye"),
    "its address, under another id": (
        {"contact_id": "zoe", "email": "ANA@shop.example.com"},
        "is the address of a contact that a flow has deleted; segflow suppressions remove email ADDRESS lets it in",
    ),
    "its number, written otherwise": ({"contact_id": "zoe", "phone": "+54 11 15 2345-6000"}, "remove whatsapp ADDRESS"),
}


@pytest.mark.parametrize(("row", "why"), IMPORTS.values(), ids=IMPORTS)
def test_an_import_of_a_deleted_contact_is_refused(world: World, row: dict[str, Any], why: str) -> None:
    good = {"contact_id": "gus", "score": 1}
    given = pa.Table.from_pylist([{"score": None, "email": None, "phone": None, **one} for one in (row, good)])
    done = world.project.import_contacts(given, trigger_flows=False)
    assert (done.rows, [one.line for one in done.refused]) == (1, [1])
    assert why in done.refused[0].why


def test_an_import_that_waited_brings_nobody_back_whom_a_tick_has_deleted_since(tmp_path: Path) -> None:
    world = World.again(begun, tmp_path / "world")

    def meanwhile(point: str) -> None:
        if point == "ingest.committed":
            rows = pa.Table.from_pylist([{"contact_id": "ana", "score": 7}, {"contact_id": "eve", "score": 7}])
            assert world.project.import_contacts(rows, trigger_flows=False).rows == 2

    with watched(meanwhile):
        world.tick(SECOND)
    world.tick(THIRD)
    assert {row["contact_id"] for row in world.rows("FROM segflow.contact_imports")} == {"eve"}
    assert there(world) == ["cyd", "eve"]


def test_an_import_of_whom_a_person_has_restored_is_taken(world: World) -> None:
    world.project.restore(["ana"])
    done = world.project.import_contacts(pa.Table.from_pylist([{"contact_id": "ana", "score": 4}]), trigger_flows=False)
    assert done.refused == []
    world.tick(FOURTH)
    assert world.rows("SELECT score FROM segflow.contacts WHERE contact_id = 'ana'") == [{"score": 4}]


class Killed(BaseException):
    """Stands for SIGKILL."""


POINTS = (
    "advance.before_commit", "advance.committed", "store.suppress_deleted.before_commit",
    "store.suppress_deleted.committed", "store.withdraw.before_commit", "send.before_commit",
)  # fmt: skip


@pytest.mark.parametrize("point", POINTS)
def test_a_tick_that_dies_while_it_deletes_goes_on(tmp_path: Path, point: str) -> None:
    calm, stormy = (World.again(begun, tmp_path / name) for name in ("calm", "stormy"))

    def reached(name: str) -> None:
        if name == point:
            raise Killed

    with watched(reached), pytest.raises(Killed):
        stormy.tick(SECOND, send=True)
    for world in (calm, stormy):
        world.tick(SECOND, send=True)
        world.tick(THIRD, send=True)
        assert not world.mailbox()
        kept = {(row["channel"], row["reason"]) for row in world.project.suppressions()}
        assert kept == {(channel, "deleted") for channel in ("email", "sms", "whatsapp")}
        assert len(world.project.suppressions()) == 6
    assert stormy.ledgers() == calm.ledgers()
    stormy.check_replay()


def test_ticks_that_send_nothing_suppress_as_well(tmp_path: Path) -> None:
    world = World.again(begun, tmp_path / "world")
    world.tick(SECOND)
    world.tick(THIRD)
    assert len(world.project.suppressions()) == 6
    assert len(world.rows("FROM segflow.suppressions")) == 6
    world.tick(FOURTH, send=True)
    assert {row["reason"] for row in world.rows("FROM segflow.deliveries")} == {"withdrawn: deleted"}


def test_a_rebuild_brings_tombstones_and_restores_back(world: World) -> None:
    world.project.restore(["bob"])
    world.tick(FOURTH)
    before = world.ledgers()
    world.close()
    (world.root / ".segflow/warehouse.duckdb").unlink()
    world.project.rebuild()
    world.stay_open()
    world.rows_of("contacts", contacts("ana", "bob"))
    for table in ("events", "lists", "tags"):
        world.rows_of(table, [])
    assert {name: rows for name, rows in world.ledgers().items() if rows != before[name]} == {}
    world.tick(FOURTH + timedelta(days=1))
    assert there(world) == ["bob", "cyd", "eve"]


def test_a_flow_that_cannot_know_the_addresses_is_held(tmp_path: Path) -> None:
    world = World.again(begun, tmp_path / "world")
    world.missing = {"contacts.phone"}
    world.rows_of("contacts", contacts("ana", "bob"))
    report = world.tick(SECOND)
    assert [(one.flow, one.status) for one in report.flows] == [("bye", "held")]
    assert "contacts.phone" in str(report.flows[0].reason)
    assert world.rows("FROM segflow.contact_deletions") == []
    world.missing = set()
    world.rows_of("contacts", contacts("ana", "bob"))
    world.tick(THIRD)
    assert {row["contact_id"] for row in world.rows("FROM segflow.contact_deletions")} == {"ana", "bob"}


def test_a_paused_flow_loses_whom_another_deletes(tmp_path: Path) -> None:
    world = World.again(begun, tmp_path / "world")
    world.flow(
        "stay", {"status": "active", "trigger": {"enters": "londoners"}, "steps": [{"id": "think", "wait": "1 year"}]}
    )
    world.flow("bye", {**BYE, "steps": [{"id": "think", "wait": "1 day"}, BYE["steps"][1]]})
    world.tick(SECOND)
    world.project.pause("stay", "we look")
    world.tick(THIRD)
    ends = world.rows("SELECT flow, contact_id, reason FROM segflow.flow_enrollment_ends ORDER BY flow, contact_id")
    assert [tuple(row.values()) for row in ends] == [
        (flow, contact, "deleted") for flow in ("bye", "stay") for contact in ("ana", "bob")
    ]
    assert world.rows("FROM segflow.flow_positions") == []


def test_a_flow_carries_tests_of_its_deletions(tmp_path: Path) -> None:
    world = World.again(begun, tmp_path / "world")
    test = {
        "name": "forgotten",
        "ticks": [
            {"at": "2026-03-01", "contacts": [{"contact_id": "zoe", "city": "Rome", "phone": "+442079460018"}]},
            {
                "at": "2026-03-02",
                "contacts": [{"contact_id": "zoe", "city": "London"}],
                "expect": {"at": {"zoe": "ended deleted"}},
            },
            {"at": "2026-03-03", "expect": {"journal": {}}},
        ],
    }
    world.flow("bye", {**BYE, "tests": [test]})
    [outcome] = run_flow_tests(world.project.specs)
    assert outcome.passed, str(outcome)


def test_a_backtest_leaves_out_whom_other_flows_have_deleted(world: World) -> None:
    hello = {"status": "active", "trigger": {"enters": "londoners"}, "steps": [BYE["steps"][0]]}
    world.flow("hello", hello)
    world.rows_of("contacts", contacts("ana", "eve", created_at=SECOND + timedelta(hours=1)))
    found = world.project.backtest("hello", THIRD, THIRD, Duration.parse("1 day"))
    assert found.contacts == ["eve"]
    own = world.project.backtest("bye", THIRD, THIRD, Duration.parse("1 day"))
    assert own.contacts == ["ana", "eve"]
    assert own.ended == {"deleted": 2}
    assert there(world) == ["cyd", "eve"]


def test_suppressions_at_a_command_line(world: World, tmp_path: Path, out: Callable[..., str]) -> None:
    assert "1 of 2 are new" in out(
        world, "suppressions", "add", "email", "ana@shop.example.com", "gus@shop.example.com"
    )
    assert "gus@shop.example.com" in out(world, "suppressions", "--channel", "email")
    assert len(json.loads(out(world, "suppressions", "--format", "json"))["suppressions"]) == 7
    file = tmp_path / "list.csv"
    file.write_text(
        "channel,address,reason\nsms,+44 20 7946 0018,=1+1\nemail,nobody,\nsmss,+49 30 123456,\n"
        f"email,sha256$ab$12,\nemail,{'a' * 64},theirs\n",
        encoding="utf-8",
    )
    told = out(world, "suppressions", "import", str(file), "--reason", "asked", code=1)
    assert "2 rows of list.csv are on the list, 2 of them new." in told
    for line, why in ((3, "@-sign"), (4, "did you mean sms?"), (5, "is no hash like sha256$SALT$HEX")):
        assert why in told, line
    assert world.project.store.suppressed("sms", ["+442079460018"]) == {"+442079460018": "=1+1"}
    hashed, plain = tmp_path / "hashed.csv", tmp_path / "plain.csv"
    assert "9 rows are in" in out(world, "suppressions", "export", str(plain))
    assert json.loads(out(world, "suppressions", "export", str(hashed), "--hashed", "--format", "json"))["rows"] == 9
    assert "gus@" in plain.read_text("utf-8")
    assert "'=1+1" in plain.read_text("utf-8")
    assert "gus@" not in hashed.read_text("utf-8")
    assert "2 of 3 were on the list" in out(
        world, "suppressions", "remove", "email", "GUS@shop.example.com", "ana@shop.example.com", "x@y.example", code=1
    )
    again = json.loads(out(world, "suppressions", "import", str(hashed), "--format", "json"))
    assert (again["rows"], again["new"]) == (9, 3)
    assert world.project.store.suppressed("email", ["gus@shop.example.com"]) == {"gus@shop.example.com": "by hand"}


WRONG = {
    "a channel": (["add", "emial", "a@b.example"], "emial is no channel that reaches contacts (did you mean email?)"),
    "an address": (["add", "email", "a@b.example", "nobody"], "nothing was suppressed"),
    "a number without its country": (["add", "sms", "0171 123456"], "country code"),
    "a file": (["import", "nowhere.csv"], "cannot read nowhere.csv"),
    "a column": (["import", "{odd}"], "has no column adress (did you mean address?)"),
    "no channel": (["import", "{bare}"], "no column says which channel; name it channel, or give --channel"),
    "no address": (["import", "{empty}"], "no column holds the addresses; call it address"),
}


@pytest.mark.parametrize(("words", "expected"), WRONG.values(), ids=WRONG)
def test_wrong_suppressions(
    world: World, tmp_path: Path, out: Callable[..., str], words: list[str], expected: str
) -> None:
    texts = {"odd": "adress\nx\n", "bare": "address\na@b.example\n", "empty": "channel\nemail\n"}
    for name, text in texts.items():
        (tmp_path / f"{name}.csv").write_text(text, encoding="utf-8")
    paths = {name: str(tmp_path / f"{name}.csv") for name in texts}
    before = world.project.suppressions()
    assert expected in out(world, "suppressions", *(word.format(**paths) for word in words), code=2)
    assert world.project.suppressions() == before
