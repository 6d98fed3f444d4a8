#!/usr/bin/env bash
# dlt's incremental cursor compares moments that came as JSON as text: 1:10 after the clocks went back is before 1:50.
#
# Seen with: dlt 1.31.0, duckdb 1.5.6.
# One would expect: that a cursor goes by the moment. dlt itself sees that `updated_at` is one: the column that it makes
#   is a TIMESTAMP WITH TIME ZONE, and the values in it are right. Its guide gives such texts as `initial_value`.
# What happens: the values are compared before they are read, letter by letter, by Python's `max`. A row whose text sorts
#   before the last one kept is left out for good, though it is later: with another offset (a shop's local time, when
#   clocks go back), or with a fraction, because "." sorts before "Z" (encoders that leave out zeros, Go's among them,
#   write a whole second without one). Nothing is reported, the run is a success, and the cursor moves on.
# What hurts a user: one hour's orders are missing each autumn, and of a source that writes fractions an event now and
#   then. Who ordered in that hour is reminded of the cart, and counts as lapsed.
# What segflow does about it: nothing. It reads what the loader has brought; its guards see a load that stopped, not one
#   that lacks an hour. `add_map` of a function that makes the text a datetime in UTC, before the cursor sees it, helps
#   (`initial_value` has to be a datetime then, too); so does a source that is asked for UTC, without fractions.
# Source: dlt's guide "Cursor-based incremental loading" has `max` as the default, and ISO texts in all its examples;
#   it does not say that their offsets do not count.
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"
{ "${PYTHON:-python3}" -m venv venv && venv/bin/pip install --quiet --quiet "dlt[duckdb]==1.31.0" duckdb==1.5.6; } || exit 2
export DLT_DATA_DIR="$T/dlt" RUNTIME__DLTHUB_TELEMETRY=false RUNTIME__LOG_LEVEL=CRITICAL
venv/bin/python - <<'PY'
import sys
from datetime import UTC, datetime
from importlib.metadata import version

import dlt

CASES = {  # what the first run brings, what the second brings (all of it later), which of the three arrive
    "all in UTC": ("2026-11-01T05:50:00Z", ["2026-11-01T06:10:00Z", "2026-11-01T07:10:00Z"], [1, 2, 3]),
    "clocks go back": ("2026-11-01T01:50:00-04:00", ["2026-11-01T01:10:00-05:00", "2026-11-01T02:10:00-05:00"], [1, 3]),
    "another offset": ("2026-11-01T09:00:00Z", ["2026-11-01T05:00:00-05:00", "2026-11-01T11:00:00Z"], [1, 3]),
    "with a fraction": ("2026-11-01T09:00:00Z", ["2026-11-01T09:00:00.250Z", "2026-11-01T09:00:01Z"], [1, 3]),
}


def loaded(name, batches):
    pipeline = dlt.pipeline(name, destination=dlt.destinations.duckdb(f"{name}.duckdb"), dataset_name="shop")
    for batch in batches:

        @dlt.resource(name="orders", primary_key="id", write_disposition="merge")
        def orders(since=dlt.sources.incremental("updated_at", initial_value="1970-01-01T00:00:00Z")):
            yield batch

        pipeline.run(orders())
    with pipeline.sql_client() as client:
        return client.execute_sql("SELECT id, typeof(updated_at) FROM orders ORDER BY id")


holds = True
print("dlt", version("dlt"), "| duckdb", version("duckdb"))
for number, (name, (first, later, known)) in enumerate(CASES.items()):
    moments = [datetime.fromisoformat(one).astimezone(UTC) for one in [first, *later]]
    assert moments == sorted(moments), "the rows come in the order of time"
    rows = [{"id": at, "updated_at": one} for at, one in enumerate([first, *later], start=1)]
    found = loaded(f"case_{number}", [rows[:1], rows[1:]])
    seen = [one for one, _ in found]
    print(f"{name:15} {first}, then {', '.join(later)}: expected orders [1, 2, 3]; seen {seen}, as {found[0][1]}")
    holds &= seen == known and {kind for _, kind in found} == {"TIMESTAMP WITH TIME ZONE"}
sys.exit(0 if holds else "changed: the cursor goes by the moment, or by other rules, now (see above)")
PY
