#!/usr/bin/env bash
# Dagster: a check reported from outside stays good for all data that is reported later
#
# Seen with: dagster 1.13.27
# One would expect: all_deps_blocking_checks_passed() holds a downstream asset back until the check has passed on the
#   newest materialization. When both happen in runs it does: new data, old check, nothing is requested.
# What happens: when both are reported with report_runless_asset_event (a script, cron, another orchestrator), one pass
#   is enough for ever. Whether a check is about the newest materialization is decided by "same run id" before the times
#   are looked at, and all runless events have the same, empty one.
# What hurts: the condition guards what sends. A pipeline that reports its loads and checks from outside sends on
#   yesterday's check, before today's was made. The bad check that comes later finds the mails gone.
#   segflow's safety does not rest on it: stages refuse what was not built for this tick. Who adds automation conditions
#   should report loads and checks from within runs.
# Source: dagster/_core/storage/asset_check_execution_record.py (targets_latest_materialization); related:
#   dagster-io/dagster pull request 31230.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet dagster==1.13.27 || { echo "cannot install"; exit 2; }

venv/bin/python -W ignore - <<'PY' 2>log || { tail -5 log; exit 1; }
import sys
import time

import dagster as dg

@dg.asset
def contacts(): ...


@dg.asset_check(asset=contacts, blocking=True)
def unique_ids():
    return dg.AssetCheckResult(passed=True)


@dg.asset(deps=[contacts], automation_condition=dg.AutomationCondition.all_deps_blocking_checks_passed())
def mails(): ...


definitions = dg.Definitions(assets=[contacts, mails], asset_checks=[unique_ids])


def let_through(instance):
    found = dg.evaluate_automation_conditions(definitions, instance=instance)
    return found.get_num_requested(dg.AssetKey("mails")) > 0


def story(load, check):
    """Loaded; checked; loaded again, and not yet checked: is `mails` requested after each?"""
    with dg.DagsterInstance.ephemeral() as instance:
        seen = []
        for step in (load, check, load):
            step(instance)
            seen.append(let_through(instance))
            time.sleep(1.1)  # times are compared, too
    return seen


passed = dg.AssetCheckEvaluation(
    asset_key=dg.AssetKey("contacts"), check_name="unique_ids", passed=True, blocking=True,
    severity=dg.AssetCheckSeverity.ERROR, metadata={},
)  # fmt: skip
in_runs = story(
    lambda instance: dg.materialize([contacts], instance=instance),
    lambda instance: dg.materialize([unique_ids, contacts], instance=instance),
)
from_outside = story(
    lambda instance: instance.report_runless_asset_event(dg.AssetMaterialization("contacts")),
    lambda instance: instance.report_runless_asset_event(passed),
)
print(f"dagster {dg.__version__}")
print("mails requested after: load, check, new load without a check")
print(f"expected: False, True, False      in runs: {in_runs}      reported from outside: {from_outside}")
if in_runs != [False, True, False] or from_outside != [False, True, True]:
    print("This has changed: the check of an earlier load no longer counts for runless events, or counts in runs, too.")
    sys.exit(1)
PY
