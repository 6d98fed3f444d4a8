"""python -m bench: measure and print; --json FILE keeps what was found."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench.pictures import draw
from bench.report import exponents, ratios, table
from bench.run import Plan, run


def main() -> None:
    """Read the options, run each size, print tables."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="What a tick costs, beside the floor.")
    parser.add_argument("--contacts", type=int, nargs="+", default=[100_000], help="sizes, one run each")
    parser.add_argument("--segments", type=int, nargs="+", default=[100], help="numbers of segments, one run each")
    parser.add_argument("--flows", type=int, default=20)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--churn", type=float, default=0.01, help="part of the contacts that do something on a day")
    parser.add_argument("--against", metavar="REV", help="a commit to measure on the same data")
    parser.add_argument("--no-others", action="store_true", help="without pandas, one by one and dbt snapshot")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what was found")
    parser.add_argument(
        "--folder",
        type=lambda name: Path(name).absolute(),
        help="where warehouses are made and kept; default: a temporary folder",
    )
    parser.add_argument("--pictures", type=Path, metavar="FOLDER", help="draw how the cost grows; needs several sizes")
    given = parser.parse_args()
    numbers = sorted((len(given.contacts), len(given.segments)))
    if numbers != sorted((len(set(given.contacts)), len(set(given.segments)))):
        parser.error("a size is given twice")
    if given.pictures is not None and (numbers[0] > 1 or numbers[1] == 1):
        parser.error("--pictures needs several sizes, either of --contacts or of --segments")
    for folder in (given.folder, given.pictures):
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
    found: list[dict[str, Any]] = []
    for contacts in given.contacts:
        for number in given.segments:
            plan = Plan(contacts, number, given.flows, given.seed, given.churn, given.against, not given.no_others)
            folder = Path(tempfile.mkdtemp(prefix="bench", dir=given.folder))
            try:
                found.append(run(plan, folder, lambda text: print(text, file=sys.stderr, flush=True)))
            finally:
                if given.folder is None:
                    shutil.rmtree(folder)
            print(table(found[-1]), "\n", flush=True)
            print(f"by the floor's: {json.dumps(ratios(found[-1]))}\n", flush=True)
    if given.json is not None:
        given.json.write_text(json.dumps(found, indent=1, default=str) + "\n", encoding="utf-8")
    for by, sizes in (("contacts", given.contacts), ("segments", given.segments)):
        if len(sizes) > 1 and len(found) == len(sizes):
            print(f"CPU grows as {by} to the power of: {exponents(found, by)}")
            if given.pictures is not None:
                draw(found, by, given.pictures / f"{by}.svg")


if __name__ == "__main__":
    main()
