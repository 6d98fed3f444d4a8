"""The dbt tests of the user's models, and what the catalog promises of them, as asset checks with a job each.

They are not part of a tick: what a tick cannot do without (unique contact ids) it checks itself, and a test over all
events would cost every tick more than its stages do. The job holds the lease while dbt reads the warehouse, so it and
a tick never run at the same time; it uses the models as the last tick built them, views with the data of now.
"""

# No `from __future__ import annotations`: Dagster reads the type of the context from the annotation itself.

from collections.abc import Iterator
from datetime import UTC, datetime

from dagster import (
    AssetCheckExecutionContext,
    AssetCheckKey,
    AssetCheckResult,
    AssetChecksDefinition,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetKey,
    multi_asset_check,
)

from segflow.dagster.dbt_graph import DbtGraph, DbtTest
from segflow.dagster.keys import POOL
from segflow.dagster.steps import Worker
from segflow.models.catalog_checks import broken, promises
from segflow.project import Project
from segflow.warehouse.models import ModelResult
from segflow.warehouse.tick import Tick


def dbt_test_checks(project: Project, dbt: DbtGraph) -> AssetChecksDefinition | None:
    """All dbt tests as one step; None when the project has none."""
    if not dbt.tests:
        return None
    tests = {test.check_key: test for test in dbt.tests}

    @multi_asset_check(name="run_dbt_tests", specs=[_spec(test) for test in dbt.tests], can_subset=True, pool=POOL)
    def dbt_tests(context: AssetCheckExecutionContext) -> Iterator[AssetCheckResult]:
        chosen = [tests[key] for key in sorted(context.selected_asset_check_keys)]
        with Worker(project, context).borrowed():
            found = project.dbt.test([test.name for test in chosen])
        for test in chosen:
            yield _result(test, found.get(test.name))

    return dbt_tests


def catalog_checks(project: Project, dbt: DbtGraph) -> AssetChecksDefinition | None:
    """What the catalog promises of the user's models, as one step; None when dbt has none of the models."""
    # A tick builds what segments and flows need, and no more.
    needed = dbt.upstream([node for node in dbt.nodes.values() if node.kind is not None])
    nodes = {
        node.name: node
        for node in dbt.nodes.values()
        if node.unique_id in needed and node.kind is None and node.resource_type != "source"
    }
    known = {
        AssetCheckKey(nodes[one.model].asset_key, one.name): one
        for one in promises(project.specs.catalog)
        if one.model in nodes
    }
    if not known:
        return None
    specs = [AssetCheckSpec(key.name, asset=key.asset_key, description=one.words) for key, one in known.items()]

    @multi_asset_check(name="run_catalog_checks", specs=specs, can_subset=True, pool=POOL)
    def catalog_checks(context: AssetCheckExecutionContext) -> Iterator[AssetCheckResult]:
        keys = {known[key]: key for key in sorted(context.selected_asset_check_keys)}
        now = datetime.now(UTC)
        with Worker(project, context).borrowed(), project.warehouse() as warehouse:
            at_work = project.context(warehouse, Tick("", now))
            for one, why in broken(at_work, list(keys), now):
                yield AssetCheckResult(
                    asset_key=keys[one].asset_key,
                    check_name=keys[one].name,
                    passed=why is None,
                    severity=AssetCheckSeverity.WARN,
                    description=why,
                )

    return catalog_checks


def _spec(test: DbtTest) -> AssetCheckSpec:
    return AssetCheckSpec(
        test.name,
        asset=AssetKey(test.key),
        additional_deps=[AssetKey(key) for key in test.reads],
        description=test.description,
    )


def _result(test: DbtTest, found: ModelResult | None) -> AssetCheckResult:
    status = found.status if found is not None else "skipped"
    # dbt reports "warn" for a failed test of severity warn, "error" for one that could not run at all.
    severity = AssetCheckSeverity.WARN if status == "warn" else AssetCheckSeverity.ERROR
    return AssetCheckResult(
        asset_key=AssetKey(test.key),
        check_name=test.name,
        passed=status == "pass",
        severity=severity,
        description=None if status == "pass" else (found.message if found is not None else "dbt did not run the test"),
        metadata={"status": status, "seconds": round(found.seconds, 3) if found is not None else 0.0},
    )
