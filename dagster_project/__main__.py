"""Starts the Dagster UI and daemon on a project: `python -m segflow.dagster --project-dir DIR --port 3000`."""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import sys
from pathlib import Path

from segflow.errors import SegflowError
from segflow.files import write_whole
from segflow.project import Project

DEFINITIONS = "segflow.dagster.location"
"""The module that Dagster loads: below our own name, because a project may have packages of any other."""


def prepare_home(root: Path) -> Path:
    """Make DAGSTER_HOME below the project's `.segflow/` with our settings, unless it has some, and return it."""
    home = root / ".segflow" / "dagster_home"
    home.mkdir(parents=True, exist_ok=True)
    if not (home / "dagster.yaml").exists():
        shutil.copyfile(Path(__file__).with_name("dagster.yaml"), home / "dagster.yaml")
    return home


def workspace(root: Path) -> Path:
    """Write the file that tells Dagster what to load, and that it is called as the project is; return its path."""
    file = root / ".segflow" / "dagster" / "workspace.yaml"
    loaded = {"module_name": DEFINITIONS, "location_name": name_of(root)}
    write_whole(file, json.dumps({"load_from": [{"python_module": loaded}]}, indent=1).encode(), durable=False)
    return file


def name_of(root: Path) -> str:
    """The project's name; that of its folder while its settings cannot be read, which the UI then tells in full."""
    try:
        return Project(root).specs.settings.name
    except SegflowError:
        return re.sub(r"[^A-Za-z0-9_]", "_", root.name) or "segflow"


def command(root: Path, host: str, port: int, *, read_only: bool = False) -> list[str]:
    """The command line of the UI: with the daemon, or for those who look, without it and without any button."""
    program = ["dagster_webserver"] if read_only else ["dagster", "dev"]
    started = [sys.executable, "-m", *program, "-w", str(workspace(root))]
    return [*started, "--host", host, "--port", str(port), *(["--read-only"] if read_only else [])]


def main() -> None:
    """Become the UI's process, so that Ctrl-C and the exit code are its own."""
    parser = argparse.ArgumentParser(prog="python -m segflow.dagster", description="Start the Dagster UI.")
    parser.add_argument("--project-dir", type=Path, default=Path.cwd(), help="the project's folder")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=3000)
    parser.add_argument("--read-only", action="store_true", help="for those who look: no run, no switch, no daemon")
    given = parser.parse_args()
    root = given.project_dir.resolve()
    if not root.is_dir():
        parser.error(f"{root} is not a directory")
    environment = {
        **os.environ,
        # A home of the user's own holds the settings of their other work, and wins.
        "DAGSTER_HOME": os.environ.get("DAGSTER_HOME") or str(prepare_home(root)),
        "SEGFLOW_PROJECT_DIR": str(root),
    }
    started = command(root, given.host, given.port, read_only=given.read_only)
    os.execve(sys.executable, started, environment)


if __name__ == "__main__":
    main()
