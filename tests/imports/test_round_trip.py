"""What segflow exports as CSV it imports as it was."""

from __future__ import annotations

import tempfile
import unicodedata
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segflow.exports.write import writer
from segflow.imports.good_rows import check_rows
from segflow.imports.import_files import read_file
from segflow.specs.catalog import Catalog
from segflow.warehouse.engines import scratch
from tests.imports.test_files import run
from tests.world import CATALOG, World

_BLANKS = "".join(chr(code) for code in range(0x10000) if unicodedata.category(chr(code)) == "Zs")
_CATALOG = Catalog.model_validate(CATALOG)
# Half of the letters mean something to spreadsheets, to CSV or to the guard.
_TEXTS = st.text(
    st.one_of(st.sampled_from("''=+-@\t\r\n\uff1d\uff0b\uff0d\uff20,;|\"& 1a"), st.characters(codec="utf-8"))
)


@pytest.mark.parametrize("guard", [True, False])
@settings(max_examples=60, deadline=None)
@given(texts=st.lists(_TEXTS, max_size=30))
def test_any_text_comes_back(guard: bool, texts: list[str]) -> None:
    # An import takes blanks around a text off, and an empty cell says nothing.
    texts = [text.replace("\0", "") for text in texts]
    ids = [f"{number}" for number in range(len(texts))]
    table = pa.table({"contact_id": pa.array(ids, pa.string()), "city": pa.array(texts, pa.string())})
    with tempfile.TemporaryDirectory() as folder, scratch() as warehouse:
        path = Path(folder) / "all.csv"
        with writer("csv", path, table.schema, formula_guard=guard) as write:
            for batch in table.to_batches():
                write(batch)
        given_ = read_file(path, formula_guard=guard)
        found = check_rows(warehouse, given_, {"contact_id": "contact_id", "city": "city"}, _CATALOG)
    assert not found.refused
    assert found.rows["contact_id"].to_pylist() == ids
    assert found.rows["city"].to_pylist() == [text.strip(_BLANKS) or None for text in texts]


@pytest.mark.parametrize("guard", [True, False])
def test_an_export_changes_nothing_when_it_is_imported(tmp_path: Path, guard: bool) -> None:
    contacts = [("+491", "=Rome"), ("'+491", "'=Rome"), ("''-5", "'tis"), ("@ana", "''"), ("-5", "-"), ("b", None)]
    world = World(tmp_path, settings={"exports": {"formula_guard": guard}})
    world.rows_of("contacts", [{"contact_id": name, "city": city} for name, city in contacts])
    world.segment("all", {"where": {"everyone": True}})
    world.tick(datetime(2026, 3, 1, tzinfo=UTC))
    done = world.project.export("all", columns=["contact_id", "city"])
    told = world.project.import_contacts(done.path, trigger_flows=False, formula_guard=guard)
    assert (told.rows, told.refused) == (len(contacts), [])
    world.tick(datetime(2026, 3, 2, tzinfo=UTC))
    found = world.rows("select contact_id, city from segflow.contacts")
    assert {(row["contact_id"], row["city"]) for row in found} == set(contacts)
    assert not world.rows("select * from segflow.contact_imports")


def test_the_options_of_the_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(tmp_path)
    world.rows_of("contacts", [{"contact_id": "'+491"}])
    world.segment("all", {"where": {"everyone": True}})
    world.tick(datetime(2026, 3, 1, tzinfo=UTC))
    world.close()
    path = tmp_path / "all.csv"
    for options, written in ([], "''+491"), (["--formula-guard"], "''+491"), (["--no-formula-guard"], "'+491"):
        assert run(world, monkeypatch, "export", "all", "-o", str(path), *options) == 0
        assert path.read_text() == f'"contact_id"\n"{written}"\n'
    assert run(world, monkeypatch, "import", str(path), "--no-trigger-flows", "--no-formula-guard") == 0
    world.tick(datetime(2026, 3, 2, tzinfo=UTC))
    assert [row["contact_id"] for row in world.rows("select contact_id from segflow.contacts")] == ["'+491"]
