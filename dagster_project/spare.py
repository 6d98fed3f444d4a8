"""A process that has imported what a run needs and waits for one: `python -m segflow.dagster.spare`.

Imports are half of a small tick: Dagster, segflow and dbt together take five seconds, and a code server starts an empty
process for every run. This one has them behind it. What belongs to the project (its definitions, specs and senders) is
loaded when the run comes, as they are then.
"""

from __future__ import annotations

import gc
import json
import multiprocessing
import queue
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from importlib import import_module

MODULE = "segflow.dagster.spare"


@dataclass
class Spare:
    """The process that waits, if there is one."""

    _process: subprocess.Popen[bytes] | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _over: bool = False

    def take(self, job_origin: str, run: str) -> int | None:
        """Let it do a run, both as Dagster serializes them. Returns its pid; None: there is no process that waits."""
        with self._lock:
            process, self._process = self._process, None
        if process is None or process.stdin is None or process.poll() is not None:
            return None
        try:
            process.stdin.write(json.dumps({"job_origin": job_origin, "run": run}).encode() + b"\n")
            process.stdin.close()
        except OSError:
            return None
        # Not while the run is at work: to import takes the processor from it. And who has ended has to be waited for.
        threading.Thread(target=self._follow, args=(process,), name="spare", daemon=True).start()
        return process.pid

    def start(self) -> None:
        """Start one, unless one waits."""
        with self._lock:
            if self._process is None and not self._over:
                self._process = subprocess.Popen([sys.executable, "-m", MODULE], stdin=subprocess.PIPE)

    def _follow(self, process: subprocess.Popen[bytes]) -> None:
        process.wait()
        self.start()

    def end(self) -> None:
        """Let it go. A run that it does goes on."""
        with self._lock:
            process, self._process, self._over = self._process, None, True
        if process is not None and process.stdin is not None:
            process.stdin.close()
            process.wait()


_USED = (
    "dagster._core.execution.api", "dagster._grpc.impl", "jsonschema", "pandas", "phonenumbers", "pyarrow.parquet",
    "segflow.dagster.build", "segflow.lint.without_data", "segflow.senders.webhook", "segflow.senders.mailbox",
)  # fmt: skip


def _import_all() -> None:
    """Import what a run uses, and let it make what it makes once in a process."""
    from dagster import DagsterInstance
    from dagster_shared.serdes import serialize_value

    for name in _USED:
        import_module(name)

    from segflow.specs.schema import build_models
    from segflow.warehouse.dbt import import_dbt
    from segflow.warehouse.engines import import_engines

    import_dbt()
    import_engines()
    build_models()
    # The storages of an instance and what they import.
    with DagsterInstance.get() as instance:
        serialize_value(instance.get_ref())
        instance.get_runs(limit=1)
        instance.event_log_storage.get_logs_for_run("none")


def main() -> None:
    """Import, wait for one run on standard input, do it as the process of a code server does, and end. Ends at once
    when whoever started it is gone."""
    gc.disable()
    try:
        _import_all()
        gc.freeze()
        gc.enable()
        line = sys.stdin.buffer.readline()
    except KeyboardInterrupt:
        return
    if line:
        _run(json.loads(line))


def _run(told: dict[str, str]) -> None:
    from dagster import DagsterInstance
    from dagster._core.origin import JobPythonOrigin
    from dagster._grpc.impl import start_run_in_subprocess
    from dagster._grpc.types import ExecuteExternalJobArgs
    from dagster._utils.hosted_user_process import recon_job_from_origin
    from dagster_shared.serdes import deserialize_value

    asked = deserialize_value(told["run"], ExecuteExternalJobArgs)
    # A code server has read `.env` when it started, and its runs have it from there.
    if asked.instance_ref is not None:
        with DagsterInstance.from_ref(asked.instance_ref) as instance:
            instance.inject_env_vars(asked.job_origin.location_name)
    job = recon_job_from_origin(deserialize_value(told["job_origin"], JobPythonOrigin))
    # What it answers to a code server, nobody reads here; the event is how a code server would end it.
    start_run_in_subprocess(told["run"], job, queue.SimpleQueue(), multiprocessing.Event())  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    main()
