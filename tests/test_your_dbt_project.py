# ruff: noqa: E501 (tables: one case per line)
"""A dbt project of somebody else, taken as it is: a model `contacts`, macros, a package, tests, seeds, an exposure, hooks, a
profile in ~/.dbt, on a machine in New York."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from segflow.cli.main import main
from segflow.errors import InputError, SpecError
from segflow.project import Project
from segflow.specs.load import collect

ROOT = Path(__file__).resolve().parents[1]
FIXTURE = ROOT / "tests" / "fixtures" / "warehouse_project"
PAGE = (ROOT / "docs" / "YOUR_DBT_PROJECT.md").read_text(encoding="utf-8")
OF_DBT = ("DBT_PROFILES_DIR", "DBT_PROFILE", "DBT_TARGET", "SEGFLOW_WAREHOUSE")


def put_up(folder: Path) -> dict[str, str]:
    """The two projects below `folder`, and the environment of their machine."""
    shutil.copytree(FIXTURE, folder, dirs_exist_ok=True)
    shutil.copytree(folder / "warehouse/local_package", folder / "warehouse/dbt_packages/shared_models")
    (folder / "data").mkdir()
    outputs = {
        name: {"type": "duckdb", "path": str(folder / f"data/{name}.duckdb"), "schema": name, "threads": 2}
        for name in ("ana", "prod")
    }
    outputs["cloud"] = {"type": "snowflake", "account": "example"}
    (folder / "home/.dbt").mkdir(parents=True)
    (folder / "home/.dbt/profiles.yml").write_text(yaml.safe_dump({"shopco": {"target": "ana", "outputs": outputs}}))
    kept = {name: value for name, value in os.environ.items() if name not in OF_DBT}
    return {**kept, "HOME": str(folder / "home"), "TZ": "America/New_York", "DO_NOT_TRACK": "1"}


@dataclass(frozen=True)
class Lived:
    """What became of both projects. `listed`: what `dbt ls` named, before segflow and after it."""

    root: Path
    before: list[tuple[Any, ...]]
    listed: tuple[list[str], list[str]]
    first_build: str
    ticks: list[dict[str, Any]]
    built: str


def rows(root: Path, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(root / "data/ana.duckdb")) as connection:
        return connection.execute(sql).fetchall()


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Lived:
    root = tmp_path_factory.mktemp("existing")
    environment = put_up(root)

    def run(folder: str, *command: str) -> str:
        done = subprocess.run(command, cwd=root / folder, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def dbt(*arguments: str) -> str:
        return run("warehouse", sys.executable, "-m", "dbt.cli.main", "--no-use-colors", *arguments)

    def segflow(*arguments: str) -> str:
        return run("marketing", sys.executable, "-m", "segflow", *arguments)

    dbt("build")
    theirs = "select * from dev_ana_marts.dim_contacts order by contact_id"
    before, listed = rows(root, theirs), dbt("--quiet", "ls").splitlines()
    segflow("compile")
    first_build = dbt("build")
    rows(root, "drop table hook_ran")
    ticks = [json.loads(segflow("--format", "json", "tick", "--as-of", "2026-03-01"))]
    hooked = rows(root, "select * from duckdb_tables() where table_name = 'hook_ran'")
    assert hooked == [], "a tick runs the hooks of their project"
    rows(root, "update dev_ana_marts.dim_contacts set city = 'London' where contact_id = 1")
    ticks.append(json.loads(segflow("--format", "json", "tick", "--as-of", "2026-03-02")))
    after = dbt("--quiet", "ls").splitlines()
    built = dbt("build")
    assert rows(root, theirs) == before
    return Lived(root, before, (listed, after), first_build, ticks, built)


def test_a_tick_is_green_and_sees_their_models(lived: Lived) -> None:
    assert [tick["errors"] for tick in lived.ticks] == [[], []]
    sizes = [{one["segment"]: one["members"] for one in tick["segments"]} for tick in lived.ticks]
    assert sizes == [
        {"big_spenders": 1, "londoners": 2, "with_orders": 2},
        {"big_spenders": 1, "londoners": 3, "with_orders": 2},
    ]
    assert [one["enrolled"] for one in lived.ticks[1]["flows"]] == [1]


def test_their_nodes_are_what_they_were(lived: Lived) -> None:
    before, after = ({line for line in lines if "segflow" not in line} for lines in lived.listed)
    assert before == after
    assert {"shopco.marts.contacts", "shared_models.calendar", "exposure:shopco.weekly_report"} <= before
    exposed = {line for line in lived.listed[1] if line.startswith("exposure:shopco.segflow")}
    assert exposed == {
        "exposure:shopco.segflow_flow__hello",
        *(f"exposure:shopco.segflow_segment__{name}" for name in ("big_spenders", "londoners", "with_orders")),
    }
    assert [row[4].isoformat() for row in lived.before] == ["2026-01-01"] * 3, "their day is no longer New York's"


def test_their_build_passes_over_segflow_before_its_first_tick(lived: Lived) -> None:
    assert "ERROR=0" in lived.first_build
    assert "no tick has run in this warehouse; segflow__contacts is not built" in lived.first_build
    assert re.search(r"OK created sql segflow_table model dev_ana_segflow\.contacts", lived.built)


def test_generated_tables_are_where_their_macro_says_and_have_public_names(lived: Lived) -> None:
    found = rows(
        lived.root,
        "select table_schema, table_type from information_schema.tables where table_name = 'membership_masks' order by 1",
    )
    assert found == [("dev_ana_segflow", "BASE TABLE"), ("segflow", "VIEW")]
    [[tick]] = rows(lived.root, "select distinct tick_id from segflow.memberships")
    assert tick == "20260302T000000Z"


def test_only_the_folders_of_segflow_are_new_in_their_project(lived: Lived) -> None:
    def files(root: Path) -> set[str]:
        found = (path.relative_to(root) for path in root.rglob("*") if path.is_file())
        return {path.as_posix() for path in found if path.parts[0] not in ("target", "logs", "dbt_packages")}

    added = files(lived.root / "warehouse") - files(FIXTURE / "warehouse") - {".user.yml", "package-lock.yml"}
    assert {path for path in added if not path.startswith(("models/segflow/", "macros/segflow/"))} == set()
    assert "macros/segflow/generate_schema_name.sql" not in added
    same = [path for path in files(FIXTURE / "warehouse") if "segflow" not in path]
    assert all(
        (lived.root / "warehouse" / path).read_bytes() == (FIXTURE / "warehouse" / path).read_bytes() for path in same
    )


@dataclass(frozen=True)
class Machine:
    root: Path

    @property
    def marketing(self) -> Path:
        return self.root / "marketing"

    def settings(self, text: str) -> None:
        (self.marketing / "segflow.yml").write_text(text, encoding="utf-8")

    def issues(self) -> list[str]:
        return [str(issue).replace(str(self.root), "") for issue in collect(self.marketing)[1]]


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    environment = put_up(tmp_path)
    for name in OF_DBT:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", environment["HOME"])
    return Machine(tmp_path)


WRONG = {
    "no folder": ("dbt: {project: ../wharehouse}", {}, "1:16: there is no folder /wharehouse"),
    "no project": ("dbt: {project: ../data}", {}, "1:16: /data/dbt_project.yml is not there"),
    "no profile": (
        "dbt: {project: ../warehouse, profile: shoco}",
        {},
        "1:39: there is no profile shoco in /home/.dbt/profiles.yml (did you mean shopco?)",
    ),
    "no profile of the environment": (
        "dbt: {project: ../warehouse}",
        {"DBT_PROFILE": "x"},
        "1:1: there is no profile x in /home/.dbt/profiles.yml; it has shopco",
    ),
    "no target": (
        "dbt:\n  project: ../warehouse\n  target: prd",
        {},
        "3:11: profile shopco in /home/.dbt/profiles.yml has no target prd (did you mean prod?)",
    ),
    "another engine": (
        "dbt: {project: ../warehouse, target: cloud}",
        {},
        "1:38: target cloud of profile shopco (/home/.dbt/profiles.yml) is for snowflake; segflow works on DuckDB, Postgres and Spark: name a "
        "target of those",
    ),
    "no profiles.yml": (
        "dbt: {project: ../warehouse, profiles_dir: ../data}",
        {},
        "1:44: there is no profiles.yml: looked in /data (dbt.profiles_dir)",
    ),
    "no profiles.yml in the environment's folder": (
        "dbt: {project: ../warehouse}",
        {"DBT_PROFILES_DIR": "/nowhere"},
        "1:1: there is no profiles.yml: looked in /nowhere (DBT_PROFILES_DIR)",
    ),
    "two files": (
        "dbt: {project: ../warehouse}\nwarehouse:\n  path: my.duckdb",
        {},
        "3:9: is /marketing/my.duckdb, and dbt writes to /data/ana.duckdb (target ana of profile shopco "
        "(/home/.dbt/profiles.yml)): leave warehouse.path out, so that dbt's file is the warehouse, or name the same "
        "file in both",
    ),
    "a word": ("dbt: {projct: ../warehouse}", {}, "1:7: unknown key projct (did you mean project?)"),
    "a way to build": (
        "dbt: {project: ../warehouse, build: upsteam}",
        {},
        "1:37: build cannot be the text 'upsteam': expected own or upstream (did you mean upstream?)",
    ),
}


@pytest.mark.parametrize(("text", "environment", "told"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_found_is_told_with_its_place(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, text: str, environment: dict[str, str], told: str
) -> None:
    machine.settings(text)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert [line.removeprefix("segflow.yml:") for line in machine.issues() if line.startswith("segflow.yml")] == [told]


FOUND = {
    "the profile's target": ("", {}, "ana"),
    "DBT_TARGET": ("", {"DBT_TARGET": "prod"}, "prod"),
    "segflow.yml before DBT_TARGET": (", target: ana", {"DBT_TARGET": "prod"}, "ana"),
    "profiles_dir before DBT_PROFILES_DIR": (", profiles_dir: ../home/.dbt", {"DBT_PROFILES_DIR": "/nowhere"}, "ana"),
}


@pytest.mark.parametrize(("said", "environment", "file"), FOUND.values(), ids=FOUND)
def test_the_warehouse_is_the_file_of_the_profile(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, said: str, environment: dict[str, str], file: str
) -> None:
    machine.settings(f"dbt: {{project: ../warehouse{said}}}")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert machine.issues() == []
    assert Project(machine.marketing).warehouse_path == machine.root / f"data/{file}.duckdb"


def test_a_profile_beside_the_project_comes_before_the_one_at_home(machine: Machine) -> None:
    text = "shopco: {target: x, outputs: {x: {type: duckdb, path: \"{{ env_var('NOT_SET', 'here.duckdb') }}\"}}}"
    (machine.root / "warehouse/profiles.yml").write_text(text)
    assert Project(machine.marketing).warehouse_path == machine.root / "warehouse/here.duckdb"


REFS = {
    "both are called so": (
        "contacts",
        "contacts is a model of your dbt project and, in segments, contacts as segments see them: write "
        "{{ ref('segflow__contacts') }} for segflow's, or {{ ref('shopco', 'contacts') }} for your model",
    ),
    "no such project": ("shoco', 'contacts", "there is no dbt model contacts in shoco (did you mean shopco?)"),
    "no such model": ("shopco', 'contcts", "there is no dbt model contcts in shopco (did you mean contacts?)"),
    "not for segments": (
        "segflow__memberships",
        "segflow__memberships is no model that a segment may read; of segflow's it reads contacts and segment__ID",
    ),
}


@pytest.mark.parametrize(("written", "told"), REFS.values(), ids=REFS)
def test_a_query_says_whose_model_it_means(machine: Machine, written: str, told: str) -> None:
    path = machine.marketing / "segment_specs/x.sql"
    path.write_text(f"select contact_id\nfrom {{{{ ref('{written}') }}}}\n")
    assert machine.issues() == [f"segment_specs/x.sql:2:6: {told}"]


def test_without_a_model_of_that_name_contacts_are_segflows_and_no_other_rule(machine: Machine) -> None:
    theirs = machine.root / "warehouse/models/marts/contacts.sql"
    theirs.rename(theirs.with_name("people_known.sql"))
    (machine.marketing / "segment_specs/with_orders.sql").unlink()
    catalog = machine.marketing / "segment_specs/catalog.yml"
    catalog.write_text(catalog.read_text().replace("model: contacts", "model: people_known"))
    for name, model in (("short", "contacts"), ("long", "segflow__contacts")):
        text = f"select contact_id from {{{{ ref('{model}') }}}} where city = 'Rome'"
        (machine.marketing / f"segment_specs/{name}.sql").write_text(text)
    compiled = Project(machine.marketing).compiled
    assert compiled.segments["short"].fingerprint == compiled.segments["long"].fingerprint
    assert compiled.files["segments/segflow__segment__short.sql"].count("ref('segflow__contacts')") == 2


def test_a_model_of_theirs_may_be_called_like_a_ledger(machine: Machine) -> None:
    for folder in ("models/marts", "segment_specs"):
        base = machine.root / ("warehouse" if "models" in folder else "marketing") / folder
        for path in base.glob("*"):
            path.write_text(path.read_text().replace("orders", "tasks"))
    (machine.root / "warehouse/models/marts/orders.sql").rename(machine.root / "warehouse/models/marts/tasks.sql")
    text = Project(machine.marketing).compiled.files["facts/segflow__facts__event_order.sql"]
    assert "{{ ref('tasks') }}" in text
    assert "source('segflow', 'tasks')" not in text


def test_exposures_name_owner_file_and_models(machine: Machine) -> None:
    project = Project(machine.marketing)
    project.write_models()
    path = machine.root / "warehouse/models/segflow/_segflow.yml"
    told = {one["name"]: one for one in yaml.safe_load(path.read_text())["exposures"]}
    assert told["segflow_segment__londoners"] == {
        "name": "segflow_segment__londoners",
        "label": "Segment londoners",
        "type": "application",
        "owner": {"email": "ana@shop.example"},
        "description": "Lives in London",
        "depends_on": ["ref('contacts')"],
        "config": {
            "meta": {"segflow": {"kind": "segment", "segment": "londoners", "file": "segment_specs/londoners.yml"}}
        },
    }
    assert told["segflow_segment__big_spenders"]["owner"] == {"name": "marketing"}
    assert told["segflow_segment__big_spenders"]["depends_on"] == ["ref('contacts')", "ref('orders')"]
    assert told["segflow_flow__hello"]["depends_on"] == ["ref('contacts')"]
    assert project.check_models() == []
    path.write_text(path.read_text().replace("ana@shop", "eve@shop"))
    assert project.check_models() == ["../warehouse/models/segflow/_segflow.yml differs from the specs"]


OLD = {
    "models/segflow/contacts.sql": "{{ config(materialized='segflow_table') }}\n\n-- Generated by `segflow compile`; do not edit.\nselect 1",
    "models/segflow/segments/segment__gone.sql": "{{ config(materialized='view') }}\n\n-- Generated by `segflow compile`; do not edit. Edit x.\nselect 1",
    "models/segflow/_segflow.yml": "# Generated by `segflow compile`; do not edit.\nversion: 2\n",
    "macros/segflow/segflow.sql": "{#- Copied to dbt/macros/segflow/ by `segflow compile`; do not edit the copy. -#}\n{%- macro bound(key) -%}{%- endmacro -%}",
    "macros/segflow/generate_schema_name.sql": "{#- Copied to dbt/macros/segflow/ by `segflow compile`; do not edit the copy. -#}",
    "models/segflow/of_theirs.sql": "select 1 as one",
}  # fmt: skip
"""What a build before wrote, and a file of the user's among it."""


@pytest.fixture
def old(machine: Machine) -> Machine:
    warehouse = machine.root / "warehouse"
    (warehouse / "macros/generate_schema_name.sql").unlink()
    (warehouse / "macros/as_of.sql").unlink()
    (warehouse / "models/marts/contacts.sql").unlink()
    (warehouse / "models/marts/contact.sql").write_text("select 1 as contact_id")
    (warehouse / "models/marts/schema.yml").unlink()
    (machine.marketing / "segment_specs/with_orders.sql").unlink()
    catalog = machine.marketing / "segment_specs/catalog.yml"
    catalog.write_text(catalog.read_text().replace("model: contacts", "model: contact"))
    for name, text in OLD.items():
        (warehouse / name).parent.mkdir(parents=True, exist_ok=True)
        (warehouse / name).write_text(text)
    return machine


def test_files_of_a_build_before_go_and_those_of_people_stay(old: Machine) -> None:
    warehouse, project = old.root / "warehouse", Project(old.marketing)
    assert "../warehouse/models/segflow/contacts.sql belongs to no spec" in project.check_models()
    project.write_models()
    left = {path.relative_to(warehouse).as_posix() for path in (warehouse / "models/segflow").rglob("*.sql")}
    assert {path for path in left if "segflow__" not in path} == {"models/segflow/of_theirs.sql"}
    assert "models/segflow/segflow__contacts.sql" in left
    # Where their own models are hangs on it.
    macro = (warehouse / "macros/segflow/generate_schema_name.sql").read_text()
    assert "yours now" in macro
    assert project.check_models() == []
    (warehouse / "macros/segflow/generate_schema_name.sql").write_text(macro + "-- edited")
    assert (project.check_models(), project.write_models()) == ([], [])


ASKING = {
    "a model": ("models/marts/x.sql", "select *\nfrom {{ ref('contacts') }}", "2:9: segflow's model contacts is called segflow__contacts now: write ref('segflow__contacts')"),
    "a test": ("models/marts/x.yml", "models:\n  - {name: orders, data_tests: [{relationships: {to: ref('segment__gone'), field: x}}]}", "2:54: segflow's model segment__gone is called segflow__segment__gone now: write ref('segflow__segment__gone')"),
    "a macro": ("models/marts/x.sql", "select {{ as_of() }} as day", "1:11: segflow's macro as_of is called segflow_as_of now: write that"),
}  # fmt: skip


@pytest.mark.parametrize(("file", "text", "told"), ASKING.values(), ids=ASKING)
def test_nothing_is_removed_that_their_files_ask_for(old: Machine, file: str, text: str, told: str) -> None:
    (old.root / "warehouse" / file).write_text(text)
    with pytest.raises(SpecError) as refused:
        Project(old.marketing).write_models()
    assert [str(issue).replace(str(old.root), "") for issue in refused.value.issues] == [f"../warehouse/{file}:{told}"]
    assert all((old.root / "warehouse" / name).read_text() == content for name, content in OLD.items())


def test_a_file_of_theirs_is_never_written_over(machine: Machine) -> None:
    path = machine.root / "warehouse/models/segflow/segflow__contacts.sql"
    path.parent.mkdir()
    path.write_text("select 1")
    with pytest.raises(InputError, match=r"segflow__contacts.sql is in the way of a generated file"):
        Project(machine.marketing).write_models()
    assert path.read_text() == "select 1"


BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_the_settings_of_the_page_are_right(machine: Machine) -> None:
    for text in [text for kind, text in BLOCKS if kind == "yaml" and text.startswith("# segflow.yml")]:
        machine.settings(text)
        assert machine.issues() == []


def test_the_messages_of_the_page_are_what_is_printed(
    machine: Machine, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    transcripts = [text for kind, text in BLOCKS if kind == "console"]
    segment, query = machine.marketing / "segment_specs/x.sql", "select contact_id\nfrom {{ ref('contacts') }}\n"
    settings = (machine.marketing / "segflow.yml").read_text()
    told: list[Callable[[], Any]] = [
        lambda: machine.settings("dbt: {project: ../warehouse}\nwarehouse: {path: my.duckdb}\n"),
        lambda: (machine.settings(settings), segment.write_text(query)),
    ]
    shown = [text for text in transcripts if "segflow validate" in text]
    assert len(shown) == len(told)
    for text, prepare in zip(shown, told, strict=True):
        prepare()
        monkeypatch.setattr(sys, "argv", ["segflow", "--project-dir", str(machine.marketing), "validate"])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 2
        found = capsys.readouterr()
        lines = (found.out + found.err).replace(str(machine.root), "/home/ana").split()
        assert " ".join(text.partition("\n")[2].split()) in " ".join(lines)
