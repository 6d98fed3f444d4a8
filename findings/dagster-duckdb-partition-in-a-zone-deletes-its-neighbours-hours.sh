#!/usr/bin/env bash
# Dagster's DuckDB I/O manager drops the zone of a partition: writing Sunday of New York deletes four hours of its Saturday.
#
# Seen with: dagster 1.13.27, dagster-duckdb-pandas 0.29.27, duckdb 1.5.6, in a process whose own zone is UTC.
# One would expect: that a daily partition of `timezone="America/New_York"` replaces, and reads, the rows of that day, from 4:00
#   UTC to 4:00 UTC, as its time window says; at least if the column is a TIMESTAMP WITH TIME ZONE, whose values are moments.
# What happens: the window's ends are written into SQL as the clock of New York shows them, without an offset, and DuckDB reads
#   them in the zone of the process. So `DELETE .. WHERE moment >= '2026-10-31 00:00:00'` takes the last four hours of the day
#   before, written by the run before, and a partition read back has its first twenty hours. The run is a success, and its
#   metadata has the count of the rows that were given. In hourly partitions each is read back empty. With a column in New
#   York's wall time days are right, but of the two hours 1:00 that the clocks go through in autumn the second's run
#   deletes the first's row, and the first is an empty window when read.
# What hurts a user: a table of events or orders, loaded by day of the shop's zone, lacks each evening but the last. Who bought
#   in the evening is a lapsed customer; a backfill from old to new makes it so for all of history.
# What segflow does about it: nothing is at stake; it writes by its own SQL, with moments in UTC. Tables loaded so in front of it take
#   partitions in UTC, or a `partition_expr` that is a DATE in the partition's zone.
# Source: none found.
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"
{ "${PYTHON:-python3}" -m venv venv && venv/bin/pip install --quiet --quiet dagster==1.13.27 dagster-duckdb-pandas==0.29.27 \
  duckdb==1.5.6 pandas==2.3.3 pytz==2026.6; } || exit 2
mkdir home
DAGSTER_HOME="$T/home" DAGSTER_DISABLE_TELEMETRY=yes TZ=UTC venv/bin/python -W ignore - 2> log <<'PY' || { grep -v DEBUG log >&2; exit 1; }
import sys
from importlib.metadata import version

import dagster
import duckdb
import pandas as pd
from dagster_duckdb_pandas import DuckDBPandasIOManager

ZONE = "America/New_York"
moments = pd.date_range("2026-10-30", periods=144, freq="h", tz="UTC")
events = pd.DataFrame({"id": range(144), "moment": moments})
DAYS = ["2026-10-30", "2026-10-31", "2026-11-01"]
HOURS = ["2026-11-01-00:00", "2026-11-01-01:00", "2026-11-01-01:00-0500", "2026-11-01-02:00"]
AS = {
    "moments": lambda at: at, "utc": lambda at: at.dt.tz_localize(None),
    "wall": lambda at: at.dt.tz_convert(ZONE).dt.tz_localize(None), "day": lambda at: at.dt.tz_convert(ZONE).dt.date,
}


def kept(name, partitions, kind, keys):
    @dagster.asset(name=name, partitions_def=partitions, metadata={"partition_expr": "day" if kind == "day" else "moment"})
    def written(context) -> pd.DataFrame:
        start, end = context.partition_time_window
        rows = events[(events["moment"] >= start) & (events["moment"] < end)]
        given.append(len(rows))
        return rows.assign(**{"day" if kind == "day" else "moment": AS[kind](rows["moment"])})

    given, io = [], DuckDBPandasIOManager(database="shop.duckdb", schema="main")
    with dagster.DagsterInstance.ephemeral() as instance:
        for key in keys:
            assert dagster.materialize([written], partition_key=key, instance=instance, resources={"io_manager": io}).success
    with duckdb.connect("shop.duckdb") as db:
        return sum(given), db.execute(f"SELECT count(*) FROM {name}").fetchone()[0]


def days(zone):
    return dagster.DailyPartitionsDefinition("2026-10-01", timezone=zone, end_date="2026-12-01")


hours = dagster.HourlyPartitionsDefinition("2026-11-01-00:00", timezone=ZONE, end_date="2026-11-02-00:00")
CASES = [  # name, partitions, how the column has the time, keys, rows that the runs return, rows that are in the table then
    ("days_in_utc", days("UTC"), "moments", DAYS, 72, 72),
    ("days_in_new_york", days(ZONE), "moments", DAYS, 73, 65),
    ("same_as_utc_without_zone", days(ZONE), "utc", DAYS, 73, 65),
    ("same_as_wall_time", days(ZONE), "wall", DAYS, 73, 73),
    ("same_by_a_date_in_new_york", days(ZONE), "day", DAYS, 73, 73),
    ("hours_in_new_york_as_wall_time", hours, "wall", HOURS, 4, 3),
]
print("dagster", version("dagster"), "| dagster-duckdb-pandas", version("dagster-duckdb-pandas"), "| duckdb", duckdb.__version__)
holds = True
for name, partitions, kind, keys, expected, known in CASES:
    seen = kept(name, partitions, kind, keys)
    print(f"{name}: rows of {len(keys)} runs, one after the other: expected {expected}; returned {seen[0]}, in the table {seen[1]}")
    holds &= seen == (expected, known)
sys.exit(0 if holds else "changed: the windows of partitions are written by other rules now (see above)")
PY
