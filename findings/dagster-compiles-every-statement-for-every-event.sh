#!/usr/bin/env bash
# Dagster: its event log in SQLite makes a new SQLAlchemy engine for every event, so that no statement is ever cached
#
# Seen with: dagster 1.13.27, SQLAlchemy 2.1.9 (storage by default, in $DAGSTER_HOME)
# One would expect: the storage has one engine for each of its databases, whose cache of compiled statements serves all
#   the events of a run; SQLAlchemy's documentation calls an engine something that is made once for a process.
# What happens: each use of a database makes an engine and throws it away. A materialization is two of them, the result
#   of a check four. Every INSERT is compiled anew, the dialect is initialized anew, and the last close of a file in
#   write-ahead mode writes its log back and deletes it. A run of 20 assets with a check each makes 451 engines.
# What hurts: an event takes three to four times as long as with an engine that is kept, so a run with some hundred
#   assets and checks spends seconds on it, and so does its launch, which stores an event for each that is planned.
# What segflow does: its dagster.yaml names an event log of the same files and tables that keeps its connections.
# Source: dagster/_core/storage/event_log/sqlite/sqlite_event_log.py, `_connect`; docs.sqlalchemy.org, "Engine Configuration".
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
${PYTHON:-python3} -m venv venv
venv/bin/pip install --quiet dagster==1.13.27 sqlalchemy==2.1.9 || { echo "cannot install"; exit 2; }
mkdir home
echo "telemetry: {enabled: false}" > home/dagster.yaml
export DAGSTER_HOME="$work/home"

cat > look.py <<'PY'
import warnings

warnings.simplefilter("ignore")
import dagster as dg
import sqlalchemy
from dagster._core.storage.event_log.sqlite import sqlite_event_log as module

ASSETS = 20
specs = [dg.AssetSpec(f"asset_{n}") for n in range(ASSETS)]
checks = [dg.AssetCheckSpec("filled", asset=f"asset_{n}") for n in range(ASSETS)]


@dg.multi_asset(specs=specs, check_specs=checks)
def made():
    for n in range(ASSETS):
        yield dg.MaterializeResult(f"asset_{n}")
        yield dg.AssetCheckResult(asset_key=f"asset_{n}", check_name="filled", passed=True)


engines, compiled = [], 0
make = module.create_engine


def count(context):
    global compiled
    compiled += context.cache_hit is not sqlalchemy.engine.default.CacheStats.CACHE_HIT


def counted(*words, **named):
    engine = make(*words, **named)
    engines.append(engine)
    sqlalchemy.event.listen(
        engine, "before_cursor_execute", lambda c, cur, s, p, context, many: count(context) if context.compiled else None
    )
    return engine


with dg.DagsterInstance.get() as instance:
    dg.materialize([made], instance=instance)
    module.create_engine = counted
    run = dg.materialize([made], instance=instance)
    module.create_engine = make
    stored = len(list(instance.all_logs(run.run_id)))
print("@", stored, len(engines), compiled)
PY
read -r stored engines compiled < <(venv/bin/python look.py 2>"$work/log" | sed -n 's/^@ //p') \
    || { tail -5 "$work/log"; exit 2; }
echo "events of a second run:                $stored"
echo "expected: engines made for them:       2 (one for the run, one for the index), statements compiled: some 20"
echo "seen: engines made: $engines, statements compiled: $compiled"
[ "$engines" -gt "$stored" ] && [ "$compiled" -gt "$stored" ] \
    || { echo "This has changed: Dagster keeps its engines; segflow's event log can go."; exit 1; }
