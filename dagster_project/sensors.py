"""What starts runs by itself beside the schedule. What sends or changes anything is off until somebody turns it on."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from dagster import (
    DefaultSensorStatus,
    JobDefinition,
    RunFailureSensorContext,
    RunRequest,
    SensorDefinition,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    run_failure_sensor,
    sensor,
)

from segflow.dagster.at_work import at_work
from segflow.dagster.clock_times import moments
from segflow.dagster.run_tags import will_be_retried
from segflow.decisions.tell import tell, teller
from segflow.errors import SegflowError, WarehouseBusyError
from segflow.history.standing import zones_in_use
from segflow.project import Project
from segflow.stages.between import something_due
from segflow.ticks import record

FOLDERS = {"quietly": False, "trigger_flows": True}
"""Below `imports/` of the project: folder -> may flows react to what its files change?"""
_SETTLED = 10.0
"""So many seconds a file is left alone, so that whoever writes it comes to an end."""
_BACK = timedelta(days=1)
"""A daemon that was down makes up for one day; the tick that it starts makes up for all that was due in it."""


def sensors(project: Project, tick: Any, jobs: dict[str, JobDefinition]) -> list[SensorDefinition]:
    """The sensors. `tick`: the job of a tick; `jobs`: those by hand, by name."""
    found = [
        _clock_times(project, tick),
        _outbox(project, jobs["drain"]),
        _imports(project, jobs["import_contacts"]),
        _spec_files(project, jobs["plan"]),
    ]
    if teller(project) is not None:
        found.append(_failures(project))
    return found


def _clock_times(project: Project, tick: Any) -> SensorDefinition:
    seen: dict[str, Any] = {"tick": None, "zones": [], "files": _mark(project.root)}

    def zones() -> list[str]:
        """Read again after each tick alone; while another process has the warehouse, those of before count."""
        last = record.read(project.store)
        if last is not None and last.tick_id != seen["tick"] and project.engine.exists():
            try:
                with project.warehouse() as warehouse:
                    warehouse.ensure_tables()
                    seen.update(tick=last.tick_id, zones=zones_in_use(warehouse))
            except WarehouseBusyError:
                pass
        return list(seen["zones"])

    @sensor(
        name="clock_times",
        job=tick,
        minimum_interval_seconds=30,
        default_status=DefaultSensorStatus.STOPPED,
        description="Starts job tick when a level or date trigger, a broadcast or a send window is due in its zone. "
        "Stopped until you turn it on, because ticks send messages.",
    )
    def clock_times(context: SensorEvaluationContext) -> SensorResult:
        now, files = datetime.now(UTC), _mark(project.root)
        if files != seen["files"]:
            project.reload()
            seen["files"] = files
        since = datetime.fromisoformat(context.cursor) if context.cursor else now
        due = moments(project.specs, zones(), max(since, now - _BACK), now)
        if not due:
            return SensorResult(skip_reason="Nothing looks at a clock now.", cursor=now.isoformat())
        instant, what = due[-1]
        last = record.read(project.store)
        if last is not None and last.as_of >= instant:
            return SensorResult(skip_reason=f"Tick {last.tick_id} has seen to it: {what}.", cursor=now.isoformat())
        if (why := at_work(project, context.instance)) is not None:
            return SensorResult(skip_reason=f"Skipped, {why}. To be looked at again: {what}.", cursor=since.isoformat())
        as_of = instant.isoformat()
        config = {"ops": {"ingest": {"config": {"as_of": as_of}}}}
        return SensorResult(
            run_requests=[RunRequest(run_key=as_of, run_config=config, tags={"segflow/due": what})],
            cursor=now.isoformat(),
        )

    return clock_times


def _outbox(project: Project, drain: JobDefinition) -> SensorDefinition:
    @sensor(
        name="outbox_between_ticks",
        job=drain,
        minimum_interval_seconds=60,
        default_status=DefaultSensorStatus.STOPPED,
        description="Starts job drain when answers wait in the spool or messages are due between two ticks. Stopped "
        "until you turn it on, because it sends messages.",
    )
    def outbox_between_ticks(context: SensorEvaluationContext) -> SkipReason | RunRequest:
        answers = len(project.spool.files()) if project.spool is not None else 0
        if not answers and not something_due(project):
            return SkipReason("The spool is empty and no message is due.")
        last = record.read(project.store)
        if last is None or last.status != "done":
            return SkipReason("It waits for the next tick: " + ("there was none yet." if last is None else "one died."))
        if (why := at_work(project, context.instance)) is not None:
            return SkipReason(f"Skipped, {why}: it takes in what waits.")
        return RunRequest(tags={"segflow/answers": str(answers)})

    return outbox_between_ticks


def _imports(project: Project, job: JobDefinition) -> SensorDefinition:
    @sensor(
        name="import_folder",
        job=job,
        minimum_interval_seconds=30,
        default_status=DefaultSensorStatus.STOPPED,
        description="Starts job import_contacts for each new .csv or .parquet file in imports/quietly or "
        "imports/trigger_flows of the project. Stopped until you turn it on, because it changes contacts.",
    )
    def import_folder(context: SensorEvaluationContext) -> SensorResult:
        seen: dict[str, str] = json.loads(context.cursor) if context.cursor else {}
        there, requests = {}, []
        for folder, triggers in FOLDERS.items():
            for path, mark in _files(project.root / "imports" / folder):
                name = f"{folder}/{path.name}"
                there[name] = mark
                if seen.get(name) != mark:
                    given = {"who": f"folder imports/{folder}", "file": str(path), "trigger_flows": triggers}
                    config = {"ops": {"import_contacts_now": {"config": given}}}
                    requests.append(RunRequest(run_key=f"{name} {mark}", run_config=config))
        why = None if requests else "No new file."
        return SensorResult(run_requests=requests, skip_reason=why, cursor=json.dumps(there))

    return import_folder


def _files(folder: Path) -> Iterator[tuple[Path, str]]:
    """(file, a mark that is another one when it has changed) of those that nobody writes any more."""
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.suffix in (".csv", ".parquet") and not path.name.startswith(".") and path.is_file():
            found = path.stat()
            if found.st_mtime <= time.time() - _SETTLED:
                yield path, f"{found.st_mtime_ns}-{found.st_size}"


def _spec_files(project: Project, plan: JobDefinition) -> SensorDefinition:
    @sensor(
        name="spec_files_changed",
        job=plan,
        minimum_interval_seconds=30,
        default_status=DefaultSensorStatus.RUNNING,
        description="Starts job plan when a file of segments or flows, the catalog or segflow.yml was edited: what the "
        "next tick would do. Writes nothing and sends nothing.",
    )
    def spec_files_changed(context: SensorEvaluationContext) -> SensorResult:
        mark = _mark(project.root)
        if context.cursor is None or not project.engine.exists():
            return SensorResult(skip_reason="These are the files to compare with.", cursor=mark)
        if mark == context.cursor:
            return SensorResult(skip_reason="No file has changed.")
        if (why := at_work(project, context.instance)) is not None:
            return SensorResult(skip_reason=f"Skipped, {why}. The files are looked at again.", cursor=context.cursor)
        return SensorResult(run_requests=[RunRequest(run_key=mark)], cursor=mark)

    return spec_files_changed


def _mark(root: Path) -> str:
    """A hash of all that people write: not of dbt's models, which a deployment may build elsewhere."""
    digest = hashlib.sha256()
    files = [root / "segflow.yml", root / "segflow.yaml"]
    files += [path for folder in ("segment_specs", "flow_specs") for path in (root / folder).rglob("*")]
    for path in sorted(path for path in files if path.is_file() and not path.name.startswith(".")):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{path.relative_to(root).as_posix()}\0{content}\0".encode())
    return digest.hexdigest()[:32]


def _failures(project: Project) -> SensorDefinition:
    @run_failure_sensor(
        name="tell_of_failures",
        default_status=DefaultSensorStatus.STOPPED,
        description="Tells `failures` of a notify sender that a run failed, unless it will be retried. Stopped until "
        "you turn it on; outside of mode live nobody is told.",
    )
    def tell_of_failures(context: RunFailureSensorContext) -> SkipReason | None:
        run, sender = context.dagster_run, teller(project)
        if will_be_retried(context.instance, run):
            return SkipReason(f"Run {run.run_id[:8]} of job {run.job_name} will be retried.")
        if sender is None or project.specs.settings.delivery.mode != "live":
            return SkipReason(f"Nobody is told of run {run.run_id[:8]}: delivery.mode is not live.")
        text = f"Run {run.run_id} of job {run.job_name} failed.\n{_why(context)}"
        try:
            tell(project, sender, run.run_id, f"{project.specs.settings.name}: {run.job_name} failed", text)
        except SegflowError as error:
            return SkipReason(f"Sender {sender} could not tell of run {run.run_id[:8]}: {error}")
        return None

    return tell_of_failures


def _why(context: RunFailureSensorContext) -> str:
    told = [event.step_failure_data for event in context.get_step_failure_events()]
    words = [
        data.user_failure_data.description if data.user_failure_data is not None else data.error_display_string
        for data in told
    ]
    return "\n".join(word for word in words if word)[:2000] or context.failure_event.message or ""
