"""A set-up that is broken: what validate and doctor say, and a first tick that leaves nothing behind; then mended."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

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
    argv = ["segflow", "--project-dir", str(root), "--format", "json", *command]
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as ended:
        patch.setattr("sys.argv", argv)
        main()
    told = capsys.readouterr()
    return int(ended.value.code or 0), told.out + told.err


@dataclass(frozen=True)
class Broken:
    files: dict[str, str]
    tick: tuple[str, ...]
    """What the error of the first tick has."""
    validate: str | None = None
    doctor: tuple[str, ...] = ()
    mended: dict[str, str] = field(default_factory=dict)
    run: tuple[str, ...] = ()


SOURCE = """sources:
  - name: raw
    tables:
      - name: rows
        config: {meta: {external_location: "read_csv('%s/people.csv')"}}
"""
FROM_FILE = "select id, cast(since as timestamp) as since, city from {{ source('raw', 'rows') }}"
CSV = "id,since,city\na,2026-01-01,Rome\n"

CASES = {
    "data file": Broken(
        {"dbt/models/sources.yml": SOURCE, "dbt/models/people.sql": FROM_FILE},
        ("dbt/models/sources.yml:5:1", "people.csv of source raw.rows is not there"),
        validate="people.csv of source raw.rows is not there",
        doctor=("people.csv of source raw.rows is not there",),
        mended={"people.csv": CSV},
    ),
    "seed not loaded": Broken(
        {"dbt/seeds/raw_people.csv": CSV, "dbt/models/people.sql": "select * from {{ ref('raw_people') }}"},
        ("seed raw_people is not loaded", "run dbt seed --project-dir dbt --profiles-dir dbt"),
        doctor=("seed raw_people is not loaded",),
        mended={"dbt/models/people.sql": PEOPLE},
    ),
    "columns": Broken(
        {
            "dbt/models/people.sql": "select 1.0::double as id, current_date as sinse, 'Rome' as town",
            "dbt/models/visits.sql": "select 'a' as id, date '2026-01-02' as at, 'true' as paid",
        },
        (
            "holds ids as DOUBLE",
            "has no column since (the contacts' created_at, segment_specs/catalog.yml:4) (did you mean sinse?)",
            "segment_specs/catalog.yml:6:",
            "has no column city",
        ),
        mended={"dbt/models/people.sql": PEOPLE, "dbt/models/visits.sql": VISITS},
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_first_tick_that_cannot_succeed_leaves_nothing(
    case: Broken, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {name: text.replace("%s", str(tmp_path)) for name, text in case.files.items()}
    root = project(tmp_path, files)
    code, told = said(root, capsys, "validate")
    assert code == 0
    assert (case.validate or '"setup": []') in told
    if case.doctor:
        code, told = said(root, capsys, "doctor")
        assert code == 1
        for text in case.doctor:
            assert text in told
    code, told = said(root, capsys, "tick", "--as-of", AT.isoformat())
    assert code == 1
    for text in case.tick:
        assert text in told
    with duckdb.connect(str(root / ".segflow/warehouse.duckdb")) as connection:
        assert connection.execute("select count(*) from segflow.ticks").fetchone() == (0,)
    assert record.read(Project(root).store) is None
    # What is lost now is no warehouse: no tick was committed.
    (root / ".segflow/warehouse.duckdb").unlink()
    code, told = said(root, capsys, "rebuild")
    assert code == 2
    assert "there is nothing to rebuild" in told
    project(root, {**files, **case.mended})
    code, told = said(root, capsys, "tick", "--as-of", AT.isoformat())
    assert (code, json.loads(told)["resumed"]) == (0, False)


def test_no_dbt_project_is_told_before_a_tick(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = project(tmp_path)
    (root / "dbt/dbt_project.yml").unlink()
    for command, code in (("validate", 0), ("doctor", 1), ("tick", 2)):
        found, told = said(root, capsys, command)
        assert found == code
        assert "segment_specs/catalog.yml:2:10" in told
        assert "dbt/dbt_project.yml is missing" in told


def test_the_doctor_names_columns_of_doubtful_types(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = project(tmp_path, {"dbt/models/visits.sql": "select 'a' as id, date '2026-01-02' as at, 'true' as paid"})
    assert said(root, capsys, "tick", "--as-of", AT.isoformat())[0] == 0
    code, told = said(root, capsys, "doctor")
    assert code == 1
    found = [one for one in json.loads(told)["checks"] if one["check"] == "catalog"]
    assert ["is a DATE" in one["what"] or "holds booleans as texts" in one["what"] for one in found] == [True, True]
    project(root)
    code, told = said(root, capsys, "tick", "--as-of", "2026-03-02T00:00:00Z")
    found = [one for one in json.loads(said(root, capsys, "doctor")[1])["checks"] if one["check"] == "catalog"]
    assert [one["state"] for one in found] == ["fine"]
