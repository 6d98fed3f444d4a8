"""Apache Spark itself for the tests: its Spark Connect server on loopback, from the folder of a pyspark."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from segflow.errors import RunError
from segflow.warehouse.spark import sessions
from tests.senders.servers import free_port

HOME = os.environ.get("SEGFLOW_APACHE_SPARK")
"""The folder with `bin/spark-submit` and `jars`; `make test-spark-apache` names it. It is not in the environment of the
tests: pyspark and pyspark-client are one package by two names, and each would write over the other's files."""
_PATIENCE = 180
"""Seconds until it must answer: it takes fifteen on a machine that has nothing else to do."""
_SETTINGS = {
    "spark.connect.grpc.binding.address": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.log.level": "WARN",
    "spark.ui.enabled": "false",
    # The rows of a test fit one partition, and each costs a task.
    "spark.sql.shuffle.partitions": "2",
    "spark.sql.adaptive.coalescePartitions.initialPartitionNum": "2",
}


@dataclass
class ApacheSpark:
    """A server, running or not. Its catalog is one for all sessions, and ends with it."""

    folder: Path
    """Of its log, its tables and what it writes while it works."""
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers. Raises RunError with the end of its log."""
        assert HOME is not None
        own = {
            "spark.connect.grpc.binding.port": str(self.port),
            "spark.sql.warehouse.dir": str(self.folder / "tables"),
            "spark.local.dir": str(self.folder / "local"),
        }
        settings = [part for name, value in {**_SETTINGS, **own}.items() for part in ("--conf", f"{name}={value}")]
        command = [
            str(Path(HOME) / "bin/spark-submit"),
            *("--class", "org.apache.spark.sql.connect.service.SparkConnectServer"),
            *("--master", "local[2]", "--driver-memory", "3g", *settings),
            # It is among the jars: no file is to be run.
            "spark-internal",
        ]
        environment = {**os.environ, "SPARK_HOME": HOME, "SPARK_LOCAL_IP": "127.0.0.1"}
        # Who has set it would get a session of another server.
        environment.pop("SPARK_REMOTE", None)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, stdout=log, stderr=log, cwd=self.folder, env=environment, start_new_session=True
            )
        end = time.monotonic() + _PATIENCE
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                if time.monotonic() > end or self.process.poll() is not None:
                    told = self.said(0).splitlines()[-20:]
                    raise RunError("\n".join(("Apache Spark does not start:", *told))) from None
                time.sleep(0.1)

    def stop(self) -> None:
        """End it, and whatever it has started."""
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(timeout=_PATIENCE)
            self.process = None

    @property
    def log(self) -> Path:
        return self.folder / "log"

    def said(self, since: int) -> str:
        """What it has written to its log after so many bytes."""
        with self.log.open("rb") as log:
            log.seek(since)
            return log.read().decode("utf-8", errors="replace")

    def new_warehouse(self) -> str:
        """The URL of an empty warehouse, in a session of its own. There is one catalog: what the last one has goes."""
        url = f"sc://127.0.0.1:{self.port}/;session_id={uuid.uuid4()}"
        session = sessions.session(url)
        for (schema,) in session.sql("SHOW SCHEMAS").collect():
            if schema != "default":
                session.sql(f"DROP SCHEMA `{schema}` CASCADE")
        return url


@contextmanager
def apache_spark(folder: Path) -> Iterator[ApacheSpark]:
    """A server for the block."""
    found = ApacheSpark(folder)
    try:
        found.start()
        yield found
    finally:
        found.stop()
