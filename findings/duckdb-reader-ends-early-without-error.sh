#!/usr/bin/env bash
# Rows that are read in batches from DuckDB end early, as if there were no more, when the connection is used in between.
#
# Seen with: duckdb 1.5.6 (and 2.0.1, where it raises), pyarrow 26.0.1.
# One would expect: that a reader goes on with its rows, as a result that was executed does in other drivers; or that
#   the statement in between, or the next batch, raises.
# What happens: 1.5.6 drops the rest. The reader's loop ends like one that has read everything: the batch in hand is the
#   last one, read_all() returns an empty table, and of two readers that run side by side the first has no rows at all.
#   Any statement of the same connection does it, SELECT 1 included; a cursor of its own does not. 2.0.1 refuses the
#   statement in between ("connection has an open result"), so code that lost rows on one fails on the other.
# What hurts a user: an export, a ledger file or a take-over into the delivery store that is short by nobody knows whom.
# What segflow does about it: whoever reads in batches runs nothing else on that connection until the last batch, and
#   a rebuild holds every ledger file against the number of rows that the tick has recorded.
# Source: github.com/duckdb/duckdb/issues/12713 and 16589 (closed as intended, "needs documentation").
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"
{ "${PYTHON:-python3}" -m venv venv && venv/bin/pip install --quiet --quiet duckdb==1.5.6 pyarrow==26.0.1 &&
  venv/bin/pip install --quiet --quiet --target duckdb2 duckdb==2.0.1; } || exit 2
cat > probe.py <<'PY'
import sys
import duckdb

ROWS, BATCH = 10_000, 1_000


def count(between):
    """How many rows a loop over batches sees when `between` runs after the first."""
    connection = duckdb.connect()
    connection.execute(f"CREATE TABLE members AS SELECT range AS id FROM range({ROWS})")
    seen = 0
    try:
        for batch in connection.sql("FROM members").to_arrow_reader(BATCH):
            seen += batch.num_rows
            if seen == BATCH:
                between(connection)
    except duckdb.Error as error:
        return f"{type(error).__name__} after {seen}"
    return seen


def read_later():
    connection = duckdb.connect()
    reader = connection.sql(f"SELECT range AS id FROM range({ROWS})").to_arrow_reader(BATCH)
    try:
        connection.execute("SELECT 1").fetchall()
        return reader.read_all().num_rows
    except duckdb.Error as error:
        return type(error).__name__


seen = [
    count(lambda connection: None),
    count(lambda connection: connection.execute("SELECT 1").fetchall()),
    count(lambda connection: connection.cursor().execute("SELECT 1").fetchall()),
    read_later(),
]
for what, found in zip(["nothing", "SELECT 1", "SELECT 1 on a cursor", "SELECT 1 before read_all()"], seen):
    print(f"duckdb {duckdb.__version__}, in between {what:26} expected: {ROWS} rows, or an error; seen: {found}")
old = [ROWS, BATCH, ROWS, 0]
new = [ROWS, f"ResourceInUseException after {BATCH}", ROWS, "ResourceInUseException"]
holds = seen == (old if duckdb.__version__.startswith("1.") else new)
sys.exit(0 if holds else f"changed: a used connection no longer ends DuckDB {duckdb.__version__}'s readers this way")
PY
venv/bin/python probe.py
PYTHONPATH=duckdb2 venv/bin/python probe.py
