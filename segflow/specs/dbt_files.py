"""Which models the dbt project has, read from its folders: dbt itself needs seconds to say it."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

GENERATED_FOLDER = "segflow"
"""Below a models folder: what `segflow compile` writes."""
CONTACTS = "contacts"

_VERSION = re.compile(r"_v\d+$")


def model_names(dbt_dir: Path) -> set[str] | None:
    """The names of the models, seeds and snapshots that people wrote, packages included.

    None when there is no readable dbt_project.yml, so that nothing can be said.
    """
    names: set[str] = set()
    for project in (dbt_dir, *sorted((dbt_dir / "dbt_packages").glob("*"))):
        try:
            settings = yaml.safe_load((project / "dbt_project.yml").read_text(encoding="utf-8")) or {}
        except (OSError, UnicodeDecodeError, yaml.YAMLError):
            if project == dbt_dir:
                return None
            continue
        if not isinstance(settings, dict):
            return None
        for key, default, suffixes in (
            ("model-paths", "models", (".sql", ".py")),
            ("seed-paths", "seeds", (".csv",)),
            ("snapshot-paths", "snapshots", (".sql", ".yml")),
        ):
            for folder in settings.get(key) or [default]:
                names |= _stems(project / str(folder), suffixes)
    return names


def _stems(folder: Path, suffixes: tuple[str, ...]) -> set[str]:
    found = set()
    for path in folder.rglob("*"):
        if path.suffix in suffixes and GENERATED_FOLDER not in path.relative_to(folder).parts[:1]:
            found |= {path.stem, _VERSION.sub("", path.stem)}
    return found
