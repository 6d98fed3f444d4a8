"""Imports point one way, and Dagster's side stays thin. Read from the source: an arrow that turns fails here."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = {"segflow": "segflow", "senders": "segflow.senders", "dagster_project": "segflow.dagster"}
"""folder -> the one name that it is imported by. The last two are links in `segflow/`."""

LAYERS: tuple[frozenset[str], ...] = (
    frozenset(
        {
            "errors",
            "messages",
            "interrupts",
            "crashpoints",
            "files",
            "durations",
            "numbers",
            "zones",
            "firings",
            "spec_model",
        }
    ),
    frozenset({"warehouse"}),
    # The engine is asked what it thinks of a pattern or an expression.
    frozenset({"specs"}),
    frozenset({"segments", "outbox"}),
    frozenset({"ticks"}),
    frozenset({"models", "crossings", "flows", "history"}),
    frozenset({"exports"}),
    frozenset({"workspace"}),
    frozenset({"imports", "explain"}),
    frozenset({"stages"}),
    frozenset({"plan", "rebuild", "lint"}),
    frozenset({"decisions", "worlds"}),
    frozenset({"project", "doctor", "testing", "start"}),
    frozenset({"serve"}),
)  # fmt: skip
"""The engine's parts from the bottom up; a part may use its own layer and those below. Every other module of
`segflow` is the command line, which may use all of them and which none of them may use."""
WIRING = next(number for number, names in enumerate(LAYERS) if "workspace" in names)
"""From here up the engine may name the senders it is wired to."""
ASKS_SENDERS = ("segflow/specs/sender_settings.py",)
"""Below that, who asks them what may stand in segflow.yml: each sender's file says it."""
SENDERS_MAY_USE = ("segflow.errors", "segflow.messages", "segflow.spec_model", "segflow.senders")
ENGINE_SIDE = ("segflow", "senders")
"""The folders that know nothing of Dagster."""
FRONT_DOOR = ("segflow/__init__.py", "segflow.dagster.component")
NOT_OURS = ("senders", "dagster_project")
"""What a user's project may call a package of its own; where segflow is installed, these are not segflow's."""

_SQL = re.compile(
    r"\b(select\b.+\bfrom|insert\s+into|update\s+\w+\s+set|delete\s+from|(create|drop|alter)\s+(table|view|schema))\b",
    re.IGNORECASE | re.DOTALL,
)
_HTTP = {"requests", "httpx", "urllib", "urllib3", "http", "aiohttp", "socket"}


def files(package: str) -> list[Path]:
    return sorted(path for path in (ROOT / package).rglob("*.py") if "__pycache__" not in path.parts)


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """(line, module) of every import, those inside functions and of TYPE_CHECKING included. A relative one keeps its
    dots."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            # `from segflow import ticks` names a module, too.
            names = [module] if "." in module else [f"{module}.{alias.name}" for alias in node.names]
            yield from ((node.lineno, name) for name in names)


def type_checking_lines(path: Path) -> set[int]:
    """The lines below `if TYPE_CHECKING:`. They run nowhere; a type may point upwards."""
    lines: set[int] = set()
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            lines |= {line for inner in node.body for line in range(inner.lineno, (inner.end_lineno or 0) + 1)}
    return lines


def layer(module: str) -> int | None:
    """The layer of a module of the engine, None for others: senders, our Dagster side, other packages."""
    parts = module.split(".")
    if parts[0] != "segflow" or within(module, "segflow.senders", "segflow.dagster"):
        return None
    if len(parts) == 1 or parts[1] == "__init__":
        return -1
    return next((number for number, names in enumerate(LAYERS) if parts[1] in names), len(LAYERS))


def within(module: str, *packages: str) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def wrong_imports(path: Path, root: Path = ROOT) -> list[str]:
    """Every import of a file that points the wrong way."""
    relative = path.relative_to(root)
    folder = relative.parts[0]
    own = layer(".".join(relative.with_suffix("").parts)) if folder == "segflow" else None
    if relative.as_posix() == "segflow/__init__.py":
        own = len(LAYERS)  # the front door shows what lies behind it
    only_types = type_checking_lines(path)
    found = []
    for line, module in imports(path):
        other = layer(module)
        upwards = own is not None and other is not None and other > own and line not in only_types
        into_senders = (
            within(module, "segflow.senders")
            and own is not None
            and own < WIRING
            and relative.as_posix() not in ASKS_SENDERS
        )
        out_of_senders = folder == "senders" and within(module, "segflow") and not within(module, *SENDERS_MAY_USE)
        dagster = (
            folder in ENGINE_SIDE
            and within(module, "dagster", "dagster_dbt", "segflow.dagster")
            # The name by which Dagster finds the component; `import segflow` loads nothing of it.
            and (relative.as_posix(), module) != FRONT_DOOR
        )
        # A relative import hides where it points to. Tests may use them among each other.
        unclear = (folder in PACKAGES and module.startswith(".")) or within(module, *NOT_OURS)
        if upwards or into_senders or out_of_senders or dagster or unclear:
            found.append(f"{relative}:{line}: imports {module}")
    return found


def docstrings(tree: ast.Module) -> set[int]:
    """The ids of the nodes that are documentation."""
    return {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    }


def sql_strings(path: Path) -> list[str]:
    """Every text of a file that reads like SQL, docstrings left out."""
    tree = parsed(path)
    documentation = docstrings(tree)
    return [
        f"{path.name}:{node.lineno}: {node.value[:60]!r}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and id(node) not in documentation
        and _SQL.search(node.value)
    ]


@pytest.mark.parametrize("folder", [*PACKAGES, "tests", "demo"])
def test_imports_point_one_way(folder: str) -> None:
    assert files(folder)
    assert [wrong for path in files(folder) for wrong in wrong_imports(path)] == []


@pytest.mark.parametrize(("folder", "name"), PACKAGES.items())
def test_each_folder_has_one_name(folder: str, name: str) -> None:
    """Under two names a module would be loaded twice, and a class of the one would not be that of the other."""
    assert Path(str(import_module(name).__file__)).parent.resolve() == ROOT / folder


def test_dagster_project_holds_no_sql_and_makes_no_http_call() -> None:
    paths = files("dagster_project")
    assert [found for path in paths for found in sql_strings(path)] == []
    assert [
        f"{path.name}:{line}: {module}" for path in paths for line, module in imports(path)
        if module.split(".")[0] in _HTTP
        or module.split(".")[0] in ("duckdb", "sqlglot", "sqlalchemy")
    ] == [
        # Dagster's own tables, whose statements Dagster writes.
        f"event_storage.py:{line}: {module}" for line, module in imports(ROOT / "dagster_project/event_storage.py")
        if module.split(".")[0] == "sqlalchemy"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("file", "text"),
    [
        pytest.param("segflow/specs/x.py", "from segflow.stages.order import STAGES", id="specs use the stages"),
        pytest.param("segflow/errors.py", "import segflow.specs.load", id="errors use specs"),
        pytest.param("segflow/warehouse/x.py", "import segflow.specs.load", id="the warehouse uses specs"),
        pytest.param(
            "segflow/flows/x.py", "def f():\n    from segflow import stages", id="flows use the stages, inside"
        ),
        pytest.param("segflow/stages/x.py", "from segflow.cli import main", id="a stage uses the command line"),
        pytest.param("segflow/outbox/x.py", "import segflow.senders.smtp", id="the outbox uses a sender"),
        pytest.param("segflow/project.py", "import dagster", id="the engine uses dagster"),
        pytest.param(
            "segflow/cli/main.py", "from segflow.dagster import keys", id="the command line uses our Dagster side"
        ),
        pytest.param("senders/x.py", "from segflow.specs.settings import Settings", id="a sender uses specs"),
        pytest.param("senders/x.py", "import dagster", id="a sender uses dagster"),
        pytest.param("senders/x.py", "from senders.base import Sender", id="a sender by the name of its folder"),
        pytest.param("tests/x.py", "import dagster_project.build", id="a test uses the name of the folder"),
        pytest.param("segflow/flows/x.py", "from . import graph", id="a relative import"),
    ],
)
def test_a_turned_arrow_is_found(tmp_path: Path, file: str, text: str) -> None:
    path = tmp_path / file
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8")
    assert len(wrong_imports(path, tmp_path)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "x = 'select a from b'",
        "x = f'DELETE FROM {t}'",
        "x = 'insert  into t values (1)'",
        "f('''select\n*\nfrom t''')",
    ],
)
def test_sql_in_a_string_is_found(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.py"
    path.write_text(text, encoding="utf-8")
    assert len(sql_strings(path)) == 1
