"""The send stage: take over planned messages, drain the senders, copy the outcomes back to the warehouse."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc
from sqlglot import exp

from segflow.messages import CHANNELS
from segflow.outbox.before_sending import SendChecks
from segflow.outbox.deleted import suppress_deleted
from segflow.outbox.deliveries import copy_outcomes
from segflow.outbox.drain import Drain, SenderLike, never
from segflow.outbox.lease import Lease
from segflow.outbox.store import DeliveryStore
from segflow.outbox.throttle import Room
from segflow.outbox.withdraw import withdraw
from segflow.segments.facts import FactColumn
from segflow.segments.nodes import Fact
from segflow.specs.project import Specs
from segflow.warehouse.base import Warehouse, relation
from segflow.warehouse.generations import check_generation
from segflow.warehouse.tick import Tick

INSERTED_TO = "inserted_to"
STAND_IN = "mailbox"
"""Takes the place of live senders in mode simulate."""
PATIENCE = 60.0
_ROWS_AT_ONCE = 10_000

log = logging.getLogger(__name__)


@dataclass
class SendReport:
    """What the stage did. `errors` are for a person to mend and fail the run; nothing is lost by them."""

    inserted: int = 0
    withdrawn: int = 0
    """Messages that waited when their contact left; they are among the skipped."""
    outcomes: dict[str, dict[str, int]] = field(default_factory=dict)
    """sender (as the step or the defaults name it) -> outcome -> number of attempts."""
    errors: list[str] = field(default_factory=list)
    broken: dict[str, str] = field(default_factory=dict)
    """sender (the same) -> its error, which is among `errors`, too."""
    deferred: dict[str, str] = field(default_factory=dict)
    """sender -> why its queue was left to the next tick."""
    stopped: str | None = None
    """Why sending is stopped; the queue is untouched then."""
    became_unknown: int = 0
    """Messages whose outcome an earlier crash swallowed; they wait for a person."""

    def total(self, outcome: str) -> int:
        """How many attempts ended as `outcome`, over all senders."""
        return sum(counts.get(outcome, 0) for counts in self.outcomes.values())


def send_outbox(
    specs: Specs,
    warehouse: Warehouse,
    store: DeliveryStore,
    senders: Mapping[str, SenderLike],
    tick: Tick,
    lease: Lease,
    *,
    patience: float = PATIENCE,
    leave: Callable[[], bool] = never,
    only: Collection[str] = (),
    columns: Mapping[Fact, FactColumn] | None = None,
) -> SendReport:
    """Send what is due, as `delivery.mode` allows. Repeating it for the same tick sends nothing twice.

    `senders`: by name, `mailbox` among them. `only`: those to drain, by default all that have something due.
    `columns`: where the facts are, which say who is on the lists of topics.
    `patience`: seconds to wait, per live sender, for retries that fall due soon. `leave`: is it time to stop, though
    something is due? Raises LeaseLostError, and StaleGenerationError when contacts were built for another tick; what
    one sender cannot do is in the report and does not stop the others.
    """
    check_generation(warehouse, ["contacts"], tick.tick_id)
    report = SendReport()
    suppress_deleted(warehouse, store, lease)
    take_over(warehouse, store, tick, lease, report)
    report.became_unknown = store.recover(lease, tick.tick_id, tick.as_of)
    checks = SendChecks(specs, warehouse, store, tick, columns)
    delivery = specs.settings.delivery
    report.stopped = store.stopped()
    # Messages whose contacts are reached on another channel go into its queue, at most once per channel and tick.
    now = max(tick.as_of, datetime.now(UTC))
    names = [] if report.stopped else [name for name in store.senders_due(now) if not only or name in only]
    live = [name for name in names if name in senders and not senders[name].simulated and delivery.mode != "simulate"]
    room = Room(delivery.throttle, store, live)
    rounds = dict.fromkeys(names, 0)
    try:
        while names := names or room.again(max(tick.as_of, datetime.now(UTC))):
            name = names.pop(0)
            rounds[name] = rounds.get(name, 0) + 1
            sender = senders.get(name)
            if sender is None:
                report.broken[name] = f"messages wait for sender {name}, which segflow.yml does not have"
                report.errors.append(report.broken[name])
                continue
            used = name if sender.simulated or delivery.mode != "simulate" else STAND_IN
            drain = Drain(
                name,
                senders[used],
                used=used,
                store=store,
                lease=lease,
                tick=tick,
                checks=checks,
                settings=delivery,
                zone=specs.settings.zone,
                patience=patience,
                room=room,
                leave=leave,
            )
            done = drain.run()
            counts = report.outcomes.setdefault(name, {}) if done.outcomes else {}
            for outcome, number in done.outcomes.items():
                counts[outcome] = counts.get(outcome, 0) + number
            gone_to = sorted(done.elsewhere - set(names) - set(report.broken))
            names += [one for one in gone_to if rounds.get(one, 0) < len(CHANNELS) and (not only or one in only)]
            if done.error is not None:
                report.broken[name] = done.error
                report.errors.append(done.error)
            if done.deferred is not None:
                report.deferred[name] = done.deferred
            if done.stopped is not None:
                report.stopped = done.stopped
            if done.stopped is not None or done.left:
                break
        for name in room.waiting:
            if told := room.wait(lease, tick.tick_id, name, max(tick.as_of, datetime.now(UTC))):
                report.deferred[name] = told
    finally:
        # Also when stopped by hand: what was sent is in the warehouse even if the tick is never resumed.
        copy_outcomes(warehouse, store, lease, tick.tick_id)
    return report


def take_over(warehouse: Warehouse, store: DeliveryStore, tick: Tick, lease: Lease, report: SendReport) -> None:
    """Insert the planned messages that the store does not have yet, and take back those of who has left meanwhile."""
    done_to = store.mark(INSERTED_TO)
    rows = _planned(warehouse, store, done_to)
    if rows is not None:
        for batch in warehouse.batches(rows.order_by("planned_at", "message_id"), _ROWS_AT_ONCE):
            report.inserted += store.insert_new(lease, batch.to_pylist())
    for sender, skipped in withdraw(warehouse, store, tick, lease, done_to).items():
        report.outcomes[sender] = {"skipped": skipped}
        report.withdrawn += skipped
    if done_to is None or done_to < tick.tick_id:
        store.set_mark(INSERTED_TO, tick.tick_id, lease)


def _planned(warehouse: Warehouse, store: DeliveryStore, done_to: str | None) -> exp.Select | None:
    """The rows of `outbox` that the store may not have; None: there are none.

    `done_to`: the last tick that was taken over. Of that one, too, there may be more than it had: a warehouse that was
    put back to before the tick runs it again, under its name, and may plan other messages.
    """
    rows = exp.select("*").from_(relation("outbox"))
    if done_to is None:
        return rows
    tick, done = exp.column("tick_id"), exp.Literal.string(done_to)
    since, later = tick >= done, tick > done
    number, known = 0, 0
    lacking: list[str] = []
    named = exp.select("message_id", "tick_id").from_(relation("outbox")).where(since)
    for batch in warehouse.batches(named, _ROWS_AT_ONCE):
        of_then = batch.filter(pc.equal(batch.column("tick_id"), done_to)).column("message_id").to_pylist()
        number, known = number + batch.num_rows, known + len(of_then)
        lacking += sorted(store.lacking(of_then)) if of_then else []
    if number == known and not lacking:
        return None
    if not lacking:
        return rows.where(later)
    staged = warehouse.stage("lacking", pa.table({"message_id": pa.array(lacking, pa.string())}))
    among = exp.column("message_id").isin(query=exp.select("message_id").from_(staged))
    # The first says nothing new, but engines pass over what it leaves out, and would read all for the second.
    return rows.where(since, exp.or_(later, among))
