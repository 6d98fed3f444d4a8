"""Who gets in: candidates of each tick that was not looked at yet, judged by the rules of their flow and among flows.

The rules of one flow are `own_rules.sql`, in their order; those among flows, and the holdout, are `among_flows.sql`.
"""

from __future__ import annotations

from datetime import UTC
from typing import Any

from sqlglot import exp

from segflow.flows import entry_tables
from segflow.flows.prepare import Known
from segflow.flows.triggers import Tick, Triggers
from segflow.flows.work import Work, all_of
from segflow.warehouse.base import relation


class Entry(Work):
    """Stages `started` (new positions), `dropped` (journal rows), `withheld` and `waiting`."""

    triggers: Triggers
    past: Known

    def _enroll(self, flows: list[dict[str, Any]], active: list[str]) -> bool:
        """Take in who may come in; says whether anybody did."""
        w = self.warehouse
        w.stage("dropped", self._query("nothing_dropped"))
        compares = entry_tables.compares(self.compiled)
        if compares:
            w.stage("withheld", self._query("nothing_withheld"))
        self.waits = self.past.waiting
        if self.waits:
            w.stage("dropped", all_of("dropped", self._query("shut_out")))
            w.stage("waiting", self._query("waiting_of_flows"))
        asked = entry_tables.conditions(self.compiled, active)
        pending = self._pending_ticks(flows)
        self.triggers.stage()
        for tick in pending:
            w.stage("candidates", self.triggers.candidates(tick))
            number = self._count("temp.candidates")
            if not number:
                continue
            w.stage("candidate_conditions", asked)
            w.stage("entry_rules", entry_tables.rules(self.compiled, tick.as_of))
            subjects, conditions = self._query("candidate_subjects"), asked.column("condition").to_pylist()
            self._satisfied(subjects, conditions, "offered_by", number)
            w.stage("verdicts", self._query("own_rules"), about=number)
            if not compares:
                w.stage("decisions", self._query("decisions"), about=number)
            else:
                w.stage("rivals", entry_tables.rivals(self.compiled, tick.as_of))
                w.stage("decisions", self._query("among_flows"), about=number)
                w.stage("withheld", all_of("withheld", self._query("withheld")), about=number)
            enrolled = w.stage("enrolled", self._query("enrolled"), about=number)
            if taken_in := self._count(enrolled):
                self._take_in(enrolled, taken_in)
            w.stage("dropped", all_of("dropped", self._query("dropped")), about=number)
            self.waits = self.waits or self._told_to_wait()
            if self.waits:
                w.stage("waiting", self._query("waiting", with_waiting=tick.present))
        if not self.took_in:
            return False
        if len(pending) > 1:
            w.stage(
                "ended", all_of("ended", self._query("pushed_out", from_tick=pending[0].tick_id)), about=self.number
            )
            self._keep_only_active()
        return True

    def _told_to_wait(self) -> bool:
        """Must anybody wait for a re-entry rule after this round?"""
        told = exp.select(exp.Count(this=exp.Star())).from_("temp.decisions").where("decision = 'wait'")
        return bool(self.warehouse.scalar(told))

    def _pending_ticks(self, flows: list[dict[str, Any]]) -> list[Tick]:
        """The ticks whose crossings some flow has not consumed yet, in order; the present one is the last."""
        oldest = min((str(row["consumed_to"]) for row in flows if row["status"] in ("active", "paused")), default=None)
        if oldest is None:
            return []
        if oldest == self.before:
            return [Tick(self.tick_id, self.as_of, True)]  # nobody has to catch up
        pending = (
            exp.select("tick_id", "as_of")
            .from_(relation("ticks"))
            .where(exp.column("tick_id") > exp.Literal.string(oldest))
            .where(exp.column("tick_id") <= exp.Literal.string(self.tick_id))
            .order_by("tick_id")
        )
        return [
            Tick(row["tick_id"], row["as_of"].replace(tzinfo=UTC), row["tick_id"] == self.tick_id)
            for row in self.warehouse.rows(pending)
        ]

    def _record_entry(self) -> None:
        w = self.warehouse
        if any(named.spec.holdout for named in self.compiled.specs.flows.values()):
            w.append("flow_withheld", self.tick_id, exp.select("*").from_("temp.withheld"))
