"""`segflow init`: from somebody's data to a project whose first tick is green."""

from __future__ import annotations

import os
import shlex
import tempfile
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from segflow.errors import InputError, did_you_mean
from segflow.start.catalog import catalog
from segflow.start.dbt_models import DbtPlace, find_models, place_at
from segflow.start.first_specs import Template, first_specs, title_of
from segflow.start.names import identifier
from segflow.start.place import building, check_place
from segflow.start.plan import Choice, Proposal
from segflow.start.presets import TEMPLATES
from segflow.start.propose import propose
from segflow.start.render import filled
from segflow.start.samples import sample
from segflow.start.sources import Data, find_data
from segflow.start.staging import Staging, staging
from segflow.start.try_out import TryOut
from segflow.warehouse.engines import reader
from segflow.warehouse.reader import Reader
from segflow.zones import known_zone


@dataclass
class Wanted:
    """What somebody asked for. Without `data` a template brings some."""

    root: Path
    data: str | None
    template: str | None = None
    name: str | None = None
    time_zone: str = "UTC"
    contacts: str | None = None
    schemas: Sequence[str] = ()
    """Of a server, the schemas whose tables count; none: all."""
    dbt: DbtPlace | None = None
    """The dbt project that has the data, in place of `data`."""


@dataclass
class Started:
    """What was made: files below the project, why, what was left out, and what to try."""

    root: Path
    contacts: int
    files: list[str]
    choices: list[Choice]
    left_out: list[str]
    segments: dict[str, int]
    """Segment -> members at `as_of`."""
    as_of: datetime
    """When the examples were tried."""
    flows: list[str]
    commands: list[str]


def start(wanted: Wanted, agreed: Callable[[Proposal], bool] = lambda _: True) -> Started | None:
    """Make a project at `wanted.root`. `agreed` sees the proposal first; None when it says no, and nothing is written.

    Raises InputError for a place or data that cannot be used, RunError when files cannot be written.
    """
    root = wanted.root.expanduser().resolve()
    if not known_zone(wanted.time_zone):
        raise InputError(f"{wanted.time_zone} is no time zone; give one like Europe/Berlin")
    if wanted.template is not None and wanted.template not in TEMPLATES:
        known = ", ".join(TEMPLATES)
        raise InputError(f"there is no template {wanted.template}{did_you_mean(wanted.template, list(TEMPLATES))}; "
                         f"there are {known}")  # fmt: skip
    dbt = wanted.dbt or place_at(wanted.data)
    sampled = wanted.data is None and dbt is None and wanted.template is not None
    brought = sample(wanted.template, datetime.now(UTC)) if sampled and wanted.template is not None else {}
    check_place(root, ("data",) if brought else ())
    if dbt is not None and dbt.project in (root, *root.parents):
        raise InputError(
            f"{root} is in the dbt project, and init writes nothing there; name a folder beside {dbt.project}"
        )
    with closing(reader()) as reads, tempfile.TemporaryDirectory() as folder:
        if dbt is not None:
            data = find_models(reads, dbt, Path(folder))
        else:
            data = (
                _brought(reads, brought, Path(folder), root)
                if brought
                else find_data(reads, wanted.data or "", wanted.schemas)
            )
        proposal = propose(reads.warehouse, data, wanted.contacts)
        if not agreed(proposal):
            return None
        models = staging(reads, data, proposal, root)
        files = _frame(wanted, root, data, models, _said(dbt)) | {f"data/{name}": one for name, one in brought.items()}
        settings = _frame(wanted, root, data, models, _said(dbt, root))["segflow.yml"]
        files["segment_specs/catalog.yml"] = catalog(proposal)
        with building(root, files) as project:
            template = Template(wanted.template, bool(brought)) if wanted.template is not None else None
            tried = TryOut(reads.warehouse, models.models)
            specs = first_specs(project, proposal, tried, template, title_of(root))
            # Where it was made, a way from the project to theirs would lead elsewhere.
            (project / "segflow.yml").write_text(settings, encoding="utf-8")
    commands = [f"cd {shlex.quote(str(wanted.root))}"] if root != Path.cwd() else []
    commands += ["export PGPASSWORD=..."] if data.server is not None and data.server.asks else []
    commands += ["segflow tick", f"segflow preview {specs.shown}", f"segflow explain {specs.shown} {specs.contact}"]
    return Started(
        root=root,
        contacts=specs.contacts,
        files=sorted({*files, *specs.files}),
        choices=proposal.choices,
        left_out=[*proposal.left_out, *specs.left_out],
        segments=specs.members,
        as_of=tried.now,
        flows=specs.flows,
        commands=commands,
    )


def _brought(reads: Reader, files: dict[str, str], folder: Path, root: Path) -> Data:
    """The data that a template brings, read where it can be read before there is a project."""
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return replace(find_data(reads, str(folder)), moves_to=root / "data")


_PROFILE = "dbt/profiles.yml"
_FRAME = ("segflow.yml", "dbt/dbt_project.yml", _PROFILE, "dbt/macros/generate_schema_name.sql")


def _said(dbt: DbtPlace | None, root: Path | None = None) -> dict[str, str] | None:
    """What segflow.yml says of dbt; paths are relative to `root`, where it is near them."""
    if dbt is None:
        return None

    def told(path: Path) -> str:
        near = root is not None and root.parent in (path, *path.parents)
        return os.path.relpath(path, root) if near else str(path)

    said = {"project": told(dbt.project), "profile": dbt.profile, "target": dbt.target}
    said["profiles_dir"] = told(dbt.profiles_dir) if dbt.profiles_dir is not None else None
    return {key: value for key, value in said.items() if value is not None}


def _frame(wanted: Wanted, root: Path, data: Data, models: Staging, dbt: dict[str, str] | None) -> dict[str, str]:
    """The files that are alike in all projects."""
    name = identifier(wanted.name or root.name, "project")
    schemas = {source.place[0] for source in data.sources if source.place is not None}
    database = str(data.database) if data.database is not None and dbt is None else None
    if database is not None and data.database is not None and root in data.database.parents:
        database = str(data.database.relative_to(root))
    values: dict[str, Any] = {
        "name": name,
        "title": title_of(root) if wanted.name is None else name.replace("_", " ").title(),
        "time_zone": wanted.time_zone,
        "staging": "staging" if "staging" not in schemas and data.server is None else "segflow_staging",
        "server": data.server,
        "warehouse": database,
        "dbt": dbt,
        "warehouse_default": _from_dbt(database) if database else None,
    }
    found = {file: filled(file, **values) for file in (_FRAME if dbt is None else _FRAME[:1])}
    if data.server is not None:
        found[_PROFILE] = filled("dbt/profiles_server.yml", **values)
    return {**found, ".gitignore": filled("gitignore", **values), **models.files}


def _from_dbt(path: str) -> str:
    return path if Path(path).is_absolute() else f"../{path}"
