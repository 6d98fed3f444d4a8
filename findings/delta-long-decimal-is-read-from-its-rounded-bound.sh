#!/usr/bin/env bash
# A decimal of 16 digits or more in a Delta table comes out as its neighbour, or is not found by its own value.
#
# Seen with: deltalake 1.6.6 (its own queries; pyarrow 26.0.1 and polars 2.1.0 on its tables), pysail 0.7.2.
# One would expect: that a number which is exact in the Parquet file is exact in the result; and that the smallest and
#   largest value of a file, which the log of a table keeps, are at most and at least what is in the file.
# What happens: the log's bounds of decimals are made by way of a double and rounded to the nearest. A file whose rows
#   all have 12345678901234567 says that it begins and ends at ...568. Whoever asks for ...567 passes the file over,
#   without a word; and an engine that takes a column for constant where both bounds are equal (DataFusion: Sail, and
#   deltalake's own queries when they filter by it) reads no file for it and returns ...568. Only decimals that fit an INT64
#   and have no fraction are exact: DECIMAL(18, 0) is, DECIMAL(38, 0), which is Snowflake's NUMBER, is not.
#   Sail does the same with tables that it wrote, whole numbers aside.
# What hurts a user: ids in DECIMAL(38, 0) that a loader on deltalake (dlt among them) brought to Delta. A contact that
#   came alone in its file has the id of another one, who gets its messages.
# What segflow does about it: nothing can be done in a query. docs/ENGINES.md says to load such ids as text.
# Source: delta-io/delta-rs pull request 4757 mends scale 0 in INT64, and says that others keep their way;
#   apache/datafusion issue 19089 asks for constant columns from bounds.
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"
{ "${PYTHON:-python3}" -m venv venv && venv/bin/pip install --quiet --quiet deltalake==1.6.6 pyarrow==26.0.1 polars==2.1.0 \
    pysail==0.7.2 pyspark-client==4.1.1; } || exit 2
venv/bin/python - 2> log <<'PY' || { grep -v "sail_" log >&2; exit 1; }
import os
import sys
from decimal import Decimal
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from deltalake import DeltaTable, QueryBuilder, write_deltalake
from pysail.spark import SparkConnectServer
from pyspark.sql import SparkSession

server = SparkConnectServer("127.0.0.1", 0)
server.start()
spark = SparkSession.builder.remote("sc://%s:%d" % server.listening_address).getOrCreate()
print("deltalake 1.6.6 | pyarrow 26.0.1 | polars 2.1.0 | pysail 0.7.2")
CASES = [  # precision, scale, value, the neighbour that is read, what is found by = where
    (38, 0, "123456789012345", None, [1, 1, 1, 1, 1]),
    (18, 0, "123456789012345677", None, [1, 1, 1, 1, 1]),
    (38, 0, "12345678901234567", "12345678901234568", [1, 0, 0, 0, 0]),
    (20, 2, "90071992547409.93", "90071992547409.92", [1, 0, 0, 0, 0]),
    (38, 18, "0.123456789012345678", "0.123456789012345680", [1, 0, 0, 0, 0]),
]
holds = True
for number, (precision, scale, text, neighbour, known) in enumerate(CASES):
    path, kind, exact = f"{os.getcwd()}/table_{number}", f"DECIMAL({precision}, {scale})", Decimal(text)
    given, same = pa.array([exact], pa.decimal128(precision, scale)), pc.field("n") == pa.scalar(exact)
    write_deltalake(path, pa.table({"n": given}))
    spark.sql(f"CREATE TABLE sail_{number} USING delta LOCATION '{path}'")
    table = DeltaTable(path)

    def asked(what):
        theirs = pa.table(QueryBuilder().register("rows", table).execute(f"SELECT n FROM rows WHERE {what}").read_all())
        return [found["n"].to_pylist() for found in (theirs, spark.sql(f"SELECT n FROM sail_{number} WHERE {what}").toArrow())]

    by_value = [
        ds.dataset([f"{path}/{name}" for name in os.listdir(path) if name.endswith("parquet")]).to_table(filter=same).num_rows,
        table.to_pyarrow_dataset().to_table(filter=same).num_rows,
        pl.scan_delta(path).filter(pl.col("n") == pl.lit(exact, pl.Decimal(precision, scale))).collect().height,
        *map(len, asked(f"n = CAST('{text}' AS {kind})")),
    ]
    read = asked("n > 0")
    print(f"{kind:15} read where n > 0, expected: twice {text}; deltalake and Sail: {', '.join(str(one) for (one,) in read)}")
    print(f"{'':15} found by =, expected: 1 each; in Parquet, pyarrow, polars, deltalake, Sail: {by_value}")
    holds &= read == [[Decimal(neighbour or text)]] * 2 and by_value == known
spark.stop()
sys.exit(0 if holds else "changed: other decimals are read or passed over now, or none (see above)")
PY
