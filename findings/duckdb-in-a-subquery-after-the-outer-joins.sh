#!/usr/bin/env bash
# DuckDB: `left.id IN (SELECT ...)` beside LEFT JOINs is tried after all of them
#
# Seen with: duckdb 1.5.6; no longer with 2.0.1
# One would expect: a condition that is about the left side alone is tried before the joins, as `left.id = 7` or
#   `left.id < 7` beside the same joins is: it changes nothing of the answer, and few rows are left to join.
# What happens: IN (SELECT ...) becomes a semi-join above the outer joins: every row of the left side is joined with every
#   table first. In a subquery of the left side (FROM (SELECT * FROM l WHERE id IN (...))) it is tried first.
# What hurts: who patches a tenth of a wide table pays for all of it. Of 300,000 contacts with eight fact tables the masks
#   of a tenth took 1.06 s so, and 0.47 s with the subquery. segflow's `membership_masks` has the subquery.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv one && python3 -m venv two
one/bin/pip install --quiet duckdb==1.5.6 || { echo "cannot install"; exit 2; }
two/bin/pip install --quiet duckdb==2.0.1 || { echo "cannot install"; exit 2; }

cat > look.py <<'PY'
import json
import sys

import duckdb

connection = duckdb.connect()
connection.execute("create table l as select i as id, i % 7 as city from range(200000) r(i)")
for name in "ab":
    connection.execute(f"create table {name} as select i as id, i % 5 as n from range(200000) r(i)")
connection.execute("create table few as select i * 400 as id from range(500) r(i)")
JOINS = "left join a on a.id = l.id left join b on b.id = l.id"
FORMS = {
    "IN beside the joins": f"select l.city, a.n, b.n from l {JOINS} where l.id in (select id from few)",
    "IN in a subquery": f"select l.city, a.n, b.n from (select * from l where id in (select id from few)) as l {JOINS}",
    "a comparison beside the joins": f"select l.city, a.n, b.n from l {JOINS} where l.id < 500",
}
FIRST = duckdb.__version__.startswith("1.")
WANTED = {"IN beside the joins": 199601 if FIRST else 500, "IN in a subquery": 500, "a comparison beside the joins": 500}


def rows_joined(query):
    """The most rows that an outer join has given on."""
    connection.execute("set enable_profiling = 'json'")
    connection.execute("set profiling_output = 'profile.json'")
    connection.execute(query).fetchall()
    connection.execute("set enable_profiling = 'no_output'")
    most, ahead = 0, [json.load(open("profile.json"))]
    while ahead:
        node = ahead.pop()
        ahead += node.get("children", []) + node.get("operator", [])
        if node.get("extra_info", {}).get("Join Type") in ("LEFT", "RIGHT"):
            most = max(most, node.get("operator_cardinality", node.get("intermediate_rows")))
    return most


print(f"duckdb {duckdb.__version__}")
same = True
for name, query in FORMS.items():
    seen = rows_joined(query)
    print(f"{name}: rows joined {seen}")
    same = same and seen == WANTED[name]
sys.exit(0 if same else 1)
PY
for python in one/bin/python two/bin/python; do
    "$python" look.py || { echo "This has changed: where IN beside outer joins is tried."; exit 1; }
done
