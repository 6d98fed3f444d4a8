"""A server of our own on loopback that speaks Spark Connect: Sail, whose program comes in a wheel. It is no Spark, and
nobody should run a shop on it; what it is told it does as Spark does."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from segflow.errors import RunError

_PATIENCE = 60
"""Seconds until a server must answer."""


@dataclass
class Sail:
    """A server, running or not. What its catalog knows is gone when it ends, and the tables' files are not."""

    folder: Path
    """Of its log."""
    port: int
    settings: Mapping[str, str] = field(default_factory=dict)
    """Environment variables."""
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers. Raises RunError with its log."""
        environment = {**os.environ, "RUST_LOG": "error", **self.settings}
        command = [_program(), "spark", "server", "--port", str(self.port)]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder, env=environment)
        end = time.monotonic() + _PATIENCE
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                if time.monotonic() > end or self.process.poll() is not None:
                    told = (self.folder / "log").read_text(encoding="utf-8", errors="replace").splitlines()[-5:]
                    raise RunError(f"Sail does not start: {' '.join(told)}") from None
                time.sleep(0.02)

    def kill(self) -> None:
        """End it at once, as a crash does."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(timeout=_PATIENCE)
            self.process = None


def _program() -> str:
    beside = Path(sys.executable).with_name("sail")
    found = str(beside) if beside.exists() else shutil.which("sail")
    if found is None:
        raise RunError("there is no Sail: pip install pysail")
    return found
