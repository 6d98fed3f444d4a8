"""One multi-asset per stage of the tick, and `verdict`, which turns the run red when anything in the tick is."""

# No `from __future__ import annotations`: Dagster reads the config classes from the annotations themselves.

from datetime import UTC, datetime
from typing import Any

from dagster import (
    AssetExecutionContext,
    AssetsDefinition,
    AssetSpec,
    Config,
    Failure,
    multi_asset,
)
from pydantic import Field

from segflow.dagster.check_results import key_of, unique_ids
from segflow.dagster.history import catch_up, unseen
from segflow.dagster.kept_warehouse import KEY
from segflow.dagster.keys import POOL, VERDICT, stage_key
from segflow.dagster.reports import Results, errors_of, results
from segflow.dagster.specs import Graph
from segflow.dagster.steps import Worker
from segflow.errors import DuplicateContactsError, InputError, RunError
from segflow.project import Project
from segflow.stages.order import STAGES

_AT_WORK: Any = {"can_subset": True, "pool": POOL, "required_resource_keys": {KEY}}


class IngestConfig(Config):
    as_of: str | None = Field(
        default=None,
        description="The tick's time, ISO 8601; without a zone it is UTC. By default the time the run was created.",
    )


class SendConfig(Config):
    send: bool = Field(default=True, description="False leaves the messages in the outbox, for the next tick.")


def stage_assets(project: Project, graph: Graph) -> list[AssetsDefinition]:
    """The multi-assets of all stages, in order, `verdict` last."""
    own = {"ingest": _ingest(project, graph), "send": _send(project, graph), VERDICT: _verdict(project, graph)}
    names = [*(stage.name for stage in STAGES), VERDICT]
    return [_whole(own[name] if name in own else _stage(name, project, graph), graph.stages[name]) for name in names]


def _waiting(name: str, graph: Graph) -> list[AssetSpec]:
    """The specs of a step as its execution has them: it waits for the step before it, and for nothing else.

    A step that waits for an asset is skipped when that one is left out, and one that is stale or failed is left out,
    while all the others go on.
    """
    mine, before = {spec.key for spec in graph.stages[name]}, {stage_key(one) for one in graph.stages}
    return [
        spec.replace_attributes(deps=[dep for dep in spec.deps if dep.asset_key in mine | before])
        for spec in graph.stages[name]
    ]


def _whole(made: AssetsDefinition, specs: list[AssetSpec]) -> AssetsDefinition:
    """A step with everything that its assets depend on, for people to see."""
    full = {spec.key: spec for spec in specs}
    return made.map_asset_specs(lambda spec: spec.replace_attributes(deps=full[spec.key].deps))


def _stage(name: str, project: Project, graph: Graph) -> AssetsDefinition:
    @multi_asset(
        name=name,
        specs=_waiting(name, graph),
        check_specs=graph.checks.get(name, []),
        **_AT_WORK,
    )
    def stage(context: AssetExecutionContext) -> Results:
        try:
            step = Worker(project, context).stage(name)
        except DuplicateContactsError as error:
            if key_of(unique_ids(None)) in context.selected_asset_check_keys:
                yield unique_ids(str(error))
            raise
        yield from results(context, name, step)

    return stage


def _ingest(project: Project, graph: Graph) -> AssetsDefinition:
    @multi_asset(name="ingest", specs=_waiting("ingest", graph), **_AT_WORK)
    def ingest(context: AssetExecutionContext, config: IngestConfig) -> Results:
        _catch_up(project, context, graph)
        step = Worker(project, context).stage("ingest", _instant(config.as_of) if config.as_of else None)
        # A tick that died is ended by now.
        _catch_up(project, context, graph)
        yield from results(context, "ingest", step)

    return ingest


def _catch_up(project: Project, context: AssetExecutionContext, graph: Graph) -> None:
    """Show what ticked elsewhere before this tick, so that it comes before it."""
    try:
        if unseen(project, context.instance):
            catch_up(project, context.instance, graph)
    except RunError as error:
        # The tick will tell of what keeps it from its stores.
        context.log.warning(f"the ticks before are not shown: {error}")


def _send(project: Project, graph: Graph) -> AssetsDefinition:
    @multi_asset(
        name="send",
        specs=_waiting("send", graph),
        check_specs=graph.checks["send"],
        **_AT_WORK,
    )
    def send(context: AssetExecutionContext, config: SendConfig) -> Results:
        yield from results(context, "send", Worker(project, context).stage("send", send=config.send))

    return send


def _verdict(project: Project, graph: Graph) -> AssetsDefinition:
    @multi_asset(name=VERDICT, specs=_waiting(VERDICT, graph), **_AT_WORK)
    def verdict(context: AssetExecutionContext) -> Results:
        step = Worker(project, context).verdict()
        errors = errors_of(context, step)
        if errors:
            # The tick is over and committed; only its run is red. A retry would find the same.
            raise Failure(f"tick {step.report.tick_id} is done, and red:\n" + "\n".join(errors), allow_retries=False)
        yield from results(context, VERDICT, step)

    return verdict


def _instant(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise InputError(f"as_of: {text!r} is not a time; write it like 2026-01-31T06:00:00Z") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
