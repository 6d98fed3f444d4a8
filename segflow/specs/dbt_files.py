"""What a dbt project has, read from its folders: dbt itself needs seconds to say it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

GENERATED_FOLDER = "segflow"
"""Below a folder of models or macros: what `segflow compile` writes. The user may have files there as well."""
CONTACTS = "contacts"

_VERSION = re.compile(r"_v\d+$")
_MARK = re.compile(rb"(?:Generated|Copied to \S+) by `segflow compile`; do not edit")
_MARKED_WITHIN = 400
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def project_file(dbt_dir: Path) -> Mapping[str, Any] | None:
    """What dbt_project.yml says; None when it is not there, or cannot be read."""
    try:
        found = yaml.load((dbt_dir / "dbt_project.yml").read_text(encoding="utf-8"), _LOADER) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return None
    return found if isinstance(found, Mapping) else None


def folders(settings: Mapping[str, Any], key: str, default: str) -> list[str]:
    """The folders that dbt_project.yml names under `key`, or dbt's default."""
    found = settings.get(key)
    return [str(folder) for folder in found] if isinstance(found, list) and found else [default]


def generated_folder(dbt_dir: Path, kind: str) -> Path:
    """Where `segflow compile` writes: below the first folder of `kind`, which is models or macros."""
    return dbt_dir / folders(project_file(dbt_dir) or {}, f"{kind[:-1]}-paths", kind)[0] / GENERATED_FOLDER


def is_generated(path: Path) -> bool:
    """Does a file say that `segflow compile` has written it? Only such a one is written again, or removed."""
    try:
        with path.open("rb") as file:
            return bool(_MARK.search(file.read(_MARKED_WITHIN)))
    except OSError:
        return False


def model_names(dbt_dir: Path) -> dict[str, str] | None:
    """The models, seeds and snapshots that people wrote, packages included: name -> the dbt project that it is of.

    None when there is no readable dbt_project.yml, so that nothing can be said.
    """
    own = project_file(dbt_dir)
    if own is None:
        return None
    names: dict[str, str] = {}
    packages = dbt_dir / str(own.get("packages-install-path") or "dbt_packages")
    for project in (*sorted(packages.glob("*")), dbt_dir):
        settings = own if project == dbt_dir else project_file(project)
        if settings is None:
            continue
        for key, default, suffixes in (
            ("model-paths", "models", (".sql", ".py")),
            ("seed-paths", "seeds", (".csv",)),
            ("snapshot-paths", "snapshots", (".sql", ".yml")),
        ):
            for folder in folders(settings, key, default):
                names |= dict.fromkeys(_stems(project / folder, suffixes), str(settings.get("name")))
    return names


def _stems(folder: Path, suffixes: tuple[str, ...]) -> Iterator[str]:
    for path in folder.rglob("*"):
        if path.suffix not in suffixes:
            continue
        if GENERATED_FOLDER in path.relative_to(folder).parts[:1] and is_generated(path):
            continue
        yield path.stem
        yield _VERSION.sub("", path.stem)
