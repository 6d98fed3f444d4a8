"""What an earlier build generated, and what of the user's still asks for it by the names of then."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator
from pathlib import Path

from segflow.errors import Issue
from segflow.specs.dbt_files import folders, is_generated, project_file
from segflow.warehouse.names import OWN, own_model

SCHEMA_MACRO = "generate_schema_name.sql"
"""An earlier build wrote it, and it decides where the user's own models are. So it is left to them."""
THEIRS_NOW = """{#- Written by an earlier `segflow compile`, and yours now: segflow neither needs nor changes it.

    A schema that a model asks for is used as it is. Without this macro dbt would put the target's schema in front of it
    (main_staging for staging), and your models would move. -#}
{%- macro generate_schema_name(custom_schema_name, node) -%}
    {{ target.schema if custom_schema_name is none else custom_schema_name | trim }}
{%- endmacro %}
"""
_MACROS = ("as_of", "bound", "tick_id")
_REF = re.compile(r"\bref\(\s*['\"](\w+)['\"]\s*\)")
_CALL = re.compile(rf"\{{[{{%][^}}]*?\b({'|'.join(_MACROS)})\(")
_KINDS = (
    ("model-paths", "models"),
    ("test-paths", "tests"),
    ("analysis-paths", "analyses"),
    ("snapshot-paths", "snapshots"),
    ("macro-paths", "macros"),
)


def asked_for(dbt_dir: Path, root: Path, removed: Collection[Path], macros: bool) -> list[Issue]:
    """The places in files of the user's that name one of the generated models of `removed`, or, with `macros`, a macro
    that has another name now: with them dbt could not read its project any more."""
    models = {path.stem for path in removed if path.suffix == ".sql" and not path.stem.startswith(OWN)}
    if not models and not macros:
        return []
    found = []
    for path in _written_by_people(dbt_dir):
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").split("\n"), 1):
            for match in _REF.finditer(line):
                if (name := match.group(1)) in models:
                    message = f"segflow's model {name} is called {own_model(name)} now: write ref('{own_model(name)}')"
                    found.append(Issue(os.path.relpath(path, root), number, match.start() + 1, message))
            for match in _CALL.finditer(line) if macros else ():
                message = f"segflow's macro {match.group(1)} is called segflow_{match.group(1)} now: write that"
                found.append(Issue(os.path.relpath(path, root), number, match.start(1) + 1, message))
    return found


def _written_by_people(dbt_dir: Path) -> Iterator[Path]:
    settings = project_file(dbt_dir) or {}
    for key, default in _KINDS:
        for folder in folders(settings, key, default):
            for path in sorted((dbt_dir / folder).rglob("*")):
                if path.suffix in (".sql", ".yml", ".yaml", ".py") and path.is_file() and not is_generated(path):
                    yield path
