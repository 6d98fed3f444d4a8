"""Load the Online Retail file into the database that PGHOST, PGUSER, PGDATABASE and so on name.

python load.py online_retail.parquet
"""

from __future__ import annotations

import sys
from pathlib import Path

import psycopg
import pyarrow.parquet as pq

TABLE = """
CREATE SCHEMA IF NOT EXISTS raw;
DROP TABLE IF EXISTS raw.invoice_lines CASCADE;
CREATE TABLE raw.invoice_lines (
    invoice_no TEXT, stock_code TEXT, description TEXT, quantity INTEGER, invoice_date TIMESTAMP,
    unit_price DOUBLE PRECISION, customer_id INTEGER, country TEXT, file_row_number BIGINT
)
"""


def load(source: Path, address: str = "") -> int:
    """Make table raw.invoice_lines of a Parquet file, and return the number of its rows. `address`: as libpq takes
    it; what it leaves out comes from the environment."""
    file, rows = pq.ParquetFile(source), 0
    with psycopg.connect(address) as connection, connection.cursor() as cursor:
        cursor.execute(TABLE)
        with cursor.copy("COPY raw.invoice_lines FROM STDIN") as copy:
            for batch in file.iter_batches():
                for row in zip(*batch.to_pydict().values(), strict=True):
                    copy.write_row((*row, rows))
                    rows += 1
    return rows


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    print(f"{load(Path(sys.argv[1])):,} rows")
