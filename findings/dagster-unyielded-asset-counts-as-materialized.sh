#!/usr/bin/env bash
# Dagster: what a multi-asset leaves unsaid means four different things
#
# Seen with: dagster 1.13.27
# One would expect: a step that promised an asset or a check and yields nothing for it is treated in one way, whichever
#   it is and whether or not the multi-asset can be subset: an error, or "not done".
# What happens:                        can_subset=False                     can_subset=True
#   asset not yielded                  recorded as MATERIALIZED             not recorded; what needs it is skipped
#   blocking check not yielded         the step fails                       a log line; what it blocks RUNS
#   and three of these four runs are green.
# What hurts: an early `return` records an asset that was never made, with a fresh time in the UI; and
#   `can_subset=True`, added so that people can pick assets, turns a forgotten blocking check from an error into a pass.
#   segflow yields every asset that was picked, has no blocking checks, and decides in the stages, not in Dagster, what
#   may go on.
# Source: the log line is in dagster/_core/execution/plan/active.py; dagster-io/dagster issues 20659 and 33931 are near.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet dagster==1.13.27 || { echo "cannot install"; exit 2; }

venv/bin/python - <<'PY' 2>log || { tail -5 log; exit 1; }
import sys

import dagster as dg


def lived(can_subset, yields_asset, yields_check):
    @dg.multi_asset(
        name="stage",
        specs=[dg.AssetSpec("contacts"), dg.AssetSpec("facts")],
        check_specs=[dg.AssetCheckSpec("unique_ids", asset="contacts", blocking=True)],
        can_subset=can_subset,
    )
    def stage():
        yield dg.MaterializeResult("contacts")
        if yields_asset:
            yield dg.MaterializeResult("facts")
        if yields_check:
            yield dg.AssetCheckResult(asset_key="contacts", check_name="unique_ids", passed=True)

    @dg.asset(deps=["contacts"])
    def mails(): ...

    @dg.asset(deps=["facts"])
    def sizes(): ...

    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize([stage, mails, sizes], instance=instance, raise_on_error=False)
        made = [k for k in ("facts", "mails", "sizes") if instance.get_latest_materialization_event(dg.AssetKey(k))]
    return ("green" if result.success else "red", made)


seen = {
    "asset missing, can_subset=False": lived(False, False, True),
    "asset missing, can_subset=True ": lived(True, False, True),
    "check missing, can_subset=False": lived(False, True, False),
    "check missing, can_subset=True ": lived(True, True, False),
}
print(f"dagster {dg.__version__}")
print("expected: facts is not recorded when it is not yielded; mails does not run when its blocking check says nothing")
for case, (colour, made) in seen.items():
    print(f"seen: {case}: the run is {colour}; recorded: {', '.join(made) or 'none'}")
if list(seen.values()) != [
    ("green", ["facts", "mails", "sizes"]),
    ("green", ["mails"]),
    ("red", ["facts"]),
    ("green", ["facts", "mails", "sizes"]),
]:
    print("This has changed: a multi-asset that leaves something out is treated in another way now.")
    sys.exit(1)
PY
