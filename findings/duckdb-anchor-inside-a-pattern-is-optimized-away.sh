#!/usr/bin/env bash
# DuckDB: in a literal pattern, ^ after a text and $ before one count for nothing
#
# Seen with: duckdb 1.5.6; no longer with 2.0.1
# One would expect: `a^` and `$a` match nothing: there is no beginning after an a, and no end before one. So RE2 has it,
#   and so has DuckDB when the pattern comes from a column.
# What happens: a literal pattern that is plain but for anchors is optimized to a comparison of beginnings or ends, and
#   anchors that stand elsewhere are dropped: `a^` finds what ends in a, `$a` what begins with it (EXPLAIN shows
#   `suffix(x, 'a')`). In a branch, a group or with a flag the same pattern is kept, and finds nothing.
# What hurts: a mistyped rule (`cart$|^tea` with a slip) becomes a mailing to everybody whose value ends so, where it
#   would have been an empty segment that lint and preview show; and the same rule finds nobody on another engine.
#   segflow puts such patterns into a group (`warehouse/duckdb/words.py`), and holds every engine to the same rows.
# Source: the rewriting is RegexOptimizerRule in DuckDB's optimizer; no thread about anchors was found.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv one && python3 -m venv two
one/bin/pip install --quiet duckdb==1.5.6 || { echo "cannot install"; exit 2; }
two/bin/pip install --quiet duckdb==2.0.1 || { echo "cannot install"; exit 2; }

cat > look.py <<'PY'
import sys

import duckdb

connection = duckdb.connect()
connection.execute("create table t as select unnest(['a', 'ab', 'ba', 'b']) as x")
WANTED = {"^a": ["a", "ab"], "a$": ["a", "ba"], "a^": [], "$a": [], "(a^)": []}
SEEN = WANTED | ({"a^": ["a", "ba"], "$a": ["a", "ab"]} if duckdb.__version__.startswith("1.") else {})


def found(query, *values):
    return sorted(x for (x,) in connection.execute(query, values).fetchall())


print(f"duckdb {duckdb.__version__}")
same = True
for pattern, wanted in WANTED.items():
    literal = found(f"select x from t where regexp_matches(x, '{pattern}')")
    column = found("select x from t, (select ? as p) where regexp_matches(x, p)", pattern)
    print(f"{pattern:5} expected {wanted}, seen as a literal {literal}, from a column {column}")
    same = same and literal == SEEN[pattern] and column == wanted
sys.exit(0 if same else 1)
PY
for python in one/bin/python two/bin/python; do
    "$python" look.py || { echo "This has changed: anchors inside of literal patterns are read in another way now."; exit 1; }
done
