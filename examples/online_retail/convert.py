"""Turn the Online Retail file (.xlsx or .csv) into the Parquet file that this project reads.

python convert.py SOURCE TARGET.parquet
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd

COLUMNS = {
    "InvoiceNo": "invoice_no",
    "StockCode": "stock_code",
    "Description": "description",
    "Quantity": "quantity",
    "InvoiceDate": "invoice_date",
    "UnitPrice": "unit_price",
    "CustomerID": "customer_id",
    "Country": "country",
}
TEXT = {"InvoiceNo": str, "StockCode": str, "Description": str, "Country": str}


def convert(source: Path, target: Path) -> int:
    """Write `target` and return the number of invoice lines. Raises ValueError when columns are missing."""
    if source.suffix.lower() == ".xlsx":
        frame = pd.read_excel(source, dtype=TEXT)
    else:
        frame = pd.read_csv(source, dtype=TEXT, encoding_errors="replace")
    # one of the copies in circulation has a space in this name
    frame = frame.rename(columns={"Customer ID": "CustomerID"})
    missing = [column for column in COLUMNS if column not in frame.columns]
    if missing:
        raise ValueError(f"{source} is not the Online Retail file: it has no column {', '.join(missing)}")
    frame = frame.rename(columns=COLUMNS)[list(COLUMNS.values())]
    frame["invoice_date"] = pd.to_datetime(frame["invoice_date"])
    # ids come as 17850.0, because guests have none
    frame["customer_id"] = frame["customer_id"].astype("Float64").astype("Int32")
    frame["quantity"] = frame["quantity"].astype("int32")
    frame.to_parquet(target, index=False)
    return len(frame)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    print(f"{convert(Path(sys.argv[1]), Path(sys.argv[2])):,} lines written to {sys.argv[2]}")
