"""The scenarios of tests/scenarios: what a marketer could have written down, and the engine must do."""

from pathlib import Path

import pytest

from tests.scenarios.runner import Scenario, scenarios

ALL = scenarios()


@pytest.mark.parametrize("name", ALL)
def test_scenario(name: str, tmp_path: Path) -> None:
    scenario = Scenario(ALL[name], tmp_path)
    scenario.run()
    scenario.world.close()
