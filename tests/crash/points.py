"""The crash points that the source names."""

from __future__ import annotations

import re
from pathlib import Path

from segflow.stages.order import STAGES

_SOURCE = Path(__file__).parents[2] / "segflow"
_POINT = re.compile(r"""\bcrash_point\(f?"([^"]+)"\)""")
_WRITE = re.compile(r"""\.(?:write|writing)\("(\w+)"[,)]""")


def named() -> list[str]:
    """Every crash point in segflow/. `{stage}` stands for each stage, `{name}` for each write of the delivery store."""
    found: set[str] = set()
    texts = [path.read_text(encoding="utf-8") for path in sorted(_SOURCE.rglob("*.py"))]
    writes = {name for text in texts for name in _WRITE.findall(text)}
    for text in texts:
        for point in _POINT.findall(text):
            stages = [point.replace("{stage}", stage.name) for stage in STAGES] if "{stage}" in point else [point]
            found |= {each.replace("{name}", name) for each in stages for name in writes}
    assert not [point for point in found if "{" in point], found
    return sorted(found)


DECIDING = [
    f"store.{name}.{when}"
    for name in (
        "decide",
        "import",
        "coupons",
        "message_events",
        "consent",
        "suppress",
        "unsuppress",
        "letters",
        "send_test",
        "renew",
    )
    for when in ("before_commit", "committed")
]
"""Those that a tick does not pass: people decide, providers tell, and a lease is renewed that is held for long."""
REBUILDING = ["rebuild.set_aside", "rebuild.tables", "rebuild.before_commit", "rebuild.committed"]
_ONLY_AFTER = {"exports.old_removed": "exports.renamed"}
"""Points that only a tick passes which was killed before: at this one."""


def rows_of_kills(trace: list[str], rows: int) -> list[list[str]]:
    """Every point that a tick passes, shared out: each row is in the order of the tick, with some way between two."""
    points = list(dict.fromkeys(trace))
    shared = [points[number::rows] for number in range(rows)]
    for point, before in _ONLY_AFTER.items():
        for row in shared:
            if before in row:
                row.insert(row.index(before) + 1, point)
    return shared
