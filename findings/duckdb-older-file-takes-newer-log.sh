#!/usr/bin/env bash
# A backup of a DuckDB file, put back beside the log that is still there, opens without a word and lacks the middle.
#
# Seen with: duckdb 1.5.6 and 2.0.1.
# One would expect: that the write-ahead log knows which file it belongs to, down to the checkpoint, and that a file
#   which is older than its log is refused; the more so as DuckDB has just that check.
# What happens: the check is part of the file's format, from storage version v1.4.0 on, and 1.5.6 makes its files in
#   v1.0.0 unless told otherwise. There the log is played upon the older file: ticks 1 (in the backup) and 3 (in the
#   log) are there; tick 2, which was in the file that was replaced, is not; nothing is reported.
#   It is a state that never was.
#   A newer DuckDB does not help: it keeps the format of the file, so 2.0.1 loses tick 2 of a file that 1.5.6 made.
# What hurts a user: restoring `x.duckdb` and leaving `x.duckdb.wal` where it lies is what one does in a hurry. What is
#   derived from the ledger (entry numbers, re-entry rules) goes on from a history with a hole.
# What segflow does about it: every ledger row of a tick is in a Parquet file too, and the delivery store records the
#   last tick that was committed; `doctor` compares row counts per tick, and `rebuild` replays the files. A file that is
#   made with storage version v1.4.0 or later has the check.
# Source: the check came with github.com/duckdb/duckdb/pull/18823 and 18849; nothing found on its need of the format.
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"
{ "${PYTHON:-python3}" -m venv venv && venv/bin/pip install --quiet --quiet duckdb==1.5.6 &&
  venv/bin/pip install --quiet --quiet --target duckdb2 duckdb==2.0.1; } || exit 2
cat > probe.py <<'PY'
import shutil
import sys
from pathlib import Path
import duckdb


def open_file(file, storage=None):
    connection = duckdb.connect()
    connection.execute(f"ATTACH '{file}' AS w" + (f" (STORAGE_VERSION '{storage}')" if storage else ""))
    connection.execute("USE w")
    return connection


def make(file, storage=None):
    connection = open_file(file, storage)
    connection.execute("CREATE TABLE ledger (tick INTEGER)")
    connection.execute("INSERT INTO ledger VALUES (1)")
    connection.close()


def restore(file):
    """Live on for two ticks, put the backup back, and say which ticks there are."""
    log = Path(f"{file}.wal")
    shutil.copy(file, "backup")  # closed cleanly: whole, without a log
    connection = open_file(file)
    connection.execute("INSERT INTO ledger VALUES (2)")
    connection.execute("CHECKPOINT")
    connection.execute("INSERT INTO ledger VALUES (3)")
    shutil.copy(log, "log")  # what lies there when the machine stops now
    connection.close()
    shutil.copy("backup", file)
    shutil.copy("log", log)
    try:
        return [tick for (tick,) in open_file(file).execute("FROM ledger ORDER BY tick").fetchall()]
    except duckdb.Error as error:
        return "refused" if "checkpoint iteration does not match" in str(error) else str(error)


old = duckdb.__version__.startswith("1.")
if old:
    make("for_later")
    make("default"), make("v1.4.0", "v1.4.0")
else:
    make("default")
cases = {"default": "refused"} if not old else {"default": [1, 3], "v1.4.0": "refused"}
cases |= {} if old else {"for_later": [1, 3]}
changed = []
for file, known in cases.items():
    seen, what = restore(file), "made by 1.5.6" if file == "for_later" else f"storage {file}"
    print(f"duckdb {duckdb.__version__}, file {what:15} expected: refused; seen: ticks {seen}")
    changed += [what] if seen != known else []
    Path(file).unlink(), Path(f"{file}.wal").unlink(missing_ok=True)
sys.exit(f"changed: DuckDB {duckdb.__version__} treats a newer log another way now: {changed}" if changed else 0)
PY
venv/bin/python probe.py
PYTHONPATH=duckdb2 venv/bin/python probe.py
