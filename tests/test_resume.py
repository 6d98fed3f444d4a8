"""A tick that is stopped anywhere and resumed ends in the same tables as any other, and sends each message once."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from segflow.crashpoints import watched
from segflow.errors import InputError, LeaseHeldError, RunError
from segflow.outbox.lease import held_lease
from segflow.stages.order import STAGES
from segflow.stages.tick_run import TickRun
from tests.world import World

FIRST = datetime(2026, 3, 1, tzinfo=UTC)
REPO = Path(__file__).parents[1]
SEGMENTS: dict[str, Any] = {
    "londoners": {"where": {"attribute": "city", "is": "London"}},
    "recent": {"where": {"event": "purchase", "within_last": "2 days"}},
}
FLOW: dict[str, Any] = {
    "status": "active",
    "reentry": "always",
    "trigger": {"any": [{"enters": "londoners"}, {"enters": "recent"}]},
    "exit_when": [{"attribute": "age", "lt": 10}],
    "steps": [
        {"id": "hello", "send_sms": {"text": "Hello {{ contact.contact_id }}"}},
        {"id": "news", "add_to_list": "news"},
        {"id": "think", "wait": "1 day"},
        {
            "id": "bought",
            "branch": {
                "if": {"event": "purchase", "since": "enrollment"},
                "then": [{"id": "thanks", "send_email": {"subject": "Thanks", "text": "Thank you"}}],
            },
        },
    ],
}


def made(root: Path) -> World:
    """A world with two ticks behind it; the third moves contacts, enrollments and messages."""
    return World.again(two_ticks, root)


def two_ticks(root: Path) -> World:
    root.mkdir()
    world = World(root)
    for name, spec in SEGMENTS.items():
        world.segment(name, spec)
    world.flow("hi", FLOW)
    world.rows_of("contacts", contacts(in_london=0))
    events = [
        {"contact_id": f"c{number}", "name": "purchase", "at": FIRST + timedelta(days=2, hours=number - 30)}
        for number in range(0, 60, 3)
    ]
    world.rows_of("events", events)
    world.tick(FIRST, send=True)
    world.rows_of("contacts", contacts(in_london=20))
    world.tick(FIRST + timedelta(days=1), send=True)
    world.rows_of("contacts", contacts(in_london=40))
    return world


def contacts(in_london: int) -> list[dict[str, Any]]:
    return [
        {
            "contact_id": f"c{number}",
            "city": "London" if number < in_london else "Rome",
            "age": number,
            "phone": f"+4420794601{number:02}",
            "email": f"c{number}@example.com",
        }
        for number in range(50)
    ]


THIRD = FIRST + timedelta(days=2)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], list[str]]:
    world = made(tmp_path_factory.mktemp("undisturbed") / "world")
    world.tick(THIRD, send=True)
    assert len(world.mailbox()) > 30
    assert world.ledgers()["flow_enrollment_ends"]
    found = world.ledgers(), world.mailbox()
    world.close()
    return found


@contextmanager
def stopped_at(point: str) -> Iterator[None]:
    """Ctrl-C when a crash point is reached. Raises AssertionError when it is not."""

    def reached(name: str) -> None:
        if name == point:
            raise KeyboardInterrupt

    with watched(reached), pytest.raises(KeyboardInterrupt):
        yield


def check(world: World, undisturbed: tuple[dict[str, Any], list[str]]) -> None:
    assert world.mailbox() == undisturbed[1]
    found = world.ledgers()
    for table, rows in undisturbed[0].items():
        assert found[table] == rows, table
    sent = world.rows("SELECT message_id, count(*) AS times FROM segflow.deliveries WHERE outcome = 'sent' GROUP BY 1")
    assert {row["times"] for row in sent} == {1}


def test_the_same_tick_twice(tmp_path: Path, undisturbed: tuple[dict[str, Any], list[str]]) -> None:
    world = made(tmp_path / "world")
    world.tick(THIRD, send=True)
    again = world.tick(THIRD, send=True)
    assert again.already_done
    check(world, undisturbed)


def test_ctrl_c_before_every_stage(tmp_path: Path, undisturbed: tuple[dict[str, Any], list[str]]) -> None:
    world = made(tmp_path / "world")
    for stage in STAGES:

        def stop(_run: TickRun, name: str, at: str = stage.name) -> None:
            if name == at:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            world.tick(THIRD, send=True, progress=stop)
    report = world.tick(THIRD, send=True)
    assert report.resumed
    check(world, undisturbed)


def test_ctrl_c_inside_the_transactions(tmp_path: Path, undisturbed: tuple[dict[str, Any], list[str]]) -> None:
    """In one process, where connections, temporary tables and the lease's thread outlive the tick."""
    world = made(tmp_path / "world")
    for point in INSIDE:
        with stopped_at(point):
            world.tick(THIRD, send=True)
    world.tick(THIRD, send=True)
    check(world, undisturbed)


INSIDE = [
    *("store.lease.before_commit", "begin.before_commit", "store.adopt.before_commit", "deliveries.before_commit"),
    *("ingest.before_commit", "build.before_commit", "cross.before_commit", "advance.before_commit"),
    *("store.insert.before_commit", "store.mark.before_commit", "store.recover.before_commit"),
    *("store.claim.before_commit", "send.before_commit", "export.before_commit"),
    *("finish.before_commit", "store.lease_release.before_commit"),
]
"""Not `store.settle`: what was handed over and not settled costs an attempt, which `deliveries` shows."""


VICTIM = """
import sys
from datetime import datetime
from pathlib import Path
from tests.direct_dbt import DirectProject
project = DirectProject(Path(sys.argv[1]))
print("ready", flush=True)
print(project.tick(datetime.fromisoformat(sys.argv[2]), send=True).tick_id, flush=True)
"""


def ticking(world: World, at: datetime) -> subprocess.Popen[str]:
    """A process that ticks, as far as its start."""
    arguments = [sys.executable, "-c", VICTIM, str(world.root), at.isoformat()]
    process = subprocess.Popen(arguments, cwd=REPO, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_ctrl_c_at_random_moments(tmp_path: Path, undisturbed: tuple[dict[str, Any], list[str]]) -> None:
    world = made(tmp_path / "world")
    world.close()
    chance = random.Random(2)
    for _ in range(3):
        process = ticking(world, THIRD)
        time.sleep(chance.uniform(0.05, 0.8))
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    process = ticking(world, THIRD)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert out.strip() == "20260303T000000Z"
    check(world, undisturbed)


def test_two_at_once(tmp_path: Path) -> None:
    world = made(tmp_path / "world")
    with (
        held_lease(world.project.store.leases, "somebody else"),
        pytest.raises(LeaseHeldError, match="another tick runs: somebody else"),
    ):
        world.tick(THIRD)
    world.tick(THIRD)
    world.close()


@pytest.mark.parametrize("died", [False, True], ids=["after a whole tick", "after one that died"])
def test_a_tick_before_the_last_is_refused(tmp_path: Path, died: bool) -> None:
    world = made(tmp_path / "world")
    if died:
        with stopped_at("cross.before_commit"):
            world.tick(THIRD)
    before = world.ledgers()
    with pytest.raises(InputError, match="would lie before the last one"):
        world.tick(FIRST + timedelta(hours=1))
    assert world.ledgers() == before


def test_a_warehouse_that_is_behind_is_refused(tmp_path: Path) -> None:
    world = made(tmp_path / "world")
    world.close()
    warehouse = world.root / ".segflow/warehouse.duckdb"
    older = warehouse.read_bytes()
    world.project.tick(THIRD)
    warehouse.write_bytes(older)
    with pytest.raises(RunError, match="tick 20260303T000000Z, done was committed"):
        world.project.tick(THIRD + timedelta(days=1))
    warehouse.unlink()
    with pytest.raises(RunError, match="has no tick"):
        world.project.tick(THIRD + timedelta(days=1))


@pytest.mark.parametrize("stage", ["cross", "advance"])
def test_specs_edited_while_a_tick_lies_dead(tmp_path: Path, stage: str) -> None:
    """A segment that came after the build is no empty one: its first members are a baseline and trigger nothing."""
    world = made(tmp_path / "world")

    def stop(_run: TickRun, name: str) -> None:
        if name == stage:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        world.tick(THIRD, progress=stop)
    world.segment("romans", {"where": {"attribute": "city", "is": "Rome"}})
    flow = {"status": "active", "trigger": {"enters": "romans"}, "steps": [{"id": "news", "add_to_list": "news"}]}
    world.flow("rome", flow)
    world.tick(THIRD)
    world.tick(THIRD + timedelta(days=1))
    causes = world.rows("SELECT DISTINCT cause, triggers FROM segflow.segment_entries WHERE segment = 'romans'")
    assert causes == [{"cause": "baseline", "triggers": False}]
    assert world.rows("SELECT * FROM segflow.flow_enrollments WHERE flow = 'rome'") == []
