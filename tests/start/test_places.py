"""Where a project may be made, of what, and that nothing is left behind when it is not."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest

from segflow.cli import init as command
from segflow.cli.main import main
from segflow.errors import InputError, RunError
from segflow.project import Project
from segflow.start import first_specs, profile
from segflow.start.start import Wanted, start
from segflow.warehouse.duckdb.warehouse import DuckDBWarehouse
from tests.start.data import catalog, made, put, rows, ticks

PEOPLE = rows("id,email,city", "{n},{n}@example.com,{c}", 12, c=lambda n: "London" if n % 3 else "Bern")


def tree(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


THERE: dict[str, tuple[dict[str, str], str]] = {
    "a project": ({"segflow.yml": "name: mine\n"}, "has segflow.yml already"),
    "specs": ({"segment_specs/a.yml": "x"}, "has segment_specs already"),
    "a dbt project": ({"dbt/dbt_project.yml": "x", "flow_specs/a.yml": "y"}, "has dbt, flow_specs already"),
}


@pytest.mark.parametrize(("files", "told"), THERE.values(), ids=THERE)
def test_places_that_cannot_be_used(tmp_path: Path, files: dict[str, str], told: str) -> None:
    data, root = put(tmp_path / "data", {"people.csv": PEOPLE}), tmp_path / "shop"
    put(root, dict(files))
    with pytest.raises(InputError, match=told):
        start(Wanted(root, str(data)))
    assert tree(root) == files


def test_what_is_there_stays_as_it_is(tmp_path: Path) -> None:
    """A folder with data, a README, git: what people have before they begin."""
    there = {"people.csv": PEOPLE, "README.md": "mine", ".gitignore": "mine\n", ".git/config": "x"}
    put(tmp_path / "shop", dict(there))
    started = start(Wanted(tmp_path / "shop", str(tmp_path / "shop")))
    assert started is not None
    found = tree(started.root)
    assert {name: found[name] for name in there} == there
    assert set(started.files) - set(there) <= set(found)
    sources = found["dbt/models/staging/sources.yml"]
    assert "read_csv('{{ env_var('SEGFLOW_PROJECT_DIR', '..') }}/people.csv'" in sources
    assert ticks(started, 1)[0].errors == []


DATA: dict[str, tuple[dict[str, str | bytes], str, str]] = {
    "no place": ({}, "nowhere", "there is no file or folder"),
    "an empty folder": ({"x/.keep": ""}, "empty", "is empty; put your CSV or Parquet files there"),
    "a spreadsheet": ({"a.xlsx": "x"}, "", "a.xlsx: not read; save each sheet as CSV"),
    "one spreadsheet": ({"a.xlsx": "x"}, "a.xlsx", "save each sheet as CSV"),
    "nothing about people": (
        {"weather.csv": rows("day,rain", "2026-01-0{n},{n}", 5)},
        "",
        "Say which it is: --contacts",
    ),
    "no rows": ({"people.csv": "id,email\n"}, "", "no table has rows yet"),
    "a key that is there twice": (
        {"people.csv": "id,email\n1,a@example.com\n1,a@example.com\n"},
        "",
        "looks like a table",
    ),
    "a server": (
        {},
        "mysql://me:secret@db.example.com/shop",
        "db.example.com/shop is a database server that segflow does not",
    ),
    "a place in the web": ({}, "https://example.com/a.csv", "is not on this machine"),
    "no file of data": ({"a.pdf": "x"}, "a.pdf", "cannot be read: give a folder of CSV or Parquet files"),
    "rows that are longer than the header": (
        {"people.csv": "id,email\n1,a,b,c\n2,b\n3,c,d,e,f\n"},
        "",
        "rows differ in how many values they have",
    ),
}


@pytest.mark.parametrize(("files", "given", "told"), DATA.values(), ids=DATA)
def test_data_that_cannot_be_used(tmp_path: Path, files: dict[str, str | bytes], given: str, told: str) -> None:
    folder = put(tmp_path / "data", files)
    folder.mkdir(exist_ok=True)
    (folder / "empty").mkdir(exist_ok=True)
    with pytest.raises(InputError, match=told) as raised:
        start(Wanted(tmp_path / "new/shop", given if "://" in given else str(folder / given)))
    assert "secret" not in str(raised.value)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("exists", [True, False], ids=["a folder that is there", "a new folder"])
@pytest.mark.parametrize("fault", [KeyboardInterrupt(), OSError(28, "No space left on device")], ids=["Ctrl-C", "disk"])
def test_nothing_is_left_when_it_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exists: bool, fault: BaseException
) -> None:
    root = tmp_path / "below/shop"
    if exists:
        put(root, {"README.md": "mine"})

    def fails(*_: Any) -> None:
        raise fault

    monkeypatch.setattr(first_specs, "in_sql", fails)
    with pytest.raises((KeyboardInterrupt, RunError)):
        made_at(root, tmp_path)
    assert tree(tmp_path) == {**({"below/shop/README.md": "mine"} if exists else {}), "data/people.csv": PEOPLE}
    assert (tmp_path / "below").exists() == exists


def made_at(root: Path, tmp_path: Path) -> None:
    start(Wanted(root, str(put(tmp_path / "data", {"people.csv": PEOPLE}))))


def test_a_database_file_is_the_warehouse_and_keeps_its_own(tmp_path: Path) -> None:
    path = tmp_path / "theirs.duckdb"
    with duckdb.connect(str(path)) as theirs:
        theirs.execute(
            "create schema crm; create schema staging; create view staging.stg_customers as select 7 as theirs"
        )
        theirs.execute(
            "create table crm.customers as select i as id, 'u' || i || '@example.com' as email, "
            "{'city': case when i % 3 = 0 then 'Bern' else 'Rome' end} as address from range(1, 60) as t(i)"
        )
        theirs.execute(
            'create table "order" as select i as order_id, (i % 20 + 1)::double as customer_id, '
            "current_timestamp - to_days(i::int) as at, i * 1.5 as amount from range(1, 90) as t(i)"
        )
    started = start(Wanted(tmp_path / "shop", str(path)))
    assert started is not None
    found = catalog(started)
    assert found["contacts"]["attributes"]["city"] == {"type": "text", "column": ["address", "city"]}
    assert found["objects"]["order"]["via"] == "customer_id"
    report = Project(started.root).tick(send=True)
    assert report.errors == []
    assert {one.segment: one.members for one in report.segments} == started.segments
    with duckdb.connect(str(path)) as theirs:
        assert theirs.execute("select theirs from staging.stg_customers").fetchall() == [(7,)]
    with pytest.raises(InputError, match="has a schema segflow already"):
        start(Wanted(tmp_path / "another", str(path)))


def test_large_tables_are_looked_at_by_a_sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profile, "LOOKED_AT", 500)
    monkeypatch.setattr("segflow.start.propose.LOOKED_AT", 500)
    people = rows("id,email,city", "{n},{n}@example.com,{c}", 3000, c=lambda n: "London" if n % 3 else "Bern")
    twice = people + "3000,double@example.com,Bern\n"
    started = made(tmp_path, {"people.csv": people})
    assert "people.csv was looked at by a sample" in [one.what for one in started.choices]
    assert "their key is id" in [one.what for one in started.choices]
    other = made(tmp_path / "other", {"people.csv": twice})
    assert "their key is email" in [one.what for one in other.choices], (
        "an id that is there twice in all rows is no key"
    )


def test_a_large_file_is_read_three_times_and_iso_times_are_tried_in_no_other_form(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    run, ask = DuckDBWarehouse.execute, DuckDBWarehouse.rows

    def execute(self: DuckDBWarehouse, statement: Any, *more: Any) -> Any:
        said.append(statement.sql(dialect="duckdb"))
        return run(self, statement, *more)

    def asked(self: DuckDBWarehouse, query: Any, *more: Any) -> Any:
        said.append(query.sql(dialect="duckdb"))
        return ask(self, query, *more)

    monkeypatch.setattr(DuckDBWarehouse, "execute", execute)
    monkeypatch.setattr(DuckDBWarehouse, "rows", asked)
    people = rows("id,email", "{n},{n}@example.com", 300)
    done = rows("event_id,id,event_name,occurred_at", "{n},{c},visit,2026-01-01 10:00:00", 300, c=lambda n: n % 7 + 1)
    made(tmp_path, {"people.csv": people, "visits.csv": done})
    for file in ("people.csv", "visits.csv"):
        # The schema, the number of rows, what its columns are, and its rows with types.
        assert 0 < sum(file in one and "READ_CSV" in one.upper() for one in said) <= 4
    assert not any("strptime" in one.lower() for one in said)


def test_parquet_is_read_rather_than_the_csv_of_the_same_name(tmp_path: Path) -> None:
    with duckdb.connect() as any_:
        put(tmp_path / "data", {"people.csv": PEOPLE})
        any_.execute(f"copy (from '{tmp_path}/data/people.csv') to '{tmp_path}/data/people.parquet'")
    started = made(tmp_path, {})
    assert "people.csv: the Parquet file of the same name is read, which has types" in started.left_out
    assert catalog(started)["contacts"]["key"] == "id"
    assert ticks(started, 1)[0].errors == []


def test_the_table_of_contacts_can_be_said(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {"customers.csv": PEOPLE, "users.csv": PEOPLE}
    assert catalog(made(tmp_path, files, contacts="users"))["contacts"]["model"] == "stg_users"
    with pytest.raises(InputError, match=r"there is no table user \(did you mean users\?\)"):
        made(tmp_path / "other", files, contacts="user")


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> Any:
    monkeypatch.setattr(sys, "argv", ["segflow", "init", *words])
    with pytest.raises(SystemExit) as end:
        main()
    return end.value.code


def test_the_command_says_why_and_what_to_try(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    put(tmp_path / "data", {"people.csv": PEOPLE})
    monkeypatch.chdir(tmp_path)
    assert run(monkeypatch, "shop") == 2
    assert "say where your data is: --from FOLDER" in capsys.readouterr().err
    assert run(monkeypatch, "shop", "--from", "data", "--timezone", "Europe/Atlantis") == 2
    assert run(monkeypatch, "shop", "--template", "shopp") == 2
    assert "there is no template shopp (did you mean shop?)" in capsys.readouterr().err
    assert run(monkeypatch, "shop", "--from", "data", "--timezone", "Europe/Berlin") == 0
    told = capsys.readouterr().out
    assert "their key is id: 12 values, all different, none missing" in told
    assert told.endswith(
        "Try:\n  cd shop\n  segflow tick\n  segflow preview city_london\n  segflow explain city_london 1\n"
    )
    assert "time_zone: Europe/Berlin " in (tmp_path / "shop/segflow.yml").read_text()


def test_on_a_terminal_it_asks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    put(tmp_path / "data", {"people.csv": PEOPLE})
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(command.sys.stdin, "isatty", lambda: True, raising=False)
    answers = iter(["data", "UTC", False, "data", "Europe/Paris", True])
    monkeypatch.setattr(command.typer, "prompt", lambda *_, **__: next(answers))
    monkeypatch.setattr(command.typer, "confirm", lambda *_, **__: next(answers))
    assert run(monkeypatch, "shop") == 1
    assert "their key is id" in capsys.readouterr().out
    assert not (tmp_path / "shop").exists()
    assert run(monkeypatch, "shop") == 0
    assert "time_zone: Europe/Paris " in (tmp_path / "shop/segflow.yml").read_text()
