"""`make demo ENGINE=spark`: the demo's own project on a server that it starts."""

from __future__ import annotations

from pathlib import Path

from demo.elsewhere import build_shop
from demo.on_spark import project
from demo.run import ROOT
from demo.screen import LAST
from segflow.project import Project


def test_a_tick_in_the_demos_shop(tmp_path: Path) -> None:
    with project(ROOT, tmp_path / "demo") as root:
        made = Project(root)
        with made.warehouse() as warehouse:
            assert build_shop(warehouse).customers == 5_000
        report = made.tick(LAST)
        made.store.close()
    assert report.errors == []
    found = {one.segment: one.members for one in report.segments}
    # As the other demo has them after its last tick.
    wanted = {"vip_customers": 345, "slowing_down": 499, "category_explorers": 996}
    assert {name: found[name] for name in wanted} == wanted
