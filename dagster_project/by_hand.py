"""What people decide, as jobs with a form: each does what its command does, and the next tick takes it.

Who decides is asked, because a run does not know whose browser launched it; it is recorded with the reason.
"""

# No `from __future__ import annotations`: Dagster reads the config classes from the annotations themselves.

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from dagster import Config, Failure, JobDefinition, MetadataValue, OpExecutionContext, in_process_executor, job, op
from pydantic import Field

from segflow.dagster.run_tags import NEVER, sender_tags
from segflow.errors import SegflowError
from segflow.outbox.decisions import acting_as
from segflow.plan.words import markdown
from segflow.project import Project

Told = Mapping[str, Any]


class _Decided(Config):
    who: str = Field(description="Who decides: a name or an address. It is recorded.")
    reason: str = Field(description="Why. It is recorded, and shown where the decision is.")


class ReleaseConfig(_Decided):
    """What a guard holds, to pass once."""

    segments: list[str] = Field(default=[], description="Segments that are held.")
    flows: list[str] = Field(default=[], description="Flows that are held.")
    contacts: bool = Field(default=False, description="Let a tick go on though many contacts are gone.")


class FlowConfig(_Decided):
    """One flow."""

    flow: str = Field(description="The flow's name.")


class RetriggerConfig(FlowConfig):
    """Contacts that are offered to a flow again: those of a segment, or some of them."""

    segment: str | None = Field(default=None, description="The segment whose members are offered.")
    contacts: list[str] | None = Field(default=None, description="These contacts alone.")
    ignore_reentry: bool = Field(default=False, description="Those, too, whom the re-entry rule keeps out.")


class SendTestConfig(Config):
    """One message, marked as a test."""

    who: str = Field(description="Who asks for it. It is recorded.")
    flow: str = Field(description="The flow's name.")
    step: str = Field(description="The step's id.")
    to: str = Field(description="The address that gets it.")
    contact: str = Field(description="The contact that it is written for.")
    channel: str | None = Field(default=None, description="Where a step may go by several: which one.")


class StopConfig(_Decided):
    """All sending."""


class ImportConfig(Config):
    """A file of contacts."""

    who: str = Field(description="Who imports it. It is recorded.")
    file: str = Field(description="A .csv or .parquet file with a row per contact, where this code runs.")
    trigger_flows: bool = Field(description="May flows react to the crossings that it causes?")
    list: str | None = Field(default=None, description="Add every contact of the file to this list.")


class PlanConfig(Config):
    """What the next tick would do."""

    who: str = Field(default="", description="Left empty by the sensor that looks at the files.")


class DrainConfig(Config):
    """What is due is sent, without a tick."""

    who: str = Field(default="", description="Left empty by the sensor that looks at the outbox.")


def by_hand(project: Project) -> list[JobDefinition]:
    """The jobs. Each reads the specs anew, so that what was edited since counts."""

    def release(given: ReleaseConfig) -> Told:
        rows = project.release(given.segments, given.flows, given.contacts, given.reason)
        return {"released": [f"{row['kind']} {row['name'] or ''}".strip() for row in rows]}

    def pause(given: FlowConfig) -> Told:
        return project.pause(given.flow, given.reason)

    def resume(given: FlowConfig) -> Told:
        return project.resume(given.flow, given.reason)

    def retrigger(given: RetriggerConfig) -> Told:
        told = project.retrigger(given.flow, given.segment, given.contacts, given.ignore_reentry, given.reason)
        return vars(told)

    def send_test(given: SendTestConfig) -> Told:
        return project.send_test(given.flow, given.step, given.to, given.contact, given.channel).row

    def stop(given: StopConfig) -> Told:
        project.store.stop_sending(f"{given.reason} ({given.who})")
        return {"stopped": project.store.stopped()}

    def go_on(given: StopConfig) -> Told:
        project.store.resume_sending()
        return {"sending": "goes on with the next tick"}

    def plan(given: PlanConfig) -> Told:
        found = project.plan()
        return {"plan": MetadataValue.md(markdown(found)), "differs": bool(found.changes)}

    def drain(given: DrainConfig) -> Told:
        report = project.drain()
        if report.errors:
            raise Failure("\n".join(report.errors), allow_retries=False)
        return {"outcomes": report.outcomes, "stopped": report.stopped}

    def import_(given: ImportConfig) -> Told:
        done = project.import_contacts(Path(given.file), trigger_flows=given.trigger_flows, list_name=given.list)
        if done.refused:
            raise Failure(f"{len(done.refused)} rows are refused, and nothing is imported", allow_retries=False)
        return vars(done)

    return [
        _job(project, "release", ReleaseConfig, release, "Let what a guard holds pass at the next tick, once."),
        _job(project, "pause_flow", FlowConfig, pause, "Stop a flow at once, also in a tick at work."),
        _job(project, "resume_flow", FlowConfig, resume, "Let a flow go on that was paused by hand."),
        _job(project, "retrigger_flow", RetriggerConfig, retrigger, "Offer contacts to a flow again at the next tick."),
        _job(project, "send_test", SendTestConfig, send_test, "Send one message to an address of your own."),
        _job(project, "stop_sending", StopConfig, stop, "Stop all sending at once, also in a tick at work."),
        _job(project, "resume_sending", StopConfig, go_on, "Let sending go on."),
        _job(
            project, "plan", PlanConfig, plan, "What the next tick would do with the files as they are. Writes nothing."
        ),
        _job(project, "drain", DrainConfig, drain, "Send what is due between two ticks; take in what came back."),
        _job(project, "import_contacts", ImportConfig, import_, "Import a file; the next tick takes it in."),
    ]


_SENDS = ("drain", "send_test")
"""Those that use senders."""


def _job(
    project: Project, name: str, form: type[Config], work: Callable[[Any], Told], description: str
) -> JobDefinition:
    def body(context: OpExecutionContext, config: Config) -> None:
        project.reload()
        try:
            with acting_as(f"{config.who} by Dagster"):  # type: ignore[attr-defined]
                told = work(config)
        except SegflowError as error:
            # What was asked for is wrong: to ask again gives the same.
            raise Failure(str(error), allow_retries=False) from None
        context.add_output_metadata({key: _shown(value) for key, value in told.items() if value is not None})

    body.__annotations__["config"] = form

    tags = {**NEVER, **(sender_tags(project) if name in _SENDS else {})}

    @job(name=name, description=description, executor_def=in_process_executor, tags=tags)
    def decided() -> None:
        op(name=f"{name}_now", description=description)(body)()

    return decided


def _shown(value: Any) -> Any:
    return (
        value
        if isinstance(value, bool | int | float | str | list | dict | MetadataValue)
        else MetadataValue.text(str(value))
    )
