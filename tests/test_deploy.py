"""What docs/DEPLOY.md tells people to do, done; what it gives them, read by who will read it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from configparser import ConfigParser
from pathlib import Path

import pytest
import yaml
from dagster._core.scheduler.instigation import InstigatorType
from dagster._core.workspace.config_schema import process_workspace_config

from tests.dagster.conftest import DAY, PEOPLE, START
from tests.dagster.homes import instance_of
from tests.test_wheel import built
from tests.world import COLUMNS, World, ledgers_of

ROOT = Path(__file__).resolve().parents[1]
DEPLOY = ROOT / "deploy"
PAGE = (ROOT / "docs/DEPLOY.md").read_text(encoding="utf-8")
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_a_unit_starts_a_command_that_is_there(unit: Path, tmp_path: Path) -> None:
    """The program exists and knows every option; systemd reads the rest, where it is installed."""
    parser = ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(unit)
    words = parser["Service"]["ExecStart"].replace("/srv/segflow/venv", sys.prefix).split()
    options = [word for word in words if re.match("--?[a-z]", word)]
    commands = [word for word in words[1:3] if not word.startswith("-")]
    shown = subprocess.run([words[0], *commands, "--help"], capture_output=True, text=True, check=True).stdout
    assert [option for option in options if not re.search(rf"(^|[\s,/]){option}\b", shown)] == []
    verify = shutil.which("systemd-analyze")
    if verify is not None:
        text = unit.read_text(encoding="utf-8").replace("/srv/segflow/venv", sys.prefix)
        (tmp_path / unit.name).write_text(text.replace("/srv/segflow/project", "/tmp"), encoding="utf-8")
        done = subprocess.run(
            [verify, "verify", str(tmp_path / unit.name)], capture_output=True, text=True, check=False
        )
        told = [line for line in done.stderr.splitlines() if unit.name in line and "segflow-code" not in line]
        assert told == [], done.stderr


def test_the_workspace_and_the_home_are_what_dagster_reads(tmp_path: Path) -> None:
    workspace = yaml.safe_load((DEPLOY / "systemd/workspace.yaml").read_text(encoding="utf-8"))
    assert process_workspace_config(workspace).success
    [server] = (one["grpc_server"] for one in workspace["load_from"])
    code = (DEPLOY / "systemd/segflow-code.service").read_text(encoding="utf-8")
    assert f"--host {server['host']} --port {server['port']}" in code
    shutil.copy(ROOT / "dagster_project/dagster.yaml", tmp_path)
    with instance_of(tmp_path) as instance:
        assert instance.run_monitoring_enabled
        assert instance.run_monitoring_poll_interval_seconds == 30
        assert instance.get_concurrency_config().pool_config.default_pool_limit == 1
        kept = instance.get_tick_retention_settings(InstigatorType.SENSOR)
        assert sorted(days for days in kept.values() if days > 0) == [3, 30, 90]


def test_every_run_step_of_the_dockerfile_works(tmp_path: Path) -> None:
    """Its lines are read, what it copies is there, and what installs segflow is run here, from the wheel that COPY
    brings, with the packages of this environment."""
    text = re.sub(r"\\\n\s*", "", (DEPLOY / "Dockerfile").read_text(encoding="utf-8"))
    steps = [tuple(line.split(None, 1)) for line in text.splitlines() if line and not line.startswith("#")]
    known = {"FROM", "COPY", "RUN", "ENV", "WORKDIR", "VOLUME", "EXPOSE", "USER", "CMD"}
    assert {word for word, _ in steps} <= known
    wheel = built("wheel", ROOT, tmp_path / "dist")
    source, target = tmp_path / "segflow", tmp_path / "opt"
    source.mkdir()
    [copied] = (words.split() for word, words in steps if word == "COPY")
    assert copied == ["constraints.txt", "dist/*.whl", "/tmp/segflow/"]
    shutil.copy(ROOT / "constraints.txt", source)
    shutil.copy(wheel, source)
    install, user = (words for word, words in steps if word == "RUN")
    assert "chown -R segflow /project" in user
    make, fetch, try_out = install.split(" && ")
    script = "\n".join((
        make.replace("python -m", f"{sys.executable} -m"),
        # The network is for the packages that segflow needs; here those of this environment are lent.
        fetch.replace("pip install", "pip install --quiet --no-index --no-deps"),
        f"printf '%s\\n' {sysconfig.get_path('purelib')} > $(echo /opt/segflow/lib/python3*/site-packages)/others.pth",
        try_out,
    )).replace("/tmp/segflow", str(source)).replace("/opt/segflow", str(target))  # fmt: skip
    done = subprocess.run(["bash", "-ec", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{script}\n{done.stderr}"
    [command] = (words for word, words in steps if word == "CMD")
    assert yaml.safe_load(command)[:2] == ["segflow", "ui"]


def test_the_values_give_the_location_its_state() -> None:
    values = yaml.safe_load((DEPLOY / "kubernetes/values.yaml").read_text(encoding="utf-8"))
    [location] = values["dagster-user-deployments"]["deployments"]
    assert location["dagsterApiGrpcArgs"] == ["--module-name", "segflow.dagster.location"]
    assert [one["mountPath"] for one in location["volumeMounts"]] == ["/project/.segflow"]
    assert {one["name"] for one in location["volumeMounts"]} == {one["name"] for one in location["volumes"]}
    assert values["dagsterDaemon"]["runRetries"] == {"enabled": True, "maxRetries": 0}
    launcher = values["runLauncher"]["config"]["customRunLauncher"]
    assert hasattr(__import__(launcher["module"], fromlist=["x"]), launcher["class"])


def test_what_was_backed_up_comes_back(tmp_path: Path) -> None:
    world = World(tmp_path / "old")
    world.rows_of("contacts", PEOPLE)
    world.segment("londoners", {"where": {"attribute": "city", "is": "London"}})
    for day in range(2):
        world.tick(START + day * DAY)
    world.close()
    backup, restore = re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL)
    _bash(backup, world.root)
    new = tmp_path / "new"
    new.mkdir()
    for name in ("segflow.yml", "segment_specs", "flow_specs", "dbt", "backup"):
        source = world.root / name
        shutil.copytree(source, new / name) if source.is_dir() else shutil.copy(source, new / name)
    (new / ".segflow").mkdir()
    again = World.at(new)
    for table in COLUMNS:
        again.rows_of(table, PEOPLE if table == "contacts" else [])
    _bash(restore, new)
    told, came = ledgers_of(world.root), ledgers_of(new)
    assert [name for name in told if told[name] != came[name]] == []


def test_files_that_the_page_names_are_there() -> None:
    assert {unit.stem for unit in UNITS} == set(re.findall(r"segflow-(?:code|daemon|ui)(?![\w.])", PAGE))


def _bash(script: str, folder: Path) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-e"], input=script, cwd=folder, env={**os.environ, "PATH": path}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
