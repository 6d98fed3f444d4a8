"""docs/ADDING_A_SENDER.md, followed to the letter: a message arrives at its provider."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import jsonschema
import pytest
import yaml

from tests.senders.servers import http_server, status
from tests.world import World

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/ADDING_A_SENDER.md").read_text(encoding="utf-8")
_STEP = re.compile(r"^## (\d)\. [^`\n]*`([^`\n]+)`\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
URL = "https://api.textly.example/v1/messages"
PHONE = "+442079460018"
TICK = "from tests.direct_dbt import DirectProject\nprint(DirectProject('.').tick(None, send=True).errors)"


def steps() -> list[tuple[str, str, str]]:
    """(file, kind of block, block) of every step that has one."""
    return [
        (file, *blocks[0].groups()) for _, file, text in _STEP.findall(PAGE) if (blocks := list(_BLOCK.finditer(text)))
    ]


def code() -> str:
    ((_, _, block),) = [step for step in steps() if step[1] == "python"]
    return block


@pytest.fixture(scope="module", params=["a file of senders/", "a package of its own"])
def package(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for PYTHONPATH: a copy of the code with what the guide adds to it, or a package beside the code."""
    folder = tmp_path_factory.mktemp("package")
    if request.param == "a package of its own":
        ((_, _, toml),) = [step for step in steps() if step[1] == "toml"]
        project = tomllib.loads(toml)["project"]
        (folder / "segflow_textly.py").write_text(code(), encoding="utf-8")
        installed = folder / f"segflow_textly-{project['version']}.dist-info"
        installed.mkdir()
        told = "".join(f"{key}: {project[key.lower()]}\n" for key in ("Name", "Version"))
        (installed / "METADATA").write_text(f"Metadata-Version: 2.1\n{told}", encoding="utf-8")
        ((group, points),) = project["entry-points"].items()
        (installed / "entry_points.txt").write_text(
            f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in points.items()), encoding="utf-8"
        )
        return folder
    for name in ("segflow", "senders", "dagster_project"):
        shutil.copytree(ROOT / name, folder / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    assert not (folder / "senders/textly.py").exists()
    (folder / "senders/textly.py").write_text(code(), encoding="utf-8")
    return folder


@pytest.fixture
def project(tmp_path: Path) -> World:
    """Ana comes to a segment and gets an SMS."""
    world = World(tmp_path / "shop")
    ana = {"contact_id": "ana", "city": "London", "phone": PHONE}
    world.rows_of("contacts", [{**ana, "created_at": datetime(2026, 1, 1, tzinfo=UTC)}])
    world.segment("londoners", {"on_create": "trigger", "where": {"attribute": "city", "is": "London"}})
    text = {"id": "text", "send_sms": {"text": "Hello from London\nReply STOP to opt out."}}
    world.flow("hello", {"status": "active", "trigger": {"enters": "londoners"}, "steps": [text]})
    world.close()
    return world


def settings(world: World, url: str) -> None:
    """Write the guide's `segflow.yml`, with another address for Textly."""
    ((_, _, text),) = [step for step in steps() if step[1] == "yaml"]
    assert text.count(URL) == 1
    (world.root / "segflow.yml").write_text(text.replace(URL, url), encoding="utf-8")


def run(package: Path, world: World, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python in the project, with the package that was changed."""
    environment = {**os.environ, "PYTHONPATH": f"{package}{os.pathsep}{ROOT}", "NO_PROXY": "127.0.0.1"}
    environment |= {"TEXTLY_KEY": "k3y"}
    command = [sys.executable, *arguments]
    return subprocess.run(
        command, cwd=world.root, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def test_the_steps_are_all_there() -> None:
    assert [(file, kind) for file, kind, _ in steps()] == [
        ("senders/textly.py", "python"),
        ("segflow.yml", "yaml"),
        ("pyproject.toml", "toml"),
    ]


def test_a_message_arrives(package: Path, project: World) -> None:
    with http_server(status(201, b'{"id": "x7"}')) as server:
        settings(project, server.url)
        checked = run(package, project, "-m", "segflow", "validate")
        assert (checked.returncode, checked.stdout) == (0, "1 segments and 1 flows are fine.\n"), checked.stderr
        ticked = run(package, project, "-c", TICK)
        assert (ticked.returncode, ticked.stdout) == (0, "[]\n"), ticked.stderr
        [call] = server.calls
    assert json.loads(call.body) == {"to": PHONE, "text": "Hello from London\nReply STOP to opt out."}
    assert call.headers["authorization"] == "Bearer k3y"
    assert project.rows("SELECT sender, outcome, address FROM segflow.deliveries") == [
        {"sender": "textly", "outcome": "sent", "address": PHONE}
    ]


MISTAKES = {
    "a channel that it does not take": ("{sms:", "{email:", "sender textly (type textly) takes sms, not email"),
    "a key that it does not have": ("api_key:", "api_kee:", "unknown key api_kee (did you mean api_key?)"),
}


@pytest.mark.parametrize(("right", "wrong", "told"), MISTAKES.values(), ids=MISTAKES)
def test_validate_knows_the_type(package: Path, project: World, right: str, wrong: str, told: str) -> None:
    settings(project, URL)
    path = project.root / "segflow.yml"
    text = path.read_text(encoding="utf-8")
    assert text.count(right) == 1
    path.write_text(text.replace(right, wrong), encoding="utf-8")
    checked = run(package, project, "-m", "segflow", "validate")
    assert checked.returncode == 2
    assert told in checked.stderr


def test_an_editor_knows_the_type(package: Path, project: World) -> None:
    settings(project, URL)
    written = run(package, project, "-m", "segflow", "schema", "--directory", "schemas")
    assert written.returncode == 0, written.stderr
    schema = json.loads((project.root / "schemas/settings.schema.json").read_text(encoding="utf-8"))
    shape = schema["$defs"]["TextlySettings"]
    assert shape["properties"]["timeout"]["description"] == "Seconds to connect, and between two bytes of the answer."
    validator = jsonschema.Draft7Validator(schema)
    told = yaml.safe_load((project.root / "segflow.yml").read_text(encoding="utf-8"))
    assert not list(validator.iter_errors(told))
    told["senders"]["textly"].pop("url")
    assert list(validator.iter_errors(told))


BROKEN = {
    "cannot be imported": ("segflow_textly:TextlySender", "segflow_text:TextlySender", "ModuleNotFoundError"),
    "is no sender": ("segflow_textly:TextlySender", "segflow_textly:TextlySettings", "is no sender"),
}


@pytest.mark.parametrize(("right", "wrong", "told"), BROKEN.values(), ids=BROKEN)
def test_a_package_that_does_not_do_is_named(
    package: Path, project: World, tmp_path: Path, right: str, wrong: str, told: str
) -> None:
    if not list(package.glob("*.dist-info")):
        pytest.skip("only packages have entry points")
    broken = shutil.copytree(package, tmp_path / "broken")
    (points,) = broken.glob("*.dist-info/entry_points.txt")
    points.write_text(points.read_text(encoding="utf-8").replace(right, wrong), encoding="utf-8")
    settings(project, URL)
    checked = run(broken, project, "-m", "segflow", "validate")
    assert checked.returncode == 2
    assert "segflow.yml:2:11: type textly of package segflow-textly" in checked.stderr, checked.stderr
    assert told in checked.stderr
