"""What a past tick did, read from the ledgers."""

from __future__ import annotations

from collections import Counter

from sqlglot import exp

from segflow.exports.due import Export, left_as_they_were
from segflow.outbox.send import STAND_IN
from segflow.stages.tick import describe
from segflow.stages.tick_report import TickReport
from segflow.stages.tick_run import TickRun
from segflow.warehouse.base import Warehouse, relation


def recall(run: TickRun, warehouse: Warehouse) -> TickReport:
    """The report of a tick that is done, from what it left in the warehouse: what `describe` finds, and the messages
    and files, which a tick that runs knows by itself. Errors of senders are in no table."""
    report = describe(run)
    report.sent.outcomes = _outcomes(warehouse, report.tick_id)
    mine = exp.column("tick_id").eq(exp.Literal.string(report.tick_id))
    files = (
        exp.select("segment", "kind", "since", "path", "row_count", "same_as")
        .from_(relation("segment_exports"))
        .where(mine)
    )
    stale = left_as_they_were(warehouse, report.tick_id)
    report.exports = [
        Export(
            one["segment"],
            run.project.root / one["path"],
            one["row_count"],
            one["kind"],
            since=one["since"],
            stale=stale.get(one["segment"]),
            same_as=one["same_as"],
        )
        for one in warehouse.rows(files)
    ]
    return report


def _outcomes(warehouse: Warehouse, tick_id: str) -> dict[str, dict[str, int]]:
    """sender -> outcome -> attempts of a tick. In mode simulate the mailbox took them, and they count for the sender
    that they were planned for, as in the tick's own report."""
    planned = exp.column("sender", "o")
    at_the_mailbox = exp.column("sender", "d").eq(exp.Literal.string(STAND_IN))
    replaced = at_the_mailbox.and_(exp.column("channel", "d").eq(exp.column("channel", "o")))
    sender = exp.func("COALESCE", exp.Case().when(replaced, planned), exp.column("sender", "d"))
    asked = (
        exp.select(sender.as_("sender"), exp.column("outcome", "d"), exp.Count(this=exp.Star()).as_("number"))
        .from_(relation("deliveries").as_("d"))
        .join(relation("outbox").as_("o"), on="d.message_id = o.message_id", join_type="left")
        .where(exp.column("tick_id", "d").eq(exp.Literal.string(tick_id)))
        .group_by("1", "2")
    )
    found: dict[str, Counter[str]] = {}
    for row in warehouse.rows(asked):
        found.setdefault(row["sender"], Counter())[row["outcome"]] += int(row["number"])
    return {sender: dict(counts) for sender, counts in found.items()}
