"""`make demo ENGINE=postgres`: the demo's own project on a server that it starts."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from demo.elsewhere import build_shop
from demo.on_postgres import data_folder, project
from demo.run import ROOT, main
from demo.screen import LAST
from segflow.project import Project


def test_a_tick_in_the_demos_shop(tmp_path: Path) -> None:
    with project(ROOT, tmp_path / "demo") as root:
        made = Project(root)
        with made.warehouse() as warehouse:
            assert build_shop(warehouse).customers == 5_000
        report = made.tick(LAST)
        made.store.close()
    shutil.rmtree(data_folder(root))  # outside of the project when root runs it
    assert report.errors == []
    found = {one.segment: one.members for one in report.segments}
    # As the other demo has them after its last tick.
    wanted = {"vip_customers": 345, "slowing_down": 499, "category_explorers": 996}
    assert {name: found[name] for name in wanted} == wanted


def test_there_is_no_demo_on_another_engine(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(engine="oracle") == 2
    assert (
        "there is no demo on oracle; write ENGINE=duckdb or ENGINE=postgres or ENGINE=spark" in capsys.readouterr().err
    )
