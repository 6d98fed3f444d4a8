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

import yaml
from jinja2 import TemplateError
from jinja2.sandbox import SandboxedEnvironment

_FILE = re.compile(r"[^'\"(),\s][^'\"(),]*\.(?:parquet|csv|tsv|json|jsonl|ndjson)(?:\.gz)?", re.IGNORECASE)
_KEY = "external_location"
_OURS = "SEGFLOW_PROJECT_DIR"


@dataclass(frozen=True)
class MissingFile:
    """A file that a source reads and that is not there. `place`: FILE:LINE:COLUMN below the dbt project."""

    source: str
    path: Path
    variables: tuple[str, ...]
    """The environment variables that its path is made of."""
    place: str


def missing_files(dbt_dir: Path) -> list[MissingFile]:
    """The local files that sources name and that are not there. What is no plain path (a URL, a pattern) is left to
    the engine."""
    return list(_missing(dbt_dir))


def _missing(dbt_dir: Path) -> Iterator[MissingFile]:
    for file in sorted((dbt_dir / "models").rglob("*.y*ml")):
        try:
            text = file.read_text(encoding="utf-8")
            told = yaml.safe_load(text) if _KEY in text else None
        except (OSError, UnicodeDecodeError, yaml.YAMLError):
            continue  # dbt says so
        line = next((n for n, row in enumerate(text.splitlines(), 1) if _KEY in row and "#" not in row), 1)
        for source, table, location in _locations(told):
            asked: list[str] = []
            rendered = _rendered(location.replace("{name}", table), dbt_dir, asked)
            for found in _FILE.findall(rendered or ""):
                path = Path(found)
                path = path if path.is_absolute() else Path(os.path.normpath(Path.cwd() / path))
                if "://" in found or has_magic(found) or path.exists():
                    continue
                place = f"{file.relative_to(dbt_dir)}:{line}:1"
                yield MissingFile(f"{source}.{table}", path, tuple(n for n in asked if n != _OURS), place)


def _locations(told: Any) -> Iterator[tuple[str, str, str]]:
    """(source, table, location) of what a file says about sources; anything that is not of their shape is left out."""
    for source in _list(told, "sources"):
        for table in _list(source, "tables"):
            for one in (table, source):
                for kept in (one.get("meta"), (one.get("config") or {}).get("meta"), one.get("config")):
                    if isinstance(kept, dict) and isinstance(kept.get(_KEY), str):
                        yield str(source.get("name")), str(table.get("name")), kept[_KEY]
                        break
                else:
                    continue
                break


def _list(value: Any, key: str) -> list[dict[str, Any]]:
    found = value.get(key) if isinstance(value, dict) else None
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _rendered(text: str, dbt_dir: Path, asked: list[str]) -> str | None:
    def env_var(name: str, default: str = "") -> str:
        asked.append(name)
        # Said by the engine when it starts dbt.
        return str(dbt_dir.resolve().parent) if name == _OURS else os.environ.get(name, default)

    try:
        return SandboxedEnvironment().from_string(text).render(env_var=env_var)
    except TemplateError:
        return None
