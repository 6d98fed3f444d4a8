"""What a parse learned serves later processes, as long as it is true."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlglot import exp

from segflow.errors import RunError
from segflow.project import Project
from segflow.warehouse.dbt import DbtProject
from segflow.warehouse.dbt_index import read_index
from segflow.warehouse.duckdb.engine import DuckDBEngine
from tests.world import World

CONTACTS = Path("models/staging/stg_contacts.sql")


def engine(root: Path) -> DuckDBEngine:
    return DuckDBEngine(root / "warehouse.duckdb", root / "ledgers")


@pytest.fixture(scope="module")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a dbt project that was parsed once."""
    world = World(tmp_path_factory.mktemp("index"), real=True)
    world.segment("londoners", {"where": {"attribute": "city", "is": "London"}})
    Project(world.root).write_models()
    DbtProject(world.root / "dbt", engine(world.root)).parse()
    return world.root / "dbt"


@pytest.fixture
def unparsed(parsed: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DbtProject]:
    """The project as a later process sees it, which may not parse."""
    project = DbtProject(parsed, engine(parsed.parent))

    def refuse() -> None:
        raise AssertionError("it parses")

    monkeypatch.setattr(project, "parse", refuse)
    contacts = (parsed / CONTACTS).read_text(encoding="utf-8")
    yield project
    (parsed / CONTACTS).write_text(contacts, encoding="utf-8")
    DbtProject(parsed, engine(parsed.parent)).parse()


def test_a_later_process_knows_where_models_are_without_a_parse(unparsed: DbtProject) -> None:
    assert unparsed.relation("stg_contacts") == exp.table_(
        "stg_contacts", db="staging", catalog="warehouse", quoted=True
    )
    with pytest.raises(RunError, match="no model stg_nothing"):
        unparsed.relation("stg_nothing")


def test_generated_models_do_not_count_as_changes(unparsed: DbtProject) -> None:
    (unparsed.directory / "models" / "segflow" / "segflow__contacts.sql").write_text(
        "select 1 as contact_id", encoding="utf-8"
    )
    assert read_index(unparsed.directory / "target", unparsed.files) is not None


@pytest.mark.parametrize(
    "path", [CONTACTS, Path("models/staging/stg_new.sql"), Path("dbt_project.yml"), Path("profiles.yml")], ids=str
)
def test_whoever_changes_a_file_makes_the_next_process_parse(unparsed: DbtProject, path: Path) -> None:
    file = unparsed.directory / path
    before = file.read_bytes() if file.exists() else None
    file.write_bytes((before or b"select 1 as one") + b"\n")
    try:
        assert read_index(unparsed.directory / "target", unparsed.files) is None
        with pytest.raises(AssertionError, match="it parses"):
            unparsed.relation("stg_contacts")
    finally:
        file.write_bytes(before) if before is not None else file.unlink()


@pytest.mark.parametrize(
    ("edit", "same"),
    [("\n-- a word\n{0}\n", True), ("{{# a word #}}\n{0}", True), ("{0} where city is not null", False)],
    ids=["comment", "jinja comment", "condition"],
)
def test_the_code_of_a_model_changes_with_what_it_says(unparsed: DbtProject, edit: str, same: bool) -> None:
    before = unparsed.code("stg_contacts")
    file = unparsed.directory / CONTACTS
    file.write_text(edit.format(file.read_text(encoding="utf-8")), encoding="utf-8")
    later = DbtProject(unparsed.directory, engine(unparsed.directory.parent))
    assert (later.code("stg_contacts") == before) is same
