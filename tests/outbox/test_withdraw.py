"""Messages that wait when their contact leaves the flow are taken back at once, with the reason."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy
from sqlalchemy import func, select

from segflow.errors import TransientError
from segflow.outbox.schema import marks, messages, messages_waiting
from segflow.outbox.store import DeliveryStore

from .conftest import World, contact, later, planned
from .test_send import Scripted, outcomes


def _end(world: World, reason: str) -> None:
    rows = {"enrollment_id": ["e1"], "flow": ["welcome"], "contact_id": ["c1"], "reason": [reason]}
    world.warehouse.append("flow_enrollment_ends", "t2", pa.table(rows))


def _start_again(world: World) -> None:
    rows = {"enrollment_id": ["e1"], "flow": ["welcome"], "contact_id": ["c1"], "visit": [2], "action": ["restarted"]}
    world.warehouse.append("flow_journal", "t2", pa.table(rows))


def _go(world: World) -> None:
    """The contact of an enrollment that came to its own end is deleted."""
    starts = {"enrollment_id": ["e1"], "flow": ["welcome"], "contact_id": ["c1"]}
    world.warehouse.append("flow_enrollment_starts", "t1", pa.table(starts))
    _end(world, "completed")
    world.warehouse.append("contact_changes", "t2", pa.table({"contact_id": ["c1"], "change": ["gone"]}))


def _pause(world: World) -> None:
    world.warehouse.append("flow_cursors", "t2", pa.table({"flow": ["welcome"], "status": ["paused"]}))


LEFT: dict[str, tuple[Any, list[str]]] = {
    "exit condition": (lambda world: _end(world, "exit_when"), ["withdrawn: exit_when"]),
    "goal": (lambda world: _end(world, "converted"), ["withdrawn: converted"]),
    "edit": (lambda world: _end(world, "definition"), ["withdrawn: definition"]),
    "flow removed": (lambda world: _end(world, "flow_removed"), ["withdrawn: flow_removed"]),
    "starts again": (_start_again, ["withdrawn: restarted"]),
    "contact deleted": (_go, ["withdrawn: gone"]),
    "flow paused": (_pause, ["withdrawn: paused", "withdrawn: paused"]),
    "last step": (lambda world: _end(world, "completed"), []),
    "exit step": (lambda world: _end(world, "exit"), []),
    "nobody": (lambda world: None, []),
}


@pytest.mark.parametrize(("leave", "reasons"), LEFT.values(), ids=LEFT.keys())
@pytest.mark.parametrize("held", [False, True], ids=["planned", "held"])
def test_what_waits_when_its_contact_leaves_is_withdrawn(
    world: World, leave: Any, reasons: list[str], held: bool
) -> None:
    """Two enrollments of a flow have messages that wait; the first leaves, or the flow is paused. Sending is stopped
    meanwhile: nothing is claimed."""
    world.contacts([contact(1), contact(2), contact(3)])
    world.delivery(mode="live", max_lateness="100 years")
    world.plan([planned(1, sender="live"), planned(2, sender="live"), planned(3, sender="live", flow="other")])
    if held:
        world.send({"live": Scripted(*[TransientError("busy", retry_after=9e6)] * 3)})
    world.store.stop_sending("wait")
    if not held:
        world.send({"live": Scripted()})
    leave(world)
    report = world.send({"live": Scripted()}, later(days=1))
    assert [one[1:] for one in outcomes(world) if one[2] == "skipped"] == [
        (2 if held else 1, "skipped", reason) for reason in reasons
    ]
    assert report.withdrawn == len(reasons)
    assert report.outcomes == ({"live": {"skipped": len(reasons)}} if reasons else {})
    assert world.send({"live": Scripted()}, later(days=1)).withdrawn == 0
    waiting = {"held" if held else "planned": 3 - len(reasons)}
    assert {status: n for (_, status), n in world.store.counts().items() if status != "skipped"} == waiting


def test_a_flow_that_was_renamed_finds_what_it_planned_under_its_earlier_names(world: World) -> None:
    world.contacts([contact(1)])
    world.plan([planned(1, flow="hi"), planned(2, flow="hello"), planned(3, flow="other")])
    world.store.stop_sending("wait")
    world.send()
    for number, (old, new) in enumerate((("hi", "hello"), ("hello", "welcome"))):
        renames = {"flow": [new], "renamed_from": [old], "ordinal": pa.array([number], pa.int64())}
        world.warehouse.append("flow_renames", f"t{number + 1}", pa.table(renames))
    _pause(world)
    assert world.send(tick=later(days=1)).withdrawn == 2


def test_messages_of_the_present_visit_go_out(world: World) -> None:
    world.contacts([contact(1)])
    world.plan([planned(1), planned(2, enrollment_id="e1", contact_id="c1", visit=2)])
    world.store.stop_sending("wait")
    world.send()
    _start_again(world)
    world.store.resume_sending()
    assert world.send(tick=later(days=1)).outcomes == {"mailbox": {"skipped": 1, "sent": 1}}


def test_what_left_in_ticks_that_did_not_send_is_withdrawn_as_well(world: World) -> None:
    world.contacts([contact(1)])
    world.plan([planned(1)])
    world.store.stop_sending("wait")
    world.send()
    _end(world, "exit_when")
    third = type(later(days=1))("t3", later(days=2).as_of)
    assert world.send(tick=third).withdrawn == 1


def test_a_store_of_the_version_before_gets_the_index(tmp_path: Any) -> None:
    path = tmp_path / "old.db"
    with DeliveryStore(path) as store, store._database.write("test") as connection:
        messages_waiting.drop(connection)
        connection.execute(sqlalchemy.update(marks).where(marks.c.name == "schema_version").values(value="5"))
    with DeliveryStore(path) as store, store._database.read() as connection:
        assert connection.scalar(select(func.count()).select_from(messages)) == 0
        names = [index["name"] for index in sqlalchemy.inspect(connection).get_indexes("messages")]
        assert messages_waiting.name in names
