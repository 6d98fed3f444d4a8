"""Load the Online Retail file into the server that SPARK_REMOTE names.

python load.py online_retail.parquet
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import SparkSession

TABLE = "raw.invoice_lines"


def load(source: Path, address: str | None = None) -> int:
    """Make table raw.invoice_lines of a Parquet file, and return the number of its rows. `address`: sc://HOST:PORT,
    by default SPARK_REMOTE. The rows are sent: the server need not see the file."""
    rows = pq.read_table(source)
    rows = rows.append_column("file_row_number", pa.array(range(rows.num_rows), pa.int64()))
    spark = SparkSession.builder.remote(address or os.environ["SPARK_REMOTE"]).getOrCreate()
    spark.sql("CREATE SCHEMA IF NOT EXISTS raw").collect()
    spark.createDataFrame(rows).write.format("delta").mode("overwrite").saveAsTable(TABLE)
    return rows.num_rows


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    print(f"{load(Path(sys.argv[1])):,} rows")
