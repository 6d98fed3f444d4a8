"""Holds a plan against the tick that follows it."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any

from segflow.plan.result import Plan
from segflow.plan.sending import short
from segflow.stages.tick_report import TickReport
from tests.scenarios.runner import Scenario
from tests.world import COLUMNS, World


def stage(world: World) -> None:
    """Let dbt build the user's models, as a person may do before the first tick."""
    models = [f"stg_{table}" for table in COLUMNS]
    world.project.models.run(models, {"segflow": {"tick_id": "20260301T000000Z"}})


def done(world: World, report: TickReport) -> dict[str, Any]:
    """What a tick did, in the words of a plan."""
    this = f"tick_id = '{report.tick_id}'"

    def counts(table: str, *by: str, where: str = this) -> dict[tuple[Any, ...], int]:
        named = ", ".join(by)
        rows = world.rows(f"SELECT {named}, count(*) AS n FROM segflow.{table} WHERE {where} GROUP BY ALL")
        return {tuple(row[name] for name in by): row["n"] for row in rows}

    earlier = f"{this} AND enrollment_id NOT IN (SELECT enrollment_id FROM segflow.flow_enrollment_starts WHERE {this})"
    return {
        "entries": counts("segment_entries", "segment", "cause"),
        "exits": counts("segment_exits", "segment", "cause"),
        "versions": {name for (name,) in counts("segment_versions", "segment")},
        "members": {one.segment: (one.members, one.status) for one in report.segments if one.status != "deleted"},
        "flows": {one.flow: (one.status, one.enrolled, one.active) for one in report.flows},
        "messages": counts("outbox", "flow", "step"),
        "ends": counts("flow_enrollment_ends", "flow", "reason", where=earlier),
    }


def planned(plan: Plan) -> dict[str, Any]:
    """What a plan says, in the same form."""
    live = [one for one in plan.segments if one.status != "deleted"]
    return {
        "entries": {(one.segment, cause): n for one in plan.segments for cause, n in one.entries.items()},
        "exits": {(one.segment, cause): n for one in plan.segments for cause, n in one.exits.items()},
        "versions": {one.segment for one in live if one.change not in ("none", "renamed") and one.status == "ok"},
        "members": {one.segment: (one.members, one.status) for one in live},
        "flows": {
            one.flow: (one.status, one.enrolled, one.active)
            for one in plan.flows
            if one.status not in ("draft", "removed")
        },
        "messages": {(one.flow, step): n for one in plan.flows for step, n in one.messages.items()},
        "ends": {(one.flow, reason): n for one in plan.flows for reason, n in one.ends.items()},
    }


def foretold(plan: Plan) -> dict[tuple[str, str, str, str | None], int]:
    """(flow, step, outcome, reason) -> messages, as the plan says."""
    found: dict[tuple[str, str, str, str | None], int] = {}
    for one in plan.sending:
        found |= {(one.flow, one.step, "sent", None): one.goes} if one.goes else {}
        for outcome, counts in (("skipped", one.skipped), ("failed", one.failed), ("held", one.held)):
            found |= {(one.flow, one.step, outcome, reason): number for reason, number in counts.items()}
    return found


def became(world: World, report: TickReport) -> dict[tuple[str, str, str, str | None], int]:
    """The same of the messages that a tick planned and then sent."""
    rows = world.rows(
        "SELECT d.flow, d.step, d.outcome, d.reason FROM segflow.deliveries d JOIN segflow.outbox o USING (message_id) "
        f"WHERE d.tick_id = '{report.tick_id}' AND o.tick_id = d.tick_id"
    )
    sent = [(row, None if row["outcome"] == "sent" else short(row["reason"])) for row in rows]
    return dict(Counter((row["flow"], row["step"], row["outcome"], reason) for row, reason in sent))


class Planned(Scenario):
    """A scenario whose ticks are all planned before they run."""

    def tick(self, at: datetime, *, send: bool = False) -> TickReport:
        if self.world.project.last_tick() is None:
            stage(self.world)
        plan = self.world.project.plan(at)
        report = super().tick(at, send=send)
        assert planned(plan) == done(self.world, report), at
        if send:
            assert foretold(plan) == became(self.world, report), at
        return report
