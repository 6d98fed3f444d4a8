"""What the last parse of the dbt project learned, kept beside it: where models are, and what their code says.

A parse costs 4 to 5 seconds, which a question (`segflow preview`) should not take. The index is asked only while no
file of the project has changed since; the models that segflow generates do not count, because they move with every
edit of a spec and their relations are known anyway.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from segflow.errors import RunError
from segflow.files import write_whole

_WITH_RELATION = ("model", "seed", "snapshot")
_SKIPPED = {"target", "logs", ".user.yml"}
_GENERATED = Path("models") / "segflow"
_COMMENT = re.compile(r"\{#.*?#\}|^\s*--.*?$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class DbtIndex:
    """The user's models of a dbt project as of one state of its files."""

    files: str
    """A hash of the names, sizes and times of the project's files."""
    relations: dict[str, str | None]
    """Model, seed or snapshot -> its relation as dbt writes it; None: it is ephemeral and has none."""
    code: dict[str, str]
    """Model -> a hash of its code and of the code of what it is built on; blank lines and comments do not count."""


def index_of(manifest: Any, directory: Path) -> DbtIndex:
    """The index of a manifest that was just parsed."""
    nodes = {key: node for key, node in manifest.nodes.items() if node.resource_type in _WITH_RELATION}
    hashes: dict[str, str] = {}
    return DbtIndex(
        files=files_hash(directory),
        relations={
            node.name: None if node.config.materialized == "ephemeral" else node.relation_name
            for node in nodes.values()
        },
        code={nodes[key].name: _code_hash(key, nodes, hashes) for key in nodes},
    )


def read_index(directory: Path) -> DbtIndex | None:
    """The index that was kept, if it is about the files as they are now."""
    try:
        found = DbtIndex(**json.loads(_path(directory).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return found if found.files == files_hash(directory) else None


def keep_index(index: DbtIndex, directory: Path) -> None:
    """Keep it for later processes. Where it cannot be written they parse, as this one did."""
    with suppress(RunError):
        write_whole(_path(directory), json.dumps(asdict(index)).encode(), durable=False)


def files_hash(directory: Path) -> str:
    """A hash that changes when a file of the project, its profile or what the profile reads from outside does."""
    found = hashlib.sha256()
    for path in _files(directory):
        stat = path.stat()
        found.update(f"{path.relative_to(directory)}|{stat.st_size}|{stat.st_mtime_ns}\n".encode())
    for name, value in sorted(os.environ.items()):
        if name.startswith("DBT_"):
            found.update(f"{name}={value}\n".encode())
    return found.hexdigest()[:16]


def _path(directory: Path) -> Path:
    return directory / "target" / "segflow_models.json"


def _files(directory: Path) -> Iterator[Path]:
    for folder, below, names in os.walk(directory):
        here = Path(folder).relative_to(directory)
        if here == _GENERATED:
            below.clear()
            continue
        if here == Path("."):
            below[:] = [name for name in below if name not in _SKIPPED]
            names = [name for name in names if name not in _SKIPPED]
        below.sort()
        yield from (Path(folder) / name for name in sorted(names))


def code_hash(model: str, raw_code: str, parents: Sequence[str]) -> str:
    """A hash of a model's code and of the hashes of what it is built on; blank lines and comments do not count."""
    code = " ".join(_COMMENT.sub("", raw_code).split())
    return hashlib.sha256("\n".join([model, code, *parents]).encode()).hexdigest()[:16]


def _code_hash(key: str, nodes: Mapping[str, Any], known: dict[str, str]) -> str:
    if key not in known:
        node = nodes[key]
        parents = [_code_hash(parent, nodes, known) for parent in sorted(node.depends_on_nodes) if parent in nodes]
        # A seed's code is its data, and data is no definition.
        known[key] = code_hash(node.name, "" if node.resource_type == "seed" else node.raw_code, parents)
    return known[key]
