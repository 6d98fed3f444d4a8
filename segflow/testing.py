"""The tests of segments and flows as test cases of pytest.

import pytest
from segflow.testing import flow_tests, segment_tests

@pytest.mark.parametrize("case", segment_tests("path/to/project"), ids=str)
def test_segments(case):
    case.check()

@pytest.mark.parametrize("case", flow_tests("path/to/project"), ids=str)
def test_flows(case):
    case.check()
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from segflow.segments.rule_tests import run_tests, segments_with_tests
from segflow.specs.load import load_specs
from segflow.specs.project import Specs
from segflow.worlds.flow_tests import flows_with_tests, run_flow_tests


@dataclass(frozen=True)
class SegmentCase:
    """One test of one segment; its text, `SEGMENT-NAME`, is meant as the id of the case."""

    specs: Specs
    segment: str
    test: str

    def check(self) -> None:
        """Run it. Raises AssertionError with the place of the test, who is missing and who is too much."""
        [outcome] = run_tests(self.specs, [self.segment], self.test)
        if not outcome.passed:
            raise AssertionError(str(outcome))

    def __str__(self) -> str:
        return f"{self.segment}-{self.test}"


def segment_tests(project_dir: Path | str = ".") -> list[SegmentCase]:
    """Every test of every segment of a project. Raises SpecError when its specs are wrong."""
    specs = load_specs(Path(project_dir).resolve())
    return [SegmentCase(specs, one.id, test.name) for one in segments_with_tests(specs) for test in one.spec.tests]


@dataclass(frozen=True)
class FlowCase:
    """One test of one flow; its text, `FLOW-NAME`, is meant as the id of the case."""

    specs: Specs
    flow: str
    test: str

    def check(self) -> None:
        """Run it. Raises AssertionError with the place of the test, and what differs at which tick."""
        [outcome] = run_flow_tests(self.specs, [self.flow], self.test)
        if not outcome.passed:
            raise AssertionError(str(outcome))

    def __str__(self) -> str:
        return f"{self.flow}-{self.test}"


def flow_tests(project_dir: Path | str = ".") -> list[FlowCase]:
    """Every test of every flow of a project. Raises SpecError when its specs are wrong."""
    specs = load_specs(Path(project_dir).resolve())
    return [FlowCase(specs, one.id, test.name) for one in flows_with_tests(specs) for test in one.spec.tests]
