# ruff: noqa: E501 (tables: one case per line)
"""Files that people import: what is refused, why and where, and how the good rows are read."""

from __future__ import annotations

import csv
import io
import json
import re
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from segflow.cli.main import main
from segflow.errors import InputError
from segflow.imports.columns import parse_mapping, targets
from segflow.imports.good_rows import bad_addresses, check_rows
from segflow.imports.import_files import read_file
from segflow.outbox.addresses import InvalidAddressError, normal
from segflow.specs.catalog import Catalog
from segflow.warehouse.engines import scratch
from tests.world import CATALOG, World

_CONTACTS = {
    **CATALOG["contacts"],
    "key": "customer_no",
    "time_zone": "zone",
    "attributes": {
        **CATALOG["contacts"]["attributes"],
        "zone": "text",
        "visits": "integer",
        "birthday": "date",
        "seen_at": "timestamp",
        "hobbies": "list_of_text",
    },
}
WORLD_CATALOG = Catalog.model_validate({**CATALOG, "contacts": _CONTACTS})
Rows = list[dict[str, Any]]


def checked(tmp_path: Path, content: str | bytes, mapping: str = "", name: str = "fair.csv") -> tuple[Rows, list[str]]:
    """The good rows without what is missing, and the others as `line column value: why`."""
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    given = read_file(path)
    columns = targets(given, WORLD_CATALOG, parse_mapping(mapping.split()))
    with scratch() as warehouse:
        found = check_rows(warehouse, given, columns, WORLD_CATALOG)
    good = [{name: value for name, value in row.items() if value is not None} for row in found.rows.to_pylist()]
    return good, [f"{one.line} {one.column} {one.value}: {one.why}" for one in found.refused]


GOOD: dict[str, tuple[str, Rows]] = {
    "ids only": ("contact_id\na\n", [{"contact_id": "a"}]),
    "the catalog's key": ("customer_no,city\na,Rome\n", [{"contact_id": "a", "city": "Rome"}]),
    "blanks around, empty cells": ("contact_id,city,age\n a ,  Rome , \n", [{"contact_id": "a", "city": "Rome"}]),
    "quotes, commas and a line break": ('contact_id,city\na,"Rome, ""It""\nEU"\n', [{"contact_id": "a", "city": 'Rome, "It"\nEU'}]),
    "Windows, with a mark": ("\ufeffcontact_id,city\r\na,Rome\r\n", [{"contact_id": "a", "city": "Rome"}]),
    "semicolons": ("contact_id;city\na;Rome, Italy\n", [{"contact_id": "a", "city": "Rome, Italy"}]),
    "tabs": ("contact_id\tcity\na\tRome\n", [{"contact_id": "a", "city": "Rome"}]),
    "blank lines": ("contact_id,city\n\na,Rome\n\n\n", [{"contact_id": "a", "city": "Rome"}]),
    "numbers": ("contact_id,age,visits\n007,1e3,12\n", [{"contact_id": "007", "age": "1000", "visits": "12"}]),
    "true and false": ("contact_id,subscribed\na,TRUE\nb,0\n", [{"contact_id": "a", "subscribed": "true"}, {"contact_id": "b", "subscribed": "false"}]),
    "a date and times": (
        "contact_id,birthday,seen_at\na,2000-02-29,2026-03-01T01:00:00+02:00\nb,,2026-03-01\n",
        [
            {"contact_id": "a", "birthday": "2000-02-29", "seen_at": "2026-02-28 23:00:00"},
            {"contact_id": "b", "seen_at": "2026-03-01 00:00:00"},
        ],
    ),
    "addresses": (
        "contact_id,email,phone\na,Ann.O+x@Example.com,+44 20 7946 0018\nb,jörg@bücher.de,\n",
        [
            {"contact_id": "a", "email": "Ann.O+x@Example.com", "phone": "+44 20 7946 0018"},
            {"contact_id": "b", "email": "jörg@bücher.de"},
        ],
    ),
    "no rows": ("contact_id,city\n", []),
    "guards against formulas": (
        "contact_id,city\n'+491,'=Rome\n''-5,'tis\n' +1,''\n",
        [{"contact_id": "+491", "city": "=Rome"}, {"contact_id": "'-5", "city": "'tis"}, {"contact_id": "' +1", "city": "''"}],
    ),
    "a guarded number": ("contact_id,age\na,'-5\n", [{"contact_id": "a", "age": "-5"}]),
    "a line sep=": ("sep=;\ncontact_id;city\na;Rome, Italy\n", [{"contact_id": "a", "city": "Rome, Italy"}]),
    "a line sep= of Windows, with a mark": ("\ufeffSEP=,\r\ncontact_id,city\r\na,Rome; x\r\n", [{"contact_id": "a", "city": "Rome; x"}]),
    "a line sep= in quotes": ('"sep=;";\ncontact_id;city\na;Rome\n', [{"contact_id": "a", "city": "Rome"}]),
    "a line sep= against the header": ("sep=#\ncontact_id#city\na,b#Rome\n", [{"contact_id": "a,b", "city": "Rome"}]),
    "a line sep= with a tab": ("sep=\t\ncontact_id\tcity\na\tRome\n", [{"contact_id": "a", "city": "Rome"}]),
}  # fmt: skip


@pytest.mark.parametrize("case", GOOD)
def test_good_files(tmp_path: Path, case: str) -> None:
    content, rows = GOOD[case]
    assert checked(tmp_path, content) == (rows, [])


BAD_ROWS: dict[str, tuple[str, str]] = {
    "no id": ("contact_id,city\n,Rome\n", "2 contact_id None: the contact's id is missing"),
    "an id of blanks": ('contact_id,city\n"  ",Rome\n', "2 contact_id None: the contact's id is missing"),
    "an id twice": ("contact_id\na\nb\na\n", "4 contact_id a: line 2 has this contact already"),
    "not a number": ("contact_id,age\na,old\n", "2 age old: is not a number"),
    "not finite": ("contact_id,age\na,nan\n", "2 age nan: is not a number"),
    "a fraction": ("contact_id,visits\na,1.5\n", "2 visits 1.5: is not a whole number"),
    "not a boolean": ("contact_id,subscribed\na,maybe\n", "2 subscribed maybe: is not true or false"),
    "not a day of the calendar": ("contact_id,birthday\na,2001-02-29\n", "2 birthday 2001-02-29: is not a date like 2026-01-31"),
    "a day written otherwise": ("contact_id,birthday\na,31.01.2026\n", "2 birthday 31.01.2026: is not a date like 2026-01-31"),
    "not a time": ("contact_id,seen_at\na,noon\n", "2 seen_at noon: is not a time like 2026-01-31T06:00:00Z"),
    "not an address": ("contact_id,email\na,ann@\n", "2 email ann@: There must be something after the @-sign."),
    "a reserved domain": ("contact_id,email\na,ann@shop.local\n", "2 email ann@shop.local: The part after the @-sign is a special-use or reserved name that cannot be used with email."),
    "a phone without its country": ("contact_id,phone\na,020 7946 0018\n", "2 phone 020 7946 0018: (0) Missing or invalid default region. (write it with its country code, like +44 20 7946 0018)"),
    "a phone that is too short": ("contact_id,phone\na,+4420\n", "2 phone +4420: The number is too short or too long for its country."),
    "no time zone": ("contact_id,zone\na,Mars/Base\n", "2 zone Mars/Base: is not a time zone like Europe/Berlin"),
    "the first of several faults": ("contact_id,age,visits\na,x,y\n", "2 age x: is not a number"),
    "a row that is too short": ("contact_id,city,age\na,Rome\n", "2 None a,Rome: the row has 2 columns, the header has 3"),
    "a row that is too long": ("contact_id,city\n\na,Rome,1\n", "3 None a,Rome,1: the row has 3 columns, the header has 2"),
    "below a line sep=": ("sep=;\ncontact_id;age\na;x\n", "3 age x: is not a number"),
    "too short below a line sep=": ("sep=;\ncontact_id;age\na\n", "3 None a: the row has 1 columns, the header has 2"),
    "below line breaks": ('contact_id,city,age\na,"Rome\nItaly\n",1\n"x\ny"\nb,Bonn,x\n', "7 age x: is not a number"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_ROWS)
def test_bad_rows(tmp_path: Path, case: str) -> None:
    content, refused = BAD_ROWS[case]
    assert checked(tmp_path, content)[1][-1] == refused


def test_lines_of_rows_that_are_no_rows(tmp_path: Path) -> None:
    content = 'contact_id,city,age\na,"Rome\nItaly",1\n"x\ny"\nb\nc,Bonn,x\n'
    assert checked(tmp_path, content)[1] == [
        '4 None "x\ny": the row has 1 columns, the header has 3',
        "6 None b: the row has 1 columns, the header has 3",
        "7 age x: is not a number",
    ]


def test_the_first_good_row_of_a_contact_is_taken(tmp_path: Path) -> None:
    good, refused = checked(tmp_path, "contact_id,age\na,x\na,2\na,3\n")
    assert good == [{"contact_id": "a", "age": "2"}]
    assert refused == ["2 age x: is not a number", "4 contact_id a: line 3 has this contact already"]


BAD_FILES: dict[str, tuple[str | bytes, str, str]] = {
    "an unknown column": (
        "contact_id,citty\na,Rome\n", "",
        r"fair.csv: column citty is no attribute of the catalog \(did you mean city\?\); say which one it is with "
        "--map 'citty=ATTRIBUTE', or leave it out with --map 'citty='",
    ),
    "all unknown columns at once": ("contact_id,citty,agge\n", "", r"citty.*\n.*agge"),
    "a column without a name": ("contact_id,,city\n", "", "column number 2, which has no name is no attribute"),
    "no column with ids": ("city\nRome\n", "", "no column holds the contacts' ids; call it contact_id, or say which one it is with --map COLUMN=contact_id"),
    "a name twice": ("contact_id,city,city\n", "", "more than one column is called city; rename one"),
    "two columns for one attribute": ("contact_id,city,town\n", "town=city", r"columns (town and city|city and town) both hold city; leave one out"),
    "a list of texts": ("contact_id,hobbies\n", "", "hobbies is a list_of_text, which cannot be imported; leave column hobbies out"),
    "several columns without a name": ("contact_id,city,,\n", "", "column number 3, which.*--map '='.*column number 4, which"),
    "a mapping of several columns without a name": ("contact_id,,\n", "=city", "--map =city: fair.csv has several columns without a name"),
    "a mapping of no column without a name": ("contact_id,city\n", "=", "--map =: fair.csv has no column without a name"),
    "a mapping without a sign": ("contact_id\n", "city", "--map city: write COLUMN=ATTRIBUTE"),
    "a mapping of no column": ("contact_id,city\n", "cty=city", r"--map cty=city: fair.csv has no column cty \(did you mean city\?\)"),
    "a mapping to no attribute": ("contact_id,Ort\n", "Ort=ciyt", r"there is no attribute ciyt \(did you mean city\?\)"),
    "empty": ("", "", "cannot read .*fair.csv: Empty CSV file"),
    "another encoding": ("contact_id,city\na,K\u00f6ln\n".encode("latin-1"), "", "it is not written in UTF-8; save it as CSV UTF-8"),
    "another encoding of the header": ("contact_id,gr\u00f6\u00dfe\n".encode("latin-1"), "", "is not written in UTF-8; save it as CSV UTF-8"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_FILES)
def test_bad_files(tmp_path: Path, case: str) -> None:
    content, mapping, told = BAD_FILES[case]
    with pytest.raises(InputError, match=re.compile(told, re.DOTALL)):
        checked(tmp_path, content, mapping)


@pytest.mark.parametrize(("name", "told"), [("fair.xlsx", r"must end with \.csv or \.parquet"), ("fair.parquet", "is not a Parquet file"), ("gone.csv", "cannot read .*gone.csv: the folder does not exist|No such file")])  # fmt: skip
def test_no_such_file(tmp_path: Path, name: str, told: str) -> None:
    if name != "gone.csv":
        (tmp_path / name).write_text("x")
    with pytest.raises(InputError, match=told):
        read_file(tmp_path / name)


def test_columns_by_other_names(tmp_path: Path) -> None:
    content = "Nr,Ort,Notes\na,Rome,x\n"
    good, refused = checked(tmp_path, content, "Nr=contact_id Ort=city Notes=")
    assert (good, refused) == ([{"contact_id": "a", "city": "Rome"}], [])


@pytest.mark.parametrize("ends", [",", ",,", ',"",'])
def test_columns_without_a_name_are_left_out(tmp_path: Path, ends: str) -> None:
    content = f"contact_id,city{ends}\na,Rome{ends}\nb,Bonn{ends}\n{ends}{','}\n"
    good, refused = checked(tmp_path, content, "=")
    assert (good, refused) == ([{"contact_id": "a", "city": "Rome"}, {"contact_id": "b", "city": "Bonn"}], [])


def test_a_column_without_a_name_can_be_an_attribute(tmp_path: Path) -> None:
    assert checked(tmp_path, "contact_id,\na,Rome\n", "=city") == ([{"contact_id": "a", "city": "Rome"}], [])


def test_apostrophes_can_stay(tmp_path: Path) -> None:
    path = tmp_path / "fair.csv"
    path.write_text("contact_id,city\na,'=Rome\n")
    assert read_file(path, formula_guard=False).rows["city"].to_pylist() == ["'=Rome"]
    parquet.write_table(pa.table({"city": ["'=Rome"]}), tmp_path / "fair.parquet")
    assert read_file(tmp_path / "fair.parquet").rows["city"].to_pylist() == ["'=Rome"]


def test_a_parquet_file_with_types(tmp_path: Path) -> None:
    table = pa.table(
        {
            "contact_id": pa.array([7, 8, None], pa.int64()),
            "age": [1.5, None, 3.0],
            "subscribed": [True, False, None],
            "seen_at": pa.array([0, 1, None], pa.timestamp("us", "Europe/Berlin")),
        }
    )
    parquet.write_table(table, tmp_path / "fair.parquet")
    good, refused = checked(tmp_path, (tmp_path / "fair.parquet").read_bytes(), name="fair.parquet")
    assert good == [
        {"contact_id": "7", "age": "1.5", "subscribed": "true", "seen_at": "1970-01-01 00:00:00"},
        {"contact_id": "8", "subscribed": "false", "seen_at": "1970-01-01 00:00:00.000001"},
    ]
    assert refused == ["3 contact_id None: the contact's id is missing"]


def test_ids_with_fractions(tmp_path: Path) -> None:
    parquet.write_table(pa.table({"contact_id": [1.0, None]}), tmp_path / "fair.parquet")
    with pytest.raises(InputError, match="holds contact ids as numbers with a fraction"):
        checked(tmp_path, (tmp_path / "fair.parquet").read_bytes(), name="fair.parquet")


def test_the_short_way_judges_emails_as_the_long_one_does() -> None:
    strange = ["a@b", "a@x.com", "a..b@x.com", ".a@x.com", "a.@x.com", f"{'a' * 65}@x.com", "a@-x.com", "a@x..com",
               "a b@x.com", "a@x.local", f"a@{'x' * 64}.com", "a@x.com.", "a_b-c+d@x-y.co.uk", "A1@1.de", "a@1.2"]  # fmt: skip
    assert set(bad_addresses("email", strange)) == {one for one in strange if _refused_by_the_library(one)}


def _refused_by_the_library(address: str) -> bool:
    try:
        normal("email", address)
    except InvalidAddressError:
        return True
    return False


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    world.rows_of("contacts", [{"contact_id": "ana", "score": 1.0}])
    world.close()
    return world


def run(world: World, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["segflow", "--project-dir", str(world.root), *arguments])
    with pytest.raises(SystemExit) as end:
        main()
    return int(end.value.code or 0)


def test_the_command(world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    path = world.root / "fair.csv"
    path.write_text("contact_id,score\nana,4\nbob,x\n=cmd(),y\n")
    refused = world.root / "refused.csv"
    arguments = ["import", str(path), "--no-trigger-flows", "--list", "fair", "--refused", str(refused)]
    assert run(world, monkeypatch, *arguments) == 1
    shown = capsys.readouterr()
    assert "1 row of fair.csv waits for the next tick; no flow will react." in shown.out
    assert "2 rows were refused" in shown.err
    with refused.open() as file:
        assert list(csv.reader(file))[1:] == [
            ["3", "score", "x", "is not a number"],
            ["4", "score", "y", "is not a number"],
        ]
    assert run(world, monkeypatch, "--format", "json", *arguments) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["repeated"], told["rows"], told["tick_id"]) == (True, 1, None)
    assert told["refused"][0] == {"line": 3, "column": "score", "value": "x", "why": "is not a number"}
    assert run(world, monkeypatch, "imports", "--format", "json") == 0
    [listed] = json.loads(capsys.readouterr().out)["imports"]
    assert (listed["file"], listed["list"], listed["refused"], listed["trigger_flows"]) == (
        "fair.csv",
        "fair",
        2,
        False,
    )


def test_without_an_answer(world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    path = world.root / "fair.csv"
    path.write_text("contact_id\nana\n")
    assert run(world, monkeypatch, "import", str(path)) == 2
    assert "--trigger-flows or --no-trigger-flows" in capsys.readouterr().err
    assert world.project.store.imports.listing() == []


@pytest.mark.parametrize(("answer", "yes"), [("y", True), ("n", False)])
def test_a_person_is_asked(world: World, monkeypatch: pytest.MonkeyPatch, answer: str, yes: bool) -> None:
    (world.root / "fair.csv").write_text("contact_id\nana\n")
    terminal = io.StringIO(f"{answer}\n")
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdin", terminal)
    assert run(world, monkeypatch, "import", str(world.root / "fair.csv")) == 0
    assert [row["trigger_flows"] for row in world.project.store.imports.listing()] == [yes]


def test_a_list_that_does_not_exist(world: World) -> None:
    catalog = {**CATALOG, "lists": {**CATALOG["lists"], "names": ["fair"]}}
    world._write("segment_specs/catalog.yml", catalog)
    with pytest.raises(InputError, match=r"there is no list fiar in the catalog \(did you mean fair\?\)"):
        world.project.import_contacts(pa.table({"contact_id": ["a"]}), trigger_flows=True, list_name="fiar")
