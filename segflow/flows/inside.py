"""Who leaves, who starts again, who meets the goal: what the conditions of flows do to those who are inside."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from sqlglot import exp

from segflow.flows import inside_tables
from segflow.flows.work import Work, all_of
from segflow.segments.flow_conditions import GOAL, RESTS
from segflow.warehouse.base import relation


class Inside(Work):
    """All conditions about enrollments are asked in one query; goals also about who has left or was withheld."""

    def _prepare_inside(self, flows: list[dict[str, Any]]) -> None:
        """Stage what stays the same however often this tick is decided."""
        w = self.warehouse
        looked = inside_tables.looked_at(w, flows)
        w.stage("looks", inside_tables.looks(self.compiled, flows, looked))
        w.stage("goals", inside_tables.goals(self.compiled, flows, looked, self.as_of))
        places = [place for named in self.compiled.conditions.values() for place in named]
        self.has_goals = GOAL in places
        self.has_rests = any(p.startswith(RESTS) for p in places) or bool(self._count(relation("flow_restart_state")))

    def _look_inside(self, flows: list[dict[str, Any]]) -> None:
        """End who must end and send back who must start again."""
        w = self.warehouse
        w.stage("restarted", self._query("nothing_restarted"))
        w.stage("resting", self._query("nothing_resting"))
        w.stage("converted", self._query("nothing_converted"))
        self.asked = table = inside_tables.conditions(self.compiled, flows)
        w.stage("inside_conditions", table)
        self._ask_inside(table, only_new=False)
        kinds = set(table.column("kind").to_pylist())
        if "goal" in kinds:
            w.stage("converted", self._query("converted"))
        if "restart" in kinds:
            w.stage("restarted", self._query("restarted"))
            if self._count("temp.restarted"):
                self._stand(self._query("positions_after_restart"))

    def _look_at_new(self) -> None:
        """End among the new who must not be here, and note which restart conditions hold for the others already."""
        self._ask_inside(self.asked, only_new=True)

    def _ask_inside(self, table: pa.Table, only_new: bool) -> None:
        w = self.warehouse
        asked = [row for row in table.to_pylist() if not only_new or row["kind"] in ("exit", "rests")]
        if not asked:
            return
        self._satisfied(self._query("inside_subjects", only_new=only_new), [row["condition"] for row in asked])
        kinds = {row["kind"] for row in asked}
        if "rests" in kinds:
            w.stage("resting", all_of("resting", self._query("resting")))
        if kinds & {"exit", "goal"}:
            w.stage("ended", all_of("ended", self._query("ended_by_condition")))
            self._keep_only_active()

    def _record_inside(self) -> None:
        w = self.warehouse
        if self.has_goals:
            w.append("flow_conversions", self.tick_id, exp.select("*").from_("temp.converted"))
        if self.has_rests:
            w.stage("restart_state", self._query("restart_state"))
            w.append("flow_restart_changes", self.tick_id, self._query("restart_changes"))
            w.replace("flow_restart_state", exp.select("*").from_("temp.restart_state"))
