"""What the checks right before sending would say of the messages that the rehearsed tick has planned.

They are the real checks, over the rehearsal and a delivery store that is only looked at. Each message is rendered, so
that of many only some are looked at, and the plan says how many.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from typing import Any, cast

from sqlglot import exp

from segflow import senders
from segflow.messages import CHANNELS, Sms
from segflow.outbox.address_turns import Turn
from segflow.outbox.before_sending import SendChecks
from segflow.outbox.consent_changes import ConsentChange
from segflow.outbox.judged import Elsewhere, Held, Judged, Ready, Refused
from segflow.outbox.records import ClaimedMessage, PlannedMessage, SentMessage
from segflow.outbox.sms_parts import sms_parts
from segflow.outbox.store import DeliveryStore
from segflow.plan.result import SendingPlan
from segflow.specs.settings import DeliverySettings, Settings
from segflow.stages.tick_run import TickRun
from segflow.warehouse.base import Warehouse, relation

AT_MOST = 500
"""About so many messages are looked at: an email with HTML takes 3 ms."""
_COLUMNS = tuple(one.name for one in fields(PlannedMessage))
_ADDRESSES = ("invalid_address", "same_address", "no_channel", "template_error")
"""Reasons whose words say more of a contact than a sum should."""


def sending_of(run: TickRun, store: DeliveryStore | None) -> tuple[list[SendingPlan], list[str]]:
    """By step what would become of the tick's messages, and notes on these numbers."""
    specs, as_of = run.project.specs, run.row.as_of
    with run.project.warehouse() as warehouse:
        planned = _planned(run.row.tick_id)
        total = int(warehouse.scalar(exp.select(exp.Count(this=exp.Star())).from_(planned.subquery("planned"))) or 0)
        if not total:
            return [], []
        rows = _rows(warehouse, planned if total <= AT_MOST else _some(run.row.tick_id, warehouse), as_of)
        looked = _Store(store, warehouse, as_of)
        checks = SendChecks(specs, warehouse, cast(Any, looked), run.tick, run.project.compiled.columns)
        steps: dict[tuple[str, str], _Step] = {}
        for judged in _judged(checks, rows, specs.settings, as_of):
            steps.setdefault((judged.row.flow, judged.row.step), _Step()).count(judged)
    found = [one.plan(*place, specs.settings) for place, one in sorted(steps.items())]
    return found, [*_notes(specs.settings, store, total, len(rows))]


def _judged(
    checks: SendChecks, rows: Sequence[ClaimedMessage], settings: Settings, as_of: datetime
) -> Iterator[Ready | Refused | Held]:
    """What becomes of each, on the channel that reaches its contact."""
    late_before = settings.delivery.max_lateness.before(as_of, settings.zone)
    for _ in CHANNELS:
        elsewhere: list[Elsewhere] = []
        for live in (False, True):
            mine = [row for row in rows if _live(settings, row.sender) is live]
            for judged in checks.run(mine, late_before if live else None, as_of) if mine else ():
                if isinstance(judged, Elsewhere):
                    elsewhere.append(judged)
                else:
                    yield judged
        rows = [replace(one.row, channel=one.channel, sender=one.sender) for one in elsewhere]
        if not rows:
            return


def _live(settings: Settings, name: str) -> bool:
    sender = settings.all_senders().get(name)
    simulated = sender is None or senders.sender_class(sender.type).simulated
    return settings.delivery.mode != "simulate" and not simulated


@dataclass
class _Step:
    """Counts the messages of one step."""

    outcomes: dict[str, Counter[str]] = field(default_factory=dict)
    goes: int = 0
    parts: Counter[str] = field(default_factory=Counter)
    """Sender -> parts of SMS that go."""

    def count(self, judged: Judged) -> None:
        if isinstance(judged, Ready):
            self.goes += 1
            if isinstance(judged.message, Sms):
                self.parts[judged.row.sender] += sms_parts(judged.message.text).parts
        elif isinstance(judged, Refused | Held):
            outcome = "held" if isinstance(judged, Held) else judged.outcome
            self.outcomes.setdefault(outcome, Counter())[short(judged.reason)] += 1

    def plan(self, flow: str, step: str, settings: Settings) -> SendingPlan:
        told: dict[str, Mapping[str, int]] = {
            name: dict(sorted(self.outcomes.get(name, Counter()).items())) for name in ("skipped", "failed", "held")
        }
        number = self.goes + sum(sum(counts.values()) for counts in told.values())
        known = settings.all_senders()
        costs = {name: known[name].cost(parts) if name in known else None for name, parts in self.parts.items()}
        cost = " + ".join(str(one) for one in costs.values()) if costs and all(costs.values()) else None
        return SendingPlan(
            flow=flow,
            step=step,
            looked_at=number,
            goes=self.goes,
            sms_parts=sum(self.parts.values()),
            sms_cost=cost,
            **told,
        )


def short(reason: str) -> str:
    """A reason without what it says of one contact."""
    head = reason.partition(":")[0].partition(" ")[0]
    return head if head in _ADDRESSES else reason


def _planned(tick_id: str) -> exp.Select:
    mine = exp.column("tick_id").eq(exp.Literal.string(tick_id))
    return exp.select(*_COLUMNS).from_(relation("outbox")).where(mine)


def _some(tick_id: str, warehouse: Warehouse) -> exp.Select:
    """All messages of some contacts of each step: ids of messages are hashes, so that the first ones are any. Those of
    one contact stay together, because they count against each other."""
    planned = _planned(tick_id)
    places = exp.select("flow", "step").distinct().from_(planned.copy().subquery("planned"))
    steps = int(warehouse.scalar(exp.select(exp.Count(this=exp.Star())).from_(places.subquery("places"))) or 1)
    turn = exp.Window(
        this=exp.RowNumber(),
        partition_by=[exp.column("flow"), exp.column("step")],
        order=exp.Order(expressions=[exp.Ordered(this=exp.column("message_id"))]),
    )
    numbered = exp.select("contact_id", turn.as_("turn")).from_(planned.copy().subquery("planned"))
    first = exp.select("contact_id").from_(numbered.subquery("numbered"))
    first = first.where(exp.column("turn") <= exp.Literal.number(max(1, AT_MOST // steps)))
    return planned.where(exp.column("contact_id").isin(query=first))


def _rows(warehouse: Warehouse, query: exp.Select, as_of: datetime) -> list[ClaimedMessage]:
    found = warehouse.rows(query.order_by("planned_at", "message_id"))
    return [ClaimedMessage(**{name: _aware(row[name]) for name in _COLUMNS}, attempt=1, due_at=as_of) for row in found]


def _aware(value: Any) -> Any:
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) and value.tzinfo is None else value


def _notes(settings: Settings, store: DeliveryStore | None, total: int, looked_at: int) -> Iterable[str]:
    delivery: DeliverySettings = settings.delivery
    if looked_at < total:
        yield (
            f"What holds messages back, and what SMS cost, is of {looked_at:,} of the {total:,} messages: "
            "all those of some contacts of each step."
        )
    if delivery.throttle is not None:
        yield f"delivery.throttle ({delivery.throttle}) may keep more back: when it lets them go is not in this plan."
    if store is not None and (why := store.stopped()) is not None:
        yield f"Sending is stopped: {why}. Until that is lifted none of the messages go."


class _Store:
    """What the checks ask of a delivery store; they decide nothing in it. `store` is None where there is none yet."""

    def __init__(self, store: DeliveryStore | None, warehouse: Warehouse, as_of: datetime) -> None:
        self._store, self._warehouse, self._as_of = store, warehouse, as_of
        self.consent_changes = self

    def of(self, contacts: Collection[str]) -> Mapping[str, Sequence[ConsentChange]]:
        return self._store.consent_changes.of(contacts) if self._store is not None else {}

    def suppressed(self, channel: str, addresses: Collection[str]) -> dict[str, str]:
        return dict(self._store.suppressed(channel, addresses)) if self._store is not None else {}

    def sent_to(self, contacts: Collection[str], since: datetime, *, live_only: bool) -> Sequence[SentMessage]:
        return self._store.sent_to(contacts, since, live_only=live_only) if self._store is not None else []

    def claimed_of(self, message_ids: Collection[str]) -> Collection[str]:
        """All that may go counts: nothing is handed over here."""
        return set(message_ids)

    def turns(self, _: Collection[Turn]) -> dict[Turn, str]:
        return {}

    def take_turns(self, wanted: Mapping[Turn, str]) -> dict[Turn, str]:
        return dict(wanted)

    def beside(self, message_ids: Collection[str]) -> list[tuple[ClaimedMessage, str]]:
        """These messages of the tick."""
        mine = exp.column("message_id").isin(*sorted(message_ids))
        asked = exp.select(*_COLUMNS).from_(relation("outbox")).where(mine)
        return [(row, "pending") for row in _rows(self._warehouse, asked, self._as_of)]
