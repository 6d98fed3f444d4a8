"""The wheel: what is in it, and that it works in a project that has packages `senders` and `dagster_project` itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from segflow.dagster.__main__ import DEFINITIONS
from tests.world import World

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = {"segflow": "segflow", "senders": "segflow/senders", "dagster_project": "segflow/dagster"}
"""folder of the repository -> where the wheel has it."""
NOT_YOURS = 'raise ImportError("segflow took a package of the owner\'s")\n'


def built(kind: str, source: Path, target: Path) -> Path:
    """Build the wheel or the sdist of `source` into the empty folder `target`, without a network."""
    run(sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(target), at=source)
    (path,) = target.iterdir()
    return path


def run(*command: str, at: Path) -> str:
    """Run a command in a folder, away from the repository's own modules. Returns its output; it must succeed."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "SEGFLOW", "DAGSTER"))}
    done = subprocess.run(command, cwd=at, env=kept, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return done.stdout


def contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built("wheel", ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The interpreter of an environment that has the wheel, and what it needs from this one. A path in a `.pth` file
    brings packages, not the `.pth` files beside them: the editable segflow of this environment stays out."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, symlinks=True)
    python = str(folder / "bin/python")
    run(
        sys.executable,
        "-m",
        "pip",
        "--python",
        python,
        "install",
        "-q",
        "--no-index",
        "--no-deps",
        str(wheel),
        at=folder,
    )
    packages = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", at=folder).strip())
    packages.joinpath("others.pth").write_text(
        "\n".join({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")})
    )
    return python


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Ana comes to a segment and gets a letter. Beside the project lie packages of its owner."""
    world = World(tmp_path_factory.mktemp("owner") / "shop", real=True)
    ana = {
        "contact_id": "ana",
        "city": "London",
        "email": "ana@example.com",
        "created_at": datetime(2026, 1, 1, tzinfo=UTC),
    }
    world.rows_of("contacts", [ana])
    world.segment("londoners", {"on_create": "trigger", "where": {"attribute": "city", "is": "London"}})
    letter = {"id": "letter", "send_email": {"subject": "Hello", "text": "Welcome to London."}}
    world.flow("hello", {"status": "active", "trigger": {"enters": "londoners"}, "steps": [letter]})
    for name in ("senders", "dagster_project"):
        (world.root / name).mkdir()
        (world.root / name / "__init__.py").write_text(NOT_YOURS)
    return world


def test_it_holds_every_file_of_the_package_under_one_name(wheel: Path) -> None:
    listed = run("git", "ls-files", "--cached", "--others", "--exclude-standard", *FOLDERS, at=ROOT).splitlines()
    tracked = [Path(name) for name in listed if (ROOT / name).is_file()]
    expected = {Path(FOLDERS[path.parts[0]], *path.parts[1:]).as_posix() for path in tracked}
    found = {name for name in contents(wheel) if ".dist-info/" not in name}
    assert found == expected
    assert {name.rpartition(".")[2] for name in found} >= {"py", "sql", "yaml"}


def test_it_carries_its_licence(wheel: Path) -> None:
    files = {name.partition(".dist-info/")[2]: text for name, text in contents(wheel).items()}
    assert files["licenses/LICENSE"] == (ROOT / "LICENSE").read_bytes()
    assert b"\nLicense-Expression: Apache-2.0\n" in files["METADATA"]


def test_a_wheel_of_the_sdist_is_the_same(wheel: Path, tmp_path: Path) -> None:
    with tarfile.open(built("sdist", ROOT, tmp_path / "sdist")) as archive:
        archive.extractall(tmp_path / "unpacked", filter="data")
    (source,) = (tmp_path / "unpacked").iterdir()
    assert contents(built("wheel", source, tmp_path / "wheel")) == contents(wheel)


def test_nothing_comes_from_the_repository(python: str, project: World) -> None:
    code = (
        "import json, sys, segflow.project, segflow.senders.smtp, segflow.dagster.__main__\n"
        "names = [name for name in sys.modules if name.split('.')[0] == 'segflow']\n"
        "print(json.dumps({name: sys.modules[name].__file__ for name in names}))"
    )
    files = json.loads(run(python, "-c", code, at=project.root))
    packages = Path(python).parents[1] / "lib"
    assert {"segflow.project", "segflow.senders.smtp", "segflow.dagster.__main__"} <= set(files)
    assert [file for file in files.values() if not Path(file).is_relative_to(packages)] == []


def test_validate_works_beside_the_owners_packages(python: str, project: World) -> None:
    script = str(Path(python).with_name("segflow"))
    assert run(script, "validate", at=project.root) == "1 segments and 1 flows are fine.\n"


def test_a_tick_works_beside_the_owners_packages(python: str, project: World) -> None:
    # With -m the project's folder is the first place where Python looks for modules.
    run(python, "-m", "segflow", "tick", "--as-of", "2026-03-01T06:00:00Z", at=project.root)
    (letter,) = project.mailbox()
    assert "Welcome to London." in (project.root / ".segflow/mailbox" / letter).read_text()


def test_dagster_loads_the_definitions_beside_the_owners_packages(python: str, project: World) -> None:
    """What `segflow ui` has Dagster load, loaded as `dagster dev` does: in a process of its own, from the folder."""
    code = "from pathlib import Path; from segflow.dagster.__main__ import command; print(*command(Path('.'), 'h', 1))"
    assert "-m dagster dev -w " in run(python, "-c", code, at=project.root)
    assert f'"module_name": "{DEFINITIONS}"' in (project.root / ".segflow/dagster/workspace.yaml").read_text()
    run(python, "-m", "dagster", "definitions", "validate", "-m", DEFINITIONS, at=project.root)


def test_the_packages_of_the_owner_would_be_found(python: str, project: World) -> None:
    """What keeps the tests above from proving nothing."""
    code = "try:\n    import senders\nexcept ImportError as error:\n    print(error)"
    assert run(python, "-c", code, at=project.root) == "segflow took a package of the owner's\n"


def test_three_commands_lead_from_files_to_a_green_tick(python: str, tmp_path: Path) -> None:
    """What a newcomer has: the wheel, and files of their own. The first of the three is to install it."""
    (tmp_path / "data").mkdir()
    people = "".join(f"{n},p{n}@example.com,{('London', 'Bern')[n % 2]}\n" for n in range(40))
    (tmp_path / "data/people.csv").write_text(f"id,email,city\n{people}")
    script = str(Path(python).with_name("segflow"))
    run(script, "init", "shop", "--from", "data", at=tmp_path)
    told = json.loads(run(script, "--project-dir", "shop", "tick", "--format", "json", at=tmp_path))
    assert told["errors"] == []
    assert [one["members"] for one in told["segments"]] == [20, 20]
    assert told["messages"] == {"mailbox": {"sent": 20}}
