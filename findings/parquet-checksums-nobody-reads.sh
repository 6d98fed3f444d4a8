#!/usr/bin/env bash
# One flipped bit in a Parquet file with page checksums: DuckDB and pyarrow return the wrong sum, compressed or not.
#
# Seen with: duckdb 1.5.6 (2.0.1 does the same), pyarrow 26.0.1.
# One would expect: that checksums which are in the file are looked at when it is read, or that at least a compressed
#   page with a wrong bit does not decompress.
# What happens: pyarrow writes the checksums when asked to, and reads them only when asked to, each time anew
#   (page_checksum_verification=True). DuckDB has no such option and never looks. zstd is no help: its frames are
#   written without a checksum of their own, so that the page decompresses into other numbers.
# What hurts a user: a backup that is never read otherwise than by the restore; a number that is wrong in one row.
# What segflow does about it: ledger files are written with write_page_checksum=True and read only by pyarrow, with
#   verification; what cannot be read is told by file and tick. DuckDB never reads them.
# Source: pyarrow's documentation of ParquetFile names the option and its default; for DuckDB none found.
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"
{ "${PYTHON:-python3}" -m venv venv && venv/bin/pip install --quiet --quiet duckdb==1.5.6 pyarrow==26.0.1; } || exit 2
venv/bin/python - <<'PY'
import sys
from pathlib import Path
import duckdb
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

print("duckdb", duckdb.__version__, "| pyarrow", pa.__version__)
RIGHT = sum(range(1000))
seen = {}
for codec in ("none", "zstd"):
    path = Path(f"{codec}.parquet")
    numbers = pa.table({"amount": pa.array(range(1000), pa.int64())})
    parquet.write_table(numbers, path, compression=codec, use_dictionary=False, write_page_checksum=True)
    column = parquet.ParquetFile(path).metadata.row_group(0).column(0)
    content = bytearray(path.read_bytes())
    content[column.data_page_offset + column.total_compressed_size // 2] ^= 1
    path.write_bytes(content)

    def checked():
        try:
            return pc.sum(parquet.read_table(path, page_checksum_verification=True)["amount"]).as_py()
        except OSError as error:
            return f"OSError: {error}"

    seen[codec] = (
        int(duckdb.sql(f"SELECT sum(amount) FROM '{path}'").fetchone()[0]),
        pc.sum(parquet.read_table(path)["amount"]).as_py(),
        checked(),
    )
    for reader, found in zip(["DuckDB", "pyarrow", "pyarrow, verifying"], seen[codec]):
        print(f"codec {codec:4} {reader:18} expected: {RIGHT}, or an error; seen: {found}")
holds = all(one != RIGHT and one == other and "CRC" in str(third) for one, other, third in seen.values())
sys.exit(0 if holds else "changed: a flipped bit is noticed, or not, by other readers now (see above)")
PY
