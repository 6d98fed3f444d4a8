"""What the tags of our runs tell Dagster: which are retried when they were killed, and whose senders they use."""

from __future__ import annotations

from collections.abc import Mapping

from dagster import DagsterInstance, DagsterRun
from dagster._core.events import RunFailureReason
from dagster._core.execution.retries import auto_reexecution_should_retry_run
from dagster._core.storage.tags import (
    MAX_RETRIES_TAG,
    RETRY_NUMBER_TAG,
    RETRY_ON_ASSET_OR_OP_FAILURE_TAG,
    RUN_FAILURE_REASON_TAG,
    WILL_RETRY_TAG,
)

from segflow.project import Project

WHEN_KILLED: Mapping[str, str] = {MAX_RETRIES_TAG: "1", RETRY_ON_ASSET_OR_OP_FAILURE_TAG: "false"}
"""A run that was killed is retried once, where `run_retries` is on in dagster.yaml. One that failed in a step is not: a
verdict stays what it is, and what is wrong is for a person."""
NEVER: Mapping[str, str] = {MAX_RETRIES_TAG: "0"}
"""For what people asked for, whatever the instance does with other runs: they see that it failed, and ask again."""


def sender_tags(project: Project) -> dict[str, str]:
    """A tag per sender, for the runs that drain them. An op can be in one pool only, and the step `send` is in the
    warehouse's; `tag_concurrency_limits` on these tags are what a pool per sender would be."""
    return {f"segflow.sender/{name}": "true" for name in project.specs.settings.all_senders()}


def will_be_retried(instance: DagsterInstance, run: DagsterRun) -> bool:
    """Will Dagster start a failed run again? It says so with a tag, a moment after the failure; before that it is asked
    as its daemon does."""
    told = run.tags.get(WILL_RETRY_TAG)
    if told is not None:
        return told.lower() == "true"
    if not instance.run_retries_enabled:
        return False
    reason = run.tags.get(RUN_FAILURE_REASON_TAG)
    return bool(auto_reexecution_should_retry_run(instance, run, RunFailureReason(reason) if reason else None))


def first_try(instance: DagsterInstance, run: DagsterRun) -> DagsterRun:
    """The run that an automatic retry repeats; another run itself, also one that a person repeats."""
    while RETRY_NUMBER_TAG in run.tags and run.parent_run_id is not None:
        before = instance.get_run_by_id(run.parent_run_id)
        if before is None:
            break
        run = before
    return run
