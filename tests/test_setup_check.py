"""A set-up that is broken: what validate and doctor say, and a first tick that leaves nothing behind; then mended."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from segflow.cli.main import main
from segflow.project import Project
from segflow.ticks import record

AT = datetime(2026, 3, 1, tzinfo=UTC)
CATALOG = {
    "contacts": {"model": "people", "key": "id", "created_at": "since", "attributes": {"city": "text"}},
    "events": [{"model": "visits", "contact": "id", "event": "visit", "at": "at", "properties": {"paid": "boolean"}}],
}
PEOPLE = "select 'a' as id, timestamp '2026-01-01' as since, 'Rome' as city"
VISITS = "select 'a' as id, timestamp '2026-01-02' as at, true as paid"


def project(root: Path, files: dict[str, str] | None = None) -> Path:
    texts = {
        "segflow.yml": "name: small\n",
        "segment_specs/catalog.yml": yaml.safe_dump(CATALOG, sort_keys=False),
        "segment_specs/romans.yml": "where: {attribute: city, is: Rome}\n",
        "segment_specs/payers.yml": "where: {event: visit, where: {property: paid, is: true}}\n",
        "dbt/dbt_project.yml": "name: small\nprofile: segflow\nmodels: {small: {segflow: {+schema: segflow}}}\n",
        "dbt/profiles.yml": (
            "segflow: {target: d, outputs: {d: {type: duckdb, path: \"{{ env_var('SEGFLOW_WAREHOUSE', 'x') }}\"}}}\n"
        ),
        "dbt/models/people.sql": PEOPLE,
        "dbt/models/visits.sql": VISITS,
        **(files or {}),
    }
    for name, text in texts.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return root


def said(root: Path, capsys: pytest.CaptureFixture[str], *command: str) -> tuple[int, str]:
    """The exit code of a command, and what it says; of JSON a line per object, its texts with `: ` between them."""
    argv = ["segflow", "--project-dir", str(root), "--format", "json", *command]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", argv)
        with pytest.raises(SystemExit) as ended:
            main()
    told = capsys.readouterr()
    text = "\n".join(lines(json.loads(told.out))) if told.out.startswith("{") else told.out
    return int(ended.value.code or 0), (text + told.err).replace(str(root), "ROOT")


def lines(value: Any) -> Iterator[str]:
    for below in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from lines(below)
    if isinstance(value, dict):
        yield ": ".join(one for one in value.values() if isinstance(one, str))


SOURCE = """sources:
  - name: raw
    tables:
      - name: rows
        config:
          meta:
            external_location: read_csv('{{ env_var("PEOPLE", env_var("SEGFLOW_PROJECT_DIR", "..") ~ "/people.csv") }}')
"""
FROM_FILE = "select id, cast(since as timestamp) as since, city from {{ source('raw', 'rows') }}"
CSV = "id,since,city\na,2026-01-01,Rome\n"


@dataclass(frozen=True)
class Broken:
    files: dict[str, str]
    tick: tuple[str, ...]
    """What the error of the first tick has, beside what doctor says."""
    both: tuple[str, ...] = ()
    """What doctor and the tick say."""
    validate: bool = False
    """Validate says that, too."""
    mended: dict[str, str] = field(default_factory=dict)


CASES = {
    "data file": Broken(
        {"dbt/models/sources.yml": SOURCE, "dbt/models/people.sql": FROM_FILE, "README.md": "make people.csv by hand"},
        ("the contacts cannot be built",),
        (
            "dbt/models/sources.yml:7:32: the data file ROOT/people.csv of source raw.rows is not there",
            "put it there, or set PEOPLE to the path where it is; README.md of this project says how to get it",
        ),
        validate=True,
        mended={"people.csv": CSV},
    ),
    "columns": Broken(
        {
            "dbt/models/people.sql": "select 1.0::double as id, current_date as sinse, 'Rome' as town",
            "dbt/models/visits.sql": "select 'a' as id, 'yesterday' as at, 'true' as paid",
        },
        (
            "holds ids as DOUBLE",
            "has no column since (the contacts' created_at, segment_specs/catalog.yml:4) (did you mean sinse?)",
            "segment_specs/catalog.yml:6:11: model people has no column city",
            "segment_specs/catalog.yml:11:7: column at of model visits",
        ),
        mended={"dbt/models/people.sql": PEOPLE, "dbt/models/visits.sql": VISITS},
    ),
    "a table of a source": Broken(
        {
            "dbt/models/sources.yml": "sources: [{name: crm, schema: main, tables: [{name: members}]}]",
            "dbt/models/people.sql": "select * from {{ source('crm', 'members') }}",
        },
        ("the contacts cannot be built",),
        ("dbt/models/sources.yml:1:1: table main.members of a source is not in the warehouse",),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_first_tick_that_cannot_succeed_leaves_nothing(
    case: Broken, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = project(tmp_path, case.files)

    def says(command: str, code: int, *texts: str) -> None:
        done, told = said(root, capsys, *command.split())
        assert done == code, told
        assert [text for text in texts if text not in told] == [], told

    code, told = said(root, capsys, "validate")
    assert (code, [text in told for text in case.both]) == (0, [case.validate] * len(case.both))
    if case.both:
        says("doctor", 1, *case.both)
    tick = f"tick --as-of {AT.isoformat()}"
    says(tick, 1, *case.both, *case.tick)
    with duckdb.connect(str(root / ".segflow/warehouse.duckdb")) as connection:
        assert connection.execute("select count(*) from segflow.ticks").fetchone() == (0,)
        left = [path for path in (root / ".segflow").rglob("*.parquet") if path.is_file()]
        assert left == []
    assert record.read(Project(root).store) is None
    # What is lost now is no warehouse: no tick was committed.
    says("rebuild", 2, "there is nothing to rebuild")
    if not case.mended:
        return
    project(root, {**case.files, **case.mended})
    # A day before: the failed one does not count.
    says(f"tick --as-of {(AT - timedelta(days=1)).isoformat()}", 0, "20260228T000000Z")
    says("doctor", 0)


UNUSABLE = {
    "no dbt project": (
        {"dbt/dbt_project.yml": None},
        "segment_specs/catalog.yml:2:10: there is no dbt project: ROOT/dbt holds no dbt_project.yml",
    ),
    "a dbt_project.yml without a name": (
        {"dbt/dbt_project.yml": "profile: segflow\n"},
        "dbt/dbt_project.yml:1:1: dbt/dbt_project.yml has no name",
    ),
    "no profile": (
        {"dbt/dbt_project.yml": "name: small\nprofile: segflw\n"},
        "dbt/dbt_project.yml:2:10: there is no profile segflw in ROOT/dbt/profiles.yml (did you mean segflow?)",
    ),
    "another zone": (
        {
            "dbt/profiles.yml": "segflow:\n  target: d\n  outputs:\n    d: {type: duckdb, path: x, "
            "settings: {timezone: Asia/Tokyo}}\n"
        },
        "dbt/profiles.yml:4:42: dbt's profile sets TimeZone to Asia/Tokyo",
    ),
    "packages": (
        {"dbt/packages.yml": "packages: [{local: ../macros}]"},
        "dbt/packages.yml:1:1: the packages of the dbt project are not installed",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("files", "told"), UNUSABLE.values(), ids=UNUSABLE)
def test_what_no_tick_can_do_without_is_told_before_anything_is_written(
    files: dict[str, str | None], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = project(tmp_path, {name: text for name, text in files.items() if text is not None})
    for name in (name for name, text in files.items() if text is None):
        (root / name).unlink()
    for command, code in (("validate", 0), ("doctor", 1), ("tick", 2)):
        done, text = said(root, capsys, command)
        assert (done, told in text) == (code, True), text
    assert not (root / "dbt/models/segflow").exists()


def test_a_healthy_doctor_notes_types_of_which_something_is_lost(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    visits = "select 'a' as id, date '2026-01-02' as at, unnest(['true', 'no', 'perhaps']) as paid"
    root = project(tmp_path, {"dbt/models/visits.sql": visits})
    assert said(root, capsys, "tick", "--as-of", AT.isoformat())[0] == 0
    code, told = said(root, capsys, "doctor")
    at, paid = (line for line in told.splitlines() if line.startswith("catalog: "))
    assert code == 0
    assert at.startswith("catalog: note: segment_specs/catalog.yml:11:7: column at of model visits (the time of")
    assert "is a DATE" in at
    assert "holds 1 of 3 values that are no boolean, like perhaps" in paid
