"""The shape of the house: no circles, engines behind their wings, few arguments, every room in the plan."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from segflow.crossings.cross import cross
from segflow.flows.advance import advance
from segflow.stages.order import STAGES
from segflow.ticks.ledger import PLACES, STAGE_NAMES
from segflow.warehouse.tables import TABLES

ROOT = Path(__file__).parents[1]
ENGINE = ROOT / "segflow"
WING = ENGINE / "warehouse" / "duckdb"
TOP = 15
"""As many modules a stranger can take in at a glance."""

NAMES_DUCKDB = {
    "segflow/warehouse/engines.py": "finds the wing that the settings ask for",
    "segflow/specs/settings.py": "the default path of the warehouse ends with it",
    "demo/shop.py": "makes the user's own raw tables, which segflow knows nothing of",
}
"""Who may name it outside of its wing, and why."""


def modules() -> dict[str, Path]:
    """Every module of segflow by name, those behind a link left out: they are rooms of their own."""
    found = {}
    for path in sorted(ENGINE.rglob("*.py")):
        if any(parent.is_symlink() for parent in path.parents):
            continue
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def arrows() -> dict[str, set[str]]:
    """Module -> the modules that it imports, for types only and inside of functions included."""
    known = modules()
    found: dict[str, set[str]] = {}
    for name, path in known.items():
        if name == "segflow":
            continue  # the front door shows what lies behind it
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                named = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module is not None:
                below = [f"{node.module}.{alias.name}" for alias in node.names]
                named = [one if one in known else node.module for one in below]
            else:
                continue
            found.setdefault(name, set()).update(one for one in named if one in known and one not in (name, "segflow"))
    return found


def room(module: str) -> str:
    return module.split(".")[1]


def circle(graph: Mapping[str, set[str]]) -> list[str]:
    """A way that ends where it began, or nothing."""
    done: set[str] = set()

    def walk(node: str, way: list[str]) -> list[str]:
        if node in way:
            return [*way[way.index(node) :], node]
        if node in done:
            return []
        for following in sorted(graph.get(node, ())):
            if found := walk(following, [*way, node]):
                return found
        done.add(node)
        return []

    return next((found for node in sorted(graph) if (found := walk(node, []))), [])


def test_no_circle_of_modules() -> None:
    assert circle(arrows()) == []


def test_no_circle_of_rooms() -> None:
    rooms: dict[str, set[str]] = {}
    for name, used in arrows().items():
        rooms.setdefault(room(name), set()).update(room(one) for one in used if room(one) != room(name))
    assert circle(rooms) == []


@pytest.mark.parametrize(
    ("graph", "way"),
    [
        pytest.param({"a": {"b"}, "b": {"c"}, "c": set()}, [], id="a line"),
        pytest.param({"a": {"b"}, "b": {"c"}, "c": {"b"}}, ["b", "c", "b"], id="a circle further down"),
        pytest.param({"a": {"b", "c"}, "b": {"d"}, "c": {"d"}}, [], id="two ways to one place"),
    ],
)
def test_a_circle_is_found(graph: dict[str, set[str]], way: list[str]) -> None:
    assert circle(graph) == way


def named_in(path: Path) -> Iterator[str]:
    """Every import, attribute and text of a file that names DuckDB, documentation left out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    documentation = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            words = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            words = [node.module or "", *(alias.name for alias in node.names)]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation:
            words = [node.value]
        elif isinstance(node, ast.Name | ast.Attribute):
            words = [node.id if isinstance(node, ast.Name) else node.attr]
        else:
            continue
        yield from (f"{path.relative_to(ROOT)}:{node.lineno}: {word}" for word in words if "duckdb" in word.lower())


def sources() -> list[Path]:
    folders = ("segflow", "senders", "dagster_project", "demo")
    found = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    return sorted(path for path in found if WING not in path.parents)


def test_only_the_wing_knows_duckdb() -> None:
    told = {path.relative_to(ROOT).as_posix(): list(named_in(path)) for path in sources()}
    assert [
        line for file, lines in told.items() if file not in NAMES_DUCKDB for line in lines if "DuckDB;" not in line
    ] == []
    assert {file for file in NAMES_DUCKDB if not told[file]} == set(), "it names it no more: take it from the list"


def test_only_the_wing_imports_duckdb() -> None:
    importing = {
        path.relative_to(ROOT).as_posix()
        for path in sources()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import) and any(alias.name.split(".")[0] == "duckdb" for alias in node.names)
    }
    assert importing == {"demo/shop.py"}


@pytest.mark.parametrize("function", [advance, cross], ids=["advance", "cross"])
def test_few_arguments(function: object) -> None:
    assert len(inspect.signature(function).parameters) <= 5  # type: ignore[arg-type]


def test_the_top_can_be_taken_in_at_a_glance() -> None:
    assert len(list(ENGINE.glob("*.py"))) <= TOP


def test_every_room_is_in_the_plan() -> None:
    page = (ROOT / "docs/ARCHITECTURE.md").read_text(encoding="utf-8")
    plan = re.findall(r"^\| `([\w/]+)` \|", page[page.index("## Rooms") :], re.MULTILINE)
    rooms = {f"segflow/{path.name}" for path in ENGINE.iterdir() if any(path.glob("*.py")) and not path.is_symlink()}
    wings = {f"segflow/warehouse/{path.name}" for path in WING.parent.iterdir() if any(path.glob("*.py"))}
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    beside = {file.split("/")[0] for file in files if "/" in file and not file.startswith((".", "segflow/"))}
    assert sorted(set(plan)) == sorted(rooms | wings | beside)
    assert len(plan) == len(set(plan))


def test_stages_and_places_are_one_list() -> None:
    assert tuple(stage.name for stage in STAGES) == STAGE_NAMES
    assert ("begun", *STAGE_NAMES, "done") == PLACES
    assert {table.stage for table in TABLES.values() if table.stage is not None} <= set(STAGE_NAMES)
