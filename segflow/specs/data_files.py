"""Which data files the sources of the dbt project name (`external_location`), read from its YAML: dbt itself would take
seconds, and say it once per model."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from glob import has_magic
from pathlib import Path
from typing import Any

from jinja2 import TemplateError
from jinja2.sandbox import SandboxedEnvironment

from segflow.specs.dbt_files import folders, project_file
from segflow.specs.spec_file import read_spec_file

PROJECT_DIR = "SEGFLOW_PROJECT_DIR"
"""The environment variable by which dbt knows the segflow project's folder; the engine sets it."""
_FILE = re.compile(r"[^'\"(),\s][^'\"(),]*\.(?:parquet|csv|tsv|json|jsonl|ndjson)(?:\.gz)?", re.IGNORECASE)
_KEY = "external_location"

Loc = tuple[str | int, ...]


@dataclass(frozen=True)
class MissingFile:
    """A file that a source reads and that is not there."""

    source: str
    """SOURCE.TABLE"""
    path: Path
    variables: tuple[str, ...]
    """The environment variables that its path is made of, segflow's own left out."""
    place: str
    """FILE:LINE:COLUMN below the dbt project."""


def missing_files(dbt_dir: Path, root: Path) -> list[MissingFile]:
    """The local files that sources name and that are not there. `root`: the segflow project's folder. What is no plain
    path (a URL, a pattern) is left to the engine, and a file that cannot be read to dbt."""
    return list(_missing(dbt_dir, root))


def _missing(dbt_dir: Path, root: Path) -> Iterator[MissingFile]:
    for folder in folders(project_file(dbt_dir) or {}, "model-paths", "models"):
        for path in sorted((dbt_dir / folder).rglob("*.y*ml")):
            try:
                if _KEY not in path.read_text(encoding="utf-8"):
                    continue
            except (OSError, UnicodeDecodeError):
                continue
            shown = path.relative_to(dbt_dir).as_posix()
            file = read_spec_file(path, shown)
            for source, table, loc, location in _locations(file.data):
                line, column = file.place(loc)
                asked: list[str] = []
                rendered = _rendered(location.replace("{name}", table), root, asked)
                for found in map(Path, filter(_is_plain, _FILE.findall(rendered or ""))):
                    if not found.exists():
                        variables = tuple(name for name in asked if name != PROJECT_DIR)
                        absolute = Path(os.path.abspath(found))
                        yield MissingFile(f"{source}.{table}", absolute, variables, f"{shown}:{line}:{column}")


def _is_plain(path: str) -> bool:
    return "://" not in path and not has_magic(path)


def _locations(data: Any) -> Iterator[tuple[str, str, Loc, str]]:
    """(source, table, where it is said, location) of what a file says about sources. What is of another shape is left
    out."""
    for number, source in _each(data, "sources"):
        for index, table in _each(source, "tables"):
            places = [(("sources", number, "tables", index), table), (("sources", number), source)]
            said = next((found for loc, one in places if (found := _said(one, loc)) is not None), None)
            if said is not None:
                yield str(source.get("name")), str(table.get("name")), *said


def _said(one: dict[str, Any], loc: Loc) -> tuple[Loc, str] | None:
    """What a source, or a table of one, says of its location, and where."""
    for path in (("config", "meta", _KEY), ("config", _KEY), ("meta", _KEY)):
        value: Any = one
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        if isinstance(value, str):
            return (*loc, *path), value
    return None


def _each(value: Any, key: str) -> list[tuple[int, dict[str, Any]]]:
    found = value.get(key) if isinstance(value, dict) else None
    return [(n, one) for n, one in enumerate(found) if isinstance(one, dict)] if isinstance(found, list) else []


def _rendered(text: str, root: Path, asked: list[str]) -> str | None:
    def env_var(name: str, default: str | None = None) -> str:
        asked.append(name)
        found: str | None = str(root) if name == PROJECT_DIR else {**os.environ}.get(name, default)
        if found is None:
            raise TemplateError(f"{name} is not set")  # dbt says so
        return found

    try:
        return SandboxedEnvironment().from_string(text).render(env_var=env_var)
    except TemplateError:
        return None
