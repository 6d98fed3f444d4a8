# ruff: noqa: E501 (tables: one case per line)
"""Which engine a project runs on: segflow.yml and dbt's profile say it, and must not say different things."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from segflow.errors import InputError
from segflow.specs.dbt_profile import find_profile, project_engine, said_path
from segflow.specs.load import collect, load_specs
from segflow.specs.settings import Settings
from segflow.warehouse import engines
from tests.specs.helpers import project

DUCK = {"type": "duckdb", "path": "shop.duckdb"}
SERVER = {
    "type": "postgres",
    "host": "db",
    "port": 5432,
    "user": "ana",
    "password": "x",
    "dbname": "shop",
    "schema": "s",
}
OTHER = {"type": "snowflake"}


def made(root: Path, settings: str, **outputs: dict[str, object]) -> Path:
    """A project whose profile has these targets; the first is the one that counts."""
    project(root, settings=settings)
    models = root / "dbt/models"
    models.mkdir(parents=True, exist_ok=True)
    for model in ("contacts", "events", "reviews", "orders", "items", "imports"):
        (models / f"stg_{model}.sql").write_text("select 1 as x\n", encoding="utf-8")
    (root / "dbt/dbt_project.yml").write_text("name: shop\nprofile: shop\n", encoding="utf-8")
    if outputs:
        told = {"shop": {"target": next(iter(outputs)), "outputs": outputs}}
        (root / "dbt/profiles.yml").write_text(yaml.safe_dump(told), encoding="utf-8")
    return root


@pytest.mark.parametrize(
    ("settings", "outputs", "engine"),
    [
        pytest.param("name: x", {}, "duckdb", id="neither says anything"),
        pytest.param("name: x", {"a": DUCK}, "duckdb", id="the profile: a file"),
        pytest.param("name: x", {"a": SERVER}, "postgres", id="the profile: a server"),
        pytest.param("name: x", {"a": SERVER, "b": DUCK}, "postgres", id="the profile's own target"),
        pytest.param("dbt: {target: b}", {"a": SERVER, "b": DUCK}, "duckdb", id="a target of segflow.yml"),
        pytest.param("engine: postgres", {"a": SERVER}, "postgres", id="both say the same"),
        pytest.param("engine: duckdb", {}, "duckdb", id="segflow.yml alone"),
    ],
)
def test_it_is_chosen(tmp_path: Path, settings: str, outputs: dict[str, dict[str, object]], engine: str) -> None:
    specs = load_specs(made(tmp_path, settings, **outputs))
    assert specs.engine == engine
    assert project_engine(tmp_path, specs.settings).title == engines.wing(engine).title


@pytest.mark.parametrize(
    ("settings", "output", "issue"),
    [
        pytest.param(
            "engine: postgres", DUCK, "segflow.yml:1:9: engine is postgres, and target a of profile shop (HERE) is for "
            "DuckDB (type duckdb): name a target for Postgres as dbt: {target: ...}, or leave engine out",
            id="they differ",
        ),
        pytest.param("engine: duckdb", SERVER, "is for Postgres (type postgres): name a target for DuckDB", id="the other way"),
        pytest.param("engine: postgresql", SERVER, "segflow.yml:1:9: engine cannot be the text 'postgresql': expected duckdb, postgres or spark", id="no engine's name"),
        pytest.param("engine: postgres", None, "segflow.yml:1:9: there is no profiles.yml", id="no profile"),
        pytest.param("engine: postgres", {"type": "postgres"}, "has no host and no user and no dbname", id="no address"),
        pytest.param("dbt: {target: a}", OTHER, "is for snowflake; segflow works on DuckDB, Postgres and Spark", id="another one"),
        pytest.param(
            "warehouse: {memory_limit: 4GB}", SERVER,
            "segflow.yml:1:13: memory_limit is about a file, and the warehouse is Postgres: leave it out", id="of a file",
        ),
        pytest.param("warehouse: {ledgers: x}", SERVER, "A server has backups of its own", id="ledger files"),
        pytest.param("dbt: {target: a}", SERVER | {"autocommit": True}, "autocommit: true", id="no transactions"),
        pytest.param("dbt: {target: a}", SERVER | {"port": "x"}, "has port x, which is no number", id="no port"),
    ],
)  # fmt: skip
def test_it_is_refused(tmp_path: Path, settings: str, output: dict[str, object] | None, issue: str) -> None:
    root = made(tmp_path, settings, **({} if output is None else {"a": output}))
    specs, issues = collect(root)
    told = "\n".join(map(str, issues)).replace(str(root / "dbt/profiles.yml"), "HERE")
    assert issue in told
    assert specs is None


def test_a_password_that_is_not_there_is_no_mistake_of_the_specs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = made(tmp_path, "engine: postgres", a=SERVER | {"password": "{{ env_var('SHOP_PASSWORD') }}"})
    specs = load_specs(root)
    with pytest.raises(InputError, match="asks for the environment variable SHOP_PASSWORD, which is not set"):
        project_engine(root, specs.settings)
    monkeypatch.setenv("SHOP_PASSWORD", "p4ssw0rd")
    assert "p4ssw0rd" not in repr(find_profile(root, specs.settings, said_path(root, specs.settings)))
    assert project_engine(root, specs.settings).where == "shop on db"


def test_how_the_server_is_reached(tmp_path: Path) -> None:
    said = {
        "type": "postgres", "host": "db", "port": 6543, "user": "ana", "pass": "x y", "database": "shop", "schema": "s",
        "role": "Analyst", "search_path": "a, b", "sslmode": "verify-full", "sslrootcert": "/ca.pem",
        "keepalives_idle": 30, "connect_timeout": 3, "threads": 4, "retries": 2, "application_name": "dbt",
    }  # fmt: skip
    root = made(tmp_path, "engine: postgres", a=said)
    assert find_profile(root, Settings(), root).place.connection == {
        "host": "db", "port": "6543", "user": "ana", "password": "x y", "dbname": "shop", "sslmode": "verify-full",
        "sslrootcert": "/ca.pem", "keepalives_idle": "30", "connect_timeout": "3",
        "options": "-c role=analyst -c search_path=a,\\ b",
    }  # fmt: skip


def test_what_is_not_installed_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(engines.wing("postgres")), "modules", ("psycopg", "no_such_module", "no.such"))
    root = made(tmp_path, "name: x\nengine: postgres", a=SERVER)
    told = "Postgres needs no_such_module and no.such, which are not installed: pip install 'segflow[postgres]'"
    assert [str(issue) for issue in collect(root)[1]] == [f"segflow.yml:2:9: {told}"]
    with pytest.raises(InputError, match="pip install"):
        project_engine(root, Settings(engine="postgres"))


@pytest.mark.parametrize("engine", engines.ENGINES)
def test_patterns_are_those_of_the_engine(tmp_path: Path, engine: str) -> None:
    root = made(tmp_path, "name: x", a=DUCK if engine == "duckdb" else SERVER)
    segment = "description: x\nwhere: {attribute: city, matches: '(?s)a.b'}\n"
    (root / "segment_specs/odd.yml").write_text(segment, encoding="utf-8")
    told = [str(issue) for issue in collect(root)[1]]
    assert (told == []) == (engine == "duckdb")
    assert all("segment_specs/odd.yml:2:" in one and "(?s has no form in Postgres" in one for one in told)


def test_sql_conditions_are_typed_without_a_server(tmp_path: Path) -> None:
    root = made(tmp_path, "name: x", a=SERVER)
    for name, sql in {"fine": "age > 3 or city is null", "wrong": "age + 1"}.items():
        text = f"description: x\nwhere: {{sql: '{sql}'}}\n"
        (root / f"segment_specs/{name}.yml").write_text(text, encoding="utf-8")
    [issue] = collect(root)[1]
    assert str(issue).startswith("segment_specs/wrong.yml:2:")
    assert "a sql condition is true or false; this is of type" in str(issue)
