#!/usr/bin/env bash
# datacompy says that two columns of integers are equal, with tolerance 0, when they differ from the seventeenth digit on.
#
# Seen with: datacompy 1.1.0, pandas 2.3.3, polars 1.33.1, numpy 2.4.6.
# One would expect: that integers are compared as integers. `abs_tol=0, rel_tol=0` is the default: an exact comparison.
# What happens: every pair of numbers goes through numpy's isclose, which makes doubles of them. At nineteen digits doubles are
#   128 to 1024 apart: an id that is off by one, or by a hundred, is the same. `matches()` is True, the report has no row
#   that differs, and the greatest difference is 0.0. (Of decimals it is documented that they are made doubles; of integers
#   it is not.) As a join column, or as text, the same values are found to be different.
# What hurts a user: the comparison of a segment before and after a change, or of a warehouse's table with what was sent out, is
#   green although message ids and campaign ids, which have eighteen or nineteen digits in many systems, point elsewhere. The
#   commonest cause of such a difference, a trip through a double on the way (JSON, a spreadsheet, pandas with a missing
#   value), is just what cannot be seen.
# What segflow does about it: nothing is at stake; its crossings and `diff` are SQL on the values themselves. Who compares by
#   datacompy casts such columns to text first, or takes them as join columns.
# Source: none found for datacompy. numpy/numpy issue 15618 has isclose and large integers.
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"
{ "${PYTHON:-python3}" -m venv venv && venv/bin/pip install --quiet --quiet datacompy==1.1.0 pandas==2.3.3 polars==1.33.1 \
  numpy==2.4.6; } || exit 2
venv/bin/python -W ignore - <<'PY'
import sys
from decimal import Decimal
from importlib.metadata import version

import datacompy
import pandas as pd
import polars as pl

ONE = 1801234567890123456
CASES = [  # what, the column before, after, expected, seen by pandas, seen by polars
    ("off by one, 16 digits", [1801234567890123], [1801234567890124], False, False, False),
    ("off by one, 19 digits", [ONE], [ONE + 1], False, True, True),
    ("off by 100, 19 digits", [ONE], [ONE + 100], False, True, True),
    ("through a double     ", [ONE + 77], [int(float(ONE + 77))], False, True, True),
    ("off by one, as texts ", [str(ONE)], [str(ONE + 1)], False, False, False),
    ("off by 0.01, decimal ", [Decimal("9007199254740993.01")], [Decimal("9007199254740993.02")], False, True, True),
]
holds = True
print("datacompy", version("datacompy"), "| pandas", pd.__version__, "| polars", pl.__version__)
for what, before, after, expected, by_pandas, by_polars in CASES:
    old, new = {"contact": [1], "sent": before}, {"contact": [1], "sent": after}
    assert (before == after) is expected
    pandas = datacompy.PandasCompare(pd.DataFrame(old), pd.DataFrame(new), join_columns="contact")
    polars = datacompy.PolarsCompare(pl.DataFrame(old), pl.DataFrame(new), join_columns="contact")
    seen = bool(pandas.matches()), bool(polars.matches())
    print(f"{what} {before[0]} and {after[0]}: expected to match: {expected}; seen: pandas {seen[0]}, polars {seen[1]}")
    holds &= seen == (by_pandas, by_polars)
    key = datacompy.PandasCompare(pd.DataFrame({"sent": before}), pd.DataFrame({"sent": after}), join_columns="sent")
    assert not key.matches()
sys.exit(0 if holds else "changed: numbers are compared by other rules now (see above)")
PY
