"""Small data of people who come to segflow, each awkward in its own way, and ticks over the projects made of them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from segflow.stages.tick_report import TickReport
from segflow.start.start import Started, Wanted, start
from tests.direct_dbt import DirectProject

NOW = datetime.now(UTC).replace(tzinfo=None, microsecond=0)


def ago(days: float, form: str = "%Y-%m-%d %H:%M:%S") -> str:
    """A time so many days before today, as text."""
    return (NOW - timedelta(days=days)).strftime(form)


def table(head: str, *rows: str) -> str:
    return "\n".join([head, *rows]) + "\n"


def rows(head: str, form: str, times: int, **more: Any) -> str:
    """A CSV file with a row per number from 1; `form` is a format of `n` and of what `more` says for it."""
    made = [form.format(n=n, **{name: value(n) for name, value in more.items()}) for n in range(1, times + 1)]
    return table(head, *made)


def put(folder: Path, files: dict[str, str | bytes]) -> Path:
    """Write files below a folder."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def made(tmp_path: Path, files: dict[str, str | bytes], **wanted: Any) -> Started:
    """A project `shop` made of files in `data` beside it."""
    data = put(tmp_path / "data", files)
    found = start(Wanted(tmp_path / "shop", str(data), **wanted))
    assert found is not None
    return found


def catalog(started: Started) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((started.root / "segment_specs/catalog.yml").read_text())
    return found


def ticks(started: Started, times: int = 2) -> list[TickReport]:
    """Ticks of a project, its models run without dbt: what dbt makes of `source()` stands in the models."""
    root = started.root
    staging = root / "dbt/models/staging"
    sources = yaml.safe_load((staging / "sources.yml").read_text())["sources"]
    for path in staging.glob("*.sql"):
        text = path.read_text()
        for source in sources:
            for one in source["tables"]:
                call = f"{{{{ source('{source['name']}', '{one['name']}') }}}}"
                text = text.replace(call, _relation(source, one, root))
        path.write_text(text)
    project = DirectProject(root)
    return [project.tick(NOW.replace(tzinfo=UTC) + timedelta(minutes=number), send=True) for number in range(times)]


def _relation(source: dict[str, Any], one: dict[str, Any], root: Path) -> str:
    if "config" not in one:
        return f'"{source["schema"]}"."{one["name"]}"'
    location = one["config"]["meta"]["external_location"]
    return re.sub(r"\{\{ env_var\('SEGFLOW_PROJECT_DIR', '\.\.'\) \}\}", str(root), location)
