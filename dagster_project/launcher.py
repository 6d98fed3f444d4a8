"""Dagster's own launcher, which also says when the process of a run is gone.

Dagster's does not: a run whose process was killed together with the code server stays "started" for good, whatever
`run_monitoring` says, and keeps the one place in the pool of the warehouse, so that no tick would start any more.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from dagster import DagsterEventType, DagsterRun
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.launcher import CheckRunHealthResult, DefaultRunLauncher, WorkerStatus
from dagster._core.storage.tags import GRPC_INFO_TAG
from dagster._grpc.types import CanCancelExecutionRequest, CanCancelExecutionResult
from dagster_shared.serdes import deserialize_value

from segflow.outbox.processes import process_identity

_HERE = ("localhost", "127.0.0.1", "::1")
_YOUNG = 10.0
"""Seconds after its last words in which a run is not judged: its process may be about to end by itself."""
_SETTLED, _LONGEST = 20.0, 300.0
"""A run is not judged while its code server is gone, and for so many seconds after: Dagster gives up a retry for good
that it cannot start at once. No tick could run meanwhile. Who is silent for the longest does not come back."""


class WatchedRunLauncher(DefaultRunLauncher):
    """Starts runs through the code server, as Dagster does by default."""

    def __init__(self, *words: Any, **named: Any) -> None:
        super().__init__(*words, **named)
        # run -> when its code server was seen to be gone: the first and the last time
        self._server_gone: dict[str, tuple[float, float]] = {}

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
        found = list(self._instance.all_logs(run.run_id, of_type=DagsterEventType.ENGINE_EVENT))
        for record in reversed(found):
            pid = _pid(record.dagster_event)
            if pid is not None:
                # A number is given again: whoever has it must not be younger than what the run wrote with it.
                began = _began(pid)
                return began is not None and began <= record.timestamp + 1
        return None


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
