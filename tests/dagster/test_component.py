"""A second Dagster project, with assets and dbt models of its own, that takes in segflow."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster.components.core.package_entry import get_package_objects_in_module
from dagster.components.testing import create_defs_folder_sandbox

import segflow
from segflow.dagster import SegflowComponent, SegflowResource, definitions
from segflow.errors import InputError
from segflow.project import Project
from tests.dagster.conftest import CHRIS, DAY, PEOPLE, START
from tests.world import World

ROOT = Path(__file__).parents[2]
TEAM = ROOT / "tests/fixtures/team_project"
TESTED = {"version": 2, "models": [{"name": "stg_contacts", "columns": [{"name": "contact_id", "tests": ["unique"]}]}]}


@dataclass(frozen=True)
class Team:
    """The segflow project and the team's definitions, which have it inside."""

    world: World
    found: dg.Definitions


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    folder = tmp_path_factory.mktemp("team")
    world = World(folder / "marketing", real=True)
    world.rows_of("contacts", PEOPLE)
    world.segment("londoners", {"where": {"attribute": "city", "is": "London"}})
    (world.root / "dbt/models/staging/tests.yml").write_text(yaml.safe_dump(TESTED), encoding="utf-8")
    project = Project(world.root)
    project.write_models()
    (world.root / "manifest.json").write_text(
        json.dumps(project.dbt.manifest.writable_manifest().to_dict(omit_none=False), default=str), encoding="utf-8"
    )
    shutil.copytree(TEAM, folder / "team")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MARKETING_DIR", str(world.root))
        patch.syspath_prepend(str(folder / "team/src"))
        yield Team(world, dg.load_from_defs_folder(path_within_project=folder / "team"))


def test_their_models_are_defined_once_and_ours_hang_on_them(team: Team) -> None:
    graph = team.found.get_repository_def().asset_graph
    parents = {
        key.to_user_string(): {parent.to_user_string() for parent in graph.get(key).parent_keys}
        for key in graph.materializable_asset_keys
    }
    assert "theirs/staging/stg_contacts" in parents
    assert "staging/stg_contacts" not in {key.to_user_string() for key in graph.get_all_asset_keys()}
    assert "theirs/staging/stg_contacts" in parents["models/contacts"]
    assert parents["segflow/segment_entries"] == {"segments/londoners"}
    assert parents["letters"] == {"segflow/segment_entries"}
    assert [name for name in parents if "segflow__" in name] == [], "what segflow builds is left out of theirs"
    checks = {
        (key.asset_key.to_user_string(), key.name) for key in graph.asset_check_keys if "stg_contacts" in str(key)
    }
    assert checks == {
        ("theirs/staging/stg_contacts", "unique_stg_contacts_contact_id"),  # a test of theirs, once
        ("theirs/staging/stg_contacts", "contact_id_unique"),  # what the catalog promises of it
    }


def test_an_asset_of_theirs_reads_the_entries(team: Team) -> None:
    repository = team.found.get_repository_def()
    with dg.DagsterInstance.ephemeral() as instance:
        for day, people in enumerate((PEOPLE, [*PEOPLE, CHRIS])):
            team.world.rows_of("contacts", people)
            config = {"ops": {"ingest": {"config": {"as_of": (START + day * DAY).isoformat()}}}}
            ticked = repository.get_job("tick").execute_in_process(run_config=config, instance=instance)
            assert ticked.success
        told = ticked.asset_materializations_for_node("cross")
        assert "segflow/segment_entries" in {one.asset_key.to_user_string() for one in told}
        job = team.found.resolve_implicit_global_asset_job_def()
        read = job.execute_in_process(asset_selection=[dg.AssetKey("letters")], instance=instance)
        [letters] = read.asset_materializations_for_node("letters")
    assert {name: value.value for name, value in letters.metadata.items()} == {"letters": 2, "to": "ana, chris"}


def test_in_python_it_merges_with_what_they_have(team: Team) -> None:
    @dg.asset(deps=[["segments", "londoners"]])
    def mine() -> None: ...

    own = dg.Definitions(assets=[mine], executor=dg.multiprocess_executor)
    merged = dg.Definitions.merge(own, definitions(team.world.root))
    keys = {key.to_user_string() for key in merged.get_repository_def().asset_graph.materializable_asset_keys}
    assert {"mine", "segments/londoners", "staging/stg_contacts"} <= keys
    assert merged.executor is own.executor
    assert isinstance(merged.resources["segflow"], SegflowResource)


def test_a_translator_of_theirs_gives_its_keys(team: Team) -> None:
    from team.defs.warehouse.models import Theirs

    found = definitions(team.world.root, dbt_assets="yours", dbt_translator=Theirs())
    graph = found.get_repository_def().asset_graph
    parents = {key.to_user_string() for key in graph.get(dg.AssetKey(["models", "contacts"])).parent_keys}
    assert "theirs/staging/stg_contacts" in parents


def test_wrong_folders_and_words(tmp_path: Path, team: Team) -> None:
    with pytest.raises(InputError, match=r"holds no segflow\.yml: project_dir is the folder of a segflow project"):
        definitions(tmp_path)
    with pytest.raises(InputError, match="dbt_assets: 'both' is neither 'segflow' nor 'yours'"):
        definitions(team.world.root, dbt_assets="both")  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"no table 'segment_entry' .*segment_entries"):
        SegflowResource(project_dir=str(team.world.root)).table("segment_entry")


@pytest.mark.parametrize(
    ("attributes", "told"),
    [
        pytest.param({"project_dir": "x", "dbt_asset": "yours"}, "dbt_asset", id="an unknown attribute"),
        pytest.param({"project_dir": ".", "dbt_assets": "mine"}, "dbt_assets", id="an unknown word"),
        pytest.param({"project_dir": "x"}, "holds no segflow.yml", id="no project there"),
        pytest.param({}, "project_dir", id="no project"),
    ],
)
def test_wrong_attributes_are_refused(attributes: dict[str, str], told: str) -> None:
    with create_defs_folder_sandbox() as sandbox:
        contents = {"type": "segflow.SegflowComponent", "attributes": attributes}
        path = sandbox.scaffold_component(component_cls=SegflowComponent, defs_yaml_contents=contents)
        (path / "segflow.yml").touch()
        with pytest.raises(Exception) as found, sandbox.load_component_and_build_defs(defs_path=path):  # noqa: PT011
            pass
    assert told in "".join(traceback.format_exception(found.value))


def test_segflow_alone_does_not_load_dagster() -> None:
    assert segflow.SegflowComponent is SegflowComponent
    code = "import segflow, segflow.dagster, sys; segflow.Project; print([m for m in sys.modules if m == 'dagster'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == "[]\n"


def test_dg_finds_the_component() -> None:
    assert ("SegflowComponent", SegflowComponent) in list(get_package_objects_in_module(segflow))


def test_the_page_shows_what_is_tested() -> None:
    page = (ROOT / "docs/YOUR_DAGSTER_PROJECT.md").read_text(encoding="utf-8")
    for file in ("marketing/defs.yaml", "letters.py"):
        text = (TEAM / "src/team/defs" / file).read_text(encoding="utf-8")
        assert text.split('"""\n\n', 1)[-1] in page
