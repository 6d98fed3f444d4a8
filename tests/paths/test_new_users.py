"""From what new users have to a green tick, with at most three commands and no edit that a message did not ask for.

The path of who has a dbt project with a model `contacts`, macros of its own, a profile in ~/.dbt and a machine in New
York is `tests/test_your_dbt_project.py`; that of who takes a wheel is `tests/test_wheel.py`.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pytest

from segflow.cli.main import main
from segflow.project import Project
from tests.start.data import put, rows
from tests.test_your_dbt_project import OF_DBT, OLD

PEOPLE = rows("id,email,city", "{n},{n}@example.com,{c}", 12, c=lambda n: "London" if n % 3 else "Bern")
SEED = "cd dbt && dbt seed --profiles-dir ."
EXAMPLE = Path(__file__).resolve().parents[2] / "examples/online_retail"
MOST = 3
"""Commands, the green tick included."""


@dataclass(frozen=True)
class Step:
    """A command, what it says, and the edits that it asks for. `asks`: said by it, and what the edits and the next
    command follow from."""

    command: str
    asks: tuple[str, ...] = ()
    edits: dict[str, tuple[str, str]] = field(default_factory=dict)
    """File -> what is there, and what is put in its place."""
    by_hand: Callable[[Path], None] | None = None
    """What else is done in the project's folder."""


PROFILE = "segflow: {target: dev, outputs: {dev: {type: duckdb, path: ../data/dev.duckdb}, prod: {type: duckdb, path: ../data/prod.duckdb}}}"  # noqa: E501
SMALL = {
    "segflow.yml": "name: small\ntime_zone: Europe/Berlin\n",
    "segment_specs/catalog.yml": "contacts:\n  model: people\n  key: id\n  attributes: {city: text, email: text}\n"
    "  channels: {email: {address: email}}\n",
    "segment_specs/londoners.yml": "where: {attribute: city, is: London}\n",
    "segment_specs/in_sql.sql": "select id as contact_id\nfrom {{ ref('people') }}\nwhere city = 'Bern'\n",
    "flow_specs/hello.yml": "trigger: {enters: londoners}\nstatus: active\n"
    "steps: [{id: hi, send_email: {template: hi}}]\n",
    "flow_specs/templates/hi.txt": "---\nsubject: Hello\n---\nHello {{ contact.city }}\n",
    "dbt/dbt_project.yml": "name: small\nprofile: segflow\n",
    "dbt/profiles.yml": PROFILE,
    "dbt/models/people.sql": "select i as id, i || '@example.com' as email, if(i % 3 = 0, 'Bern', 'London') as city "
    "from range(1, 13) as t(i)",
    "data/.keep": "",
}
"""A project that somebody wrote by hand."""


def small(**changes: Any) -> dict[str, str | bytes]:
    """SMALL with other files, or with a word of a file replaced."""
    files: dict[str, str | bytes] = dict(SMALL)
    for name, change in changes.items():
        if isinstance(change, tuple):
            assert change[0] in SMALL[name], name
            change = SMALL[name].replace(*change)
        files[name] = change
    return files


def database(root: Path) -> None:
    with duckdb.connect(str(root / "crm.duckdb")) as connection:
        connection.execute("create table members as select i as id, i || '@example.com' as email, "
                           "if(i % 3 = 0, 'Bern', 'London') as city from range(1, 13) as t(i)")  # fmt: skip


def example(root: Path) -> None:
    shutil.copytree(EXAMPLE, root, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".segflow", "target", "*.parquet"))


def download(root: Path) -> None:
    """A line of the data that the example's README tells to download."""
    line = "'536365' as invoice_no, '85123A' as stock_code, 'LANTERN' as description, 6 as quantity, timestamp "
    line += "'2010-12-01 08:26' as invoice_date, 2.55 as unit_price, 17850 as customer_id, 'France' as country"
    with duckdb.connect() as connection:
        connection.execute(f"copy (select {line}) to '{root}/online_retail.parquet'")


@dataclass(frozen=True)
class Way:
    steps: list[Step]
    files: dict[str, str | bytes] = field(default_factory=dict)
    prepare: Callable[[Path], None] = lambda _: None


PATHS = {
    "an empty folder": Way(
        [
            Step("segflow init .", ("--template shop, saas or newsletter",)),
            Step("segflow init . --template newsletter", ("\n  segflow tick\n",)),
            Step("segflow tick"),
        ]
    ),
    "a folder of CSV files": Way(
        [Step("segflow init shop --from data", ("\n  cd shop\n  segflow tick\n",)), Step("cd shop && segflow tick")],
        {"data/people.csv": PEOPLE},
    ),
    "a DuckDB file": Way(
        [Step("segflow init shop --from crm.duckdb", ("\n  segflow tick\n",)), Step("cd shop && segflow tick")],
        prepare=database,
    ),
    "a typo in each file": Way(
        [
            Step(
                "segflow validate",
                (
                    "segflow.yml:2:1: unknown key time_zome (did you mean time_zone?)",
                    "catalog.yml:4:3: unknown key atributes (did you mean attributes?)",
                    "londoners.yml:1:9: unknown key atribute (did you mean attribute?)",
                    "in_sql.sql:2:6: there is no dbt model peple (did you mean people?)",
                    "hello.yml:1:11: unknown key entrs (did you mean enters?)",
                ),
                {
                    "segflow.yml": ("time_zome", "time_zone"),
                    "segment_specs/catalog.yml": ("atributes", "attributes"),
                    "segment_specs/londoners.yml": ("atribute", "attribute"),
                    "segment_specs/in_sql.sql": ("peple", "people"),
                    "flow_specs/hello.yml": ("entrs", "enters"),
                },
            ),
            Step(
                "segflow validate",
                (
                    "templates/hi.txt:4:1: contact.cty: the catalog has no attribute cty (did you mean city?)",
                    "dbt_project.yml:2:10: there is no profile segflow in ROOT/dbt/profiles.yml (did you mean segflw?)",
                ),
                {"flow_specs/templates/hi.txt": ("cty", "city"), "dbt/profiles.yml": ("segflw", "segflow")},
            ),
            Step("segflow tick"),
        ],
        small(
            **{
                "segflow.yml": ("time_zone", "time_zome"),
                "segment_specs/catalog.yml": ("attributes", "atributes"),
                "segment_specs/londoners.yml": ("attribute", "atribute"),
                "segment_specs/in_sql.sql": ("ref('people')", "ref('peple')"),
                "flow_specs/hello.yml": ("enters", "entrs"),
                "flow_specs/templates/hi.txt": ("contact.city", "contact.cty"),
                "dbt/profiles.yml": ("segflow:", "segflw:"),
            }
        ),
    ),
    "the example without its data": Way(
        [
            Step(
                "segflow validate",
                (
                    "the data file ROOT/online_retail.parquet of source raw.invoice_lines is not there",
                    "or set ONLINE_RETAIL_PARQUET to the path where it is; README.md of this project says how",
                ),
                by_hand=download,
            ),
            Step("segflow tick --as-of 2011-06-01T00:00:00Z"),
        ],
        prepare=example,
    ),
    "seeds that are not loaded": Way(
        [
            Step("segflow tick", ("dbt/seeds/members.csv:1:1: seed members is not loaded", f"run {SEED}\n")),
            Step(SEED),
            Step("segflow tick"),
        ],
        small(
            **{
                "dbt/seeds/members.csv": PEOPLE,
                "dbt/models/people.sql": "select * from {{ ref('members') }}",
                "dbt/models/staging.yml": "seeds: [{name: members}]\n",
            }
        ),
    ),
    "a second target": Way(
        [
            Step(
                "segflow tick",
                ("let delivery.store and warehouse.ledgers in segflow.yml name others, too",),
                {
                    "segflow.yml": (
                        "{target: prod}",
                        "{target: prod}\ndelivery: {store: prod.db}\nwarehouse: {ledgers: prod}",
                    )
                },
            ),
            Step("segflow tick"),
        ],
        small(),
        prepare=lambda root: first_target(root),
    ),
    "a project of an old version": Way(
        [
            Step(
                "segflow tick",
                ("dbt/models/report.sql:1:18: segflow's model contacts is called segflow__contacts now: write "
                 "ref('segflow__contacts')",),
                {"dbt/models/report.sql": ("ref('contacts')", "ref('segflow__contacts')")},
            ),
            Step("segflow tick"),
        ],
        small(
            **{f"dbt/{name}": text for name, text in OLD.items()},
            **{"dbt/models/report.sql": "select * from {{ ref('contacts') }}"},
        ),
    ),
    "a warehouse that is not dbt's": Way(
        [
            Step(
                "segflow tick",
                ("3:19: is ROOT/mine.duckdb, and dbt writes to ROOT/data/dev.duckdb", "leave warehouse.path out"),
                {"segflow.yml": ("warehouse: {path: mine.duckdb}", "")},
            ),
            Step("segflow tick"),
        ],
        small(**{"segflow.yml": f"{SMALL['segflow.yml']}warehouse: {{path: mine.duckdb}}\n"}),
    ),
}  # fmt: skip
"""With `tests/test_your_dbt_project.py` they are ten."""


def first_target(root: Path) -> None:
    Project(root).tick()
    (root / "segflow.yml").write_text(f"{SMALL['segflow.yml']}dbt: {{target: prod}}\n")


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """In New York, with nothing of dbt's at home."""
    for name in (*OF_DBT, "ONLINE_RETAIL_PARQUET"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TZ", "America/New_York")
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize("way", PATHS.values(), ids=PATHS)
def test_a_green_tick(
    way: Way, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert len(way.steps) <= MOST
    root = put(tmp_path / "work", way.files)
    root.mkdir(exist_ok=True)
    way.prepare(root)
    for step in way.steps:
        monkeypatch.chdir(root)
        code, told = ran(step.command, monkeypatch, capsys)
        told = told.replace(str(root), "ROOT")
        assert [text for text in step.asks if text not in told] == [], told
        for name, (old, new) in step.edits.items():
            text = (root / name).read_text()
            assert old in text
            (root / name).write_text(text.replace(old, new))
        if step.by_hand is not None:
            step.by_hand(root)
    assert code == 0, told
    assert " done: " in told


def ran(command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Exit code and words of a command; segflow's own run here, in an 80-column terminal as any."""
    if "segflow" not in shlex.split(command):
        done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr
    folder, _, words = command.rpartition(" && ")
    if folder:
        monkeypatch.chdir(folder.removeprefix("cd "))
    monkeypatch.setattr(sys, "argv", shlex.split(words))
    with pytest.raises(SystemExit) as ended:
        main()
    told = capsys.readouterr()
    return int(ended.value.code or 0), told.out + told.err
