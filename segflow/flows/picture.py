"""A flow as a picture has it: its steps and ways, how many stand at each step, and how many have passed it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from segflow.segments.sentence import sentence
from segflow.specs.flow import NamedFlow
from segflow.specs.steps import Step
from segflow.specs.steps.base import Arm
from segflow.warehouse.base import Warehouse
from segflow.warehouse.sqlfile import load_query

_SQL = Path(__file__).parent / "sql"


@dataclass(frozen=True, kw_only=True)
class Way:
    """A way on from a step that has several: its steps, after which all go on together unless it `ends`."""

    name: str
    condition: str
    """What must hold, in words; empty for whoever is left."""
    passed: int
    steps: Sequence[Node]
    ends: str | None

    @property
    def words(self) -> str:
        """`then: city is London`"""
        name = self.name or "goes on"
        return f"{name}: {self.condition}" if self.condition else name


@dataclass(frozen=True, kw_only=True)
class Node:
    """One step with what has happened at it. `passed` counts each time that a contact took it."""

    step: str
    words: str
    standing: int
    passed: int
    skipped: int
    """Passed by: too late, pointless, or taken before an edit moved it."""
    ways: Sequence[Way] = ()
    """Empty where all go on in the same way."""
    ends: str | None = None
    """Why the enrollment ends here, where it does."""

    @property
    def counts(self) -> str:
        """`12 passed, 3 here`; nothing where nothing has happened."""
        told = [(self.passed, "passed"), (self.skipped, "passed by"), (self.standing, "here")]
        return ", ".join(f"{count:,} {word}" for count, word in told if count)


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One flow."""

    flow: str
    status: str
    trigger: str
    steps: Sequence[Node]
    enrolled: int = 0
    active: int = 0
    ended: Mapping[str, int] = field(default_factory=dict)
    """Reason -> enrollments."""

    @property
    def counts(self) -> str:
        """`12 enrolled, 3 inside, 9 ended (7 completed, 2 exit_when)`"""
        gone = sum(self.ended.values())
        reasons = ", ".join(f"{count:,} {why}" for why, count in sorted(self.ended.items(), key=lambda one: -one[1]))
        return f"{self.enrolled:,} enrolled, {self.active:,} inside, {gone:,} ended" + (f" ({reasons})" if gone else "")


@dataclass
class _Counts:
    standing: dict[tuple[str, str], int] = field(default_factory=dict)
    passed: dict[tuple[str, str], int] = field(default_factory=dict)
    skipped: dict[tuple[str, str], int] = field(default_factory=dict)
    by_way: dict[tuple[str, str, str], int] = field(default_factory=dict)
    enrolled: dict[str, int] = field(default_factory=dict)
    active: dict[str, int] = field(default_factory=dict)
    ended: dict[str, dict[str, int]] = field(default_factory=dict)


def pictures(warehouse: Warehouse | None, flows: Sequence[NamedFlow]) -> list[Picture]:
    """A picture of each flow, as the files have them, with the counts of all ticks; without a warehouse they are 0.

    Two questions for all of them.
    """
    counts = _Counts() if warehouse is None else _counted(warehouse, flows)
    return [
        Picture(
            flow=one.id,
            status=one.spec.status,
            trigger=trigger_words(one),
            steps=_nodes(one.id, one.spec.steps, counts),
            enrolled=counts.enrolled.get(one.id, 0),
            active=counts.active.get(one.id, 0),
            ended=counts.ended.get(one.id, {}),
        )
        for one in flows
    ]


def trigger_words(flow: NamedFlow) -> str:
    """Who gets into a flow, in a few words."""
    return " or ".join(one.told() for one in flow.spec.triggers())


def _in_words(arm: Arm) -> str:
    if arm.condition is not None:
        first, *more = sentence(arm.condition)
        return f"{first} {'; '.join(line.strip(' -') for line in more)}" if more else first
    if arm.share is not None:
        low, high = arm.share
        return f"{(high - low) * 100:.4g}%"
    return ""


def _nodes(flow: str, steps: Sequence[Step], counts: _Counts) -> list[Node]:
    found = []
    for step in steps:
        arms = step.arms()
        several = len(arms) > 1 or any(arm.steps for arm in arms)
        found.append(
            Node(
                step=step.id,
                words=step.words(),
                standing=counts.standing.get((flow, step.id), 0),
                passed=counts.passed.get((flow, step.id), 0),
                skipped=counts.skipped.get((flow, step.id), 0),
                ways=[
                    Way(
                        name=arm.name,
                        condition=_in_words(arm),
                        passed=counts.by_way.get((flow, step.id, arm.name), 0),
                        steps=_nodes(flow, arm.steps, counts),
                        ends=arm.ends,
                    )
                    for arm in arms
                ]
                if several
                else (),
                ends=None if several else arms[0].ends,
            )
        )
    return found


def _counted(warehouse: Warehouse, flows: Sequence[NamedFlow]) -> _Counts:
    several = [
        {"flow": one.id, "step": step.id} for one in flows for step in one.spec.walk() if len(step.arms()) > 1
    ]  # fmt: skip
    warehouse.stage(
        "pictured", pa.Table.from_pylist(several, schema=pa.schema([("flow", pa.string()), ("step", pa.string())]))
    )
    one = flows[0].id if len(flows) == 1 else None
    found = _Counts()
    for row in warehouse.rows(load_query(_SQL / "steps_passed.sql", flow=one)):
        place = row["flow"], row["step"]
        into = found.skipped if row["skipped"] else found.passed
        into[place] = into.get(place, 0) + row["contacts"]
        if row["arm"] is not None and not row["skipped"]:
            found.by_way[*place, row["arm"]] = row["contacts"]
    for row in warehouse.rows(load_query(_SQL / "enrollment_counts.sql", flow=one)):
        flow, many = row["flow"], row["contacts"]
        found.enrolled[flow] = found.enrolled.get(flow, 0) + many
        if row["reason"] is not None:
            found.ended.setdefault(flow, {})[row["reason"]] = many
        else:
            found.active[flow] = found.active.get(flow, 0) + many
            found.standing[flow, row["step"]] = many
    return found
