"""Generated files on disk: written when they differ, compared for `compile --check`, removed when obsolete."""

from __future__ import annotations

import os
from importlib import resources
from pathlib import Path

import yaml

from segflow.crashpoints import crash_point
from segflow.errors import InputError, SpecError
from segflow.files import cannot_write, replacing
from segflow.segments.compiler import GENERATED, MASKS_WORDS, MEMBERSHIPS_WORDS, Compiled
from segflow.segments.earlier_files import SCHEMA_MACRO, THEIRS_NOW, asked_for
from segflow.segments.emit import not_jinja, value_macros
from segflow.segments.exposures import exposures
from segflow.segments.membership_masks import MASKS
from segflow.segments.membership_models import CONTACTS, MEMBERS, MEMBERSHIPS, segment_model
from segflow.specs.dbt_files import generated_folder, is_generated
from segflow.specs.project import Specs
from segflow.warehouse.names import own_model
from segflow.warehouse.tables import SCHEMA, TABLES

# The C one is ten times faster; both write the same.
_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_HEADER = f"# {GENERATED}\n"
_OLD_MACRO = b"macro bound("


def generated_files(compiled: Compiled) -> dict[Path, str]:
    """Every file that the compiler owns, by path from the project's root."""
    models, macros = _folders(compiled.specs)
    files = {models / name: text for name, text in compiled.files.items()}
    files[models / "_segflow.yml"] = _HEADER + yaml.dump(
        _properties(compiled), Dumper=_DUMPER, sort_keys=False, width=110
    )
    for folder in ("macros", compiled.specs.engine):
        for source in resources.files("segflow.warehouse").joinpath(f"dbt_project/{folder}").iterdir():
            files[macros / source.name] = source.read_text(encoding="utf-8")
    files[macros / "segflow_values.sql"] = value_macros(compiled.words)
    if is_generated(compiled.specs.root / macros / SCHEMA_MACRO):
        files[macros / SCHEMA_MACRO] = THEIRS_NOW
    return files


def write(compiled: Compiled, root: Path) -> list[Path]:
    """Bring the generated files up to date; returns those that changed. Files that are right are not touched, so
    that dbt's partial parser has nothing to do for them.

    Raises SpecError when files of the user's name what is there no more, InputError when one of theirs is in the way,
    RunError when a file cannot be written; nothing has changed then.
    """
    changed: list[Path] = []
    wanted = generated_files(compiled)
    other = [path for path, text in wanted.items() if not _same(root / path, text)]
    obsolete = _obsolete(wanted, compiled.specs)
    if obsolete or other:
        _check(compiled.specs, other, obsolete)
    for relative in other:
        # Not durable: a compile that finds another text writes it again.
        with replacing(root / relative, durable=False) as partial:
            partial.write_text(wanted[relative], encoding="utf-8")
            crash_point("models.temporary")
        crash_point("models.written")
        changed.append(relative)
    for relative in obsolete:
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
    found += [f"{relative} belongs to no spec" for relative in _obsolete(wanted, compiled.specs)]
    return found


def _folders(specs: Specs) -> tuple[Path, Path]:
    """Where generated models and macros are, from the project's root."""
    models, macros = (generated_folder(specs.dbt_dir, kind) for kind in ("models", "macros"))
    return Path(os.path.relpath(models, specs.root)), Path(os.path.relpath(macros, specs.root))


def _check(specs: Specs, other: list[Path], obsolete: list[Path]) -> None:
    for path in (specs.root / relative for relative in other):
        if path.exists() and not is_generated(path):
            raise InputError(
                f"{path} is in the way of a generated file, and segflow has not written it: move it to another place"
            )
    changed = [specs.root / relative for relative in other]
    macros = any(path.name == "segflow.sql" and path.exists() and _OLD_MACRO in path.read_bytes() for path in changed)
    if issues := asked_for(specs.dbt_dir, specs.root, obsolete, macros):
        raise SpecError(issues)


def _same(path: Path, text: str) -> bool:
    try:
        return path.read_bytes() == text.encode()
    except FileNotFoundError:
        return False


def _obsolete(wanted: dict[Path, str], specs: Specs) -> list[Path]:
    """What an earlier compile has left. Files of the user's that lie in the same folder stay."""
    return sorted(
        relative
        for folder in _folders(specs)
        for path in (specs.root / folder).rglob("*")
        if path.suffix in (".sql", ".yml") and path.is_file()
        if (relative := folder / path.relative_to(specs.root / folder)) not in wanted and is_generated(path)
    )


def _properties(compiled: Compiled) -> dict[str, object]:
    """dbt properties: descriptions, under `meta.segflow` what a model stands for (Dagster reads it), and exposures."""

    def model(name: str, description: str, **meta: object) -> dict[str, object]:
        # dbt renders what properties say; words of a user must stay words.
        words = not_jinja(description)
        return {"name": own_model(name), "description": words, "config": {"meta": {"segflow": meta}}}

    models = [model(CONTACTS, "The contacts that exist at as_of, with the catalog's attributes.", kind="contacts")]
    models += [model(name, "Facts: one row per contact that has any.", kind="facts") for name in compiled.fact_models()]
    models.append(model(MASKS, MASKS_WORDS, kind="memberships"))
    models.append(model(MEMBERSHIPS, MEMBERSHIPS_WORDS, kind="view"))
    for segment in compiled.segments.values():
        spec = compiled.specs.segments[segment.id].spec
        meta = {"kind": "segment", "segment": segment.id} | ({"owner": not_jinja(spec.owner)} if spec.owner else {})
        models.append(model(segment_model(segment.id), spec.description or f"Segment {segment.id}.", **meta))
    # Whoever refers to a resting segment reads its members.
    members = {MEMBERS} if any(one.spec.every is not None for one in compiled.specs.segments.values()) else set()
    tables = [{"name": name} for name, table in TABLES.items() if table.ledger or name in members]
    return {
        "version": 2,
        "sources": [{"name": "segflow", "schema": SCHEMA, "tables": tables}],
        "models": models,
        "exposures": exposures(compiled),
    }
