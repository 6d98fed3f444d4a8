#!/usr/bin/env bash
# Reading a text as DECIMAL(19, 2) takes DuckDB many times as long as reading it as DECIMAL(18, 2).
#
# Seen with: duckdb 1.5.6: 7.7 against 0.07 microseconds a value (one thread of a slow machine), 100 times.
# One would expect: twice as long, which is what the wider decimal costs elsewhere: a cast of a DECIMAL(18, 2) or a
#   BIGINT to DECIMAL(38, 2) takes about 0.02 microseconds more.
# What happens: every text, however short, is read digit by digit in 128-bit arithmetic. A model that casts the amounts
#   of 20 million events from text or JSON to DECIMAL(38, x) takes minutes in place of seconds.
# What hurts a user: amounts that come as text or JSON, in a model that plays safe with DECIMAL(38, 9).
# What segflow does about it: reads such texts as a double where that says all of their digits, and otherwise in two
#   halves of 18 digits (segflow/warehouse/duckdb/values/number.sql).
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"
{ "${PYTHON:-python3}" -m venv venv && venv/bin/pip install --quiet --quiet duckdb==1.5.6; } || exit 2
venv/bin/python - <<'PY'
import sys
import time
import duckdb

print("duckdb", duckdb.__version__)
connection = duckdb.connect()
connection.execute("SET threads = 1")
connection.execute(
    "CREATE TABLE rows AS SELECT CAST(CAST(range % 100000 AS DECIMAL(18, 2)) AS VARCHAR) AS text, "
    "CAST(range % 100000 AS DECIMAL(18, 2)) AS amount FROM range(300000)"
)


def microseconds(value):
    best = 1e9
    for _ in range(3):
        start = time.process_time()
        connection.execute(f"SELECT max({value}) FROM rows").fetchall()
        best = min(best, time.process_time() - start)
    return best / 0.3


seen = {
    value: microseconds(value)
    for value in (
        "CAST(text AS DECIMAL(18, 2))", "CAST(text AS DECIMAL(19, 2))", "CAST(text AS DECIMAL(38, 2))",
        "CAST(amount AS DECIMAL(38, 2))", "CAST(text AS DOUBLE)",
    )
}
for value, cost in seen.items():
    print(f"{value:32} {cost:8.3f} microseconds a value")
narrow, wide, widest, *_ = seen.values()
print(f"expected: about 2 times as long; seen: {wide / narrow:.0f} and {widest / narrow:.0f} times")
sys.exit(0 if wide > 15 * narrow and widest > 15 * narrow else "changed: long decimals are read about as fast (see above)")
PY
