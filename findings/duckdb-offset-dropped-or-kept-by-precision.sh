#!/usr/bin/env bash
# One text, cast to TIMESTAMP and to TIMESTAMP_NS, is two moments five hours apart; DuckDB 2 takes any word behind it.
#
# Seen with: duckdb 1.5.6 and 2.0.1.
# One would expect: '2026-03-01 12:00:00+05:00' to be 07:00 (UTC) as a time without zone, as it was up to DuckDB 1.3; or
#   12:00 if offsets are dropped; but the same for every precision. And a text with a word too many to be no time.
# What happens: since 1.4 the cast to TIMESTAMP drops the offset (12:00), that to TIMESTAMP_NS still applies it (07:00).
#   In 2.0.1 both drop it, and TRY_CAST has grown lenient: behind the time any word is taken for the name of a zone and
#   passed over, so that '.. 12:00:00 cancelled' is a valid TIMESTAMP.
# What hurts a user: event times as ISO texts with an offset move by it, in or out of "the last hour"; and two casts of
#   the same text, in two models, do not meet in a join.
# What segflow does about it: JSON times are cast to TIMESTAMPTZ and taken AT TIME ZONE 'UTC'; a text column with
#   offsets in a model is found by comparing both casts, and refused with the remedy.
# Source: github.com/duckdb/duckdb/issues/18767 (of 1.3, when it still converted) and 6253.
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"
{ "${PYTHON:-python3}" -m venv venv && venv/bin/pip install --quiet --quiet duckdb==1.5.6 &&
  venv/bin/pip install --quiet --quiet --target duckdb2 duckdb==2.0.1; } || exit 2
cat > probe.py <<'PY'
import sys
import duckdb

duckdb.execute("SET TimeZone = 'UTC'")
seen = []
for text, kind in [
    ("2026-03-01 12:00:00+05:00", "TIMESTAMP"),
    ("2026-03-01 12:00:00+05:00", "TIMESTAMP_NS"),
    ("2026-03-01 12:00:00+05:00", "TIMESTAMPTZ"),
    ("2026-03-01 12:00:00 cancelled", "TIMESTAMP"),
]:
    found = duckdb.execute(f"SELECT CAST(TRY_CAST(? AS {kind}) AS VARCHAR)", [text]).fetchone()[0]
    expected = "no time (NULL)" if "cancelled" in text else "07:00" if kind == "TIMESTAMPTZ" else "the same as the next"
    print(f"duckdb {duckdb.__version__} {text:30} as {kind:12} expected: {expected:20} seen: {found}")
    seen.append(found and found[11:16])
holds = seen == (["12:00", "07:00", "07:00", None] if duckdb.__version__.startswith("1.") else
                 ["12:00", "12:00", "07:00", "12:00"])
sys.exit(0 if holds else f"changed: DuckDB {duckdb.__version__} reads offsets in texts another way now (see above)")
PY
venv/bin/python probe.py
PYTHONPATH=duckdb2 venv/bin/python probe.py
