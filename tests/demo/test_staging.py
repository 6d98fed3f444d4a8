"""The root project's staging models and their tests, built by dbt on a small shop."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import pytest
import yaml
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.cli.main import dbtRunner

from demo.shop import build
from segflow.specs.catalog import Catalog

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("staging")
    path = folder / "warehouse.duckdb"
    build(path, contacts=60)
    dbt = folder / "dbt"
    shutil.copytree(ROOT / "dbt", dbt, ignore=shutil.ignore_patterns("target", "logs", "segflow"))
    shutil.copytree(ROOT / "dbt" / "macros" / "segflow", dbt / "macros" / "segflow")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEGFLOW_WAREHOUSE", str(path))
        try:
            result = dbtRunner().invoke(["build", "--quiet", "--project-dir", str(dbt), "--profiles-dir", str(dbt)])
        finally:
            DuckDBConnectionManager.close_all_connections()
    failed = [node.node.name for node in getattr(result.result, "results", []) if node.status in ("error", "fail")]
    assert result.success, failed or result.exception
    return path


def test_the_catalog_names_columns_that_the_models_have(warehouse: Path) -> None:
    catalog = Catalog.model_validate(yaml.safe_load((ROOT / "segment_specs" / "catalog.yml").read_text("utf-8")))
    contacts = catalog.contacts
    attributes = {name for name, attribute in contacts.attributes.items() if attribute.written_by != "flows"}
    assert contacts.created_at is not None
    wanted = {contacts.model: {contacts.key, *attributes, contacts.created_at.column}}
    for source in catalog.events:
        payload = source.payload and source.payload.column
        wanted[source.model] = {source.contact, source.at.column, source.name, payload}
    for spec in catalog.objects.values():
        wanted[spec.model] = {spec.key, *spec.fields} | (
            {spec.via, spec.created_at and spec.created_at.column} - {None}
        )
    for labels in (catalog.lists, catalog.tags):
        assert labels.model is not None
        wanted[labels.model] = {labels.contact, labels.name, labels.added_at and labels.added_at.column}
    with duckdb.connect(str(warehouse)) as connection:
        for model, columns in wanted.items():
            have = {row[0] for row in connection.execute(f"describe staging.{model}").fetchall()}
            assert columns <= have, model


def test_the_catalog_names_every_event_list_and_tag_of_the_shop(warehouse: Path) -> None:
    catalog = Catalog.model_validate(yaml.safe_load((ROOT / "segment_specs" / "catalog.yml").read_text("utf-8")))
    with duckdb.connect(str(warehouse)) as connection:
        events = {row[0] for row in connection.execute("select distinct event_name from staging.stg_events").fetchall()}
        keys = connection.execute(
            "select distinct event_name, unnest(json_keys(properties)) from staging.stg_events"
        ).fetchall()
        lists = connection.execute("select distinct list_name from staging.stg_list_members").fetchall()
        tags = connection.execute("select distinct tag from staging.stg_tags").fetchall()
    assert events == set(catalog.event_names())
    for event, key in keys:
        found = catalog.event(event)
        assert found is not None
        assert key in found[1], (event, key)
    assert {row[0] for row in lists} <= set(catalog.lists.names)
    assert {row[0] for row in tags} <= set(catalog.tags.names)
