"""Who leaves, who starts again, who meets the goal: what the conditions of flows do to those who are inside."""

from __future__ import annotations

from typing import Any

from sqlglot import exp

from segflow.flows import inside_tables
from segflow.flows.conditions import asks_of_last_tick
from segflow.flows.prepare import Known
from segflow.flows.work import Work, all_of, union_all
from segflow.segments.flow_conditions import GOAL, RESTART, RESTS


class Inside(Work):
    """All conditions about enrollments are asked in one query; goals also about who has left or was withheld."""

    past: Known

    def _prepare_inside(self, flows: list[dict[str, Any]]) -> None:
        """Stage what stays the same however often this tick is decided."""
        w = self.warehouse
        places = [place for named in self.compiled.conditions.values() for place in named]
        self.has_goals = GOAL in places
        self.has_restarts = any(place.startswith(RESTART) for place in places)
        self.has_rests = any(place.startswith(RESTS) for place in places)
        asked = asks_of_last_tick(self.conditions.nodes.values())
        looked = inside_tables.looked_at(w, flows) if asked or self.has_goals else {}
        if asked:
            w.stage("looks", inside_tables.looks(self.compiled, flows, looked))
        if self.has_goals:
            w.stage("goals", inside_tables.goals(self.compiled, flows, looked, self.as_of))

    def _look_inside(self, flows: list[dict[str, Any]]) -> None:
        """End who must end and send back who must start again."""
        w = self.warehouse
        self.asked = inside_tables.conditions(self.compiled, flows)
        if self.asked.num_rows or self.has_rests:
            w.stage("inside_conditions", self.asked)
        for kind, found in (
            (self.has_rests, "resting"),
            (self.has_restarts, "restarted"),
            (self.has_goals, "converted"),
        ):
            if kind:
                w.stage(found, self._query(f"nothing_{found}"))
        kinds = self._ask_inside(only_new=False)
        if "goal" in kinds:
            w.stage("converted", self._query("converted"), about=self.number)
        if "restart" in kinds:
            w.stage("restarted", self._query("restarted"), about=self.number)
            if self._count("temp.restarted"):
                self._stand(self._query("positions_after_restart"))

    def _look_at_new(self) -> None:
        """End among the new who must not be here, and note which restart conditions hold for the others already."""
        self._ask_inside(only_new=True)

    def _ask_inside(self, only_new: bool) -> set[str]:
        """Ask the conditions and end who must end; returns the kinds that were asked."""
        w = self.warehouse
        asked = [row for row in self.asked.to_pylist() if not only_new or row["kind"] in ("exit", "rests")]
        if not asked:
            return set()
        subjects = self._query("inside_subjects", only_new=only_new)
        if self.has_goals and not only_new:
            subjects = union_all(subjects, self._query("watched"))
        self._satisfied(subjects, [row["condition"] for row in asked], "inside_by", self.number)
        kinds = {row["kind"] for row in asked}
        if "rests" in kinds:
            w.stage("resting", all_of("resting", self._query("resting")), about=self.number)
        if kinds & {"exit", "goal"}:
            w.stage("ended", all_of("ended", self._query("ended_by_condition")), about=self.number)
            self._keep_only_active()
        return kinds

    def _journal_inside(self) -> exp.Query | None:
        """The journal rows of those who start again; None when nobody can."""
        return self._query("restarts") if self.has_restarts else None

    def _record_inside(self) -> None:
        w = self.warehouse
        if self.has_goals:
            w.append("flow_conversions", self.tick_id, exp.select("*").from_("temp.converted"))
        if self.has_rests or self.past.restarts:
            if not self.has_rests:
                # The last flow that had such a condition is gone, or says something else.
                w.stage("resting", self._query("nothing_resting"))
                w.stage("inside_conditions", self.asked)
            w.stage("restart_state", self._query("restart_state"), about=self.number)
            w.append("flow_restart_changes", self.tick_id, self._query("restart_changes"))
            w.replace("flow_restart_state", exp.select("*").from_("temp.restart_state"))
