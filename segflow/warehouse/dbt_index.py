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
from segflow.warehouse.names import OWN

_WITH_RELATION = ("model", "seed", "snapshot")
_SKIPPED = {"target", "logs"}
_PROPERTIES = "_segflow.yml"
_VARIABLE = re.compile(r"""env_var\(\s*['"]([^'"]+)""")
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
    shared: str = ""
    """A hash of what their code may call or read without naming it: the macros that are not segflow's, the project's
    settings, and the environment as far as it was asked."""


@dataclass(frozen=True)
class ProjectFiles:
    """What a parse reads."""

    directory: Path
    """The dbt project's."""
    profiles: Path
    """profiles.yml."""
    chosen: Sequence[str | None] = ()
    """The profile and the target, where they are named."""

    def hash(self) -> str:
        """A hash that changes when a file of the project, its profile or what the profile reads from outside does."""
        found = hashlib.sha256(repr([str(self.profiles), *self.chosen]).encode())
        for path in (*_files(self.directory), self.profiles):
            with suppress(FileNotFoundError):
                stat = path.stat()
                found.update(f"{os.path.relpath(path, self.directory)}|{stat.st_size}|{stat.st_mtime_ns}\n".encode())
        asked = set(_VARIABLE.findall(_text(self.profiles) + _text(self.directory / "dbt_project.yml")))
        for name, value in sorted(os.environ.items()):
            if name.startswith("DBT_") or name in asked:
                found.update(f"{name}={value}\n".encode())
        return found.hexdigest()[:16]


def index_of(manifest: Any, files: ProjectFiles) -> DbtIndex:
    """The index of a manifest that was just parsed. Of models that are called alike the one counts that `ref` finds:
    the latest version, and the project's own before those of packages."""
    nodes = {key: node for key, node in manifest.nodes.items() if node.resource_type in _WITH_RELATION}
    own = manifest.metadata.project_name
    order = sorted(nodes, key=lambda key: (nodes[key].package_name == own, _is_latest(nodes[key])))
    hashes: dict[str, str] = {}
    return DbtIndex(
        files=files.hash(),
        relations={
            nodes[key].name: None if nodes[key].config.materialized == "ephemeral" else nodes[key].relation_name
            for key in order
        },
        code={nodes[key].name: _code_hash(key, nodes, hashes) for key in order},
        shared=_shared_hash(manifest, files),
    )


def _shared_hash(manifest: Any, files: ProjectFiles) -> str:
    macros = sorted((key, one.macro_sql) for key, one in manifest.macros.items() if not one.name.startswith("segflow_"))
    settings = _text(files.directory / "dbt_project.yml")
    found = [macros, settings, sorted((manifest.env_vars or {}).items()), [str(one) for one in files.chosen]]
    return hashlib.sha256(json.dumps(found).encode()).hexdigest()[:16]


def _is_latest(node: Any) -> bool:
    version = getattr(node, "version", None)
    return version is None or version == getattr(node, "latest_version", None)


def read_index(target_path: Path, files: ProjectFiles) -> DbtIndex | None:
    """The index that was kept, if it is about the files as they are now."""
    try:
        found = DbtIndex(**json.loads(_path(target_path).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return found if found.files == files.hash() else None


def keep_index(index: DbtIndex, target_path: Path) -> None:
    """Keep it for later processes. Where it cannot be written they parse, as this one did."""
    with suppress(RunError):
        write_whole(_path(target_path), json.dumps(asdict(index)).encode(), durable=False)


def _path(target_path: Path) -> Path:
    return target_path / "segflow_models.json"


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _files(directory: Path) -> Iterator[Path]:
    for folder, below, names in os.walk(directory):
        top = Path(folder) == directory
        below[:] = sorted(name for name in below if not name.startswith(".") and not (top and name in _SKIPPED))
        yield from (Path(folder) / name for name in sorted(names) if not name.startswith((".", OWN, _PROPERTIES)))


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
