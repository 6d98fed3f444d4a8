"""The definitions of the demo shop: its asset graph, jobs and schedule; wrong specs; the home of the UI."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from dagster import (
    AssetKey,
    DagsterInstance,
    DagsterInvalidDefinitionError,
    DefaultScheduleStatus,
    Definitions,
    build_schedule_context,
    validate_run_config,
)

from segflow.dagster.__main__ import prepare_home, workspace
from segflow.dagster.build import build_definitions
from segflow.dagster.dbt_graph import load_graph
from segflow.project import Project
from tests.dagster.homes import instance_of

ROOT = Path(__file__).parents[2]
GOLDEN = Path(__file__).with_name("demo_assets.txt")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    shutil.copy(ROOT / "segflow.yml", folder)
    for name in ("segment_specs", "flow_specs", "dbt"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("target", "logs"))
    return folder


@pytest.fixture(scope="module")
def definitions(demo: Path) -> Definitions:
    return build_definitions(Project(demo))


def test_the_graph_of_the_demo_is_the_golden_one(definitions: Definitions) -> None:
    """To accept a change: UPDATE_GOLDEN=1 make test-all."""
    graph = definitions.get_repository_def().asset_graph
    lines = []
    for key in sorted(graph.get_all_asset_keys()):
        node = graph.get(key)
        parents = ", ".join(sorted(parent.to_user_string() for parent in node.parent_keys))
        external = "" if node.is_materializable else " (outside)"
        lines.append(f"{node.group_name}: {key.to_user_string()}{external} <- {parents}".rstrip())
    text = "\n".join(lines) + "\n"
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text(text, encoding="utf-8")
    assert text == GOLDEN.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("trigger", "read"),
    [
        pytest.param("{date: birthday}", "models/contacts", id="date"),
        pytest.param("{date: {object: order, field: ordered_at}}", "staging/stg_orders", id="date-of-an-object"),
        pytest.param("{event: purchase}", "staging/stg_events", id="event"),
        pytest.param("{broadcast: {segment: no_city, at: '2026-03-02T08:30'}}", "segments/no_city", id="broadcast"),
    ],
)
def test_a_flow_hangs_on_what_its_trigger_reads(demo: Path, trigger: str, read: str) -> None:
    added = demo / "flow_specs" / "added.yml"
    added.write_text(f"status: active\ntrigger: {trigger}\nsteps: [{{id: a, wait: 1 day}}]\n", encoding="utf-8")
    try:
        graph = build_definitions(Project(demo)).get_repository_def().asset_graph
    finally:
        added.unlink()
    assert [key.to_user_string() for key in graph.get(AssetKey(["flows", "added"])).parent_keys] == [read]


def test_every_spec_has_its_asset_and_its_check(definitions: Definitions, demo: Path) -> None:
    graph = definitions.get_repository_def().asset_graph
    assets = {key.to_user_string() for key in graph.materializable_asset_keys}
    checks = {f"{key.asset_key.to_user_string()}:{key.name}" for key in graph.asset_check_keys}
    segments = {p.stem for p in (demo / "segment_specs").iterdir()} - {"catalog"}
    flows = {p.stem for p in (demo / "flow_specs").glob("*.yml")}
    assert {f"segments/{name}" for name in segments} | {f"flows/{name}" for name in flows} <= assets
    assert {f"exports/{name}" for name in segments} <= assets
    assert {f"segments/{name}:evaluated" for name in segments} <= checks
    assert {f"flows/{name}:not_held" for name in flows} <= checks
    assert {"senders/mailbox:no_errors", "models/contacts:unique_ids"} <= checks


def test_the_tick_jobs_have_every_stage_and_no_dbt_test(definitions: Definitions) -> None:
    order = ["ingest", "build", "cross", "advance", "send", "export", "verdict"]
    for name in ("tick", "tick_multiprocess"):
        job = definitions.resolve_job_def(name)
        assert [node.name for node in job.nodes_in_topological_order] == order
    assert [node.name for node in definitions.resolve_job_def("dbt_tests").nodes] == ["run_dbt_tests"]


def test_the_schedule_is_off_and_its_time_becomes_as_of(definitions: Definitions, tmp_path: Path) -> None:
    found = definitions.resolve_schedule_def("tick_schedule")
    assert (found.cron_schedule, found.execution_timezone) == ("0 6 * * *", "Europe/London")
    assert found.default_status == DefaultScheduleStatus.STOPPED
    due = datetime(2026, 7, 1, 5, 0, tzinfo=UTC)
    with DagsterInstance.local_temp(str(tmp_path)) as instance:
        context = build_schedule_context(instance=instance, scheduled_execution_time=due)
        [request] = found.evaluate_tick(context).run_requests
    as_of = request.run_config["ops"]["ingest"]["config"]["as_of"]
    assert datetime.fromisoformat(as_of) == due
    assert validate_run_config(definitions.resolve_job_def("tick"), request.run_config)


def test_the_dbt_graph_is_parsed_again_only_after_a_change(definitions: Definitions, demo: Path) -> None:
    cached = Project(demo)
    load_graph(cached)
    assert cached.dbt._manifest is None
    model = demo / "dbt" / "models" / "staging" / "stg_tags.sql"
    text = model.read_text(encoding="utf-8")
    try:
        model.write_text(text + "-- once more\n", encoding="utf-8")
        changed = Project(demo)
        load_graph(changed)
        assert changed.dbt._manifest is not None
    finally:
        model.write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    ("file", "text", "told"),
    [
        pytest.param(
            "segment_specs/wrong.yml",
            "where:\n  attribute: ctiy\n  is: London\n",
            r"segment_specs/wrong\.yml:2:\d+: .*ctiy.*city",
            id="a misspelt attribute",
        ),
        pytest.param("segflow.yml", "cadenc: daily\n", r"segflow\.yml:1:1: .*cadence", id="a misspelt setting"),
        pytest.param("dbt/models/staging/stg_x.sql", "select {{ ref('nowhere') }}", "nowhere", id="a model for dbt"),
    ],
)
def test_wrong_files_are_a_load_error_that_names_them(
    demo: Path, tmp_path: Path, file: str, text: str, told: str
) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(demo, broken)
    (broken / file).write_text(text, encoding="utf-8")
    with pytest.raises(DagsterInvalidDefinitionError, match=told):
        build_definitions(Project(broken))


def test_the_location_is_called_as_the_project_is(demo: Path, tmp_path: Path) -> None:
    def location(root: Path) -> str:
        [loaded] = yaml.safe_load(workspace(root).read_text(encoding="utf-8"))["load_from"]
        return str(loaded["python_module"]["location_name"])

    assert location(demo) == "demo_shop"
    broken = tmp_path / "my-shop"
    broken.mkdir()
    (broken / "segflow.yml").write_text("cadenc: daily\n", encoding="utf-8")
    assert location(broken) == "my_shop"


def test_a_stranger_reads_the_graph(definitions: Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    groups = {graph.get(key).group_name for key in graph.get_all_asset_keys()}
    assert groups == {
        "sources", "staging", "contacts", "segments", "flows", "delivery", "exports", "internals", "ledgers",
    }  # fmt: skip
    contacts = graph.get(AssetKey(["models", "contacts"]))
    columns = {one.name: one.type for one in contacts.metadata["dagster/column_schema"].columns}
    assert columns["birthday"] == "date"
    deps = contacts.metadata["dagster/column_lineage"].deps_by_column
    assert [(one.asset_key.path[-1], one.column_name) for one in deps["email"]] == [("stg_contacts", "email")]
    [reference] = graph.get(AssetKey(["staging", "stg_contacts"])).metadata["dagster/code_references"].code_references
    assert reference.file_path.endswith("dbt/models/staging/stg_contacts.sql")
    flow = graph.get(AssetKey(["flows", "welcome"]))
    assert (flow.tags["segflow/status"], flow.kinds) == ("active", {"flow", "yaml"})
    export = graph.get(AssetKey(["exports", "win_back"])).metadata
    assert [one.name for one in export["dagster/column_schema"].columns][:2] == ["contact_id", "email"]


def test_the_home_of_the_ui_has_our_settings_and_keeps_edits(tmp_path: Path) -> None:
    home = prepare_home(tmp_path)
    assert home == tmp_path / ".segflow" / "dagster_home"
    with instance_of(home) as instance:
        assert instance.run_monitoring_enabled
        limits = instance.get_concurrency_config().pool_config
        assert (str(limits.pool_granularity.value), limits.default_pool_limit) == ("run", 1)
    (home / "dagster.yaml").write_text(yaml.safe_dump({"telemetry": {"enabled": False}}), encoding="utf-8")
    prepare_home(tmp_path)
    assert "run_monitoring" not in (home / "dagster.yaml").read_text(encoding="utf-8")
