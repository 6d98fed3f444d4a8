"""What the checks of a step say. Those that make the tick red are errors, the others warn."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from dagster import AssetCheckKey, AssetCheckResult, AssetCheckSeverity, AssetCheckSpec, AssetKey

from segflow.dagster.keys import flow_key, model_key, segment_key, sender_key
from segflow.dagster.specs import BUILT, MODEL
from segflow.dagster.steps import Step
from segflow.history.standing import LATELY, FlowMessages, Size, sizes
from segflow.segments.compiler import CONTACTS
from segflow.warehouse.names import own_relation

WARN = AssetCheckSeverity.WARN
NOT_COMPARED = ("stale", "held", "resting")
"""Status of segments that a tick left as they were."""
FAILED, OF_AT_LEAST = 0.05, 20
"""The share of attempts that may fail, and of how many at least."""


def key_of(check: AssetCheckResult) -> AssetCheckKey:
    """The key of a check whose result names its asset."""
    assert check.asset_key is not None
    assert check.check_name is not None
    return AssetCheckKey(check.asset_key, check.check_name)


def _check(
    key: AssetKey, name: str, reason: str | None, severity: AssetCheckSeverity = AssetCheckSeverity.ERROR
) -> AssetCheckResult:
    return AssetCheckResult(
        asset_key=key,
        check_name=name,
        passed=reason is None,
        severity=severity,
        description=reason,
    )


def unique_ids(reason: str | None) -> AssetCheckResult:
    """The check on contacts; `reason` says which ids are not unique."""
    return _check(model_key(CONTACTS), "unique_ids", reason)


def built(specs: Iterable[AssetCheckSpec], step: Step) -> Iterator[AssetCheckResult]:
    """Which models dbt could build, of those that `specs` check."""
    # Faults are kept for the last build only, and a step that just reports may report on an earlier one.
    if not step.ran:
        return
    parts = {part.split(".", 1)[0]: f"{part}: {reason}" for part, reason in step.run.faults().parts.items()}
    faults = step.run.failed_models() | parts
    for spec in specs:
        if spec.name == BUILT:
            model = str((spec.metadata or {})[MODEL])
            # What dbt says is about its model; what we say, which leads to the cause, about the table that it builds.
            yield _check(spec.asset_key, BUILT, faults.get(own_relation(model) or model) or faults.get(model))


def _segments(step: Step) -> Iterator[AssetCheckResult]:
    with step.run.project.warehouse() as warehouse:
        before = sizes(warehouse, step.report.tick_id)
    for one in step.report.segments:
        key = segment_key(one.segment)
        yield _check(key, "evaluated", one.reason if one.status == "stale" else None)
        yield _check(key, "within_guard", one.reason if one.status == "held" else None)
        size = before.get(one.segment)
        emptied = None if size is None or not size.emptied else f"nobody is left of {size.last:,} members"
        yield _check(key, "not_suddenly_empty", emptied, WARN)
        yield _check(key, "size_within_history", None if size is None else _unusual(size), WARN)


def _unusual(size: Size) -> str | None:
    if size.usual is None or size.status in NOT_COMPARED or size.usual[0] <= size.members <= size.usual[1]:
        return None
    return f"{size.members:,} members; the {size.ticks} ticks before had {size.smallest:,} to {size.largest:,}"


def _flows(step: Step) -> Iterator[AssetCheckResult]:
    overdue = step.overdue
    held = {one.flow: one.reason for one in step.report.flows if one.status == "held"}
    for name in step.run.project.specs.flows:
        yield _check(flow_key(name), "not_held", held.get(name))
        late = None
        if name in overdue:
            number, since = overdue[name]
            late = (
                f"{number:,} messages wait since the tick before or longer, the first since {since:%Y-%m-%d %H:%M} UTC"
            )
        yield _check(flow_key(name), "nobody_past_due", late, WARN)
        yield _check(flow_key(name), "failure_rate", _failing(step.flow_messages.get(name)), WARN)


def _failing(messages: FlowMessages | None) -> str | None:
    if messages is None or messages.attempts < OF_AT_LEAST or messages.failed <= FAILED * messages.attempts:
        return None
    return f"{messages.failed:,} of {messages.attempts:,} attempts of the last {LATELY.days} days failed"


def _senders(step: Step) -> Iterator[AssetCheckResult]:
    dead, resting = step.dead, step.resting
    for name in step.run.project.specs.settings.all_senders():
        key, waits = sender_key(name), dead.get(name, {})
        if step.ran:
            # Only who has sent knows; a step that just reports leaves the last evaluation standing.
            yield _check(key, "no_errors", step.report.sent.broken.get(name))
        unknown = waits.get("unknown")
        told = f"{unknown:,} messages may have arrived or not: segflow outbox release, or drop" if unknown else None
        yield _check(key, "nothing_unknown", told, WARN)
        letters = [f"{waits[status]:,} {status}" for status in ("failed", "held") if waits.get(status)]
        told = f"{' and '.join(letters)}: segflow outbox list" if letters else None
        yield _check(key, "no_dead_letters", told, WARN)
        yield _check(key, "breaker_closed", str(resting[name]) if name in resting else None, WARN)


def _contacts(step: Step) -> Iterator[AssetCheckResult]:
    yield unique_ids(None)
    zones = step.report.unknown_zones
    told = ", ".join(f"{name!r} ({number:,} contacts)" for name, number in list(zones.items())[:5])
    yield _check(model_key(CONTACTS), "known_time_zones", f"these are none: {told}" if zones else None, WARN)


CHECKS: dict[str, Callable[[Step], Iterator[AssetCheckResult]]] = {
    "build": _contacts,
    "cross": _segments,
    "advance": _flows,
    "send": _senders,
}
