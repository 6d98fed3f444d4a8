"""Generated files on disk: written when they differ, compared for `compile --check`, removed when obsolete."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import yaml

from segflow.crashpoints import crash_point
from segflow.files import cannot_write, replacing
from segflow.segments.compiler import GENERATED, Compiled
from segflow.segments.emit import value_macros
from segflow.segments.membership_models import CONTACTS, MEMBERSHIPS, segment_model
from segflow.warehouse.tables import SCHEMA, TABLES

# The C one is ten times faster; both write the same.
_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_HEADER = f"# {GENERATED}\n"


def generated_files(compiled: Compiled) -> dict[Path, str]:
    """Every file that the compiler owns, by path below the project's root."""
    models = Path("dbt/models/segflow")
    files = {models / name: text for name, text in compiled.files.items()}
    files[models / "_segflow.yml"] = _HEADER + yaml.dump(
        _properties(compiled), Dumper=_DUMPER, sort_keys=False, width=110
    )
    macros = Path("dbt/macros/segflow")
    for source in resources.files("segflow.warehouse").joinpath("dbt_project/macros").iterdir():
        files[macros / source.name] = source.read_text(encoding="utf-8")
    files[macros / "segflow_values.sql"] = value_macros(compiled.words)
    return files


def write(compiled: Compiled, root: Path) -> list[Path]:
    """Bring the generated files up to date; returns those that changed. Files that are right are not touched, so
    that dbt's partial parser has nothing to do for them. Raises RunError when a file cannot be written."""
    changed: list[Path] = []
    wanted = generated_files(compiled)
    for relative, text in wanted.items():
        path = root / relative
        if not _same(path, text):
            # Not durable: a compile that finds another text writes it again.
            with replacing(path, durable=False) as partial:
                partial.write_text(text, encoding="utf-8")
                crash_point("models.temporary")
            crash_point("models.written")
            changed.append(relative)
    for relative in _obsolete(wanted, root):
        try:
            (root / relative).unlink()
        except OSError as error:
            raise cannot_write(root / relative, error) from error
        crash_point("models.removed")
        changed.append(relative)
    return sorted(changed)


def differences(compiled: Compiled, root: Path) -> list[str]:
    """What `write` would do, in words; empty when the generated files match the specs."""
    wanted = generated_files(compiled)
    found = []
    for relative, text in sorted(wanted.items()):
        path = root / relative
        if not path.exists():
            found.append(f"{relative} is missing")
        elif not _same(path, text):
            found.append(f"{relative} differs from the specs")
    found += [f"{relative} belongs to no spec" for relative in _obsolete(wanted, root)]
    return found


def _same(path: Path, text: str) -> bool:
    try:
        return path.read_bytes() == text.encode()
    except FileNotFoundError:
        return False


def _obsolete(wanted: dict[Path, str], root: Path) -> list[Path]:
    folder = root / "dbt/models/segflow"
    return sorted(
        path.relative_to(root)
        for path in folder.rglob("*")
        if path.is_file() and path.suffix in (".sql", ".yml") and path.relative_to(root) not in wanted
    )


def _plain(words: str) -> str:
    return words.replace("{", "(").replace("}", ")")


def _properties(compiled: Compiled) -> dict[str, object]:
    """dbt properties: descriptions, and under `meta.segflow` what a model stands for (Dagster reads it)."""

    def model(name: str, description: str, **meta: object) -> dict[str, object]:
        return {"name": name, "description": description, "config": {"meta": {"segflow": meta}}}

    models = [model(CONTACTS, "The contacts that exist at as_of, with the catalog's attributes.", kind="contacts")]
    models += [model(name, "Facts: one row per contact that has any.", kind="facts") for name in compiled.fact_models()]
    models.append(model(MEMBERSHIPS, "All YAML segments: a row per segment and member.", kind="memberships"))
    for segment in compiled.segments.values():
        spec = compiled.specs.segments[segment.id].spec
        meta = {"kind": "segment", "segment": segment.id} | ({"owner": _plain(spec.owner)} if spec.owner else {})
        models.append(model(segment_model(segment.id), spec.description or f"Segment {segment.id}.", **meta))
    for entry in models:
        # dbt renders what properties say; words of a user must stay words.
        entry["description"] = _plain(str(entry["description"]))
    tables = [{"name": name} for name, table in TABLES.items() if table.ledger]
    return {
        "version": 2,
        "sources": [{"name": "segflow", "schema": SCHEMA, "tables": tables}],
        "models": models,
    }
