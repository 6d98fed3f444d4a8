"""The delivery store is lost, or an older copy of it was put back: refused, taken over, and nothing is sent twice."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from segflow.cli.main import main
from segflow.crashpoints import watched
from segflow.errors import InputError, RunError
from tests.test_resume import THIRD, contacts, made
from tests.world import World

FOURTH = THIRD + timedelta(days=1)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made_world = made(tmp_path / "world")
    yield made_world
    made_world.close()


def copy_store(world: World) -> Path:
    world.project.store.close()
    return Path(shutil.copy(world.root / ".segflow/delivery.db", world.root / "older.db"))


def lose(world: World, older: Path | None = None) -> None:
    """Remove the delivery store, or put an older copy in its place."""
    world.project.store.close()
    for path in world.root.glob(".segflow/delivery.db*"):
        path.unlink()
    if older is not None:
        shutil.copy(older, world.root / ".segflow/delivery.db")
    world.project.__dict__.pop("store", None)


def statuses(world: World) -> dict[str, int]:
    return {status: count for (_, status), count in world.project.store.counts().items()}


def test_after_a_tick_that_sent_everything_all_goes_on_as_if_nothing_had_happened(world: World, tmp_path: Path) -> None:
    other = made(tmp_path / "undisturbed")
    lose(world)
    before = world.ledgers()
    with pytest.raises(RunError, match=r"knows of no tick: .* segflow rebuild --delivery-store"):
        world.tick(THIRD, send=True)
    assert world.ledgers() == before
    done = world.project.rebuild_store()
    assert (done.tick_id, done.place, done.adopted.unknown) == ("20260302T000000Z", "done", 0)
    assert done.adopted.messages == statuses(world)["sent"] > 5
    world.tick(THIRD, send=True)
    other.tick(THIRD, send=True)
    assert world.mailbox() == other.mailbox()
    assert world.ledgers() == other.ledgers()
    other.close()


def test_planned_messages_wait_for_a_person(world: World) -> None:
    sent = len(world.mailbox())
    world.tick(THIRD, send=False)
    planned = (
        statuses(world).get("planned", 0)
        or world.rows("SELECT count(*) AS n FROM segflow.outbox WHERE tick_id = '20260303T000000Z'")[0]["n"]
    )
    assert planned > 0
    lose(world)
    assert world.project.rebuild_store().adopted.unknown == planned
    report = world.tick(FOURTH, send=True)
    new = report.sent.total("sent")
    assert len(world.mailbox()) == sent + new
    assert world.project.store.release() == planned
    world.tick(FOURTH + timedelta(days=1), send=True)
    times = world.rows("SELECT count(*) AS n FROM segflow.deliveries WHERE outcome = 'sent' GROUP BY message_id")
    assert {row["n"] for row in times} == {1}
    assert set(statuses(world)) == {"sent"}


def test_an_older_copy(world: World) -> None:
    older = copy_store(world)
    world.tick(THIRD, send=True)
    files = world.mailbox()
    lose(world, older)
    with pytest.raises(RunError, match=r"an older delivery store was restored.* segflow rebuild --delivery-store"):
        world.tick(FOURTH, send=True)
    done = world.project.rebuild_store()
    assert (done.tick_id, done.adopted.unknown) == ("20260303T000000Z", 0)
    assert world.mailbox() == files
    world.rows_of("contacts", contacts(in_london=45))
    world.tick(FOURTH, send=True)
    times = world.rows("SELECT count(*) AS n FROM segflow.deliveries WHERE outcome = 'sent' GROUP BY message_id")
    assert {row["n"] for row in times} == {1}
    assert set(statuses(world)) == {"sent"}


def test_a_tick_that_died_while_it_sent(world: World) -> None:
    """It handed over what the warehouse never heard of: all of it is in doubt, and the tick goes on."""
    sends: list[str] = []

    def die(place: str) -> None:
        if sends or place == "store.settle.committed":  # who is dead copies nothing to the warehouse
            sends.append(place)
            raise KeyboardInterrupt

    with watched(die), pytest.raises(KeyboardInterrupt):
        world.tick(THIRD, send=True)
    assert sends
    files = world.mailbox()
    lose(world)
    done = world.project.rebuild_store()
    assert (done.tick_id, done.place) == ("20260303T000000Z", "advance")
    assert done.adopted.unknown > 0
    report = world.tick(THIRD, send=True)
    assert report.resumed
    assert world.mailbox() == files
    assert statuses(world)["unknown"] == done.adopted.unknown


def test_it_can_be_killed_and_repeated(world: World) -> None:
    lose(world)
    seen: list[str] = []

    def die(place: str) -> None:
        if place in ("store.adopt_warehouse.before_commit", "rebuild_store.adopted") and place not in seen:
            seen.append(place)
            raise KeyboardInterrupt

    with watched(die):
        for _ in range(2):
            with pytest.raises(KeyboardInterrupt):
                world.project.rebuild_store()
            with pytest.raises(RunError, match="knows of no tick"):
                world.tick(THIRD, send=True)
        world.project.rebuild_store()
    assert len(seen) == 2
    assert not world.tick(THIRD, send=True).resumed


def test_the_command(world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["segflow", "--project-dir", str(world.root), *arguments])
        with pytest.raises(SystemExit) as end:
            main()
        told = capsys.readouterr()
        return int(end.value.code or 0), told.out, told.err

    world.tick(THIRD, send=False)
    lose(world)
    code, out, err = call("rebuild", "--delivery-store", "--format", "json")
    assert code == 0, err
    told = json.loads(out)
    assert (told["tick_id"], told["place"]) == ("20260303T000000Z", "done")
    assert told["adopted"]["unknown"] > 0
    code, _, err = call("rebuild", "--delivery-store")
    assert code == 2
    assert "there is nothing to take over" in err
    lose(world)
    code, out, _ = call("rebuild", "--delivery-store")
    assert code == 0
    assert f"{told['adopted']['unknown']} messages may have been sent or not" in out


REFUSED: dict[str, tuple[Callable[[World], Any], str]] = {
    "it is not lost": (lambda world: None, "knows all that the warehouse knows"),
    "no tick": (
        lambda world: (lose(world), world.run("DELETE FROM segflow.ticks")),
        "knows of no tick: there is nothing to take over",
    ),
    "both are lost": (
        lambda world: (lose(world), world.close(), (world.root / ".segflow/warehouse.duckdb").unlink()),
        "is lost, too: put one of the two back",
    ),
    "the warehouse is behind": (
        lambda world: world.run("DELETE FROM segflow.ticks WHERE tick_id = '20260302T000000Z'"),
        "Run segflow rebuild: it replays the ledgers",
    ),
}


@pytest.mark.parametrize(("change", "said"), REFUSED.values(), ids=REFUSED.keys())
def test_refused(world: World, change: Callable[[World], Any], said: str) -> None:
    change(world)
    with pytest.raises((InputError, RunError), match=said):
        world.project.rebuild_store()
