"""Dagster's own launcher, which also says when the process of a run is gone.

Dagster's does not: a run whose process was killed together with the code server stays "started" for good, whatever
`run_monitoring` says, and keeps the one place in the pool of the warehouse, so that no tick would start any more.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from threading import Timer
from typing import Any

from dagster import DagsterEventType, DagsterRun, Field
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.launcher import CheckRunHealthResult, DefaultRunLauncher, LaunchRunContext, WorkerStatus
from dagster._core.remote_representation.code_location import GrpcServerCodeLocation
from dagster._core.storage.tags import GRPC_INFO_TAG
from dagster._grpc.types import CanCancelExecutionRequest, CanCancelExecutionResult, ExecuteExternalJobArgs
from dagster._serdes import ConfigurableClassData
from dagster_shared.serdes import deserialize_value, serialize_value

from segflow.dagster.spare import Spare
from segflow.outbox.processes import process_identity

_HERE = ("localhost", "127.0.0.1", "::1")
_YOUNG = 10.0
"""Seconds after its last words in which a run is not judged: its process may be about to end by itself."""
_SETTLED, _LONGEST = 20.0, 300.0
"""A run is not judged while its code server is gone, and for so many seconds after: Dagster gives up a retry for good
that it cannot start at once. No tick could run meanwhile. Who is silent for the longest does not come back."""
PROCESS_TAG = "segflow/process"
"""The process of a run that the daemon has started: run, pid and identity. The run, because a retry and whoever runs it
again get the tags of the run before."""
_AFTER_COLD = 30.0
"""Seconds after the start of a run without a process that waited, until one is started that will."""


class WatchedRunLauncher(DefaultRunLauncher):
    """Starts runs through the code server, as Dagster does by default; with `warm`, in a process that waits for one.

    The process is a child of the daemon then, and not of the code server: both must be on one machine, of one
    environment, and see the same variables. A run whose code is of another Python goes through its code server.
    """

    def __init__(self, inst_data: ConfigurableClassData | None = None, *, warm: bool = False) -> None:
        super().__init__(inst_data)
        self._spare = Spare() if warm else None
        # run -> when its code server was seen to be gone: the first and the last time
        self._server_gone: dict[str, tuple[float, float]] = {}

    @classmethod
    def config_type(cls) -> Any:
        return {"warm": Field(bool, is_required=False, default_value=False)}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> WatchedRunLauncher:
        return cls(inst_data, warm=config_value["warm"])

    def launch_run(self, context: LaunchRunContext) -> None:
        if self._spare is None:
            super().launch_run(context)
        elif not self._launch_warm(context, self._spare):
            super().launch_run(context)
            # Its imports would slow down those of the run.
            later = Timer(_AFTER_COLD, self._spare.start)
            later.daemon = True
            later.start()

    def _launch_warm(self, context: LaunchRunContext, spare: Spare) -> bool:
        """Hand a run over to the process that waits; False: none does, or it must not have this one."""
        run, workspace = context.dagster_run, context.workspace
        if run.remote_job_origin is None or run.job_code_origin is None or workspace is None:
            return False
        name = run.remote_job_origin.repository_origin.code_location_origin.location_name
        location = workspace.get_code_location(name)
        code = run.job_code_origin.repository_origin
        if not isinstance(location, GrpcServerCodeLocation) or code.container_image is not None:
            return False
        client = location.client
        if not (client.socket or client.host in _HERE) or Path(code.executable_path) != Path(sys.executable):
            return False
        where = {"host": client.host, "port": client.port, "socket": client.socket}
        told = json.dumps({key: value for key, value in where.items() if value})
        self._instance.add_run_tags(run.run_id, {GRPC_INFO_TAG: told})
        asked = ExecuteExternalJobArgs(
            job_origin=run.remote_job_origin, run_id=run.run_id, instance_ref=self._instance.get_ref()
        )
        pid = spare.take(serialize_value(run.job_code_origin), serialize_value(asked))
        if pid is None:
            return False
        self._instance.add_run_tags(run.run_id, {PROCESS_TAG: f"{run.run_id} {pid} {process_identity(pid)}"})
        self._run_ids.add(run.run_id)
        return True

    def terminate(self, run_id: str) -> bool:
        run = self._instance.get_run_by_id(run_id) if self.has_instance else None
        own = warm_process(run) if run is not None else None
        if run is None or run.is_finished or own is None:
            return bool(super().terminate(run_id))  # type: ignore[no-untyped-call]
        self._instance.report_run_canceling(run)
        pid, identity = own
        if process_identity(pid) != identity:
            self._instance.report_engine_event("Its process is not on this machine, or gone.", run, cls=type(self))
            return False
        os.kill(pid, signal.SIGINT)
        return True

    def dispose(self) -> None:
        if self._spare is not None:
            self._spare.end()
        super().dispose()

    @property
    def supports_check_run_worker_health(self) -> bool:
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """Is the process of a run there? The code server knows; on this machine the process itself, should the server
        be gone. A server elsewhere that does not answer is waited for."""
        told = json.loads(run.tags.get(GRPC_INFO_TAG, "{}"))
        if self._spoke_lately(run):
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        if told.get("socket") or told.get("host") in _HERE:
            alive = self._process_is_there(run)
            if alive is False and told.get("port") and self._nobody_could_retry(run):
                return CheckRunHealthResult(WorkerStatus.RUNNING, "its code server is gone as well")
        else:
            alive = self._server_has(run)
        if alive is False:
            return CheckRunHealthResult(WorkerStatus.NOT_FOUND, "the process of the run is gone")
        return CheckRunHealthResult(WorkerStatus.RUNNING)

    def _spoke_lately(self, run: DagsterRun) -> bool:
        last = self._instance.get_records_for_run(run.run_id, limit=1, ascending=False).records
        return bool(last) and last[0].timestamp > time.time() - _YOUNG

    def _nobody_could_retry(self, run: DagsterRun) -> bool:
        client, now = self._get_grpc_client_for_termination(run.run_id), time.time()  # type: ignore[no-untyped-call]
        first, last = self._server_gone.get(run.run_id, (now, now - _SETTLED))
        try:
            if client is not None:
                client.ping("")
        except DagsterUserCodeUnreachableError:
            last = now
            self._server_gone[run.run_id] = first, last
        return now - last < _SETTLED and now - first < _LONGEST

    def _server_has(self, run: DagsterRun) -> bool | None:
        client = self._get_grpc_client_for_termination(run.run_id)  # type: ignore[no-untyped-call]
        if client is None:
            return None
        try:
            answer = client.can_cancel_execution(CanCancelExecutionRequest(run_id=run.run_id))
        except DagsterUserCodeUnreachableError:
            return None
        return deserialize_value(answer, CanCancelExecutionResult).can_cancel

    def _process_is_there(self, run: DagsterRun) -> bool | None:
        own = warm_process(run)
        if own is not None:
            return process_identity(own[0]) == own[1]
        found = list(self._instance.all_logs(run.run_id, of_type=DagsterEventType.ENGINE_EVENT))
        for record in reversed(found):
            number = _pid(record.dagster_event)
            if number is not None:
                # A number is given again: whoever has it must not be younger than what the run wrote with it.
                began = _began(number)
                return began is not None and began <= record.timestamp + 1
        return None


def warm_process(run: DagsterRun) -> tuple[int, str] | None:
    """(pid, identity) of the process that was handed a run; None: its code server has started one."""
    whose, _, told = run.tags.get(PROCESS_TAG, "").partition(" ")
    pid, _, identity = told.partition(" ")
    return (int(pid), identity) if whose == run.run_id else None


def _pid(event: Any) -> int | None:
    value = event.engine_event_data.metadata.get("pid") if event is not None else None
    return int(value.value) if value is not None else None


def _began(pid: int) -> float | None:
    """When a process of this machine began, as far as the system says; None: it is not there."""
    if process_identity(pid) is None:
        return None
    try:
        ticks = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
        [boot] = [line.split()[1] for line in Path("/proc/stat").read_text().splitlines() if line.startswith("btime")]
    except (OSError, ValueError):
        return 0.0
    return int(boot) + ticks / os.sysconf("SC_CLK_TCK")
