"""Is a DuckDB file whole? Asked in a process of its own: a damaged file can take the process down with it.

`python -m segflow.warehouse.duckdb.verify FILE` reads every block that holds rows, and prints what is wrong.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import duckdb
from sqlglot import exp

from segflow.errors import RunError
from segflow.warehouse.duckdb.errors import cannot_open, is_damage

_DAMAGED, _CANNOT_TELL = 3, 4


def damage(path: Path) -> str | None:
    """What is damaged in a warehouse file, None when it is whole or not there.

    Raises RunError when that cannot be told: another process has it, or a later DuckDB made it.
    """
    if not path.exists():
        return None
    child = subprocess.run(
        [sys.executable, "-m", "segflow.warehouse.duckdb.verify", str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    told = child.stdout.strip()
    if child.returncode == 0:
        return None
    if child.returncode == _CANNOT_TELL:
        raise RunError(told)
    if child.returncode == _DAMAGED:
        return told
    if child.returncode > 0:
        raise RunError(f"cannot look into {path}: {child.stderr.strip()[-500:]}")
    return f"DuckDB died while it read the file (signal {-child.returncode})"


def main(path: Path) -> int:
    """Read all of a file; prints what is wrong. Returns the exit code."""
    try:
        with duckdb.connect(str(path), read_only=True) as connection:
            listing = exp.select("schema_name", "table_name").from_(exp.Anonymous(this="duckdb_tables"))
            for schema, name in connection.execute(listing.sql("duckdb")).fetchall():
                table = exp.alias_(exp.table_(name, db=schema, quoted=True), "rows_", table=True)
                every_column = exp.Anonymous(this="hash", expressions=[exp.column("rows_")])
                connection.execute(exp.select(exp.Max(this=every_column)).from_(table).sql("duckdb")).fetchall()
    except duckdb.Error as error:
        text = " ".join(str(error).split())
        fatal = (duckdb.InternalException, duckdb.FatalException, duckdb.SerializationException)
        if is_damage(path, text) or isinstance(error, fatal):
            print(text)
            return _DAMAGED
        print(cannot_open(path, error))
        return _CANNOT_TELL
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
