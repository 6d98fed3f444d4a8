"""`segflow serve` as a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Self

import requests

ROOT = Path(__file__).parents[2]


class Served:
    """A server of the project in `root`, from `with` to the end of its block."""

    def __init__(self, root: Path, packages: Path, options: Sequence[str] = (), crash: str | None = None) -> None:
        self._command = [sys.executable, "-m", "segflow", "--project-dir", str(root), "serve", "--port", "0", *options]
        path = os.pathsep.join([str(packages), str(ROOT)])
        self._environment = {**os.environ, "PYTHONPATH": path, "COLUMNS": "200"}
        if crash is not None:
            self._environment["SEGFLOW_CRASH"] = crash
        self.session = requests.Session()
        self.session.trust_env = False

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(
            self._command, env=self._environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        said = self.process.stdout.readline().strip()
        self.url = said.removeprefix("segflow serves ")
        assert self.url.startswith("http"), said or self.process.stderr.read()
        self._log: list[str] = []
        self._reader = threading.Thread(target=self._read, args=(self.process.stderr,), daemon=True)
        self._reader.start()
        return self

    def _read(self, stream: IO[str]) -> None:
        self._log.extend(stream)

    def kill(self) -> None:
        """SIGKILL."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> str:
        """SIGTERM; what it logged."""
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(30)
        self._reader.join(10)
        return "".join(self._log)

    def __exit__(self, *_: object) -> None:
        self.session.close()
        self.stop()
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])
