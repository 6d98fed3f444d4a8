"""The list of slow tests names what is there, and leaves no room without a test."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.fast import SLOW, is_slow

TESTS = Path(__file__).parent


@pytest.mark.parametrize("name", SLOW)
def test_what_is_listed_is_there(name: str) -> None:
    place = TESTS / name
    assert place.exists()
    if SLOW[name]:
        functions = {node.name for node in ast.walk(ast.parse(place.read_text())) if isinstance(node, ast.FunctionDef)}
        assert SLOW[name] - functions == set()


@pytest.mark.parametrize(
    ("file", "test", "number", "slow"),
    [
        pytest.param("crash/test_points.py", "test_x", 0, True, id="a folder"),
        pytest.param("test_doctor.py", "test_a_healthy_project", 0, False, id="kept of a slow file"),
        pytest.param("test_doctor.py", "test_the_command", 0, True, id="the rest of it"),
        pytest.param("specs/test_load.py", "test_x", 3, False, id="any other file"),
        pytest.param("test_scenarios.py", "test_scenario", 9, False, id="every ninth scenario"),
        pytest.param("test_scenarios.py", "test_scenario", 10, True, id="the others"),
    ],
)
def test_which_tests_are_slow(file: str, test: str, number: int, slow: bool) -> None:
    assert is_slow(Path(file), test, number) is slow
