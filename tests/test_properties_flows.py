"""Flows against a naive interpreter (tests/flow_model.py): random flows of all kinds of steps, over random stories.

`SEGFLOW_FLOW_EXAMPLES=200 pytest tests/test_properties_flows.py` looks for longer, and `--hypothesis-seed` elsewhere.
"""

from __future__ import annotations

import copy
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings

from segflow.crashpoints import watched
from tests.flow_clock import moved
from tests.flow_model import Naive
from tests.flow_passage import Everybody, Spec
from tests.flow_stories import CONTACTS, FIRST, HERE, programs, ready, stories
from tests.world import CATALOG, World

EXAMPLES = int(os.environ.get("SEGFLOW_FLOW_EXAMPLES", "0"))
"""How many stories are told; 0: few, and always the same."""
CODES = ("A", "B", "C", "D")
PEOPLE = {"type": "notify", "people": {"manager": "json://example.com"}}
ATTRIBUTES = {
    **CATALOG["contacts"]["attributes"],
    "points": {"type": "number", "written_by": "flows"},
    "moved_at": {"type": "timestamp", "written_by": "flows"},
}


class Killed(BaseException):
    """Stands for SIGKILL: nothing in segflow catches it."""


def told(few: int) -> Any:
    """Settings for so many stories where nobody asks for more."""
    return settings(
        max_examples=EXAMPLES or few,
        deadline=None,
        derandomize=not EXAMPLES,
        phases=[Phase.explicit, Phase.reuse, Phase.generate]
        + ([Phase.shrink] if "SEGFLOW_FLOW_SHRINK" in os.environ else []),
        suppress_health_check=[
            HealthCheck.too_slow,
            HealthCheck.data_too_large,
            HealthCheck.large_base_example,
            HealthCheck.filter_too_much,
        ],
    )


@contextmanager
def world_of(zone: str) -> Iterator[World]:
    with tempfile.TemporaryDirectory() as folder:
        senders = {"senders": {"people": PEOPLE}, "default_senders": {"notify": "people"}}
        world = World(Path(folder), settings={"time_zone": zone, **senders})
        world._write(
            "segment_specs/catalog.yml",
            {**CATALOG, "contacts": {**CATALOG["contacts"], "attributes": ATTRIBUTES, "deletions": True}},
        )
        world.segment("londoners", {"where": {"attribute": "city", "is": "London"}})
        world.segment("grown", {"where": {"attribute": "age", "gte": 3}})
        world.rows_of("tags", [{"contact_id": contact, "name": "blue", "added_at": FIRST} for contact in CONTACTS])
        world.project.add_coupons("spring", CODES)
        try:
            yield world
        finally:
            world.project.store.close()
            world.close()


class Life:
    """A world that lives through a story, tick by tick."""

    def __init__(self, world: World, named: dict[str, Spec], people: dict[str, Spec]) -> None:
        self.world, self.named, self.events = world, named, list[dict[str, Any]]()
        self.people = {contact: {**HERE, **people[contact]} for contact in CONTACTS}
        self.status: str | None = None

    def tick(self, at: datetime, tick: Spec, how: str) -> dict[str, Any]:
        """The contacts that are there, after they changed and the tick ran."""
        world = self.world
        for contact in CONTACTS:
            changed = tick["changes"].get(contact, {"visits": False})
            self.people[contact] = {**self.people[contact], **changed}
        now = {contact: person for contact, person in self.people.items() if person["here"]}
        if self.status != tick["status"]:
            self.status = tick["status"]
            for name, spec in self.named.items():
                world.flow(name, {"status": self.status, **spec})
        self.events += [
            {"contact_id": c, "name": "visit", "at": at, "id": f"{c} {at}"} for c in now if now[c]["visits"]
        ]
        world.rows_of("events", self.events)
        world.rows_of("contacts", [{"contact_id": contact, **person} for contact, person in now.items()])
        if how == "interrupted":
            self._kill(at)
        report = world.tick(at)
        assert report.errors == []
        assert not [row for row in world.rows("SELECT * FROM segflow.flow_cursors") if row["status"] == "held"]
        if how == "twice":
            assert world.tick(at).already_done
        return now

    def _kill(self, at: datetime) -> None:
        def reached(point: str) -> None:
            if point == "advance.before_commit":
                raise Killed

        try:
            with watched(reached):
                self.world.tick(at)
        except Killed:
            return
        raise AssertionError("the tick did not come to its advance")


class Model:
    """The flows as the naive interpreter has them."""

    def __init__(self, named: dict[str, Spec], zone: str) -> None:
        self.all, self.flows = Everybody(zone), dict[str, Naive]()
        for name, spec in named.items():
            self.flows[name] = Naive(name=name, flow=spec, all=self.all, others=self.flows)
        self.left = len(CODES)

    def tick(self, at: datetime, people: dict[str, Any], status: str, claims: set[tuple[Any, ...]]) -> None:
        self.all.build(at, copy.deepcopy(people))
        self.all.claims = claims
        for one in self.flows.values():
            one.leave(status)
        for one in self.flows.values():
            one.enroll()
        for one in self.flows.values():
            one.move()
        for one in self.flows.values():
            one.forget()
        assert claims <= set(self.all.claimed)
        assert len(claims) == min(self.left, len(self.all.claimed)), "codes given away"
        self.left -= len(claims)

    def next_at(self, at: datetime, wanted: str) -> datetime:
        """When the next tick is."""
        due = min((moment for one in self.flows.values() for moment in one.moments()), default=None)
        if wanted[0].isdigit():
            found: datetime = moved(at, wanted)
        elif due is None:
            found = at + timedelta(hours=7)
        else:
            found = {"due": due, "just before": due - timedelta(seconds=1), "due + 1 day": due + timedelta(days=1)}[
                wanted
            ]
        return max(found, at + timedelta(seconds=1))

    def quiet(self, at: datetime, people: dict[str, Any], status: str) -> bool:
        """Would nothing happen at a tick now?"""
        tried = copy.deepcopy(self)
        tried.tick(at, {name: {**person, "visits": False} for name, person in people.items()}, status, set())
        flows_ = tried.flows.values()
        return not any([*(one.journal or one.ends for one in flows_), self.all.calls, self.all.updates])


def at_of(tick: Spec, model: Model) -> datetime:
    return (
        FIRST if model.all.previous is None and model.all.people == {} else model.next_at(model.all.at, tick["after"])
    )


@told(few=2)
@given(programs(3), stories(5))
def test_the_naive_interpreter_says_the_same(specs: list[Spec], story: Spec) -> None:
    named = ready(specs)
    model = Model(named, story["zone"])
    with world_of(story["zone"]) as world:
        life = Life(world, named, story["people"])
        for tick in story["ticks"]:
            at = at_of(tick, model)
            people = life.tick(at, tick, tick["how"])
            model.tick(at, people, tick["status"], _claims(world, at))
            _compare(world, model, at)
        world.check_replay()


def _compare(world: World, model: Model, at: datetime) -> None:
    tick = f"{at:%Y%m%dT%H%M%SZ}"
    for name, one in model.flows.items():
        where = f"of {name} at {at}"
        _same(_journal(world, name, tick), one.journal, f"journal {where}")
        _same(_rows(world, "flow_enrollment_ends", name, tick, "contact_id", "reason"), one.ends, f"ends {where}")
        _same(_rows(world, "outbox", name, tick, "contact_id", "step", "visit"), one.messages, f"messages {where}")
        _same(_rows(world, "tasks", name, tick, "contact_id", "step", "title", "due_at"), one.tasks, f"tasks {where}")
        standing = world.rows(f"SELECT contact_id, step, visit FROM segflow.flow_positions WHERE flow = '{name}'")
        places = {(contact, inside.todo[0]["id"], inside.visit) for contact, inside in one.inside.items()}
        _same({tuple(row.values()) for row in standing}, places, f"places {where}")
    updates = world.rows(f"SELECT contact_id FROM segflow.contact_updates WHERE tick_id = '{tick}'")
    assert sorted(row["contact_id"] for row in updates) == sorted(one[0] for one in model.all.updates), (
        f"updates at {at}"
    )
    contacts = world.rows("SELECT contact_id, cast(points AS integer) AS points, moved_at FROM segflow.contacts")
    known: set[tuple[Any, ...]] = {(c, model.all.points.get(c), model.all.met.get(c)) for c in model.all.people}
    _same({tuple(map(_aware, row.values())) for row in contacts}, known, f"contacts at {at}")


def _same(found: set[tuple[Any, ...]], expected: set[tuple[Any, ...]], what: str) -> None:
    more, less = found - expected, expected - found
    told = f"{what}: the engine alone has {sorted(more, key=repr)}, the model {sorted(less, key=repr)}"
    assert found == expected, told


def _claims(world: World, at: datetime) -> set[tuple[Any, ...]]:
    rows = world.rows(f"SELECT * FROM segflow.coupon_claims WHERE tick_id = '{at:%Y%m%dT%H%M%SZ}'")
    assert len({row["code"] for row in rows}) == len(rows)
    return {(row["flow"], row["contact_id"], row["step"], row["visit"]) for row in rows}


def _rows(world: World, table: str, flow: str, tick: str, *columns: str) -> set[tuple[Any, ...]]:
    found = world.rows(f"SELECT * FROM segflow.{table} WHERE flow = '{flow}' AND tick_id = '{tick}'")
    rows = [tuple(_aware(row[name]) for name in columns) for row in found]
    assert len(set(rows)) == len(rows)
    return set(rows)


def _aware(value: Any) -> Any:
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) else value


def _journal(world: World, flow: str, tick_id: str) -> set[tuple[Any, ...]]:
    found: set[tuple[Any, ...]] = set()
    for row in world.rows(f"SELECT * FROM segflow.flow_journal WHERE flow = '{flow}' AND tick_id = '{tick_id}'"):
        if row["step"] is not None:
            found.add((row["contact_id"], row["step"], row["visit"], row["action"], _detail(row)))
        elif row["action"] == "restarted":
            found.add((row["contact_id"], None, "restarted", row["detail"]))
        else:
            reason, _, edge = row["detail"].removesuffix(")").partition(" (")
            found.add((row["contact_id"], None, row["action"], reason, *edge.split()))
    return found


def _detail(row: dict[str, Any]) -> str | None:
    """What the naive interpreter says, too."""
    told: str | None = row["detail"]
    if row["action"] in ("branch", "switch", "split", "skipped", "failed") or told in ("then", "timed_out"):
        return told
    return None


@told(few=1)
@given(programs(2), stories(3))
def test_interrupted_and_repeated_ticks_change_no_ledger(specs: list[Spec], story: Spec) -> None:
    named = ready(specs)
    model = Model(named, story["zone"])
    with world_of(story["zone"]) as calm, world_of(story["zone"]) as stormy:
        lives = [Life(world, named, story["people"]) for world in (calm, stormy)]
        for tick, how in zip(story["ticks"], ("once", "interrupted", "twice"), strict=True):
            at = at_of(tick, model)
            people = lives[0].tick(at, tick, "once")
            model.tick(at, people, tick["status"], _claims(calm, at))
            lives[1].tick(at, tick, how)
        expected, found = calm.ledgers(), stormy.ledgers()
        for table, rows in expected.items():
            assert found[table] == rows, table


@told(few=1)
@given(programs(2), stories(3))
def test_ticks_at_which_nothing_is_due_change_nothing(specs: list[Spec], story: Spec) -> None:
    """Rare ticks, and the same with more of them. `last_tick` is another one then, so nobody asks for it."""
    named = ready(specs, usable=lambda step: "last_tick" not in str(step.get("branch", step.get("switch", ""))))
    for spec in named.values():
        spec["exit_when"] = [one for one in spec.get("exit_when", []) if one.get("since") != "last_tick"]
    model = Model(named, story["zone"])
    with world_of(story["zone"]) as rare, world_of(story["zone"]) as frequent:
        lives = [Life(world, named, story["people"]) for world in (rare, frequent)]
        ticks: list[datetime] = []
        for tick in story["ticks"]:
            at = at_of(tick, model)
            if ticks:
                between = ticks[-1] + (at - ticks[-1]) / 2
                between = between.replace(microsecond=0)
                if between > ticks[-1] and model.quiet(between, model.all.people, lives[1].status or ""):
                    lives[1].tick(between, {"changes": {}, "status": lives[1].status}, "once")
            people = lives[0].tick(at, tick, "once")
            lives[1].tick(at, tick, "once")
            model.tick(at, people, tick["status"], _claims(rare, at))
            ticks.append(at)
        for table in ("flow_journal", "outbox", "tasks", "coupon_claims", "flow_enrollment_ends", "contact_updates"):
            assert frequent.ledgers()[table] == rare.ledgers()[table], table
