"""The dbt project as Dagster needs it: nodes with keys, groups and parents, and the tests of the user's models.

dagster-dbt's translator makes it from dbt's manifest, so that `meta.dagster` in the user's models counts. Importing
dagster-dbt and parsing takes seconds, so the result is kept below `.segflow/` and made anew only when a file of the
dbt project has changed. Each step of a multiprocess run loads the definitions once more and finds it there.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from dagster import AssetCheckKey, AssetKey, AssetSpec

from segflow.dagster.keys import INTERNALS, model_key, segment_key
from segflow.files import write_whole
from segflow.project import Project
from segflow.warehouse.names import own_relation
from segflow.warehouse.tables import SCHEMA

_FORMAT = 3
_FILES = (".sql", ".yml", ".yaml", ".csv", ".py", ".md")
_GENERATED = {
    "contacts": "contacts",
    "facts": INTERNALS,
    "memberships": INTERNALS,
    "view": INTERNALS,
    "segment": "segments",
}


@dataclass(frozen=True)
class DbtNode:
    """A source, model, seed or snapshot. `parents` are unique ids; ephemeral models are left out between them."""

    unique_id: str
    name: str
    resource_type: str
    kind: str | None
    """What a generated model stands for (`meta.segflow.kind`): contacts, facts, memberships, segment, view."""
    segment: str | None
    key: list[str]
    group: str
    description: str
    parents: list[str]
    owners: list[str] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)
    kinds: list[str] = field(default_factory=list)
    file: str | None = None
    """Where it is defined, below the dbt project; None for what a package brings."""
    columns: list[tuple[str, str, str]] = field(default_factory=list)
    """(name, type, description) as the project describes them; what is not said is empty."""

    @property
    def asset_key(self) -> AssetKey:
        return AssetKey(self.key)


@dataclass(frozen=True)
class DbtTest:
    """A dbt test that belongs to one asset; others that it reads are in `reads`."""

    unique_id: str
    name: str
    key: list[str]
    reads: list[list[str]]
    severity: str
    description: str | None

    @property
    def check_key(self) -> AssetCheckKey:
        return AssetCheckKey(AssetKey(self.key), self.name)


@dataclass(frozen=True)
class DbtGraph:
    """All nodes of a dbt project by unique id, and its tests."""

    nodes: Mapping[str, DbtNode]
    tests: list[DbtTest]

    def generated(self, kind: str) -> list[DbtNode]:
        """The generated models of one kind, by name."""
        return sorted((node for node in self.nodes.values() if node.kind == kind), key=lambda node: node.name)

    def parents(self, node: DbtNode, *, through_segments: bool) -> list[DbtNode]:
        """The nodes that a node reads.

        `through_segments` puts the parents of a segment's model in its place: the build stage runs that model, but its
        asset belongs to the cross stage, and an edge back to an earlier stage would be a cycle of steps.
        """
        found: dict[str, DbtNode] = {}
        for parent in (self.nodes[name] for name in node.parents if name in self.nodes):
            if through_segments and parent.kind == "segment":
                found |= {one.unique_id: one for one in self.parents(parent, through_segments=True)}
            else:
                found[parent.unique_id] = parent
        return sorted(found.values(), key=lambda one: one.key)

    def upstream(self, nodes: list[DbtNode]) -> set[str]:
        """The unique ids of `nodes` and of everything that they need."""
        found: set[str] = set()
        waiting = [node.unique_id for node in nodes]
        while waiting:
            name = waiting.pop()
            if name not in found and name in self.nodes:
                found.add(name)
                waiting += self.nodes[name].parents
        return found


@dataclass(frozen=True)
class Translation:
    """What a team's own Dagster project calls the models of its dbt project.

    `spec` gets dbt's manifest, the unique id of a node and the spec that dagster-dbt makes of it; only the key of what
    it returns must be theirs. `mark` changes whenever the answers may.
    """

    spec: Callable[[Mapping[str, Any], str, AssetSpec], AssetSpec]
    mark: str


def load_graph(project: Project, theirs: Translation | None = None) -> DbtGraph:
    """The dbt graph of a project whose generated models are up to date. Raises RunError when dbt cannot read it."""
    # Two files, so that a team's location and `segflow ui` do not parse in turns.
    name = "dbt_graph.json" if theirs is None else "dbt_graph_theirs.json"
    cache = project.root / ".segflow" / "dagster" / name
    fingerprint = _fingerprint(project.specs.dbt_dir, theirs.mark if theirs is not None else "")
    stored = _read(cache)
    if stored is None or stored["fingerprint"] != fingerprint:
        graph = _parse(project, theirs)
        stored = {"fingerprint": fingerprint, "nodes": [asdict(n) for n in graph.nodes.values()]}
        stored["tests"] = [asdict(test) for test in graph.tests]
        write_whole(cache, json.dumps(stored, indent=1).encode(), durable=False)
    nodes = {entry["unique_id"]: DbtNode(**entry) for entry in stored["nodes"]}
    return DbtGraph(nodes, [DbtTest(**entry) for entry in stored["tests"]])


def _read(cache: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(cache.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and {"fingerprint", "nodes", "tests"} <= found.keys() else None


def _fingerprint(directory: Path, mark: str) -> str:
    digest = hashlib.sha256(f"{_FORMAT} {version('dbt-core')} {version('dagster-dbt')} {mark}".encode())
    for path in sorted(directory.rglob("*")):
        relative = path.relative_to(directory)
        if any(part.startswith(".") for part in relative.parts) or relative.parts[0] in ("target", "logs"):
            continue
        if path.suffix in _FILES and path.is_file():
            digest.update(f"\0{relative.as_posix()}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def _parse(project: Project, theirs: Translation | None) -> DbtGraph:
    # Imported here: it takes seconds, and a hit in the cache needs none of it.
    from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings

    class Translator(DagsterDbtTranslator):
        """Keys of generated models come from their meta; all others keep dagster-dbt's."""

        def get_asset_spec(self, manifest: Mapping[str, Any], unique_id: str, project: Any) -> AssetSpec:
            spec = super().get_asset_spec(manifest, unique_id, project)
            props = self.get_resource_props(manifest, unique_id)
            meta = _meta(props)
            if not meta:
                # Tables of ours that their models read keep our keys.
                if theirs is not None and props.get("source_name") != SCHEMA:
                    spec = theirs.spec(manifest, unique_id, spec)
                default = "sources" if props["resource_type"] == "source" else "staging"
                return spec.replace_attributes(group_name=spec.group_name or default)
            key = (
                segment_key(meta["segment"])
                if meta["kind"] == "segment"
                else model_key(own_relation(props["name"]) or props["name"])
            )
            return spec.replace_attributes(key=key, group_name=_GENERATED[meta["kind"]])

        def get_description(self, dbt_resource_props: Mapping[str, Any]) -> str:
            # The default appends the whole SQL, which the file itself shows better.
            return str(dbt_resource_props.get("description") or "")

    manifest = project.dbt.manifest.writable_manifest().to_dict(omit_none=False)
    translator = Translator(DagsterDbtTranslatorSettings(enable_source_tests_as_checks=True))
    nodes = dict(_nodes(manifest, translator))
    return DbtGraph(nodes, list(_tests(manifest, translator, nodes)))


def _nodes(manifest: Mapping[str, Any], translator: Any) -> Iterator[tuple[str, DbtNode]]:
    from dagster_dbt.asset_utils import get_upstream_unique_ids, is_non_asset_node

    project_name = manifest["metadata"]["project_name"]
    for unique_id, props in sorted({**manifest["sources"], **manifest["nodes"]}.items()):
        if props["resource_type"] not in ("source", "model", "seed", "snapshot") or is_non_asset_node(props):
            continue
        spec = translator.get_asset_spec(manifest, unique_id, None)
        meta = _meta(props)
        yield (
            unique_id,
            DbtNode(
                unique_id=unique_id,
                name=props["name"],
                resource_type=props["resource_type"],
                kind=meta.get("kind"),
                segment=meta.get("segment"),
                key=list(spec.key.path),
                group=spec.group_name,
                description=spec.description or "",
                parents=sorted(get_upstream_unique_ids(manifest, props)),
                owners=list(spec.owners),
                tags={name: value for name, value in spec.tags.items() if not name.startswith("dagster/")},
                kinds=sorted(spec.kinds),
                file=props["original_file_path"] if props["package_name"] == project_name else None,
                columns=[
                    (column["name"], column.get("data_type") or "", column.get("description") or "")
                    for column in props["columns"].values()
                ],
            ),
        )


def _tests(manifest: Mapping[str, Any], translator: Any, nodes: Mapping[str, DbtNode]) -> Iterator[DbtTest]:
    from dagster_dbt.asset_utils import get_asset_check_key_for_test

    for unique_id, props in sorted(manifest["nodes"].items()):
        if props["resource_type"] != "test":
            continue
        check = get_asset_check_key_for_test(manifest, translator, unique_id, None)
        if check is None:
            continue  # a test over several models that names none of them as its own
        parents = [nodes[name].key for name in manifest["parent_map"].get(unique_id, []) if name in nodes]
        yield DbtTest(
            unique_id=unique_id,
            name=check.name,
            key=list(check.asset_key.path),
            reads=sorted(key for key in parents if key != list(check.asset_key.path)),
            severity=str(props["config"].get("severity") or "error").lower(),
            description=(_config_meta(props).get("description") or None),
        )


def _meta(props: Mapping[str, Any]) -> Mapping[str, Any]:
    found = _config_meta(props).get("segflow") or {}
    return found if isinstance(found, Mapping) else {}


def _config_meta(props: Mapping[str, Any]) -> Mapping[str, Any]:
    return (props.get("config") or {}).get("meta") or props.get("meta") or {}
