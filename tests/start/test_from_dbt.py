# ruff: noqa: E501 (tables: one case per line)
"""`segflow init --dbt`: from somebody's dbt project, built with dbt, to a green tick; nothing of theirs is written."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from segflow.cli.main import main
from segflow.errors import InputError
from segflow.start import dbt_models
from segflow.start.dbt_models import DbtPlace
from segflow.start.start import Wanted, start
from tests.start.data import ago, put, rows

OF_DBT = ("DBT_PROFILES_DIR", "DBT_PROFILE", "DBT_TARGET", "SEGFLOW_WAREHOUSE")
FILES: dict[str, str | bytes] = {
    "dbt_project.yml": "name: shopco\nversion: '1.0'\nprofile: shopco\nmodels: {shopco: {marts: {+materialized: table, +schema: marts}}}\n",
    ".gitignore": "target/\nlogs/\n.user.yml\n",
    "seeds/raw_customers.csv": rows(
        "id,mail,town,joined,unsubscribed", "C{n:03d},p{n}@example.com,{town},{at},{out}", 30,
        town=lambda n: "London" if n % 3 else "Rome", at=lambda n: ago(n + 40), out=lambda n: str(n % 5 == 0).lower(),
    ),
    "seeds/raw_orders.csv": rows(
        "id,customer,amount,sold_at", "{n},C{who:03d},{n}.5,{at}", 60, who=lambda n: n % 20 + 1, at=lambda n: ago(n),
    ),
    "models/staging/stg_customers.sql": "select id as customer_id, mail as email, town, joined, unsubscribed from {{ ref('raw_customers') }}",
    "models/staging/stg_orders.sql": "select id as order_id, customer as customer_id, amount, sold_at from {{ ref('raw_orders') }}",
    "models/staging/only_here.sql": "{{ config(materialized='ephemeral') }} select 1 as one",
    # Their name is a short one of segflow's; a column is in capitals and has a blank.
    "models/marts/contacts.sql": """select customer_id, email, town as "Home Town", cast(joined as timestamp) as created_at, unsubscribed,
        not unsubscribed as newsletter from {{ ref('stg_customers') }}""",
    "models/marts/fct_orders.sql": "select order_id, customer_id, amount, sold_at as ordered_at from {{ ref('stg_orders') }}",
    "models/marts/dim_later.sql": "select 1 as later_id",
}  # fmt: skip


def put_up(folder: Path) -> dict[str, str]:
    """The dbt project and the home of its people below `folder`, and their environment."""
    put(folder / "warehouse", FILES)
    outputs: dict[str, Any] = {
        name: {"type": "duckdb", "path": str(folder / f"data/{name}.duckdb"), "schema": name} for name in ("ana", "new")
    }
    outputs["open"] = {"type": "duckdb", "path": "{{ env_var('SEGFLOW_WAREHOUSE') }}"}
    outputs["cloud"] = {"type": "snowflake", "account": "example"}
    profiles = yaml.safe_dump({"shopco": {"target": "ana", "outputs": outputs}})
    put(folder / "home/.dbt", {"profiles.yml": profiles})
    (folder / "data").mkdir()
    kept = {name: value for name, value in os.environ.items() if name not in OF_DBT}
    return {**kept, "HOME": str(folder / "home"), "DO_NOT_TRACK": "1"}


def run(folder: Path, environment: Mapping[str, str], *command: str) -> str:
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def state(root: Path) -> dict[str, bytes]:
    """Each file of the dbt project and of the warehouse."""
    found = (path for folder in ("warehouse", "data", "home") for path in (root / folder).rglob("*") if path.is_file())
    return {str(path.relative_to(root)): path.read_bytes() for path in found if ".git/" not in str(path)}


@dataclass(frozen=True)
class Lived:
    root: Path
    before: dict[str, bytes]
    after: dict[str, bytes]
    made: dict[str, Any]
    tick: dict[str, Any]
    changed: str
    """What git says of their project after the tick."""
    catalog: dict[str, Any] = field(default_factory=dict)


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Lived:
    root = tmp_path_factory.mktemp("from_dbt")
    environment = put_up(root)
    theirs = root / "warehouse"
    run(theirs, environment, sys.executable, "-m", "dbt.cli.main", "build", "--exclude", "dim_later")
    for words in (["init", "-q"], ["add", "."], ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "a"]):
        run(theirs, environment, "git", *words)
    before = state(root)
    segflow = (sys.executable, "-m", "segflow", "--format", "json")
    (root / "marketing").mkdir()  # where it is there, the project is made in it
    made = json.loads(run(root, environment, *segflow, "init", "marketing", "--dbt", "warehouse", "--target", "ana"))
    after = state(root)
    tick = json.loads(run(root / "marketing", environment, *segflow, "tick", "--as-of", made["as_of"]))
    changed = run(theirs, environment, "git", "status", "--porcelain")
    catalog = yaml.safe_load((root / "marketing/segment_specs/catalog.yml").read_text())
    return Lived(root, before, after, made, tick, changed, catalog)


def test_the_first_tick_is_green_and_has_the_members_that_were_told(lived: Lived) -> None:
    assert lived.tick["errors"] == []
    assert {one["segment"]: one["members"] for one in lived.tick["segments"]} == lived.made["segments"]
    assert any(0 < members < 30 for members in lived.made["segments"].values())


def test_nothing_is_written_into_their_project_or_their_database(lived: Lived) -> None:
    assert lived.after == lived.before
    assert lived.changed.split() == ["??", "macros/", "??", "models/segflow/"], "a tick adds its two folders alone"
    assert not (lived.root / "marketing/dbt").exists()


def test_the_catalog_names_their_marts_and_their_columns(lived: Lived) -> None:
    assert yaml.safe_load((lived.root / "marketing/segflow.yml").read_text())["dbt"] == {
        "project": "../warehouse",
        "target": "ana",
    }
    contacts, [event] = lived.catalog["contacts"], lived.catalog["events"]
    assert (contacts["model"], contacts["key"], contacts["created_at"]) == ("contacts", "customer_id", "created_at")
    assert contacts["attributes"]["home_town"] == {"type": "text", "column": "Home Town"}
    assert contacts["channels"] == {"email": {"address": "email", "consent": "newsletter"}}
    assert (event["model"], event["contact"], event["at"]) == ("fct_orders", "customer_id", "ordered_at")
    assert lived.catalog["objects"]["order"]["model"] == "fct_orders"


def test_it_says_which_of_two_it_took_and_what_is_not_built(lived: Lived) -> None:
    told = {one["what"]: one["why"] for one in lived.made["choices"]}
    assert told["contacts stands for stg_customers"].startswith("contacts is a mart, stg_customers staging")
    assert "fct_orders stands for raw_orders" in told
    [missing] = [one for one in lived.made["left_out"] if one.startswith("not built yet")]
    assert missing == (
        "not built yet: dim_later; cd warehouse && dbt build --target ana --select dim_later builds them"
    )


@pytest.fixture
def read_once(lived: Lived, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their machine; their project is read by dbt for the first test that asks, which takes five seconds."""
    monkeypatch.setenv("HOME", str(lived.root / "home"))
    for name in OF_DBT:
        monkeypatch.delenv(name, raising=False)
    read = dbt_models._manifest

    def manifest(*given: Any) -> Any:
        if not MANIFEST:
            MANIFEST.append(read(*given))
        return MANIFEST[0]

    monkeypatch.setattr(dbt_models, "_manifest", manifest)


MANIFEST: list[Any] = []
WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no dbt project": ({"project": "home"}, "is no dbt project: it has no dbt_project.yml"),
    "an unknown profile": ({"profile": "shopcp"}, "there is no profile shopcp in .*did you mean shopco"),
    "an unknown target": ({"target": "anna"}, "has no target anna.*did you mean ana"),
    "another adapter": ({"target": "cloud"}, "is for snowflake; segflow works on DuckDB, Postgres and Spark"),
    "a path that is left open": ({"target": "open"}, "leaves its path to SEGFLOW_WAREHOUSE"),
    "nothing built yet": ({"target": "new"}, "nothing is built for target new .*dbt build --target new"),
    "a folder without profiles": ({"profiles_dir": "data"}, "there is no profiles.yml: looked in"),
    "another project works there": ({}, "has a schema segflow already.*name another target"),
}


@pytest.mark.parametrize(("said", "told"), WRONG.values(), ids=WRONG)
@pytest.mark.usefixtures("read_once")
def test_what_cannot_be_used_is_refused_in_words(lived: Lived, said: dict[str, Any], told: str) -> None:
    folders = {key: lived.root / said.get(key, "warehouse") for key in ("project", "profiles_dir") if key in said}
    place = DbtPlace(**{"project": lived.root / "warehouse", **said, **folders})
    with pytest.raises(InputError, match=f"(?s){told}"):
        start(Wanted(lived.root / "other", None, dbt=place))
    assert not (lived.root / "other").exists()


@pytest.mark.usefixtures("read_once")
def test_a_database_without_their_tables_names_the_command(lived: Lived) -> None:
    path = lived.root / "data/new.duckdb"
    duckdb.connect(str(path)).close()
    try:
        with pytest.raises(InputError, match=r"no model of .* is built in .*dbt build --target new"):
            start(Wanted(lived.root / "other", None, dbt=DbtPlace(lived.root / "warehouse", target="new")))
    finally:
        path.unlink()


def test_a_place_inside_of_their_project_is_refused(tmp_path: Path) -> None:
    put(tmp_path, {"dbt_project.yml": "name: x"})
    with pytest.raises(InputError, match="init writes nothing there"):
        start(Wanted(tmp_path / "marketing", str(tmp_path)))


def test_what_a_model_would_have_to_be_written_for_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = put_up(tmp_path)
    monkeypatch.setenv("HOME", environment["HOME"])
    for name in OF_DBT:
        monkeypatch.delenv(name, raising=False)
    tables = {
        "people": "select i as person_id, i || '@example.com' as email, '2025-01-02' as joined, i % 5 = 0 as unsubscribed "
        "from range(1, 31) t(i)",
        "clicks": "select (1 + i % 30) || '@example.com' as email, now() - to_days(i::int) as clicked_at from range(60) t(i)",
    }
    (tmp_path / "warehouse/models/marts/contacts.sql").unlink()
    with duckdb.connect(str(tmp_path / "data/ana.duckdb")) as connection:
        connection.execute("create schema ana.ana")
        for name, query in tables.items():
            put(tmp_path / "warehouse/models", {f"{name}.sql": query})
            connection.execute(f"create table ana.ana.{name} as {query}")
    made = start(Wanted(tmp_path / "marketing", str(tmp_path / "warehouse")))
    assert made is not None
    catalog = yaml.safe_load((tmp_path / "marketing/segment_specs/catalog.yml").read_text())
    assert "events" not in catalog
    assert catalog["contacts"]["channels"] == {"email": {"address": "email"}}
    assert catalog["contacts"]["attributes"]["joined"] == "text", "their column is a text, and nothing casts it"
    told = "\n".join(made.left_out)
    assert "clicks: email leads to the contacts' email; add their person_id to it" in told
    assert "consent not unsubscribed: people has no yes or no that says so" in told


ASKED = {
    "both": (["--from", ".", "--dbt", "."], "--from and --dbt both say where the data is"),
    "a target of nothing": (["--from", "data", "--target", "ana"], "--target is about a dbt project"),
    "a dbt project as data": (["--from", ".", "--profiles-dir", "data"], "there is no profiles.yml: looked in"),
}


@pytest.mark.parametrize(("words", "told"), ASKED.values(), ids=ASKED)
def test_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str], told: str
) -> None:
    put(tmp_path / "warehouse", {"dbt_project.yml": "name: x\nprofile: x\n", "data/a.csv": "id\n1\n"})
    monkeypatch.chdir(tmp_path / "warehouse")
    monkeypatch.setattr(sys, "argv", ["segflow", "init", str(tmp_path / "new"), *words])
    with pytest.raises(SystemExit):
        main()
    assert told in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "new").exists()
