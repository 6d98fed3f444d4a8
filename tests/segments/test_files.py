"""`segflow compile` and `compile --check`: what is on disk against what the specs say."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from segflow.segments.compiler import Compiled, compile_project
from segflow.segments.files import differences, generated_files, write
from segflow.specs.load import load_specs
from tests.segments.shop import FIXTURE

MODELS = Path("dbt/models/segflow")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The small shop with its models written."""
    copied = tmp_path / "shop"
    shutil.copytree(FIXTURE, copied)
    write(compiled(copied), copied)
    return copied


def compiled(root: Path) -> Compiled:
    return compile_project(load_specs(root))


def times(root: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in (root / "dbt").rglob("*") if path.is_file()}


def test_what_was_written_matches_and_is_not_written_again(root: Path) -> None:
    before = times(root)
    assert differences(compiled(root), root) == []
    assert write(compiled(root), root) == []
    assert times(root) == before


def test_a_first_write_makes_every_file_and_no_other(tmp_path: Path) -> None:
    root = tmp_path / "shop"
    shutil.copytree(FIXTURE, root)
    project = compiled(root)
    missing = differences(project, root)
    assert missing == [f"{path} is missing" for path in sorted(generated_files(project))]
    assert write(project, root) == sorted(generated_files(project))
    below = {path.relative_to(root) for path in (root / MODELS).rglob("*") if path.is_file()}
    assert below == {path for path in generated_files(project) if path.is_relative_to(MODELS)}


def test_an_edited_spec_changes_only_what_hangs_on_it(root: Path) -> None:
    spec = root / "segment_specs" / "londoners.yml"
    spec.write_text(spec.read_text().replace("London", "Paris"))
    changed = [MODELS / "segflow__membership_masks.sql", MODELS / "segments" / "segflow__segment__londoners.sql"]
    assert differences(compiled(root), root) == [f"{path} differs from the specs" for path in changed]
    before = times(root)
    assert write(compiled(root), root) == changed
    after = times(root)
    assert {path.relative_to(root) for path in after if after[path] != before[path]} == set(changed)


def test_an_edited_model_is_told_and_mended(root: Path) -> None:
    model = root / MODELS / "segflow__contacts.sql"
    written = model.read_text()
    model.write_text(written + "-- mine\n")
    assert differences(compiled(root), root) == [f"{MODELS}/segflow__contacts.sql differs from the specs"]
    write(compiled(root), root)
    assert model.read_text() == written


def test_a_deleted_model_is_told_and_made_again(root: Path) -> None:
    (root / MODELS / "segflow__memberships.sql").unlink()
    assert differences(compiled(root), root) == [f"{MODELS}/segflow__memberships.sql is missing"]
    assert write(compiled(root), root) == [MODELS / "segflow__memberships.sql"]


def test_models_of_a_removed_segment_are_removed(root: Path) -> None:
    (root / "segment_specs" / "reviewers.yml").unlink()
    names = ("facts/segflow__facts__event_review.sql", "segments/segflow__segment__reviewers.sql")
    gone = [MODELS / name for name in names]
    found = differences(compiled(root), root)
    assert [f"{path} belongs to no spec" for path in gone] == [line for line in found if "no spec" in line]
    assert set(gone) <= set(write(compiled(root), root))
    assert not any((root / path).exists() for path in gone)
    assert differences(compiled(root), root) == []


def test_files_of_the_user_are_left_alone(root: Path) -> None:
    staging = root / "dbt/models/staging/stg_people.sql"
    notes = root / MODELS / "NOTES.md"
    notes.write_text("mine")
    written = staging.read_text()
    (root / "segment_specs" / "reviewers.yml").unlink()
    write(compiled(root), root)
    assert (staging.read_text(), notes.read_text()) == (written, "mine")
