#!/usr/bin/env bash
# Dagster's DuckDB I/O manager puts a partition into the columns of the first by position, and rounds it to the first's types.
#
# Seen with: dagster 1.13.27, dagster-duckdb-pandas 0.29.27, duckdb 1.5.6, pandas 2.3.3.
# One would expect: of an asset that returns data frames that columns go by their names, as in a data frame, and that a
#   partition whose column has another type is refused, or widens the column; what is read is what was written.
# What happens: the first partition that is not empty makes the table, with the types and the order of its frame. The others are
#   `INSERT INTO .. SELECT * FROM obj`. Columns in another order are swapped if their types allow it. Values are cast to the
#   types of the first: 2.75 becomes 3 where the first day's amounts were whole, 7 becomes true, the text 01234 becomes
#   1234; where the first day's texts were all missing the column is one of integers. All runs are successes, and the
#   metadata of each shows the columns and types of its frame, not of the table.
# What hurts a user: pandas makes a column's type of what is in it, so the first day of a backfill decides: a quiet day without
#   cents rounds all amounts of all days after it. A renamed step in the asset that changes the order of clicks and opens
#   swaps them, from that day on, in the same table.
# What segflow does about it: nothing is at stake; its own INSERTs name their columns, and their types are declared. Assets that
#   load a table in front of it select columns in one order and cast each (`astype`) before they return the frame.
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

DAYS = ["2026-10-30", "2026-10-31"]
CASES = {  # name: what the asset returns on the first day, on the second, what is in the table of the second
    "same_order": ({"opens": 9, "clicks": 1}, {"opens": 8, "clicks": 2}, {"opens": 8, "clicks": 2}),
    "another_order": ({"opens": 9, "clicks": 1}, {"clicks": 2, "opens": 8}, {"opens": 2, "clicks": 8}),
    "whole_amounts_first": ({"paid": 10}, {"paid": 2.75}, {"paid": 3}),
    "fractions_first": ({"paid": 2.75}, {"paid": 10}, {"paid": 10.0}),
    "flag_first": ({"opened": True}, {"opened": 7}, {"opened": True}),
    "number_first": ({"zip": 10115}, {"zip": "01234"}, {"zip": 1234}),
    "nothing_first": ({"code": None}, {"code": "0012"}, {"code": 12}),
}


def kept(name, first, second):
    frames = {day: pd.DataFrame({"day": [pd.Timestamp(day)]} | {k: [v] for k, v in row.items()})
              for day, row in zip(DAYS, (first, second))}

    @dagster.asset(name=name, partitions_def=dagster.DailyPartitionsDefinition(DAYS[0], end_date="2026-11-30"),
                   metadata={"partition_expr": "day"})
    def written(context) -> pd.DataFrame:
        return frames[context.partition_key]

    resources = {"io_manager": DuckDBPandasIOManager(database="shop.duckdb", schema="main")}
    with dagster.DagsterInstance.ephemeral() as instance:
        for day in DAYS:
            assert dagster.materialize([written], partition_key=day, instance=instance, resources=resources).success
    with duckdb.connect("shop.duckdb") as db:
        cursor = db.execute(f"SELECT * EXCLUDE (day) FROM {name} WHERE day = DATE '{DAYS[1]}'")
        return dict(zip([one[0] for one in cursor.description], cursor.fetchone()))


print("dagster", version("dagster"), "| dagster-duckdb-pandas", version("dagster-duckdb-pandas"), "| duckdb", duckdb.__version__)
holds = True
for name, (first, second, known) in CASES.items():
    seen = kept(name, first, second)
    print(f"{name}: after {first}, returned and expected: {second}; seen in the table: {seen}")
    holds &= seen == known and [type(v) for v in seen.values()] == [type(v) for v in known.values()]
sys.exit(0 if holds else "changed: partitions are put into the table by other rules now (see above)")
PY
