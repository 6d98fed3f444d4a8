"""docs/ADDING_A_SENDER.md, followed to the letter in a copy of the package: a message arrives at its provider."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

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


def change(text: str, diff: str) -> str:
    """Add the lines with `+` where the lines without it are, which must be found once."""
    lines = [(line[:1], line[1:]) for line in diff.splitlines()]
    assert {mark for mark, _ in lines} == {"+", " "}
    before = "".join(f"{line}\n" for mark, line in lines if mark == " ")
    after = "".join(f"{line}\n" for _, line in lines)
    assert text.count(before) == 1, f"the guide shows lines that are not there:\n{before}"
    return text.replace(before, after)


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the code with what the guide adds to it."""
    folder = tmp_path_factory.mktemp("package")
    for name in ("segflow", "senders", "dagster_project"):
        shutil.copytree(ROOT / name, folder / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    for file, kind, block in steps():
        path = folder / file
        if kind == "python":
            assert not path.exists()
            path.write_text(block, encoding="utf-8")
        elif kind == "diff":
            path.write_text(change(path.read_text(encoding="utf-8"), block), encoding="utf-8")
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
        ("segflow/specs/sender_settings.py", "diff"),
        ("senders/__init__.py", "diff"),
        ("segflow.yml", "yaml"),
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
