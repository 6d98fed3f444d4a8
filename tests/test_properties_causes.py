"""Crossings against a naive model through twenty ticks: who crosses, why, for which time, and whether flows may react.

Hypothesis draws changes of contacts, edits, renames, removals, imports of both kinds, a column that goes and comes
back, segments that rest for a week or a month, ticks that die anywhere and are resumed, and ticks that are run twice.
`SEGFLOW_CROSSING_EXAMPLES=100 pytest tests/test_properties_causes.py` looks for longer.
"""

from __future__ import annotations

import copy
import os
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import yaml
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from segflow.crashpoints import watched
from segflow.stages.tick_report import TickReport
from tests.crossing_stories import (
    CITIES,
    MODEL,
    SLOTS,
    Batch,
    Change,
    Day,
    Edit,
    GoesOrReturns,
    Moves,
    Remove,
    Rename,
    days,
    starts,
)
from tests.naive_crossings import ELSEWHERE, Crossing, File, Import, Naive, Scene
from tests.planned import done, planned
from tests.test_properties_survival import NOT_ALTERNATING, NOT_ENTRIES_LESS_EXITS
from tests.world import CATALOG, World

FIRST = datetime(2026, 3, 1, tzinfo=UTC)
EXAMPLES = int(os.environ.get("SEGFLOW_CROSSING_EXAMPLES", "2"))
SHRINK = "SEGFLOW_CROSSING_SHRINK" in os.environ
"""Finding a smaller story for a failure takes minutes; the story itself is printed in any case."""
TICKS = 20
BATCHES = {"model": "stg_imports", "contact": "customer", "imported_at": "loaded_at", "trigger_flows": "may_trigger"}


class Killed(BaseException):
    """Stands for SIGKILL: nothing in segflow catches it."""


class Story:
    def __init__(self, root: Path) -> None:
        self.world = World(root, settings={"exports": {"segments": []}})
        self.naive, self.scene = Naive(), Scene()
        self.names = {slot: f"s{slot}" for slot in SLOTS}
        self.written: dict[str, dict[str, Any]] = {}
        self.cities: dict[str, str | None] = {}
        self.number = 0
        catalog = yaml.safe_dump({**CATALOG, "imports": BATCHES}, sort_keys=False)
        (root / "segment_specs/catalog.yml").write_text(catalog, encoding="utf-8")
        (root / "dbt/models/staging/stg_imports.sql").write_text("select * from raw.imports\n", encoding="utf-8")
        self.world.run("CREATE TABLE raw.imports (customer VARCHAR, loaded_at TIMESTAMP, may_trigger BOOLEAN)")
        self._project()
        for number, contact in enumerate(MODEL):
            self.scene.rows[contact] = {"city": CITIES[number % 3], "age": number % 5 or None, "score": None}

    @property
    def at(self) -> datetime:
        return FIRST + timedelta(days=self.number)

    def live(self, day: Day) -> None:
        for change in day.changes:
            self._change(change)
        self.scene.broken, self.scene.today = day.broken, self.at.date()
        self._write()
        self.scene.fingerprints = {one.id: one.fingerprint for one in self.world.project.compiled.segments.values()}
        last = self.number == TICKS - 1
        # A plan costs half a tick, and the last tick of a story has the most behind it.
        plan = self.world.project.plan(self.at) if last else None
        wanted = self.naive.tick(self.scene)
        report = self._tick(day)
        assert plan is None or planned(plan) == done(self.world, report)
        found = self._crossings(report)
        assert found == wanted, f"tick {self.number}: {set(found) - set(wanted)} instead of {set(wanted) - set(found)}"
        members = {
            (row["segment"], row["contact_id"]) for row in self.world.rows("SELECT * FROM segflow.segment_members")
        }
        assert members == {(name, contact) for name, one in self.naive.live.items() for contact in one.members}
        status = {one.segment: one.status for one in report.segments if one.status != "deleted"}
        names = {file.name for file in self.scene.files.values()}
        left = dict.fromkeys(self.naive.stale, "stale") | dict.fromkeys(self.naive.rest, "resting")
        assert status == {name: left.get(name, "ok") for name in names}
        if last:
            assert self.world.rows(NOT_ENTRIES_LESS_EXITS) == []
            assert self.world.rows(NOT_ALTERNATING) == []
            self.world.check_replay()
        self.cities = {contact: row["city"] for contact, row in self.scene.model.items()}
        self.scene.imports, self.scene.batches = [], []
        self.number += 1

    def _project(self) -> None:
        # A lease that a killed tick left is free because its process is dead. Here the process lives on.
        self.world.project.holder = "story"

    def _tick(self, day: Day) -> TickReport:
        left = [day.stops_at]

        def reached(name: str) -> None:
            left[0] -= 1
            if left[0] == 0:
                raise Killed(name)

        try:
            with watched(reached):
                report = self.world.tick(self.at)
        except Killed:
            del self.world.project
            self._project()
            report = self.world.tick(self.at)
        if day.again:
            assert self.world.tick(self.at).already_done
        return report

    def _crossings(self, report: TickReport) -> list[Crossing]:
        found = []
        for kind, ledger in (("enters", "segment_entries"), ("exits", "segment_exits")):
            for row in self.world.rows(f"SELECT * FROM segflow.{ledger} WHERE tick_id = '{report.tick_id}'"):
                values = [row[name] for name in ("entry_number", "cause", "triggers")]
                found.append(Crossing(row["segment"], row["contact_id"], kind, *values))
        return sorted(found)

    # What happens between two ticks; what cannot happen, does not.

    def _change(self, change: Change) -> None:
        scene = self.scene
        match change:
            case Moves(contact, city, age, score):
                scene.rows[contact] = {"city": city, "age": age, "score": score}
            case GoesOrReturns(contact):
                scene.away ^= {contact}
            case Edit(slot, rule, on_create, on_change, name, every):
                if slot in scene.files:
                    file = scene.files[slot]
                    file.rule, file.on_create, file.on_change, file.every = rule, on_create, on_change, every
                elif self._free(name or self.names[slot]):
                    scene.files[slot] = File(name or self.names[slot], rule, on_create, on_change, every=every)
            case Remove(slot):
                if slot in scene.files:
                    self.names[slot] = scene.files.pop(slot).name
            case Rename(slot, name):
                file = scene.files.get(slot)
                if file is not None and self._free(name, file):
                    file.earlier = [*(one for one in file.earlier if one != name), file.name]
                    file.unseen.add(file.name)
                    file.name = name
            case Import():
                self._import(change)
            case Batch(contact, answer):
                scene.batches.append((contact, answer))

    def _free(self, name: str, mine: File | None = None) -> bool:
        """May a file take this name? Not while another has it, or had it and no tick has seen the rename. When one has,
        its file forgets the name, which `validate` asks for."""
        others = [file for file in self.scene.files.values() if file is not mine]
        if any(name == file.name or name in file.unseen for file in others) or (mine and mine.name == name):
            return False
        for file in others:
            file.earlier = [one for one in file.earlier if one != name]
        return True

    def _import(self, given: Import) -> None:
        """The model's own contacts keep their city: a row that says otherwise would be refused."""
        known = set(self.cities) - set(self.naive.imported)
        rows = tuple((who, None if who in known else city, score) for who, city, score in given.rows)
        one = Import(rows, given.yes, given.to_list)
        kinds = [("contact_id", pa.string()), ("city", pa.string()), ("score", pa.float64())]
        table = pa.Table.from_pylist([dict(zip(dict(kinds), row, strict=True)) for row in rows], pa.schema(kinds))
        done = self.world.project.import_contacts(
            table, trigger_flows=one.yes, list_name="fair" if one.to_list else None
        )
        assert (done.refused, done.repeated) == ([], one in self.naive.known or one in self.scene.imports)
        self.scene.imports.append(one)

    def _write(self) -> None:
        world, scene = self.world, self.scene
        world.missing = {"contacts.age"} if scene.broken else set()
        world.rows_of("contacts", [{"contact_id": contact, **row} for contact, row in scene.model.items()])
        for contact, answer in scene.batches:
            said = "NULL" if answer is None else answer
            world.run(f"INSERT INTO raw.imports VALUES ('{contact}', '{self.at:%Y-%m-%d}', {said})")
        specs = {file.name: self._spec(slot, file) for slot, file in scene.files.items()}
        for name in self.written.keys() | specs.keys():
            if self.written.get(name) != specs.get(name):
                world.segment(name, specs.get(name))
        self.written = specs

    def _spec(self, slot: int, file: File) -> dict[str, Any]:
        def named(tree: Any) -> Any:
            if isinstance(tree, list):
                return [named(one) for one in tree]
            if not isinstance(tree, dict):
                return tree
            if "slot" in tree:
                other = tree["slot"]
                there = other < slot and other in self.scene.files
                return {"segment": self.scene.files[other].name} if there else copy.copy(ELSEWHERE)
            return {word: named(value) for word, value in tree.items()}

        spec = {"where": named(file.rule), "on_create": file.on_create, "on_change": file.on_change}
        spec |= {"every": f"1 {file.every}"} if file.every else {}
        earlier: Any = file.earlier[0] if len(file.earlier) == 1 else list(file.earlier)
        return {**spec, "renamed_from": earlier} if earlier else spec


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    # Not `explain`: it traces every line, which takes many times as long.
    phases=[Phase.explicit, Phase.generate, *([Phase.shrink] if SHRINK else [])],
    derandomize="SEGFLOW_CROSSING_EXAMPLES" not in os.environ,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)
@given(starts, st.lists(days, min_size=1 if SHRINK else TICKS, max_size=TICKS))
def test_twenty_ticks(start: list[Edit], story: list[Day]) -> None:
    # The simplest story, which is always tried first, is the same day twenty times.
    assume(SHRINK or len(set(map(repr, story))) > TICKS // 2)
    with tempfile.TemporaryDirectory() as folder:
        told = Story(Path(folder))
        for number, day in enumerate(story):
            told.live(Day([*start, *day.changes], day.broken, day.stops_at, day.again) if number == 0 else day)
        told.world.close()
