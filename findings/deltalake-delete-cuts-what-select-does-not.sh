#!/usr/bin/env bash
# deltalake's DELETE, UPDATE and MERGE cut a bound to the type of the column; a SELECT with the same words does not.
#
# Seen with: deltalake 1.6.6, pyarrow 26.0.1.
# One would expect: that `delete(p)` removes what `SELECT ... WHERE p` has shown, as both are SQL, in one library and by
#   one engine (DataFusion): 30 < 30.5 is true for a column of integers, too.
# What happens: in `delete`, `update` and the clauses of `merge` a number with a fraction becomes one of the column's type,
#   by cutting: `points < 30.5` is `points < 30`, `points >= 30.5` is `points >= 30`, `points = 30.5` is `points = 30`.
#   A SELECT by QueryBuilder and the filters of `to_pyarrow_table` compare numbers. No error, no warning. (Sail 0.7.2
#   deletes from Delta what its SELECT shows.)
# What hurts a user: a bound that is computed (an average, half a score, 0.8 of a limit) is tried by a SELECT, and the
#   DELETE then takes others: `points = 30.5` finds nobody, and deletes those who have 30.
# What segflow does about it: nothing is at stake. It neither writes nor deletes by deltalake: on Delta its statements are
#   Spark's, and it deletes by the ids of its writes, in its own tables. Who uses deltalake: `points + 0.0 < 30.5` is
#   compared as one expects, `points < CAST(30.5 AS DOUBLE)` is an error.
# Source: none found. The guide "Deleting rows from a Delta Lake table" says: "dt.delete() accepts any SQL where clause".
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"
{ "${PYTHON:-python3}" -m venv venv && venv/bin/pip install --quiet --quiet deltalake==1.6.6 pyarrow==26.0.1; } || exit 2
venv/bin/python - <<'PY'
import sys
from importlib.metadata import version
from itertools import count

import pyarrow as pa
from deltalake import DeltaTable, QueryBuilder, write_deltalake

ROWS = pa.table({"points": pa.array([29, 30, 31], pa.int32())})
numbers = count()


def fresh():
    path = f"table_{next(numbers)}"
    write_deltalake(path, ROWS)
    return DeltaTable(path)


def left(table):
    return sorted(one for one in table.to_pyarrow_table()["points"].to_pylist() if one >= 0)


def shown(where):
    found = QueryBuilder().register("t", fresh()).execute(f"SELECT points FROM t WHERE {where}").read_all()
    return sorted(pa.table(found)["points"].to_pylist())


def deleted(table, where):
    table.delete(where)


def updated(table, where):
    table.update(predicate=where, updates={"points": "-1"})


def merged(table, where):
    source = {"source_alias": "s", "target_alias": "t"}
    table.merge(ROWS, "t.points = s.points", **source).when_matched_delete(where.replace("points", "t.points")).execute()


CASES = {  # predicate -> whom DELETE, UPDATE and MERGE have taken
    "points < 30": [29],
    "points < 30.5": [29],
    "points >= 30.5": [30, 31],
    "points = 30.5": [30],
    "points BETWEEN 29.5 AND 30.5": [29, 30],
    "points + 0.0 < 30.5": [29, 30],
}
holds = True
print("deltalake", version("deltalake"), "| pyarrow", pa.__version__)
for where, known in CASES.items():
    expected, seen = shown(where), []
    for change in (deleted, updated, merged):
        table = fresh()
        change(table, where)
        seen.append(sorted({29, 30, 31} - set(left(table))))
    print(f"{where:29} expected, as SELECT shows: {expected}; seen in DELETE, UPDATE, MERGE: {seen}")
    holds &= seen == [known] * 3 and (known == expected) == (where in ("points < 30", "points + 0.0 < 30.5"))
sys.exit(0 if holds else "changed: what is compared is cut in other places now, or nowhere (see above)")
PY
