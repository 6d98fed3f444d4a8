"""What a step tells Dagster: the metadata of each asset, and the checks. Numbers are numbers, so that the UI plots
them over the ticks.

What is stale, held or failed is not materialized: it is observed, with its numbers and the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from graphlib import TopologicalSorter
from typing import Any

from dagster import (
    AssetCheckKey,
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetExecutionContext,
    AssetKey,
    AssetObservation,
    AssetSpec,
    MaterializeResult,
    MetadataValue,
)

from segflow.dagster.keys import (
    DELIVERIES,
    export_key,
    flow_key,
    model_key,
    segment_key,
    sender_key,
    stage_key,
)
from segflow.dagster.specs import BUILT, MODEL
from segflow.dagster.steps import Step
from segflow.dagster.tables import LINEAGE
from segflow.flows.draw import text
from segflow.flows.picture import pictures
from segflow.history.crossings import Crossings, crossings_of
from segflow.segments.compiler import CONTACTS
from segflow.warehouse.names import own_relation

OUTCOMES = ("sent", "delivered", "skipped", "failed", "held", "unknown")
ERRORS = "errors"
NOT_COMPARED = ("stale", "held")
"""Status of segments that a tick left as they were."""

Facts = Mapping[str, Any]
Results = Iterator[MaterializeResult[None] | AssetCheckResult]


def results(context: AssetExecutionContext, name: str, step: Step) -> Results:
    """Everything that was picked of the step's assets and checks."""
    found = METADATA[name](step) if name in METADATA else {}
    found[stage_key(name)] = _stage(step, name)
    left_out = unfinished(name, step, context.assets_def.check_specs)
    columns = {spec.key: lineage(spec) for spec in context.assets_def.specs}
    base: dict[str, Any] = {"tick": step.report.tick_id, "as_of": MetadataValue.timestamp(step.report.as_of)}
    for key in _in_order(context):
        metadata: Facts = found.get(key, {})
        if not step.ran and not metadata:
            metadata = {name: value for name, value in recorded(context, key, step).items() if name not in base}
            if not metadata and name == "send" and key != stage_key(name):
                # Another process has sent, and it alone knows how that went.
                continue
        if key in left_out:
            context.log_event(AssetObservation(key, description=left_out[key], metadata={**base, **metadata}))
        else:
            yield MaterializeResult(key, metadata={**base, **metadata, **columns[key]})
    checks = [
        *(CHECKS[name](step) if name in CHECKS else ()),
        *(built(context.assets_def.check_specs, step) if name == "build" else ()),
    ]
    for check in checks:
        if key_of(check) in context.selected_asset_check_keys:
            yield check


def key_of(check: AssetCheckResult) -> AssetCheckKey:
    """The key of a check whose result names its asset."""
    assert check.asset_key is not None
    assert check.check_name is not None
    return AssetCheckKey(check.asset_key, check.check_name)


def unfinished(name: str, step: Step, checks: Iterable[AssetCheckSpec]) -> dict[AssetKey, str]:
    """What a step could not bring up to date -> why. A table that was built without some of its parts is not among
    them: its check is red, and its rows are those of this tick."""
    report = step.report
    if name == "build":
        whole = {name: why for name, why in step.run.faults().parts.items() if "." not in name}
        return dict(_faulty(checks, step.run.failed_models() | whole))
    if name == "cross":
        return {
            segment_key(one.segment): one.reason or one.status for one in report.segments if one.status in NOT_COMPARED
        }
    if name == "advance":
        return {flow_key(one.flow): one.reason or one.status for one in report.flows if one.status == "held"}
    if name == "send":
        return {sender_key(sender): why for sender, why in report.sent.broken.items()}
    return {}


def _faulty(checks: Iterable[AssetCheckSpec], faults: Mapping[str, str]) -> Iterator[tuple[AssetKey, str]]:
    for spec in checks:
        if spec.name == BUILT:
            model = str((spec.metadata or {})[MODEL])
            reason = faults.get(own_relation(model) or model) or faults.get(model)
            if reason is not None:
                yield spec.asset_key, reason


def lineage(spec: AssetSpec) -> Facts:
    """Where its columns come from. The UI looks for it at the materialization alone."""
    return {name: value for name, value in spec.metadata.items() if name == LINEAGE}


def _in_order(context: AssetExecutionContext) -> Iterator[AssetKey]:
    """The picked assets; Dagster wants each one after those that it depends on."""
    deps = {spec.key: [dep.asset_key for dep in spec.deps] for spec in context.assets_def.specs}
    return (key for key in TopologicalSorter(deps).static_order() if key in context.selected_asset_keys)


def recorded(context: AssetExecutionContext, key: AssetKey, step: Step) -> Facts:
    """The metadata that an earlier run gave to an asset for the same tick; empty when there is none."""
    event = context.instance.get_latest_materialization_event(key)
    if event is None or event.asset_materialization is None:
        return {}
    metadata = event.asset_materialization.metadata
    told = metadata.get("tick")
    return metadata if told is not None and told.value == step.report.tick_id else {}


def errors_of(context: AssetExecutionContext, step: Step) -> list[str]:
    """Every error of the tick. Those of senders are in no table: the step `send` left them with its asset."""
    told = [recorded(context, stage_key(name), step).get(ERRORS) for name in ("ingest", "send")]
    sent = [error for value in told if value is not None for error in value.value]
    return [*step.report.errors, *(error for error in sent if error not in step.report.errors)]


def _stage(step: Step, name: str) -> dict[str, Any]:
    if not step.ran:
        return {}
    metadata: dict[str, Any] = {}
    if name in step.report.seconds:
        metadata["seconds"] = round(step.report.seconds[name], 3)
    if name == "build":
        metadata["dbt_seconds"] = round(step.report.dbt_seconds, 3)
    told = {"ingest": step.earlier_errors, "send": step.report.sent.errors}.get(name)
    if told:
        metadata[ERRORS] = told
    return metadata


def _ingest(step: Step) -> dict[AssetKey, Facts]:
    return {DELIVERIES: {}}


def _build(step: Step) -> dict[AssetKey, Facts]:
    report = step.report
    found: dict[AssetKey, Any] = {
        model_key(CONTACTS): {
            "rows": report.contacts,
            "dagster/row_count": report.contacts,
            "null_ids_dropped": report.null_contacts,
            **({"unknown_time_zones": report.unknown_zones} if report.unknown_zones else {}),
        }
    }
    broken = step.run.faults().parts
    for part, reason in broken.items():
        model, _, column = part.partition(".")
        found.setdefault(model_key(model), {})[f"broken {column}".strip()] = reason
    return found


def _cross(step: Step) -> dict[AssetKey, Facts]:
    with step.run.project.warehouse() as warehouse:
        crossed = crossings_of(warehouse, step.report.tick_id)
    return {
        segment_key(one.segment): {
            "size": one.members,
            "entered": one.entered,
            "exited": one.exited,
            "status": one.status,
            **_crossed(crossed.get(one.segment)),
            **({"reason": one.reason} if one.reason else {}),
            **({"to_release": f"job release, or segflow release {one.segment}"} if one.status == "held" else {}),
        }
        for one in step.report.segments
    }


def _crossed(found: Crossings | None) -> dict[str, Any]:
    """Why contacts crossed, and some of them, by their ids alone."""
    if found is None:
        return {}
    told: dict[str, Any] = {}
    for name, numbers, people in (
        ("entered", found.entered, found.who_entered),
        ("exited", found.exited, found.who_exited),
    ):
        if numbers:
            told[f"{name}_by_cause"] = numbers
            told[f"who_{name}"] = {
                cause: [*ids, f"and {numbers[cause] - len(ids):,} more"] if numbers[cause] > len(ids) else ids
                for cause, ids in people.items()
            }
    return told


def _advance(step: Step) -> dict[AssetKey, Facts]:
    project, drawn = step.run.project, {}
    if step.latest:
        with project.warehouse() as warehouse:
            drawn = {one.flow: text(one) for one in pictures(warehouse, list(project.specs.flows.values()))}
    return {
        flow_key(one.flow): {
            "enrolled": one.enrolled,
            "active": one.active,
            "ended": one.ended,
            "planned": one.planned,
            "restarted": one.restarted,
            "converted": one.converted,
            "withheld": one.withheld,
            "status": one.status,
            **({"picture": MetadataValue.md(f"```text\n{drawn[one.flow]}\n```")} if one.flow in drawn else {}),
            **({"reason": one.reason} if one.reason else {}),
        }
        for one in step.report.flows
    }


def _send(step: Step) -> dict[AssetKey, Facts]:
    if not step.ran:
        return {}
    sent, settings = step.report.sent, step.run.project.specs.settings
    found: dict[AssetKey, Facts] = {}
    for name in settings.all_senders():
        counts = sent.outcomes.get(name, {})
        found[sender_key(name)] = {
            **{outcome: counts.get(outcome, 0) for outcome in OUTCOMES},
            "mode": settings.delivery.mode,
            **({"deferred": sent.deferred[name]} if name in sent.deferred else {}),
            **({"stopped": sent.stopped} if sent.stopped else {}),
            **({"error": sent.broken[name]} if name in sent.broken else {}),
        }
    return found


def _export(step: Step) -> dict[AssetKey, Facts]:
    found: dict[AssetKey, dict[str, Any]] = {}
    for one in step.report.exports:
        facts = found.setdefault(export_key(one.segment), {})
        if one.stale is not None:
            facts["stale"] = one.stale
        if one.only == "members":
            facts |= {"path": MetadataValue.path(str(one.path)), "rows": one.rows, "dagster/row_count": one.rows}
        else:
            facts |= {f"{one.only}_path": MetadataValue.path(str(one.path)), one.only: one.rows}
    return dict(found)


METADATA: dict[str, Callable[[Step], dict[AssetKey, Facts]]] = {
    "ingest": _ingest,
    "build": _build,
    "cross": _cross,
    "advance": _advance,
    "send": _send,
    "export": _export,
}


def _check(key: AssetKey, name: str, reason: str | None) -> AssetCheckResult:
    return AssetCheckResult(
        asset_key=key,
        check_name=name,
        passed=reason is None,
        severity=AssetCheckSeverity.ERROR,
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


def _evaluated(step: Step) -> Iterator[AssetCheckResult]:
    for one in step.report.segments:
        yield _check(segment_key(one.segment), "evaluated", one.reason if one.status in NOT_COMPARED else None)


def _not_held(step: Step) -> Iterator[AssetCheckResult]:
    held = {one.flow: one.reason for one in step.report.flows if one.status == "held"}
    for name in step.run.project.specs.flows:
        yield _check(flow_key(name), "not_held", held.get(name))


def _no_errors(step: Step) -> Iterator[AssetCheckResult]:
    # Only who has sent knows; a step that just reports leaves the last evaluation standing.
    for name in step.run.project.specs.settings.all_senders() if step.ran else ():
        yield _check(sender_key(name), "no_errors", step.report.sent.broken.get(name))


CHECKS: dict[str, Callable[[Step], Iterator[AssetCheckResult]]] = {
    "build": lambda step: iter([unique_ids(None)]),
    "cross": _evaluated,
    "advance": _not_held,
    "send": _no_errors,
}
