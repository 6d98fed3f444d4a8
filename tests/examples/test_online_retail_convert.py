"""The script that turns a download of the Online Retail data into the Parquet file that the example reads."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import duckdb
import pytest

SCRIPT = Path(__file__).parents[2] / "examples" / "online_retail" / "convert.py"
HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"


@pytest.fixture
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("online_retail_convert", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("header", [HEADER, HEADER.replace("CustomerID", "Customer ID")], ids=["uci", "with-a-space"])
def test_a_csv_becomes_the_columns_and_types_that_the_example_reads(
    script: ModuleType, tmp_path: Path, header: str
) -> None:
    source, target = tmp_path / "data.csv", tmp_path / "out.parquet"
    source.write_text(
        f"{header}\n536365,85123A,TEA CUP,6,12/1/2010 8:26,2.55,17850.0,United Kingdom\n"
        "C536379,D,Discount,-1,12/1/2010 9:41,27.50,,France\n"
    )
    assert script.convert(source, target) == 2
    with duckdb.connect() as connection:
        types = dict(row[:2] for row in connection.execute(f"describe from '{target}'").fetchall())
        rows = connection.execute(f"select invoice_no, cast(invoice_date as varchar), customer_id from '{target}'")
        assert rows.fetchall() == [("536365", "2010-12-01 08:26:00", 17850), ("C536379", "2010-12-01 09:41:00", None)]
    assert types["customer_id"] == "INTEGER"
    assert types["stock_code"] == "VARCHAR"
    assert types["invoice_date"].startswith("TIMESTAMP")


def test_another_file_is_refused_by_name_of_what_it_lacks(script: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("InvoiceNo,Quantity\n1,2\n")
    with pytest.raises(ValueError, match="no column StockCode, Description"):
        script.convert(tmp_path / "data.csv", tmp_path / "out.parquet")
