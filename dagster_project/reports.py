"""What a step tells Dagster: the metadata of each asset, and the checks. Numbers are numbers, so that the UI plots
them over the ticks.

What is stale, held or failed is not materialized: it is observed, with its numbers and the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from graphlib import TopologicalSorter
from typing import Any

from dagster import (
    AssetCheckResult,
    AssetCheckSpec,
    AssetExecutionContext,
    AssetKey,
    AssetObservation,
    AssetSpec,
    MaterializeResult,
    MetadataValue,
)

from segflow.dagster.check_results import CHECKS, NOT_COMPARED, built, key_of
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
from segflow.flows.advance import FlowResult
from segflow.flows.draw import text
from segflow.flows.picture import Picture, pictures
from segflow.history.crossings import Crossings, crossings_of
from segflow.history.standing import FlowMessages
from segflow.outbox.dead_letters import DEAD
from segflow.segments.compiler import CONTACTS
from segflow.segments.resting import needed_columns
from segflow.warehouse.names import own_relation

OUTCOMES = ("sent", "delivered", "skipped", "failed", "held", "unknown")
ERRORS = "errors"

Facts = Mapping[str, Any]
Results = Iterator[MaterializeResult[None] | AssetCheckResult]


def results(context: AssetExecutionContext, name: str, step: Step) -> Results:
    """Everything that was picked of the step's assets and checks. Of a tick that a later one has left behind there is
    nothing to show any more: only the stage's own asset is there, for the steps that wait for it."""
    if step.superseded:
        context.log.info(f"nothing is shown: tick {step.report.tick_id} is done, and so is a later one")
        if stage_key(name) in context.selected_asset_keys:
            yield MaterializeResult(stage_key(name), metadata={"tick": step.report.tick_id})
        return
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


def unfinished(name: str, step: Step, checks: Iterable[AssetCheckSpec]) -> dict[AssetKey, str]:
    """What a step could not bring up to date -> why. A table that was built without some of its parts is not among
    them: its check is red, and its rows are those of this tick."""
    report = step.report
    if name == "build":
        whole = {name: why for name, why in step.run.faults().parts.items() if "." not in name}
        return dict(_faulty(checks, step.run.failed_models() | whole)) | _idle(step)
    if name == "cross":
        return {
            segment_key(one.segment): one.reason or one.status for one in report.segments if one.status in NOT_COMPARED
        }
    if name == "advance":
        return {flow_key(one.flow): one.reason or one.status for one in report.flows if one.status == "held"}
    if name == "send":
        return {sender_key(sender): why for sender, why in report.sent.broken.items()}
    return {}


def _idle(step: Step) -> dict[AssetKey, str]:
    """The facts that only segments need which rest in this tick."""
    compiled = step.run.project.compiled
    resting = {one.segment for one in step.report.segments if one.status == "resting"} or step.run.faults().resting
    built = {column.model for column in needed_columns(compiled, resting).values()}
    return {model_key(name): "no segment that is due needs it" for name in compiled.fact_models() if name not in built}


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
    project = step.run.project
    drawn: dict[str, Picture] = {}
    if step.latest:
        with project.warehouse() as warehouse:
            drawn = {one.flow: one for one in pictures(warehouse, list(project.specs.flows.values()))}
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
            **_stands(drawn.get(one.flow), step.flow_messages.get(one.flow)),
            **({"reason": one.reason} if one.reason else {}),
            **({"to_release": f"job release, or segflow release --flow {one.flow}"} if _by_guard(one) else {}),
        }
        for one in step.report.flows
    }


def _by_guard(one: FlowResult) -> bool:
    """Is it held by a guard of its own, not by a segment that it needs?"""
    return one.status == "held" and f"segflow release --flow {one.flow}" in (one.reason or "")


def _stands(picture: Picture | None, messages: FlowMessages | None) -> dict[str, Any]:
    """Where everybody is, why others left, and what became of the last messages; nobody is named."""
    found: dict[str, Any] = {}
    if picture is not None:
        found["picture"] = MetadataValue.md(f"```text\n{text(picture)}\n```")
        found["enrolled_ever"], found["waiting"] = picture.enrolled, picture.active
        found["ended_by_reason"] = dict(picture.ended)
    if messages is not None:
        rows = [(f"{one.at:%Y-%m-%d %H:%M}", one.step, one.sender, one.outcome, one.reason) for one in messages.last]
        lines = [f"| {' | '.join(_cell(cell or '') for cell in row)} |" for row in rows]
        head = ["| at (UTC) | step | sender | outcome | reason |", "|---|---|---|---|---|"]
        found["last_messages"] = MetadataValue.md("\n".join([*head, *lines]))
    return found


def _cell(words: str) -> str:
    return " ".join(words.replace("|", "/").split())


def _send(step: Step) -> dict[AssetKey, Facts]:
    if not step.ran:
        return {}
    sent, settings = step.report.sent, step.run.project.specs.settings
    found: dict[AssetKey, Facts] = {}
    senders, resting = settings.all_senders(), step.resting
    for name in senders:
        counts = sent.outcomes.get(name, {})
        found[sender_key(name)] = {
            **{outcome: counts.get(outcome, 0) for outcome in OUTCOMES},
            "mode": settings.delivery.mode,
            **_waiting_at(step, name),
            **({"rate": told.rate} if (told := senders[name]).rate is not None else {}),
            "breaker": str(resting[name]) if name in resting else "closed",
            **({"deferred": sent.deferred[name]} if name in sent.deferred else {}),
            **({"stopped": sent.stopped} if sent.stopped else {}),
            **({"error": sent.broken[name]} if name in sent.broken else {}),
        }
    return found


def _waiting_at(step: Step, sender: str) -> dict[str, Any]:
    """How many of its messages wait for a person, and what a person can do."""
    waits = step.dead.get(sender, {})
    found: dict[str, Any] = {f"{status}_in_all": waits.get(status, 0) for status in DEAD}
    if waits.get("unknown"):
        found["to_release"] = f"segflow outbox release --sender {sender} if they did not arrive, drop if they did"
    return found


def _export(step: Step) -> dict[AssetKey, Facts]:
    found: dict[AssetKey, dict[str, Any]] = {}
    for one in step.report.exports:
        facts = found.setdefault(export_key(one.segment), {})
        if one.stale is not None:
            facts["stale"] = one.stale
        if one.same_as is not None:
            facts["same_as"] = one.same_as
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
