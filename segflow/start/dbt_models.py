"""Where the data is a dbt project: its models, seeds and snapshots, and their tables in its warehouse, as they are."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlglot

from segflow.errors import InputError, RunError
from segflow.specs.dbt_profile import WAREHOUSE, Profile, dbt_command, find_profile, profiles_dir, said_path
from segflow.specs.settings import DbtSettings, Settings
from segflow.specs.sql_file import Reference
from segflow.start.names import identifiers
from segflow.start.server import tables_of, take_in
from segflow.start.sources import TABLES_AT_MOST, Data, Source, TheirModel
from segflow.warehouse.dbt import DbtProject, DbtRun
from segflow.warehouse.engine import Engine
from segflow.warehouse.engines import WRITTEN_IN, wing
from segflow.warehouse.names import own_relation
from segflow.warehouse.reader import Reader
from segflow.warehouse.tables import SCHEMA

_MARTS, _STAGING, _OTHER, _SNAPSHOT, _SEED = range(5)
_PREFIX = re.compile(r"^(dim|fct|fact|mart|stg|staging|base|int|src|raw|snap)_(?=.)")
_MART = re.compile(r"^(dim|fct|fact|mart)_")
_STAGED = re.compile(r"^(stg|staging|base|int|src)_")
_NAMED_AT_MOST = 6


@dataclass(frozen=True)
class DbtPlace:
    """A dbt project, and what it is run with where that is said. `project` and `profiles_dir` are absolute."""

    project: Path
    profile: str | None = None
    target: str | None = None
    profiles_dir: Path | None = None

    def settings(self) -> Settings:
        """What segflow.yml has to say of it, with absolute paths."""
        said = {"profile": self.profile, "target": self.target}
        said["profiles_dir"] = str(self.profiles_dir) if self.profiles_dir is not None else None
        given = {key: value for key, value in said.items() if value is not None}
        return Settings(dbt=DbtSettings.model_validate({"project": str(self.project), **given}))


def place_at(given: str | None) -> DbtPlace | None:
    """The dbt project that a path of data is."""
    path = Path(given).expanduser().resolve() if given is not None and "://" not in given else None
    return DbtPlace(path) if path is not None and (path / "dbt_project.yml").is_file() else None


def find_models(reader: Reader, place: DbtPlace, keeps: Path) -> Data:
    """The tables of the models of a dbt project. `keeps`: a folder for what dbt writes when it reads a project; nothing
    is written into theirs. Raises InputError when there is no such project or profile, or nothing is built."""
    project, settings = place.project, place.settings()
    if not (project / "dbt_project.yml").is_file():
        raise InputError(f"{project} is no dbt project: it has no dbt_project.yml; give the folder that has it")
    profile = find_profile(Path.cwd(), settings, said_path(Path.cwd(), settings))
    if profile.place.session_problem is not None:
        raise InputError(f"{profile}: {profile.place.session_problem}")
    if profile.left_to_segflow:
        raise InputError(f"{profile} leaves its path to {WAREHOUSE}; name a target that says its file: --target NAME")
    build = dbt_command(Path.cwd(), settings, "build")
    if (missing := wing(profile.engine).missing()) is not None:
        raise InputError(missing)
    engine = wing(profile.engine).engine(profile.place, keeps, None)
    if profile.path is not None and not profile.path.is_file():
        raise InputError(
            f"nothing is built for {profile}: there is no {profile.path}. Build it, and say it again: {build}"
        )
    if profile.path is not None and not reader.is_database(profile.path):
        raise InputError(f"{profile.path}, which {profile} names, is no database that can be read")
    manifest = _manifest(place, settings, engine, keeps)
    nodes = _nodes(manifest)
    if not nodes:
        raise InputError(f"{project} has no models yet; write one with a row for each contact")
    return _data(reader, place, profile, engine, nodes, manifest.metadata.project_name, build)


def _manifest(place: DbtPlace, settings: Settings, engine: Engine, keeps: Path) -> Any:
    how = DbtRun(
        root=keeps,
        profiles_dir=profiles_dir(Path.cwd(), settings.dbt),
        target_path=keeps / "target",
        log_path=keeps / "logs",
        profile=place.profile,
        target=place.target,
    )
    dbt = DbtProject(place.project, engine, how)
    try:
        return dbt.manifest
    except RunError as error:
        raise InputError(f"{error}. `dbt parse` in {place.project} says the same; mend that first") from None


def _nodes(manifest: Any) -> dict[str, Any]:
    """Name -> model, seed or snapshot that has a table. Of those that are called alike the one that `ref` finds."""
    own = manifest.metadata.project_name
    kinds = ("model", "seed", "snapshot")
    nodes = [node for node in manifest.nodes.values() if str(getattr(node.resource_type, "value", "")) in kinds]
    nodes = [node for node in nodes if own_relation(node.name) is None and node.relation_name]
    nodes = [node for node in nodes if node.config.materialized != "ephemeral"]
    latest = [one for one in nodes if getattr(one, "version", None) in (None, getattr(one, "latest_version", None))]
    return {node.name: node for node in sorted(latest, key=lambda node: bool(node.package_name == own))}


def _data(
    reader: Reader,
    place: DbtPlace,
    profile: Profile,
    engine: Engine,
    nodes: Mapping[str, Any],
    project: str,
    build: str,
) -> Data:
    file = profile.path
    if file is not None:
        reader.attach(file, str(next(iter(nodes.values())).database))
    listed = reader.tables() if file is not None else tables_of(engine)
    there = {(schema.lower(), name.lower()): (schema, name) for schema, name in listed}
    if any(schema == SCHEMA for schema, _ in there):
        raise InputError(
            f"{engine.where} has a schema {SCHEMA} already: another project works in it, or did. Take that project, or "
            f"name another target of profile {profile.name}"
        )
    read = {parent for node in nodes.values() if _kind(node) == "model" for parent in node.depends_on_nodes}
    ranked = sorted(nodes.values(), key=lambda node: (_layer(node, read), node.name))
    names = identifiers([_PREFIX.sub("", node.name) for node in ranked], "table")
    sources: list[Source] = []
    left_out: list[str] = []
    missing: list[str] = []
    places = [_place(node, there) for node in ranked]
    unread: dict[tuple[str, str], str] = {}
    if file is None:
        unread = take_in(reader, engine, [one for one in places if one is not None][:TABLES_AT_MOST], left_out)
    for node, name, found in zip(ranked, names, places, strict=True):
        if found in unread:
            left_out.append(f"{node.name}: {unread[found]}")
        elif found is None:
            missing.append(node.name)
        elif len(sources) < TABLES_AT_MOST:
            model = TheirModel(node.name, _ref(node, project), _layer(node, read), _built_on(node, nodes))
            rows = reader.their_rows(*found)
            try:
                sources.append(Source(name, node.name, rows, reader.schema(rows), place=found, model=model))
            except InputError as error:
                left_out.append(f"{node.name}: {error}")
    if not sources:
        told = "".join(f"\n  {one}" for one in left_out)
        raise InputError(f"no model of {place.project} is built in {engine.where}. Build them, and say it again: "
                         f"{build}{told}")  # fmt: skip
    more = len(ranked) - len(missing) - len(left_out) - len(sources)
    if more > 0:
        left_out.append(f"{more} more models: only the first {TABLES_AT_MOST} were looked at, marts before others")
    if missing:
        named = ", ".join(missing[:_NAMED_AT_MOST]) + (", ..." if len(missing) > _NAMED_AT_MOST else "")
        select = " ".join(missing) if len(missing) <= _NAMED_AT_MOST else ""
        left_out.append(f"not built yet: {named}; {build}{f' --select {select}' if select else ''} builds them")
    return Data(file or place.project, sources, left_out, database=file, in_dbt=True)


def _place(node: Any, there: Mapping[tuple[str, str], tuple[str, str]]) -> tuple[str, str] | None:
    """(schema, name) of a node's table, if it is built."""
    relation = sqlglot.to_table(node.relation_name, dialect=WRITTEN_IN)
    return there.get((relation.db.lower(), relation.name.lower()))


def _kind(node: Any) -> str:
    return str(getattr(node.resource_type, "value", node.resource_type))


def _layer(node: Any, read: set[str]) -> int:
    if _kind(node) != "model":
        return _SEED if _kind(node) == "seed" else _SNAPSHOT
    folders = {part.lower() for part in Path(node.original_file_path).parts[:-1]}
    if _MART.match(node.name) or folders & {"marts", "mart"}:
        return _MARTS
    if _STAGED.match(node.name) or folders & {"staging", "base", "intermediate"}:
        return _STAGING
    # What no other model is made of is what people ask, whatever it is called.
    return _OTHER if node.unique_id in read else _MARTS


def _ref(node: Any, project: str) -> str:
    """In segments, some short names are segflow's."""
    short = Reference(None, node.name, 0, 0) if node.package_name == project else None
    plain = short is None or short.meant == node.name
    return f"'{node.name}'" if plain else f"'{node.package_name}', '{node.name}'"


def _built_on(node: Any, nodes: Mapping[str, Any]) -> frozenset[str]:
    by_id = {one.unique_id: one for one in nodes.values()}
    return frozenset(by_id[key].name for key in _above(node, by_id))


def _above(node: Any, by_id: Mapping[str, Any]) -> Iterator[str]:
    ahead, seen = list(getattr(node, "depends_on_nodes", [])), set()
    while ahead:
        key = ahead.pop()
        if key in seen or key not in by_id:
            continue
        seen.add(key)
        yield key
        ahead += getattr(by_id[key], "depends_on_nodes", [])
